//! Telnet hosts: opened, used, come back to. One in the test itself, and real ones.

use crate::support::{Home, Tty, signal, skip, until};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const IAC: u8 = 255;

/// A host that the test plays.
struct Host {
    listener: TcpListener,
    port: String,
}

impl Host {
    fn new() -> Host {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        Host { listener, port }
    }
    /// A connection for it, by that name.
    fn in_book(home: &Home, name: &str) -> Host {
        let host = Host::new();
        home.thub(&["conn", "add", name, &format!("127.0.0.1:{}", host.port), "--kind", "telnet"]).ok();
        host
    }
    /// The next one that calls.
    fn taken(&self) -> TcpStream {
        let (stream, _) = until("a call", || self.listener.accept().ok());
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }
}

/// What came, up to these bytes.
fn hears(host: &mut TcpStream, last: &[u8]) -> Vec<u8> {
    let (mut all, mut byte) = (Vec::new(), [0]);
    while !all.ends_with(last) {
        host.read_exact(&mut byte).unwrap_or_else(|e| panic!("{e}: {last:?} to come behind {all:?}"));
        all.push(byte[0]);
    }
    all
}

#[test]
fn used_and_come_back_to() {
    let home = Home::new();
    let server = Host::in_book(&home, "switch");
    let id = home.new_session(&["-n", "sw", "--connection", "switch"]);
    let mut host = server.taken();
    let info = home.session("sw");
    assert_eq!((info["kind"].as_str(), info["connection"].as_str()), (Some("telnet"), Some("switch")), "{info}");
    assert_eq!(info["device"]["what"], format!("telnet 127.0.0.1:{}", server.port));
    assert_eq!((info["device"]["state"].as_str(), info["state"].as_str()), (Some("connected"), Some("detached")));

    host.write_all(&[&[IAC, 253, 31, IAC, 251, 1, IAC, 251, 3, IAC, 253, 24][..], b"switch> "].concat()).unwrap();
    home.shows("sw", "switch>");
    hears(&mut host, &[IAC, 250, 31]);
    host.write_all(&[IAC, 250, 24, 1, IAC, 240]).unwrap();
    hears(&mut host, b"\x18\0xterm-256color\xff\xf0");
    // its window is the pane's
    let mut tty = Tty::thub(&home, 100, 24, &["attach", "sw"]);
    tty.until_text("switch>");
    hears(&mut host, &[IAC, 250, 31, 0, 100, 0]);
    tty.resize(60, 12);
    hears(&mut host, &[IAC, 250, 31, 0, 60, 0]);
    hears(&mut host, &[IAC, 240]);
    tty.type_("show\r");
    assert_eq!(hears(&mut host, b"\0"), b"show\r\0");
    let rows: String = (0..300).map(|n| format!("row {n}\r\n")).collect();
    host.write_all(format!("show\r\n{rows}switch# ").as_bytes()).unwrap();
    tty.until_text("switch#");

    // the client, and with it the agent of this machine, goes; what comes meanwhile is there
    tty.kill9();
    host.write_all(b"news\r\nswitch% ").unwrap();
    home.shows("sw", "switch%");
    let tty = Tty::thub(&home, 100, 24, &["attach", "sw"]);
    tty.until_text("switch%");
    let all = home.thub(&["capture", "sw", "--all"]).ok();
    assert!(all.contains("switch> ") && all.contains("\nrow 0\n") && all.contains("\nrow 299\n"), "{all}");
    tty.type_("on\r");
    hears(&mut host, b"on\r\0");

    // one that is stopped holds up nobody else, and goes on
    signal(home.pid_of("sw"), Signal::STOP);
    host.write_all(b"while it slept\r\n").unwrap();
    home.new_session(&["-n", "other", "--", "cat"]);
    assert_eq!(home.session("sw")["state"], "orphaned");
    signal(
        until("its process", || {
            home.ls().iter().find(|s| s["name"] == "sw").map(|s| s["pid"].as_i64().unwrap() as i32)
        }),
        Signal::CONT,
    );
    home.shows("sw", "while it slept");
    home.shows("other", "");

    // the host ends it; `r` starts it again
    drop(tty);
    home.thub(&["kill", "other"]).ok();
    let tty = Tty::thub(&home, 100, 24, &[]);
    tty.until_text("while it slept");
    host.shutdown(std::net::Shutdown::Write).unwrap();
    tty.until_text("closed by the host");
    assert_eq!(home.session("sw")["cause"], "closed by the host");
    tty.type_("r");
    let mut host = server.taken();
    host.write_all(b"welcome back").unwrap();
    tty.until_text("welcome back");
    let of = |s: &serde_json::Value| s["kind"] == "telnet" && s["id"] != *id && s["state"] == "running";
    until("its session", || home.ls().into_iter().find(of));
}

#[test]
fn a_password_is_nowhere() {
    let home = Home::new();
    let server = Host::in_book(&home, "router");
    home.new_session(&["-n", "r", "--connection", "router"]);
    let mut host = server.taken();
    // whole lines, as nothing else was asked for
    home.thub(&["send", "r", "admi", "--keys", "x", "BSpace", "n", "Enter"]).ok();
    assert_eq!(hears(&mut host, b"\n"), b"admin\r\n");
    home.shows("r", "admin");
    host.write_all(&[&b"Password: "[..], &[IAC, 251, 1]].concat()).unwrap();
    hears(&mut host, &[IAC, 253, 1]);
    home.thub(&["send", "r", "opensesame", "--keys", "Enter"]).ok();
    hears(&mut host, b"opensesame\r\n");
    host.write_all(&[&[IAC, 252, 1][..], b"\r\nin> "].concat()).unwrap();
    home.shows("r", "in>");
    assert!(!home.thub(&["capture", "r", "--all"]).ok().contains("opensesame"));
    assert!(home.session("r")["device"]["marks"].to_string().contains("line mode"));
}

#[test]
fn hosts_that_are_not_there() {
    let home = Home::new();
    let server = Host::in_book(&home, "gone");
    drop(server);
    let said = home.thub(&["new", "-d", "--connection", "gone"]);
    assert!(said.code != 0 && said.err.contains("connection refused"), "{said:?}");
    for (dest, wrong) in [("-x;id", ""), ("a b", "host"), ("h:0", "port"), ("h:99999", "port")] {
        let said = home.thub(&["conn", "add", "bad", "--kind", "telnet", "--", dest]);
        assert!(said.code == 2 && said.err.contains(wrong), "{dest} {said:?}");
    }
    let said = home.thub(&["conn", "add", "bad", "h", "--kind", "telnet", "--set", "mode=raw"]).fails(2);
    assert!(said.contains("auto, line, character"), "{said}");
    assert_eq!(home.ls().len(), 0);
}

#[test]
fn opened_once() {
    let home = Home::new();
    let server = Host::new();
    let dest = format!("127.0.0.1:{}", server.port);
    home.new_session(&["-n", "t", "--telnet", &dest, "--set", "mode=character"]);
    let mut host = server.taken();
    host.write_all(b"hello there").unwrap();
    home.shows("t", "hello there");
    home.thub(&["send", "t", "x"]).ok();
    hears(&mut host, b"x");
    let info = home.session("t");
    assert_eq!((info["kind"].as_str(), info["connection_id"].as_str().unwrap_or("")), (Some("telnet"), ""), "{info}");
    // started again it is the same
    host.shutdown(std::net::Shutdown::Write).unwrap();
    until("its end", || (home.session("t")["cause"] == "closed by the host").then_some(()));
    home.thub(&["restart", "t"]).ok();
    let mut again = server.taken();
    again.write_all(b"again").unwrap();
    home.shows("t", "again");
    home.thub(&["new", "-d", "--telnet", &dest, "--set", "mode=raw"]).fails(2);
    home.thub(&["new", "-d", "--telnet", &dest, "--", "ls"]).fails(2);
    home.thub(&["new", "-d", "--telnet", &dest, "--serial", "/dev/ttyUSB0"]).fails(2);
    home.thub(&["new", "-d", "--set", "mode=line"]).fails(2);
    assert!(home.thub(&["new", "-d", "--telnet", "h", "-H", "x", "--no-agent"]).fails(2).contains("an agent"));

    // and from the menu, where it is kept as well
    let tty = Tty::thub(&home, 100, 30, &[]);
    tty.until_text("again");
    tty.prefix("C");
    tty.until_text("new on this machine");
    tty.type_("n127.0.0.1\t1\r");
    tty.until_text("can't be reached");
    tty.type_(format!("\x15{}\t\t\tswitch\x13", server.port));
    let mut host = server.taken();
    host.write_all(b"from the form").unwrap();
    tty.until_text("from the form");
    assert!(home.thub(&["conn", "ls"]).ok().contains("switch"));
    until("its session", || home.ls().into_iter().find(|s| s["connection"] == "switch" && s["kind"] == "telnet"));
}

/// Ten million options, a subnegotiation that never ends, and then on as if nothing had been.
#[test]
fn a_host_that_floods() {
    let home = Home::new();
    let server = Host::in_book(&home, "mad");
    home.new_session(&["-n", "m", "--connection", "mad"]);
    let mut host = server.taken();
    host.write_all(b"hello\r\n").unwrap();
    home.shows("m", "hello");
    let rss = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", home.pid_of("m"))).unwrap();
        let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap().to_string();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let before = rss();
    let mut reading = host.try_clone().unwrap();
    let reader = std::thread::spawn(move || {
        let (mut heard, mut buf) = (0, vec![0; 64 << 10]);
        while let Ok(n @ 1..) = reading.read(&mut buf) {
            heard += n;
        }
        heard
    });
    let options: Vec<u8> =
        (0..100_000u32).flat_map(|n| [IAC, [251, 253, 252, 254][n as usize % 4], (n / 5) as u8]).collect();
    for _ in 0..100 {
        host.write_all(&options).unwrap();
    }
    host.write_all(&[IAC, 250, 24]).unwrap();
    for _ in 0..100 {
        host.write_all(&[1; 100_000]).unwrap();
    }
    host.write_all(&[&[IAC, 240][..], b"done\r\n"].concat()).unwrap();
    home.shows("m", "done");
    let grown = rss().saturating_sub(before);
    assert!(grown < 4096, "{grown} KiB more");
    host.shutdown(std::net::Shutdown::Both).unwrap();
    let heard = reader.join().unwrap();
    assert!(heard < 64 << 10, "{heard} bytes");
    until("its end", || (home.session("m")["cause"] == "closed by the host").then_some(()));
}

/// A real telnetd behind a listener of the test's own, which runs one for each that calls.
struct Telnetd {
    server: Host,
    program: PathBuf,
    busybox: bool,
    shell: PathBuf,
}

impl Telnetd {
    fn all(home: &Home) -> Vec<Telnetd> {
        let shell = home.at("shell");
        std::fs::write(&shell, "#!/bin/sh\nexec env PS1='there$ ' sh -i\n").unwrap();
        std::fs::set_permissions(&shell, PermissionsExt::from_mode(0o755)).unwrap();
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
        let find = |name: &str| path.split(':').map(|d| PathBuf::from(d).join(name)).find(|p| p.exists());
        let mut all = Vec::new();
        let one = |name: &str, program, busybox| {
            let server = Host::in_book(home, name);
            Telnetd { server, program, busybox, shell: shell.clone() }
        };
        let has_applet = |p: &PathBuf| {
            let list = Command::new(p).arg("--list").output().unwrap();
            String::from_utf8_lossy(&list.stdout).lines().any(|l| l == "telnetd")
        };
        all.extend(find("busybox").filter(has_applet).map(|p| one("busybox", p, true)));
        all.extend(
            find("telnetd")
                .filter(|p| p.canonicalize().is_ok_and(|p| !p.ends_with("busybox")))
                .map(|p| one("telnetd", p, false)),
        );
        all
    }

    fn serve(&self) -> Served {
        let stream = self.server.taken();
        let mut command = Command::new(&self.program);
        match self.busybox {
            true => command.args(["telnetd", "-i", "-l"]).arg(&self.shell),
            false => command.args(["-h", "-E"]).arg(&self.shell),
        };
        let out = stream.try_clone().unwrap();
        command.stdin(std::os::fd::OwnedFd::from(stream)).stdout(std::os::fd::OwnedFd::from(out)).stderr(Stdio::null());
        Served(command.spawn().unwrap())
    }
}

struct Served(Child);
impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn real_ones() {
    let home = Home::new();
    let all = Telnetd::all(&home);
    if all.is_empty() {
        return skip("no telnetd");
    }
    for telnetd in &all {
        let name = if telnetd.busybox { "busybox" } else { "telnetd" };
        home.new_session(&["-n", name, "--size", "90x20", "--connection", name]);
        let served = telnetd.serve();
        home.shows(name, r"there\$");
        // (what is typed is echoed there; what the shell says is put together)
        home.thub(&["send", name, "stty size; echo $((6*7))-up", "--keys", "Enter"]).ok();
        home.shows(name, "42-up");
        let seen = home.capture(name).join("\n");
        assert!(seen.contains("20 90"), "{name}: {seen}");
        assert_eq!(home.session(name)["device"]["marks"], serde_json::Value::Null, "{name}");
        home.thub(&["resize", name, "70x15"]).ok();
        home.thub(&["send", name, "stty size; echo $((6*8))-up", "--keys", "Enter"]).ok();
        home.shows(name, "48-up");
        assert!(home.capture(name).join("\n").contains("15 70"), "{name}");
        // eight bits, and a key that interrupts
        home.thub(&["send", name, "cat", "--keys", "Enter"]).ok();
        home.thub(&["send", name, "Grüße \u{4e2d}", "--keys", "Enter"]).ok();
        let twice = || home.capture(name).iter().filter(|l| *l == "Grüße \u{4e2d}").count() == 2;
        until("its echo", || twice().then_some(()));
        home.thub(&["send", name, "--keys", "C-c"]).ok();
        home.thub(&["send", name, "echo $((6*9))-up; exit", "--keys", "Enter"]).ok();
        until("its end", || (home.session(name)["cause"] == "closed by the host").then_some(()));
        drop(served);
    }
}
