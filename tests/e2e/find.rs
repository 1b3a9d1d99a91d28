//! Looking something up in what a session has shown: `thub search`, `thub marks`, and the calls behind them.

use crate::support::{Home, Tty};
use serde_json::{Value, json};
use thub::link::Link;
use thub::link::call::{self, Message};
use thub::proto::control::*;
use thub::proto::frame::{Body, Frame};
use thub::proto::ids::{ClientId, SessionId};
use thub::proto::notice::Notice;
use tokio::sync::mpsc;

#[test]
fn searching() {
    let home = Home::new();
    let script = r#"printf '\033[1mAlpha\033[m one\n'; seq 1 3000; printf 'alpha two\n'; printf '%s' "$(seq -s , 1 60)"; exec cat"#;
    home.new_session(&["-n", "s", "--size", "40x10", "--", "sh", "-c", script]);
    home.shows("s", "59,60");
    // as grep would find them in all that is kept
    let all: Vec<String> = home.thub(&["capture", "s", "--all"]).ok().lines().map(str::to_string).collect();
    for pattern in ["^2[0-9]+5$", "lpha", "^1", "58,59", "."] {
        let regex = regex::Regex::new(pattern).unwrap();
        let wanted = all.iter().enumerate().filter(|(_, l)| regex.is_match(l));
        let wanted: String = wanted.map(|(n, l)| format!("{}:{l}\n", n + 1)).collect();
        assert_eq!(home.thub(&["search", "s", pattern]).ok(), wanted, "{pattern}");
    }
    assert_eq!(home.thub(&["search", "s", "ALPHA", "-i"]).ok(), "1:Alpha one\n3002:alpha two\n");
    assert_eq!(home.thub(&["search", "-i", "-n", "1", "s", "ALPHA"]).ok(), "3002:alpha two\n", "the newest");
    assert_eq!(home.thub(&["search", "s", "^29[0-9]{2}$", "-n", "2"]).ok(), "2999:2998\n3000:2999\n");
    let found: Value = serde_json::from_str(&home.thub(&["search", "s", "one|two", "--json"]).ok()).unwrap();
    let found: Vec<_> = found.as_array().unwrap().iter().map(|h| (h["line"].clone(), h["start"].clone())).collect();
    assert_eq!(found, [(1.into(), 6.into()), (3002.into(), 6.into())]);
    let none = home.thub(&["search", "s", "ALPHA"]);
    assert_eq!((none.code, none.out.as_str(), none.err.as_str()), (1, "", ""));
    let none = home.thub(&["search", "s", "ALPHA", "--json"]);
    assert_eq!((none.code, none.out.as_str()), (1, "[]\n"));
    // and the same from its record
    let before = home.thub(&["search", "s", "lpha|60"]).ok();
    home.thub(&["send", "s", "--keys", "Enter", "C-d"]).ok();
    home.thub(&["wait", "s"]).ok();
    assert_eq!(home.thub(&["search", "s", "lpha|60"]).ok(), before);
    assert_eq!(home.thub(&["search", "s", "ALPHA"]).code, 1);
    home.thub(&["search", "s", "("]).fails(2);
    assert_eq!(home.thub(&["marks", "s"]).ok(), "LINE  TIME  DURATION  EXIT\n");
    assert_eq!(home.thub(&["marks", "s", "--json"]).ok(), "[]\n");
}

/// A link to a session's own process.
async fn dial(home: &Home, id: &str) -> Link {
    let socket = home.run_root().join(format!("{id}.sock"));
    let stream = tokio::net::UnixStream::connect(socket).await.expect("its socket");
    let (link, served) = Link::new(stream, false, mpsc::unbounded_channel().0);
    tokio::spawn(served);
    link
}

/// The next bytes of an answer.
async fn bytes(frames: &mut mpsc::UnboundedReceiver<Frame>) -> Vec<u8> {
    let frame = tokio::time::timeout(crate::support::PATIENCE, frames.recv()).await.expect("in time").expect("a frame");
    match frame.body() {
        Ok(Body::Data { bytes, .. }) => bytes.to_vec(),
        other => panic!("{other:?}"),
    }
}

/// A client that looks on, as the session sees it; its output is taken for granted.
struct Onlooker {
    link: Link,
    frames: mpsc::UnboundedReceiver<Frame>,
}

impl Onlooker {
    async fn new(home: &Home, id: &str) -> Onlooker {
        let link = dial(home, id).await;
        let frames = link.open_stream(2);
        let attach = json!({"session": id, "stream": 2, "client": ClientId::random(), "window": 1 << 20});
        link.call(&serde_json::from_value::<SessionAttach>(attach).unwrap()).await.unwrap();
        Onlooker { link, frames }
    }

    /// Notices as they come, up to one for which `last` holds; how the program is doing is left out.
    async fn notices(&mut self, last: impl Fn(&Notice) -> bool) -> Vec<Notice> {
        let mut all = Vec::new();
        while !all.last().is_some_and(&last) {
            let frame = tokio::time::timeout(crate::support::PATIENCE, self.frames.recv()).await;
            let frame = frame.unwrap_or_else(|_| panic!("no more than {all:?}")).expect("the link");
            let Ok(Body::Call(json)) = frame.body() else { continue };
            let Ok(Message::Notice { method, params }) = call::parse(json) else { continue };
            all.extend(Notice::from_wire(&method, params).filter(|n| !matches!(n, Notice::SessionChanged(_))));
        }
        all
    }

    fn type_(&self, offset: u64, text: &str) {
        self.link.out.urgent(2, Body::Data { offset, bytes: text.as_bytes() });
    }
}

#[tokio::test]
async fn what_a_program_says_is_told_once() {
    let home = Home::new();
    let say = r#"printf "\\a\\033]52;c;aGk=\\a\\033]2;title $x\\a\\033]9;said $x\\a""#;
    let script = format!("echo up; while read x; do {say}; done");
    let id = home.new_session(&["-n", "s", "--", "sh", "-c", &script]);
    home.shows("s", "^up$");
    let said = |n: &str| Notice::SessionNotified(format!("said {n}"));
    let all = |n: &str| vec![Notice::SessionBell, Notice::SessionClipboard("hi".into()), said(n)];
    let mut first = Onlooker::new(&home, &id).await;
    first.type_(0, "1\n");
    assert_eq!(first.notices(|n| *n == said("1")).await, all("1"));
    assert_eq!(home.session("s")["title"], "title 1");
    // who comes later hears nothing of it: neither with the screen nor with what follows
    let mut second = Onlooker::new(&home, &id).await;
    second.type_(0, "2\n");
    assert_eq!(second.notices(|n| *n == said("2")).await, all("2"));
    // the clipboard is that of who was active last
    assert_eq!(first.notices(|n| *n == said("2")).await, [Notice::SessionBell, said("2")]);
}

#[tokio::test]
async fn a_search_waits_for_its_reader_and_ends_with_it() {
    let home = Home::new();
    let id = home.new_session(&["-n", "s", "--", "sh", "-c", "seq 1 5000; echo up; exec cat"]);
    home.shows("s", "^up$");
    let session: SessionId = id.parse().unwrap();
    let search = |stream| SessionSearch {
        limit: Some(SessionSearch::MOST),
        window: 100,
        ..SessionSearch::new(session.clone(), stream, ".")
    };
    let link = dial(&home, &id).await;
    // more is found than they may send: so they rest
    let mut frames = link.open_stream(2);
    for stream in 1..=16 {
        link.call(&search(stream * 2)).await.unwrap();
    }
    assert_eq!(link.call(&search(34)).await.unwrap_err().code, Fault::REFUSED);
    // the session goes on meanwhile
    home.thub(&["send", "s", "typed", "--keys", "Enter"]).ok();
    home.shows("s", "^typed$");
    assert_eq!(link.call(&SessionGet { session: session.clone() }).await.unwrap().session.id, id);
    // one gets credit, a little at a time, and comes to its end
    let mut all = Vec::new();
    loop {
        let got = bytes(&mut frames).await;
        all.extend_from_slice(&got);
        if all.ends_with(b"\"more\":false}}\n") {
            break;
        }
        let seen = all.len() as u64;
        link.out.urgent(2, Body::Ack { seen, limit: seen + 30_000 });
    }
    let said: Vec<Searched> =
        all.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect();
    let lines: Vec<u64> = said.iter().filter_map(|s| s.hit.as_ref()).map(|h| h.line).collect();
    assert_eq!(lines, (0..=5000).rev().collect::<Vec<_>>(), "as it was when it was called for");
    assert_eq!(said.last().unwrap().end, Some(SearchEnd { hits: 5001, more: false }));
    // there is room for one more, and for one that takes another's stream, and where a stream is let go of
    link.call(&search(34)).await.unwrap();
    assert_eq!(link.call(&search(36)).await.unwrap_err().code, Fault::REFUSED);
    link.call(&SessionDetach { stream: 34 }).await.unwrap();
    link.call(&search(36)).await.unwrap();
    // with the link they all go
    link.close();
    let link = dial(&home, &id).await;
    let end = std::time::Instant::now() + crate::support::PATIENCE;
    while let Err(f) = link.call(&search(2)).await {
        assert!(f.code == Fault::REFUSED && std::time::Instant::now() < end, "{f}");
    }
}

#[tokio::test]
async fn a_session_that_ends_meanwhile_is_asked_again() {
    let home = Home::new();
    let id = home.new_session(&["-n", "s", "--", "sh", "-c", "seq 1 5000; echo up; exec cat"]);
    home.shows("s", "^up$");
    let (agent, _) = crate::support::Agent::start(&home).await;
    let link = agent.link.clone();
    let mut search = SessionSearch { window: 100, ..SessionSearch::new(id.parse().unwrap(), 2, ".") };
    let mut frames = link.open_stream(2);
    link.call(&search).await.unwrap();
    assert_eq!(bytes(&mut frames).await.len(), 100);
    home.thub(&["send", "s", "--keys", "C-d"]).ok();
    home.thub(&["wait", "s"]).ok();
    // it is said, rather than that the rest never comes
    let frame = tokio::time::timeout(crate::support::PATIENCE, frames.recv()).await.unwrap().unwrap();
    let Ok(Body::Call(json)) = frame.body() else { panic!("{frame:?}") };
    let Ok(Message::Notice { method, params }) = call::parse(json) else { panic!() };
    assert!(matches!(Notice::from_wire(&method, params), Some(Notice::SessionExited(_))));
    // and its record has the answer
    (search.stream, search.pattern) = (6, "^1?234$".into());
    let found = thub::client::host::find::search(&link, search).await.unwrap();
    assert_eq!(found.hits.iter().map(|h| h.line).collect::<Vec<_>>(), [1233, 233]);
    agent.leave().await;
}

#[tokio::test]
async fn wrong_questions() {
    let home = Home::new();
    let id = home.new_session(&["-n", "s", "--", "cat"]);
    let session: SessionId = id.parse().unwrap();
    let link = dial(&home, &id).await;
    for pattern in ["(", "x{1000}{1000}", &"x".repeat(5000)] {
        let f = link.call(&SessionSearch::new(session.clone(), 2, pattern)).await.unwrap_err();
        assert!(f.code == Fault::BAD_PARAMS && f.message.starts_with('\'') && !f.message.contains('\n'), "{f}");
    }
    let f = link.call(&SessionSearch::new(session.clone(), 0, "x")).await.unwrap_err();
    assert_eq!(f.code, Fault::BAD_PARAMS);
    // nothing to look at: the end at once
    let mut frames = link.open_stream(2);
    let reply = link.call(&SessionSearch { from: 10, ..SessionSearch::new(session.clone(), 2, "x") }).await.unwrap();
    assert_eq!(reply, SessionSearching { from: 10, to: 10 });
    assert_eq!(bytes(&mut frames).await, b"{\"end\":{\"hits\":0,\"more\":false}}\n");
    assert_eq!(link.call(&SessionMarks { session, stream: 4, from: 0, window: 0 }).await.unwrap().bytes, 0);
}

#[test]
fn looking_for_something_in_the_tui() {
    let home = Home::new();
    let script =
        "seq 1 500; printf 'Needle one\\n'; head -c 5000 /dev/zero | tr '\\0' x; printf 'needle two'; exec cat";
    home.new_session(&["-n", "s", "--size", "80x24", "--", "sh", "-c", script]);
    home.shows("s", "needle two");
    let mut tty = Tty::thub(&home, 80, 24, &["attach", "s"]);
    tty.until_text("needle two");
    // from anywhere, back
    tty.prefix("/");
    tty.until_text("find back");
    tty.type_("^1?42$\r");
    let screen = tty.until("the newest of both", |s| s[0].contains("2 of 2") && s.iter().any(|l| l == "142"));
    assert!(!screen.iter().any(|l| l.contains("needle")), "{screen:?}");
    tty.type_("n");
    tty.until("the other one", |s| s[0].contains("1 of 2") && s.iter().any(|l| l == "42"));
    tty.type_("N");
    tty.until("and back", |s| s[0].contains("2 of 2") && s.iter().any(|l| l == "142"));
    // case counts with a capital alone; what goes on in the screen is found there
    tty.type_("?needle\r");
    tty.until("the last", |s| s[0].contains("2 of 2") && s.iter().any(|l| l.contains("needle two")));
    tty.type_("/Needle\r");
    tty.until("the first", |s| s[0].contains("1 of 1") && s.iter().any(|l| l.contains("Needle one")));
    tty.type_("/no such thing\r");
    tty.until("it to be said", |s| s[0].contains("no match"));
    tty.type_("/(\r");
    tty.until_text("unclosed group");
    // no mark was ever made here
    tty.type_("{");
    tty.until_text("marks no prompts");
    tty.type_("qtyped\r");
    tty.until("the program again", |s| s.iter().any(|l| l == "typed"));
    tty.prefix("d");
    assert_eq!(tty.wait_exit(), 0);
}

/// A shell that marks what it does (OSC 133), played by hand: a command per line that is typed, of a hundred lines.
const SHELL: &str = r#"
n=0
printf '\033]133;A\a$ \033]133;B\a'
while read x; do
    printf '\033]133;C\a'
    seq -f "output $n %g" 1 100
    read y
    n=$((n+1))
    printf '\033]133;D;%s\a\033]133;A\a$ \033]133;B\a' $n
done
"#;

#[tokio::test]
async fn a_shells_marks() {
    let home = Home::new();
    let id = home.new_session(&["-n", "s", "--size", "80x24", "--", "sh", "-c", SHELL]);
    home.shows("s", "^\\$");
    // told as they come
    let mut looks = Onlooker::new(&home, &id).await;
    looks.type_(0, "make\n");
    let is = |kind: &'static str| move |n: &Notice| matches!(n, Notice::SessionMark(m) if m.kind == kind);
    let mut told = looks.notices(is(MarkInfo::OUTPUT)).await;
    home.shows("s", "^output 0 100$");
    looks.type_(5, "\n");
    told.extend(looks.notices(is(MarkInfo::INPUT)).await);
    let told: Vec<MarkInfo> =
        told.into_iter().filter_map(|n| if let Notice::SessionMark(m) = n { Some(m) } else { None }).collect();
    let kinds: Vec<&str> = told.iter().map(|m| m.kind.as_str()).collect();
    assert_eq!(kinds, ["output", "end", "prompt", "input"]);
    let (output, end, prompt) = (&told[0], &told[1], &told[2]);
    // "$ make", a hundred lines, the Enter that ended it
    assert_eq!((output.line, end.line, prompt.line, told[3].col), (1, 102, 102, 2));
    assert_eq!((end.exit, output.exit), (Some(1), None));
    assert!(output.time > 1_600_000_000_000 && end.duration == end.time.checked_sub(output.time), "{told:?}");
    // who comes later hears of what comes later
    let mut later = Onlooker::new(&home, &id).await;
    later.type_(0, "test\n");
    let first = later.notices(|n| matches!(n, Notice::SessionMark(_))).await;
    assert!(matches!(&first[..], [Notice::SessionMark(m)] if m.kind == MarkInfo::OUTPUT && m.line == 103), "{first:?}");

    // listed, the one that runs as well
    let listed = |home: &Home| -> Vec<Value> {
        let all: Value = serde_json::from_str(&home.thub(&["marks", "s", "--json"]).ok()).unwrap();
        all.as_array().unwrap().clone()
    };
    let all = listed(&home);
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!((&all[0]["line"], &all[0]["exit_code"], &all[0]["running"]), (&json!(1), &json!(1), &json!(false)));
    assert_eq!(all[0]["duration_ms"].as_u64(), end.duration);
    assert_eq!((&all[1]["line"], &all[1]["exit_code"], &all[1]["running"]), (&json!(103), &Value::Null, &json!(true)));
    assert!(home.thub(&["marks", "s"]).ok().contains("running"));
    assert_eq!(home.thub(&["search", "s", "^\\$ make"]).ok(), "1:$ make\n", "the same line");
    home.shows("s", "^output 1 100$");
    later.type_(5, "\n");
    later.notices(is(MarkInfo::INPUT)).await;
    assert_eq!(listed(&home)[1]["exit_code"], 2);

    // from prompt to prompt
    let mut tty = Tty::thub(&home, 80, 24, &["attach", "s"]);
    tty.until_text("output 1 100");
    tty.prefix("[");
    tty.type_("{");
    tty.until("the last command", |s| s[0].starts_with("$ test") && s[1] == "output 1 1");
    tty.type_("{");
    tty.until("the first", |s| s[0].starts_with("$ make") && s[1] == "output 0 1");
    tty.type_("}");
    tty.until("and back", |s| s[0].starts_with("$ test"));
    tty.type_("q");
    tty.prefix("d");
    assert_eq!(tty.wait_exit(), 0);

    // and still when it has ended
    let before = listed(&home);
    home.thub(&["send", "s", "--keys", "C-d"]).ok();
    home.thub(&["wait", "s"]).ok();
    assert_eq!(listed(&home), before);
}
