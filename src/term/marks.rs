//! Owns what a shell marks in its output (OSC 133, as FinalTerm and kitty have it): prompt, input, output, end.
//! Leaves out what is made of it.

use super::engine::Engine;

/// Which of OSC 133's letters it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MarkKind {
    /// A: a prompt begins.
    Prompt,
    /// B: the prompt ends, what is typed begins.
    Input,
    /// C: the command's output begins.
    Output,
    /// D: the command has ended.
    End,
}

/// A place the shell marked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// Logical line, counted from the session's first (0).
    pub line: u64,
    /// Column on the screen, from 0.
    pub col: u16,
    pub kind: MarkKind,
    /// Of an end: what the command returned, where the shell said it (`D;exit`).
    pub exit: Option<i32>,
    /// Milliseconds since 1970, as the engine's owner told it; 0 = never told.
    pub time: u64,
}

impl Engine {
    /// The time that marks of what is fed next will bear, milliseconds since 1970.
    pub fn set_time(&mut self, _ms: u64) {}

    /// All marks of the lines kept, history's and screen's, oldest first.
    pub fn marks(&self) -> Vec<Mark> {
        Vec::new()
    }
}
