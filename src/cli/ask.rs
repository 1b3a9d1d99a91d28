//! Owns questions on the terminal that a verb was started from, and progress on standard error. Leaves out the TUI's
//! panels, and what is asked.
//!
//! As ssh does, it asks on `/dev/tty`: standard input may be a pipe. Without a controlling terminal nobody is asked.
//! Ctrl-C (or an empty Ctrl-D) cancels the question and every later one of this process.

use crate::secret::{NOT_TEXT, Secret, TOO_LONG};
use crate::sys::Quiet;
use crate::text::escape;
use crate::transport::ask::{Answered, Ask, KeyAsked, SecretAsked, SecretKind};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::io::{IsTerminal, Write};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// How often a word that is no answer is asked anew.
const ANEW: usize = 10;

/// The terminal of this process: one question at a time, whichever host asks.
pub struct Terminal {
    turn: tokio::sync::Mutex<()>,
    cancelled: AtomicBool,
    /// Progress is told.
    told: bool,
    /// A line of it is open.
    open: AtomicBool,
}

impl Terminal {
    fn new(told: bool) -> Terminal {
        Terminal { turn: Default::default(), cancelled: Default::default(), told, open: Default::default() }
    }
    /// Ends an open line of progress.
    pub fn end_line(&self) {
        if self.open.swap(false, Ordering::Relaxed) {
            eprintln!();
        }
    }
}

/// Asks, and tells no progress: what every verb reaches its hosts with.
pub fn quietly() -> Arc<Terminal> {
    static SHARED: LazyLock<Arc<Terminal>> = LazyLock::new(|| Arc::new(Terminal::new(false)));
    SHARED.clone()
}

/// Asks, and tells progress.
pub fn telling() -> Arc<Terminal> {
    Arc::new(Terminal::new(true))
}

/// Is there a terminal to ask on?
pub fn here() -> bool {
    open().is_some()
}

fn open() -> Option<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let tty = rustix::fs::open("/dev/tty", flags, Mode::empty()).ok()?;
    rustix::termios::isatty(&tty).then_some(tty)
}

/// How a line of typing ended.
enum Typed {
    Line(Secret),
    /// It can't be sent, and why.
    Flawed(&'static str),
    Cancelled,
    /// Ctrl-Z: the process group was stopped, and goes on.
    Stopped,
}

impl Terminal {
    /// A line; `None` = nobody is there, or it was cancelled.
    async fn line(&self, lines: &[String], prompt: &str, echo: bool) -> Option<Secret> {
        let mut text = String::new();
        self.end_line();
        for line in lines {
            text.push_str(&format!("{}\r\n", escape(line)));
        }
        let mut refused = 0;
        loop {
            if self.cancelled.load(Ordering::Relaxed) || refused >= ANEW {
                return None;
            }
            let typed = match type_line(&format!("{text}{} ", escape(prompt)), echo).await {
                Ok(typed) => typed,
                Err(e) => {
                    tracing::warn!(error = %e, "the terminal can't be asked on");
                    return None;
                }
            };
            match typed {
                Typed::Line(line) => return Some(line),
                Typed::Flawed(why) => {
                    refused += 1;
                    text = format!("thub: that was {why}\r\n");
                }
                Typed::Cancelled => self.cancelled.store(true, Ordering::Relaxed),
                Typed::Stopped => {}
            }
        }
    }

    /// What somebody chooses, where `meant` knows the word; else it is asked anew. `None` = nobody is there, or it was
    /// cancelled.
    pub async fn choose<T>(&self, lines: &[String], prompt: &str, meant: impl Fn(&str) -> Option<T>) -> Option<T> {
        let _turn = self.turn.lock().await;
        let mut lines = lines.to_vec();
        for _ in 0..ANEW {
            let answer = self.line(&lines, prompt, true).await?;
            if let Some(choice) = meant(answer.expose().trim()) {
                return Some(choice);
            }
            lines.clear();
        }
        None
    }

    /// `Some(true)` for yes and for `word`; asked anew for anything that is neither yes nor no.
    async fn yes(&self, lines: &[String], prompt: &str, word: Option<&str>) -> Option<bool> {
        let _turn = self.turn.lock().await;
        let mut lines = lines.to_vec();
        let mut prompt = prompt.to_string();
        for _ in 0..ANEW {
            let answer = self.line(&lines, &prompt, true).await?;
            let answer = answer.expose().trim();
            if answer.eq_ignore_ascii_case("yes") || word.is_some_and(|w| w == answer) {
                return Some(true);
            }
            if answer.eq_ignore_ascii_case("no") {
                return Some(false);
            }
            lines.clear();
            prompt = format!("Type yes{} or no:", if word.is_some() { ", the fingerprint" } else { "" });
        }
        Some(false)
    }
}

/// Asks once on `/dev/tty`. The terminal is what it was whenever this ends, or is let go of.
async fn type_line(prompt: &str, echo: bool) -> std::io::Result<Typed> {
    let tty = open().ok_or(std::io::ErrorKind::NotFound)?;
    let reader = rustix::fs::open(
        "/dev/tty",
        OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NONBLOCK,
        Mode::empty(),
    )?;
    let reader: AsyncFd<OwnedFd> = crate::sys::async_fd(reader, Interest::READABLE).map_err(|e| e.1)?;
    let quiet = Quiet::new(tty)?;
    let say = |bytes: &[u8]| std::fs::File::from(quiet.tty().try_clone_to_owned()?).write_all(bytes);
    say(prompt.as_bytes())?;
    let mut line = Line::new();
    loop {
        let mut ready = reader.readable().await?;
        let mut byte = [0u8; 1];
        match rustix::io::read(reader.get_ref(), &mut byte) {
            Ok(0) => return Ok(Typed::Cancelled),
            Ok(_) => {}
            Err(Errno::AGAIN) => {
                ready.clear_ready();
                continue;
            }
            Err(Errno::INTR) => continue,
            Err(e) => return Err(e.into()),
        }
        match line.take(byte[0]) {
            Step::More(shown) if echo => say(shown.as_bytes())?,
            Step::More(_) => {}
            Step::Done => {
                say(b"\r\n")?;
                return Ok(line.flaw.map_or(Typed::Line(line.text), Typed::Flawed));
            }
            Step::Cancel => {
                say(b"\r\n")?;
                return Ok(Typed::Cancelled);
            }
            Step::Stop => {
                say(b"\r\n")?;
                drop(quiet);
                rustix::process::kill_current_process_group(rustix::process::Signal::TSTP)?;
                return Ok(Typed::Stopped);
            }
        }
    }
}

/// What is being typed.
struct Line {
    text: Secret,
    /// A character's bytes so far.
    bytes: Vec<u8>,
    /// Something was typed that it can't hold: half of it is never taken for the whole. C-u does away with that.
    flaw: Option<&'static str>,
}

enum Step {
    /// Go on; what is shown of it where it may be.
    More(String),
    Done,
    Cancel,
    Stop,
}

impl Line {
    fn new() -> Line {
        Line { text: Secret::new(), bytes: Vec::with_capacity(4), flaw: None }
    }

    /// One byte of the terminal.
    fn take(&mut self, byte: u8) -> Step {
        const RUB: &str = "\u{8} \u{8}";
        // (what ends a character ends also half of one)
        if byte < 0x80 && !self.bytes.is_empty() {
            self.drop_half();
        }
        match byte {
            b'\n' | b'\r' => return Step::Done,
            3 | 0x1c => return Step::Cancel,
            4 if self.text.expose().is_empty() => return Step::Cancel,
            0x1a => return Step::Stop,
            8 | 0x7f => {
                return Step::More(if self.text.pop() { RUB.into() } else { String::new() });
            }
            0x15 => {
                let typed = self.text.expose().chars().count();
                self.text.clear();
                self.flaw = None;
                return Step::More(RUB.repeat(typed));
            }
            0..0x20 => return Step::More(String::new()),
            _ => self.bytes.push(byte),
        }
        match std::str::from_utf8(&self.bytes) {
            Ok(whole) => {
                let taken = self.text.push_str(whole);
                let shown = if taken { escape(whole) } else { String::new() };
                if !taken {
                    self.flaw = Some(TOO_LONG);
                }
                self.bytes.fill(0);
                self.bytes.clear();
                return Step::More(shown);
            }
            // it may become one
            Err(e) if e.error_len().is_none() => {}
            Err(_) => self.drop_half(),
        }
        Step::More(String::new())
    }

    /// Bytes that are no character.
    fn drop_half(&mut self) {
        self.bytes.fill(0);
        self.bytes.clear();
        self.flaw = Some(NOT_TEXT);
    }
}

/// Each question begins with who sees the answer, whatever a host's own words name: its name, or for a passphrase
/// ourselves.
fn naming(asked: &SecretAsked) -> String {
    let prompt = asked.prompt.trim_end().trim_end_matches(':');
    match asked.kind {
        SecretKind::Passphrase => format!("thub: {prompt} (stays on this machine):"),
        SecretKind::Password | SecretKind::Answer if prompt.starts_with(&asked.host) => format!("thub: {prompt}:"),
        SecretKind::Password | SecretKind::Answer => format!("thub: {}: {prompt}:", asked.host),
    }
}

/// What is said before a secret is asked for.
fn before(asked: &SecretAsked) -> Vec<String> {
    if let Some(wrong) = asked.wrong() {
        return vec![format!("thub: {}: {wrong}", asked.host)];
    }
    match asked.kind {
        SecretKind::Passphrase => vec![format!("thub: {}: a locked key is needed to log in", asked.host)],
        SecretKind::Password | SecretKind::Answer => Vec::new(),
    }
}

impl Ask for Terminal {
    fn somebody(&self) -> bool {
        here()
    }
    fn host_key(&self, asked: &KeyAsked) -> Answered<'_, bool> {
        let KeyAsked { host, kind, fingerprint, .. } = asked;
        let mut lines = vec![format!("thub: {host} is not known yet. It shows this {kind} key:")];
        lines.push(format!("  {fingerprint}"));
        lines.extend(asked.facts().into_iter().map(|(word, fact)| format!("  {word}: {fact}")));
        lines.push("Compare it with what the machine's owner says.".to_string());
        let word = fingerprint.clone();
        Box::pin(async move {
            self.yes(&lines, "Trust it and keep it? Type yes, no, or the fingerprint:", Some(&word)).await
        })
    }
    fn secret(&self, asked: &SecretAsked) -> Answered<'_, Secret> {
        let (lines, prompt, echo) = (before(asked), naming(asked), asked.echo);
        Box::pin(async move {
            let _turn = self.turn.lock().await;
            self.line(&lines, &prompt, echo).await
        })
    }
    fn deploy(&self, host: &str, found: Option<&str>, offered: &str, steps: &[String]) -> Answered<'_, bool> {
        let there = found.map_or("no thub yet".to_string(), crate::transport::deploy::choose::verdict);
        let mut lines = vec![format!("thub: {host} has {there}. To work there, build {offered} is put there:")];
        lines.extend(steps.iter().map(|s| format!("  {s}")));
        Box::pin(async move { self.yes(&lines, "Put it there? Type yes or no:", None).await })
    }
    fn directory(&self, host: &str, why: &str) -> Answered<'_, String> {
        let line = format!("thub: {host}: {why}");
        Box::pin(async move {
            let _turn = self.turn.lock().await;
            let typed = self.line(&[line], "Another directory there, absolute (nothing stops it):", true).await?;
            Some(typed.expose().trim().to_string()).filter(|d| !d.is_empty())
        })
    }
    fn said(&self, host: &str, text: &str) {
        if here() {
            self.end_line();
            text.lines().for_each(|line| eprintln!("{} says: {}", escape(host), escape(line)));
        }
    }
    fn progress(&self, step: &str, done: Option<f32>) {
        if !self.told {
            return;
        }
        let mut err = std::io::stderr().lock();
        match done {
            Some(done) if err.is_terminal() => {
                self.open.store(true, Ordering::Relaxed);
                // (a step's length varies: what is right of it is erased)
                let _ = write!(err, "\r{} {:3.0}%\x1b[K", escape(step), done * 100.0);
            }
            Some(_) => {}
            None => {
                let newline = if self.open.swap(false, Ordering::Relaxed) { "\n" } else { "" };
                let _ = writeln!(err, "{newline}{}", escape(step));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[u8]) -> (String, String, &'static str) {
        let mut line = Line::new();
        let mut shown = String::new();
        for key in keys {
            let end = match line.take(*key) {
                Step::More(more) => {
                    shown.push_str(&more);
                    continue;
                }
                Step::Done => line.flaw.unwrap_or("done"),
                Step::Cancel => "cancel",
                Step::Stop => "stop",
            };
            return (line.text.expose().to_string(), shown, end);
        }
        (line.text.expose().to_string(), shown, "more")
    }

    #[test]
    fn a_question_names_who_sees_the_answer() {
        let naming = |kind, host: &str, prompt: &str| {
            naming(&SecretAsked { host: host.into(), prompt: prompt.into(), kind, ..SecretAsked::default() })
        };
        let (answer, phrase) = (SecretKind::Answer, SecretKind::Passphrase);
        assert_eq!(naming(SecretKind::Password, "me@web", "me@web's password"), "thub: me@web's password:");
        assert_eq!(naming(answer, "me@web", "Password: "), "thub: me@web: Password:");
        assert_eq!(
            naming(answer, "me@evil", "root@bank's password (me@evil)"),
            "thub: me@evil: root@bank's password (me@evil):"
        );
        // where it stays is our word, and no host's
        let ours = naming(phrase, "me@web", "Passphrase for /h/.ssh/id");
        assert_eq!(ours, "thub: Passphrase for /h/.ssh/id (stays on this machine):");
        let theirs = naming(answer, "me@evil", "Passphrase for /h/.ssh/id (stays on this machine):");
        assert_eq!(theirs, "thub: me@evil: Passphrase for /h/.ssh/id (stays on this machine):");
    }

    #[test]
    fn a_line_of_typing() {
        assert_eq!(typed(b"abc\n"), ("abc".into(), "abc".into(), "done"));
        assert_eq!(typed(b"abd\x7fc\r"), ("abc".into(), "abd\u{8} \u{8}c".into(), "done"));
        assert_eq!(typed("wörd\n".as_bytes()), ("wörd".into(), "wörd".into(), "done"));
        assert_eq!(typed(b"ab\x15c\n").0, "c");
        assert_eq!(typed(b"\x7f\n"), (String::new(), String::new(), "done"));
        assert_eq!(typed(b"a\x1b[A\x00b\n").0, "a[Ab", "keys that are no characters");
        for (keys, end) in [(&b"ab\x03"[..], "cancel"), (b"\x04", "cancel"), (b"a\x04b", "more"), (b"a\x1a", "stop")] {
            assert_eq!(typed(keys).2, end);
        }
        // a character that hides is shown as what it is
        assert_eq!(typed("\u{202e}\n".as_bytes()).1, "\\u{202e}");
        // bytes that are no text are never lost without a word: the whole is refused, until it is begun anew
        for bytes in [&b"a\xff\n"[..], b"\xffabc\n", b"a\xc3\n", b"a\xc3b\n", b"\xe2\x82\xc3\xa9\n", b"\xff\x7f\n"] {
            assert_eq!(typed(bytes).2, NOT_TEXT, "{bytes:?}");
        }
        assert_eq!(typed(b"\xff\x15ab\n"), ("ab".into(), "ab".into(), "done"));
        // nor is what is too long cut
        let mut long = vec![b'x'; crate::secret::MOST];
        long.push(b'\n');
        assert_eq!((typed(&long).0.len(), typed(&long).2), (crate::secret::MOST, "done"));
        long.insert(0, b'x');
        assert_eq!(typed(&long).2, TOO_LONG);
    }
}
