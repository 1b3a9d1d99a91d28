//! Owns what scripts in a container say, read without believing it. Pure: whatever comes, it ends, and holds no more than came.

use crate::filesys::{Batch, fault};
use crate::proto::control::{Fault, FileInfo, FileKind, FileName, FilePath, LinkInfo};
use rustix::io::Errno;

/// What begins a line of a script's own: the mark, and what is behind it up to the next; a line feed at each end is the
/// script's.
pub fn marked<'a>(mark: &str, said: &'a [u8]) -> Vec<&'a [u8]> {
    let word = format!("{mark} ").into_bytes();
    let mut starts = Vec::new();
    let mut at = 0;
    while let Some(found) = find(said, &word, at) {
        // (the mark is random: it stands elsewhere than at a line's start only by somebody's will)
        if found == 0 || said.get(found - 1) == Some(&b'\n') {
            starts.push(found);
        }
        at = found + word.len();
    }
    let ends = starts.iter().skip(1).map(|next| next - 1).chain([said.len()]);
    starts
        .iter()
        .zip(ends)
        .filter_map(|(start, end)| {
            let text = said.get(start + word.len()..end)?;
            // the last one has its line feed yet
            Some(if end == said.len() { text.strip_suffix(b"\n").unwrap_or(text) } else { text })
        })
        .collect()
}

fn find(all: &[u8], word: &[u8], from: usize) -> Option<usize> {
    let first = *word.first()?;
    let mut at = from;
    loop {
        let rest = all.get(at..)?;
        at += rest.iter().position(|b| *b == first)?;
        if all.get(at..at + word.len()) == Some(word) {
            return Some(at);
        }
        at += 1;
    }
}

fn word<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let end = rest.iter().position(|b| *b == b' ').unwrap_or(rest.len());
    let (word, behind) = rest.split_at_checked(end)?;
    *rest = behind.get(1..).unwrap_or_default();
    std::str::from_utf8(word).ok()
}

/// A number, or what is closest where it is more than can be.
fn number(rest: &mut &[u8]) -> Option<u64> {
    word(rest)?.parse().ok()
}

fn kind_of(mode: u32) -> FileKind {
    match mode & 0o170_000 {
        0o100_000 => FileKind::File,
        0o040_000 => FileKind::Dir,
        0o120_000 => FileKind::Link,
        _ => FileKind::Other,
    }
}

/// `81a4 24 1795296036 0 0 root root`, and what is behind it.
pub fn info(line: &[u8], name: FileName) -> Option<(FileInfo, &[u8])> {
    let mut rest = line;
    let mode = u32::from_str_radix(word(&mut rest)?, 16).ok()?;
    let size = number(&mut rest)?;
    let seconds: i64 = word(&mut rest)?.split('.').next()?.parse().ok()?;
    let (uid, gid) = (u32::try_from(number(&mut rest)?).ok()?, u32::try_from(number(&mut rest)?).ok()?);
    let (owner, group) = (owner(word(&mut rest)?), owner(word(&mut rest)?));
    let kind = kind_of(mode);
    let info = FileInfo {
        name,
        kind,
        size: if kind == FileKind::Dir { 0 } else { size },
        mode: mode & 0o7777,
        mtime_ms: seconds.saturating_mul(1000),
        uid,
        gid,
        owner,
        group,
        link: None,
    };
    Some((info, rest))
}

/// A name, where there is one (`UNKNOWN` and numbers are none).
fn owner(word: &str) -> String {
    let good = word.len() <= 64 && word != "UNKNOWN" && !word.bytes().all(|b| b.is_ascii_digit());
    if good { word.to_string() } else { String::new() }
}

/// An entry of a listing.
pub fn entry(line: &[u8], batch: &mut Batch) {
    let found = info(line, FileName::default()).and_then(|(info, rest)| {
        let name = FileName::new(rest.strip_prefix(b"./").unwrap_or(rest)).ok()?;
        Some(FileInfo { name, ..info })
    });
    match found {
        Some(info) => batch.entries.push(info),
        None => batch.unusable += 1,
    }
}

/// An entry that may lie deeper: the names of the directories that lead there, and what it is.
pub fn entry_below(line: &[u8]) -> Option<(Vec<FileName>, FileInfo)> {
    let (info, rest) = info(line, FileName::default())?;
    let mut names = rest.strip_prefix(b"./").unwrap_or(rest).split(|b| *b == b'/').map(|name| FileName::new(name).ok());
    let mut names = names.by_ref().collect::<Option<Vec<_>>>()?;
    let name = names.pop()?;
    Some((names, FileInfo { name, ..info }))
}

/// `81a4 target`, or `- target` where it leads nowhere.
pub fn link(line: &[u8]) -> LinkInfo {
    let mut rest = line;
    let kind = word(&mut rest).and_then(|mode| u32::from_str_radix(mode, 16).ok()).map(kind_of);
    LinkInfo { target: FilePath::new(rest).unwrap_or_default(), kind }
}

/// `4096 1000 500`: room on a disk, total and free.
pub fn space(line: &[u8]) -> Option<(u64, u64)> {
    let mut rest = line;
    let (block, total, free) = (number(&mut rest)?, number(&mut rest)?, number(&mut rest)?);
    Some((block.saturating_mul(total), block.saturating_mul(free)))
}

/// `+` and what follows it, or `-` and why not.
pub fn answer(text: &[u8]) -> Result<&[u8], Errno> {
    match text.split_first() {
        Some((b'+', rest)) => Ok(rest.strip_prefix(b"\n").unwrap_or(rest)),
        Some((_, rest)) => Err(errno(rest)),
        None => Err(Errno::IO),
    }
}

/// The kernel's word in what a tool complains about.
pub fn errno(complaint: &[u8]) -> Errno {
    const WORDS: &[(&str, Errno)] = &[
        ("No such file or directory", Errno::NOENT),
        ("Permission denied", Errno::ACCESS),
        ("Operation not permitted", Errno::PERM),
        ("File exists", Errno::EXIST),
        ("Directory not empty", Errno::NOTEMPTY),
        ("Not a directory", Errno::NOTDIR),
        ("Is a directory", Errno::ISDIR),
        ("Read-only file system", Errno::ROFS),
        ("No space left on device", Errno::NOSPC),
        ("Disk quota exceeded", Errno::DQUOT),
        ("File too large", Errno::FBIG),
        ("Too many levels of symbolic links", Errno::LOOP),
        ("File name too long", Errno::NAMETOOLONG),
        ("Device or resource busy", Errno::BUSY),
        ("Invalid cross-device link", Errno::XDEV),
        ("Invalid argument", Errno::INVAL),
    ];
    // (the last word counts: a name may hold another)
    let text = String::from_utf8_lossy(complaint);
    let last = WORDS.iter().filter_map(|(word, e)| Some((text.rfind(word)?, *e))).max_by_key(|(at, _)| *at);
    last.map_or(Errno::IO, |(_, e)| e)
}

/// What went wrong with a path, by what was complained about.
pub fn failed(doing: &str, path: &[u8], complaint: &[u8]) -> Fault {
    match errno(complaint) {
        Errno::IO => {
            let text = String::from_utf8_lossy(complaint);
            let words = crate::text::short(text.trim().lines().last().unwrap_or_default(), 200);
            let words = if words.is_empty() { "it did not work in the container".to_string() } else { words };
            fault::say(Fault::INTERNAL, doing, path, &words)
        }
        e => fault::of(doing, path, e),
    }
}

/// What a script said of each of these paths, in their order, on a line of its own: what came with it, or what failed. `done` =
/// all it said, and its complaints.
pub fn each(
    doing: &str,
    mark: &str,
    paths: &[FilePath],
    done: Result<(Vec<u8>, Vec<u8>), Fault>,
) -> Vec<Result<Vec<u8>, Fault>> {
    let (said, complaint) = match done {
        Ok(done) => done,
        Err(fault) => return paths.iter().map(|_| Err(fault.clone())).collect(),
    };
    let mut lines = marked(mark, &said).into_iter();
    let of = |path: &FilePath| match lines.next().map(answer) {
        Some(Ok(bytes)) => Ok(bytes.to_vec()),
        Some(Err(e)) => Err(fault::of(doing, path.as_bytes(), e)),
        None => Err(failed(doing, path.as_bytes(), &complaint)),
    };
    paths.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_listing() {
        let said = b"abc1 81a4 24 1795296036 0 0 root root ./a b\n1\nabc1 41ed 4096 -5 7 8 UNKNOWN staff ./d\nabc1 81a4 1 1 0 0 root root ./x abc1 y\n";
        let lines = marked("abc1", said);
        let mut batch = Batch::default();
        lines.iter().for_each(|line| entry(line, &mut batch));
        let names: Vec<&[u8]> = batch.entries.iter().map(|e| e.name.as_bytes()).collect();
        assert_eq!(names, [&b"a b\n1"[..], b"d", b"x abc1 y"]);
        let dir = &batch.entries[1];
        assert_eq!(
            (dir.kind, dir.mtime_ms, dir.uid, dir.owner.as_str(), dir.group.as_str()),
            (FileKind::Dir, -5000, 7, "", "staff")
        );
        let (way, deep) = entry_below(b"81a4 1 1 0 0 root root ./a/b c/d").unwrap();
        assert_eq!((way.len(), way[1].as_bytes(), deep.name.as_bytes()), (2, &b"b c"[..], &b"d"[..]));
        assert!(
            entry_below(b"81a4 1 1 0 0 root root ./a/../d").is_none()
                && entry_below(b"81a4 1 1 0 0 root root ./a//d").is_none()
        );
        for bad in
            [&b"x"[..], b"", b"81a4 1 1 0 0 root root ./..", b"81a4 1 1 0 0 root root ./a/b", b"zz 1 1 0 0 r r ./a"]
        {
            entry(bad, &mut batch);
        }
        assert_eq!((batch.entries.len(), batch.unusable), (3, 5));
    }

    #[test]
    fn answers_with_contents() {
        let said = b"m +\nhello\nm -\ncat: x: No such file or directory\nm +\n\nm +\nm at a line's start\n\n";
        let all: Vec<_> = marked("m", said).into_iter().map(answer).collect();
        assert_eq!(all.first(), Some(&Ok(&b"hello"[..])));
        assert_eq!(all.get(1), Some(&Err(Errno::NOENT)));
        assert_eq!(all.get(2), Some(&Ok(&b""[..])));
    }

    #[test]
    fn complaints() {
        assert_eq!(errno(b"mv: can't rename 'Permission denied': No such file or directory"), Errno::NOENT);
        assert_eq!(errno(b"what?"), Errno::IO);
        assert!(!failed("reading", b"x", b"\x1b[2J bad").message.contains('\u{1b}'));
        assert_eq!(space(b"4096 10 5"), Some((40960, 20480)));
        assert_eq!(link(b"- /a b"), LinkInfo { target: FilePath::new(b"/a b".to_vec()).unwrap(), kind: None });
        assert_eq!(link(b"41ed d").kind, Some(FileKind::Dir));
    }
}
