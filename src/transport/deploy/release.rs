//! Owns getting a program from this version's release: download, signature, hash, kept in the data dir. Leaves out
//! when that is done (`programs`).
//!
//! The signature (minisign) is over the checksums, the checksums are over the programs, and a program names its version
//! and target: an older release, or another file of the same one, is not taken for what was asked for.

use super::programs::{self, FOUND_MOST, Release, SUMS, SUMS_MOST};
use super::upload::Speed;
use super::{Mine, off_thread};
use crate::failure::{Failure, Kind};
use crate::proto::{hello, ids::hex};
use crate::safedir::SafeDir;
use crate::text::{escape, short};
use crate::transport::ask::Ask;
use crate::transport::random;
use minisign_verify::{PublicKey, Signature};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use ureq::Agent;

const SIGNATURE: &str = "SHA256SUMS.minisig";
const SIGNATURE_MOST: usize = 4 << 10;
const CONNECT_WITHIN: Duration = Duration::from_secs(15);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// A whole file.
const FILE_WITHIN: Duration = Duration::from_secs(900);

/// Set when whoever waits has gone: the thread that downloads sees it at its next piece.
struct Cancel(Arc<AtomicBool>);
impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Downloads the program for a target into `dir` (made if missing) and returns it, verified.
pub(super) async fn download(release: &Release, dir: &Path, target: &str, ask: &dyn Ask) -> Result<Mine, Failure> {
    let cancel = Cancel(Arc::default());
    let (told, mut progress) = watch::channel((String::new(), 0.0f32));
    let job = Job {
        release: release.clone(),
        cancelled: cancel.0.clone(),
        told,
        agent: client(&release.url)?,
        key: key(&release.key)?,
    };
    let (dir, target) = (dir.to_path_buf(), target.to_string());
    let done = off_thread(move || job.run(&dir, &target));
    tokio::pin!(done);
    loop {
        tokio::select! {
            done = &mut done => return done,
            Ok(()) = progress.changed() => {
                let (step, share) = progress.borrow_and_update().clone();
                ask.progress(&step, Some(share));
            }
        }
    }
}

fn key(text: &str) -> Result<PublicKey, Failure> {
    PublicKey::from_base64(text.trim()).map_err(|e| {
        Failure::usage(
            format!("the release's key is no minisign public key: {}", short(&e.to_string(), 100)),
            "set [deploy] release_key in config.toml to the line that begins with RW",
        )
    })
}

/// Only https, or http to this very machine; then no redirects either.
fn client(url: &str) -> Result<Agent, Failure> {
    let host = url.strip_prefix("http://").map(|rest| rest.split('/').next().unwrap_or_default());
    let here = host.is_some_and(|h| {
        let name = h.rsplit_once(':').map_or(h, |(name, _)| name);
        ["127.0.0.1", "[::1]", "localhost"].contains(&name)
    });
    if !here && !url.starts_with("https://") {
        return Err(Failure::usage(
            format!("{} is no address to download programs from: it has to begin with https://", short(url, 200)),
            "set [deploy] release in config.toml",
        ));
    }
    let config = Agent::config_builder()
        .https_only(!here)
        .max_redirects(if here { 0 } else { 5 })
        .max_redirects_will_error(true)
        .timeout_connect(Some(CONNECT_WITHIN))
        .timeout_recv_response(Some(ANSWER_WITHIN))
        .timeout_recv_body(Some(FILE_WITHIN))
        .user_agent(concat!("thub/", env!("CARGO_PKG_VERSION")));
    let config = if here { config.proxy(None) } else { config };
    Ok(config.build().into())
}

struct Job {
    release: Release,
    cancelled: Arc<AtomicBool>,
    told: watch::Sender<(String, f32)>,
    agent: Agent,
    key: PublicKey,
}

impl Job {
    fn run(&self, dir: &Path, target: &str) -> Result<Mine, Failure> {
        let name = programs::file_name(target);
        let sums = self.small(SUMS, SUMS_MOST)?;
        let signature = self.small(SIGNATURE, SIGNATURE_MOST)?;
        let signed = std::str::from_utf8(&signature).ok().and_then(|s| Signature::decode(s).ok());
        if signed.is_none_or(|s| self.key.verify(&sums, &s, false).is_err()) {
            return Err(Failure::refused(
                format!("{} is not signed with the key of thub's releases: nothing of it is used", self.at(SUMS)),
                "something on the way changes files, or the setting [deploy] release_key is not this release's",
            ));
        }
        let text = String::from_utf8_lossy(&sums);
        let sum = programs::sum_of(&text, &name).ok_or_else(|| {
            Failure::failed(format!("the release of thub {} has no {name}", hello::BUILD), "build it from source")
        })?;
        let dir = SafeDir::open_or_create(dir)?;
        let kept = |e: std::io::Error| {
            Failure::failed(
                format!("{} can't be kept in {}: {e}", name, escape(&dir.path().to_string_lossy())),
                "make room there, or give yourself the right to write there",
            )
        };
        let temp = format!(".tmp-{}", hex(&random::<8>()?));
        let bytes = match self.program(&dir, &temp, &name, &sum) {
            Ok(bytes) => bytes,
            Err(e) => {
                let _ = dir.remove(&temp);
                return Err(e);
            }
        };
        let path = dir.path().join(&name);
        let placed = programs::check(&path, &bytes, target)
            // the checksums first: a program beside them is held against them at each use
            .and_then(|()| dir.write_durable(SUMS, &sums).map_err(kept))
            .and_then(|()| dir.write_durable(SIGNATURE, &signature).map_err(kept))
            .and_then(|()| dir.rename(&temp, &name).map_err(kept));
        if let Err(e) = placed {
            let _ = dir.remove(&temp);
            return Err(e);
        }
        let _ = dir.sync();
        programs::found(&path, target)
    }

    fn program(&self, dir: &SafeDir, temp: &str, name: &str, sum: &str) -> Result<Vec<u8>, Failure> {
        let mut body = self.get(name)?;
        let whole = body.content_length().filter(|n| *n <= FOUND_MOST).unwrap_or(0) as usize;
        let mut file = dir.create_new(temp, 0o700)?;
        let mut speed = Speed::of(format!("downloading {name}"), whole);
        let mut from = body.with_config().limit(FOUND_MOST).reader();
        let (mut bytes, mut piece) = (Vec::new(), vec![0u8; 64 << 10]);
        loop {
            if self.cancelled.load(Ordering::Relaxed) {
                return Err(Failure::failed("the download was cancelled", "nothing of it is left"));
            }
            let n = from.read(&mut piece).map_err(|e| self.failed(name, &e.to_string()))?;
            let Some(got) = piece.get(..n).filter(|p| !p.is_empty()) else { break };
            file.write_all(got).map_err(|e| {
                Failure::failed(
                    format!("{name} can't be written to {}: {e}", escape(&dir.path().to_string_lossy())),
                    "make room there, then try again",
                )
            })?;
            bytes.extend_from_slice(got);
            if let Some(step) = speed.step(bytes.len()) {
                let _ = self.told.send((step, bytes.len() as f32 / whole.max(bytes.len()).max(1) as f32));
            }
        }
        file.sync_all()?;
        let there = programs::sha256(&bytes);
        if there != sum {
            return Err(Failure::failed(
                format!(
                    "{} is not what its release says (sha256 {there}, {sum} is right): it is not used",
                    self.at(name)
                ),
                "try again; if it happens again, something on the way changes files",
            ));
        }
        Ok(bytes)
    }

    fn small(&self, name: &str, most: usize) -> Result<Vec<u8>, Failure> {
        let mut body = self.get(name)?;
        let all = body.with_config().limit(most as u64).read_to_vec();
        all.map_err(|e| self.failed(name, &e.to_string()))
    }

    fn get(&self, name: &str) -> Result<ureq::Body, Failure> {
        let _ = self.told.send((format!("downloading {name}"), 0.0));
        let answer = self.agent.get(self.at(name)).call().map_err(|e| self.failed(name, &e.to_string()))?;
        Ok(answer.into_body())
    }

    fn at(&self, name: &str) -> String {
        format!("{}/{name}", escape(&self.release.url))
    }

    fn failed(&self, name: &str, why: &str) -> Failure {
        Failure::new(
            Kind::Unreachable,
            format!("{} can't be downloaded: {}", self.at(name), short(why, 200)),
            "see whether this machine reaches the internet",
        )
    }
}
