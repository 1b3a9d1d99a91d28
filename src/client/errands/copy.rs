//! Owns copies and moves as the queue has them, carried out by the engine (`files::job`): its events become news, a person's
//! answers its choices.

use super::News;
use super::run::{Answer, Means, Teller};
use crate::client::browser::edits::Edit;
use crate::client::browser::queue::{Asked, Kind, Wanted};
use crate::client::files::Whose;
use crate::client::files::job::{self, Choice, Conflict, Job, JobEnd, JobEvent, What};
use crate::client::host::HostId;
use crate::proto::control::{Fault, FileInfo, FileName, FilePath};
use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tokio::sync::mpsc;

/// What is to be done with a name that is taken: as a person said it, and whether what comes is the newer one.
fn choice(what: Conflict, all: bool, newer: bool) -> Choice {
    match what {
        Conflict::Replace => Choice { what: What::Replace, all },
        Conflict::KeepBoth => Choice { what: What::KeepBoth, all },
        // (looked at one by one: the engine's own answers are the same for all)
        Conflict::ReplaceOlder => Choice { what: if newer { What::Replace } else { What::Skip }, all: false },
        Conflict::Skip | Conflict::Ask | Conflict::Refuse => Choice { what: What::Skip, all },
    }
}

pub(super) async fn copy(
    means: &Means,
    wanted: Wanted,
    teller: &Teller,
    mut answers: mpsc::UnboundedReceiver<Answer>,
) -> Result<(), Fault> {
    let job = Job {
        from: means.ups.end(wanted.from),
        dir: wanted.dir,
        names: wanted.names,
        to: means.ups.end(wanted.to),
        into: wanted.into,
        rename: wanted.rename,
        moves: wanted.kind == Kind::Move,
        conflict: wanted.conflict,
    };
    let (events_tx, mut events) = mpsc::unbounded_channel();
    let (choices, choices_rx) = mpsc::unbounded_channel();
    let running = job::run(job, events_tx, choices_rx);
    tokio::pin!(running);
    // questions that are open, and whether what comes is newer than what is there
    let mut open: HashMap<u64, bool> = HashMap::new();
    let mut older_for_all = false;
    let heed = |event: JobEvent, open: &mut HashMap<u64, bool>, older_for_all: bool| match event {
        JobEvent::Asked { id, path, theirs, ours } => {
            let newer = ours.mtime_ms > theirs.mtime_ms;
            if older_for_all {
                let _ = choices.send((id, choice(Conflict::ReplaceOlder, false, newer)));
            } else {
                open.insert(id, newer);
                let (new, old): (FileInfo, FileInfo) = (*ours, *theirs);
                teller.tell(News::Asks(Box::new(Asked { id, path, new, old })));
            }
        }
        other => tell(other, teller),
    };
    let end = loop {
        tokio::select! {
            biased;
            Some(event) = events.recv() => heed(event, &mut open, older_for_all),
            Some(Answer { ask, what, all }) = answers.recv() => {
                if let Some(newer) = open.remove(&ask) {
                    older_for_all |= all && what == Conflict::ReplaceOlder;
                    let _ = choices.send((ask, choice(what, all, newer)));
                }
            }
            end = &mut running => break end,
        }
    };
    while let Ok(event) = events.try_recv() {
        heed(event, &mut open, older_for_all);
    }
    let JobEnd { files, bytes, failed, skipped, fault, .. } = end;
    let fault = fault.map(|f| f.message);
    teller.tell(News::Over { files, bytes, skipped, failed: Some(failed), fault });
    Ok(())
}

fn tell(event: JobEvent, teller: &Teller) {
    teller.tell(match event {
        JobEvent::Planned { files, bytes } => News::Planned { files, bytes },
        JobEvent::Progress(far) => {
            News::Progress { files: far.files, bytes: far.bytes, current: far.current, speed: far.speed }
        }
        JobEvent::Waiting { why } => News::Waits(why),
        JobEvent::Failed(failed) => News::FailedFor(vec![failed]),
        JobEvent::Part(path) => News::Part(path),
        JobEvent::Asked { .. } => return,
    });
}

/// A file of this machine goes to a host under a name, whatever had it.
pub(super) async fn send(
    means: &Means,
    file: &Path,
    to: &Whose,
    into: &FilePath,
    name: &FileName,
) -> Result<(), Fault> {
    let bad = || Fault::new(Fault::INVALID, "the copy has no place that can be named");
    let path = FilePath::new(file.as_os_str().as_bytes()).map_err(|_| bad())?;
    let (dir, own) = path.split().ok_or_else(bad)?;
    let job = Job {
        from: means.ups.end(Whose::host(HostId::local())),
        dir,
        names: vec![own],
        to: means.ups.end(to.clone()),
        into: into.clone(),
        rename: Some(name.clone()),
        moves: false,
        conflict: Conflict::Replace,
    };
    let (events, _) = mpsc::unbounded_channel();
    // (nobody answers: nothing is asked)
    let (_choices, answers) = mpsc::unbounded_channel();
    let end = job::run(job, events, answers).await;
    match (end.fault, end.failed.into_iter().next()) {
        (Some(fault), _) => Err(fault),
        (None, Some(failed)) => Err(failed.why),
        (None, None) => Ok(()),
    }
}

/// What an editor left goes back, with the permissions that the file had.
pub(super) async fn upload(means: &Means, edit: &Edit, name: &FileName) -> Result<(), Fault> {
    // (its directory is its owner's alone)
    let mode = std::fs::Permissions::from_mode(edit.was.mode & 0o777 | 0o600);
    let local = |e: std::io::Error| Fault::new(Fault::INVALID, format!("the edited copy: {e}"));
    std::fs::set_permissions(&edit.copy, mode).map_err(local)?;
    send(means, &edit.copy, &edit.whose, &edit.dir, name).await?;
    if edit.was.mode & 0o777 | 0o600 != edit.was.mode {
        let end = means.ups.end(edit.whose.clone());
        end.chmod(&edit.dir.join(name), edit.was.mode).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_ones_are_decided_one_by_one() {
        let said = |what, newer| choice(what, true, newer);
        assert_eq!(said(Conflict::ReplaceOlder, true), Choice { what: What::Replace, all: false });
        assert_eq!(said(Conflict::ReplaceOlder, false), Choice { what: What::Skip, all: false });
        assert_eq!(said(Conflict::KeepBoth, false), Choice { what: What::KeepBoth, all: true });
    }
}
