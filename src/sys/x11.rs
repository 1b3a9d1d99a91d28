//! Owns the user's file of X11 cookies, and the first message of an X client's connection as it is read from one.
//! Leaves out what is in them (`proto::x11`).

use crate::proto::x11::{Entry, Setup, admit, entries};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};

const FILE_MOST: u64 = 1 << 20;
/// For the first message.
const SETUP_WITHIN: Duration = Duration::from_secs(10);

/// A display and its file of cookies that somebody lends this process, in the place of the environment's.
static LENT: Mutex<Option<(String, Option<PathBuf>)>> = Mutex::new(None);

/// From now on the display is this one.
pub fn lend(display: String, authority: Option<PathBuf>) {
    *LENT.lock().unwrap_or_else(|e| e.into_inner()) = Some((display, authority));
}

fn lent() -> Option<(String, Option<PathBuf>)> {
    LENT.lock().unwrap_or_else(|e| e.into_inner()).clone()
}

/// The display: the one that was lent last, else `$DISPLAY`.
pub fn display() -> Option<String> {
    let own = || std::env::var("DISPLAY").ok();
    lent().map(|(display, _)| display).or_else(own).filter(|d| !d.is_empty())
}

/// The file of its cookies: as it was lent, else `$XAUTHORITY`, else `~/.Xauthority`.
pub fn authority() -> Option<PathBuf> {
    if let Some((_, Some(path))) = lent() {
        return Some(path);
    }
    match std::env::var_os("XAUTHORITY").filter(|p| !p.is_empty()) {
        Some(path) => Some(path.into()),
        None => Some(PathBuf::from(std::env::var_os("HOME")?).join(".Xauthority")),
    }
}

/// The entries of such a file; none where it can't be read.
pub fn cookies(file: &Path) -> Vec<Entry> {
    use std::io::Read;
    let mut bytes = Vec::new();
    match std::fs::File::open(file).and_then(|f| f.take(FILE_MOST).read_to_end(&mut bytes)) {
        Ok(_) => entries(&bytes),
        Err(_) => Vec::new(),
    }
}

/// What goes to the display in place of what the client has said so far: `real` for the cookie `given`. None for a client
/// that does not know that one, or says nothing within 10 s.
pub async fn introduce(client: &mut (impl AsyncRead + Unpin), given: &[u8], real: Option<&[u8]>) -> Option<Vec<u8>> {
    let reading = async {
        let mut first = Vec::new();
        loop {
            match admit(&first, given, real) {
                Setup::Part => {
                    let mut piece = [0; 1024];
                    let n = client.read(&mut piece).await.ok().filter(|n| *n > 0)?;
                    first.extend_from_slice(piece.get(..n)?);
                }
                Setup::Refused => {
                    tracing::warn!("an X client does not know the display's cookie");
                    return None;
                }
                Setup::Admitted { taken, mut instead } => {
                    instead.extend_from_slice(first.get(taken..)?);
                    return Some(instead);
                }
            }
        }
    };
    tokio::time::timeout(SETUP_WITHIN, reading).await.ok()?
}
