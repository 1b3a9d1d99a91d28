//! Owns how far a copy is and how fast: what is told of it, and how often. Pure, clock passed in.

use crate::proto::control::FilePath;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// It is told this often at most.
pub const OFTEN: Duration = Duration::from_millis(200);
/// The speed is that of this long.
const SPAN: Duration = Duration::from_secs(5);

/// How far it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Far {
    /// Files, links and directories that are there, and bytes of files.
    pub files: u64,
    pub bytes: u64,
    /// What is being copied; untrusted.
    pub current: FilePath,
    /// Bytes a second, of those that were carried.
    pub speed: u64,
}

#[derive(Default)]
pub struct Meter {
    /// Done in this pass.
    files: u64,
    bytes: u64,
    /// Of what is under way.
    part: u64,
    /// The most that was told: after a cut it is counted again.
    told: (u64, u64),
    current: FilePath,
    /// Bytes carried, by when.
    carried: u64,
    marks: VecDeque<(Instant, u64)>,
    last: Option<Instant>,
}

impl Meter {
    /// It is counted from the beginning again.
    pub fn again(&mut self) {
        (self.files, self.bytes, self.part) = (0, 0, 0);
    }
    /// That is there.
    pub fn done(&mut self, files: u64, bytes: u64) {
        // (what a host says of sizes may be anything)
        self.files = self.files.saturating_add(files);
        self.bytes = self.bytes.saturating_add(bytes);
        self.part = 0;
    }
    /// Of the file under way, or of those that are carried together, so much is there.
    pub fn part(&mut self, bytes: u64) {
        self.part = bytes;
    }
    /// So many bytes were sent.
    pub fn carried(&mut self, bytes: u64) {
        self.carried = self.carried.saturating_add(bytes);
    }
    pub fn current(&mut self, path: &FilePath) {
        if self.current != *path {
            self.current = path.clone();
        }
    }
    pub fn carried_so_far(&self) -> u64 {
        self.carried
    }

    /// How far it is, where it is time to tell.
    pub fn due(&mut self, now: Instant) -> Option<Far> {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < OFTEN) {
            return None;
        }
        Some(self.far(now))
    }

    pub fn far(&mut self, now: Instant) -> Far {
        self.last = Some(now);
        self.marks.push_back((now, self.carried));
        while self.marks.len() > 2 && self.marks.get(1).is_some_and(|(at, _)| now.saturating_duration_since(*at) > SPAN)
        {
            self.marks.pop_front();
        }
        let speed = self.marks.front().map_or(0.0, |(at, bytes)| {
            let secs = now.saturating_duration_since(*at).as_secs_f64();
            if secs > 0.0 { (self.carried - bytes) as f64 / secs } else { 0.0 }
        });
        self.told = (self.told.0.max(self.files), self.told.1.max(self.bytes.saturating_add(self.part)));
        Far { files: self.told.0, bytes: self.told.1, current: self.current.clone(), speed: speed as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_now_and_then_and_never_goes_back() {
        let (mut meter, t) = (Meter::default(), Instant::now());
        let at = |ms: u64| t + Duration::from_millis(ms);
        assert_eq!(meter.due(at(0)), Some(Far::default()));
        meter.done(1, 1000);
        meter.part(500);
        meter.carried(1500);
        assert_eq!(meter.due(at(199)), None);
        let far = meter.due(at(1000)).unwrap();
        assert_eq!((far.files, far.bytes, far.speed), (1, 1500, 1500));
        meter.again();
        assert_eq!(meter.due(at(2000)).map(|f| (f.files, f.bytes, f.speed)), Some((1, 1500, 750)));
        for s in 3..12 {
            meter.due(at(s * 1000));
        }
        assert_eq!(meter.far(at(12_000)).speed, 0, "of the last seconds alone");
    }
}
