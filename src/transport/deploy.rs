//! Owns how this build's agent comes to a host: find, plan, upload, verify. Leaves out SSH itself and the protocol.
//!
//! - [`programs`] which program is sent, `release` one from this version's release · [`elf`] what a file says of itself
//! - [`remote`] what a host is like · `dirs` where an agent may lie there · `upload` how it gets there ·
//!   `start` the one command that runs it
//!
//! The name in `~/.local/share/thub/agents/BUILD/thub` appears by one rename, after the host's hash of the upload was
//! compared with what was sent and the program ran there once. So a file under that name has been verified.

pub mod choose;
mod dirs;
pub mod elf;
pub mod programs;
mod release;
pub mod remote;
mod start;
mod upload;

pub use programs::{Offer, Release};
pub use remote::{Have, Libc, Remote, quote};

use super::ask::Ask;
use super::ssh::{Channel, Exit, Ssh};
use crate::failure::{Failure, Kind};
use crate::proto::{hello, ids::hex};
use crate::text::{escape, short};
use elf::{Needs, Program};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;
use tokio::io::AsyncReadExt;

const PRINTED_MOST: usize = 256 << 10;
const PROGRAM_MOST: u64 = 1 << 30;
/// What a shell exits with that does not find a program (POSIX, 2.8.2).
const NOT_FOUND: u32 = 127;
/// An agent's banner, or the word that there is none.
const BANNER_TIME: Duration = Duration::from_secs(20);

/// A program file, read.
pub struct Mine {
    /// The directory it goes to.
    pub build: String,
    pub sha256: String,
    pub program: Program,
    /// From a file the user named, not this very program.
    pub given: bool,
    pub bytes: Vec<u8>,
}

/// An agent that is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Agent {
    /// Absolute.
    pub path: String,
    pub build: String,
}

/// What is to be done.
#[derive(PartialEq, Eq, Debug)]
pub enum Plan {
    /// It is there already.
    Nothing(Agent),
    Upload {
        agent: Agent,
        /// For the person who is asked.
        steps: Vec<String>,
    },
}

/// This build: the version, then the first 12 digits of this program's hash, so that builds lie side by side.
/// (Where the program can't be read: zeros; uploading it says why.)
pub fn build_id() -> String {
    static BUILD: OnceLock<String> = OnceLock::new();
    BUILD.get_or_init(|| name_build(&own_hash().unwrap_or_else(|_| "0".repeat(64)))).clone()
}

fn own_hash() -> Result<String, Failure> {
    let mut hash = Sha256::new();
    let mut file = std::fs::File::open(own_path()?).map_err(|e| unreadable(&e))?;
    std::io::copy(&mut file, &mut Hasher(&mut hash)).map_err(|e| unreadable(&e))?;
    Ok(hex(&hash.finalize()))
}

struct Hasher<'a>(&'a mut Sha256);
impl std::io::Write for Hasher<'_> {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.0.update(buf);
        Ok(buf.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn name_build(sha256: &str) -> String {
    format!("{}-{}", hello::BUILD, sha256.chars().take(12).collect::<String>())
}

/// This very program: by the kernel's handle where there is one, so that a replaced file is not mistaken for it.
fn own_path() -> Result<PathBuf, Failure> {
    if cfg!(target_os = "linux") {
        return Ok("/proc/self/exe".into());
    }
    std::env::current_exe().map_err(|e| unreadable(&e))
}

fn unreadable(e: &std::io::Error) -> Failure {
    Failure::failed(
        format!("thub can't read its own program file: {e}"),
        "name one with `thub deploy HOST --from FILE`",
    )
}

/// Reads the program to send: this very one, or the file named.
pub fn read_program(from: Option<&Path>) -> Result<Mine, Failure> {
    use std::io::Read;
    let path = match from {
        Some(path) => path.to_path_buf(),
        None => own_path()?,
    };
    let named = || escape(&path.to_string_lossy());
    let mut bytes = Vec::new();
    // (a FIFO would be waited for as it is opened, a device would never end)
    if std::fs::metadata(&path).is_ok_and(|m| !m.is_file()) {
        return Err(Failure::usage(
            format!("{} is no regular file: it can't be sent", named()),
            "name the file of a thub program",
        ));
    }
    std::fs::File::open(&path).and_then(|f| f.take(PROGRAM_MOST).read_to_end(&mut bytes)).map_err(|e| match from {
        Some(_) => Failure::usage(format!("{} can't be read: {e}", named()), "name a thub program that is there"),
        None => unreadable(&e),
    })?;
    Mine::of(bytes, from.is_some(), &named())
}

impl Mine {
    /// A program's bytes; `named` = its file, for people.
    fn of(bytes: Vec<u8>, given: bool, named: &str) -> Result<Mine, Failure> {
        let program = elf::read(&bytes).ok_or_else(|| {
            Failure::usage(
                format!("{named} is no program thub can send: neither ELF nor Mach-O for a machine it knows"),
                "name a thub program built for the host, best a static one",
            )
        })?;
        let sha256 = hex(&Sha256::digest(&bytes));
        let build = if given { build_id() } else { name_build(&sha256) };
        Ok(Mine { build, sha256, program, given, bytes })
    }
}

/// Asks a host what it is like and whether this build's agent is there: one command.
pub async fn find(ssh: &Ssh) -> Result<Remote, Failure> {
    let build = own_build().await?;
    let (out, err, code) = ssh.output(&remote::probe(&build), PRINTED_MOST).await?;
    if remote::words(&out).is_none() && code == Some(NOT_FOUND) {
        return Err(no_sh(&ssh.name(), &err));
    }
    remote::parse(&ssh.name(), &out)
}

pub(super) async fn own_build() -> Result<String, Failure> {
    off_thread(|| Ok(build_id())).await
}

async fn off_thread<T: Send + 'static>(f: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(f)
        .await
        .unwrap_or_else(|e| Err(Failure::new(Kind::Internal, e.to_string(), "report this")))
}

/// What is to be done for an agent to be on the host, for the person who is asked: nothing is downloaded yet.
pub(super) async fn preview(host: &str, remote: &Remote, offer: &Offer) -> Result<Plan, Failure> {
    let target = match programs::look(host, remote, offer).await? {
        programs::Found::Here(mine) => return plan(host, remote, &mine),
        programs::Found::Release { target, .. } => target,
    };
    let build = own_build().await?;
    let agent = Agent { path: remote.agent_path(&build), build };
    let from = offer.release.as_ref().map(|r| short(&r.url, 200)).unwrap_or_default();
    let steps = vec![
        format!("download {} from {from} and check its signature", programs::file_name(target)),
        "upload it, and compare its hash there".to_string(),
        format!("run it once, then put it to {}", agent.path),
    ];
    Ok(Plan::Upload { agent, steps })
}

/// What is to be done for `mine` to be on the host; a failure says why it can't be.
pub fn plan(host: &str, remote: &Remote, mine: &Mine) -> Result<Plan, Failure> {
    let agent = Agent { path: remote.agent_path(&mine.build), build: mine.build.clone() };
    if let Some(have) = &remote.have {
        // without a hash there: the name alone says that it was verified
        let same = have.sha256.as_ref().is_none_or(|h| *h == mine.sha256);
        // put there from another file, for this program does not run there
        let other = !mine.given && runs(host, remote, &mine.program).is_err();
        if same || other {
            return Ok(Plan::Nothing(agent));
        }
    }
    runs(host, remote, &mine.program)?;
    let steps = vec![
        format!("upload thub {} ({} KiB)", mine.build, mine.bytes.len().div_ceil(1024)),
        format!("compare its hash there: sha256 {}", mine.sha256),
        format!("run it once, then put it to {}", agent.path),
    ];
    Ok(Plan::Upload { agent, steps })
}

/// Can the program run there? Says plainly why not.
fn runs(host: &str, remote: &Remote, program: &Program) -> Result<(), Failure> {
    let hint = |what: &str| {
        format!(
            "send one that fits: `thub deploy HOST --from FILE`, FILE = thub built for {what}, best a static one (musl)"
        )
    };
    let (os, machine) = (remote.os.raw(), remote.machine.raw());
    if os != program.os || !program.machine.contains(&machine) {
        let there = short(&format!("{os} {machine}"), 60);
        return Err(Failure::failed(
            format!(
                "{host} is {there}, this thub is built for {} {}: it does not run there",
                program.os,
                program.machine.first().unwrap_or(&"?")
            ),
            hint(&there),
        ));
    }
    let no = |needs: String, has: String| {
        Err(Failure::failed(
            format!("{host} has {has}, this thub needs {needs}: it does not run there"),
            hint(&format!("{os} {machine}")),
        ))
    };
    match (program.libc, &remote.libc) {
        (Needs::Glibc(a, b), Libc::Glibc(x, y)) if (*x, *y) < (a, b) => {
            no(format!("glibc {a}.{b} or newer"), format!("glibc {x}.{y}"))
        }
        (Needs::Glibc(a, b), Libc::Musl) => no(format!("glibc {a}.{b} or newer"), "musl".into()),
        (Needs::Musl, Libc::Glibc(x, y)) => no("musl".into(), format!("glibc {x}.{y}")),
        // what can't be seen is shown by running it
        _ => Ok(()),
    }
}

/// Puts the agent on a host; nothing is sent where it is already.
pub async fn deploy(ssh: &Ssh, remote: &Remote, offer: impl Into<Offer>, ask: &dyn Ask) -> Result<Agent, Failure> {
    let offer = offer.into();
    let mine = programs::choose(&ssh.name(), remote, &offer, ask).await?;
    match plan(&ssh.name(), remote, &mine)? {
        // asked for another directory, it is put there
        Plan::Nothing(agent) if offer.dir.is_none() => Ok(agent),
        Plan::Nothing(_) | Plan::Upload { .. } => upload::upload(ssh, &mine, offer.dir.as_deref(), ask).await,
    }
}

/// Connects and puts the agent there, whatever lies there already; it has answered once when this returns.
pub async fn put(dest: &str, file: Option<&Path>, offer: Offer, ask: std::sync::Arc<dyn Ask>) -> Result<Ssh, Failure> {
    let ssh = super::ssh::connect(dest, file, ask.clone()).await?;
    let remote = find(&ssh).await?;
    let agent = deploy(&ssh, &remote, offer, &*ask).await?;
    match first_words(&ssh, open_agent(&ssh, &agent).await?).await? {
        Started::Agent(..) => Ok(ssh),
        Started::Absent(_) => Err(Failure::failed(
            format!("{}: the agent was put there and is not there any more", ssh.name()),
            "see what removes files in ~/.local/share/thub there",
        )),
    }
}

/// Starts an agent: its stdin and stdout, or what [`first_words`] makes a sentence of.
pub(super) async fn open_agent(ssh: &Ssh, agent: &Agent) -> Result<Channel, Failure> {
    ssh.exec_lending(&remote::start_or_probe(&agent.build, &[])).await
}

/// What became of starting an agent without looking first.
pub(super) enum Started {
    /// It runs; the version its banner names; whether it has what was given to the command that started it.
    Agent(Channel, String, bool),
    /// It is not there; what the host is like instead.
    Absent(Remote),
}

/// Starts this build's agent where it is there, else tells what the host is like: one command, one round trip.
/// The agent is given `first`, as if that had come over its link; what else runs does not look at it.
pub(super) async fn start(ssh: &Ssh, first: &[u8]) -> Result<Started, Failure> {
    let channel = ssh.exec_lending(&starting(first).await?).await?;
    first_words(ssh, channel).await
}

/// That command.
pub async fn starting(first: &[u8]) -> Result<String, Failure> {
    Ok(remote::start_or_probe(&own_build().await?, first))
}

/// Waits for the banner, which stays in front of what is read, or for the probe's words. An agent that others could have
/// put there is refused.
pub(super) async fn first_words(ssh: &Ssh, mut channel: Channel) -> Result<Started, Failure> {
    let host = ssh.name();
    let printed = match heard(ssh, &mut channel).await? {
        Heard::Banner(version, taken) => return Ok(Started::Agent(channel, version, taken)),
        Heard::Words(printed) => printed,
    };
    if !dirs::is_look(&printed) {
        return Ok(Started::Absent(remote::parse(&host, &printed)?));
    }
    let path = dirs::judge_start(&host, &printed)?;
    tracing::debug!("it was not plain whether others can write to the agent there: they can't");
    let mut channel = ssh.exec_lending(&start::judged(&path)).await?;
    match heard(ssh, &mut channel).await? {
        Heard::Banner(version, taken) => Ok(Started::Agent(channel, version, taken)),
        Heard::Words(printed) => Err(silent(&host, &printed, &channel)),
    }
}

enum Heard {
    /// The version an agent's banner names, and whether it has taken in what it was told first.
    Banner(String, bool),
    /// What a script of ours printed.
    Words(Vec<u8>),
}

async fn heard(ssh: &Ssh, channel: &mut Channel) -> Result<Heard, Failure> {
    let host = ssh.name();
    let mut seen = Vec::new();
    let read = async {
        let mut piece = vec![0u8; 8 << 10];
        loop {
            let n = channel.read(&mut piece).await;
            let n = n.map_err(|_| if channel.was_refused() { no_commands(&host) } else { ssh.lost() })?;
            seen.extend_from_slice(piece.get(..n).unwrap_or_default());
            if let Some((at, version)) = hello::find_banner(&seen) {
                let before = seen.get(..at).unwrap_or_default();
                let taken = before.windows(hello::TAKEN.len()).any(|w| w == hello::TAKEN.as_bytes());
                return Ok(Some((version, taken)));
            }
            if remote::probe_begins(&seen) && (n == 0 || remote::words(&seen).is_some()) {
                return Ok(None);
            }
            if n == 0
                || seen.len() > PRINTED_MOST
                || (seen.len() > hello::BANNER_WITHIN && !remote::probe_begins(&seen))
            {
                return Err(silent(&host, &seen, channel));
            }
        }
    };
    let agent = match tokio::time::timeout(BANNER_TIME, read).await {
        Ok(done) => done?,
        Err(_) => {
            return Err(Failure::new(
                Kind::TimedOut,
                format!("{host}: the agent did not answer within {} s", BANNER_TIME.as_secs()),
                "see whether the host is overloaded, or its shell waits for something when it starts",
            ));
        }
    };
    if let Some((version, taken)) = agent {
        channel.unread(&seen);
        return Ok(Heard::Banner(version, taken));
    }
    Ok(Heard::Words(seen))
}

fn no_sh(host: &str, err: &[u8]) -> Failure {
    let said = match short(String::from_utf8_lossy(err).trim(), 200) {
        said if said.is_empty() => String::new(),
        said => format!(": {said}"),
    };
    Failure::failed(
        format!("{host}: its login shell does not find sh{said}"),
        "see to what PATH is set there by the files that shell reads as it starts (~/.bashrc or the like)",
    )
}

fn no_commands(host: &str) -> Failure {
    Failure::refused(
        format!("{host} does not run commands for this account"),
        "ask its admin for a login shell, or use an account that has one",
    )
}

/// It ended, or went on without a word of ours: quote what was seen.
fn silent(host: &str, seen: &[u8], channel: &Channel) -> Failure {
    let said = |b: &[u8]| short(String::from_utf8_lossy(b).trim(), 200);
    let (out, err) = (said(seen), said(&channel.stderr_tail()));
    let quoted = match (out.as_str(), err.as_str()) {
        ("", "") => "it printed nothing".to_string(),
        ("", err) => err.to_string(),
        (out, "") => out.to_string(),
        (out, err) => format!("{out}; {err}"),
    };
    let code = match channel.exit() {
        Some(Exit::Code(code)) => format!(" (exit code {code})"),
        Some(Exit::Signal(name)) => format!(" (signal {})", escape(&name)),
        _ => String::new(),
    };
    Failure::failed(
        format!("{host}: the agent did not start{code}: {quoted}"),
        "put it there anew with `thub deploy HOST`; see what the shell's rc files print",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Untrusted;

    fn mine(libc: Needs, given: bool) -> Mine {
        let program = Program { os: "Linux", machine: &["x86_64", "amd64"], libc };
        Mine { build: "0.1.0-aaaaaaaaaaaa".into(), sha256: "aa".repeat(32), program, given, bytes: vec![0; 3000] }
    }
    fn host(machine: &str, libc: Libc, have: Option<Option<&str>>) -> Remote {
        Remote {
            os: Untrusted::new("Linux"),
            machine: Untrusted::new(machine),
            home: "/home/al".into(),
            libc,
            have: have.map(|h| Have { sha256: h.map(str::to_string) }),
            builds: Vec::new(),
        }
    }

    #[test]
    fn plans() {
        let glibc = Needs::Glibc(2, 34);
        let path = "/home/al/.local/share/thub/agents/0.1.0-aaaaaaaaaaaa/thub";
        let agent = Agent { path: path.into(), build: "0.1.0-aaaaaaaaaaaa".into() };
        let p = plan("h", &host("x86_64", Libc::Glibc(2, 36), None), &mine(glibc, false)).unwrap();
        assert!(matches!(&p, Plan::Upload { agent: a, steps } if *a == agent && steps.len() == 3));
        // there already: nothing is sent
        let (same, other) = ("aa".repeat(32), "bb".repeat(32));
        let there = |hash: &str| host("x86_64", Libc::Glibc(2, 36), Some(Some(hash)));
        assert_eq!(plan("h", &there(&same), &mine(glibc, false)).unwrap(), Plan::Nothing(agent.clone()));
        // damaged: again
        assert!(matches!(plan("h", &there(&other), &mine(glibc, false)).unwrap(), Plan::Upload { .. }));
        // nothing there hashes: the name stands for it
        let unhashed = host("x86_64", Libc::Glibc(2, 36), Some(None));
        assert_eq!(plan("h", &unhashed, &mine(glibc, false)).unwrap(), Plan::Nothing(agent.clone()));
        // put there from a static build, as ours does not run: it stays
        let old = host("x86_64", Libc::Glibc(2, 17), Some(Some(&other)));
        assert_eq!(plan("h", &old, &mine(glibc, false)).unwrap(), Plan::Nothing(agent));
        assert!(matches!(plan("h", &old, &mine(Needs::Nothing, true)).unwrap(), Plan::Upload { .. }));
    }

    #[test]
    fn says_plainly_what_does_not_run() {
        let says = |r: Remote, libc, words: &[&str]| {
            let f = plan("al@h", &r, &mine(libc, false)).unwrap_err();
            for word in words {
                assert!(f.to_string().contains(word), "{word}: {f}");
            }
            assert!(f.to_string().contains("--from FILE"), "{f}");
        };
        let glibc = Needs::Glibc(2, 34);
        says(host("aarch64", Libc::Glibc(2, 36), None), Needs::Nothing, &["Linux aarch64", "Linux x86_64"]);
        says(host("x86_64", Libc::Glibc(2, 17), None), glibc, &["glibc 2.17", "glibc 2.34"]);
        says(host("x86_64", Libc::Musl, None), glibc, &["musl"]);
        says(host("x86_64", Libc::Glibc(2, 36), None), Needs::Musl, &["needs musl"]);
        for libc in [Libc::Glibc(2, 5), Libc::Musl, Libc::Unknown] {
            assert!(plan("h", &host("amd64", libc, None), &mine(Needs::Nothing, false)).is_ok());
        }
        assert!(plan("h", &host("x86_64", Libc::Unknown, None), &mine(glibc, false)).is_ok(), "shown by running it");
        says(host("x86\u{1b}[31m", Libc::Musl, None), glibc, &["x86\\u{1b}[31m"]);
    }

    #[test]
    fn what_would_be_downloaded_is_said_before_it_is() {
        let rt = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let remote = host("aarch64", Libc::Musl, None);
        // nobody listens there: a download would fail
        let release = Some(Release { url: "http://127.0.0.1:1".into(), key: "RWx".into() });
        let offer = Offer { release, ..Offer::default() };
        let Plan::Upload { agent, steps } = rt.block_on(preview("h", &remote, &offer)).unwrap() else { panic!() };
        assert_eq!(agent.build, build_id());
        assert!(steps[0].contains("thub-aarch64-unknown-linux-musl from http://127.0.0.1:1"), "{steps:?}");
        let f = rt.block_on(preview("h", &remote, &Offer::default())).unwrap_err();
        assert!(f.to_string().contains("--target aarch64-unknown-linux-musl"), "{f}");
    }

    #[test]
    fn this_build() {
        let id = build_id();
        let (version, hash) = id.rsplit_once('-').unwrap();
        assert_eq!(version, hello::BUILD);
        assert!(hash.len() == 12 && hash.bytes().all(|b| b.is_ascii_hexdigit()));
        assert_eq!(read_program(None).unwrap().build, id);
        assert_eq!(read_program(Some(Path::new("/etc/passwd"))).err().unwrap().code(), 2);
        for odd in ["/dev/zero", "/"] {
            let f = read_program(Some(Path::new(odd))).err().unwrap();
            assert!(f.code() == 2 && f.what.contains("no regular file"), "{f}");
        }
    }
}
