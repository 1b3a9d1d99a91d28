//! Owns the calls about files: `files.*`, and what their streams say. Leaves out how it is done (filesys), and
//! [`bundle`](crate::proto::bundle), the form in which whole trees travel.
//!
//! # Whose files
//! Each call names a [`Place`]: the agent's own host, or a host without an agent that a target process holds a connection to.
//! Names and paths are bytes ([`FileName`], [`FilePath`]). A path's directories are followed through symlinks, for a person
//! has typed or chosen it; its last component is followed by `files.list`, `files.read` and `files.hash` alone, and what is
//! found below (recursive work, all of a bundle) never is.
//!
//! # Streams
//! A call that has a `stream` (an even number not in use, picked by the client, opened before the call is sent) is answered
//! at once, and then there. Every such stream has offsets and credit in each direction as a session's has: Data carries the
//! offset of its first byte, Ack{seen, limit} says how far the other may send. `window` is the first credit of what the agent
//! sends (0 = 256 KiB, at most 16 MiB); the reply's `limit`, where there is one, that of what the client sends. A client lets
//! go of a stream with `session.detach`, which also ends the work. What the last word on a stream is, each call says; a
//! stream that ends without it was cut.
//!
//! - Lines: JSON, one value a line, offset 0 = first byte: [`FilesLines`] of a listing, [`FilesProgress`] of work on trees.
//!   The line with an `end` is the last.
//! - Bytes of a file at their own offsets, behind them the notice `files.ended` on that stream.
//! - A bundle, whose last record is an end.
//!
//! # A file is written
//! under another name first, `.thub-PART.part` in the same directory, and gets its own with a rename once it is whole and on
//! disk. PART is 16 hexadecimal digits that the client makes of what it copies (host, path, size, time of change): after a cut
//! the same call finds what was there and says from where on it goes. See [`FilesWrite`].
//!
//! # A tree
//! Upload: `files.pack` with `contents: false` says what is there; what differs goes through `files.unpack`.
//! Download: `files.pack` with `have: true`, then on its stream, as a bundle, what the client has; the agent leaves that out.
//! Either way a cut copy goes on where it was: what is complete has its size and time of change.

use super::connections::{Docker, Ssh};
use super::{Done, Fault, Method, is_no, is_zero, no_stream};
use crate::proto::ids::{Offset, StreamId, TargetId};
use serde::{Deserialize, Serialize};

mod name;
pub use name::{BadName, FileName, FilePath};

/// Whose file system: `{}` = that of the agent's host; else that of a host which this one reaches over SSH, by SFTP, or of a container:
/// one of the four. Its target process is found or started and connects first, as for a session, whatever it may have to ask.
/// (What is not understood here must not be taken for the agent's own host.)
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq, Hash)]
#[serde(default, deny_unknown_fields)]
pub struct Place {
    /// The host at the other end of this target process, which is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetId>,
    /// Where this prepared connection of the agent's leads, by its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Where one leads that is kept elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh: Option<Box<Ssh>>,
    /// A container of the agent's own machine: as a connection says that is kept elsewhere, or that of a session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docker: Option<Box<Docker>>,
}

impl Place {
    /// The agent's own host.
    pub fn is_here(&self) -> bool {
        *self == Place::default()
    }
    pub fn of_target(target: TargetId) -> Place {
        Place { target: Some(target), ..Place::default() }
    }
    pub fn of_connection(id: impl Into<String>) -> Place {
        Place { connection: Some(id.into()), ..Place::default() }
    }
}

/// What a file is; what a later build may tell apart is `other`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    File,
    Dir,
    Link,
    #[default]
    #[serde(other)]
    Other,
}

fn is_zero_i64(n: &i64) -> bool {
    *n == 0
}

/// A file as `lstat` sees it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FileInfo {
    /// Empty = the root.
    pub name: FileName,
    pub kind: FileKind,
    #[serde(skip_serializing_if = "is_zero")]
    pub size: u64,
    /// Permissions, setuid and the like: at most 0o7777.
    pub mode: u32,
    /// Milliseconds since 1970, of the last change of its contents.
    #[serde(skip_serializing_if = "is_zero_i64")]
    pub mtime_ms: i64,
    pub uid: u32,
    pub gid: u32,
    /// Names of owner and group, where they are known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub owner: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Where a link leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkInfo>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct LinkInfo {
    /// As it is written.
    pub target: FilePath,
    /// What is there in the end; none = nothing, or nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<FileKind>,
}

/// The entries of a directory, in no order. Answered on `stream` by lines, each a [`FilesLines`].
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FilesList {
    #[serde(skip_serializing_if = "Place::is_here")]
    pub place: Place,
    pub path: FilePath,
    pub stream: StreamId,
    pub window: u64,
}
impl FilesList {
    /// Entries of a listing at most.
    pub const MOST: u64 = 100_000;
}
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FilesListing {
    /// The directory's path, absolute and without symlinks.
    pub real: FilePath,
}
method!(FilesList = "files.list" -> FilesListing);

/// A line of a listing.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FilesLines {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<FileInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<ListEnd>,
}
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct ListEnd {
    /// Entries sent.
    pub entries: u64,
    /// There are more than a listing may have.
    pub more: bool,
    /// Names that are none, or could not be looked at, and were left out.
    #[serde(skip_serializing_if = "is_zero")]
    pub unusable: u64,
    /// Why it ends before its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// One file, as it is itself: a link is not followed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FilesStat {
    #[serde(skip_serializing_if = "Place::is_here")]
    pub place: Place,
    pub path: FilePath,
    /// Say its absolute path without symlinks, too.
    pub real: bool,
    /// Say how much room its file system has, too.
    pub space: bool,
}
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FilesStatted {
    pub info: FileInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub real: Option<FilePath>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub space: Option<Space>,
}
method!(FilesStat = "files.stat" -> FilesStatted);

/// Room on a file system, bytes.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Space {
    pub total: u64,
    /// For this user.
    pub free: u64,
}

/// The bytes of a file, `from..to`, as Data frames at their own offsets on `stream`; then the notice `files.ended`, whose `info`
/// says whether the file is still the one that the reply tells of. With `below` it is that of a tree: `path` is the tree's
/// directory, and no link is followed on the way from there.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FilesRead {
    #[serde(skip_serializing_if = "Place::is_here")]
    pub place: Place,
    pub path: FilePath,
    #[serde(skip_serializing_if = "FilePath::is_empty")]
    pub below: FilePath,
    pub stream: StreamId,
    pub from: Offset,
    /// Left out = to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Offset>,
    pub window: u64,
}
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FilesReading {
    pub info: FileInfo,
}
method!(FilesRead = "files.read" -> FilesReading);

/// Writes a file, whose bytes the client sends on `stream` as Data at their own offsets, from the reply's `at` on and within
/// its `limit`; an empty piece behind the last byte says that it is whole. Ack says what is written. At the end the file
/// gets mode and time, and its name; then comes the notice `files.ended`. Where the link is cut before, the part
/// stays, and the same call goes on with it; a client that wants none of it any more deletes it
/// ([`FilesWrite::part_name`]), or says `keep: false` from the start.
///
/// `at` lies 4 MiB before the end of what was there, which is cut off: the last bytes before a crash may not be what was
/// written. Who wants to be sure compares the rest with `files.hash` of the part before, and asks for another PART if they
/// differ. Errors: NAME_TAKEN where the name is taken and `replace` is not set (looked at in the beginning and decided at
/// the end), BUSY where another writer has the part (whose link may have fallen: it lets go within 20 s), REFUSED where it
/// is a link or somebody else's (try another PART), FULL where the disk is.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FilesWrite {
    #[serde(skip_serializing_if = "Place::is_here")]
    pub place: Place,
    pub dir: FilePath,
    /// The directory meant is this one of a tree in `dir`; made where it is missing, and no link is followed there.
    #[serde(skip_serializing_if = "FilePath::is_empty")]
    pub below: FilePath,
    pub name: FileName,
    pub stream: StreamId,
    /// 16 hexadecimal digits, the same for the same contents.
    pub part: String,
    /// Left out = nobody knows yet; a part longer than this is begun anew, and what comes must be as long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Left out = 0o666 without the umask of who asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// Left out = now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtime_ms: Option<i64>,
    /// Whether a file that has the name already is replaced; a directory never is.
    pub replace: bool,
    /// Whether what there is of it stays where it does not come to its end.
    pub keep: bool,
    /// Whether it is on disk, too, before it has its name.
    #[serde(skip_serializing_if = "is_no")]
    pub sync: bool,
    /// Credit wished for, bytes; 0 = 256 KiB, at most 16 MiB.
    pub window: u64,
}
impl Default for FilesWrite {
    fn default() -> FilesWrite {
        FilesWrite {
            place: Place::default(),
            dir: FilePath::default(),
            below: FilePath::default(),
            name: FileName::default(),
            stream: 0,
            part: String::new(),
            size: None,
            mode: None,
            mtime_ms: None,
            replace: false,
            keep: true,
            sync: false,
            window: 0,
        }
    }
}
impl FilesWrite {
    /// What is taken back of a part found there: 4 MiB.
    pub const BACK: u64 = 4 << 20;

    /// The name a file has until it is whole; none where `part` is not 16 hexadecimal digits.
    pub fn part_name(part: &str) -> Option<FileName> {
        let good = part.len() == 16 && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        good.then(|| FileName::new(format!(".thub-{part}.part")).ok()).flatten()
    }
}
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FilesWriting {
    /// What is there: the client sends from here on.
    pub at: Offset,
    /// How far it may send.
    pub limit: Offset,
}
method!(FilesWrite = "files.write" -> FilesWriting);

/// The last word on the stream of `files.read` and `files.write`: the notice `files.ended`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FilesEnded {
    /// The file as it is now, or as it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info: Option<FileInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// Makes a directory. One that is there already is no error with `parents`, NAME_TAKEN without.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FilesMkdir {
    #[serde(skip_serializing_if = "Place::is_here")]
    pub place: Place,
    pub path: FilePath,
    /// Make those on the way, too.
    pub parents: bool,
    /// Left out = 0o777 without the umask of who asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
}
method!(FilesMkdir = "files.mkdir" -> Done);

/// Gives a file another name, in whatever directory of the same file system (else OTHER_DISK: it can be copied).
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FilesRename {
    #[serde(skip_serializing_if = "Place::is_here")]
    pub place: Place,
    pub from: FilePath,
    pub to: FilePath,
    /// Whether what has that name already is replaced; else it is NAME_TAKEN.
    pub replace: bool,
}
method!(FilesRename = "files.rename" -> Done);

/// Deletes a file, a link (not where it leads) or an empty directory; with `recursive` a directory and all in it, for which
/// there has to be a `stream`: lines there tell how it goes, each a [`FilesProgress`]. What is mounted in it stays, and is
/// told.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FilesDelete {
    #[serde(skip_serializing_if = "Place::is_here")]
    pub place: Place,
    pub path: FilePath,
    pub recursive: bool,
    #[serde(skip_serializing_if = "no_stream")]
    pub stream: StreamId,
    #[serde(skip_serializing_if = "is_zero")]
    pub window: u64,
}
method!(FilesDelete = "files.delete" -> Done);

/// A line about work on a tree.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FilesProgress {
    /// Files, links and directories done so far, and their bytes.
    pub files: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub bytes: u64,
    /// What failed since the line before; the rest goes on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Failed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<WorkEnd>,
}

/// A file that something failed for.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Failed {
    /// Within the tree; empty = its top.
    #[serde(default)]
    pub path: FilePath,
    pub why: Fault,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct WorkEnd {
    /// How many failed, told or not: no more than [`WorkEnd::TOLD`] are told.
    #[serde(skip_serializing_if = "is_zero")]
    pub failed: u64,
    /// Names that are none and were left out.
    #[serde(skip_serializing_if = "is_zero")]
    pub unusable: u64,
    /// Why it ends before its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}
impl WorkEnd {
    pub const TOLD: u64 = 10_000;
}

/// Sets a file's permissions (at most 0o7777); a link has none of its own: WRONG_KIND.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FilesChmod {
    #[serde(skip_serializing_if = "Place::is_here")]
    pub place: Place,
    pub path: FilePath,
    pub mode: u32,
}
method!(FilesChmod = "files.chmod" -> Done);

/// Where a link leads, as it is written.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FilesLinkRead {
    #[serde(skip_serializing_if = "Place::is_here")]
    pub place: Place,
    pub path: FilePath,
}
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FilesLinkTarget {
    pub target: FilePath,
}
method!(FilesLinkRead = "files.link_read" -> FilesLinkTarget);

/// Copies a file or a tree within one place; links are copied as links, modes and times are kept. Lines on `stream` tell how
/// it goes, each a [`FilesProgress`].
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FilesCopy {
    #[serde(skip_serializing_if = "Place::is_here")]
    pub place: Place,
    pub from: FilePath,
    /// The copy's own path, not the directory it comes into.
    pub to: FilePath,
    /// Whether files of the same name are replaced; directories are put together, and one that is there keeps its mode.
    pub replace: bool,
    pub stream: StreamId,
    pub window: u64,
}
method!(FilesCopy = "files.copy" -> Done);

/// SHA-256 of `from..to` of a file, of which no more than [`FilesHash::MOST`] bytes are looked at in one call: the reply says
/// how many they were. Who hashes more asks piece by piece, sees it progress, and can stop.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FilesHash {
    #[serde(skip_serializing_if = "Place::is_here")]
    pub place: Place,
    pub path: FilePath,
    pub from: Offset,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Offset>,
}
impl FilesHash {
    /// 64 MiB.
    pub const MOST: u64 = 64 << 20;
}
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FilesHashed {
    /// Lower-case hexadecimal.
    pub sha256: String,
    /// Bytes looked at: fewer than asked for at the file's end.
    pub bytes: u64,
}
method!(FilesHash = "files.hash" -> FilesHashed);

/// Whole trees, many small files without a round trip each: answered on `stream` by a bundle of what `names` of the directory
/// `dir` are (none = all in it), paths within it. A directory comes before what is in it. Ack gives credit as ever.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FilesPack {
    #[serde(skip_serializing_if = "Place::is_here")]
    pub place: Place,
    pub dir: FilePath,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<FileName>,
    /// False = entries alone, without their bytes: what is there.
    pub contents: bool,
    /// The client sends a bundle first (entries, an end; Data from offset 0, within the reply's `limit`): files in it that
    /// have the same size and time of change here are left out.
    pub have: bool,
    /// The client sends a bundle first that names what is wanted (entries of files, an end; Data as with `have`): those
    /// files alone are sent, in that order, each as its entry says, or as failed. `names` are nothing then.
    #[serde(skip_serializing_if = "is_no")]
    pub only: bool,
    pub stream: StreamId,
    pub window: u64,
}
impl Default for FilesPack {
    fn default() -> FilesPack {
        FilesPack {
            place: Place::default(),
            dir: FilePath::default(),
            names: Vec::new(),
            contents: true,
            have: false,
            only: false,
            stream: 0,
            window: 0,
        }
    }
}
impl FilesPack {
    /// Entries that are kept of what a client has or wants: of the one the rest is sent again, of the other it is no call.
    pub const HAVE: usize = 200_000;
}
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FilesPacking {
    /// How far the client may send of what it has.
    #[serde(skip_serializing_if = "is_zero")]
    pub limit: Offset,
}
method!(FilesPack = "files.pack" -> FilesPacking);

/// Writes the tree that the client sends on `stream` as a bundle (Data from offset 0, within the reply's `limit`) into the
/// directory `dir`, which has to be there. Lines on the same stream, each a [`FilesProgress`], tell how it goes and what
/// failed, and have to be read and acknowledged meanwhile; the one with an `end` comes once all is written. Modes come without setuid and the like. A large file had better go by `files.write`, which can go
/// on with a part of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FilesUnpack {
    #[serde(skip_serializing_if = "Place::is_here")]
    pub place: Place,
    pub dir: FilePath,
    /// Whether files of the same name are replaced; directories are put together, and one that is there keeps its mode.
    pub replace: bool,
    /// Whether all is on disk, too, before that: what was written by calls before as well, where the disk is the agent's own.
    #[serde(skip_serializing_if = "is_no")]
    pub sync: bool,
    pub stream: StreamId,
    /// Credit of the lines.
    pub window: u64,
}
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FilesUnpacking {
    pub limit: Offset,
}
method!(FilesUnpack = "files.unpack" -> FilesUnpacking);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_named_by_its_hash_alone() {
        assert_eq!(FilesWrite::part_name("0123456789abcdef").unwrap().to_string(), ".thub-0123456789abcdef.part");
        for bad in ["", "0123456789abcde", "0123456789ABCDEF", "0123456789abcdeg", "../../../../../.."] {
            assert_eq!(FilesWrite::part_name(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_kind_of_a_newer_build_is_another() {
        assert_eq!(serde_json::from_str::<FileKind>("\"door\"").unwrap(), FileKind::Other);
        assert_eq!(serde_json::to_string(&FileKind::Dir).unwrap(), "\"dir\"");
        assert_eq!(serde_json::from_str::<Place>("{}").unwrap(), Place::default());
    }
}
