//! Owns a log that is followed over cuts: each message comes with the engine's time of it, by which it is known whether it was
//! shown already. Pure. Leaves out asking for it.

use crate::sys;

/// A driver parts longer lines into messages of so many bytes.
const LONGEST: usize = 16 << 10;
/// A stamp is no longer than that.
const STAMP: usize = 40;

/// What the clock is set to, and a clock that nobody sets.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Since 1970.
    pub wall_ms: u64,
    /// Since the machine was booted.
    pub up_ms: u64,
}

/// The clock is corrected by so much all the time, ms.
const SLEWED: u64 = 1000;

/// How far a log was shown.
#[derive(Debug, Default)]
pub struct Stamps {
    /// When it was asked for last.
    begun: Option<Clock>,

    /// Time of the last message that was shown whole, ns since 1970, and how many had that very time.
    last: u128,
    same: u32,
    /// Of the one after it, bytes shown.
    part: usize,
    part_at: u128,

    /// The stamp that is coming, until its space.
    stamp: Option<Vec<u8>>,
    /// Of the message that is coming: its time, what is not to be shown of it, what came.
    at: u128,
    hide: usize,
    came: usize,
    /// Those of `last` that will come again.
    again: u32,
    again_at: u128,
    again_part: usize,
}

/// `2026-11-21T14:02:03.123456789Z`, ns since 1970.
fn parsed(stamp: &[u8]) -> Option<u128> {
    let text = std::str::from_utf8(stamp).ok()?;
    let seconds = sys::parse_rfc3339(text)?.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
    let fraction: String =
        text.split_once('.').map_or("", |(_, f)| f).chars().take_while(char::is_ascii_digit).collect();
    let nanos = format!("{fraction:0<9}").get(..9)?.parse::<u128>().ok()?;
    Some(u128::from(seconds) * 1_000_000_000 + nanos)
}

impl Stamps {
    /// From when on it is asked for again, in seconds; none = from the beginning. It is the second before: Podman tells whole
    /// seconds of finer times, and may take what is at that very time for before it.
    pub fn since(&self) -> Option<String> {
        (self.last > 0).then(|| (self.last / 1_000_000_000).saturating_sub(1).to_string())
    }

    /// Whether somebody has set the clock back since it was asked for last: what came then bears times from before `since`.
    pub fn is_set_back(&self, now: Clock) -> bool {
        // (it may have been wrong only in between; an engine's clock need not be quite ours)
        self.last / 1_000_000 > u128::from(now.wall_ms) + u128::from(60 * SLEWED)
            || self.begun.is_some_and(|begun| {
                let passed = now.up_ms.saturating_sub(begun.up_ms);
                now.wall_ms.saturating_add(SLEWED) < begun.wall_ms.saturating_add(passed)
            })
    }

    /// It is asked for from [`Stamps::since`] on, now.
    pub fn begin(&mut self, now: Clock) {
        self.begun = Some(now);
        self.again = self.same;
        self.again_at = self.last;
        if self.part > 0 {
            self.again_part = std::mem::take(&mut self.part);
        }
        self.stamp = Some(Vec::new());
        (self.hide, self.came) = (0, 0);
    }

    /// Takes in bytes and gives what is to be shown of them. In frames a message is one; a terminal's are told apart by their
    /// line ends.
    pub fn feed(&mut self, bytes: &[u8], framed: Option<(bool, bool)>, out: &mut Vec<u8>) {
        if framed.is_some_and(|(fresh, _)| fresh) {
            self.stamp = Some(Vec::new());
        }
        for &b in bytes {
            match &mut self.stamp {
                Some(stamp) if b == b' ' || stamp.len() == STAMP => {
                    let stamp = std::mem::take(stamp);
                    self.stamp = None;
                    match parsed(&stamp).filter(|_| b == b' ') {
                        Some(at) => self.message(at),
                        // no stamp: all of it is text
                        None => {
                            self.hide = 0;
                            self.came = 0;
                            stamp.iter().for_each(|b| self.text(*b, out));
                            self.text(b, out);
                        }
                    }
                }
                Some(stamp) => stamp.push(b),
                None => {
                    self.text(b, out);
                    if framed.is_none() && (b == b'\n' || self.came == LONGEST) {
                        self.whole();
                        self.stamp = Some(Vec::new());
                    }
                }
            }
        }
        if framed.is_some_and(|(_, whole)| whole) && self.stamp.is_none() {
            self.whole();
        }
    }

    fn message(&mut self, at: u128) {
        self.at = at;
        self.came = 0;
        self.hide = 0;
        if at < self.again_at {
            self.hide = usize::MAX;
        } else if at == self.again_at && self.again > 0 {
            self.again -= 1;
            self.hide = usize::MAX;
        } else {
            // (what is new has begun; were the clock set back now, its times would be earlier than these)
            self.again_at = 0;
            if self.again_part > 0 && at == self.part_at {
                self.hide = self.again_part;
            }
            self.again_part = 0;
        }
    }

    fn text(&mut self, b: u8, out: &mut Vec<u8>) {
        self.came += 1;
        if self.hide > 0 {
            self.hide = if self.hide == usize::MAX { usize::MAX } else { self.hide - 1 };
            if self.hide == usize::MAX {
                return;
            }
        } else {
            out.push(b);
        }
        (self.part, self.part_at) = (self.came, self.at);
    }

    fn whole(&mut self) {
        if self.hide == usize::MAX {
            return;
        }
        self.part = 0;
        if self.at == self.last {
            self.same += 1;
        } else {
            (self.last, self.same) = (self.at, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Clock = Clock { wall_ms: 1_000_000_000, up_ms: 5_000_000 };

    fn line(nanos: u32, text: &str) -> String {
        format!("2026-11-21T14:02:03.{nanos:09}Z {text}\n")
    }

    fn shown(stamps: &mut Stamps, bytes: &str, at_once: usize) -> String {
        let mut out = Vec::new();
        bytes.as_bytes().chunks(at_once).for_each(|b| stamps.feed(b, None, &mut out));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_log_cut_anywhere_is_shown_once() {
        // three of the same moment
        let log: Vec<String> = [(1, "a"), (2, "b 2026-11-21T14:02:03Z x"), (2, "c"), (2, "d"), (9, "e")]
            .iter()
            .map(|(at, text)| line(*at, text))
            .collect();
        let all: String = log.concat();
        let text = "a\nb 2026-11-21T14:02:03Z x\nc\nd\ne\n";
        for cut in 0..=all.len() {
            for at_once in [1, 7, 1000] {
                let mut stamps = Stamps::default();
                stamps.begin(NOW);
                let mut seen = shown(&mut stamps, &all[..cut], at_once);
                // the engine gives what is not before the second it is asked for
                assert!(stamps.since().is_none_or(|since| since == "1795269722"));
                stamps.begin(NOW);
                seen += &shown(&mut stamps, &all, at_once);
                assert_eq!(seen, text, "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_log_of_whole_seconds() {
        // Podman's: a frame each, also of a piece of a line
        let frames: Vec<String> = [(1, "a\n"), (2, "b\n"), (2, "$ "), (2, "2026-11-21T14:02:02Z x\n"), (3, "d\n")]
            .iter()
            .map(|(at, text)| format!("2026-11-21T14:02:{at:02}Z {text}"))
            .collect();
        for cut in 0..=frames.len() {
            for bytes in [0, 5, 21, 22] {
                let (mut stamps, mut out) = (Stamps::default(), Vec::new());
                stamps.begin(NOW);
                frames[..cut].iter().for_each(|f| stamps.feed(f.as_bytes(), Some((true, true)), &mut out));
                // the next one comes in part
                if let Some(next) = frames.get(cut) {
                    stamps.feed(&next.as_bytes()[..bytes], Some((true, false)), &mut out);
                }
                stamps.begin(NOW);
                frames.iter().for_each(|f| stamps.feed(f.as_bytes(), Some((true, true)), &mut out));
                let seen = String::from_utf8(out).unwrap();
                assert_eq!(seen, "a\nb\n$ 2026-11-21T14:02:02Z x\nd\n", "cut at {cut} and {bytes}");
            }
        }
    }

    #[test]
    fn frames_and_long_lines() {
        let mut stamps = Stamps::default();
        stamps.begin(NOW);
        let mut out = Vec::new();
        let long = "x".repeat(LONGEST);
        let stamp = "2026-11-21T14:02:03.000000005Z ";
        // one line in two messages: in frames, and of a terminal
        for (text, whole) in [(format!("{stamp}{long}"), true), (format!("{stamp}yy\n"), true)] {
            stamps.feed(text.as_bytes(), Some((true, whole)), &mut out);
        }
        assert_eq!(out, format!("{long}yy\n").as_bytes());
        let mut stamps = Stamps::default();
        stamps.begin(NOW);
        assert_eq!(shown(&mut stamps, &format!("{stamp}{long}{stamp}yy\n"), 4096), format!("{long}yy\n"));
        // what has no stamps is shown as it is
        let mut stamps = Stamps::default();
        stamps.begin(NOW);
        assert_eq!(shown(&mut stamps, "hello there\nand again\n", 3), "hello there\nand again\n");
    }

    #[test]
    fn a_clock_that_is_set_back() {
        let mut stamps = Stamps::default();
        let after =
            |ms: u64, set: i64| Clock { wall_ms: (NOW.wall_ms + ms).saturating_add_signed(set), up_ms: NOW.up_ms + ms };
        assert!(!stamps.is_set_back(NOW), "it is asked for the first time");
        stamps.begin(NOW);
        for (set, is) in [(0, false), (-500, false), (-3_000, true), (-200_000_000, true), (200_000_000, false)] {
            assert_eq!(stamps.is_set_back(after(60_000, set)), is, "{set}");
        }
        // after a cut; and then it is set back while the log goes on: what comes is shown
        let log = [line(5, "a"), line(6, "b")].concat();
        assert_eq!(shown(&mut stamps, &log, 100), "a\nb\n");
        stamps.begin(after(60_000, 0));
        assert_eq!(
            shown(&mut stamps, &[line(5, "a"), line(6, "b"), line(7, "c"), line(1, "d"), line(2, "e")].concat(), 9),
            "c\nd\ne\n"
        );
    }

    #[test]
    fn times() {
        assert_eq!(parsed(b"1970-01-01T00:00:01.5Z"), Some(1_500_000_000));
        assert_eq!(parsed(b"1970-01-01T02:00:01+02:00"), Some(1_000_000_000));
        assert_eq!(parsed(b"yesterday"), None);
    }
}
