//! The person's ssh-agent, lent to a host and to a session: it follows whoever was there last.

use crate::far::Far;
use crate::support::home::finish;
use crate::support::proxy::Proxy;
use crate::support::{Home, Tty, signal, skip, until};
use crate::without::Bare;
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// An ssh-agent with one key, told by its comment.
struct Keys {
    socket: PathBuf,
    child: Child,
}

impl Keys {
    fn start(dir: &Path, comment: &str) -> Option<Keys> {
        if Command::new("ssh-add").arg("-l").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            skip("ssh-agent");
            return None;
        }
        let socket = dir.join(format!("agent-{comment}"));
        let child = Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap();
        until("an ssh-agent", || socket.exists().then_some(()));
        let key = dir.join(format!("key-{comment}"));
        let words = ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"];
        assert!(made_ok(Command::new("ssh-keygen").args(words).arg(&key)));
        assert!(made_ok(Command::new("ssh-add").arg("-q").arg(&key).env("SSH_AUTH_SOCK", &socket)));
        Some(Keys { socket, child })
    }
}

fn made_ok(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn with(home: &Home, keys: &Keys, args: &[&str]) -> Command {
    let mut command = home.thub_command(args);
    command.env("SSH_AUTH_SOCK", &keys.socket);
    command
}

/// What the session's program finds in its agent: asked with a number, so that each answer is told apart.
const ASK: &str = "while read -r n; do echo \"$n: $(ssh-add -l 2>&1 | sed 's/.* \\(key-[a-z]*\\|[a-z]*\\) (.*/\\1/' | tr '\\n' ' ')\"; done";

#[track_caller]
fn asks(tty: &Tty, n: usize, wanted: &str) {
    tty.type_(format!("{n}\r"));
    tty.until(&format!("{n}: {wanted}"), |s| s.iter().any(|l| l.trim_end() == format!("{n}: {wanted}")));
}

#[test]
fn the_agent_of_whoever_was_here_last() {
    let Some(far) = Far::new("Host test\n  ForwardAgent yes\n") else { return };
    let dir = far.home.dir().to_path_buf();
    let (Some(ann), Some(bob)) = (Keys::start(&dir, "ann"), Keys::start(&dir, "bob")) else { return };
    assert_eq!(far.thub(&["deploy", "test"]).code, 0);
    let proxy = Proxy::start(far.sshd.port);
    let config = far.sshd.config(&format!(
        "Host test\n  ForwardAgent yes\n  Port {}\n  HostKeyAlias [127.0.0.1]:{}\n",
        proxy.port, far.sshd.port
    ));
    let through = ["-F", config.to_str().unwrap(), "attach", "-H", "test", "mine"];
    let new = far.words(&["new", "-d", "-H", "test", "-n", "mine", "--", "sh", "-c", ASK]);
    let made = crate::support::home::finish(with(&far.home, &ann, &new), b"");
    assert_eq!(made.code, 0, "{made:?}");
    let attach = far.words(&["attach", "-H", "test", "mine"]);
    let first = Tty::start(with(&far.home, &ann, &through), 80, 24);
    asks(&first, 1, "ann");
    let mut second = Tty::start(with(&far.home, &bob, &attach), 80, 24);
    asks(&second, 2, "bob");
    asks(&first, 3, "ann");
    asks(&second, 4, "bob");
    // whoever is left
    second.kill9();
    asks(&first, 5, "ann");
    // another connection has another socket there
    proxy.cut();
    asks(&first, 6, "ann");
}

#[test]
fn no_agent_where_none_is_lent() {
    let Some(far) = Far::deployed() else { return };
    let Some(ann) = Keys::start(far.home.dir(), "ann") else { return };
    let config = far.sshd.config("Host test\n");
    let new = ["-F", config.to_str().unwrap(), "new", "-d", "-H", "test", "-n", "mine", "--", "sh", "-c"];
    let words = [&new[..], &["echo at:${SSH_AUTH_SOCK-none}; exec cat"]].concat();
    let made = crate::support::home::finish(with(&far.home, &ann, &words), b"");
    assert_eq!(made.code, 0, "{made:?}");
    far.shows("mine", "at:none");
}

#[test]
fn a_session_of_this_machine_follows_too() {
    let home = Home::new();
    let (Some(ann), Some(bob)) = (Keys::start(home.dir(), "ann"), Keys::start(home.dir(), "bob")) else { return };
    let new = crate::support::home::finish(with(&home, &ann, &["new", "-d", "-n", "mine", "--", "sh", "-c", ASK]), b"");
    assert_eq!(new.code, 0, "{new:?}");
    let first = Tty::start(with(&home, &ann, &["attach", "mine"]), 80, 24);
    asks(&first, 1, "ann");
    let second = Tty::start(with(&home, &bob, &["attach", "mine"]), 80, 24);
    asks(&second, 2, "bob");
    drop((first, second));
    home.thub(&["kill", "mine"]).ok();
    assert!(!home.run_files().iter().any(|f| f.ends_with(".agent")), "{:?}", home.run_files());
}

/// A display without a screen: says what cookie it was shown.
fn display(dir: &Path) -> std::sync::mpsc::Receiver<Vec<u8>> {
    use std::io::{Read, Write};
    let listener = std::os::unix::net::UnixListener::bind(dir.join("x:0")).unwrap();
    let (tx, rx) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut setup = [0; 48];
            if stream.read_exact(&mut setup).is_ok() {
                let _ = stream.write_all(b"hello from the display");
                let _ = tx.send(setup[32..].to_vec());
            }
        }
    });
    rx
}

type Shown = (std::sync::mpsc::Receiver<Vec<u8>>, PathBuf);

/// Two people at two displays, whose cookies are ones and twos: what each is shown, and where both lie.
fn people(home: &Home) -> Vec<Shown> {
    let person = |(n, name): (usize, &&str)| {
        let dir = home.at(name);
        std::fs::create_dir(&dir).unwrap();
        let mut file = Vec::new();
        thub::proto::x11::Entry::any_address(0, &[n as u8 + 1; 16]).write(&mut file);
        std::fs::write(dir.join("xauth"), file).unwrap();
        (display(&dir), dir)
    };
    ["ann", "bob"].iter().enumerate().map(person).collect()
}

/// The first message of an X client that knows this cookie.
fn setup(cookie: &[u8]) -> Vec<u8> {
    let mut out = b"l\0\x0b\0\0\0\x12\0\x10\0\0\0MIT-MAGIC-COOKIE-1\0\0".to_vec();
    out.extend_from_slice(cookie);
    out
}

#[test]
fn the_display_of_whoever_was_here_last() {
    use std::io::{Read, Write};
    use thub::proto::x11::{Display, cookie, entries};
    if Command::new("xauth").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        return skip("xauth");
    }
    if !crate::support::sshd::here() {
        return;
    }
    let far = Far::start("X11Forwarding yes\n", "Host test\n  ForwardX11 yes\n  ForwardX11Trusted yes\n");
    assert_eq!(far.thub(&["deploy", "test"]).code, 0);
    let people = people(&far.home);
    let with = |n: usize, args: &[&str]| {
        let mut command = far.home.thub_command(&far.words(args));
        let dir: &PathBuf = &people[n].1;
        command.env("DISPLAY", format!("{}/x:0", dir.display())).env("XAUTHORITY", dir.join("xauth"));
        command
    };
    let new = ["new", "-d", "-H", "test", "-n", "mine", "--", "sh", "-c", "echo \"at $DISPLAY $XAUTHORITY\"; exec cat"];
    let made = crate::support::home::finish(with(0, &new), b"");
    assert_eq!(made.code, 0, "{made:?}");
    far.shows("mine", "^at localhost:");
    let screen = far.thub(&["capture", "-H", "test", "mine"]).ok().replace('\n', "");
    let words: Vec<&str> = screen.split_whitespace().collect();
    let (name, file) = (Display::parse(words[1]).unwrap(), words[2]);
    let ours = cookie(&entries(&std::fs::read(file).unwrap()), &name, "").expect("a cookie");
    let connect = |cookie: &[u8]| {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", 6000 + name.number)).unwrap();
        stream.write_all(&setup(cookie)).unwrap();
        stream
    };
    let says = |mut stream: std::net::TcpStream| {
        let mut said = vec![0; 22];
        stream.read_exact(&mut said).map(|()| said)
    };
    // nobody is here
    assert!(says(connect(&ours)).is_err());
    let attach = ["attach", "-H", "test", "mine"];
    let first = Tty::start(with(0, &attach), 80, 24);
    first.until_text("at localhost");
    assert_eq!(says(connect(&ours)).unwrap(), b"hello from the display");
    assert_eq!(people[0].0.recv().unwrap(), [1; 16], "the display's own cookie");
    assert!(says(connect(&[0; 16])).is_err(), "a wrong cookie goes nowhere");
    let second = Tty::start(with(1, &attach), 80, 24);
    second.until_text("at localhost");
    // (a character that stands nowhere on the screen yet)
    second.type_("#");
    second.until_text("#");
    says(connect(&ours)).unwrap();
    assert_eq!(people[1].0.recv().unwrap(), [2; 16]);
    // whoever types is who is here
    first.type_("y");
    first.until_text("#y");
    says(connect(&ours)).unwrap();
    assert_eq!(people[0].0.recv().unwrap(), [1; 16]);
}

#[test]
fn a_target_process_asks_the_ssh_agent_of_whoever_wants_its_host() {
    let Some(mut bare) =
        Bare::with("", "Host test\n  IdentityAgent SSH_AUTH_SOCK\n  IdentitiesOnly no\n  ForwardAgent yes\n")
    else {
        return;
    };
    let dir = bare.home.dir().to_path_buf();
    let (Some(old), Some(new)) = (Keys::start(&dir, "old"), Keys::start(&dir, "new")) else { return };
    // only the agents' keys are let in
    let both = ["old", "new"].map(|k| std::fs::read_to_string(dir.join(format!("key-{k}.pub"))).unwrap()).concat();
    std::fs::write(bare.sshd.at("authorized"), both).unwrap();
    let new_session = |bare: &Bare, keys: Option<&Keys>, name: &str| {
        let shows = "ssh-add -l; exec cat";
        let words = ["new", "-d", "-H", "test", "--no-agent", "-n", name, "--", "sh", "-c", shows];
        let mut command = bare.home.thub_command(&bare.words(&words));
        if let Some(keys) = keys {
            command.env("SSH_AUTH_SOCK", &keys.socket);
        }
        finish(command, b"")
    };
    let cut = |bare: &Bare| {
        let logins = bare.logins();
        bare.sshd.pids()[1..].iter().for_each(|p| signal(*p as i32, Signal::KILL));
        until("the sessions' end", || bare.home.ls().iter().all(|s| s["state"] == "exited").then_some(()));
        logins
    };
    new_session(&bare, Some(&old), "one").ok();
    bare.home.shows("one", r"old \(ED25519\)");
    let target = bare.target();
    // its login ends, and the network cuts the connection
    drop(old);
    let _ = std::fs::remove_file(dir.join("agent-old"));
    cut(&bare);
    new_session(&bare, Some(&new), "two").ok();
    bare.home.shows("two", r"new \(ED25519\)");
    assert_eq!(bare.target(), target, "the same process");
    // one that has none leaves it as it is
    cut(&bare);
    new_session(&bare, None, "three").ok();
    bare.home.shows("three", r"new \(ED25519\)");
    // begun by one that has none: the next one's all the same, and nothing is left of it
    signal(target, Signal::TERM);
    until("its end", || bare.home.targets().is_empty().then_some(()));
    assert!(!bare.home.run_files().iter().any(|n| n.starts_with("t-")), "{:?}", bare.home.run_files());
    bare.home.env.retain(|(name, _)| name != "SSH_AUTH_SOCK");
    assert_eq!(new_session(&bare, None, "four").code, 4);
    let target = bare.target();
    new_session(&bare, Some(&new), "five").ok();
    assert_eq!(bare.target(), target);
}

#[test]
fn a_target_process_lends_the_display_of_whoever_wants_its_host() {
    use std::io::{Read, Write};
    use thub::proto::x11::Display;
    if Command::new("xauth").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        return skip("xauth");
    }
    let config = "Host test\n  ForwardX11 yes\n  ForwardX11Trusted yes\n";
    let Some(bare) = Bare::with("X11Forwarding yes\n", config) else { return };
    let people = people(&bare.home);
    for (n, name) in ["one", "two"].iter().enumerate() {
        let shows = "echo at $DISPLAY $(xauth list $DISPLAY) here; exec cat";
        let words = ["new", "-d", "-H", "test", "--no-agent", "-n", name, "--size", "200x20", "--", "sh", "-c", shows];
        let mut command = bare.home.thub_command(&bare.words(&words));
        let dir = &people[n].1;
        command.env("DISPLAY", format!("{}/x:0", dir.display())).env("XAUTHORITY", dir.join("xauth"));
        finish(command, b"").ok();
        bare.home.shows(name, "^at .* here$");
        let screen = bare.home.capture(name);
        let line = screen.iter().find(|l| l.starts_with("at ")).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = Display::parse(words[1]).unwrap().number;
        let hex = words[words.len() - 2];
        let ours: Vec<u8> = (0..16).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect();
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", 6000 + number)).unwrap();
        stream.write_all(&setup(&ours)).unwrap();
        let mut said = [0; 22];
        stream.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"hello from the display");
        assert_eq!(people[n].0.recv().unwrap(), [n as u8 + 1; 16], "the display's own cookie");
        // the next one comes once the connection was lost
        bare.sshd.pids()[1..].iter().for_each(|p| signal(*p as i32, Signal::KILL));
        until("its end", || bare.home.ls().iter().all(|s| s["state"] == "exited").then_some(()));
    }
}
