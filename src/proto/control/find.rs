//! Owns the calls that look something up in what a session has shown: search, marks. Both answer on a stream, in JSON
//! lines. Leaves out how it is found.

use super::{Method, is_zero};
use crate::proto::ids::{SessionId, StreamId};
use serde::{Deserialize, Serialize};

/// Searches the lines of the history and of the screen, the newest first. A line is a logical one: wrapped rows are
/// joined; it is counted from the session's first, as in `session.history`, and the screen's lines go on after the
/// history's. The call is answered at once, and then by Data frames on `stream` (offset 0 = first byte of the answer):
/// lines of JSON, each a [`Searched`]; the one with an `end` is the last. Lines that come after the call are not looked at.
/// The search ends with its stream.
///
/// Errors: BAD_PARAMS with a sentence where `pattern` is no regular expression or too large a one, REFUSED where too many
/// searches are under way.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct SessionSearch {
    pub session: SessionId,
    pub stream: StreamId,
    /// A regular expression as Rust's crate regex has them; at most 4096 bytes. It is looked for within a line.
    #[serde(default)]
    pub pattern: String,
    /// First line looked at.
    #[serde(default)]
    pub from: u64,
    /// The line after the last one looked at; left out = all.
    #[serde(default)]
    pub to: Option<u64>,
    /// Most lines found, then it ends: 1000 where left out, never more than 100,000.
    #[serde(default)]
    pub limit: Option<u64>,
    /// Whether upper and lower case differ.
    #[serde(default = "differs")]
    pub case: bool,
    /// Sent beyond what was acknowledged, bytes. No more than that is searched ahead.
    #[serde(default)]
    pub window: u64,
}
fn differs() -> bool {
    true
}

impl SessionSearch {
    /// Longest pattern, bytes.
    pub const PATTERN: usize = 4096;
    /// Lines found where no limit is given.
    pub const LIMIT: u64 = 1000;
    /// Largest limit.
    pub const MOST: u64 = 100_000;

    pub fn new(session: SessionId, stream: StreamId, pattern: impl Into<String>) -> SessionSearch {
        let pattern = pattern.into();
        SessionSearch { session, stream, pattern, from: 0, to: None, limit: None, case: true, window: 0 }
    }
}

/// What is searched.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct SessionSearching {
    /// Number of the first line there is (or was asked for) and of the next after the last.
    pub from: u64,
    pub to: u64,
}
method!(SessionSearch = "session.search" -> SessionSearching);

/// A line of the answer to a search. Of what is in it, a reader takes what it knows.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Searched {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hit: Option<Hit>,
    /// A sign of life where nothing is found for long: all lines from this one on have been looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down_to: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<SearchEnd>,
}

/// A line that matches. Columns are characters (Unicode scalar values) of the line's text without its colours.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Hit {
    /// Its number, counted from the session's first line (0).
    pub line: u64,
    /// Columns of its first match: the first, and the one after the last.
    pub start: u64,
    pub end: u64,
    /// The column `text` begins at: 0, but where the match lies far into a long line.
    #[serde(skip_serializing_if = "is_zero")]
    pub at: u64,
    /// The line, or 1000 characters of it with the match's beginning.
    pub text: String,
}

impl Hit {
    /// Characters of a line that are sent.
    pub const TEXT: usize = 1000;
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct SearchEnd {
    /// Lines found.
    pub hits: u64,
    /// The limit was reached: older lines were not looked at.
    pub more: bool,
}

/// What the shell marked in the lines that are kept (OSC 133), oldest first, at most the newest 20,000; answered by Data
/// frames on `stream` (offset 0 = first byte): lines of JSON, each a [`MarkInfo`].
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct SessionMarks {
    pub session: SessionId,
    pub stream: StreamId,
    /// First line wanted.
    #[serde(default)]
    pub from: u64,
    #[serde(default)]
    pub window: u64,
}
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct SessionMarksReply {
    /// Length of the answer on the stream.
    pub bytes: u64,
}
method!(SessionMarks = "session.marks" -> SessionMarksReply);

/// A place the shell marked; also the notice `session.mark`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct MarkInfo {
    /// Logical line, counted from the session's first (0).
    pub line: u64,
    /// Column on the screen, from 0, where the mark stands.
    pub col: u32,
    /// prompt (A), input (B), output (C), end (D); others may come.
    pub kind: String,
    /// Of an end: what the command returned, where the shell said it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// Milliseconds since 1970; 0 = not known.
    pub time: u64,
    /// Of an end: milliseconds since its command's output began, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<u64>,
}

impl MarkInfo {
    pub const PROMPT: &'static str = "prompt";
    pub const INPUT: &'static str = "input";
    pub const OUTPUT: &'static str = "output";
    pub const END: &'static str = "end";
}
