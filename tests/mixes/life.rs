//! An agent's end in order, and what it finds again.

use crate::host::Far;
use crate::old::{Build, builds};
use crate::support::home::finish;
use crate::support::{Agent, Home, THUB, signal, until};
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use thub::link::{Incoming, call};
use thub::proto::control::*;
use thub::proto::frame::Body;
use thub::proto::hello;
use thub::proto::ids::{ClientId, SessionId, Size};
use thub::proto::notice::{Notice, ShuttingDown};
use tokio::io::AsyncReadExt;

impl Agent {
    /// The next notice on the link that is `wanted`.
    async fn notice(&mut self, wanted: impl Fn(&Notice) -> bool) -> Notice {
        loop {
            match self.incoming.recv().await.expect("the link stands") {
                Incoming::Notice { method, params } => {
                    if let Some(notice) = Notice::from_wire(&method, params).filter(&wanted) {
                        return notice;
                    }
                }
                _ => continue,
            }
        }
    }
}

fn attach(session: &str, stream: u32) -> SessionAttach {
    SessionAttach {
        screens: 1,
        packed: false,
        session: session.parse().expect("an id"),
        stream,
        client: ClientId::random(),
        have: None,
        resizes: 0,
        window: 1 << 16,
        size: Some(Size::new(80, 24)),
        auto: false,
        watch: false,
        blind: false,
        input_sent: 0,
        revision_min: hello::REVISION_MIN,
        revision_max: hello::REVISION,
        lent: Lent::default(),
    }
}

fn run<T>(test: impl Future<Output = T>) -> T {
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    rt.block_on(async { tokio::time::timeout(Duration::from_secs(60), test).await.expect("within a minute") })
}

#[test]
fn it_ends_in_order() {
    let home = Home::new();
    let id = home.new_session(&["-n", "one", "--", "cat"]);
    let pid = home.pid_of("one");
    let ways: [(&str, Option<u64>); 3] =
        [("maintenance", Some(7)), ("updated to 0.2.0", Some(5)), ("stopped", Some(0))];
    for (way, (reason, back)) in ways.into_iter().enumerate() {
        run(async {
            let (mut agent, hello) = Agent::start(&home).await;
            assert_eq!((hello.recovered, hello.lost, &hello.sessions[..]), (1, 0, &[id.clone()][..]));
            let mut frames = agent.link.open_stream(2);
            let attached = agent.link.call(&attach(&id, 2)).await.expect("attached");
            assert_eq!((attached.revision, attached.build.as_str()), (hello::REVISION, hello::BUILD));
            // what was typed before the end arrives
            agent.link.out.urgent(2, Body::Data { offset: 0, bytes: b"typed\n" });
            // what it runs may tidy up, and its end is told
            let mut program = agent.link.open_stream(6);
            let script = "trap 'echo tidy; exit 4' TERM; echo up; while :; do sleep 0.05; done";
            let command = ["sh", "-c", script].map(String::from).to_vec();
            agent.link.call(&ExecRun { stream: 6, command, cwd: "/".into(), window: 1 << 16 }).await.expect("it runs");
            assert!(matches!(program.recv().await.expect("its output").body(), Ok(Body::Data { bytes: b"up\n", .. })));
            let link = agent.link.clone();
            let asked = async {
                match way {
                    0 => {
                        let shutdown = AgentShutdown { reason: "maintenance".into(), expected_return_s: Some(7) };
                        assert_eq!(link.call(&shutdown).await, Ok(Done {}));
                    }
                    1 => assert_eq!(link.call(&AgentUpdate { build: "0.2.0".into() }).await, Ok(Done {})),
                    _ => signal(agent.child.id().expect("it runs") as i32, Signal::TERM),
                }
            };
            asked.await;
            let right = |s: &ShuttingDown| s.reason.contains(reason) && s.expected_return_s == back;
            let told = agent.notice(|n| matches!(n, Notice::AgentShuttingDown(_))).await;
            assert!(matches!(&told, Notice::AgentShuttingDown(s) if right(s)), "{told:?}");
            // the last word on the stream, then its end
            let mut last = None;
            while let Some(frame) = frames.recv().await {
                last = Some(frame);
            }
            let last = last.expect("a last word");
            let Ok(Body::Call(json)) = last.body() else { panic!("{last:?}") };
            let Ok(call::Message::Notice { method, params }) = call::parse(json) else { panic!("{last:?}") };
            let last = Notice::from_wire(&method, params);
            assert!(matches!(&last, Some(Notice::AgentShuttingDown(s)) if right(s)), "{last:?}");
            let mut said = Vec::new();
            while let Some(frame) = program.recv().await {
                said.push(format!("{:?}", String::from_utf8_lossy(&frame.payload)));
            }
            assert!(said.iter().any(|s| s.contains("tidy")), "{said:?}");
            assert!(agent.child.wait().await.expect("its end").success());
        });
        home.shows("one", "typed");
        assert_eq!(home.pid_of("one"), pid, "sessions go on");
    }
}

/// What a client had sent over a link that it has left is not taken any more once it is attached over another: it may go
/// on from `input_applied` with something else.
#[test]
fn input_of_a_link_that_was_left_is_not_taken() {
    let home = Home::new();
    let id = home.new_session(&["-n", "one", "--", "cat"]);
    run(async {
        let (mut before, _) = Agent::start(&home).await;
        let (mut now, _) = Agent::start(&home).await;
        let mut frames = before.link.open_stream(2);
        let first = attach(&id, 2);
        before.link.call(&first).await.expect("attached");
        before.link.out.urgent(2, Body::Data { offset: 0, bytes: b"come" });
        while !matches!(frames.recv().await.expect("an acknowledgement").body(), Ok(Body::Ack { seen: 4, .. })) {}
        let _frames = now.link.open_stream(2);
        let again = SessionAttach { auto: true, input_sent: 9, ..first };
        let attached = now.link.call(&again).await.expect("attached again");
        assert_eq!(attached.input_applied, Some(4));
        // late, and no longer wanted
        before.link.out.urgent(2, Body::Data { offset: 4, bytes: b"-rm x\n" });
        before.link.call(&SessionDetach { stream: 6 }).await.ok();
        now.link.out.urgent(2, Body::Data { offset: 4, bytes: b"-ls\n" });
        home_shows(&home).await;
        for agent in [&mut before, &mut now] {
            agent.child.kill().await.expect("its end");
        }
    });
    let raw = home.thub(&["capture", "one", "--all", "--raw"]).ok();
    assert!(raw.contains("come-ls") && !raw.contains("rm"), "{raw}");
}

/// (The verb is a process of its own: what it waits for goes on meanwhile.)
async fn home_shows(home: &Home) {
    let mut wait = tokio::process::Command::from(home.command(THUB));
    wait.args(["wait", "one", "--text", "come-", "--timeout", "30"]).stdout(Stdio::null());
    assert!(wait.status().await.expect("it runs").success());
}

#[test]
fn it_finds_sessions_again() {
    let home = Home::new();
    let id = home.new_session(&["-n", "one", "--", "cat"]);
    home.new_session(&["-n", "two", "--", "cat"]);
    let lost = home.pid_of("two");
    run(async {
        let (mut agent, hello) = Agent::start(&home).await;
        assert_eq!((hello.recovered, hello.lost, hello.sessions.len()), (2, 0, 2));
        signal(lost, Signal::KILL);
        let found = loop {
            let found = agent.link.call(&SessionRecover {}).await.expect("an answer");
            if found.lost == 1 {
                break found;
            }
        };
        assert_eq!((found.recovered, found.orphaned, found.sessions.len()), (1, 0, 2));
        agent.link.call(&Subscribe { topic: "sessions".into() }).await.expect("subscribed");
        // its record goes: it is out of sight until it has made it anew
        std::fs::remove_file(home.run_root().join(format!("{id}.json"))).unwrap();
        assert_eq!(agent.link.call(&SessionRecover {}).await.expect("an answer").recovered, 0);
        let told = agent.notice(|n| matches!(n, Notice::SessionsRecovered(_))).await;
        assert_eq!(told, Notice::SessionsRecovered(vec![id.clone()]));
        let found = agent.link.call(&SessionRecover {}).await.expect("an answer");
        assert_eq!((found.recovered, found.lost), (1, 1));
        // one that is begun now was never out of sight
        let create = SessionCreate { command: vec!["cat".into()], ..SessionCreate::default() };
        let new = agent.link.call(&create).await.expect("created").session.id;
        agent.notice(|n| *n == Notice::SessionsChanged).await;
        agent.link.call(&SessionRecover {}).await.expect("an answer");
        agent.link.call(&AgentShutdown::default()).await.expect("it ends");
        let mut told = Vec::new();
        while let Some(message) = agent.incoming.recv().await {
            told.push(format!("{message:?}"));
        }
        assert!(!told.iter().any(|t| t.contains("recovered") && t.contains(&new)), "{told:?}");
        assert!(agent.child.wait().await.expect("its end").success());
        let mut rest = String::new();
        if let Some(err) = &mut agent.child.stderr {
            err.read_to_string(&mut rest).await.unwrap();
        }
        assert!(rest.is_empty(), "{rest}");
        let _: SessionId = new.parse().unwrap();
    });
    let status = home.thub(&["agent", "status"]).ok();
    assert!(status.contains("sessions  2, 1 lost"), "{status}");
}

fn this() -> Build {
    Build { name: "this", program: PathBuf::from(THUB), id: String::new() }
}

#[test]
fn clients_come_back_by_themselves() {
    let Some(far) = Far::new() else { return };
    assert_eq!(far.thub(&["deploy", "test"]).code, 0);
    far.session_of(&this(), "one", "echo hello; exec cat");
    let pid = far.pid_of("one");
    let mut tty = far.tty(&this(), 100, 30, &["attach", "-H", "test", "one"]);
    tty.until_text("hello");
    // a verb that waits goes on waiting, whatever its agent does
    let waiting =
        far.command(Path::new(THUB), &["wait", "-H", "test", "one", "--text", "all is over", "--timeout", "50"]);
    let waiting = std::thread::spawn(move || finish(waiting, b""));
    until("its agent", || (far.agents().len() == 2).then_some(()));
    // those of another run dir are none of ours
    assert!(far.home.thub(&["agent", "stop"]).ok().starts_with("0 agents"));
    for round in 0..3 {
        let before = until("two agents", || <[i32; 2]>::try_from(far.agents()).ok());
        match round {
            // by its own means, over another link
            0 => {
                let said = far.thub(&["agent", "stop", "-H", "test"]);
                assert!(said.code == 0 && said.out.contains("sessions go on"), "{said:?}");
            }
            1 => before.iter().for_each(|agent| signal(*agent, Signal::TERM)),
            // there
            _ => drop(far.there(Path::new(THUB), &["agent", "stop"]).ok()),
        }
        // typed at whatever moment of it
        tty.type_(format!("line {round}\r"));
        tty.until("its echo and cat's", |s| s.iter().filter(|l| **l == format!("line {round}")).count() == 2);
        until("the first ones' end", || before.iter().all(|b| !far.agents().contains(b)).then_some(()));
    }
    tty.type_("all is over\r");
    let waited = waiting.join().unwrap();
    assert_eq!(waited.code, 0, "{waited:?}");
    let log = String::from_utf8_lossy(&tty.log()).into_owned();
    assert!(log.contains("updating"), "the state was shown");
    assert!(!log.contains("last heard"), "and not as a failure");
    assert_eq!(far.pid_of("one"), pid);
    tty.prefix("d");
    assert_eq!(tty.wait_exit(), 0);
}

#[test]
fn from_the_palette_this_build_takes_over() {
    let Some(builds) = builds() else { return };
    let Some(far) = Far::new() else { return };
    // an older build whose name fits is used
    far.put(&builds[1].id, &builds[1].program);
    far.session_of(&builds[1], "one", "echo hello; exec cat");
    let pid = far.pid_of("one");
    let mut tty = far.tty(&builds[0], 100, 30, &["test"]);
    tty.until_text("hello");
    let exe = |pid: i32| std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    let by = |id: &str| far.agents().iter().any(|p| exe(*p).to_string_lossy().contains(id));
    assert!(by(&builds[1].id) && !by(&builds[0].id));
    tty.prefix(":");
    tty.type_("update-agent");
    tty.until_text("put this build's agent");
    tty.type_("\r");
    until("this build's agent", || (by(&builds[0].id) && !by(&builds[1].id)).then_some(()));
    // (until then the panel of its way there takes the keys; its last step says nearly the same)
    tty.until_text("test: the agent is there");
    tty.type_("typed\r");
    tty.until("its echo and cat's", |s| s.iter().filter(|l| l.contains("typed")).count() == 2);
    assert_eq!(far.pid_of("one"), pid);
    // once more: there is nothing to do
    tty.prefix(":");
    tty.type_("update-agent");
    tty.until_text("put this build's agent");
    tty.type_("\r");
    tty.until_text("this build's already");
    tty.prefix("d");
    tty.wait_exit();
}
