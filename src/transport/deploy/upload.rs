//! Owns putting a program on a host: through its shell, in one command, whole or not at all. Leaves out which program.
//!
//! No SFTP: accounts without it, and those whose rc files print something, take an agent as well. All of it is one
//! command, because its standard input ends when the connection does, however that dies: what came short of the length
//! is removed by the host itself, together with the directories that were made for it. What came whole is compared with
//! the hash, run once, and takes its name by one rename.

use super::dirs::{self, FOLDER};
use super::remote::{self, run, words};
use super::{Agent, Mine, PRINTED_MOST};
use crate::failure::{Failure, Kind};
use crate::proto::{hello, ids::hex};
use crate::text::short;
use crate::transport::ask::Ask;
use crate::transport::random;
use crate::transport::ssh::Ssh;
use sha2::{Digest, Sha256};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PIECE: usize = 32 << 10;
/// A link that takes no further piece for so long is given up.
const PIECE_WITHIN: Duration = Duration::from_secs(60);
/// Hashing it there and running it once.
const CHECK_WITHIN: Duration = Duration::from_secs(180);
/// Progress is told no more often than this.
const TOLD_EVERY: Duration = Duration::from_millis(50);

/// `$1` build, `$2` bytes, `$3` SHA-256, `$4` 16 digits nobody can guess, `$5` version, `$6` another directory or
/// nothing. The positional parameters then hold the directories made, deepest first. Ends in one of `placed`, `kept`
/// (nothing there hashes) and `error STEP TEXT`.
pub(super) const PUT: &str = concat!(
    // tools of the system first: what a shell's rc files put before them is not asked
    r#"PATH=/usr/bin:/bin:/usr/sbin:/sbin:$PATH; export PATH; umask 077; trap "" HUP PIPE; "#,
    r#"b=$1; n=$2; s=$3; x=$4; v=$5; to=$6; T=; a="$HOME/.local/share/thub/agents"; l="$a/$b"; D="$l"; "#,
    r#"[ -z "$to" ] || D="$to/thub-agents/$b"; set --; "#,
    r#"undo() { k=$1; e=$2; shift 2; [ -z "$T" ] || rm -f "$T"; [ "$#" = 0 ] || rmdir "$@" 2>/dev/null; "#,
    r#"printf "\nTHUB1 begin\nTHUB1 error %s %s\nTHUB1 end\n" "$k" "$e"; exit 0; }; "#,
    r#"hash() { (sha256sum < "$1" || shasum -a 256 < "$1" || openssl dgst -sha256 < "$1" || sha256 -q < "$1") 2>/dev/null; }; "#,
    // a link to a directory that is gone
    r#"[ -h "$l" ] && { [ -d "$l" ] || rm -f "$l"; }; "#,
    r#"for d in "$HOME/.local" "$HOME/.local/share" "$HOME/.local/share/thub" "$a" "#,
    r#"${to:+"$to"} ${to:+"$to/thub-agents"} "$D"; do [ -d "$d" ] && continue; "#,
    r#"if e=$(mkdir "$d" 2>&1); then set -- "$d" "$@"; else [ -d "$d" ] || undo make "$e" "$@"; fi; done; "#,
    // noclobber: made by O_EXCL
    r#"set -C; e=$( { : > "$D/.thub.$x"; } 2>&1 ) || undo make "$e" "$@"; set +C; T="$D/.thub.$x"; "#,
    r#"e=$(cat 2>&1 > "$T") || undo write "$e" "$@"; "#,
    r#"g=$(wc -c < "$T"); g=$((g)); [ "$g" = "$n" ] || undo short "$g" "$@"; "#,
    r#"sync "$T" 2>/dev/null; e=$(chmod 755 "$T" 2>&1) || undo make "$e" "$@"; "#,
    r#"h=$(hash "$T"); case "$h" in *"$s"*) ;; "") printf "\nTHUB1 begin\nTHUB1 kept %s\nTHUB1 end\n" "$T"; exit 0;; "#,
    r#"*) undo hash "$h" "$@";; esac; "#
);

/// Goes on after [`PUT`], whose variables it uses.
pub(super) const PLACE: &str = concat!(
    r#"r=$("$T" --version 2>&1 < /dev/null | head -c 400 | head -n 1); "#,
    r#"case "$r" in "thub $v "*) ;; *) undo run "$r" "$@";; esac; "#,
    r#"f="$D/thub"; [ -h "$f" ] && rm -f "$f"; [ -d "$f" ] && undo place "$f is a directory" "$@"; "#,
    r#"e=$(mv -f "$T" "$f" 2>&1) || undo place "$e" "$@"; T=; "#,
    r#"if [ -n "$to" ]; then "#,
    r#"if [ -h "$l" ]; then rm -f "$l"; elif [ -d "$l" ]; then rm -f "$l/thub"; rmdir "$l" 2>/dev/null; fi; "#,
    r#"e=$(ln -s "$D" "$l" 2>&1) || { rm -f "$f"; undo place "$e" "$@"; }; fi; "#,
    r#"printf "\nTHUB1 begin\nTHUB1 hash %s\nTHUB1 placed %s\nTHUB1 end\n" "$(hash "$l/thub")" "$l/thub""#
);

/// Where nothing hashes: the temp, once it was read back and is what was sent. Arguments as [`PUT`]'s.
pub(super) const AFTER: &str = concat!(
    r#"umask 077; b=$1; x=$4; v=$5; to=$6; a="$HOME/.local/share/thub/agents"; l="$a/$b"; D="$l"; "#,
    r#"[ -z "$to" ] || D="$to/thub-agents/$b"; T="$D/.thub.$x"; set -- "$D" "$a" "$HOME/.local/share/thub"; "#,
    r#"undo() { k=$1; e=$2; shift 2; [ -z "$T" ] || rm -f "$T"; rmdir "$@" 2>/dev/null; "#,
    r#"printf "\nTHUB1 begin\nTHUB1 error %s %s\nTHUB1 end\n" "$k" "$e"; exit 0; }; hash() { :; }; "#
);

/// Removes a file, and the folders above it where that leaves them empty; `$1` = the file.
pub(super) const REMOVE: &str = r#"rm -f "$1"; d="${1%/*}"; rmdir "$d" 2>/dev/null && rmdir "${d%/*}" 2>/dev/null && d="${d%/*}" && rmdir "${d%/*}" 2>/dev/null; :"#;

/// Puts the program there. `dir` = another directory than the home's, as the person wrote it.
pub(super) async fn upload(ssh: &Ssh, mine: &Mine, dir: Option<&str>, ask: &dyn Ask) -> Result<Agent, Failure> {
    let host = ssh.name();
    ask.progress(&format!("{host}: looking where the agent may lie"), None);
    let (out, _, _) = ssh.output(&dirs::look(&mine.build, dir.unwrap_or_default()), PRINTED_MOST).await?;
    let looked = dirs::judge(&host, &out)?;
    let to = match (dir, looked.moved) {
        (Some(dir), _) => looked.to.ok_or_else(|| unfit(&host, dir))?,
        (None, None) => String::new(),
        // others may be able to write there by now
        (None, Some(moved)) => {
            let (out, _, _) = ssh.output(&dirs::look(&mine.build, &moved), PRINTED_MOST).await?;
            dirs::judge(&host, &out)?.to.ok_or_else(|| unfit(&host, &moved))?
        }
    };
    let args = Args {
        build: &mine.build,
        bytes: mine.bytes.len().to_string(),
        sha256: &mine.sha256,
        nonce: hex(&random::<8>()?),
        to: &to,
    };
    let told = send(ssh, mine, &args, ask).await?;
    let told = match told.kept {
        Some(_) => read_back(ssh, mine, &args).await?,
        None => told,
    };
    if told.noexec()
        && let Some(other) = ask.directory(&host, "programs may not run in its home (noexec)").await
    {
        if other.starts_with('/') && remote::usable_path(&other) && to != other {
            return Box::pin(upload(ssh, mine, Some(&other), ask)).await;
        }
        return Err(unfit(&host, &other));
    }
    if let Some(failure) = told.failure(&host, mine) {
        return Err(failure);
    }
    let path = Agent { path: told.placed.unwrap_or_default(), build: mine.build.clone() };
    // what has the name now is what was sent
    if told.hash.is_some_and(|h| h != mine.sha256) {
        let _ = ssh.output(&run(REMOVE, &[&path.path]), PRINTED_MOST).await;
        return Err(changed(&host, "another", &mine.sha256));
    }
    ask.progress(&format!("{host}: the agent is there"), Some(1.0));
    Ok(path)
}

fn unfit(host: &str, dir: &str) -> Failure {
    Failure::usage(
        format!(
            "{host}: the directory {} can't be used: you may not enter it, or its name is no path",
            short(dir, 200)
        ),
        "name another one by its absolute path, of your own there",
    )
}

/// Arguments of the scripts.
struct Args<'a> {
    build: &'a str,
    bytes: String,
    sha256: &'a str,
    nonce: String,
    to: &'a str,
}

impl Args<'_> {
    fn command(&self, script: &str) -> String {
        run(script, &[self.build, &self.bytes, self.sha256, &self.nonce, hello::BUILD, self.to])
    }
    /// Where [`PUT`] keeps what it was sent.
    fn temp(&self, home: &str) -> String {
        let dir = match self.to {
            "" => format!("{}/.local/share/thub/agents/{}", home.trim_end_matches('/'), self.build),
            to => format!("{to}/{FOLDER}/{}", self.build),
        };
        format!("{dir}/.thub.{}", self.nonce)
    }
}

/// What the host says came of it.
#[derive(Default, Debug)]
struct Told {
    placed: Option<String>,
    kept: Option<String>,
    hash: Option<String>,
    /// The step it failed at, and why.
    error: Option<(String, String)>,
    printed: String,
}

impl Told {
    fn read(printed: &[u8]) -> Told {
        let found = words(printed).unwrap_or_default();
        let value = |key: &str| found.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone());
        let error =
            value("error").map(|e| e.split_once(' ').map_or((e.clone(), String::new()), |(k, e)| (k.into(), e.into())));
        Told {
            placed: value("placed").filter(|p| remote::usable_path(p)),
            kept: value("kept"),
            hash: value("hash").and_then(|h| remote::hash(&h)),
            error,
            printed: short(String::from_utf8_lossy(printed).trim(), 200),
        }
    }

    fn failure(&self, host: &str, mine: &Mine) -> Option<Failure> {
        let Some((step, why)) = &self.error else {
            return self.placed.is_none().then(|| {
                let said = if self.printed.is_empty() { "nothing" } else { &self.printed };
                Failure::failed(
                    format!("{host}: its shell did not say what became of the upload; it printed: {said}"),
                    "try again; see what the shell's rc files print, and whether it is a POSIX sh that runs commands",
                )
            });
        };
        let why = short(why, 200);
        let room = "make room or give yourself the right to write there, then try again";
        let mut failure = match step.as_str() {
            "make" => Failure::failed(format!("{host}: the agent can't be put there: {why}"), room),
            "write" => Failure::failed(format!("{host}: the agent can't be written there: {why}"), room),
            "short" => Failure::failed(
                format!("{host}: only {why} of the agent's {} bytes came there", mine.bytes.len()),
                // (a full disk is told by what writes)
                "something there took the rest: a file its shell reads as it starts (~/.bashrc or the like) must not read \
                 its input (`read`, `cat`) where nobody types; see to that, then try again",
            ),
            "hash" => changed(host, remote::hash(&why).as_deref().unwrap_or("unknown"), &mine.sha256),
            "run" => {
                let said = if why.is_empty() { "it printed nothing" } else { &why };
                let no_exec = denied(&why);
                Failure::failed(
                    format!("{host}: the agent does not run there: {said}"),
                    if no_exec {
                        "its home may be mounted noexec: `thub deploy HOST --dir DIR` puts it into another directory there"
                    } else {
                        "send one that fits: `thub deploy HOST --from FILE`, best a static build (musl)"
                    },
                )
            }
            _ => Failure::failed(
                format!("{host}: the agent can't take its name there: {why}"),
                "see what is in its place there",
            ),
        };
        if why.to_ascii_lowercase().contains("read-only") {
            failure.hints = vec![
                "its home is read-only, and an agent needs a place that outlives the login: have it made writable"
                    .into(),
                "`thub new -H HOST --no-agent` does without one (in the question: w)".into(),
            ];
        }
        Some(failure)
    }

    /// It was there and the system would not run it.
    fn noexec(&self) -> bool {
        self.error.as_ref().is_some_and(|(step, why)| step == "run" && denied(why))
    }
}

fn denied(why: &str) -> bool {
    why.to_ascii_lowercase().contains("permission denied")
}

fn changed(host: &str, there: &str, here: &str) -> Failure {
    Failure::failed(
        format!("{host}: the uploaded agent is not what was sent (sha256 {there} there, {here} here)"),
        "try again; if it happens again, that disk or something on the way changes files",
    )
}

async fn send(ssh: &Ssh, mine: &Mine, args: &Args<'_>, ask: &dyn Ask) -> Result<Told, Failure> {
    let host = ssh.name();
    let channel = ssh.exec(&args.command(&format!("{PUT}{PLACE}"))).await?;
    let (mut read, mut write) = tokio::io::split(channel);
    let stalled = |after: Duration| {
        Failure::new(
            Kind::TimedOut,
            format!("{host}: the upload stood still for {} s", after.as_secs()),
            "see whether the network there still works, then try again",
        )
    };
    let sending = async {
        let mut speed = Speed::start(&host, mine.bytes.len());
        let mut done = 0;
        for piece in mine.bytes.chunks(PIECE) {
            match tokio::time::timeout(PIECE_WITHIN, write.write_all(piece)).await {
                Ok(Ok(())) => done += piece.len(),
                // the script is over: it says why
                Ok(Err(_)) => return Ok(()),
                Err(_) => return Err(stalled(PIECE_WITHIN)),
            }
            if let Some(step) = speed.step(done) {
                ask.progress(&step, Some(done as f32 / mine.bytes.len().max(1) as f32));
            }
        }
        let _ = write.shutdown().await;
        crate::sys::test_point("deploy");
        ask.progress(&format!("{host}: verifying the agent"), None);
        Ok(())
    };
    let mut printed = Vec::new();
    let reading = async {
        let mut some = (&mut read).take(PRINTED_MOST as u64);
        some.read_to_end(&mut printed).await
    };
    tokio::pin!(sending, reading);
    let mut over = None;
    tokio::select! {
        biased;
        ended = &mut reading => over = Some(ended),
        sent = &mut sending => sent?,
    }
    let ended = match over {
        Some(ended) => ended,
        None => tokio::time::timeout(CHECK_WITHIN, reading).await.map_err(|_| stalled(CHECK_WITHIN))?,
    };
    if let Err(e) = ended {
        tracing::debug!(error = %e, "upload");
        return Err(match e.kind() {
            std::io::ErrorKind::PermissionDenied => super::no_commands(&host),
            _ => ssh.lost(),
        });
    }
    Ok(Told::read(&printed))
}

/// Hashes what the host has here, where nothing there can, and lets it take its name.
async fn read_back(ssh: &Ssh, mine: &Mine, args: &Args<'_>) -> Result<Told, Failure> {
    let (out, _, _) = ssh.output(&remote::probe(&mine.build), PRINTED_MOST).await?;
    let temp = args.temp(&remote::parse(&ssh.name(), &out)?.home);
    let limit = mine.bytes.len() + PRINTED_MOST;
    let (out, _, _) = ssh.output(&run(r#"printf "\nTHUB1 file\n"; exec cat "$1""#, &[&temp]), limit).await?;
    const BEGINS: &[u8] = b"\nTHUB1 file\n";
    let at = out.windows(BEGINS.len()).position(|w| w == BEGINS).map(|at| at + BEGINS.len());
    let there = hex(&Sha256::digest(at.and_then(|at| out.get(at..)).unwrap_or_default()));
    if there != mine.sha256 {
        let _ = ssh.output(&run(REMOVE, &[&temp]), PRINTED_MOST).await;
        return Err(changed(&ssh.name(), &there, &mine.sha256));
    }
    let (out, _, _) = ssh.output(&args.command(&format!("{AFTER}{PLACE}")), PRINTED_MOST).await?;
    Ok(Told::read(&out))
}

/// How far an upload is, in words.
pub(super) struct Speed {
    what: String,
    whole: usize,
    began: Instant,
    told: Option<Instant>,
}

impl Speed {
    fn start(host: &str, whole: usize) -> Speed {
        Speed::of(format!("{host}: uploading the agent"), whole)
    }
    pub(super) fn of(what: String, whole: usize) -> Speed {
        Speed { what, whole, began: Instant::now(), told: None }
    }
    /// What to say now, if anything.
    pub(super) fn step(&mut self, done: usize) -> Option<String> {
        let now = Instant::now();
        if done < self.whole && self.told.is_some_and(|t| now - t < TOLD_EVERY) {
            return None;
        }
        self.told = Some(now);
        let mib = |bytes: f64| bytes / f64::from(1 << 20);
        let took = (now - self.began).as_secs_f64();
        let speed = if took > 0.2 { format!(", {:.1} MiB/s", mib(done as f64 / took)) } else { String::new() };
        Some(format!("{}: {:.1} of {:.1} MiB{speed}", self.what, mib(done as f64), mib(self.whole as f64)))
    }
}
