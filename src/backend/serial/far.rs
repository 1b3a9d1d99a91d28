//! Owns a serial port of a host behind a target process: one line for the shell there, what it says first, and the bytes
//! after that. Leaves out SSH, and a port of this machine (`port.rs`).
//!
//! The host needs a POSIX shell and stty; two cats copy, one each way (socat is one process for both: with either way full
//! it reads neither). No terminal is between: all eight bits of every byte arrive. The port's name reaches the shell as one quoted word and is never part of what is run.

use super::port::{Shut, Shutness};
use crate::backend::channel::{self, Channel};
use crate::proto::control::connections::Serial;
use crate::proto::control::{ChannelOpen, Fault};
use crate::text::short;
use crate::transport::deploy::quote;
use std::io;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::time::Duration;
use tokio::net::UnixStream;

/// The host has begun within this.
const BEGIN: Duration = Duration::from_secs(8);
/// Login shells may say something first; more is no answer.
const FIRST: usize = 16 << 10;
/// What the line says before the port's own bytes begins so.
const MARK: &[u8] = b"THUB-SERIAL ";

/// $1 the port, $2 the speed, $3 the settings, one a word.
///
/// What no terminal is, as sysfs has it, is not even opened. All of it in a subshell, and something behind
/// it, so that it is one: the first of a session would get the port as its controlling terminal by opening it. A port is
/// opened only after stty (which does not wait for a carrier) has said that none is needed. Of a pseudo terminal its maker
/// has the other end, and is not meant.
const SCRIPT: &str = concat!(
    r#"(p=$1; b=$2; x=; "#,
    r#"say() { printf 'THUB-SERIAL %s\n' "$*"; exit 0; }; "#,
    r#"[ -e "$p" ] || say absent; "#,
    r#"r=$(readlink -f "$p" 2>/dev/null) || r=$p; "#,
    r#"case $r in /dev|/dev/tty|/dev/ptmx) say wrong;; /dev/*) ;; *) say outside;; esac; "#,
    r#"[ -c "$r" ] || say wrong; "#,
    r#"k() { shift 4; printf %s "${1%,}:$2"; }; "#,
    r#"n=$(k $(ls -l "$r")); if [ -d /sys/dev/char ]; then case $n in 4:[0-9]|4:[1-5][0-9]|4:6[0-3]|5:1) say wrong;; esac; fi; "#,
    r#"case $(readlink "/sys/dev/char/$n/subsystem" 2>/dev/null) in */tty|'') ;; *) say wrong;; esac; "#,
    r#"{ [ -r "$r" ] && [ -w "$r" ]; } || say denied; "#,
    r#"case $r in /dev/pts/*) ;; *) h=$(q=; ls -l /proc/[0-9]*/fd 2>/dev/null | while IFS= read -r l; do case $l in "#,
    r#"/proc/*:) q=${l#/proc/}; q=${q%%/*};; *" -> $r") echo "$q"; break;; esac; done); "#,
    r#"if [ -n "$h" ]; then n=; read -r n <"/proc/$h/comm"; say held "$h" "$n"; fi;; esac; "#,
    r#"case $(uname) in Linux) f=-F;; *) f=-f;; esac; "#,
    r#"stty $f "$r" >/dev/null 2>&1 || say wrong; "#,
    r#"stty $f "$r" raw -echo -echoe -echok clocal cread >/dev/null 2>&1; "#,
    r#"for o in $3; do stty $f "$r" "$o" >/dev/null 2>&1 || x="$x $o"; done; "#,
    r#"stty $f "$r" "$b" >/dev/null 2>&1 || picocom -q -X --noreset -b "$b" "$r" </dev/null >/dev/null 2>&1 || x="$x $b"; "#,
    r#"exec 3<>"$r" || say denied; "#,
    r#"if command -v flock >/dev/null 2>&1; then flock -n 3 || say held; fi; "#,
    r#"printf 'THUB-SERIAL ok%s\n' "$x"; "#,
    r#"exec 4<&0 2>/dev/null; cat <&3 & a=$!; { cat <&4 >&3; kill $a; } & b=$!; wait $a; kill $b); exit 0"#
);

/// The line for the login shell there.
fn line(config: &Serial) -> String {
    let parity = match config.parity.as_str() {
        "odd" => "parenb parodd",
        "even" => "parenb -parodd",
        _ => "-parenb",
    };
    let flow = match config.flow_control.as_str() {
        "software" => "ixon ixoff -crtscts",
        "hardware" => "-ixon -ixoff crtscts",
        _ => "-ixon -ixoff -crtscts",
    };
    let stop = if config.stop_bits == 2 { "cstopb" } else { "-cstopb" };
    let settings = format!("cs{} {stop} {parity} {flow}", config.data_bits);
    let words = [SCRIPT, "thub", &config.port, &config.baud_rate.to_string(), &settings];
    format!("exec sh -c {}", words.map(quote).join(" "))
}

/// What the host said of the port.
#[derive(Debug, PartialEq, Eq)]
pub enum First {
    /// It is open; settings that were not taken, as stty calls them. The port's own bytes begin at that place.
    Open(Vec<String>, usize),
    Not(Shutness, String),
    /// There is more to come.
    More,
}

/// Reads what came first. Bytes of the host's: anything may be there.
pub fn first(came: &[u8], port: &str) -> First {
    let begins = |at: &usize| came.get(*at..).is_some_and(|rest| rest.starts_with(MARK));
    let Some(at) = (0..came.len()).find(begins) else { return First::More };
    let said = came.get(at + MARK.len()..).unwrap_or_default();
    let Some(end) = said.iter().position(|b| *b == b'\n') else { return First::More };
    let said = String::from_utf8_lossy(said.get(..end).unwrap_or_default()).into_owned();
    let mut words = said.split_whitespace();
    let port = short(port, 100);
    match words.next() {
        Some("ok") => First::Open(words.take(16).map(|w| short(w, 20)).collect(), at + MARK.len() + end + 1),
        Some("absent") => First::Not(Shutness::Absent, format!("{port} is not there")),
        Some("denied") => First::Not(Shutness::Denied, format!("the user there may not open {port}")),
        Some("outside") => First::Not(Shutness::Wrong, format!("{port} leads out of /dev: serial ports are under it")),
        Some("held") => {
            let pid = words.next().and_then(|w| w.parse::<u32>().ok());
            let by = match (pid, words.next()) {
                (Some(pid), Some(name)) => format!("{} (process {pid})", short(name, 40)),
                _ => "another program".into(),
            };
            First::Not(Shutness::Held, format!("{port} is open in {by} there"))
        }
        _ => First::Not(Shutness::Wrong, format!("{port} is no serial port")),
    }
}

/// An open port there.
pub struct Remote {
    stream: UnixStream,
    channel: Channel,
    pub host: String,
    pub marks: Vec<String>,
    /// What came of the port with the host's first words.
    pub early: Vec<u8>,
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.channel.close();
    }
}

impl Remote {
    pub async fn open(config: Serial, socket: io::Result<StdUnixStream>) -> Result<Remote, Shut> {
        let lost = |why: String| Shut {
            kind: Shutness::Absent,
            why,
            next: "open the SSH connection it is behind once: what has to be asked is asked then".into(),
        };
        if !config.port.starts_with('/') {
            let why = format!("'{}' is no device's path", short(&config.port, 60));
            return Err(Shut { kind: Shutness::Wrong, why, next: "write it from / on, as /dev/ttyUSB0 is".into() });
        }
        let socket =
            socket.map_err(|e| lost(format!("the process that holds the SSH connection can't be reached: {e}")))?;
        // (all of it: an agent waits little longer for a session to stand)
        let until = tokio::time::Instant::now() + BEGIN;
        let open = ChannelOpen { kind: ChannelOpen::PIPE.into(), line: Some(line(&config)), ..ChannelOpen::default() };
        let channel = channel::open(socket, open, BEGIN).await.map_err(|f: Fault| lost(f.message))?;
        let stream = channel.bridge().stream();
        let stream = stream.map_err(|e| lost(format!("no channel to the host: {e}")))?;
        let host = channel.host().to_string();
        let mut remote = Remote { stream, channel, host, marks: Vec::new(), early: Vec::new() };
        let begun = tokio::time::timeout_at(until, remote.begin(&config.port)).await;
        let silent = || {
            lost(format!("{} said nothing of the port within {} s", short(&remote_host(&config), 60), BEGIN.as_secs()))
        };
        begun.unwrap_or_else(|_| Err(silent()))?;
        Ok(remote)
    }

    async fn begin(&mut self, port: &str) -> Result<(), Shut> {
        let mut buf = vec![0; 4 << 10];
        loop {
            match first(&self.early, port) {
                First::Open(marks, at) => {
                    self.marks = marks.into_iter().map(|m| format!("{m} not taken")).collect();
                    self.early.drain(..at.min(self.early.len()));
                    return Ok(());
                }
                First::Not(kind, why) => {
                    let next = match kind {
                        Shutness::Held => "end it there first",
                        Shutness::Denied => {
                            "on most systems: `sudo usermod -aG dialout $USER` there, then connect anew"
                        }
                        _ => "`ls /dev/tty*` there lists what there is",
                    };
                    return Err(Shut {
                        kind,
                        why: format!("{} on {}", why, short(&self.host, 100)),
                        next: next.into(),
                    });
                }
                First::More if self.early.len() < FIRST => {}
                First::More => return Err(self.wordless("it said something else")),
            }
            match self.read(&mut buf).await {
                Ok(n) => self.early.extend_from_slice(buf.get(..n).unwrap_or_default()),
                Err(e) => return Err(self.wordless(&e.to_string())),
            }
        }
    }

    fn wordless(&self, why: &str) -> Shut {
        Shut {
            kind: Shutness::Absent,
            why: format!("{} opens no port: {}", short(&self.host, 100), short(why, 200)),
            next: "a POSIX shell and stty are needed there".into(),
        }
    }

    /// What came: at least a byte.
    ///
    /// # Errors
    /// It is gone, and why as far as the host says.
    pub async fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            self.stream.readable().await?;
            match self.stream.try_read(buf) {
                Ok(0) => return Err(self.ended()),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
    }

    /// Writes what is taken just now: at least a byte.
    ///
    /// # Errors
    /// As [`Remote::read`]'s.
    pub async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            self.stream.writable().await?;
            match self.stream.try_write(bytes) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Err(self.ended()),
                done => return done,
            }
        }
    }

    fn ended(&self) -> io::Error {
        let cause = self.channel.bridge().reap().and_then(|end| end.cause);
        io::Error::other(cause.unwrap_or_else(|| "it ended there".into()))
    }
}

fn remote_host(config: &Serial) -> String {
    config.via.clone().unwrap_or_else(|| "the host".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::process::{Command, Stdio};

    #[test]
    fn what_a_host_says_first_is_read_whatever_stands_before_it() {
        let said = |text: &str| first(text.as_bytes(), "/dev/x");
        assert_eq!(said(""), First::More);
        assert_eq!(said("Welcome!\nTHUB-SERIAL o"), First::More);
        let text = "Welcome!\r\nTHUB-SERIAL ok parenb\nU-Boot";
        assert_eq!(said(text), First::Open(vec!["parenb".into()], text.len() - 6));
        assert_eq!(said("THUB-SERIAL absent\n"), First::Not(Shutness::Absent, "/dev/x is not there".into()));
        let held = |text: &str, by: &str| {
            assert_eq!(said(text), First::Not(Shutness::Held, format!("/dev/x is open in {by} there")))
        };
        held("THUB-SERIAL held 12 pico\x1bcom\n", "pico\\u{1b}com (process 12)");
        held("THUB-SERIAL held\n", "another program");
        assert!(matches!(said("THUB-SERIAL \n"), First::Not(Shutness::Wrong, _)));
    }

    /// The line as each shell there is runs it, without a port to open.
    #[test]
    fn a_ports_name_is_one_word_and_never_run() {
        let dir = tempfile::tempdir().unwrap();
        let evil = dir.path().join("run");
        let none = format!("/dev/x'\"`touch {0}`$(touch {0});touch {0}\\", evil.display());
        for (port, answer) in [
            (none.as_str(), "absent"),
            ("/dev/ttyUSB987", "absent"),
            ("/dev/../etc/passwd", "outside"),
            ("/dev/null", "wrong"),
            ("/dev/ptmx", "wrong"),
            ("/dev", "wrong"),
            if Path::new("/dev/tty1").exists() { ("/dev/tty1", "wrong") } else { ("/dev/ptmx", "wrong") },
        ] {
            let line = line(&Serial { port: port.into(), ..Serial::default() });
            for shell in ["sh", "bash", "dash", "zsh", "fish", "tcsh", "busybox"] {
                let mut command = Command::new(shell);
                if shell == "busybox" {
                    command.arg("sh");
                }
                let Ok(ran) = command.args(["-c", &line]).stdin(Stdio::null()).output() else { continue };
                let said = String::from_utf8_lossy(&ran.stdout);
                assert_eq!(
                    said,
                    format!("THUB-SERIAL {answer}\n"),
                    "{shell}: {port}: {}",
                    String::from_utf8_lossy(&ran.stderr)
                );
            }
        }
        assert!(!evil.exists());
    }
}
