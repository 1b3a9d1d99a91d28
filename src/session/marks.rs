//! Owns how the shell's marks are told to others: in the protocol's words, with how long a command took.
//! Leaves out where they come from (the engine).

use crate::proto::control::MarkInfo;
use crate::term::marks::{Mark, MarkKind};

/// Marks told at once: putting them into words takes a few milliseconds.
const MOST: usize = 20_000;

/// Follows marks in their order.
#[derive(Default)]
pub struct Commands {
    /// When the output of the command that runs began, milliseconds since 1970.
    since: Option<u64>,
}

impl Commands {
    /// A command runs, and how long it does is told at its end.
    pub fn is_running(&self) -> bool {
        self.since.is_some()
    }

    /// The next mark, as it is told.
    pub fn told(&mut self, mark: &Mark) -> MarkInfo {
        let mut duration = None;
        let kind = match mark.kind {
            MarkKind::Prompt => {
                self.since = None;
                MarkInfo::PROMPT
            }
            MarkKind::Input => MarkInfo::INPUT,
            MarkKind::Output => {
                self.since = (mark.time > 0).then_some(mark.time);
                MarkInfo::OUTPUT
            }
            MarkKind::End => {
                // (the clock may have been set back)
                duration = self.since.take().and_then(|t| mark.time.checked_sub(t));
                MarkInfo::END
            }
        };
        MarkInfo { line: mark.line, col: mark.col, kind: kind.into(), exit: mark.exit, time: mark.time, duration }
    }
}

/// Marks from a line on, the newest 20,000 of them, as JSON lines.
pub fn lines(marks: &[Mark], from: u64) -> Vec<u8> {
    let mut commands = Commands::default();
    let mut out = Vec::new();
    let marks = marks.get(marks.len().saturating_sub(MOST)..).unwrap_or_default();
    // a command that began before the first line wanted is followed all the same
    for told in marks.iter().map(|m| commands.told(m)).filter(|m| m.line >= from) {
        // (numbers and words: it can't fail)
        if let Ok(json) = serde_json::to_vec(&told) {
            out.extend_from_slice(&json);
            out.push(b'\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(line: u64, kind: MarkKind, time: u64) -> Mark {
        Mark { line, col: 0, kind, exit: (kind == MarkKind::End).then_some(3), time }
    }

    #[test]
    fn an_end_says_how_long_its_command_took() {
        use MarkKind::*;
        let marks = [
            mark(0, Prompt, 1000),
            mark(0, Input, 1001),
            mark(1, Output, 5000),
            mark(9, End, 7500),
            mark(9, Prompt, 7501),
            // an empty line: nothing ran
            mark(10, End, 9000),
            mark(10, Prompt, 9000),
            // the clock was set back meanwhile
            mark(11, Output, 9500),
            mark(12, End, 9400),
        ];
        let text = String::from_utf8(lines(&marks, 1)).unwrap();
        let told: Vec<MarkInfo> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(told.len(), 7);
        let ends: Vec<_> = told.iter().filter(|m| m.kind == MarkInfo::END).map(|m| (m.exit, m.duration)).collect();
        assert_eq!(ends, [(Some(3), Some(2500)), (Some(3), None), (Some(3), None)]);
        // from the end alone: it is known still
        let text = String::from_utf8(lines(&marks, 9)).unwrap();
        assert!(text.starts_with(r#"{"line":9,"col":0,"kind":"end","exit":3,"time":7500,"duration":2500}"#), "{text}");
    }
}
