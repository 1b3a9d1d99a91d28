//! Owns key files as they lie on disk: [`KeyFile`], open, locked or unusable, and [`Certificates`]. Leaves out whether a
//! host takes them.

mod short;

use crate::text::escape;
use russh::keys::{Certificate, PrivateKey, PublicKey};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

const KEY_FILE_MOST: u64 = 1 << 20;

/// The private half.
pub(super) enum Secret {
    Open(Arc<PrivateKey>),
    /// The text, to be opened with a passphrase.
    Locked(Zeroizing<String>),
    Unusable(&'static str),
}

/// One key file.
pub(super) struct KeyFile {
    path: PathBuf,
    pub(super) public: Option<PublicKey>,
    pub(super) secret: Secret,
}

/// A user's certificates in files; their keys may be elsewhere.
#[derive(Default)]
pub(super) struct Certificates {
    /// CertificateFile's, in the config's order.
    given: Vec<Certificate>,
    /// Those beside key files.
    beside: Vec<Certificate>,
}

impl Certificates {
    /// Of this key: CertificateFile's; where there are none, those that lie beside key files.
    pub(super) fn of(&self, public: &PublicKey) -> Vec<&Certificate> {
        let fits = |c: &&Certificate| c.public_key() == public.key_data();
        let given: Vec<_> = self.given.iter().filter(fits).collect();
        if given.is_empty() { self.beside.iter().filter(fits).collect() } else { given }
    }
}

impl KeyFile {
    /// The files that are there, in the config's order, and all certificates.
    pub(super) fn read_all(paths: &[PathBuf], certificates: &[PathBuf]) -> (Vec<KeyFile>, Certificates) {
        let files: Vec<KeyFile> = paths.iter().filter_map(|p| KeyFile::read(p)).collect();
        let given = certificates.iter().filter_map(|p| certificate(p)).collect();
        let beside = files.iter().filter_map(|f| certificate(&beside(&f.path, "-cert.pub"))).collect();
        (files, Certificates { given, beside })
    }

    fn read(path: &Path) -> Option<KeyFile> {
        let beside_public = text(&beside(path, ".pub")).and_then(|t| PublicKey::from_openssh(t.trim()).ok());
        if open_to_others(path) {
            let secret = Secret::Unusable("others can read it, so it is not used: chmod 600 it");
            return Some(KeyFile { path: path.into(), public: beside_public, secret });
        }
        let Some(text) = text(path) else {
            // only the public half is here: it picks a key of the agent
            let public = beside_public?;
            let secret = Secret::Unusable("the private key is not there, and not in the agent");
            return Some(KeyFile { path: path.into(), public: Some(public), secret });
        };
        if let Ok(public) = PublicKey::from_openssh(text.trim()) {
            let secret = Secret::Unusable("a public key, and not in the agent");
            return Some(KeyFile { path: path.into(), public: Some(public), secret });
        }
        if old_cipher(&text) {
            let why = "locked in an old format thub can't open: `ssh-keygen -p -f FILE` writes it anew";
            return Some(KeyFile { path: path.into(), public: beside_public, secret: Secret::Unusable(why) });
        }
        let (public, secret) = match decode(&text, None) {
            Ok(key) if !signs(&key) => {
                let why = "of a kind thub can't sign with: load it into the ssh-agent";
                (Some(key.public_key().clone()), Secret::Unusable(why))
            }
            Ok(key) if !key.is_encrypted() => (Some(key.public_key().clone()), Secret::Open(Arc::new(key))),
            Ok(key) => (Some(key.public_key().clone()), Secret::Locked(text)),
            Err(russh::keys::Error::KeyIsEncrypted) => {
                let inside = PrivateKey::from_openssh(&text).ok().map(|k| k.public_key().clone());
                (inside.or(beside_public), Secret::Locked(text))
            }
            Err(_) if text.contains("ENCRYPTED") => (beside_public, Secret::Locked(text)),
            Err(_) => (beside_public, Secret::Unusable("not a key thub can read")),
        };
        Some(KeyFile { path: path.into(), public, secret })
    }

    pub(super) fn may_be_rsa(&self) -> bool {
        self.public.as_ref().is_none_or(|p| p.algorithm().is_rsa())
    }

    pub(super) fn shown(&self) -> String {
        escape(&self.path.to_string_lossy())
    }
}

/// The key that a file holds, of any format russh knows.
///
/// # Errors
/// It is locked and no passphrase was given, or a wrong one; or it is none.
pub(super) fn decode(text: &str, passphrase: Option<&str>) -> Result<PrivateKey, russh::keys::Error> {
    russh::keys::decode_secret_key(text, passphrase).or_else(|e| match e {
        russh::keys::Error::KeyIsEncrypted => Err(e),
        e => short::read(text, passphrase).ok_or(e),
    })
}

/// Keys on a token sign only through the agent; DSA is dead.
fn signs(key: &PrivateKey) -> bool {
    use russh::keys::Algorithm;
    matches!(key.algorithm(), Algorithm::Ed25519 | Algorithm::Rsa { .. } | Algorithm::Ecdsa { .. })
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(ending);
    name.into()
}

/// Of the PEM files that say how they are locked, only an RSA key under AES-128 can be opened.
fn old_cipher(text: &str) -> bool {
    let cipher = text.lines().take(10).find_map(|l| l.strip_prefix("DEK-Info: "));
    cipher.is_some_and(|c| !(c.starts_with("AES-128-CBC,") && text.contains("BEGIN RSA PRIVATE KEY")))
}

/// As ssh: a private key of ours that anybody else can read is none. (A public one in its place may be read by all.)
fn open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let open = std::fs::metadata(path)
        .is_ok_and(|m| m.is_file() && m.uid() == rustix::process::getuid().as_raw() && m.mode() & 0o077 != 0);
    open && text(path).is_some_and(|t| t.contains("PRIVATE KEY-----") || t.starts_with("PuTTY-User-Key-File-"))
}

fn text(path: &Path) -> Option<Zeroizing<String>> {
    use std::os::unix::fs::OpenOptionsExt;
    let file = std::fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    // room from the start: growing would leave copies behind
    let mut text = Zeroizing::new(String::with_capacity(file.metadata().ok()?.len().min(KEY_FILE_MOST) as usize + 64));
    file.take(KEY_FILE_MOST).read_to_string(&mut text).ok()?;
    Some(text)
}

/// A host's certificate proves nothing of a user.
fn certificate(path: &Path) -> Option<Certificate> {
    Certificate::from_openssh(text(path)?.trim()).ok().filter(|c| c.cert_type().is_user())
}
