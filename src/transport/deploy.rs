//! Owns how this build's agent comes to a host: find, plan, upload, verify. Leaves out SSH itself and the protocol.
//!
//! The name in `~/.local/share/thub/agents/BUILD/thub` appears by one rename, after the host's hash of the upload was
//! compared with what was sent and the program ran there once. So a file under that name has been verified.

pub mod elf;
pub mod remote;

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
    std::fs::File::open(&path).and_then(|f| f.take(PROGRAM_MOST).read_to_end(&mut bytes)).map_err(|e| match from {
        Some(_) => Failure::usage(format!("{} can't be read: {e}", named()), "name a thub program that is there"),
        None => unreadable(&e),
    })?;
    let program = elf::read(&bytes).ok_or_else(|| {
        Failure::usage(
            format!("{} is no program thub can send: neither ELF nor Mach-O for a machine it knows", named()),
            "name a thub program built for the host, best a static one",
        )
    })?;
    let sha256 = hex(&Sha256::digest(&bytes));
    let build = if from.is_none() { name_build(&sha256) } else { build_id() };
    Ok(Mine { build, sha256, program, given: from.is_some(), bytes })
}

/// Asks a host what it is like and whether this build's agent is there: one command.
pub async fn find(ssh: &Ssh) -> Result<Remote, Failure> {
    let build = own_build().await?;
    let (out, _, _) = ssh.output(&remote::probe(&build), PRINTED_MOST).await?;
    remote::parse(&ssh.name(), &out)
}

async fn own_build() -> Result<String, Failure> {
    off_thread(|| Ok(build_id())).await
}

async fn off_thread<T: Send + 'static>(f: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(f)
        .await
        .unwrap_or_else(|e| Err(Failure::new(Kind::Internal, e.to_string(), "report this")))
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
        format!("upload thub {} ({} KiB) by SFTP", mine.build, mine.bytes.len().div_ceil(1024)),
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
pub async fn deploy(ssh: &Ssh, remote: &Remote, from: Option<&Path>, ask: &dyn Ask) -> Result<Agent, Failure> {
    let from = from.map(Path::to_path_buf);
    let mine = off_thread(move || read_program(from.as_deref())).await?;
    match plan(&ssh.name(), remote, &mine)? {
        Plan::Nothing(agent) => Ok(agent),
        Plan::Upload { .. } => upload(ssh, &mine, ask).await,
    }
}

async fn upload(ssh: &Ssh, mine: &Mine, ask: &dyn Ask) -> Result<Agent, Failure> {
    let host = ssh.name();
    ask.progress(&format!("{host}: preparing"), None);
    let (out, _, _) = ssh.output(&remote::prepare(&mine.build), PRINTED_MOST).await?;
    let dir = remote::judge_dirs(&host, &out)?;
    let nonce = super::random::<8>()?;
    let temp = format!("{dir}/.thub.{}", hex(&nonce));
    let done = send(ssh, mine, ask, &dir, &temp).await;
    if done.is_err() && !ssh.is_closed() {
        let _ = ssh.output(&remote::remove(&temp), PRINTED_MOST).await;
    }
    done
}

async fn send(ssh: &Ssh, mine: &Mine, ask: &dyn Ask, dir: &str, temp: &str) -> Result<Agent, Failure> {
    let host = ssh.name();
    let step = format!("{host}: uploading the agent");
    let sftp = ssh.sftp().await?;
    sftp.write_new(temp, &mine.bytes, &|share| ask.progress(&step, Some(share))).await?;
    crate::sys::test_point("deploy");

    ask.progress(&format!("{host}: verifying the agent"), None);
    let (out, _, _) = ssh.output(&remote::check(temp), PRINTED_MOST).await?;
    let told = remote::words(&out).unwrap_or_default();
    let value = |key: &str| told.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str()).unwrap_or_default();
    let there = match remote::hash(value("hash")) {
        Some(hash) => hash,
        // nothing there computes it: read the file back
        None => sftp.sha256(temp, mine.bytes.len() as u64).await?,
    };
    if there != mine.sha256 {
        return Err(Failure::failed(
            format!("{host}: the uploaded agent is not what was sent (sha256 {there} there, {} here)", mine.sha256),
            "try again; if it happens again, that disk or something on the way changes files",
        ));
    }
    let ran = value("ran");
    if !ran.split_whitespace().any(|w| w == "thub") || !ran.contains(|c: char| c.is_ascii_digit()) {
        let denied = ran.to_ascii_lowercase().contains("permission denied");
        let said = if ran.is_empty() { "it printed nothing".into() } else { short(ran, 200) };
        return Err(Failure::failed(
            format!("{host}: the agent does not run there: {said}"),
            if denied {
                "the home directory may be mounted noexec: ask its admin, agents lie in ~/.local/share/thub/agents"
            } else {
                "send one that fits: `thub deploy HOST --from FILE`, best a static build (musl)"
            },
        ));
    }
    let path = format!("{dir}/thub");
    let (out, _, _) = ssh.output(&remote::place(temp, &path), PRINTED_MOST).await?;
    let told = remote::words(&out).unwrap_or_default();
    if !told.iter().any(|(k, _)| k == "placed") {
        let why = told.iter().find(|(k, _)| k == "error").map(|(_, v)| short(v, 200)).unwrap_or_default();
        return Err(Failure::failed(
            format!("{host}: the agent can't be put to {path}: {why}"),
            "see what is in its place there",
        ));
    }
    ask.progress(&format!("{host}: the agent is there"), Some(1.0));
    Ok(Agent { path, build: mine.build.clone() })
}

/// Starts an agent: its stdin and stdout.
pub async fn open_agent(ssh: &Ssh, agent: &Agent) -> Result<Channel, Failure> {
    ssh.exec(&remote::start(&agent.path)).await
}

/// What became of starting this build's agent without looking first.
pub(super) enum Started {
    Agent(Channel),
    /// It is not there; what the host is like instead.
    Absent(Remote),
}

/// Starts this build's agent where it is there, else tells what the host is like: one command, one round trip.
pub(super) async fn start(ssh: &Ssh) -> Result<Started, Failure> {
    let build = own_build().await?;
    let channel = ssh.exec(&remote::start_or_probe(&build)).await?;
    first_words(ssh, channel).await
}

/// Waits for the banner, which stays in front of what is read, or for the probe's words.
pub(super) async fn first_words(ssh: &Ssh, mut channel: Channel) -> Result<Started, Failure> {
    let host = ssh.name();
    let mut seen = Vec::new();
    let read = async {
        let mut piece = vec![0u8; 8 << 10];
        loop {
            let n = channel.read(&mut piece).await;
            let n = n.map_err(|_| if channel.was_refused() { no_commands(&host) } else { ssh.lost() })?;
            seen.extend_from_slice(piece.get(..n).unwrap_or_default());
            if hello::find_banner(&seen).is_some() {
                return Ok(true);
            }
            if remote::probe_begins(&seen) && (n == 0 || remote::words(&seen).is_some()) {
                return Ok(false);
            }
            if n == 0
                || seen.len() > PRINTED_MOST
                || (seen.len() > hello::BANNER_WITHIN && !remote::probe_begins(&seen))
            {
                return Err(silent(&host, &seen, &channel));
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
    if agent {
        channel.unread(&seen);
        return Ok(Started::Agent(channel));
    }
    Ok(Started::Absent(remote::parse(&host, &seen)?))
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
    fn this_build() {
        let id = build_id();
        let (version, hash) = id.rsplit_once('-').unwrap();
        assert_eq!(version, hello::BUILD);
        assert!(hash.len() == 12 && hash.bytes().all(|b| b.is_ascii_hexdigit()));
        assert_eq!(read_program(None).unwrap().build, id);
        assert_eq!(read_program(Some(Path::new("/etc/passwd"))).err().unwrap().code(), 2);
    }
}
