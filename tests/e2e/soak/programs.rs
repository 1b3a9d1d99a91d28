//! Owns the programs that run in the sessions of the soak: what they print, and how that is told from something else.

use std::path::Path;

/// What a session keeps: so little that the busy ones have all of it within the first tenth of an hour.
pub const RING: usize = 256 << 10;
pub const HISTORY: usize = 2000;
/// What those keep into which is typed: all of it.
pub const TYPED_RING: usize = 16 << 20;

/// A program that prints numbered lines until it is told to end, then `done-N`.
pub struct Counts {
    pub name: &'static str,
    /// In sh: prints some, the last of them number `$i`, and waits a moment.
    pub body: &'static str,
    /// Line N, without its end.
    pub line: fn(u64) -> String,
    pub tab: usize,
}

pub const COUNTS: &[Counts] = &[
    Counts { name: "slow", body: "echo slow-$((i+=1)); sleep 0.7", line: |n| format!("slow-{n}"), tab: 0 },
    Counts { name: "mid", body: "echo mid-$((i+=1)); sleep 0.05", line: |n| format!("mid-{n}"), tab: 0 },
    Counts {
        name: "quick",
        body: "seq -f quick-%.0f $((i+1)) $((i+=20)); sleep 0.1",
        line: |n| format!("quick-{n}"),
        tab: 0,
    },
    Counts {
        name: "flood",
        body: "seq -f flood-%.0f $((i+1)) $((i+=2000)); sleep 0.05",
        line: |n| format!("flood-{n}"),
        tab: 0,
    },
    Counts {
        name: "paint",
        body: "i=$((i+1)); printf '\\033[3%dm漢字🙂 é\\033[1m paint-%d\\033[m\\n' $((i%8)) $i; sleep 0.04",
        line: |n| format!("\x1b[3{}m漢字🙂 é\x1b[1m paint-{n}\x1b[m", n % 8),
        tab: 0,
    },
    Counts { name: "far-tab", body: "echo far-tab-$((i+=1)); sleep 0.2", line: |n| format!("far-tab-{n}"), tab: 1 },
];
/// A full-screen program that redraws.
pub const REDRAWS: &[(&str, usize)] = &[("full", 0), ("full-two", 1)];
pub const FULL_ROWS: usize = 8;
/// What repeats a line that is typed, with its number: with the terminal's own echo, and without.
pub const TYPED: [(&str, &str); 2] = [("typed", ""), ("typed-dark", "stty -echo; ")];

impl Counts {
    pub fn script(&self, go: &Path) -> String {
        format!("i=0; while [ -e {} ]; do {}; done; echo done-$i; exec cat", go.display(), self.body)
    }
    pub fn bytes(&self, n: u64) -> String {
        (self.line)(n) + "\r\n"
    }
    /// How many bytes lines 1 to `n` have: they differ in their number's digits alone.
    pub fn length(&self, n: u64) -> u64 {
        let bare = self.bytes(1).len() as u64 - 1;
        let digits: u64 = (0..20).map(|d| n.saturating_sub(10u64.pow(d) - 1)).sum();
        n * bare + digits
    }
}

pub fn redraws(go: &Path) -> String {
    format!(
        "printf '\\033[?1049h\\033[?25l'; i=0; while [ -e {} ]; do i=$((i+1)); r=1; \
         while [ $r -le {FULL_ROWS} ]; do printf '\\033[%d;1H\\033[4%dmrow %d frame %d\\033[m\\033[K' $r $((i%8)) $r $i; \
         r=$((r+1)); done; sleep 0.1; done; printf '\\033[{};1Hdone-%d' $i; exec cat",
        go.display(),
        FULL_ROWS + 1
    )
}
