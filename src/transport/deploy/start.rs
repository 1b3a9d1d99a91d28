//! Owns the one command that starts an agent: it runs only where nobody else could have put it or can swap it.
//! Leaves out the verdict where that is not plain: the host then prints what it sees, and `dirs.rs` judges, as it does
//! before an upload.
//!
//! Plain, as nearly always, is one round trip: every directory on the way and the program are the user's or root's, and
//! neither a group (the user's own aside) nor others can write to them. Two programs more run there: `id -u` and `ls`.

use super::dirs::LOOK;
use super::remote::{quote, run};
use crate::proto::ids::hex;

/// `$1` = the build, `$3` = what its agent is told first. Starts the agent; or goes on after it where it is not plainly safe,
/// or not there.
///
/// `ls` is asked for `.`, `..`, `../..`, so that no name passes for a mode; before each of its lists is `= COUNT`, so that
/// what is missing is seen. The subshell keeps what it sets from the agent's environment.
pub(super) const START: &str = concat!(
    r#"a="$HOME/.local/share/thub/agents"; [ -f "$a/$1/thub" ] && [ -x "$a/$1/thub" ] && { ("#,
    r#"PATH=/usr/bin:/bin:/usr/sbin:/sbin:$PATH; LC_ALL=C; export PATH LC_ALL; f="$a/$1"; U=$(id -u); x=; "#,
    r#"up() { p=${PWD%/}; u=..; while [ -n "$p" ]; do set -- "$@" "$u"; u="$u/.."; p=${p%/*}; done; "#,
    r#"echo "= $#"; $x ls -ldn "$@"; }; "#,
    // a group of one's own: asked only where it matters (names may come from far away)
    r#"own() { [ "$(id -g)" = "$1" ] && { [ "$U" = "$1" ] || "#,
    r#"{ i=$(id -un); [ -n "$i" ] && [ "$i" = "$(id -gn)" ]; }; }; }; l=$("#,
    // where a part of the way is a symlink: what holds it
    r#"for d in "$HOME" "$HOME/.local" "$HOME/.local/share" "$HOME/.local/share/thub" "$a" "$f"; do "#,
    r#"[ -h "$d" ] || continue; cd -P "${d%/*}/" || exit; up .; done; cd -P "$f" || exit; x=exec; up thub .) 2>/dev/null; "#,
    // y = all is well, n = lines to come, s = lines seen, z = programs seen, q = not the first directory of its list,
    // k = words since a mode (or 20 since `=`)
    r#"y=1; n=0; s=0; z=0; q=0; k=9; m=; set -f; for w in $l; do k=$((k+1)); "#,
    r#"case "$w" in =) k=20; q=0; continue;; [-dlbcps]????????[-xtTsS]*) m=$w; k=0; continue;; esac; "#,
    r#"case "$k" in 21) n=$((n+w));; 2) o=$w; [ "$o" = "$U" ] || [ "$o" = 0 ] || y=0;; "#,
    r#"3) s=$((s+1)); case "$m" in [lbcps]*) y=0;; ?????-??-*) ;; "#,
    r#"?????w??-*) [ "$o.$w" = 0.0 ] || own "$w" || y=0;; "#,
    // sticky: others may add, not swap what is ours
    r#"d????????[tT]*) [ "$q" = 1 ] || y=0;; *) y=0;; esac; "#,
    r#"case "$m" in d*) q=1;; -*) z=$((z+1));; esac;; esac; done; "#,
    r#"[ -n "$U" ] && [ "$y$z" = 11 ] && [ "$s" = "$n" ]"#,
    r#") && { [ -z "$3" ] || { THUB_FIRST=$3; export THUB_FIRST; }; exec "$a/$1/thub" agent --stdio; }; "#,
);

/// The command line that starts a build's agent, tells what `dirs.rs` judges where it lies in doubt, and goes on with
/// `absent` where it is not there. `first` goes with it (`proto::hello::FIRST`): a channel of sshd's takes nothing in before
/// its command runs, which is a round trip later.
pub(super) fn command(build: &str, absent: &str, first: &[u8]) -> String {
    run(&format!("{START}{LOOK}; exit 0; }}; {absent}"), &[build, "", &hex(first)])
}

/// Starts what was judged already.
pub(super) fn judged(path: &str) -> String {
    format!("exec {} agent --stdio", quote(path))
}

#[cfg(test)]
mod tests {
    use super::super::dirs::judge_start;
    use super::*;
    use crate::text::escape;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    use std::path::Path;
    use std::process::Command;

    const BUILD: &str = "0.1.0-aaaaaaaaaaaa";

    /// A home with an agent that says that it ran and with which environment, in a place of its own.
    fn home(dir: &Path) -> std::path::PathBuf {
        let home = dir.join("ho me");
        let build = home.join(".local/share/thub/agents").join(BUILD);
        std::fs::create_dir_all(&build).unwrap();
        let program = build.join("thub");
        std::fs::write(&program, "#!/bin/sh\necho \"ran $* ${P-unset} $PWD\"\n").unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        home
    }

    /// What every shell here makes of it: it ran, or the verdict of the one who judges.
    #[track_caller]
    fn starts(home: &Path, what: &str) -> Result<(), String> {
        let script = format!("{START}{LOOK}; exit 0; }}; echo absent");
        let mut all: Vec<Result<(), String>> = Vec::new();
        for shell in [&["sh"][..], &["dash"], &["bash"], &["busybox", "sh"]] {
            let mut c = Command::new(shell[0]);
            c.args(&shell[1..]).args(["-c", &script, "thub", BUILD, ""]).env("HOME", home).env("P", "mine");
            let Ok(out) = c.env("LC_ALL", "de_DE.UTF-8").current_dir(home).output() else { continue };
            let said = String::from_utf8_lossy(&out.stdout).into_owned();
            all.push(if said.starts_with("ran ") {
                assert_eq!(said, format!("ran agent --stdio mine {}\n", home.display()), "{shell:?}");
                Ok(())
            } else {
                match judge_start("h", &out.stdout) {
                    // (rarer than plain, and as good)
                    Ok(path) => Err(format!("judged {path}")),
                    Err(f) => Err(f.to_string()),
                }
            });
        }
        assert!(all.windows(2).all(|w| w[0] == w[1]), "{what}: {all:?}");
        all.pop().unwrap_or_else(|| panic!("no shell"))
    }

    #[test]
    fn only_from_where_nobody_else_can_write() {
        let dir = tempfile::tempdir().unwrap();
        let home = home(dir.path());
        let agents = home.join(".local/share/thub/agents");
        let program = agents.join(BUILD).join("thub");
        let mode = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        assert_eq!(starts(&home, "plain"), Ok(()));
        let parts = [".local", ".local/share", ".local/share/thub", ".local/share/thub/agents"];
        let mut places: Vec<_> = parts.iter().map(|p| home.join(p)).collect();
        places.extend([home.clone(), agents.join(BUILD), program.clone()]);
        for place in &places {
            for open in [0o777, 0o757, 0o733] {
                mode(place, open);
                let said = starts(&home, "open").unwrap_err();
                assert!(
                    said.contains("others can write") && said.contains(&escape(&place.to_string_lossy())),
                    "{said}"
                );
            }
            mode(place, 0o755);
        }
        mode(&agents.join(BUILD), 0o1777);
        assert!(starts(&home, "itself sticky").unwrap_err().contains("others can write"));
        mode(&agents.join(BUILD), 0o755);
        mode(&agents, 0o1777);
        assert_eq!(starts(&home, "a sticky parent"), Ok(()));
        mode(&agents, 0o700);
        // the way goes elsewhere
        let elsewhere = dir.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        std::fs::rename(agents.join(BUILD), elsewhere.join(BUILD)).unwrap();
        symlink(elsewhere.join(BUILD), agents.join(BUILD)).unwrap();
        assert_eq!(starts(&home, "a symlink"), Ok(()));
        for place in [&elsewhere, &agents] {
            mode(place, 0o777);
            assert!(starts(&home, "an open symlink").unwrap_err().contains("others can write"));
            mode(place, 0o755);
        }
        std::fs::rename(elsewhere.join(BUILD).join("thub"), elsewhere.join("it")).unwrap();
        symlink(elsewhere.join("it"), elsewhere.join(BUILD).join("thub")).unwrap();
        assert!(starts(&home, "the program a symlink").unwrap_err().contains("symlink"));
        std::fs::remove_file(elsewhere.join(BUILD).join("thub")).unwrap();
        assert!(starts(&home, "absent").is_err());
        std::fs::rename(elsewhere.join("it"), elsewhere.join(BUILD).join("thub")).unwrap();
        assert_eq!(starts(&home, "again"), Ok(()));
        if !rustix::process::geteuid().is_root() {
            println!("skipped: no root");
            return;
        }
        let program = elsewhere.join(BUILD).join("thub");
        for place in [&program, &elsewhere.join(BUILD), &elsewhere, &agents, &home] {
            chown(place, Some(12345), None).unwrap();
            let said = starts(&home, "somebody else's").unwrap_err();
            assert!(said.contains("not yours") && said.contains("12345"), "{said}");
            chown(place, Some(0), Some(12345)).unwrap();
            mode(place, 0o775);
            assert!(starts(&home, "another group").unwrap_err().contains("others can write"));
            chown(place, None, Some(0)).unwrap();
            assert_eq!(starts(&home, "root's group"), Ok(()));
            mode(place, 0o755);
        }
        // above the home owners are the admin's affair: no plain case, and judged as before an upload
        std::fs::remove_file(agents.join(BUILD)).unwrap();
        std::fs::rename(elsewhere.join(BUILD), agents.join(BUILD)).unwrap();
        chown(dir.path(), Some(12345), None).unwrap();
        assert!(starts(&home, "above the home").unwrap_err().starts_with("judged /"));
    }

    /// An account of its own, whose group is its own or is not.
    #[test]
    fn a_group_of_ones_own() {
        let who = |ls: &str, [u, g, un, gn]: [&str; 4]| {
            let dir = tempfile::tempdir().unwrap();
            let home = home(dir.path());
            std::fs::set_permissions(home.join(".local/share"), PermissionsExt::from_mode(0o775)).unwrap();
            let id =
                format!("id() {{ case $1 in -u) echo {u};; -g) echo {g};; -un) echo {un};; -gn) echo {gn};; esac; }}");
            let all = format!("{id}; ls() {{ command ls \"$@\" | sed \"s/ 0 0 / {ls} /\"; }}; ");
            // (`exec ls` would not take the function)
            let start = START.replace("x=exec; ", "");
            let script = format!("{all}{start} echo no; }}");
            let ran = Command::new("sh").args(["-c", &script, "thub", BUILD]).env("HOME", &home).output().unwrap();
            String::from_utf8(ran.stdout).unwrap().starts_with("ran")
        };
        if !rustix::process::geteuid().is_root() {
            println!("skipped: no root");
            return;
        }
        for (ls, id, runs) in [
            ("7 8", ["7", "8", "al", "al"], true),
            ("7 7", ["7", "7", "al", "users"], true),
            ("7 7", ["7", "7", "", "7"], true),
            ("7 8", ["7", "8", "al", "users"], false),
            ("7 8", ["7", "8", "7", "8"], false),
            ("7 9", ["7", "8", "al", "al"], false),
            ("7 8", ["7", "8", "d users", "d users"], true),
            ("7 8", ["6", "8", "al", "al"], false),
            ("7 8", ["7", "8", "", ""], false),
            ("7 8", ["", "", "", ""], false),
        ] {
            assert_eq!(who(ls, id), runs, "{ls}: {id:?}");
        }
    }
}
