//! Owns what a shell says of its commands (OSC 133, FinalTerm's "semantic prompt"): where a prompt, what was typed, and
//! the output begin, and how the command ended. Leaves out where they are kept: with the rows, then with the history.

/// What begins at a mark.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MarkKind {
    /// A
    Prompt,
    /// B: what the person types.
    Input,
    /// C: what the command writes.
    Output,
    /// D: the command has ended.
    End,
}

impl MarkKind {
    /// The letter that OSC 133 uses.
    pub const fn letter(self) -> char {
        match self {
            MarkKind::Prompt => 'A',
            MarkKind::Input => 'B',
            MarkKind::Output => 'C',
            MarkKind::End => 'D',
        }
    }
    pub const fn of_letter(letter: u8) -> Option<MarkKind> {
        Some(match letter {
            b'A' => MarkKind::Prompt,
            b'B' => MarkKind::Input,
            b'C' => MarkKind::Output,
            b'D' => MarkKind::End,
            _ => return None,
        })
    }
}

/// A place in the session's output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// Number of the logical line, counted from the session's first.
    pub line: u64,
    /// Cells from the start of that line.
    pub col: u32,
    pub kind: MarkKind,
    /// Exit status, at `End` where the shell tells it.
    pub exit: Option<i32>,
    /// Milliseconds since the epoch, as the engine's owner told it last (`Engine::set_time`).
    pub time: u64,
}
