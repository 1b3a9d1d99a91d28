//! Owns which clients are connected, the newest last. Leaves out what they are for.

use crate::link::{Link, locked};
use std::sync::Mutex;

/// Clients by the number of their connection.
#[derive(Default)]
pub struct Links(Mutex<Vec<(u64, Link)>>);

impl Links {
    /// One that was there already becomes the newest.
    pub fn add(&self, id: u64, link: Link) {
        let mut links = locked(&self.0);
        links.retain(|(i, _)| *i != id);
        links.push((id, link));
    }

    pub fn remove(&self, id: u64) {
        locked(&self.0).retain(|(i, _)| *i != id);
    }

    pub fn has(&self, id: u64) -> bool {
        locked(&self.0).iter().any(|(i, _)| *i == id)
    }

    pub fn is_empty(&self) -> bool {
        locked(&self.0).is_empty()
    }

    /// The newest that is not closed; those that are, are forgotten.
    pub fn newest(&self) -> Option<(u64, Link)> {
        let mut links = locked(&self.0);
        links.retain(|(_, l)| !l.is_closed());
        links.last().cloned()
    }

    pub fn each(&self, tell: impl Fn(&Link)) {
        locked(&self.0).iter().for_each(|(_, link)| tell(link));
    }
}
