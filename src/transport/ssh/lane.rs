//! Owns the turn of bulk data on a connection: forwarded bytes take turns of a few KiB, and the next turn comes when
//! the last one has gone out. So a key typed meanwhile waits for one turn, whatever is being copied.
//! Leaves out who sends.

use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;

/// Bytes of all forwards together between two flushes of the connection.
pub(super) const TURN: usize = 64 << 10;
/// The same for a connection that runs over a jump host's, whose turns come on top. While its turn goes out, it neither
/// takes keys nor reads what comes back.
pub(super) const SHORT_TURN: usize = 32 << 10;
/// Bytes of one forwarded connection at a time: the others come in between.
pub(super) const PIECE: usize = 16 << 10;

pub(super) struct Lane {
    room: Semaphore,
    taken: AtomicUsize,
}

impl Default for Lane {
    fn default() -> Lane {
        Lane::of(TURN)
    }
}

impl Lane {
    /// With turns of so many bytes, at least a [`PIECE`].
    pub(super) fn of(turn: usize) -> Lane {
        Lane { room: Semaphore::new(turn.max(PIECE)), taken: AtomicUsize::new(0) }
    }

    /// Waits, first come first served, until `bytes` (at most [`PIECE`]) may be handed on.
    pub(super) async fn take(&self, bytes: usize) {
        let bytes = bytes.min(PIECE);
        // the semaphore is never closed
        if let Ok(permit) = self.room.acquire_many(u32::try_from(bytes).unwrap_or(0)).await {
            permit.forget();
            self.taken.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// All that was handed on has left for the network.
    pub(super) fn flushed(&self) {
        self.room.add_permits(self.taken.swap(0, Ordering::Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_turn_is_as_long_as_it_is_said_to_be() {
        let lane = Lane::default();
        for _ in 0..TURN / PIECE {
            lane.take(PIECE).await;
        }
        let mut next = std::pin::pin!(lane.take(1));
        assert!(futures_pending(&mut next).await, "the turn is over");
        lane.flushed();
        next.await;
        lane.take(PIECE).await;
    }

    async fn futures_pending(future: &mut (impl Future<Output = ()> + Unpin)) -> bool {
        std::future::poll_fn(|cx| std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx).is_pending())).await
    }
}
