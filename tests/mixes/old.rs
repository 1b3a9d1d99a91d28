//! Owns the older builds: made once from the repository's history into `target/old/COMMIT/thub`. Real ones: nothing here
//! pretends to be older than it is.

use crate::support::THUB;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The newest first: the state at the end of the second issue, and of the first.
const COMMITS: [(&str, &str); 2] =
    [("second", "685e6e173a3017ce024e07b9e7ff3ecc82e61fb5"), ("first", "942df86c9a92590514e51aefbdee1666923efb92")];

/// A build of thub.
#[derive(Debug)]
pub struct Build {
    /// `this`, or whose end it stands for.
    pub name: &'static str,
    pub program: PathBuf,
    /// Its directory's name on a host: VERSION-HASH12.
    pub id: String,
}

/// This build and the older ones; `None` = said to be skipped.
pub fn builds() -> Option<&'static [Build]> {
    static BUILDS: OnceLock<Option<Vec<Build>>> = OnceLock::new();
    let built = BUILDS.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let there = |commit: &str| {
            let mut look = Command::new("git");
            look.args(["-c", "safe.directory=*", "cat-file", "-e", &format!("{commit}^{{commit}}")]).current_dir(root);
            look.stderr(Stdio::null()).status().is_ok_and(|s| s.success())
        };
        let (ready, history) = (COMMITS.iter().all(|(_, c)| made(c).exists()), COMMITS.iter().all(|(_, c)| there(c)));
        // making them takes minutes: not for everybody who looks whether the tests pass
        if !ready && std::env::var("THUB_TEST_REAL").as_deref() != Ok("all") {
            println!("skipped: no older builds (THUB_TEST_REAL=all makes them of the history)");
            return None;
        }
        // (a copy of the sources is as good as a clone for all else: no failure, whatever is asked for)
        if !ready && !history {
            println!("skipped: no history of the repository with the older builds in it (git fetch --unshallow)");
            return None;
        }
        let mut all = vec![named("this", PathBuf::from(THUB))];
        all.extend(COMMITS.iter().map(|(name, commit)| named(name, make(root, commit))));
        Some(all)
    });
    built.as_deref()
}

fn named(name: &'static str, program: PathBuf) -> Build {
    let said = Command::new(&program).arg("--version").output().expect("it runs").stdout;
    let said = String::from_utf8(said).expect("text");
    let version = said.split_whitespace().nth(1).expect("a version");
    let hash = thub::proto::ids::hex(&Sha256::digest(std::fs::read(&program).expect("its file")));
    Build { name, id: format!("{version}-{}", &hash[..12]), program }
}

/// Beside the directory this test was built into: `target/old`.
fn base() -> PathBuf {
    Path::new(THUB).parent().and_then(Path::parent).expect("target").join("old")
}

fn made(commit: &str) -> PathBuf {
    base().join(commit).join("thub")
}

fn make(root: &Path, commit: &str) -> PathBuf {
    let made = made(commit);
    if made.exists() {
        return made;
    }
    let dir = base().join(commit);
    let source = dir.join(format!("src.{}", std::process::id()));
    std::fs::create_dir_all(&source).expect("a directory");
    // (with today's date on its files: what cargo built of another commit is not taken for this one's)
    let mut archive = Command::new("git")
        .args(["-c", "safe.directory=*", "archive", commit])
        .current_dir(root)
        .stdout(Stdio::piped())
        .spawn()
        .expect("git archive");
    let unpacked = Command::new("tar")
        .args(["-x", "-m", "-f", "-", "-C"])
        .arg(&source)
        .stdin(archive.stdout.take().expect("its output"))
        .status()
        .expect("tar");
    assert!(archive.wait().expect("git").success() && unpacked.success(), "the sources of {commit}");
    println!("building {commit}: this takes a while, once");
    let target = base().join("cargo");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--locked", "--bin", "thub", "--target-dir"])
        .arg(&target)
        .current_dir(&source)
        .stdin(Stdio::null())
        .output()
        .expect("cargo");
    assert!(built.status.success(), "{commit} can't be built:\n{}", String::from_utf8_lossy(&built.stderr));
    let temp = dir.join(format!("thub.{}", std::process::id()));
    std::fs::copy(target.join("debug/thub"), &temp).expect("the program");
    std::fs::rename(&temp, &made).expect("its place");
    let _ = std::fs::remove_dir_all(&source);
    made
}
