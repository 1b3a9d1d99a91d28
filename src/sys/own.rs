//! Owns the processes of thub's own that outlive whoever starts them (a session, a target): how one is started and heard,
//! and how it comes to stand alone. Leaves out what they do.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What it says of its start, bytes at most.
const SAID_MOST: u64 = 1 << 20;

/// Runs this very program with these words, `input` on its standard input, and waits until the process it started has let
/// go of its standard output: what it said there.
///
/// # Errors
/// It can't be started or spoken to; [`io::ErrorKind::TimedOut`]: it said nothing to the end `within` that time.
pub async fn start(words: &[&str], input: &[u8], within: Duration) -> io::Result<Vec<u8>> {
    // what runs now, also where its file was replaced or removed meanwhile
    let exe = if cfg!(target_os = "linux") { PathBuf::from("/proc/self/exe") } else { std::env::current_exe()? };
    let mut command = tokio::process::Command::new(exe);
    command.arg0("thub").args(words);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(false);
    let mut child = command.spawn()?;
    let talk = async {
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input).await?;
        }
        let mut said = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            stdout.take(SAID_MOST).read_to_end(&mut said).await?;
        }
        child.wait().await?;
        Ok(said)
    };
    tokio::time::timeout(within, talk).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// From here on this process belongs to nobody: a process session of its own, `/` as its directory, every signal as after a
/// login, whatever our caller ignored; a hang-up and a broken pipe end nothing.
pub fn stand_alone() {
    let _ = rustix::process::setsid();
    super::set_process_name("thub");
    super::reset_signals();
    super::ignore(libc::SIGHUP);
    super::ignore(libc::SIGPIPE);
    let _ = std::env::set_current_dir("/");
}
