//! Owns which program is sent to a host: this very one where it runs there, else one built for it that lies on this
//! machine or in this version's release. Leaves out downloading (`release`) and sending (`upload`).
//!
//! A program found is run nowhere here, so its version is read from inside: every thub carries [`STAMP`]. One whose
//! folder has a SHA256SUMS that names it must be what that says.

use super::elf::{self, Needs};
use super::remote::{Libc, Remote};
use super::{Mine, off_thread, read_program, release, runs};
use crate::failure::Failure;
use crate::proto::hello;
use crate::proto::ids::hex;
use crate::text::{escape, short};
use crate::transport::ask::Ask;
use sha2::{Digest, Sha256};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Largest program that is found or downloaded, bytes. (Release builds have about ten million.)
pub(super) const FOUND_MOST: u64 = 256 << 20;
/// The checksums of a folder of programs, as `sha256sum` writes them.
pub(super) const SUMS: &str = "SHA256SUMS";
pub(super) const SUMS_MOST: usize = 64 << 10;

/// What every thub says of itself to whoever reads the file: `thub-program VERSION TARGET` between two marks.
#[used]
static STAMP: &str = concat!("\u{1}thub-program ", env!("CARGO_PKG_VERSION"), " ", env!("THUB_TARGET"), "\u{1}");

/// Where programs come from; `Offer::default()` = this very one.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Offer {
    /// `--from FILE`
    pub from: Option<PathBuf>,
    /// `--dir DIR`: where on the host, instead of its home.
    pub dir: Option<String>,
    /// `DATA/programs`: a folder for each version is in it.
    pub programs: Option<PathBuf>,
    pub release: Option<Release>,
}

/// A release to download from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Release {
    /// `thub-TARGET`, `SHA256SUMS` and `SHA256SUMS.minisig` lie below it. https, or http on this machine.
    pub url: String,
    /// A minisign public key, base64.
    pub key: String,
}

impl From<Option<PathBuf>> for Offer {
    fn from(from: Option<PathBuf>) -> Offer {
        Offer { from, ..Offer::default() }
    }
}
impl From<Option<&Path>> for Offer {
    fn from(from: Option<&Path>) -> Offer {
        Offer::from(from.map(Path::to_path_buf))
    }
}

impl Release {
    /// That of this build: settings first, then what it was built with; `None` where an address or a key is missing.
    pub fn of(url: Option<&str>, key: Option<&str>) -> Option<Release> {
        let key = key.or(option_env!("THUB_RELEASE_KEY")).map(str::trim).filter(|k| !k.is_empty())?.to_string();
        let url = match (url, env!("CARGO_PKG_REPOSITORY")) {
            (Some(url), _) => url.replace("{version}", hello::BUILD),
            (None, "") => return None,
            (None, repository) => format!("{}/releases/download/v{}", repository.trim_end_matches('/'), hello::BUILD),
        };
        Some(Release { url: url.trim_end_matches('/').to_string(), key })
    }
}

/// The target whose program runs on a host of these names (`uname -s`, `uname -m`), static where the system has it.
pub fn target(os: &str, machine: &str) -> Option<&'static str> {
    Some(match (os, machine) {
        ("Linux", "x86_64" | "amd64") => "x86_64-unknown-linux-musl",
        ("Linux", "aarch64" | "arm64") => "aarch64-unknown-linux-musl",
        ("Linux", "armv7l" | "armv8l") => "armv7-unknown-linux-musleabihf",
        ("Darwin", "arm64") => "aarch64-apple-darwin",
        ("Darwin", "x86_64") => "x86_64-apple-darwin",
        _ => return None,
    })
}

/// The file of a target's program.
pub(super) fn file_name(target: &str) -> String {
    format!("thub-{target}")
}

/// Version and target that a program's file carries.
pub(super) fn stamp(file: &[u8]) -> Option<(&str, &str)> {
    const BEGINS: &[u8] = b"\x01thub-program ";
    let mut rest = file;
    loop {
        let at = elf::find(rest, BEGINS)?;
        rest = rest.get(at + BEGINS.len()..)?;
        let said = rest.get(..rest.iter().take(200).position(|b| *b == 1).unwrap_or(0)).unwrap_or_default();
        let words = std::str::from_utf8(said).ok().and_then(|s| s.split_once(' '));
        // (the mark stands in the code above, too)
        if let Some((version, target)) = words
            && said.iter().all(|b| b.is_ascii_graphic() || *b == b' ')
            && !target.contains(' ')
        {
            return Some((version, target));
        }
    }
}

/// What could be sent to a host.
pub(crate) enum Found {
    /// A program that is here.
    Here(Mine),
    /// One of the release, once somebody downloads it; without it, this is what to say.
    Release { target: &'static str, without: Failure },
}

/// The program to send, downloaded where none is here; a failure says what the host is and where one could be put.
pub async fn choose(host: &str, remote: &Remote, offer: &Offer, ask: &dyn Ask) -> Result<Mine, Failure> {
    let (target, without) = match look(host, remote, offer).await? {
        Found::Here(mine) => return Ok(mine),
        Found::Release { target, without } => (target, without),
    };
    let (Some(release), Some(programs)) = (&offer.release, &offer.programs) else { return Err(without) };
    let found = release::download(release, &programs.join(hello::BUILD), target, ask).await.map_err(|why| {
        let why = why.hint(format!("{}; or without the internet:", without.what));
        without.hints.into_iter().fold(why, Failure::hint)
    })?;
    runs(host, remote, &found.program)?;
    Ok(found)
}

/// What could be sent to a host; downloads nothing.
pub(crate) async fn look(host: &str, remote: &Remote, offer: &Offer) -> Result<Found, Failure> {
    if let Some(from) = offer.from.clone() {
        return off_thread(move || given(&from)).await.map(Found::Here);
    }
    let mine = off_thread(|| read_program(None)).await?;
    let runs_there = runs(host, remote, &mine.program);
    // nothing there tells its C library: a static one runs in any case, where one lies here
    let unsure = remote.libc == Libc::Unknown && matches!(mine.program.libc, Needs::Glibc(..));
    if runs_there.is_ok() && !unsure {
        return Ok(Found::Here(mine));
    }
    let target = target(remote.os.raw(), remote.machine.raw());
    let (target, unfit) = match (target, runs_there) {
        (None, Err(unfit)) => return Err(unfit),
        (None, Ok(())) => return Ok(Found::Here(mine)),
        (Some(target), runs_there) => (target, runs_there.err()),
    };
    let places = places(offer);
    let looked = places.clone();
    if let Some(found) = off_thread(move || lies_in(&looked, target)).await? {
        runs(host, remote, &found.program)?;
        return Ok(Found::Here(found));
    }
    // what lies there already was put there from another file
    let Some(unfit) = unfit.filter(|_| remote.have.is_none()) else { return Ok(Found::Here(mine)) };
    let without = missing(unfit, target, places.last());
    match offer.release {
        Some(_) => Ok(Found::Release { target, without }),
        None => Err(without),
    }
}

/// Folders that programs may lie in: beside this one, then the data dir's.
fn places(offer: &Offer) -> Vec<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_path_buf));
    beside.into_iter().chain(offer.programs.iter().map(|p| p.join(hello::BUILD))).collect()
}

fn missing(unfit: Failure, target: &str, place: Option<&PathBuf>) -> Failure {
    let file = file_name(target);
    let place = place.map(|p| escape(&p.join(&file).to_string_lossy())).unwrap_or(file);
    let mut f = unfit;
    f.hints = vec![
        format!("put one built for it to {place}, or name it: `thub deploy HOST --from FILE`"),
        format!("in thub's source `cargo build --release --target {target}` builds it (README: other machines)"),
    ];
    f
}

/// A file the person named. It may be of another version only where it does not say so.
fn given(path: &Path) -> Result<Mine, Failure> {
    let mine = read_program(Some(path))?;
    listed(path, &mine.sha256)?;
    match stamp(&mine.bytes) {
        Some((version, _)) if version != hello::BUILD => Err(other_version(path, version)),
        _ => Ok(mine),
    }
}

fn lies_in(places: &[PathBuf], target: &str) -> Result<Option<Mine>, Failure> {
    for place in places {
        let path = place.join(file_name(target));
        if path.is_file() {
            return found(&path, target).map(Some);
        }
    }
    Ok(None)
}

/// A program that was found: read, and held against what it should be.
pub(super) fn found(path: &Path, target: &str) -> Result<Mine, Failure> {
    let shown = escape(&path.to_string_lossy());
    if std::fs::metadata(path).is_ok_and(|m| m.len() > FOUND_MOST) {
        return Err(Failure::failed(format!("{shown} is too large to be thub"), "put a program of thub in its place"));
    }
    if !is_ours(path) {
        return Err(Failure::failed(
            format!("{shown} may have been put there by another user: it is not sent"),
            "remove it, or see that it belongs to you and others can't write to it; `--from FILE` sends any file",
        ));
    }
    let mine = read_program(Some(path))?;
    listed(path, &mine.sha256)?;
    check(path, &mine.bytes, target)?;
    Ok(mine)
}

/// Nobody put it there but this user, root, or whoever owns this very program (as beside it in /tmp anybody could).
fn is_ours(path: &Path) -> bool {
    let owner = |p: &Path| std::fs::metadata(p).map(|m| m.uid()).ok();
    let ours =
        [Some(0), Some(rustix::process::geteuid().as_raw()), std::env::current_exe().ok().and_then(|e| owner(&e))];
    std::fs::metadata(path).is_ok_and(|m| ours.contains(&Some(m.uid())) && m.mode() & 0o002 == 0)
}

/// Is it this version's program for the target, by its stamp?
pub(super) fn check(path: &Path, bytes: &[u8], target: &str) -> Result<(), Failure> {
    let shown = escape(&path.to_string_lossy());
    match stamp(bytes) {
        Some((version, _)) if version != hello::BUILD => Err(other_version(path, version)),
        Some((_, built)) if built != target => Err(Failure::failed(
            format!("{shown} is thub for {}, not for {target}", short(built, 60)),
            "put the program for that target in its place",
        )),
        Some(_) => Ok(()),
        None => Err(Failure::failed(
            format!("{shown} does not say that it is thub"),
            format!("put the program of thub {} for {target} in its place", hello::BUILD),
        )),
    }
}

fn other_version(path: &Path, version: &str) -> Failure {
    Failure::failed(
        format!(
            "{} is thub {}, this one is {}: an agent has to be of the same version",
            escape(&path.to_string_lossy()),
            short(version, 40),
            hello::BUILD
        ),
        "build or download the one of this version",
    )
}

/// Held against the checksums in the same folder, where they name it.
fn listed(path: &Path, sha256: &str) -> Result<(), Failure> {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str())) else { return Ok(()) };
    let sums = dir.join(SUMS);
    let text = match std::fs::metadata(&sums) {
        Ok(m) if m.is_file() && m.len() <= SUMS_MOST as u64 => std::fs::read_to_string(&sums).unwrap_or_default(),
        _ => return Ok(()),
    };
    match sum_of(&text, name) {
        Some(sum) if sum != sha256 => Err(Failure::failed(
            format!(
                "{} is not what {SUMS} beside it says (sha256 {sha256}): it is not sent",
                escape(&path.to_string_lossy())
            ),
            "it was changed or damaged: remove it and get it anew",
        )),
        _ => Ok(()),
    }
}

/// The hash a list of checksums has for a name, lower case.
pub(super) fn sum_of(sums: &str, name: &str) -> Option<String> {
    sums.lines().find_map(|line| {
        let (sum, file) = line.split_once(' ')?;
        let file = file.trim_start_matches([' ', '*']);
        let hash = sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit());
        (hash && file == name).then(|| sum.to_ascii_lowercase())
    })
}

/// The hash of bytes, lower-case hex.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_says_of_itself() {
        let me = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        // (this test's own strings stand in it as well)
        assert!(elf::find(&me, STAMP.as_bytes()).is_some());
        assert_eq!(STAMP.trim_matches('\u{1}'), format!("thub-program {} {}", hello::BUILD, env!("THUB_TARGET")));
        let of = |text: &str| stamp(text.as_bytes()).map(|(v, t)| (v.to_string(), t.to_string()));
        let said = |v: &str, t: &str| Some((v.to_string(), t.to_string()));
        assert_eq!(of("x\u{1}thub-program 1.2.3 a-b\u{1}y"), said("1.2.3", "a-b"));
        assert_eq!(of("\u{1}thub-program \u{1}thub-program 1 t\u{1}"), said("1", "t"), "only the mark, then one");
        for none in
            ["", "\u{1}thub-program ", "\u{1}thub-program 1 t", "\u{1}thub-program 1 \u{7}\u{1}", "thub-program 1 t"]
        {
            assert_eq!(of(none), None, "{none:?}");
        }
    }

    #[test]
    fn what_another_user_put_there_is_not_sent() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("thub-x");
        std::fs::write(&path, b"x").unwrap();
        assert!(is_ours(&path));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(!is_ours(&path) && found(&path, "x").err().unwrap().what.contains("another user"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
            assert!(!is_ours(&path));
        }
    }

    #[test]
    fn targets_and_releases() {
        assert_eq!(target("Linux", "amd64"), Some("x86_64-unknown-linux-musl"));
        assert_eq!(target("Darwin", "arm64"), Some("aarch64-apple-darwin"));
        assert_eq!((target("Linux", "riscv64"), target("SunOS", "x86_64")), (None, None));
        let r = Release::of(Some("https://h/{version}/"), Some(" RWkey ")).unwrap();
        assert_eq!((r.url, r.key.as_str()), (format!("https://h/{}", hello::BUILD), "RWkey"));
        assert_eq!(Release::of(Some("https://h"), Some("")), None);
    }

    #[test]
    fn checksums() {
        let (a, b) = ("A".repeat(64), "b".repeat(64));
        let sums = format!("# no\n{a}  thub-x\n{b} *thub-y\nshort thub-z\n");
        assert_eq!(sum_of(&sums, "thub-x"), Some("a".repeat(64)));
        assert_eq!(sum_of(&sums, "thub-y"), Some(b));
        assert_eq!((sum_of(&sums, "thub-z"), sum_of(&sums, "x")), (None, None));
    }

    proptest::proptest! {
        #[test]
        fn no_file_makes_it_panic(raw: Vec<u8>, text in "(\u{1}thub-program [ -~\u{1}]{0,20}){0,5}") {
            stamp(&raw);
            stamp(text.as_bytes());
            sum_of(&text, "thub-x");
        }
    }
}
