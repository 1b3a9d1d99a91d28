//! Which agent on a host is started: this build's, else the newest that goes with it, else none without a word.

use crate::host::Far;
use crate::old::builds;
use crate::support::{THUB, until};
use serde_json::{Value, json};
use std::path::Path;
use thub::proto::frame::Body;
use thub::proto::hello;
use thub::transport::deploy::{build_id, choose};

fn this() -> &'static Path {
    Path::new(THUB)
}

/// The build whose agent answers.
#[track_caller]
fn answering(far: &Far) -> String {
    let status: Value = serde_json::from_str(&far.thub(&["agent", "status", "-H", "test", "--json"]).ok()).unwrap();
    let exe = status["exe"].as_str().expect("a path").to_string();
    exe.strip_suffix("/thub").and_then(|d| d.rsplit('/').next()).expect("a build").to_string()
}

/// This program's own id is of the test's process, not of thub's.
fn exact(far: &Far) -> String {
    let deployed: Value = serde_json::from_str(&far.thub(&["deploy", "test", "--json"]).out).expect("JSON");
    deployed["build"].as_str().expect("a build").to_string()
}

/// Says hello like an agent, and refuses.
fn refuser(far: &Far) -> String {
    let answer = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": 3, "message": "this agent speaks 7 to 9"}});
    let json = serde_json::to_vec(&answer).unwrap();
    let mut frame = format!("\nthub/1 {}\n", hello::BUILD).into_bytes();
    Body::Call(&json).encode(0, &mut frame);
    let file = far.sshd.at("refusal");
    std::fs::write(&file, frame).unwrap();
    format!("#!/bin/sh\ncat '{}'\nexec cat >/dev/null\n", file.display())
}

#[test]
fn the_newest_that_fits_and_runs() {
    let Some(far) = Far::new() else { return };
    let banner = |version: &str| format!("#!/bin/sh\nprintf '\\nthub/1 {version}\\n'\nexec cat >/dev/null\n");
    // none
    let none = far.thub(&["ls", "-H", "test"]).fails(4);
    assert!(none.contains("has no thub agent") && none.contains("thub deploy test"), "{none}");
    // one that does not go with this build is named with what is needed, and is not run
    let ran = far.sshd.at("it-ran");
    far.put_script("0.0.9-eeeeeeeeeeee", &format!("#!/bin/sh\ntouch '{}'\n", ran.display()));
    far.put_script("7.0.0-eeeeeeeeeeee", &format!("#!/bin/sh\ntouch '{}'\n", ran.display()));
    let older = far.thub(&["ls", "-H", "test"]).fails(4);
    let named = [hello::BUILD, "7.0.0-eeeeeeeeeeee", "thub deploy test", "sessions go on"];
    assert!(named.iter().all(|n| older.contains(n)) && older.contains(&choose::required()), "{older}");
    assert!(!ran.exists(), "nothing of it was run");
    // several that do: the newest version
    far.put("0.1.1-aaaaaaaaaaaa", this());
    far.put("0.3.0-bbbbbbbbbbbb", this());
    far.put("0.2.0-cccccccccccc", this());
    assert_eq!(answering(&far), "0.3.0-bbbbbbbbbbbb");
    // of one version the newest file
    let file = far.sshd.at("copy");
    std::fs::copy(THUB, &file).unwrap();
    far.put("0.3.0-000000000000", &file);
    let later = std::fs::metadata(THUB).unwrap().modified().unwrap() + std::time::Duration::from_secs(100);
    std::fs::File::options().append(true).open(&file).unwrap().set_modified(later).unwrap();
    assert_eq!(answering(&far), "0.3.0-000000000000");
    far.take_away("0.3.0-000000000000");
    // what does not run, says it is another, or does not speak with us is passed over
    far.put_script("0.9.0-aaaaaaaaaaaa", "#!/bin/sh\necho broken >&2\nexit 3\n");
    far.put_script("0.8.0-aaaaaaaaaaaa", &banner("0.0.1"));
    far.put_script("0.7.0-aaaaaaaaaaaa", &refuser(&far));
    assert_eq!(answering(&far), "0.3.0-bbbbbbbbbbbb");
    assert!(!ran.exists());
    // nothing but one that speaks other revisions: both are named
    far.put_script("0.3.1-aaaaaaaaaaaa", &refuser(&far));
    let others = ["0.0.9-eeeeeeeeeeee", "7.0.0-eeeeeeeeeeee", "0.9.0-aaaaaaaaaaaa", "0.8.0-aaaaaaaaaaaa"];
    others.iter().for_each(|build| far.take_away(build));
    for build in ["0.1.1-aaaaaaaaaaaa", "0.2.0-cccccccccccc", "0.3.0-bbbbbbbbbbbb"] {
        far.take_away(build);
    }
    let said = far.thub(&["ls", "-H", "test"]).fails(4);
    assert!(said.contains("agent speaks 7 to 9") && said.contains(hello::BUILD), "{said}");
    assert!(said.contains("thub deploy test"), "{said}");

    // `thub deploy` puts this build there whatever else is, and takes nothing away
    far.put("0.3.0-bbbbbbbbbbbb", this());
    let own = exact(&far);
    assert_eq!(answering(&far), own);
    assert!(far.agents_dir().join("0.3.0-bbbbbbbbbbbb/thub").exists());
    // then it is one command
    let mark = far.sshd.mark();
    far.thub(&["ls", "-H", "test"]).ok();
    let log = far.sshd.since(mark);
    assert_eq!(log.matches("Starting session: command").count(), 1, "{log}");
    // one of that name that is broken or another's does not stop it
    far.put_script(&own, "#!/bin/sh\nexit 9\n");
    assert_eq!(answering(&far), "0.3.0-bbbbbbbbbbbb");
    far.put_script(&own, &banner("0.0.1"));
    assert_eq!(answering(&far), "0.3.0-bbbbbbbbbbbb");
    far.put_script(&own, &refuser(&far));
    assert_eq!(answering(&far), "0.3.0-bbbbbbbbbbbb");
    // and is put there anew by deploy
    far.put_script(&own, "#!/bin/sh\nexit 9\n");
    assert_eq!(exact(&far), own);
    assert_eq!(answering(&far), own);
    // (the test's own program is another file)
    assert_ne!(own, build_id());
}

#[test]
fn an_older_one_is_asked_about_and_stays_beside() {
    let Some(builds) = builds() else { return };
    let Some(far) = Far::new() else { return };
    let first = builds.last().expect("the oldest");
    // its session runs; what lies there is too old by its name
    far.put("0.0.9-eeeeeeeeeeee", &first.program);
    let there = far.agents_dir().join("0.0.9-eeeeeeeeeeee/thub");
    far.there(&there, &["new", "-d", "-n", "older", "--", "sh", "-c", "echo I go on; exec cat"]).ok();
    let pid = far.pid_of("older");
    let mut tty = far.tty(&builds[0], 110, 30, &["test"]);
    let asked = tty.until_text("0.0.9-eeeeeeeeeeee").join("\n");
    assert!(asked.contains(&choose::required()) && asked.contains(hello::BUILD), "{asked}");
    // no: one sentence, and nothing was put there
    tty.type_("n");
    tty.until_no_text("y yes");
    tty.until("what is there and what is needed", |s| {
        let all = s.join(" ");
        all.contains("0.0.9-eeeeeeeeeeee") && all.contains("needs") && all.contains("thub deploy test")
    });
    assert_eq!(std::fs::read_dir(far.agents_dir()).unwrap().count(), 1);
    tty.kill9();
    // yes: the new one lies beside it, and the session is there
    let tty = far.tty(&builds[0], 110, 30, &["test"]);
    tty.until_text("0.0.9-eeeeeeeeeeee");
    tty.type_("y");
    tty.until_text("I go on");
    tty.type_("to the older session\r");
    tty.until("it twice", |s| s.iter().filter(|l| l.contains("to the older session")).count() == 2);
    assert_eq!(far.pid_of("older"), pid);
    assert!(there.exists() && far.agents_dir().join(&builds[0].id).join("thub").exists());
    let mut tty = tty;
    tty.kill9();
    until("its agent to be gone", || far.agents().is_empty().then_some(()));
}
