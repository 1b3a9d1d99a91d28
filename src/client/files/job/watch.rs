//! Owns what is told of a job while it runs: how far it is, what failed, and of what not all has arrived.

use super::JobEvent;
use crate::client::files::failures::Failures;
use crate::client::files::meter::Meter;
use crate::proto::control::{Failed, Fault, FilePath};
use std::collections::{HashMap, HashSet};
use std::time::Instant;
use tokio::sync::mpsc;

/// Paths of what was skipped that are kept, to be told.
const LEFT: usize = 1000;

/// Who is told how it goes.
pub struct Watch {
    pub(super) events: mpsc::UnboundedSender<JobEvent>,
    pub(super) meter: Meter,
    pub(super) failed: Failures,
    pub(super) failures: u64,
    pub(super) skipped: u64,
    /// The first of them, in the destination.
    pub(super) left: Vec<FilePath>,
    /// First names, in the destination, of what is to come there; and of those that which is not all there.
    pub(super) coming: HashSet<Vec<u8>>,
    pub(super) lacking: HashSet<Vec<u8>>,
    /// Something failed that is none of them: nobody knows what is not all there.
    lacks_any: bool,
    /// First names that were chosen beside what is there, and those that they stand for.
    pub(super) beside: HashMap<Vec<u8>, Vec<u8>>,
}

/// The name of a path within a tree that lies at its top.
pub(super) fn first_name(path: &FilePath) -> Vec<u8> {
    path.as_bytes().split(|b| *b == b'/').next().unwrap_or_default().to_vec()
}

impl Watch {
    pub(super) fn new(events: mpsc::UnboundedSender<JobEvent>) -> Watch {
        Watch {
            events,
            meter: Meter::default(),
            failed: Failures::default(),
            failures: 0,
            skipped: 0,
            left: Vec::new(),
            coming: HashSet::new(),
            lacking: HashSet::new(),
            lacks_any: false,
            beside: HashMap::new(),
        }
    }
    fn tell(&mut self) {
        if let Some(far) = self.meter.due(Instant::now()) {
            let _ = self.events.send(JobEvent::Progress(far));
        }
    }
    pub fn part(&mut self, bytes: u64) {
        self.meter.part(bytes);
        self.tell();
    }
    pub fn carried(&mut self, bytes: u64) {
        self.meter.carried(bytes);
    }
    pub fn current(&mut self, path: &FilePath) {
        self.meter.current(path);
    }
    pub fn done(&mut self, files: u64, bytes: u64) {
        self.meter.done(files, bytes);
        self.tell();
    }
    pub fn waiting(&mut self, why: &Fault) {
        let _ = self.events.send(JobEvent::Waiting { why: why.message.clone() });
    }
    pub fn part_at(&mut self, path: Option<FilePath>) {
        let _ = self.events.send(JobEvent::Part(path));
    }
    /// Paths are those of the destination.
    pub fn failed_there(&mut self, failed: Failed) {
        self.lacks(&failed.path);
        self.failures += 1;
        if let Some(failed) = self.failed.add(failed) {
            let _ = self.events.send(JobEvent::Failed(failed.clone()));
        }
    }
    /// It stays as it is there.
    pub(super) fn skip(&mut self, path: &FilePath) {
        self.lacks(path);
        self.skipped += 1;
        if self.left.len() < LEFT {
            self.left.push(path.clone());
        }
    }
    pub(super) fn lacks(&mut self, path: &FilePath) {
        let first = first_name(path);
        let meant = self.beside.get(&first).cloned();
        // (paths come from hosts: what was never asked for is not kept)
        self.lacks_any |= meant.is_none() && !self.coming.contains(&first);
        self.lacking.extend(meant);
        if self.coming.contains(&first) {
            self.lacking.insert(first);
        }
    }
    pub(super) fn is_whole(&self, name: &FilePath) -> bool {
        !self.lacks_any && !self.lacking.contains(name.as_bytes())
    }
    pub(super) fn again(&mut self) {
        self.meter.again();
        (self.failures, self.skipped) = (0, 0);
        self.failed.clear();
        self.left.clear();
        self.lacking.clear();
        self.lacks_any = false;
    }
}
