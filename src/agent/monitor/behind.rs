//! Owns looks at a host over SSH: a command there over the connection that its shells have, sent a line for each look. It is
//! hung up on once nobody looks. Leaves out what it runs and prints (`parse`).

use super::look::{Look, gauges};
use super::parse::{self, script};
use super::{SECOND, Watch};
use crate::agent::Agent;
use crate::backend::channel;
use crate::proto::control::TargetGet;
use crate::proto::ids::TargetId;
use crate::store::target;
use crate::text::short;
use std::sync::Weak;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A channel is open by then.
const OPEN: Duration = Duration::from_secs(30);
/// A host that says nothing for so long is told of as one that does not answer.
const LATE: Duration = Duration::from_secs(20);
/// How a host that can't be looked at is tried again: sooner, then later.
const AGAIN: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));
/// Every so many looks one at its disks.
const DISKS: u64 = 6;

pub(super) async fn run(mut watch: Watch, agent: Weak<Agent>, id: TargetId) {
    let mut again = AGAIN.0;
    while !watch.link.is_closed() {
        let began = Instant::now();
        let why = match session(&mut watch, &agent, &id).await {
            Ok(()) => return,
            Err(why) => why,
        };
        if watch.link.is_closed() {
            return;
        }
        watch.tell_fault(&why);
        // (one that was looked at for a while is tried at once)
        again = if began.elapsed() > AGAIN.1 { AGAIN.0 } else { (again * 2).min(AGAIN.1) };
        let next =
            Instant::now() + if state(&agent, &id).await.is_ok_and(|s| s == CONNECTED) { again } else { AGAIN.0 };
        tokio::time::sleep_until(next.into()).await;
    }
}

const CONNECTED: &str = "connected";

/// How its target process stands with the host. Asking connects nothing.
async fn state(agent: &Weak<Agent>, id: &TargetId) -> Result<String, String> {
    let Some(agent) = agent.upgrade() else { return Err("this agent ends".into()) };
    let gone = |e: std::io::Error| format!("nothing is connected there: {e}");
    let (control, _incoming) = crate::transport::target::connect(&agent.run(), id).map_err(gone)?;
    let info = control.call(&TargetGet::default()).await;
    control.close();
    info.map(|i| i.state).map_err(|f| f.message)
}

/// Looks until that fails; Ok = nobody wants to know any more.
async fn session(watch: &mut Watch, agent: &Weak<Agent>, id: &TargetId) -> Result<(), String> {
    // to connect anew could ask a person, for gauges
    let stands = state(agent, id).await?;
    if stands != CONNECTED {
        return Err(format!("not connected ({})", short(&stands, 20)));
    }
    let socket = {
        let Some(agent) = agent.upgrade() else { return Ok(()) };
        target::connect(&agent.run(), id).map_err(|e| format!("nothing is connected there: {e}"))?
    };
    let opened = channel::pipe(socket, script::command(), OPEN).await;
    let (stream, _) = opened.map_err(|f| format!("no command can be run there: {}", f.message))?;
    let (read, mut write) = tokio::io::split(stream);
    let mut reader = Reader { read, text: Vec::new() };
    let mut number = 0u64;
    let mut before: Option<(Look, Instant)> = None;
    while !watch.link.is_closed() {
        let how = watch.how();
        let asked = Instant::now();
        number += 1;
        // (the first two at once: what they say is waited for)
        let disks = number % DISKS == 1;
        let look = async {
            let ask = script::ask(number, disks, how.detail);
            write.write_all(ask.as_bytes()).await.map_err(|e| e.to_string())?;
            reader.look(number).await
        };
        let mut look = match tokio::time::timeout(LATE, look).await {
            Ok(look) => look?,
            Err(_) => return Err(format!("it has not answered for {} s", LATE.as_secs())),
        };
        let at = Instant::now();
        if let Some((old, then)) = &before {
            look.disks = look.disks.take().or_else(|| old.disks.clone());
            watch.tell(gauges(old, &look, at.saturating_duration_since(*then)));
        }
        before = Some((look, at));
        watch.until(asked + if number == 1 { SECOND } else { how.every }).await;
    }
    Ok(())
}

struct Reader<R> {
    read: R,
    text: Vec<u8>,
}

impl<R: AsyncRead + AsyncWrite + Unpin> Reader<tokio::io::ReadHalf<R>> {
    /// What it prints between the marks of this number; what rc files print before is passed over.
    async fn look(&mut self, number: u64) -> Result<Look, String> {
        let (begin, end) = (format!("@begin {number}\n"), format!("\n@end {number}\n"));
        let mut buf = vec![0; 32 << 10];
        let mut from = 0;
        loop {
            // (only what is new is looked through, and what may be half a mark before it)
            let at = find(&self.text, from, end.as_bytes());
            if let Some(at) = at {
                let rest = self.text.split_off(at + end.len());
                let text = String::from_utf8_lossy(&self.text).into_owned();
                self.text = rest;
                let body = text.split_once(&begin).map(|(_, body)| body).unwrap_or_default();
                return Ok(parse::look(body.strip_suffix(end.trim_start()).unwrap_or(body)));
            }
            from = self.text.len().saturating_sub(end.len());
            if self.text.len() > parse::MOST {
                return Err(format!("it prints more than {} bytes for them", parse::MOST));
            }
            let n = self.read.read(&mut buf).await.map_err(|e| e.to_string())?;
            if n == 0 {
                let last = String::from_utf8_lossy(&self.text);
                let said = last.lines().last().map(|l| format!(" ({})", short(l.trim(), 80))).unwrap_or_default();
                return Err(format!("its shell does not run what asks for them{said}"));
            }
            self.text.extend_from_slice(buf.get(..n).unwrap_or_default());
        }
    }
}

fn find(text: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    let at = text.get(from..)?.windows(what.len()).position(|w| w == what)?;
    Some(from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn looks_are_told_apart_whatever_stands_before_them() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut reader = Reader { read: tokio::io::split(ours).0, text: Vec::new() };
        let said = "Welcome!\n@begin 9\nno\n@begin 1\n@system Linux 4096\n@uptime\n12.5 3.0\n@end 1\n@begin 2\n@system Linux 4096\n@uptime\n13.5 1\n@end 2\n";
        let write = tokio::spawn(async move {
            theirs.write_all(said.as_bytes()).await.unwrap();
        });
        assert_eq!(reader.look(1).await.unwrap().uptime, Some(12.5));
        assert_eq!(reader.look(2).await.unwrap().uptime, Some(13.5));
        write.await.unwrap();
        assert!(reader.look(3).await.unwrap_err().contains("does not run"));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_host_that_prints_on_and_on_is_left() {
        let (ours, mut theirs) = tokio::io::duplex(1 << 16);
        let mut reader = Reader { read: tokio::io::split(ours).0, text: Vec::new() };
        tokio::spawn(async move { while theirs.write_all(&[b'y'; 4096]).await.is_ok() {} });
        assert!(reader.look(1).await.unwrap_err().contains("more than"));
    }
}
