//! Owns copies and moves as the queue has them, carried out by the engine (`files::job`): its events become news, a person's
//! answers its choices.

use super::News;
use super::run::{Answer, Means, Teller};
use crate::client::browser::edits::Edit;
use crate::client::browser::queue::{Asked, Kind, Wanted};
use crate::client::files::Whose;
use crate::client::files::job::{self, Choice, Conflict, Job, JobEnd, JobEvent, What};
use crate::client::host::HostId;
use crate::proto::control::{Fault, FileName, FilePath};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tokio::sync::mpsc;

/// What is to be done with a name that is taken, as a person said it.
fn choice(what: Conflict, all: bool) -> Choice {
    let what = match what {
        Conflict::Replace => What::Replace,
        Conflict::KeepBoth => What::KeepBoth,
        Conflict::ReplaceOlder => What::ReplaceOlder,
        Conflict::Skip | Conflict::Ask | Conflict::Refuse => What::Skip,
    };
    Choice { what, all }
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
        sync: false,
        conflict: wanted.conflict,
        dry: false,
    };
    let (events_tx, mut events) = mpsc::unbounded_channel();
    let (choices, choices_rx) = mpsc::unbounded_channel();
    let running = job::run(job, events_tx, choices_rx);
    tokio::pin!(running);
    let end = loop {
        tokio::select! {
            biased;
            Some(event) = events.recv() => tell(event, teller),
            Some(Answer { ask, what, all }) = answers.recv() => {
                let _ = choices.send((ask, choice(what, all)));
            }
            end = &mut running => break end,
        }
    };
    while let Ok(event) = events.try_recv() {
        tell(event, teller);
    }
    let JobEnd { files, bytes, failed, skipped, left, fault, .. } = end;
    let fault = fault.map(|f| f.message);
    teller.tell(News::Over { files, bytes, skipped, left, failed: Some(failed), fault });
    Ok(())
}

fn tell(event: JobEvent, teller: &Teller) {
    teller.tell(match event {
        // (nothing here runs dry)
        JobEvent::Would { .. } => return,
        JobEvent::Planned { files, bytes } => News::Planned { files, bytes },
        JobEvent::Progress(far) => {
            News::Progress { files: far.files, bytes: far.bytes, current: far.current, speed: far.speed }
        }
        JobEvent::Waiting { why } => News::Waits(why),
        JobEvent::Failed(failed) => News::FailedFor(vec![failed]),
        JobEvent::Part(path) => News::Part(path),
        JobEvent::Asked { id, path, theirs, ours } => {
            News::Asks(Box::new(Asked { id, path, new: *ours, old: *theirs }))
        }
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
        // (an edit's own copy goes then)
        sync: true,
        conflict: Conflict::Replace,
        dry: false,
    };
    let (events, _) = mpsc::unbounded_channel();
    // (nobody answers: nothing is asked)
    let (_choices, answers) = mpsc::unbounded_channel();
    let end = job::run(job, events, answers).await;
    match (end.fault, end.failed.first()) {
        (Some(fault), _) => Err(fault),
        (None, Some(failed)) => Err(failed.why.clone()),
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
