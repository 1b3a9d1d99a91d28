//! Owns what is run on a host without an agent: one POSIX sh, that prints a look for each line it is sent. It needs sh and
//! cat; what else is missing there is left out of the look. Leaves out how it gets there, and reading what it prints.
//!
//! It is a command's words and no file; nothing is written there. A line is `N WHAT`: the look's number, and letters for what
//! is to be in it beside the rest: `d` disks, `p` processes. The look begins with `@begin N` and ends with `@end N`.

/// argv.
pub fn command() -> Vec<String> {
    ["sh", "-c", SCRIPT].map(String::from).to_vec()
}

/// A line that asks for a look.
pub fn ask(number: u64, disks: bool, processes: bool) -> String {
    format!("{number} -{}{}\n", if disks { "d" } else { "" }, if processes { "p" } else { "" })
}

// Of NFS and the like nothing is asked: a server that is away would hold up the look for ever.
const SCRIPT: &str = r#"
LC_ALL=C; LANG=C; export LC_ALL LANG
PATH=$PATH:/usr/bin:/bin:/usr/sbin:/sbin; export PATH
exec 2>/dev/null
s=$(uname -s)
p=$(getconf PAGESIZE || echo 4096)
[ "$s" ] || { [ -r /proc/stat ] && s=Linux; }
while read -r n w; do
echo "@begin $n"
echo "@system $s $p"
case $s in
Linux)
for f in stat meminfo loadavg uptime diskstats; do echo "@$f"; cat /proc/$f; done
echo @net; cat /proc/net/dev
for f in cpu memory io; do if [ -r /proc/pressure/$f ]; then echo "@pressure $f"; cat /proc/pressure/$f; fi; done
echo @thermal
for z in /sys/class/thermal/thermal_zone*; do if [ -r "$z/temp" ]; then t=; y=; read -r y < "$z/type"; read -r t < "$z/temp"; [ "$t" ] && echo "$y $t"; fi; done
set -- /proc/[0-9]*; echo @processes; echo $#
;;
Darwin)
echo @sysctl; echo "now: $(date +%s)"; sysctl hw.memsize vm.loadavg vm.swapusage kern.boottime
echo @vm_stat; vm_stat
echo @top; top -l 2 -n 0 -s 1
echo @netstat; netstat -ibn
;;
*)
echo @sysctl; echo "now: $(date +%s)"
sysctl kern.cp_time; sysctl kern.cp_times; sysctl vm.loadavg; sysctl hw.physmem; sysctl hw.physmem64; sysctl hw.pagesize; sysctl kern.boottime
sysctl vm.stats.vm.v_free_count vm.stats.vm.v_inactive_count vm.stats.vm.v_cache_count
case $s in FreeBSD|DragonFly) echo @swap; swapinfo -k;; *) echo @vmstat; vmstat -s; echo @swap; swapctl -lk;; esac
echo @netstat; netstat -ibn
;;
esac
case $s in Linux) ;; *) echo @uptime; uptime; echo @count; ps -ax -o pid= | wc -l;; esac
case $w in *d*)
echo @df
case $s in
Linux) m=/; while read -r a b c; do case $a in /dev/loop*) ;; /dev/*) [ "$b" = / ] || m="$m $b";; esac; done < /proc/mounts; df -P -k $m || df -k $m;;
*) df -P -k -l;;
esac;;
esac
case $w in *p*)
case $s in
Linux) echo @procs; cat /proc/[0-9]*/stat; echo @owners; ls -ld /proc/[0-9]*;;
*) echo @ps; ps -ax -o pid,user,pcpu,rss,comm;;
esac;;
esac
echo "@end $n"
done
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked() {
        assert_eq!([ask(1, false, false), ask(2, true, true)], ["1 -\n", "2 -dp\n"]);
        assert_eq!(command().len(), 3);
    }

    /// By every sh there is here: the same look.
    #[test]
    fn any_sh_says_how_it_stands_here() {
        use std::io::Write;
        use std::process::{Command, Stdio};
        if !cfg!(target_os = "linux") {
            return;
        }
        for shell in [&["sh"][..], &["dash"], &["bash"], &["busybox", "sh"], &["zsh"], &["mksh"]] {
            let started = Command::new(shell[0])
                .args(&shell[1..])
                .args(["-c", SCRIPT])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn();
            let Ok(mut child) = started else {
                eprintln!("skipped: no {shell:?}");
                continue;
            };
            child.stdin.take().unwrap().write_all(ask(7, true, true).as_bytes()).unwrap();
            let said = child.wait_with_output().unwrap();
            let text = String::from_utf8_lossy(&said.stdout);
            assert!(text.trim_end().ends_with("@end 7"), "{shell:?}: {text}");
            let look = super::super::look(&text);
            assert!(look.cpu.is_some_and(|c| c.all > 0) && !look.cores.is_empty(), "{shell:?}");
            assert!(look.mem.is_some_and(|(a, t)| a > 0 && t >= a), "{shell:?}");
            assert!(look.uptime.is_some_and(|u| u > 0.0) && look.load.is_some(), "{shell:?}");
            assert!(look.disks.as_ref().is_some_and(|d| d.iter().any(|d| d.mount == "/")), "{shell:?}: {text}");
            let me = look.running.iter().find(|p| p.pid == std::process::id());
            assert!(me.is_some_and(|p| p.rss > 1 << 20 && !p.user.is_empty() && p.used.is_some()), "{shell:?}: {me:?}");
            assert_eq!(look.faults, Vec::<String>::new(), "{shell:?}");
        }
    }
}
