//! Owns the work on files that the TUI wants done, as values: [`Errand`] out, [`News`] back, both under one number. Leaves out
//! carrying it out (`errands/run.rs`).

mod clip;
mod copy;
mod edit;
pub mod run;

use super::browser::edits::{Edit, Keep};
use super::browser::queue::{Asked, Wanted};
use super::files::Whose;
use super::files::failures::Failures;
use super::files::job::Conflict;
use crate::proto::control::{Failed, FileInfo, FileName, FilePath, FilesStatted, ListEnd};
use std::path::PathBuf;

/// What is wanted. Its news carry the number it was given.
#[derive(Clone, PartialEq, Debug)]
pub enum Errand {
    /// A directory's entries: Listed, Entries as they come, ListEnd; or Failed.
    List {
        whose: Whose,
        path: FilePath,
    },
    /// What is known of a file, and of the room there: Facts.
    Facts {
        whose: Whose,
        path: FilePath,
    },
    MakeDir {
        whose: Whose,
        path: FilePath,
    },
    /// To a name that is not taken.
    Rename {
        whose: Whose,
        dir: FilePath,
        from: FileName,
        to: FileName,
    },
    Mode {
        whose: Whose,
        dir: FilePath,
        names: Vec<FileName>,
        mode: u32,
    },
    /// The first bytes of a file, to be looked at: Size, Bytes, Read.
    Read {
        whose: Whose,
        path: FilePath,
    },
    /// A copy of a file for an editor here: Fetched.
    Fetch {
        whose: Whose,
        dir: FilePath,
        name: FileName,
    },
    /// What an editor left of it: PutBack, or Differs where somebody has to say what becomes of it.
    PutBack {
        edit: Box<Edit>,
        keep: Keep,
    },
    /// What was edited in the time of clients that are gone, and not put back: LeftEdits. `open`: the copies that editors
    /// have still.
    LeftEdits {
        open: Vec<PathBuf>,
    },
    /// A copy is needed no more.
    Forget {
        copy: PathBuf,
    },
    /// A job of the queue: Planned, Progress, Waits, Asks, FailedFor, Over.
    Run(Box<Wanted>),
    /// To a job that asked.
    Answer {
        ask: u64,
        what: Conflict,
        all: bool,
    },
    /// Nobody wants it any more.
    Stop,
    /// Nor what it left of a large file.
    DropPart {
        whose: Whose,
        path: FilePath,
    },
    /// The bookmarks of a host, with this one (or without it, where false): Bookmarks.
    Bookmarks {
        of: String,
        change: Option<(FilePath, bool)>,
    },
    /// What is on the clipboard of this machine as a file on a host: Pasted.
    Paste {
        whose: Whose,
    },
}

#[derive(Clone, PartialEq, Debug)]
pub enum News {
    /// The directory's path without links.
    Listed(FilePath),
    Entries(Vec<FileInfo>),
    ListEnd(ListEnd),
    Facts(Box<FilesStatted>),
    Done,
    /// Why it failed: untrusted.
    Failed(String),
    Size(u64),
    Bytes(Vec<u8>),
    /// No more of it is looked at; it ends here where true.
    Read(bool),
    Fetched(Box<Edit>),
    /// What became of it: a sentence, escaped.
    PutBack(String),
    /// It is another one than was fetched: as it is now, none = it is gone.
    Differs(Box<Edit>, Option<Box<FileInfo>>),
    LeftEdits(Vec<Edit>),
    Planned {
        files: u64,
        bytes: u64,
    },
    Progress {
        files: u64,
        bytes: u64,
        current: FilePath,
        speed: u64,
    },
    Waits(String),
    Asks(Box<Asked>),
    FailedFor(Vec<Failed>),
    /// Where what is there of a large file lies.
    Part(Option<FilePath>),
    /// `failed`: what failed in the end; none = what was told.
    Over {
        files: u64,
        bytes: u64,
        skipped: u64,
        /// The first of what was skipped, within the destination.
        left: Vec<FilePath>,
        failed: Option<Failures>,
        fault: Option<String>,
    },
    Bookmarks(Vec<FilePath>),
    /// The files' paths there, to be typed; and what they are.
    Pasted {
        paths: Vec<FilePath>,
        what: String,
    },
}
