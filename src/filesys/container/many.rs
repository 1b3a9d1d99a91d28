//! Owns work that is done in one go: small files read and written together, directories made and finished together, as each
//! program started in a container, and each archive, takes its engine tens of milliseconds. Leaves out single files.

use super::scripts::argument;
use super::{Dir, MOST, Remote, Tools, archive, flag, mark, mode_word, path_argument, said, scripts, seconds, tar};
use crate::filesys::{Dir as AnyDir, Get, Put, UNFINISHED, Wanted, local};
use crate::proto::control::{Fault, FileKind, FileName, FilePath};
use tokio::io::AsyncWriteExt;

/// Arguments of a script are no longer than that, all together: systems have 128 KiB of room at least.
const ARGUMENTS: usize = 100 << 10;

fn foreign() -> Fault {
    Fault::new(Fault::INTERNAL, "a file of another file system")
}

/// A small file: where it goes from the base that it shares with others.
struct Small {
    dir: Dir,
    way: Vec<u8>,
    wanted: Wanted,
    bytes: Vec<u8>,
}

impl Small {
    fn at(&self, name: &FileName) -> Vec<u8> {
        below(&self.way, name.as_bytes())
    }

    /// Bytes of its arguments, at most.
    fn weight(&self) -> usize {
        5 * (2 * self.way.len() + self.wanted.part.as_bytes().len() + self.wanted.name.as_bytes().len()) + 16
    }
}

fn below(way: &[u8], name: &[u8]) -> Vec<u8> {
    if way.is_empty() { name.to_vec() } else { [way, b"/", name].concat() }
}

/// Small files in one go: as one archive, which is unpacked under their parts' names. Directories of ours that are not there
/// yet come with it; so what lies in different directories goes together where those are being made here. (Elsewhere one of
/// them may be a mount, or be closed to who writes.)
pub async fn put(files: Vec<Put>) -> Vec<Result<(), Fault>> {
    let mut results = Vec::with_capacity(files.len());
    let mut files = files.into_iter().map(|file| match file.dir {
        AnyDir::Container(dir) => {
            let (base, way) = dir.at.known().base(&dir.path);
            Ok((base, Small { dir, way, wanted: file.wanted, bytes: file.bytes }))
        }
        _ => Err(foreign()),
    });
    let mut next = files.next();
    while let Some(first) = next.take() {
        let (base, first) = match first {
            Ok(first) => first,
            Err(fault) => {
                results.push(Err(fault));
                next = files.next();
                continue;
            }
        };
        let mut weight = first.weight();
        let mut together = vec![first];
        for file in files.by_ref() {
            match file {
                Ok((other, file)) if other == base && weight + file.weight() <= ARGUMENTS => {
                    weight += file.weight();
                    together.push(file);
                }
                other => {
                    next = Some(other);
                    break;
                }
            }
        }
        let Some(at) = together.first().map(|f| f.dir.at.clone()) else { continue };
        let base = Dir { at, path: base.into(), tree: None };
        match base.at.tools {
            Tools::Shell => {
                for file in together {
                    results.push(put_one(file).await);
                }
            }
            _ => results.extend(put_together(&base, together).await),
        }
    }
    results
}

async fn put_one(file: Small) -> Result<(), Fault> {
    // what a cut has left is not gone on with
    let wanted = Wanted { keep: false, part: local::part::spare_name(), ..file.wanted };
    let mut writer = file.dir.write(wanted).await?;
    writer.write(file.bytes).await?;
    writer.finish().await.map(drop)
}

/// A directory of ours, in an archive.
fn dir_head(way: &[u8], mode: u32, seconds: i64, archive: &mut Vec<u8>) {
    tar::head(&tar::Put { name: way, kind: FileKind::Dir, mode, seconds, ..tar::Put::default() }, archive);
}

async fn put_together(base: &Dir, files: Vec<Small>) -> Vec<Result<(), Fault>> {
    let mut dirs: Vec<FilePath> = Vec::new();
    let mut archive = Vec::new();
    for file in &files {
        let known = base.at.known();
        for path in known.promised(&file.dir.path) {
            if !dirs.contains(&path) {
                dir_head(&known.base(&path).1, UNFINISHED, archive::now(), &mut archive);
                dirs.push(path);
            }
        }
    }
    let results = match base.at.tools {
        Tools::Tar => put_by_tar(base, files, archive).await,
        _ => {
            archive::put(
                &base.at.inside,
                &base.path,
                files.into_iter().map(|f| (f.at(&f.wanted.name), f.wanted, f.bytes)).collect(),
                archive,
            )
            .await
        }
    };
    if results.iter().any(Result::is_ok) {
        base.at.known().made(&dirs);
    }
    results
}

async fn put_by_tar(dir: &Dir, files: Vec<Small>, mut archive: Vec<u8>) -> Vec<Result<(), Fault>> {
    const DOING: &str = "writing";
    let mut args = vec![dir.here()];
    for file in &files {
        let part = file.at(&file.wanted.part);
        let put = tar::Put {
            name: &part,
            kind: FileKind::File,
            size: file.bytes.len() as u64,
            mode: file.wanted.mode.unwrap_or(0o644),
            seconds: file.wanted.mtime_ms.map_or_else(archive::now, seconds),
            link: b"",
        };
        tar::head(&put, &mut archive);
        archive.extend_from_slice(&file.bytes);
        tar::pad(&mut archive, put.size);
        args.extend([argument(&part), argument(&file.at(&file.wanted.name)), flag(file.wanted.replace)]);
    }
    archive.extend_from_slice(&tar::END);
    let mark = mark();
    let done = async {
        let mut job = dir.at.job(&scripts::put(), &mark, args, true).await?;
        if let Some(input) = &mut job.input {
            // (where it fails, it says why)
            let _ = input.write_all(&archive).await;
        }
        job.close().await;
        let (said, _) = job.all(MOST).await?;
        Ok::<_, Fault>((said, job.complaint))
    };
    let paths: Vec<FilePath> = files.iter().map(|file| file.dir.of(&file.wanted.name)).collect();
    said::each(DOING, &mark, &paths, done.await).into_iter().map(|done| done.map(drop)).collect()
}

/// Makes directories that were promised, the uppermost first.
pub(super) async fn make(at: &Remote, promised: Vec<FilePath>) -> Result<(), Fault> {
    const DOING: &str = "making the directory";
    let mut left = promised.as_slice();
    while let Some(first) = left.first() {
        let mut weight = 0;
        let base = at.known().base(first).0;
        let n = left.iter().take_while(|path| {
            weight += 5 * path.as_bytes().len();
            weight <= ARGUMENTS && at.known().base(path).0 == base
        });
        let (some, rest) = left.split_at(n.count().max(1).min(left.len()));
        if at.has_tools() {
            let mut args = vec![mode_word(Some(UNFINISHED))];
            args.extend(some.iter().map(path_argument));
            at.done(DOING, first, scripts::MKDIRS, args).await?;
        } else {
            let mut archive = Vec::new();
            some.iter().for_each(|path| dir_head(&at.known().base(path).1, UNFINISHED, archive::now(), &mut archive));
            archive::send(&at.inside, &base, archive).await?;
        }
        at.known().made(some);
        left = rest;
    }
    Ok(())
}

/// Mode and time of directories that have been filled, in this order.
pub async fn finish(dirs: Vec<(AnyDir, u32, i64)>) -> Vec<Result<(), Fault>> {
    let mut results = Vec::with_capacity(dirs.len());
    let mut left: Vec<(Dir, u32, i64)> = Vec::with_capacity(dirs.len());
    for (dir, mode, mtime_ms) in dirs {
        match dir {
            AnyDir::Container(dir) => left.push((dir, mode, seconds(mtime_ms))),
            _ => return vec![Err(foreign())],
        }
    }
    let Some(at) = left.first().map(|(dir, ..)| dir.at.clone()) else { return results };
    // (those that nothing came into; made in the order of their ways, so the upper ones first)
    let mut promised: Vec<FilePath> = left.iter().flat_map(|(dir, ..)| at.known().promised(&dir.path)).collect();
    promised.sort();
    promised.dedup();
    if make(&at, promised.clone()).await.is_err() {
        for path in promised {
            // (one that can't be made is no reason for others, and says so for itself)
            let promised = at.known().promised(&path);
            let _ = make(&at, promised).await;
        }
    }
    while !left.is_empty() {
        let mut weight = 0;
        let n = left.iter().take_while(|(dir, ..)| {
            weight += 5 * dir.path.as_bytes().len() + 32;
            weight <= ARGUMENTS
        });
        let n = n.count().max(1);
        let rest = left.split_off(n.min(left.len()));
        let some = std::mem::replace(&mut left, rest);
        let done =
            if at.has_tools() { finish_by_script(&at, &some).await } else { finish_by_archive(&at, &some).await };
        for ((dir, ..), done) in some.iter().zip(&done) {
            if done.is_ok() {
                at.known().finished(&dir.path);
            }
        }
        results.extend(done);
    }
    results
}

async fn finish_by_script(at: &Remote, dirs: &[(Dir, u32, i64)]) -> Vec<Result<(), Fault>> {
    const DOING: &str = "setting mode and time of";
    let mark = mark();
    let args = dirs.iter().flat_map(|(dir, mode, seconds)| [dir.here(), mode_word(Some(*mode)), seconds.to_string()]);
    let done = at.script(scripts::FILLED, &mark, args.collect()).await.map(|(said, _, complaint)| (said, complaint));
    let paths: Vec<FilePath> = dirs.iter().map(|(dir, ..)| dir.path()).collect();
    said::each(DOING, &mark, &paths, done).into_iter().map(|done| done.map(drop)).collect()
}

/// Those that are made here go together; others each by what they lie in.
async fn finish_by_archive(at: &Remote, dirs: &[(Dir, u32, i64)]) -> Vec<Result<(), Fault>> {
    let mut results = Vec::with_capacity(dirs.len());
    let place = |dir: &Dir| match at.known().base(&dir.path) {
        (base, way) if !way.is_empty() => Some((base, way)),
        _ => dir.path.split().map(|(above, name)| (above, name.as_bytes().to_vec())),
    };
    let mut left = dirs;
    while let Some((first, ..)) = left.first() {
        // (the root has what it has)
        let Some((base, _)) = place(first) else {
            results.push(Ok(()));
            left = left.get(1..).unwrap_or_default();
            continue;
        };
        let mut archive = Vec::new();
        let ways = left.iter().map_while(|(dir, mode, seconds)| {
            let (other, way) = place(dir)?;
            (other == base).then_some((way, *mode, *seconds))
        });
        let n = ways.map(|(way, mode, seconds)| dir_head(&way, mode, seconds, &mut archive)).count();
        let sent = archive::send(&at.inside, &base, archive).await;
        results.extend((0..n).map(|_| sent.clone()));
        left = left.get(n..).unwrap_or_default();
    }
    results
}

/// Small files in one go.
pub async fn get(files: Vec<Get>) -> Vec<Result<Vec<u8>, Fault>> {
    let mut results = Vec::with_capacity(files.len());
    let mut files = files.into_iter().peekable();
    while let Some(first) = files.next() {
        let AnyDir::Container(dir) = first.dir.clone() else {
            results.push(Err(foreign()));
            continue;
        };
        let mut weight = 0;
        let mut together = vec![first];
        let goes_with = |next: &Get| matches!(&next.dir, AnyDir::Container(_));
        while let Some(next) = files.next_if(|next| {
            weight += 5 * (next.dir.path().as_bytes().len() + next.name.as_bytes().len()) + 16;
            weight <= ARGUMENTS && goes_with(next)
        }) {
            together.push(next);
        }
        results.extend(match dir.at.has_tools() {
            true => get_together(&dir, &together).await,
            false => {
                let wanted: Vec<_> = together.iter().map(|f| (f.dir.path(), f.name.clone(), f.size)).collect();
                archive::get_all(&dir.at.inside, &wanted).await
            }
        });
    }
    results
}

async fn get_together(dir: &Dir, files: &[Get]) -> Vec<Result<Vec<u8>, Fault>> {
    const DOING: &str = "reading";
    let mark = mark();
    let args = files
        .iter()
        .flat_map(|f| [path_argument(&f.dir.path()), argument(f.name.as_bytes()), f.size.max(1).to_string()]);
    let most = files.iter().fold(MOST, |sum, f| sum.saturating_add(usize::try_from(f.size).unwrap_or(0)));
    let done = async {
        let mut job = dir.at.job(scripts::GET, &mark, args.collect(), false).await?;
        let (said, _) = job.all(most).await?;
        Ok::<_, Fault>((said, job.complaint))
    };
    let paths: Vec<FilePath> = files.iter().map(|file| file.dir.path().join(&file.name)).collect();
    said::each(DOING, &mark, &paths, done.await)
}
