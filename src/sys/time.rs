//! Owns times as text (RFC 3339), and the user's zone. Leaves out what is timed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds that the user's zone is ahead of UTC at a time given in seconds since 1970.
#[allow(clippy::unnecessary_cast)] // both have 32 bits on some systems
pub fn utc_offset(unix: i64) -> i64 {
    let time = unix as _;
    // SAFETY: tm is plain data for which all zeroes is a value; localtime_r reads one integer and fills one struct, ours
    unsafe {
        let mut tm: libc::tm = std::mem::zeroed();
        if libc::localtime_r(&raw const time, &raw mut tm).is_null() { 0 } else { tm.tm_gmtoff as i64 }
    }
}

/// Seconds since 1970.
pub fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// Milliseconds since 1970; before it = 0.
pub fn unix_ms(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

/// Milliseconds since this machine was booted, sleep included: a clock that nobody sets.
pub fn boot_ms() -> u64 {
    use rustix::time::{ClockId, clock_gettime};
    // (elsewhere the monotonic clock goes on while the machine sleeps)
    #[cfg(target_os = "linux")]
    let now = clock_gettime(ClockId::Boottime);
    #[cfg(not(target_os = "linux"))]
    let now = clock_gettime(ClockId::Monotonic);
    let (seconds, nanos) = (u64::try_from(now.tv_sec).unwrap_or(0), u64::try_from(now.tv_nsec).unwrap_or(0));
    seconds.saturating_mul(1000) + nanos / 1_000_000
}

/// Times of day that differ by what passed between them, while that is asked for, whatever somebody does to the clock.
#[derive(Default)]
pub struct Steady {
    /// A time of day, and when it was so.
    at: Option<(u64, u64)>,
}

impl Steady {
    /// Milliseconds since 1970: the clock's, or where the time before this must be told from it (`holds`) that and what
    /// has passed since.
    pub fn now(&mut self, holds: bool) -> u64 {
        self.steady(holds, unix_ms(SystemTime::now()), boot_ms())
    }

    fn steady(&mut self, holds: bool, wall: u64, up: u64) -> u64 {
        match self.at.filter(|_| holds) {
            Some((then, at)) => then.saturating_add(up.saturating_sub(at)),
            None => {
                self.at = Some((wall, up));
                wall
            }
        }
    }
}

/// The time now in UTC: `2026-02-19T08:30:00Z`.
pub fn now_rfc3339() -> String {
    rfc3339(SystemTime::now())
}

/// UTC to the second: `2026-02-19T08:30:00Z`. Before 1970 is 1970, after 9999 its end.
pub fn rfc3339(time: SystemTime) -> String {
    const END: u64 = 253_402_300_799;
    let secs = time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()).min(END);
    let (days, second) = (secs / 86400, secs % 86400);
    // days since 0000-03-01 in eras of 400 years: Howard Hinnant's civil_from_days
    let z = days + 719_468;
    let (era, doe) = (z / 146_097, z % 146_097);
    let yoe = (doe - doe / 1460 + doe / 36524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Reads RFC 3339 with `Z` or an offset; a fraction of a second is dropped. None for anything else and before 1970.
pub fn parse_rfc3339(text: &str) -> Option<SystemTime> {
    let digits = |range: std::ops::Range<usize>| -> Option<u64> {
        let part = text.get(range)?;
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok())?
    };
    let is = |at: usize, any: &[u8]| text.as_bytes().get(at).is_some_and(|b| any.contains(b));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
    let (hour, minute, second) = (digits(11..13)?, digits(14..16)?, digits(17..19)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u64::from(leap),
        _ => return None,
    };
    if day == 0 || day > longest || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut rest = text.get(19..)?;
    if let Some(fraction) = rest.strip_prefix('.') {
        let after = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
        if after.len() == fraction.len() {
            return None;
        }
        rest = after;
    }
    let offset: i64 = match rest.as_bytes() {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] if [h1, h2, m1, m2].iter().all(|b| b.is_ascii_digit()) => {
            let two = |a: &u8, b: &u8| i64::from(a - b'0') * 10 + i64::from(b - b'0');
            let (h, m) = (two(h1, h2), two(m1, m2));
            if h > 23 || m > 59 {
                return None;
            }
            (h * 3600 + m * 60) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    // days_from_civil, the way back of the above
    let y = year.checked_sub(u64::from(month <= 2))?;
    let (era, yoe) = (y / 400, y % 400);
    let mp = (month + 9) % 12;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + (153 * mp + 2) / 5 + day - 1;
    let days = i64::try_from(era * 146_097 + doe).ok()? - 719_468;
    let secs = days * 86400 + i64::try_from(hour * 3600 + minute * 60 + second).ok()? - offset;
    UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(secs).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_does_not_make_a_command_last_days() {
        const DAY: u64 = 86_400_000;
        let mut time = Steady::default();
        assert_eq!(time.steady(false, 1000, 50), 1000);
        // while it is held the clock goes a week on, and back
        assert_eq!(time.steady(true, 1000 + 7 * DAY, 250), 1200);
        assert_eq!(time.steady(true, 3, 350), 1300);
        // then it is the clock's again
        assert_eq!(time.steady(false, 7 * DAY, 400), 7 * DAY);
        assert!(boot_ms() > 0);
    }

    #[test]
    fn times() {
        for (secs, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_771_489_800, "2026-02-19T08:30:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            let time = UNIX_EPOCH + Duration::from_secs(secs);
            assert_eq!(rfc3339(time), text);
            assert_eq!(parse_rfc3339(text), Some(time), "{text}");
        }
        let same = ["2026-02-19T09:30:00.123+01:00", "2026-02-19 03:00:00-05:30", "2026-02-19t08:30:00z"];
        for text in same {
            assert_eq!(parse_rfc3339(text).map(rfc3339).as_deref(), Some("2026-02-19T08:30:00Z"), "{text}");
        }
        let bad = [
            "",
            "2026-02-30T00:00:00Z",
            "2026-02-19T08:30:00",
            "2026-13-01T00:00:00Z",
            "2026-02-19T08:30:00.Z",
            "1960-01-01T00:00:00Z",
            "2026-02-19T08:30:00+1:00",
            "éééééééééé",
            "+026-02-19T08:30:00Z",
            "0000-01-01T00:00:00Z",
        ];
        for text in bad {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }
}
