//! Owns the files being edited: which session edits which file of which host, and where its copy lies on this machine.
//! State alone; fetching and putting back is `errands`.

use crate::client::files::Whose;
use crate::proto::control::{FileInfo, FileName, FilePath};
use crate::proto::ids::SessionId;
use crate::store::copies::Held;
use std::path::PathBuf;

/// A file and its copy here.
#[derive(Clone, PartialEq, Debug)]
pub struct Edit {
    pub whose: Whose,
    /// The directory it lies in, without links, and its name there.
    pub dir: FilePath,
    pub name: FileName,
    /// As it was when it was fetched.
    pub was: FileInfo,
    /// The copy, alone in a directory of its own.
    pub copy: PathBuf,
    /// SHA-256 of the copy as it was fetched, in lower-case hexadecimal.
    pub hash: String,
    /// No other client takes the copy while this one has it.
    pub held: Held,
}

/// What becomes of an edited file that became another one meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
    /// Nobody was asked yet: only where it is as it was.
    Unless,
    Mine,
    Theirs,
    Beside,
}

/// What was edited is not back where it belongs yet.
#[derive(Clone, PartialEq, Debug)]
pub enum Left {
    /// It is on its way.
    Going,
    /// The file became another one meanwhile (none = it is gone): a person says what becomes of it.
    Differs(Option<Box<FileInfo>>),
    /// Why it did not get there (escaped): a person says whether to try again.
    Failed(String),
    /// Nobody was there when its editor ended, in the time of a client before this one: a person says whether it goes back.
    Stayed,
}

/// An edit, from its editor's start until what was edited is put back or given up.
pub struct Open {
    /// The number of the wish for its session, until there is one.
    pub starting: Option<u64>,
    pub session: Option<SessionId>,
    /// The editor ended; none = it has not.
    pub left: Option<Left>,
    pub edit: Edit,
}
