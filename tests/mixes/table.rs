//! Every mix of three builds: what can be done, or the one sentence that is said instead.

use crate::host::Far;
use crate::old::{Build, builds};
use crate::support::home::Output;
use crate::support::{PATIENCE, Tty, until};
use std::time::Instant;

/// Lines that scroll, colours, wide characters; then it answers what is typed.
const PROGRAM: &str = r#"for i in $(seq 1 60); do echo "line $i"; done
printf 'plain \033[1;31mred\033[0m wide 日本 é\n'
while read -r x; do case $x in
size) stty size;;
draw) printf '\033[?1049h\033[H\033[2J\033[3;7H\033[7mbox\033[m\033[?1h\033[5;2H>'; read -r x; printf '\033[?1l\033[?1049lback:%s\n' "$x";;
end) exit 7;;
*) echo "got:$x";;
esac; done"#;

/// What was done, and how it went.
const DONE: [&str; 15] = [
    "list", "create", "attach", "input", "resize", "capture", "history", "search", "detach", "reattach", "drawn",
    "back", "ended", "kill", "gone",
];

/// `None` = as it should be; else what was wrong. A sentence that stands for what can't be done is `Said`.
enum Went {
    Well,
    Said(String),
    Wrong(String),
    /// Neither is this build: it is not ours to word.
    NotKnown,
}
use Went::{NotKnown, Said, Well, Wrong};

fn went(right: bool, what: impl std::fmt::Debug) -> Went {
    if right { Well } else { Wrong(format!("{what:?}")) }
}

fn shows(tty: &Tty, found: impl Fn(&[String]) -> bool) -> bool {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if found(&tty.screen()) {
            return true;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    false
}

fn has(text: &'static str) -> impl Fn(&[String]) -> bool {
    move |s| s.iter().any(|l| l == text)
}

/// No panic, no more than a sentence and what to do.
fn is_sentence(said: &Output) -> bool {
    said.code != 0 && said.err.starts_with("thub: ") && said.err.lines().count() >= 2 && !said.err.contains("panicked")
}

fn one(far: &Far, builds: &[Build], client: &Build, agent: &Build, session: &Build) -> Vec<Went> {
    let name = format!("{}-{}-{}", client.name, agent.name, session.name);
    far.session_of(session, &name, PROGRAM);
    // whatever this client looks for is that agent
    for build in builds {
        far.put(&build.id, &agent.program);
    }
    let on = |args: &[&str]| far.by(client, &[&args[..1], &["-H", "test"], &args[1..]].concat());
    let mut all = Vec::new();

    let listed = on(&["ls", "--json"]);
    let is_there = |out: &Output| {
        let json = serde_json::from_str::<serde_json::Value>(&out.out).unwrap_or_default();
        let found = json.as_array().and_then(|a| a.iter().find(|s| s["name"] == *name)).cloned();
        found.map(|s| s["state"].as_str().unwrap_or_default().to_string())
    };
    all.push(went(listed.code == 0 && is_there(&listed).as_deref() == Some("detached"), &listed));

    let second = format!("{name}-2");
    let made = on(&["new", "-d", "-n", &second, "--", "cat"]);
    all.push(went(made.code == 0, &made));

    let mut tty = far.tty(client, 90, 26, &["attach", "-H", "test", &name]);
    let at_first = shows(&tty, |s| has("line 60")(s) && has("plain red wide 日本 é")(s));
    let red = tty.cells().iter().flatten().any(|(text, style)| text == "r" && style.bold);
    all.push(went(at_first && red, tty.screen()));
    tty.type_("hello\r");
    all.push(went(shows(&tty, has("got:hello")), tty.screen()));
    tty.resize(70, 20);
    // typed once the new size is the session's
    let size = |s: &serde_json::Value| (s["cols"].as_u64(), s["rows"].as_u64());
    until("the new size", || {
        far.sessions().iter().any(|s| s["name"] == *name && size(s) == (Some(70), Some(20))).then_some(())
    });
    tty.type_("size\r");
    all.push(went(shows(&tty, has("20 70")), tty.screen()));

    let shot = on(&["capture", &name]);
    let on_screen: Vec<String> = tty.screen();
    let captured: Vec<String> = shot.out.lines().map(|l| l.trim_end().to_string()).collect();
    // what is typed and answered is there once, and the same to both
    all.push(went(shot.code == 0 && captured == on_screen, (&shot, &on_screen)));

    let whole = on(&["capture", "--all", &name]);
    let lines: Vec<&str> = whole.out.lines().filter(|l| l.starts_with("line ")).collect();
    let in_order = lines.len() == 60 && lines.iter().enumerate().all(|(i, l)| **l == format!("line {}", i + 1));
    all.push(went(whole.code == 0 && in_order, &whole));

    let new = |b: &Build| b.name == "this";
    all.push(if new(client) {
        let found = on(&["search", &name, "got:h"]);
        match (new(agent), new(session)) {
            (true, true) => went(found.code == 0 && found.out.contains("got:hello"), &found),
            // who is older is named, and what to do
            (true, false) if is_sentence(&found) && found.err.contains("session was started by an older thub") => {
                Said(found.err.lines().next().unwrap_or_default().into())
            }
            (false, _)
                if is_sentence(&found)
                    && found.err.contains("agent on test")
                    && found.err.contains("thub deploy test") =>
            {
                Said(found.err.lines().next().unwrap_or_default().into())
            }
            _ => Wrong(format!("{found:?}")),
        }
    } else {
        NotKnown
    });

    tty.prefix("d");
    all.push(went(tty.wait_exit() == 0, tty.screen()));
    let before = on_screen;
    let mut again = far.tty(client, 70, 20, &["attach", "-H", "test", &name]);
    all.push(went(shows(&again, |s| *s == before[..]), (again.screen(), &before)));
    // the alternate screen, which is shown to who comes later as well
    again.type_("draw\r");
    let drawn = |s: &[String]| s[2] == "      box" && s[4] == " >" && s.iter().all(|l| !l.contains("line"));
    let first = shows(&again, drawn);
    again.prefix("d");
    again.wait_exit();
    let mut third = far.tty(client, 70, 20, &["attach", "-H", "test", &name]);
    all.push(went(first && shows(&third, drawn), (first, again.screen(), third.screen())));
    third.type_("again\r");
    let back = shows(&third, |s| has("got:hello")(s) && has("back:again")(s) && s.iter().all(|l| !l.contains("box")));
    all.push(went(back, third.screen()));
    third.type_("end\r");
    let code = third.wait_exit();
    let left = on(&["capture", "--all", &name]);
    let lines = left.out.lines().filter(|l| l.starts_with("line ")).count();
    all.push(went(code == 0 && left.code == 0 && lines == 60 && left.out.contains("back:again"), (code, &left)));

    let killed = on(&["kill", &name, &second]);
    all.push(went(killed.code == 0, &killed));
    let after = on(&["ls", "--json"]);
    all.push(went(after.code == 0 && is_there(&after).is_none(), &after));
    all
}

#[test]
fn every_mix_does_all_or_says_why() {
    let Some(builds) = builds() else { return };
    let Some(far) = Far::new() else { return };
    let mut wrong = Vec::new();
    let mut said = Vec::new();
    println!("{:8}{:8}{:8} {}", "client", "agent", "session", DONE.map(|d| format!("{d:9}")).concat());
    for client in builds {
        for agent in builds {
            for session in builds {
                let all = one(&far, builds, client, agent, session);
                assert_eq!(all.len(), DONE.len());
                let mix = format!("{:8}{:8}{:8}", client.name, agent.name, session.name);
                let cells = all.iter().map(|w| match w {
                    Well => "yes",
                    Said(_) => "said",
                    Wrong(_) => "WRONG",
                    NotKnown => "-",
                });
                println!("{mix} {}", cells.map(|c| format!("{c:9}")).collect::<String>());
                for (went, what) in all.into_iter().zip(DONE) {
                    match went {
                        Said(s) if !said.contains(&s) => said.push(s),
                        Wrong(w) => wrong.push(format!("{mix} {what}: {w}")),
                        _ => {}
                    }
                }
            }
        }
    }
    for sentence in &said {
        println!("said: {sentence}");
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
