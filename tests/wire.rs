//! Owns the golden frames: what was once said on the wire is still understood, and still said the same way.
//! `tests/wire/README.md` says how one is added. Frames must come out byte for byte; JSON must still have every field of
//! its golden file with the same value, and may have gained some.

use serde_json::{Value, json};
use std::fmt::Debug;
use std::path::PathBuf;
use thub::link::call::{self, Calls, Message};
use thub::link::conn::Outbox;
use thub::link::{Incoming, Link};
use thub::proto::bundle::{self, Entry, Record};
use thub::proto::control::connections::*;
use thub::proto::control::*;
use thub::proto::frame::{self, Body, Frame, Kind, tty};
use thub::proto::gauges::{Disk, Gauges, Net, Pressure, Process, Temp, Watched};
use thub::proto::hello;
use thub::proto::ids::Size;
use thub::proto::notice::{Notice, SessionExited, ShuttingDown};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

type Check = Box<dyn Fn(&Frame) -> Result<(), String>>;

struct Case {
    name: String,
    /// What this build says.
    ours: Vec<u8>,
    /// Whether a frame is read as it was meant.
    read: Check,
}

fn same<T: PartialEq + Debug>(got: T, want: &T) -> Result<(), String> {
    if got == *want { Ok(()) } else { Err(format!("it is read as\n{got:#?}\nand meant\n{want:#?}")) }
}

/// What an outbox was given, as it would travel.
fn written(put: impl FnOnce(&Outbox)) -> Vec<u8> {
    let out = Outbox::new();
    put(&out);
    out.close();
    let mut bytes = Vec::new();
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(out.write_to(&mut bytes))
        .unwrap();
    bytes
}

fn message(frame: &Frame) -> Result<Message, String> {
    match frame.body() {
        Ok(Body::Call(json)) => call::parse(json).map_err(|f| f.to_string()),
        other => Err(format!("no call: {other:?}")),
    }
}

fn body(name: &str, stream: u32, body: Body<'static>) -> Case {
    let mut ours = Vec::new();
    body.encode(stream, &mut ours);
    let read = move |f: &Frame| same((f.stream, f.body().map_err(|e| e.to_string())?), &(stream, body.clone()));
    Case { name: name.into(), ours, read: Box::new(read) }
}

fn method<M>(cases: &mut Vec<Case>, params: M, reply: M::Reply)
where
    M: Method + Clone + PartialEq + Debug + 'static,
    M::Reply: Clone + PartialEq + Debug + 'static,
{
    let ours = {
        let _runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        written(|out| drop(Calls::default().call(out, &params, call::DEADLINE)))
    };
    let read = move |f: &Frame| match message(f)? {
        Message::Call { id: 1, method, params: p } if method == M::NAME && f.stream == 0 => {
            same(call::params::<M>(p).map_err(|f| f.to_string())?, &params)
        }
        other => Err(format!("{other:?}")),
    };
    cases.push(Case { name: format!("call-{}", M::NAME), ours, read: Box::new(read) });

    let value = call::reply(reply.clone()).unwrap();
    let ours = written(|out| call::answer(out, 1, Ok(value)));
    let read = move |f: &Frame| match message(f)? {
        Message::Answer { id: 1, result: Ok(v) } => {
            same(serde_json::from_value::<M::Reply>(v).map_err(|e| e.to_string())?, &reply)
        }
        other => Err(format!("{other:?}")),
    };
    cases.push(Case { name: format!("answer-{}", M::NAME), ours, read: Box::new(read) });
}

/// The same method with other values: what came after its golden file.
fn variant<M>(cases: &mut Vec<Case>, name: &str, params: M, reply: M::Reply)
where
    M: Method + Clone + PartialEq + Debug + 'static,
    M::Reply: Clone + PartialEq + Debug + 'static,
{
    let from = cases.len();
    method(cases, params, reply);
    cases.iter_mut().skip(from).for_each(|c| c.name = format!("{}-{name}", c.name));
}

/// A line of JSON of an answer that comes on a stream.
fn answer<T>(cases: &mut Vec<Case>, name: &str, line: T)
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + Debug + 'static,
{
    let mut json = serde_json::to_vec(&line).unwrap();
    json.push(b'\n');
    let ours = written(|out| out.bulk(6, Body::Data { offset: 0, bytes: &json }));
    let read = move |f: &Frame| match f.body() {
        Ok(Body::Data { offset: 0, bytes }) if f.stream == 6 => {
            same(serde_json::from_slice::<T>(bytes).map_err(|e| e.to_string())?, &line)
        }
        other => Err(format!("{other:?}")),
    };
    cases.push(Case { name: format!("line-{name}"), ours, read: Box::new(read) });
}

fn notice(cases: &mut Vec<Case>, stream: u32, notice: Notice) {
    let (name, _) = notice.to_wire();
    let ours = written(|out| call::notify(out, stream, &notice));
    let read = move |f: &Frame| match message(f)? {
        Message::Notice { method, params } if f.stream == stream => {
            same(Notice::from_wire(&method, params), &Some(notice.clone()))
        }
        other => Err(format!("{other:?}")),
    };
    cases.push(Case { name: format!("notice-{name}"), ours, read: Box::new(read) });
}

fn info() -> SessionInfo {
    SessionInfo {
        root: false,
        id: "k3f9".into(),
        name: "build".into(),
        host: "local".into(),
        kind: "shell".into(),
        connection: "Default Shell".into(),
        connection_id: String::new(),
        state: "exited".into(),
        pid: 4711,
        created_at: "2026-02-19T08:30:00Z".into(),
        created_ms: 0,
        created_up: None,
        age_s: 0,
        cols: 120,
        rows: 40,
        offset: 81234,
        title: "make".into(),
        exit_code: Some(2),
        clients: 1,
        cause: Some("ended".into()),
        command: vec!["make".into(), "-j4".into()],
        running: String::new(),
        cwd: "/home/me/src".into(),
        ended_at: Some("2026-02-19T09:00:00Z".into()),
        bells: 3,
        device: None,
        target: String::new(),
    }
}

fn connections(c: &mut Vec<Case>) {
    let folder =
        Folder { id: "folder-1".into(), name: "Größe".into(), parent_id: Some("f".into()), ..Folder::default() };
    let connection: Connection = serde_json::from_value(json!({
        "id": "conn-3", "name": "SSH to sensor-node", "folderId": "folder-1", "tags": ["lab"], "later": 7,
        "config": { "type": "ssh", "config": { "host": "10.0.0.5", "username": "pi" } },
        "terminalOptions": { "ringBufferSize": 8192, "scrollbackBuffer": 500, "sizePolicy": "latest", "term": "vt220",
            "color": "red", "title": "sensor", "encoding": "iso-8859-1", "later": 7 } }))
    .expect("a connection");
    let listed = Listed { folders: vec![folder.clone()], connections: vec![connection.clone()], told: None };
    method(c, ConnectionsList::default(), ConnectionsListed { listed, bytes: 0 });
    let long = Listed { told: Some("damaged".into()), ..Listed::default() };
    variant(c, "stream", ConnectionsList { stream: 6 }, ConnectionsListed { listed: long, bytes: 300_000 });
    method(c, ConnectionsCreate { connection: connection.clone() }, Made { id: "c-1".into() });
    let patch = json!({ "name": "x", "tags": null }).as_object().cloned().unwrap_or_default();
    method(c, ConnectionsUpdate { id: "conn-3".into(), patch }, Done {});
    method(c, ConnectionsDelete { id: "conn-3".into(), ids: Vec::new() }, Done {});
    variant(c, "many", ConnectionsDelete { id: String::new(), ids: vec!["a".into(), "b".into()] }, Done {});
    let to = ConnectionsMove { ids: vec!["a".into()], folder: Some("f".into()), before: Some("b".into()) };
    method(c, to, Done {});
    let added = Added { folders: vec!["f-1".into()], connections: vec!["c-1".into()] };
    let add = ConnectionsAdd { folders: vec![folder.clone()], connections: vec![connection], ..Default::default() };
    method(c, add, added);
    let long = ConnectionsAdd { stream: 6, bytes: 300_000, ..ConnectionsAdd::default() };
    variant(c, "stream", long, Added::default());
    method(c, FoldersCreate { folder }, Made { id: "f-1".into() });
    let named =
        FoldersUpdate { id: "f".into(), name: Some("n".into()), is_expanded: Some(false), ..FoldersUpdate::default() };
    method(c, named.clone(), Done {});
    variant(c, "moved", FoldersUpdate { parent_id: Some(Some("g".into())), ..named.clone() }, Done {});
    variant(c, "top", FoldersUpdate { parent_id: Some(None), ..named }, Done {});
    method(c, FoldersDelete { id: "f".into(), with_content: true }, Done {});
}

fn cases() -> Vec<Case> {
    let size = Size::new(120, 40);
    let session = || "k3f9".parse().unwrap();
    let client = || serde_json::from_value(json!("000102030405060708090a0b0c0d0e0f")).unwrap();
    let capabilities = || {
        let c = Capability { version: 1, features: vec!["a".into()] };
        [("session".to_string(), c)].into_iter().collect::<std::collections::BTreeMap<_, _>>()
    };
    let mut cases = vec![
        body("frame-1-call", 0, Body::Call(b"{}")),
        body("frame-2-data", 4, Body::Data { offset: 81234, bytes: b"hello\r\n" }),
        body("frame-3-ack", 4, Body::Ack { seen: 81241, limit: 1 << 40 }),
        body("frame-4-screen", 4, Body::Screen { to: 81234, size, part: 1, last: true, bytes: b"\x1b[H\x1b[Jhi" }),
        body("frame-5-size", 4, Body::Size { offset: 81234, size }),
        body("frame-6-tty", 4, Body::Tty { offset: 81234, flags: tty::ECHO | tty::ICANON }),
        body("frame-7-ping", 0, Body::Ping(0x0102_0304_0506_0708)),
        body("frame-8-pong", 0, Body::Pong(0x0102_0304_0506_0708)),
    ];
    let c = &mut cases;
    method(
        c,
        Initialize {
            revision_min: 1,
            revision_max: 1,
            build: "0.1.0".into(),
            client: client(),
            capabilities: capabilities(),
        },
        Initialized {
            revision: 1,
            build: "0.1.0".into(),
            hostname: "box".into(),
            os: "linux".into(),
            arch: "x86_64".into(),
            pid: 4711,
            exe: "/home/me/.local/share/thub/agents/0.1.0/thub".into(),
            home: "/home/me".into(),
            recovered: 2,
            sessions: Vec::new(),
            lost: 0,
            ends_at_logout: false,
            capabilities: capabilities(),
        },
    );
    variant(
        c,
        "recovered",
        Initialize::default(),
        Initialized { recovered: 2, sessions: vec!["k3f9".into()], lost: 1, ..Initialized::default() },
    );
    variant(
        c,
        "logout",
        Initialize { build: "0.1.0".into(), client: client(), ..Initialize::default() },
        Initialized { revision: 1, ends_at_logout: true, ..Initialized::default() },
    );
    method(
        c,
        SessionCreate {
            again: None,
            name: Some("build".into()),
            command: vec!["make".into()],
            cwd: "/home/me".into(),
            cwd_of: Some(session()),
            size: Some(size),
            ring: Some(1 << 20),
            size_policy: Some("latest".into()),
            term: Some("xterm-256color".into()),
            history: None,
            connection: None,
            definition: None,
            container: None,
            target: None,
        },
        SessionCreated { session: info(), told: None },
    );
    let target = "t-0123456789abcdef";
    let create = SessionCreate { target: target.parse().ok(), ..SessionCreate::default() };
    let of_target = SessionInfo { kind: "ssh".into(), target: target.into(), ..info() };
    variant(c, "target", create, SessionCreated { session: of_target, told: None });
    let create = SessionCreate { command: vec!["make".into()], history: Some(50_000), ..SessionCreate::default() };
    variant(c, "history", create, SessionCreated { session: info(), told: None });
    let create = SessionCreate { connection: Some("conn-2".into()), ..SessionCreate::default() };
    let from = SessionInfo { connection: "ttyUSB0".into(), connection_id: "conn-2".into(), ..info() };
    let kept = Connection { id: "team-1".into(), name: "theirs".into(), ..Connection::default() };
    let theirs = SessionCreate { definition: Some(Box::new(kept)), ..SessionCreate::default() };
    variant(c, "definition", theirs, SessionCreated { session: info(), told: None });
    variant(c, "connection", create, SessionCreated { session: from, told: None });
    let told = Some("your own shell was started".into());
    let create = SessionCreate { again: Some(session()), ..SessionCreate::default() };
    let mended = SessionCreate { container: Some("thub-k3f9".into()), ..SessionCreate::default() };
    variant(c, "container", mended, SessionCreated { session: info(), told: None });
    variant(c, "again", create.clone(), SessionCreated { session: SessionInfo { root: true, ..info() }, told: None });
    variant(
        c,
        "age",
        create.clone(),
        SessionCreated { session: SessionInfo { age_s: 1_209_600, ..info() }, told: None },
    );
    let early = SessionInfo { created_up: Some(86_400_000), ..info() };
    variant(c, "created-up", create, SessionCreated { session: early, told: None });
    variant(c, "told", SessionCreate::default(), SessionCreated { session: info(), told });
    method(c, SessionList::default(), SessionListed { sessions: vec![info()], bytes: 0 });
    method(c, SessionGet { session: session() }, SessionCreated { session: info(), told: None });
    method(
        c,
        SessionAttach {
            session: session(),
            stream: 4,
            client: client(),
            have: Some(81234),
            resizes: 2,
            window: 1 << 18,
            screens: 0,
            packed: false,
            size: Some(size),
            auto: true,
            watch: true,
            blind: true,
            input_sent: 17,
            revision_min: 0,
            revision_max: 0,
            lent: Lent::default(),
        },
        SessionAttached {
            revision: 1,
            build: String::new(),
            features: vec!["a".into()],
            offset: 81234,
            screen: true,
            resizes: 2,
            input_applied: Some(17),
            input_limit: 1 << 18,
            session: info(),
            direct: None,
        },
    );
    let attach = SessionAttach {
        session: session(),
        stream: 4,
        client: client(),
        have: None,
        resizes: 0,
        window: 0,
        screens: 0,
        packed: false,
        size: None,
        auto: false,
        watch: false,
        blind: false,
        input_sent: 0,
        revision_min: 1,
        revision_max: 2,
        lent: Lent::default(),
    };
    variant(c, "revisions", attach.clone(), SessionAttached { build: "0.2.0".into(), ..SessionAttached::default() });
    let lent = Lent { auth_sock: Some("/run/agent".into()), display: None };
    let attach = SessionAttach { lent: lent.clone(), revision_min: 0, revision_max: 0, ..attach };
    let direct = Some(Direct { socket: "/run/user/1000/thub/a.sock".into(), lent });
    variant(c, "direct", attach, SessionAttached { direct, ..SessionAttached::default() });
    method(c, SessionDetach { stream: 4 }, Done {});
    method(c, SessionResize { session: session(), size }, Done {});
    method(c, SessionRename { session: session(), name: "größe".into() }, Done {});
    let act = Act::Lines { dtr: Some(true), rts: None };
    method(c, SessionAct { session: session(), act }, Done {});
    let holder = Some(SerialHolder { pid: 7, program: "picocom".into(), session: None });
    let port = SerialPort { path: "/dev/ttyUSB0".into(), driver: "ftdi_sio".into(), holder, ..SerialPort::default() };
    method(c, SerialList {}, SerialListed { ports: vec![port] });
    method(c, SessionColors { session: session(), text: Some((0, 1, 255)), back: Some((16, 32, 48)) }, Done {});
    method(c, SessionClose { session: session() }, Done {});
    method(
        c,
        SessionRead { session: session(), stream: 6, from: 7, to: Some(9), window: 1 << 18 },
        SessionReading { from: 8, to: 9 },
    );
    method(
        c,
        SessionHistory { session: session(), stream: 6, from: 7, to: Some(9), window: 1 << 18, revision: 0 },
        SessionHistoryReply { from: 8, to: 9, open: false, bytes: 12 },
    );
    variant(
        c,
        "open",
        SessionHistory { session: session(), stream: 6, from: 7, to: None, window: 0, revision: 0 },
        SessionHistoryReply { from: 8, to: 9, open: true, bytes: 12 },
    );
    method(
        c,
        SessionSearch {
            session: session(),
            stream: 6,
            pattern: "error|warning".into(),
            from: 7,
            to: Some(900),
            limit: Some(20),
            case: false,
            window: 1 << 18,
        },
        SessionSearching { from: 8, to: 900 },
    );
    answer(
        c,
        "session.search-hit",
        Searched {
            hit: Some(Hit { line: 81, start: 1204, end: 1209, at: 1004, text: "größe: error".into() }),
            ..Searched::default()
        },
    );
    answer(c, "session.search-down-to", Searched { down_to: Some(50), ..Searched::default() });
    answer(c, "session.search-end", Searched { end: Some(SearchEnd { hits: 20, more: true }), ..Searched::default() });
    method(
        c,
        SessionMarks { session: session(), stream: 6, from: 7, window: 1 << 18 },
        SessionMarksReply { bytes: 12 },
    );
    let mark = || MarkInfo {
        line: 81,
        col: 3,
        kind: "end".into(),
        exit: Some(2),
        time: 1_771_491_600_123,
        duration: Some(2500),
    };
    answer(c, "session.marks-mark", mark());
    method(
        c,
        SessionCapture { session: session(), stream: 6, from: Some(0), window: 1 << 18, revision: 0 },
        SessionCaptured {
            from: 1,
            to: 3,
            open: true,
            history_bytes: 12,
            screen_bytes: 34,
            cols: 120,
            rows: 40,
            offset: 81234,
        },
    );
    let history = SessionHistory { session: session(), stream: 6, from: 7, to: None, window: 0, revision: 2 };
    variant(c, "revision", history, SessionHistoryReply::default());
    let capture = SessionCapture { session: session(), stream: 6, from: None, window: 0, revision: 2 };
    variant(c, "revision", capture, SessionCaptured::default());
    method(
        c,
        ExecRun { stream: 6, command: vec!["uptime".into()], cwd: "/".into(), window: 1 << 18 },
        ExecStarted { pid: 4711 },
    );
    method(c, ExecStop { stream: 6 }, Done {});
    method(c, Subscribe { topic: "sessions".into() }, Done {});
    method(c, Unsubscribe { topic: "sessions".into() }, Done {});
    method(c, MonitoringSubscribe::default(), Done {});
    let of = Watched::at(Place::of_connection("conn-1"));
    variant(c, "place", MonitoringSubscribe { of: of.clone(), detail: true, every_ms: 10_000 }, Done {});
    let of_session = Watched::of_session("k3f9k3f9".parse().unwrap());
    variant(c, "session", MonitoringSubscribe { of: of_session, ..MonitoringSubscribe::default() }, Done {});
    let port = PortInfo { port: 8080, address: "127.0.0.1".into(), pid: 4711, command: "python3".into() };
    method(c, PortsList {}, PortsListed { ports: vec![port] });
    method(c, MonitoringUnsubscribe::default(), Done {});
    variant(c, "place", MonitoringUnsubscribe { of: of.clone() }, Done {});
    let one = ContainerInfo {
        id: "0123456789ab".into(),
        names: vec!["web".into()],
        image: "nginx:1".into(),
        state: "running".into(),
        status: "Up 3 hours".into(),
        created: 1_795_297_837,
        ports: vec!["127.0.0.1:8080->80/tcp".into()],
    };
    let image = ImageInfo { id: "sha256:ab".into(), names: vec!["nginx:1".into()], size: 1 << 20, created: 1 };
    method(
        c,
        ContainersList { socket: Some("/var/run/docker.sock".into()), images: true },
        Containers {
            socket: "/var/run/docker.sock".into(),
            containers: vec![one],
            images: vec![image],
            ..Containers::default()
        },
    );
    let own = Containers {
        socket: "/run/user/1000/podman/podman.sock".into(),
        engine: "Podman 4.3.1".into(),
        owner: "alice".into(),
        ..Containers::default()
    };
    variant(c, "own", ContainersList::default(), own);
    let stop = ContainersAct { socket: None, container: "web".into(), act: "stop".into() };
    method(c, stop, Done {});
    let shutdown = AgentShutdown { reason: "update".into(), expected_return_s: None };
    method(c, shutdown.clone(), Done {});
    variant(c, "return", AgentShutdown { expected_return_s: Some(5), ..shutdown }, Done {});
    method(c, AgentUpdate { build: "0.2.0-0123456789ab".into() }, Done {});
    method(c, SessionRecover {}, SessionRecovered { sessions: vec![info()], recovered: 2, orphaned: 1, lost: 1 });

    connections(c);
    files(c);

    let told = Told { kind: "refused".into(), what: "no".into(), hints: vec!["ask".into()], hard: true };
    let info = || TargetInfo {
        host: "me@web".into(),
        state: "lost".into(),
        channels: 2,
        pid: 4711,
        failure: Some(told.clone()),
        chosen: false,
    };
    method(c, TargetAttach::default(), info());
    variant(c, "chosen", TargetAttach { chosen: Some(true) }, TargetInfo { chosen: true, ..info() });
    method(c, TargetGet {}, info());
    method(c, TargetConnect::default(), info());
    let lends = TargetConnect {
        auth_sock: Some("/tmp/ssh-X/agent.1".into()),
        display: Some("localhost:10.0".into()),
        xauthority: Some("/home/me/.Xauthority".into()),
    };
    variant(c, "lends", lends, info());
    method(c, TargetStop {}, Done {});
    method(
        c,
        ChannelOpen {
            stream: 2,
            kind: "exec".into(),
            command: vec!["make".into(), "-j4".into()],
            line: None,
            term: "xterm-256color".into(),
            cols: 120,
            rows: 40,
            env: vec![("COLORTERM".into(), "truecolor".into())],
            window: 1 << 18,
        },
        ChannelOpened { host: "me@web".into(), input_limit: 1 << 18 },
    );
    method(
        c,
        AskHostKey {
            host: "me@web".into(),
            kind: "ssh-ed25519".into(),
            fingerprint: "SHA256:abc".into(),
            ..AskHostKey::default()
        },
        Trusted { trust: Some(true) },
    );
    let key = AskHostKey {
        host: "me@web".into(),
        address: "web (192.0.2.7) port 22".into(),
        way: "jump host 1 of 2 on the way to me@far".into(),
        kept: "/h/.ssh/known_hosts, as web".into(),
        ..AskHostKey::default()
    };
    variant(c, "address", key, Trusted { trust: Some(false) });
    method(
        c,
        AskSecret { host: "me@web".into(), prompt: "Password:".into(), echo: true, ..AskSecret::default() },
        Secret { answer: Some("golden".into()) },
    );
    let (host, prompt) = ("me@web".to_string(), "Passphrase for /k".to_string());
    let passphrase = AskSecret { host, prompt, kind: "passphrase".into(), ..AskSecret::default() };
    variant(c, "passphrase", passphrase.clone(), Secret { answer: Some("golden".into()) });
    variant(c, "wrong", AskSecret { left: Some(2), ..passphrase }, Secret { answer: None });
    let lost = SessionExited { exit_code: Some(130), cause: Some("connection lost".into()) };
    notice(c, 2, Notice::ChannelExited(lost));
    notice(c, 0, Notice::TargetSilent(2900));
    notice(c, 0, Notice::TargetLost);

    let fault = Fault::new(Fault::UNKNOWN, "no session of that name");
    let told = fault.clone();
    c.push(Case {
        name: "answer-fault".into(),
        ours: written(|out| call::answer(out, 1, Err(told))),
        read: Box::new(move |f| match message(f)? {
            Message::Answer { id: 1, result: Err(got) } => same(got, &fault),
            other => Err(format!("{other:?}")),
        }),
    });

    notice(c, 4, Notice::SessionExited(SessionExited { exit_code: Some(130), cause: Some("signal 2".into()) }));
    notice(c, 4, Notice::SessionChanged(Box::new(self::info())));
    notice(c, 4, Notice::SessionBell);
    notice(c, 4, Notice::SessionDropped);
    notice(c, 4, Notice::SessionClipboard("copied".into()));
    notice(c, 4, Notice::SessionNotified("done".into()));
    notice(c, 4, Notice::SessionMark(mark()));
    notice(c, 0, Notice::SessionsChanged);
    notice(c, 0, Notice::ConnectionsChanged);
    let gauges = Gauges {
        cpu: Some(12.5),
        mem_used: 3 << 30,
        mem_total: 8 << 30,
        load: Some(0.5),
        uptime: 3600,
        ..Gauges::default()
    };
    notice(c, 0, Notice::MonitoringData(Box::new(gauges.clone())));
    let whole = Gauges {
        of: Watched::at(Place::of_connection("conn-1")),
        load5: Some(0.25),
        load15: Some(0.125),
        cores: vec![25.0, 0.0],
        swap_used: 1 << 20,
        swap_total: 1 << 30,
        disks: vec![Disk { mount: "/".into(), used: 28 << 30, total: 100 << 30, available: None }],
        disk_read: Some(4096),
        disk_written: Some(0),
        nets: vec![Net { name: "eth0".into(), rx: Some(12_288), tx: None, rx_total: 1 << 40, tx_total: 7 }],
        temps: vec![Temp { name: "cpu".into(), celsius: 56.5 }],
        pressure: Some(Pressure { cpu_some: 1.5, mem_some: 0.0, mem_full: 0.0, io_some: 3.25, io_full: 0.5 }),
        processes: Some(211),
        top: vec![Process { pid: 42, user: "me".into(), cpu: 99.5, rss: 1 << 20, command: "cargo build".into() }],
        faults: vec!["/proc/diskstats: Permission denied".into()],
        every_ms: 5000,
        ..gauges
    };
    notice(c, 0, Notice::MonitoringData(Box::new(whole)));
    if let Some(case) = c.last_mut() {
        case.name = "notice-monitoring.data-whole".into();
    }
    let none = Gauges { faults: vec!["not connected".into()], ..Gauges::default() };
    notice(c, 0, Notice::MonitoringData(Box::new(none)));
    if let Some(case) = c.last_mut() {
        case.name = "notice-monitoring.data-none".into();
    }
    notice(c, 0, Notice::SessionsRecovered(vec!["k3f9".into()]));
    let down = ShuttingDown { reason: "update".into(), expected_return_s: None };
    notice(c, 0, Notice::AgentShuttingDown(down.clone()));
    let from = c.len();
    notice(c, 4, Notice::AgentShuttingDown(ShuttingDown { expected_return_s: Some(5), ..down }));
    c.iter_mut().skip(from).for_each(|c| c.name.push_str("-return"));
    notice(c, 0, Notice::ExecExited { stream: 6, code: 7 });
    let ended = FilesEnded { info: Some(file()), fault: Some(Fault::new(Fault::FULL, "no space is left")) };
    notice(c, 6, Notice::FilesEnded(Box::new(ended)));
    cases
}

fn file() -> FileInfo {
    FileInfo {
        name: FileName::new("größe").unwrap(),
        kind: FileKind::File,
        size: 1 << 40,
        mode: 0o640,
        mtime_ms: 1_771_491_600_123,
        uid: 1000,
        gid: 100,
        owner: "me".into(),
        group: "users".into(),
        link: None,
    }
}

/// The calls about files, each with all it may say.
fn files(c: &mut Vec<Case>) {
    let path = |p: &str| FilePath::new(p).unwrap();
    let name = || FileName::new("größe").unwrap();
    let here = Place::default;
    let (odd, odd_path) = (FileName::new(b"\xff\xfe").unwrap(), FilePath::new(b"/a/\xff").unwrap());
    let link = LinkInfo { target: odd_path.clone(), kind: Some(FileKind::Dir) };
    let link = FileInfo { name: odd, kind: FileKind::Link, link: Some(link), ..FileInfo::default() };
    let fault = || Fault::new(Fault::REFUSED, "permission denied");
    let list = FilesList { place: here(), path: path("/a"), stream: 6, window: 1 << 18 };
    method(c, list.clone(), FilesListing { real: path("/b/a") });
    let target = "t-0123456789abcdef".parse().ok();
    let place = FilesList { place: Place { target, ..here() }, path: odd_path, ..list };
    variant(c, "target", place.clone(), FilesListing::default());
    let connection = FilesList { place: Place::of_connection("c-1"), ..place.clone() };
    variant(c, "connection", connection, FilesListing::default());
    let ssh = Ssh { host: "pi".into(), port: 2222, username: "me".into(), ..Ssh::default() };
    let ssh = Place { ssh: Some(Box::new(ssh)), ..here() };
    variant(c, "ssh", FilesList { place: ssh, ..place }, FilesListing::default());
    answer(c, "files.list-entries", FilesLines { entries: vec![file(), link], end: None });
    let end = ListEnd { entries: 100_000, more: true, unusable: 3, fault: Some(fault()) };
    answer(c, "files.list-end", FilesLines { entries: Vec::new(), end: Some(end) });
    method(
        c,
        FilesStat { place: here(), path: path("a"), real: true, space: true },
        FilesStatted { info: file(), real: Some(path("/h/a")), space: Some(Space { total: 1 << 40, free: 1 << 30 }) },
    );
    let below = FilePath::default();
    let read = FilesRead { place: here(), path: path("a"), below, stream: 6, from: 7, to: Some(9), window: 1 << 18 };
    method(c, read.clone(), FilesReading { info: file() });
    variant(c, "below", FilesRead { below: path("b/c"), ..read }, FilesReading { info: file() });
    let write = FilesWrite {
        place: here(),
        dir: path("/a"),
        below: FilePath::default(),
        name: name(),
        stream: 6,
        part: "0123456789abcdef".into(),
        size: Some(1 << 40),
        mode: Some(0o640),
        mtime_ms: Some(1_771_491_600_123),
        replace: true,
        keep: false,
        sync: false,
        window: 1 << 20,
    };
    method(c, write.clone(), FilesWriting { at: 1 << 30, limit: 1 << 31 });
    variant(c, "below", FilesWrite { below: path("b/c"), ..write.clone() }, FilesWriting::default());
    variant(c, "sync", FilesWrite { sync: true, ..write }, FilesWriting::default());
    method(c, FilesMkdir { place: here(), path: path("/a"), parents: true, mode: Some(0o700) }, Done {});
    method(c, FilesRename { place: here(), from: path("/a"), to: path("/b"), replace: true }, Done {});
    method(c, FilesDelete { place: here(), path: path("/a"), recursive: true, stream: 6, window: 1 << 18 }, Done {});
    let failed = vec![Failed { path: path("a/b"), why: fault() }];
    answer(c, "files.delete-progress", FilesProgress { files: 7, bytes: 9, failed, end: None });
    let end = Some(WorkEnd { failed: 1, unusable: 2, fault: Some(fault()) });
    answer(c, "files.delete-end", FilesProgress { files: 7, bytes: 0, failed: Vec::new(), end });
    method(c, FilesChmod { place: here(), path: path("/a"), mode: 0o755 }, Done {});
    let target = FilesLinkTarget { target: path("../b") };
    method(c, FilesLinkRead { place: here(), path: path("/a") }, target);
    method(
        c,
        FilesCopy { place: here(), from: path("/a"), to: path("/b"), replace: true, stream: 6, window: 1 << 18 },
        Done {},
    );
    method(
        c,
        FilesHash { place: here(), path: path("/a"), from: 7, to: Some(9) },
        FilesHashed { sha256: "ab".repeat(32), bytes: 2 },
    );
    let pack = FilesPack {
        place: here(),
        dir: path("/a"),
        names: vec![name()],
        contents: false,
        have: true,
        only: false,
        stream: 6,
        window: 1 << 20,
    };
    method(c, pack.clone(), FilesPacking { limit: 1 << 20 });
    let only = FilesPack { names: Vec::new(), contents: true, have: false, only: true, ..pack };
    variant(c, "only", only, FilesPacking { limit: 1 << 20 });
    let sync = false;
    let unpack = FilesUnpack { place: here(), dir: path("/a"), replace: true, sync, stream: 6, window: 1 << 18 };
    method(c, unpack.clone(), FilesUnpacking { limit: 1 << 20 });
    variant(c, "sync", FilesUnpack { sync: true, ..unpack }, FilesUnpacking { limit: 1 << 20 });
}

/// A bundle as it was is still read, and still made so.
#[test]
fn the_bundle() {
    let entry = |path: &[u8], kind, link: Option<&str>| {
        let (path, link) = (FilePath::new(path).unwrap(), link.map(|l| FilePath::new(l).unwrap()));
        Record::Entry(Entry { path, kind, size: 2, mode: 0o644, mtime_ms: 1_771_491_600_123, link })
    };
    let failed = Failed { path: FilePath::new("b").unwrap(), why: Fault::new(Fault::REFUSED, "no") };
    let records = [
        entry(b"a", FileKind::Dir, None),
        entry(b"a/\xff", FileKind::File, None),
        Record::Bytes(b"hi".to_vec()),
        Record::Whole,
        entry(b"a/l", FileKind::Link, Some("../x")),
        Record::Failed(failed),
        Record::End(WorkEnd { failed: 1, unusable: 2, fault: None }),
    ];
    let mut ours = Vec::new();
    records.iter().for_each(|r| bundle::encode(r, &mut ours));
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/wire/bundle.hex");
    if std::env::var_os("UPDATE").is_some() && !file.exists() {
        std::fs::write(&file, dump(&ours)).unwrap();
    }
    let golden = undump(&std::fs::read_to_string(&file).expect("its file is there (UPDATE=1 writes it)"));
    assert_eq!(dump(&ours), dump(&golden));
    let mut decoder = bundle::Decoder::new();
    decoder.push(&golden);
    let read: Vec<_> = std::iter::from_fn(|| decoder.record().unwrap()).collect();
    assert_eq!(read, records);
}

/// Every frame kind, call and notice of revision 1 as it was, each in its file.
#[test]
fn revision_1() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/wire/1");
    let update = std::env::var_os("UPDATE").is_some();
    let cases = cases();
    let mut wrong = Vec::new();
    for case in &cases {
        let file = dir.join(format!("{}.hex", case.name));
        if update && !file.exists() {
            std::fs::write(&file, dump(&case.ours)).unwrap();
        }
        let Ok(text) = std::fs::read_to_string(&file) else {
            wrong.push(format!("{}: its file is missing (UPDATE=1 writes it)", case.name));
            continue;
        };
        if let Err(why) = check(case, &undump(&text)) {
            wrong.push(format!("{}: {why}", case.name));
        }
    }
    for entry in std::fs::read_dir(&dir).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !cases.iter().any(|c| format!("{}.hex", c.name) == name) {
            wrong.push(format!("{name}: nothing reads it any more"));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

fn check(case: &Case, golden: &[u8]) -> Result<(), String> {
    let whole = |bytes: &[u8]| match frame::decode(bytes) {
        Ok(Some((frame, used))) if used == bytes.len() => Ok(frame),
        other => Err(format!("not one frame: {other:?}")),
    };
    let (then, now) = (whole(golden)?, whole(&case.ours)?);
    (case.read)(&then)?;
    if case.name.starts_with("frame-") {
        return if golden == case.ours { Ok(()) } else { Err(format!("this build says\n{}", dump(&case.ours))) };
    }
    let json_of = |f: &Frame| match f.body() {
        Ok(Body::Call(json) | Body::Data { bytes: json, .. }) => Ok(json.to_vec()),
        other => Err(format!("no JSON: {other:?}")),
    };
    let (was, is) = (json_of(&then)?, json_of(&now)?);
    let (was, is) = (was.as_slice(), is.as_slice());
    let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
    missing(&json(was), &json(is), "").map_or(Ok(()), |at| Err(format!("this build does not say {at} so any more")))?;

    // a newer side's fields are passed over
    let mut more = json(was);
    for part in ["params", "result", "error"] {
        if let Some(Value::Object(fields)) = more.get_mut(part) {
            fields.insert("of_a_newer_build".into(), json!({"deep": [1]}));
        }
    }
    more["of_a_newer_build"] = json!(1);
    let with = |v: &Value| {
        let mut payload = serde_json::to_vec(v).unwrap();
        if then.kind == Kind::DATA {
            payload.splice(0..0, [0; 8]);
        }
        Frame { payload, ..then.clone() }
    };
    (case.read)(&with(&more)).map_err(|e| format!("with an unknown field {e}"))?;

    // an older side's are filled in, all but what a call is about
    for part in ["params", "result"] {
        let Some(Value::Object(fields)) = json(was).get(part).cloned() else { continue };
        for key in fields.keys().filter(|k| !matches!(k.as_str(), "session" | "stream" | "size" | "name")) {
            let mut less = json(was);
            less[part].as_object_mut().unwrap().remove(key);
            if let Err(why) = (case.read)(&with(&less))
                && !why.starts_with("it is read as")
            {
                return Err(format!("without {key} it is not read: {why}"));
            }
        }
    }
    Ok(())
}

/// Where in `is` something of `was` is not as it was.
fn missing(was: &Value, is: &Value, at: &str) -> Option<String> {
    match (was, is) {
        (Value::Object(a), Value::Object(b)) => a.iter().find_map(|(k, v)| match b.get(k) {
            Some(w) => missing(v, w, &format!("{at}.{k}")),
            None => Some(format!("{at}.{k}")),
        }),
        _ if was == is => None,
        _ => Some(at.to_string()),
    }
}

#[test]
fn the_banner() {
    let golden = b"motd\n\nthub/1 0.1.0\n";
    assert_eq!(hello::find_banner(golden), Some((golden.len(), "0.1.0".into())));
    assert_eq!(hello::banner(), format!("\nthub/1 {}\n", hello::BUILD));
}

/// What a newer peer may send on the link is passed over, and what follows is served.
#[tokio::test]
async fn unknown_things_are_passed_over() {
    let (ours, mut theirs) = tokio::io::duplex(1 << 16);
    let (tx, mut incoming) = tokio::sync::mpsc::unbounded_channel();
    let (link, serve) = Link::new(ours, true, tx);
    let serve = tokio::spawn(serve);
    let mut bytes = Vec::new();
    frame::encode(&mut bytes, Kind(200), 0, &[b"of a newer build"]);
    frame::encode(&mut bytes, Kind(200), 4, &[b"on a stream nobody has opened"]);
    frame::encode(&mut bytes, Kind::DATA, 4, &[&[0; 8], b"data there"]);
    Body::Call(br#"{"jsonrpc":"2.0","method":"weather.changed","params":{"sun":true}}"#).encode(0, &mut bytes);
    Body::Call(br#"{"jsonrpc":"2.0","id":77,"result":{"of":"a call nobody made"}}"#).encode(0, &mut bytes);
    Body::Call(br#"{"jsonrpc":"2.0","id":9,"method":"session.list"}"#).encode(0, &mut bytes);
    theirs.write_all(&bytes).await.unwrap();
    let mut seen = Vec::new();
    loop {
        match incoming.recv().await.expect("the link lives") {
            Incoming::Notice { method, params } => seen.push(Notice::from_wire(&method, params)),
            Incoming::Call { id, method, .. } => {
                assert_eq!((id, method.as_str()), (9, SessionList::NAME));
                break;
            }
            Incoming::Rtt(_) => {}
        }
    }
    assert!(seen.iter().all(Option::is_none), "an unknown notice means nothing: {seen:?}");
    assert!(!link.is_closed() && !serve.is_finished());
    link.close();
    let mut said = Vec::new();
    theirs.read_to_end(&mut said).await.unwrap();
    assert!(said.starts_with(hello::banner().as_bytes()));
}

fn dump(bytes: &[u8]) -> String {
    let text = |b: &u8| if b.is_ascii_graphic() || *b == b' ' { char::from(*b) } else { '.' };
    let line = |(i, row): (usize, &[u8])| {
        let hex: String = row.iter().map(|b| format!("{b:02x} ")).collect();
        format!("{:04x}  {hex:48} |{}|\n", i * 16, row.iter().map(text).collect::<String>())
    };
    bytes.chunks(16).enumerate().map(line).collect()
}

fn undump(text: &str) -> Vec<u8> {
    let hex = text.lines().flat_map(|l| l.get(6..54).unwrap_or_default().split_whitespace());
    hex.map(|h| u8::from_str_radix(h, 16).expect("two hexadecimal digits")).collect()
}
