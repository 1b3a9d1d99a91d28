//! Owns what is done with fuzzed bytes: one function a target, all of them total. Shared by `targets/` (cargo-fuzz) and
//! `tests/corpus.rs`. Leaves out where the bytes come from.

#[path = "terminal.rs"]
pub mod terminal;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use thub::backend::telnet::protocol::{ANSWERS, Protocol, SUB_MOST};
use thub::config::Config;
use thub::link::call::{self, Message};
use thub::paths::Paths;
use thub::proto::bundle::{self, Decoder, Record};
use thub::proto::control::connections::{Listed, check::check};
use thub::proto::control::*;
use thub::proto::frame::{self, Body, Kind};
use thub::proto::hello;
use thub::proto::ids::{SessionId, Size, check_name};
use thub::proto::notice::Notice;
use thub::store::connections::Book;
use thub::store::connections::import::{
    self,
    plan::{Base, plan},
};
use thub::store::file::Stored;
use thub::store::layout::{Layout, migrate};
use thub::store::rundir::RunDir;
use thub::term::engine::Engine;
use thub::term::history::History;
use thub::term::input::{Input, Key, Parser};
use thub::term::keys;
use thub::term::screen::Modes;
use thub::text::{self, Untrusted};
use thub::theme::Theme;
use thub::transport::deploy::{choose, elf, remote};
use thub::transport::ssh::config::own::world::{Opened, World};
use thub::transport::ssh::config::{HostConfig, KEYS, Me, Tokens, expand, own, parse_dest, parse_g};
use thub::transport::ssh::forward::socks;
use thub::transport::ssh::forward::spec::{Kind as Forward, Place, Spec};
use thub::transport::ssh::known_hosts::{self, File, HostKey, Verdict};
use thub::transport::ssh::sftp::packet::{self, Reply};
use thub::transport::ssh::sftp_guard::{Guard, PACKET_MOST};

/// What a port sends, and what is read of the machines that have one.
pub fn serial(data: &[u8]) {
    use thub::backend::serial::{First, View, Wall, first, group_of, session_of, tty_index};
    let text = String::from_utf8_lossy(data);
    let _ = (tty_index(&text), group_of(&text, 20), session_of(data));
    if let First::Open(marks, at) = first(data, &text) {
        assert!(at <= data.len() && marks.len() <= 16);
    }
    for n in 0..8u8 {
        let mut view = View::default();
        (view.timestamps, view.crlf) = (n & 1 > 0, n & 2 > 0);
        let mut out = Vec::new();
        view.set_hex(n & 4 > 0, &mut out);
        out.clear();
        for (at, piece) in data.chunks(7).enumerate() {
            view.show(piece, Wall(at as u64 * 1234), &mut out);
        }
        // what is only shown is shown as it is
        assert!(n > 0 || out == data);
        view.note(&text, &mut out);
        assert!(out.ends_with(b" --\r\n"));
        // (at most a row for each byte, drawn anew, or a time for each line)
        assert!(out.len() <= 2000 + data.len() * 100);
        view.echo(data, &mut out);
    }
    let _ = text.split_once(' ').map(|(act, follows)| Act::typed(act, Some(follows)));
}

/// What a peer sends on a link.
pub fn frame(data: &[u8]) {
    if let Some((end, build)) = hello::find_banner(data) {
        assert!(end <= data.len() && !build.is_empty() && build.len() <= 128);
    }
    let mut rest = data;
    while let Ok(Some((frame, used))) = frame::decode(rest) {
        assert!(used > 4 && used <= rest.len() && used <= 4 + frame::MAX_FRAME);
        let mut again = Vec::new();
        frame.encode(&mut again);
        assert_eq!(again, &rest[..used], "a relay copies it as it is");
        rest = &rest[used..];
        let Ok(body) = frame.body() else { continue };
        if let Body::Screen { size, .. } | Body::Size { size, .. } = body {
            assert!(size.is_valid());
        }
        if let Body::Call(json) = body {
            message(json);
        }
        if !matches!(body, Body::Unknown) {
            let mut said = Vec::new();
            body.encode(frame.stream, &mut said);
            let (back, _) = frame::decode(&said).expect("ours").expect("whole");
            assert_eq!(back.body(), Ok(body));
        }
    }
    message(data);
    let _ =
        frame::Frame { kind: Kind(data.first().copied().unwrap_or(0) % 10), stream: 1, payload: data.to_vec() }.body();
}

fn message(json: &[u8]) {
    match call::parse(json) {
        Ok(Message::Notice { method, params }) => drop(Notice::from_wire(&method, params)),
        Ok(Message::Call { params, .. }) => {
            let _ = call::params::<Initialize>(params.clone());
            let _ = call::params::<SessionCreate>(params.clone());
            let _ = call::params::<SessionAttach>(params.clone());
            if let Ok(s) = call::params::<SessionSearch>(params.clone()) {
                let _ = thub::term::search::compile(&s.pattern, s.case);
            }
            let _ = call::params::<FilesWrite>(params.clone());
            let _ = call::params::<FilesPack>(params.clone());
            let _ = call::params::<ExecRun>(params);
        }
        Ok(Message::Answer { result: Ok(value), .. }) => {
            let _ = serde_json::from_value::<SessionListed>(value.clone());
            let _ = serde_json::from_value::<Searched>(value.clone());
            let _ = serde_json::from_value::<MarkInfo>(value.clone());
            let _ = serde_json::from_value::<FilesLines>(value.clone());
            let _ = serde_json::from_value::<FilesProgress>(value.clone());
            let _ = serde_json::from_value::<SessionAttached>(value);
        }
        Ok(Message::Answer { result: Err(_), .. }) | Err(_) => {}
    }
}

/// What a program writes to its terminal, cut anywhere, with sizes changed in between (`terminal.rs` says how it is read).
pub fn term(data: &[u8]) {
    terminal::check(data);
}

/// What a telnet host sends, cut anywhere.
pub fn telnet(data: &[u8]) {
    let size = Size { rows: 24, cols: 80 };
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut host = Protocol::new("xterm-256color", size);
        let (mut text, mut out) = (Vec::new(), Vec::new());
        for piece in pieces {
            host.receive(piece, &mut text, &mut out);
        }
        (text, out, host.echoes(), host.takes_characters())
    };
    let whole = read(&mut std::iter::once(data));
    assert_eq!(whole, read(&mut data.chunks(1)), "where it is cut makes no difference");
    assert!(whole.0.len() <= data.len());
    // the longest answer names the terminal; what is there from the beginning is filled up by text alone
    let answers = (ANSWERS as usize + whole.0.len()).min(data.len() / 3 + 4);
    assert!(whole.1.len() <= answers * 24 + SUB_MOST, "{} bytes to {}", whole.1.len(), data.len());
    // what is typed arrives as it is, whatever has been agreed on
    let mut host = Protocol::new("vt100", size);
    let (mut nothing, mut out) = (Vec::new(), Vec::new());
    host.send(data, &mut out);
    Protocol::new("vt100", size).receive(&out, &mut nothing, &mut Vec::new());
    assert_eq!(nothing, data);
}

/// A known_hosts file.
pub fn known_hosts(data: &[u8]) {
    let file = [File { path: PathBuf::from("known_hosts"), text: Ok(data.to_vec()) }];
    let kind = "ssh-ed25519".to_string();
    let mut blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
    blob.extend([7; 32]);
    let key = HostKey { kind, blob };
    for (host, port) in [("build.example", 22), ("build.example", 2222), ("::1", 22)] {
        let verdict = known_hosts::verdict(&file, host, port, &key);
        let said = String::from_utf8_lossy(data).contains("AAAAC3NzaC1lZDI1NTE5"); // ssh-ed25519
        assert!(verdict != Verdict::Known || said, "known from nothing");
        let _ = known_hosts::recorded_types(&file, host, port);
        let stopped = known_hosts::stopped(&file, host, port, &key);
        assert!(!matches!(stopped, Some(Verdict::Known | Verdict::Unknown | Verdict::Changed { .. })));
        let _ = known_hosts::revoked_certificate(&file[0], &key, data.len() as u64, "id");
        for authority in known_hosts::authorities(&file, host, port) {
            assert_eq!(HostKey::from_blob(authority.blob.clone()), Some(authority));
        }
    }
    let _ = known_hosts::revoked(&file[0], &key);
}

/// What a SOCKS client sends, a forward as it is typed, and one as `ssh -G` prints it.
pub fn forward(data: &[u8]) {
    let plain = |place: &Place| match place {
        Place::Tcp { host, port } => {
            let host = host.as_deref().unwrap_or("localhost");
            assert!(*port > 0 && !host.is_empty() && host.len() <= 255);
            assert!(!host.contains(|c: char| c.is_control() || c.is_whitespace() || c == '/'), "{host:?}");
        }
        Place::Unix(path) => assert!(path.starts_with('/') && !path.contains(char::is_control)),
    };
    if let Ok(Some((used, first))) = socks::first(data) {
        assert!(used <= data.len() && used <= socks::MOST);
        if let socks::First::Connect(place) = first {
            plain(&place);
        }
    }
    if let Ok(Some((used, place))) = socks::request(data) {
        assert!(used <= data.len() && used <= socks::MOST);
        plain(&place);
    }
    // however long it gets, it is understood or refused
    let long = [data, &[1; socks::MOST]].concat();
    let endless = |r: Result<bool, socks::Refused>| r == Ok(true);
    assert!(!endless(socks::first(&long).map(|f| f.is_none())) && !endless(socks::request(&long).map(|r| r.is_none())));
    let text = String::from_utf8_lossy(data);
    if let Ok(spec) = Spec::parse(&text) {
        spec.target.iter().for_each(plain);
        assert_eq!(Spec::parse(&spec.to_string()).ok().as_ref(), Some(&spec));
    }
    for kind in [Forward::Local, Forward::Remote, Forward::Dynamic] {
        if let Some(spec) = Spec::from_config(kind, &text) {
            spec.target.iter().for_each(plain);
        }
    }
}

/// What `ssh -G` prints; a destination; an ssh_config, whole and for its aliases.
pub fn ssh_config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let home = Path::new("/home/me");
    let first = text.lines().next().unwrap_or_default();
    if let Ok(dest) = parse_dest(first) {
        assert!(!dest.host.is_empty() && !dest.host.starts_with('-'), "{dest:?}");
        let _ = HostConfig::defaults(&dest, home, "me").shown();
    }
    let dest = parse_dest("build").expect("a plain name");
    let config = parse_g(&text, &dest, home, "me");
    assert!(config.port > 0);
    let _ = (config.shown(), config.recorded_as());
    let tokens = Tokens { config: &config, home: "/home/me", me: "me", uid: 1000, machine: "box" };
    let _ = expand(first, &tokens);
    let world = Nowhere { me: Me { uid: 1000, name: "me".into(), home: home.into() }, text: data };
    if let Ok((said, wrong)) = own::said::said(&dest, Path::new("config"), &world) {
        assert!(said.port != Some(0) && wrong.len() < 1100, "{said:?}");
    }
    match own::read(&dest, Some(Path::new("config")), &world) {
        Ok(printed) => {
            let printed = String::from_utf8_lossy(&printed);
            for line in printed.lines() {
                let (key, _) = line.split_once(' ').expect("key and value");
                assert!(KEYS.contains(&key), "{key}");
            }
            let config = parse_g(&printed, &dest, home, "me");
            assert!(config.port > 0 && !config.ciphers.iter().any(String::is_empty));
            assert!(config.connection_attempts > 0);
        }
        Err(wrong) => {
            assert!(!wrong.hints.is_empty());
            assert!(wrong.what.chars().all(|c| !c.is_control()), "{}", wrong.what);
        }
    }
    if !text.to_ascii_lowercase().contains("include") {
        let path = DIR.path().join(format!("config-{:?}", std::thread::current().id()));
        std::fs::write(&path, data).expect("the temp dir takes it");
        for alias in thub::transport::ssh::hosts(Some(&path)) {
            assert!(parse_dest(&alias).is_ok(), "{alias:?}");
        }
    }
}

/// A machine with one ssh_config, which includes nothing but a line; its commands say what their length is.
struct Nowhere<'a> {
    me: Me,
    text: &'a [u8],
}
impl World for Nowhere<'_> {
    fn me(&self) -> &Me {
        &self.me
    }
    fn machine(&self) -> String {
        "box.lan".into()
    }
    fn env(&self, name: &str) -> Option<String> {
        (name.len() < 4).then(|| "value".into())
    }
    fn home_of(&self, user: &str) -> Option<String> {
        (user.len() < 4).then(|| "/home/other".into())
    }
    fn read(&self, path: &str) -> std::io::Result<Opened> {
        let text = if path == "config" { self.text.to_vec() } else { b"User included\n".to_vec() };
        Ok(Opened { text, uid: 1000, gid: 1000, mode: 0o600 })
    }
    fn glob(&self, pattern: &str) -> Vec<String> {
        if pattern.len().is_multiple_of(2) { vec![pattern.into()] } else { Vec::new() }
    }
    fn is_private(&self, _: u32, _: u32) -> bool {
        false
    }
    fn run(&self, command: &str) -> Result<bool, String> {
        if command.is_empty() { Err("empty".into()) } else { Ok(command.len().is_multiple_of(2)) }
    }
    fn service(&self, name: &str) -> Option<u16> {
        (name == "ssh").then_some(22)
    }
    fn interface(&self, name: &str) -> Option<u32> {
        (name == "lo").then_some(1)
    }
    fn has_address(&self, name: &str, _: Option<u8>) -> bool {
        name.len().is_multiple_of(2)
    }
    fn addresses(&self) -> Vec<std::net::IpAddr> {
        vec![std::net::Ipv4Addr::LOCALHOST.into()]
    }
    fn exists(&self, path: &str) -> bool {
        path.len().is_multiple_of(2)
    }
}

/// Files of ours that somebody else has written: a layout, an end record.
pub fn store(data: &[u8]) {
    if let Ok(layout) = serde_json::from_slice::<Layout>(data) {
        let layout = layout.checked();
        let json = serde_json::to_vec(&layout).expect("ours");
        let again = serde_json::from_slice::<Layout>(&json).expect("ours").checked();
        assert_eq!(layout, again);
        assert!(layout.tabs.is_empty() || layout.active < layout.tabs.len());
    }
    if let Ok(value) = serde_json::from_slice(data) {
        let _ = migrate(value, Layout::VERSION - 1);
    }
    let id: SessionId = format!("f{}", text::short(&format!("{:?}", std::thread::current().id()), 60))
        .bytes()
        .filter(u8::is_ascii_digit)
        .map(char::from)
        .collect::<String>()
        .parse()
        .expect("digits");
    std::fs::write(RUN.path().join(format!("{id}.end")), data).expect("the temp dir takes it");
    if let Ok(end) = RUN.end(&id) {
        assert!(end.size().is_valid());
        let _ = end.ring(0, 1 << 16);
        if let Ok(screen) = end.screen() {
            // as large as it says: no fuzzer's time for a million cells
            let _ = Engine::restore(Size::new(80, 24), &screen).text_rows();
        }
        let lines = end.history().ok().and_then(|h| History::from_bytes(&h, 100));
        assert!(lines.is_none_or(|l| l.len() <= 100));
    }
}

/// Connections of other programs' files: nothing comes that could not be kept, nothing twice, and what is written means
/// the same when it is read.
pub fn import(data: &[u8]) {
    let detected = import::detect("x.csv", data);
    for format in import::Format::ALL {
        let file = import::File { name: "a%20b".into(), bytes: data.to_vec() };
        let Ok(all) = import::read(format, &[file], |_| Default::default()) else { continue };
        assert!(all.connections.iter().all(|c| check(c).is_empty()), "{detected:?} {all:?}");
        let mut book = Book::default();
        let there =
            |book: &Book| Listed { folders: book.folders.clone(), connections: book.connections.clone(), told: None };
        let first = plan(&there(&book), &Base::default(), all.clone());
        book.add(first.folders, first.connections).expect("it was checked");
        let second = plan(&there(&book), &Base::default(), all);
        assert!(second.folders.is_empty() && second.connections.is_empty(), "{second:?}");
        let written = import::thub::written(&there(&book)).expect("ours");
        let file = import::File { name: "x".into(), bytes: written.bytes };
        let again = import::read(import::Format::Thub, &[file], |_| Default::default()).expect("ours");
        assert_eq!(again.connections.len(), book.connections.len());
        import::csv::written(&there(&book)).expect("a table");
        import::ssh_config::written(&there(&book));
    }
}

/// What the outer terminal sends.
pub fn input(data: &[u8]) {
    let (mut whole, mut cut) = (Vec::new(), Vec::new());
    let mut parser = Parser::new();
    parser.feed(data, &mut whole);
    let mut pieces = Parser::new();
    for byte in data {
        pieces.feed(std::slice::from_ref(byte), &mut cut);
    }
    for _ in 0..64 {
        parser.timeout(&mut whole);
        pieces.timeout(&mut cut);
    }
    assert!(!parser.pending() && !pieces.pending(), "patience ends");
    assert_eq!(joined(&whole), joined(&cut), "pieces mean the same");
    for each in &whole {
        let mut out = Vec::new();
        match each {
            Input::Key(key) => {
                keys::encode(key, &Modes::default(), &mut out);
                let _ = keys::name(key);
                let _ = keys::simplified(key);
                told_exactly(key);
            }
            Input::Mouse(mouse) => keys::encode_mouse(mouse, 1, 1, &Modes::default(), &mut out),
            Input::Paste { bytes, .. } => {
                keys::encode_paste(bytes, &Modes { bracketed_paste: true, ..Modes::default() }, &mut out);
                let inside = out.strip_prefix(b"\x1b[200~").and_then(|o| o.strip_suffix(b"\x1b[201~"));
                assert!(inside.is_none_or(|i| !i.contains(&0x1b)), "a paste stays one");
            }
            _ => {}
        }
    }
}

/// Whatever a key was made of: with all of kitty's flags it is told as one key, which is told the same again.
fn told_exactly(key: &Key) {
    let all = Modes { kitty: 31, ..Modes::default() };
    let read = |bytes: &[u8]| {
        let (mut parser, mut out) = (Parser::new(), Vec::new());
        parser.feed(bytes, &mut out);
        assert!(!parser.pending(), "a key is told whole");
        out
    };
    for (kitty, modify_other_keys) in (0..=31).map(|flags| (flags, 0)).chain([(0, 1), (0, 2)]) {
        let mut out = Vec::new();
        keys::encode(key, &Modes { kitty, modify_other_keys, ..Modes::default() }, &mut out);
    }
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    keys::encode(key, &all, &mut once);
    if key.exact().point == 0 && !key.mods.is_empty() {
        // told as ever, which leaves modifiers out
        return;
    }
    match read(&once).as_slice() {
        [] => assert!(once.is_empty(), "a key that is told is read"),
        [Input::Key(back)] => {
            assert_eq!((back.code, back.mods, back.kind), (key.code, key.mods, key.kind), "{key:?}");
            keys::encode(back, &all, &mut twice);
            assert_eq!(once, twice, "{key:?}");
        }
        other => panic!("{key:?} is told as {other:?}"),
    }
}

/// Pieces of a paste and of raw bytes put together: where they are cut is not meant.
fn joined(all: &[Input]) -> Vec<Input> {
    let mut out: Vec<Input> = Vec::new();
    for each in all {
        match (out.last_mut(), each) {
            (Some(Input::Paste { bytes, last }), Input::Paste { bytes: more, last: end }) if !*last => {
                bytes.extend_from_slice(more);
                *last = *end;
            }
            (Some(Input::Raw(bytes)), Input::Raw(more)) => bytes.extend_from_slice(more),
            _ => out.push(each.clone()),
        }
    }
    out
}

/// What an SFTP server sends; a tree as a bundle.
pub fn sftp(data: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut got = Vec::new();
    let read = runtime.block_on(tokio::io::AsyncReadExt::read_to_end(&mut Guard::new(data), &mut got));
    assert!(data.starts_with(&got));
    assert!(read.is_err() || got == data);
    let mut rest = got.as_slice();
    while let Some((length, body)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length);
        assert!(length > 0 && length <= PACKET_MOST, "a hostile length was handed on");
        packet(body.get(..length as usize).unwrap_or(body));
        rest = body.get(length as usize..).unwrap_or_default();
    }
    packet(data);
    for (mut decoder, piece) in [(Decoder::new(), 1), (Decoder::bare(), data.len().max(1))] {
        let mut files = 0;
        'bundle: for piece in data.chunks(piece) {
            decoder.push(piece);
            loop {
                match decoder.record() {
                    Ok(Some(Record::Bytes(_))) => assert!(files > 0, "bytes of nothing"),
                    Ok(Some(record)) => {
                        files += 1;
                        let mut said = Vec::new();
                        bundle::encode(&record, &mut said);
                        if let Record::Entry(entry) = record {
                            let names = entry.path.names().unwrap_or_default();
                            assert!(names.iter().all(|n| !matches!(n.as_bytes(), b"" | b"." | b"..")));
                        }
                    }
                    Ok(None) => break,
                    Err(_) => break 'bundle,
                }
            }
        }
    }
}

/// What is read of a packet was in it.
fn packet(bytes: &[u8]) {
    let inside = |n: usize| assert!(n <= bytes.len(), "more than there is");
    match packet::decode(bytes) {
        Ok((_, Reply::Data(data) | Reply::Extended(data) | Reply::Handle(data))) => inside(data.len()),
        Ok((_, Reply::Names(names))) => {
            inside(names.bytes());
            inside(names.map(|n| 12 + n.name.len() + n.long.len()).sum());
        }
        Ok((_, Reply::Version(_, extensions))) => inside(extensions.len() * 8),
        Ok((_, Reply::Status { message, .. })) => inside(message.len()),
        Ok((_, Reply::Attrs(_))) | Err(_) => {}
    }
}

/// What a person writes: config.toml, a theme, a key's name, a session's.
pub fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (_, problems) = Config::parse_what_can_be(&text);
    assert_eq!(Config::parse(&text).is_err(), !problems.is_empty());
    let _ = Theme::parse("mine", &text);
    let first = text.lines().next().unwrap_or_default();
    if let Ok(key) = keys::parse_name(first) {
        assert_eq!(keys::parse_name(&keys::name(&key)).as_ref(), Ok(&key), "{first:?}");
    }
    if let Ok(size) = first.parse::<Size>() {
        assert_eq!(size.to_string().parse(), Ok(size));
    }
    let _ = check_name(first);
    assert!(text::escape(&text).chars().all(|c| !c.is_control()));
}

/// What a container's tools and its engine say of files and logs, and what is typed to a program without a terminal.
pub fn container(data: &[u8]) {
    use thub::backend::docker::{
        lines::Line,
        stamps::{Clock, Stamps},
    };
    use thub::filesys::{Batch, container::said, container::tar::Tar};
    // what scripts say, whatever stands between their marks
    let pieces = said::marked("m", data);
    assert!(pieces.iter().map(|p| p.len()).sum::<usize>() <= data.len());
    let mut batch = Batch::default();
    for piece in &pieces {
        said::entry(piece, &mut batch);
        said::link(piece);
        said::space(piece);
        let _ = said::answer(piece);
    }
    assert_eq!(batch.entries.len() as u64 + batch.unusable, pieces.len() as u64);
    assert!(!said::failed("reading", data, data).message.contains('\u{1b}'));
    // an engine's archive
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut tar = Tar::new(Box::new(std::io::Cursor::new(data.to_vec())));
        let mut seen = 0;
        while let Ok(Some(_)) = tar.next().await {
            while let Ok(Some(bytes)) = tar.bytes().await {
                seen += bytes.len();
            }
        }
        assert!(seen <= data.len());
    });
    // a log, in frames and without; typed lines
    let mut out = Vec::new();
    for framed in [None, Some((true, true)), Some((false, false))] {
        let mut stamps = Stamps::default();
        for piece in data.chunks(7) {
            let now = Clock { wall_ms: out.len() as u64, up_ms: 0 };
            stamps.is_set_back(now);
            stamps.begin(now);
            stamps.feed(piece, framed, &mut out);
            stamps.since();
        }
    }
    assert!(out.len() <= 3 * data.len());
    let typed = Line::default().keys(data);
    assert!(typed.send.len() <= data.len());
}

/// A program file to put on a host, and words quoted for its shell.
pub fn deploy(data: &[u8]) {
    let _ = elf::read(data);
    let word = String::from_utf8_lossy(data);
    let quoted = remote::quote(&word);
    // as sh reads it: one word, nothing in it active
    let (mut read, mut inside, mut chars) = (String::new(), false, quoted.chars());
    while let Some(c) = chars.next() {
        match c {
            '\'' => inside = !inside,
            '\\' if !inside => read.extend(chars.next()),
            _ => {
                assert!(inside, "{c:?} stands outside of quotes in {quoted}");
                read.push(c);
            }
        }
    }
    assert!(!inside && !quoted.is_empty());
    assert_eq!(read, word.replace(['\n', '\0'], ""));
    // a build's name becomes a part of a path there, and is shown
    let names: Vec<Untrusted> = word.lines().map(Untrusted::new).collect();
    for name in choose::candidates(&names, &[]).into_iter().chain(choose::newest(&names)) {
        assert!(!name.contains(['/', '\0', ' ']) && !name.starts_with('.') && name.len() <= 128, "{name:?}");
    }
    assert!(!choose::verdict(&word).contains(char::is_control));
}

/// What a host prints of how it stands: whatever it is, gauges stay within their scales.
pub fn gauges(data: &[u8]) {
    use thub::agent::monitor::{look::gauges, parse};
    let text = String::from_utf8_lossy(data);
    let half = text.floor_char_boundary(text.len() / 2);
    let (whole, first) = (parse::look(&text), parse::look(text.get(..half).unwrap_or_default()));
    for (before, now) in [(&whole, &first), (&first, &whole), (&whole, &whole)] {
        let g = gauges(before, now, std::time::Duration::from_secs(5));
        let percent = |p: f32| (0.0..=100.0).contains(&p);
        assert!(g.cpu.is_none_or(percent) && g.cores.iter().all(|c| percent(*c)));
        assert!(g.mem_used <= g.mem_total && g.swap_used <= g.swap_total);
        assert!(g.disks.iter().all(|d| d.used <= d.total));
        assert!(g.temps.iter().all(|t| t.celsius.is_finite()) && g.top.iter().all(|p| p.cpu.is_finite()));
        let told = serde_json::to_vec(&g).expect("numbers that JSON has");
        assert!(told.len() < 192 << 10, "{}", told.len());
    }
}

static DIR: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a temp dir"));
static RUN: LazyLock<RunDir> = LazyLock::new(|| {
    let home = DIR.path().to_path_buf();
    let paths = Paths::from_vars(|_| None, Some(home), None, "machine", "boot").expect("a home");
    RunDir::open(&paths).expect("a run dir")
});

/// Reads a file as a target's bytes.
pub fn load(path: &Path) -> Vec<u8> {
    let mut data = Vec::new();
    std::fs::File::open(path).and_then(|mut f| f.read_to_end(&mut data)).expect("a readable input");
    data
}
