//! Owns the searches under way. Lines are taken a batch at a time between the loop's turns, and looked at on another
//! thread: whatever the pattern, neither output nor keys wait for it. Leaves out how a line is looked at (`term::search`).

use super::Session;
use crate::link::conn::Outbox;
use crate::link::feed::Feed;
use crate::proto::control::{Fault, SessionSearch, SessionSearching};
use crate::term::search::Search;
use tokio::sync::mpsc;

/// Bytes of lines taken at once: copying them takes a fraction of a millisecond.
const BATCH: usize = 128 << 10;
/// Searches of one session at a time.
const MOST: usize = 16;

/// One search, and the stream its findings go to.
pub struct Searching {
    pub feed: Feed,
    /// Tells it from an earlier one of the same stream.
    number: u64,
    /// None = a batch is being looked at.
    search: Option<Search>,
}

/// A batch has been looked at.
pub struct Looked {
    conn: u64,
    number: u64,
    search: Search,
}

impl Searching {
    fn has_work(&self) -> bool {
        self.search.as_ref().is_some_and(Search::has_work)
    }

    /// Sends what the credit allows; false = it was the last of it.
    pub fn pump(&mut self, out: &Outbox) -> bool {
        let Some(search) = &mut self.search else { return true };
        self.feed.push(out, &mut search.ready);
        !search.is_over() || !search.ready.is_empty()
    }
}

impl Session {
    pub(super) fn search(&mut self, conn: u64, s: SessionSearch) -> Result<SessionSearching, Fault> {
        if s.stream == 0 {
            return Err(Fault::new(Fault::BAD_PARAMS, "stream 0 is the link itself"));
        }
        if self.conns.values().map(|c| c.searches.len()).sum::<usize>() >= MOST {
            return Err(Fault::new(Fault::REFUSED, "too many searches of this session are under way"));
        }
        let search =
            Search::new(&s, self.engine.history(), &self.engine).map_err(|why| Fault::new(Fault::BAD_PARAMS, why))?;
        let (from, to) = search.range();
        self.searched += 1;
        if let Some(c) = self.conns.get_mut(&conn) {
            c.searches.retain(|other| other.feed.stream != s.stream);
            let feed = Feed::open(s.stream, s.window);
            c.searches.push(Searching { feed, number: self.searched, search: Some(search) });
        }
        Ok(SessionSearching { from, to })
    }

    /// Sends every search on its way that does not wait for its reader; it comes back by `looked`.
    pub(super) fn search_on(&mut self, looked: &mpsc::UnboundedSender<Looked>) {
        let Session { conns, engine, .. } = self;
        for (conn, c) in conns.iter_mut() {
            for s in c.searches.iter_mut().filter(|s| s.has_work()) {
                let Some(mut search) = s.search.take() else { continue };
                let batch = search.take(engine.history(), BATCH);
                let (conn, number, looked) = (*conn, s.number, looked.clone());
                tokio::task::spawn_blocking(move || {
                    search.look_at(batch);
                    let _ = looked.send(Looked { conn, number, search });
                });
            }
        }
    }

    /// What was found goes out. Where the stream is gone meanwhile, so is the search.
    pub(super) fn looked(&mut self, Looked { conn, number, search }: Looked) {
        let Some(c) = self.conns.get_mut(&conn) else { return };
        if let Some(s) = c.searches.iter_mut().find(|s| s.number == number) {
            s.search = Some(search);
        }
        let out = &c.out;
        c.searches.retain_mut(|s| s.pump(out));
    }
}
