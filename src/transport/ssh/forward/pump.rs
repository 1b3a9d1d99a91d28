//! Owns copying one forwarded connection: both ways at once, each half closed by itself, counted.
//! Leaves out where its ends come from.

use super::Counts;
use super::listen::Conn;
use crate::transport::ssh::Channel;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// One buffer a direction and connection.
const BUFFER: usize = 16 << 10;
/// After both ends said that they are through: the host closes the channel then.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// Which end a copy failed at.
enum Broken {
    Reading(io::Error),
    Writing(io::Error),
}

/// Copies until both ends are through. `first` was read from here already. An error = it broke off, and who is here is
/// to be told so by a reset.
pub(super) async fn pump(here: &mut Conn, there: Channel, first: &[u8], counts: &Counts) -> io::Result<()> {
    let closing = there.closing();
    let (mut here_read, mut here_write) = tokio::io::split(here);
    let (mut there_read, mut there_write) = tokio::io::split(there);
    let up = async {
        there_write.write_all(first).await.map_err(Broken::Writing)?;
        counts.up.fetch_add(first.len() as u64, Ordering::Relaxed);
        copy(&mut here_read, &mut there_write, &counts.up).await?;
        there_write.shutdown().await.map_err(Broken::Writing)
    };
    let down = async {
        copy(&mut there_read, &mut here_write, &counts.down).await?;
        here_write.shutdown().await.map_err(Broken::Writing)
    };
    tokio::pin!(up, down);
    let (mut up_over, mut down_over) = (false, false);
    while !(up_over && down_over) {
        tokio::select! {
            done = &mut up, if !up_over => match done {
                // the host takes no more; what it sent still comes
                Ok(()) | Err(Broken::Writing(_)) => up_over = true,
                Err(Broken::Reading(e)) => return Err(e),
            },
            done = &mut down, if !down_over => match done {
                Ok(()) => down_over = true,
                Err(Broken::Reading(e) | Broken::Writing(e)) => return Err(e),
            },
            // whoever is there has closed both directions, and reads no more
            () = closing.wait(), if down_over => return Ok(()),
        }
    }
    // russh keeps what is left of a channel that we close first until the connection ends
    let _ = tokio::time::timeout(CLOSE_WITHIN, closing.wait()).await;
    Ok(())
}

async fn copy(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    count: &AtomicU64,
) -> Result<(), Broken> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let n = from.read(&mut buffer).await.map_err(Broken::Reading)?;
        if n == 0 {
            return Ok(());
        }
        to.write_all(buffer.get(..n).unwrap_or_default()).await.map_err(Broken::Writing)?;
        count.fetch_add(n as u64, Ordering::Relaxed);
    }
}
