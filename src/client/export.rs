//! Owns connections on their way into a file: in which form, and the file, whole or not at all. Leaves out the forms
//! themselves (`store::connections::import`), and who asks for it.

use crate::failure::Failure;
use crate::proto::control::connections::Listed;
use crate::proto::ids::{hex, random_bytes};
use crate::store::connections::import::{Written, csv, ssh_config, thub};
use crate::text::short;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The form of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// Everything; a team's file.
    Thub,
    Csv,
    SshConfig,
}

/// # Errors
/// None that a person could cause.
pub fn written(listed: &Listed, to: To) -> Result<Written, Failure> {
    let written = match to {
        To::Thub => thub::written(listed),
        To::Csv => csv::written(listed),
        To::SshConfig => Ok(ssh_config::written(listed)),
    };
    written.map_err(|why| Failure::failed(why, "report this"))
}

/// Whole or not at all, for the user alone; what is there stays unless it is to be replaced. Blocks.
///
/// # Errors
/// It is there already, or can't be written.
pub fn put(file: &Path, bytes: &[u8], replace: bool) -> Result<(), Failure> {
    try_put(file, bytes, replace).map_err(|e| {
        let shown = short(&file.to_string_lossy(), 200);
        match e.kind() {
            ErrorKind::AlreadyExists => {
                Failure::usage(format!("{shown} is there already"), "name another file, or replace it with --force")
            }
            _ => Failure::failed(
                format!("{shown} cannot be written: {e}"),
                "name a file in a directory that you may write",
            ),
        }
    })
}

fn try_put(file: &Path, bytes: &[u8], replace: bool) -> io::Result<()> {
    let name = file.file_name().ok_or(ErrorKind::InvalidInput)?;
    if file.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if !replace && std::fs::symlink_metadata(file).is_ok() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    let temp = file.with_file_name(format!(".{}.{}.tmp", name.to_string_lossy(), hex(&random_bytes::<8>())));
    let mut new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temp)?;
    let written = new.write_all(bytes).and_then(|()| new.sync_all()).and_then(|()| match replace {
        true => std::fs::rename(&temp, file),
        // (a link fails where somebody was faster, a rename does not)
        false => match std::fs::hard_link(&temp, file) {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => std::fs::rename(&temp, file),
            linked => linked,
        },
    });
    // (after a rename it is gone)
    let _ = std::fs::remove_file(&temp);
    written
}
