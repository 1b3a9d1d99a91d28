//! Owns taking connections over from files: opening them, and hosts of ssh_config as its reader has them. Leaves out
//! what is in the files (`store::connections::import`), and who asks for it.

use crate::failure::Failure;
use crate::proto::control::connections::Ssh;
use crate::store::connections::MOST;
use crate::store::connections::import::ssh_config::Host;
use crate::store::connections::import::{File, Format, Imported, MOST_BYTES, detect, read as parsed};
use crate::text::{count, short};
use crate::transport::ssh::{Entry, entries};
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::Duration;

/// An ssh_config is read once for each of its hosts.
const WITHIN: Duration = Duration::from_secs(30);

/// Reads a file, `-` (standard input), or a directory with PuTTY's sessions. `format` none = as it looks. Blocks; within a
/// runtime.
///
/// # Errors
/// It can't be read, is longer than 16 MiB, or looks like nothing known.
pub fn read(path: &Path, format: Option<Format>) -> Result<(Format, Imported), Failure> {
    let files = files(path)?;
    let shown = short(&path.to_string_lossy(), 200);
    let is_dir = path.is_dir();
    let looks = || files.iter().find_map(|f| detect(&f.name, &f.bytes).filter(|f| !is_dir || *f == Format::Putty));
    let format = format.or_else(looks).ok_or_else(|| {
        let formats = Format::ALL.map(Format::name).join(", ");
        Failure::usage(
            format!("{shown} looks like nothing that can be imported"),
            format!("if it is one of {formats}, say so with --from"),
        )
    })?;
    if is_dir && format != Format::Putty {
        return Err(Failure::usage(
            format!("{shown} is a directory: only PuTTY's sessions are read from one"),
            "name the file in it",
        ));
    }
    let imported = parsed(format, &files, |file| hosts(path, file)).map_err(|why| {
        Failure::usage(
            format!("{shown} is not understood as {}: {why}", format.name()),
            "if it is something else, say so with --from",
        )
    })?;
    Ok((format, imported))
}

fn hosts(path: &Path, file: &File) -> (Vec<Host>, Vec<String>) {
    let name = if path == Path::new("-") { "standard input".into() } else { path.to_string_lossy() };
    let (entries, wrong) = entries(&name, &file.bytes, WITHIN);
    (entries.into_iter().map(host).collect(), wrong)
}

/// What a connection can hold of it.
fn host(Entry { alias, said }: Entry) -> Host {
    let mut without: Vec<String> = said.others.iter().map(|name| (*name).to_string()).collect();
    let mut keys = said.identities.into_iter();
    let key_path = keys.next();
    if keys.len() > 0 {
        without.push(format!("other {}", count(keys.len(), "IdentityFile")));
    }
    let ssh = Ssh {
        host: said.hostname.unwrap_or_else(|| alias.clone()),
        port: said.port.unwrap_or(0),
        username: said.user.unwrap_or_default(),
        key_path,
        proxy_jump: said.jump,
        forward_agent: said.forward_agent,
        x11: said.x11,
        command: said.command,
        env: said.env.into_iter().collect(),
        ..Ssh::default()
    };
    Host { alias, ssh, without }
}

/// One file, standard input, or PuTTY's sessions: a directory with a file for each.
fn files(path: &Path) -> Result<Vec<File>, Failure> {
    let unreadable = |path: &Path, e: std::io::Error| {
        let shown = short(&path.to_string_lossy(), 200);
        Failure::usage(format!("{shown} cannot be read: {e}"), "give a file that you may read, or - for standard input")
    };
    if path == Path::new("-") {
        let bytes = limited(std::io::stdin().lock(), 0).map_err(|e| unreadable(path, e))?;
        return Ok(vec![File { name: String::new(), bytes }]);
    }
    let open = |path: &Path, have: usize| std::fs::File::open(path).and_then(|file| limited(file, have));
    let name = |path: &Path| path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    if !path.is_dir() {
        let bytes = open(path, 0).map_err(|e| unreadable(path, e))?;
        return Ok(vec![File { name: name(path), bytes }]);
    }
    let inner = path.join("sessions");
    let dir = if inner.is_dir() { inner.as_path() } else { path };
    let entries = std::fs::read_dir(dir).map_err(|e| unreadable(dir, e))?;
    let mut paths: Vec<_> = entries.flatten().map(|e| e.path()).filter(|p| p.is_file()).take(MOST).collect();
    paths.sort();
    let (mut files, mut have) = (Vec::new(), 0);
    for path in paths {
        let bytes = open(&path, have).map_err(|e| unreadable(&path, e))?;
        have += bytes.len();
        files.push(File { name: name(&path), bytes });
    }
    Ok(files)
}

/// All of it, where it goes with `have` bytes that were read before.
fn limited(from: impl Read, have: usize) -> std::io::Result<Vec<u8>> {
    let left = MOST_BYTES.saturating_sub(have);
    let mut bytes = Vec::new();
    from.take(left as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > left {
        let why = format!("it is longer than {} MiB", MOST_BYTES >> 20);
        return Err(std::io::Error::new(ErrorKind::FileTooLarge, why));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
