//! Owns one channel: a terminal on the host or an SFTP session, its bytes both ways within credit, its end. Leaves out the
//! SSH beneath.
//!
//! SSH here gives its windows back on receipt, so a channel that nobody reads would in the end hold up all channels of the
//! connection. A session reads always; one that does not for a while (a stopped process) loses output, is told how much,
//! and holds up nobody. An SFTP session and a pipe are nothing without what would be lost: those end.

use crate::link::Link;
use crate::link::call;
use crate::proto::control::ChannelOpen;
use crate::proto::frame::{Body, Frame, MAX_PIECE};
use crate::proto::ids::{Offset, Size, StreamId};
use crate::proto::notice::{Notice, SessionExited};
use crate::transport::deploy::quote;
use crate::transport::ssh::{Channel, Control, Exit, Ssh, Terminal};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// Input on its way to the host at most: 256 KiB.
pub const INPUT: u64 = 256 << 10;
/// Most credit a session may give: 16 MiB.
const MOST: u64 = 16 << 20;
/// A session that takes nothing for so long while the connection is full of its output loses output. Longer than a busy
/// machine leaves a process without a turn: what others wait for at most is less dear than what would be lost.
const STUCK: Duration = Duration::from_secs(5);
/// How a command ended is known this soon after its output has.
const STATUS: Duration = Duration::from_secs(5);

/// Words as one line that every login shell takes apart again into the same words. None of them can say a line break
/// that all understand: it travels as a character that commands do without, and sh puts it back.
fn line(words: &[String]) -> String {
    const BREAK: &str = "\u{1}";
    let join = |words: Vec<String>| words.join(" ");
    if !words.iter().any(|w| w.contains('\n')) {
        return join(words.iter().map(|w| quote(w)).collect());
    }
    let inner = join(words.iter().map(|w| quote(&w.replace('\n', BREAK))).collect());
    let script = r#"eval "exec $(printf %s "$1" | tr '\001' '\n')""#;
    format!("exec sh -c {} thub {}", quote(script), quote(&inner))
}

/// What the login shell there runs.
pub fn command(open: &ChannelOpen) -> String {
    open.line.clone().unwrap_or_else(|| line(&open.command))
}

/// The terminal asked for.
pub fn terminal(open: &ChannelOpen) -> Terminal {
    Terminal {
        command: (open.kind == "exec").then(|| command(open)),
        term: open.term.clone(),
        size: Size::new(open.cols, open.rows).clamped(),
        env: open.env.clone(),
    }
}

/// Where a channel stands with its session.
struct Flow {
    link: Link,
    stream: StreamId,
    sent: Offset,
    limit: Offset,
    /// Input taken from the session and not yet written.
    pending: Vec<u8>,
    taken: Offset,
    acked: Offset,
    /// The session takes nothing: what comes is thrown away until it does.
    stuck: bool,
    /// Output thrown away since it was last said.
    dropped: u64,
    /// When credit last came, or was not needed.
    moved: Instant,
}

/// Copies to the channel's end; the session's leaving closes it.
pub async fn serve(
    ssh: Ssh,
    channel: Channel,
    open: &ChannelOpen,
    link: Link,
    mut frames: mpsc::UnboundedReceiver<Frame>,
) {
    let control = channel.control();
    let (mut read, mut write) = tokio::io::split(channel);
    let mut flow = Flow {
        link,
        stream: open.stream,
        sent: 0,
        limit: open.window.min(MOST),
        pending: Vec::new(),
        taken: 0,
        acked: INPUT,
        stuck: false,
        dropped: 0,
        moved: Instant::now(),
    };
    let mut buf = vec![0; MAX_PIECE];
    let end = loop {
        let room = flow.room();
        // only what holds up others is thrown away
        flow.stuck |= room == 0 && control.is_full() && flow.moved.elapsed() >= STUCK;
        if flow.stuck && [ChannelOpen::SFTP, ChannelOpen::PIPE].contains(&open.kind.as_str()) {
            break SessionExited { exit_code: None, cause: Some("what came for it was not taken".into()) };
        }
        let stuck = flow.stuck;
        let most = if room == 0 { MAX_PIECE } else { room };
        tokio::select! {
            biased;
            frame = frames.recv() => match frame {
                None => return,
                Some(frame) => flow.frame(&frame, &control),
            },
            wrote = write.write(&flow.pending), if !flow.pending.is_empty() => match wrote {
                Ok(n) => flow.wrote(n),
                // its end is read below
                Err(_) => flow.pending.clear(),
            },
            got = read.read(buf.get_mut(..most).unwrap_or_default()), if room > 0 || stuck => match got {
                Ok(0) => break ended(&ssh, &control).await,
                Ok(n) if stuck => flow.dropped += n as u64,
                Ok(n) => flow.output(buf.get(..n).unwrap_or_default()),
                Err(_) => break lost(&ssh),
            },
            () = sleep_until((flow.moved + STUCK).max(Instant::now() + STUCK / 10)), if room == 0 && !stuck => {}
        }
    };
    flow.say_dropped();
    call::notify(&flow.link.out, flow.stream, &Notice::ChannelExited(end));
    flow.link.out.drained().await;
    flow.link.close_stream(flow.stream);
}

impl Flow {
    fn room(&self) -> usize {
        usize::try_from(self.limit.saturating_sub(self.sent)).unwrap_or(MAX_PIECE).min(MAX_PIECE)
    }

    fn frame(&mut self, frame: &Frame, control: &Control) {
        match frame.body() {
            Ok(Body::Ack { seen, limit }) => {
                let limit = limit.min(seen.saturating_add(MOST));
                if limit > self.limit {
                    self.limit = limit;
                    self.moved = Instant::now();
                    self.stuck = false;
                    self.say_dropped();
                }
            }
            Ok(Body::Data { offset, bytes }) if offset == self.taken => {
                // within the credit given, and no more
                let room = self.acked.saturating_sub(self.taken).min(bytes.len() as u64) as usize;
                self.pending.extend_from_slice(bytes.get(..room).unwrap_or_default());
                self.taken += room as u64;
            }
            Ok(Body::Size { size, .. }) => {
                let size = size.clamped();
                control.resize(size.cols, size.rows);
            }
            _ => {}
        }
    }

    /// Input went on to the host: as much may come after it.
    fn wrote(&mut self, n: usize) {
        self.pending.drain(..n.min(self.pending.len()));
        let limit = self.taken.saturating_sub(self.pending.len() as u64).saturating_add(INPUT);
        if limit.saturating_sub(self.acked) >= INPUT / 2 {
            self.acked = limit;
            self.link.out.urgent(self.stream, Body::Ack { seen: self.taken, limit });
        }
    }

    fn output(&mut self, bytes: &[u8]) {
        self.link.out.bulk(self.stream, Body::Data { offset: self.sent, bytes });
        self.sent += bytes.len() as u64;
        self.moved = Instant::now();
    }

    /// A gap is never silent. (A CAN ends whatever sequence the gap has cut in two.)
    fn say_dropped(&mut self) {
        let lost = std::mem::take(&mut self.dropped);
        if lost > 0 {
            tracing::warn!(bytes = lost, "a session that does not read lost output");
            let note = format!("\x18\x1b[0m\r\n[thub: {lost} bytes of output are lost: this session was stopped]\r\n");
            self.output(note.as_bytes());
        }
    }
}

/// Nothing more comes from it: how did it end?
async fn ended(ssh: &Ssh, control: &Control) -> SessionExited {
    match tokio::time::timeout(STATUS, control.wait()).await.unwrap_or(Exit::Unknown) {
        Exit::Code(code) => SessionExited { exit_code: i32::try_from(code).ok(), cause: None },
        Exit::Signal(name) => SessionExited {
            exit_code: signal_number(&name).map(|n| 128 + n),
            cause: Some(format!("ended by SIG{}", crate::text::short(&name, 20))),
        },
        Exit::Unknown if ssh.is_closed() => lost(ssh),
        Exit::Unknown => {
            SessionExited { exit_code: None, cause: Some("the host closed the channel without an exit code".into()) }
        }
    }
}

fn lost(ssh: &Ssh) -> SessionExited {
    let why = ssh.last_words().map(|w| format!(": {w}")).unwrap_or_default();
    SessionExited { exit_code: None, cause: Some(format!("connection lost{why}")) }
}

/// As SSH names them (RFC 4254, 6.10), by Linux' numbers.
fn signal_number(name: &str) -> Option<i32> {
    const NAMES: [(&str, i32); 13] = [
        ("ABRT", 6),
        ("ALRM", 14),
        ("FPE", 8),
        ("HUP", 1),
        ("ILL", 4),
        ("INT", 2),
        ("KILL", 9),
        ("PIPE", 13),
        ("QUIT", 3),
        ("SEGV", 11),
        ("TERM", 15),
        ("USR1", 10),
        ("USR2", 12),
    ];
    NAMES.iter().find(|(n, _)| *n == name).map(|(_, number)| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_arrives_word_by_word() {
        let plain = ["printf", "%s|", "a b", "it's", "$HOME", "", "!\\"].map(String::from).to_vec();
        let breaks = [plain.clone(), vec!["two\nlines \\\n'$(id)'\n".into(), "`id`".into()]].concat();
        for (words, said) in
            [(plain, "a b|it's|$HOME||!\\|"), (breaks, "a b|it's|$HOME||!\\|two\nlines \\\n'$(id)'\n|`id`|")]
        {
            for shell in ["sh", "bash", "dash", "zsh", "fish", "csh", "tcsh"] {
                let Ok(ran) = std::process::Command::new(shell).args(["-c", &line(&words)]).output() else { continue };
                assert_eq!(String::from_utf8_lossy(&ran.stdout), said, "{shell}: {}", line(&words));
            }
        }
        let open = ChannelOpen { kind: "exec".into(), cols: 0, rows: 9999, ..ChannelOpen::default() };
        assert!(terminal(&open).size.is_valid());
        assert!(self::terminal(&ChannelOpen { kind: "shell".into(), ..open }).command.is_none());
    }
}
