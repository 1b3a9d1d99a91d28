//! Many upgrades and downgrades under a session that prints, and several clients of different builds at once.

use crate::host::Far;
use crate::old::{Build, builds};
use crate::support::{Tty, scale, until};

/// Numbered lines until the file `stop` is there; then it waits.
const COUNTING: &str =
    r#"i=0; while [ ! -e "$HOME/stop" ]; do i=$((i+1)); echo "n $i"; sleep 0.02; done; echo "end $i"; exec cat"#;

fn last_number(tty: &Tty) -> u64 {
    let number = |l: &String| l.strip_prefix("n ")?.parse().ok();
    tty.screen().iter().filter_map(number).max().unwrap_or(0)
}

#[test]
fn fifty_changes_of_build_lose_no_line() {
    let Some(builds) = builds() else { return };
    let Some(far) = Far::new() else { return };
    let changes = scale(50);
    far.session_of(&builds[1], "count", COUNTING);
    let pid = far.pid_of("count");
    far.put(&builds[0].id, &builds[0].program);
    let mut tty = far.tty(&builds[0], 80, 24, &["attach", "-H", "test", "count"]);
    until("the first lines", || (last_number(&tty) > 0).then_some(()));
    let exe = |pid: i32| std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    for change in 0..changes {
        // up and down between three builds
        let (old, new) = (&builds[change % 3], &builds[(change + 1) % 3]);
        if change % 12 == 0 {
            // as a person does it, with that build
            let said = far.by(new, &["deploy", "test"]);
            assert_eq!(said.code, 0, "change {change}: {said:?}");
        } else {
            far.put(&new.id, &new.program);
        }
        far.take_away(&old.id);
        // agents of whatever build end and are found anew (an older build's own verb ends those of other homes, too)
        far.there(&builds[0].program, &["agent", "stop"]);
        let mut last = Vec::new();
        let what = format!("an agent of {} (change {change})", new.id);
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            until(&what, || {
                last = far.agents().into_iter().map(&exe).collect();
                let is_new = |p: &std::path::PathBuf| p.to_string_lossy().contains(&format!("/{}/", new.id));
                (last.len() == 1 && last.iter().all(is_new)).then_some(())
            })
        }));
        assert!(found.is_ok(), "{last:?}\n{}", crate::support::tty::frame(&tty.screen()));
        // (lines that came before the change say nothing of the client)
        tty.until("it to be back", |s| !s.iter().any(|l| l.contains("back in a moment")));
        let before = last_number(&tty);
        until("more lines", || (last_number(&tty) > before).then_some(()));
    }
    std::fs::write(far.sshd.home().join("stop"), "").unwrap();
    tty.until("its end", |s| s.iter().any(|l| l.starts_with("end ")));
    let screen = tty.screen();
    tty.prefix("d");
    tty.wait_exit();
    assert_eq!(far.pid_of("count"), pid, "the same process");

    let of = |build: &Build, more: &str| {
        far.put(&build.id, &build.program);
        let got = far.by(build, &["capture", "-H", "test", "count", "--all", more]);
        assert_eq!(got.code, 0, "{got:?}");
        got.out.lines().map(|l| l.trim_end().to_string()).filter(|l| !l.is_empty()).collect::<Vec<_>>()
    };
    let raw = of(&builds[0], "--raw");
    let count = raw.len() as u64 - 1;
    let wanted: Vec<String> = (1..=count).map(|n| format!("n {n}")).chain([format!("end {count}")]).collect();
    assert!(raw == wanted, "raw: {} lines", raw.len());
    for build in builds {
        assert!(of(build, "--ansi") == wanted, "{}", build.name);
    }
    // and on the screen of the client that went through all of it
    let shown: Vec<&String> = screen.iter().filter(|l| !l.is_empty()).collect();
    assert!(wanted.iter().rev().zip(shown.iter().rev()).all(|(a, b)| a == *b) && shown.len() > 10, "{shown:?}");
    println!("{changes} changes of build, {count} lines, process {pid}");
}

#[test]
fn clients_of_three_builds_share_a_session() {
    let Some(builds) = builds() else { return };
    let Some(far) = Far::new() else { return };
    for build in builds {
        far.put(&build.id, &build.program);
    }
    for of in builds {
        let name = format!("of-{}", of.name);
        far.session_of(of, &name, "echo ready; exec cat");
        let mut ttys: Vec<Tty> = Vec::new();
        for build in builds {
            let tty = far.tty(build, 80, 24, &["attach", "-H", "test", &name]);
            tty.until_text("ready");
            ttys.push(tty);
        }
        for (build, tty) in builds.iter().zip(&ttys) {
            tty.type_(format!("from {}\r", build.name));
            let said = format!("from {}", build.name);
            for other in &ttys {
                other.until(&said, |s| s.iter().filter(|l| **l == said).count() == 2);
            }
        }
        // whose size it is changes, and all see the same
        ttys[2].resize(60, 18);
        ttys[2].type_("narrow\r");
        for tty in &ttys {
            tty.until("narrow", |s| s.iter().filter(|l| l.trim() == "narrow").count() == 2);
        }
        far.by(&builds[1], &["kill", "-H", "test", &name]).ok();
        for tty in &mut ttys {
            tty.wait_exit();
        }
    }
}
