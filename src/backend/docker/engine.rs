//! Owns the engine: where it listens, who may ask it, what containers and images it has, and its refusals in words.
//! Leaves out streams (`raw`), and what is done with a container over time.

use super::{named, raw};
use crate::proto::control::Fault;
use crate::text::short;
use bollard::errors::Error;
use serde::Deserialize;
use std::collections::HashMap;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::timeout;

/// An engine that says nothing for so long, asked who it is, is none.
const HELLO: Duration = Duration::from_secs(5);
/// An answer to anything else; what takes the engine longer is asked with its own patience.
const ANSWER: u64 = 60;

/// An answer that is read whole is no longer than that.
const MOST: usize = 64 << 20;

/// The engine behind a socket: its API's version is agreed on.
#[derive(Clone)]
pub struct Engine {
    pub(super) api: bollard::Docker,
    pub(super) socket: PathBuf,
    /// What it calls itself, with its version.
    pub(super) name: String,
    /// Of Podman's own API, which it has beside Docker's.
    pub(super) libpod: Option<String>,
}

/// What an engine says of itself. (Words of a library's enums are not relied on: Podman has more of them.)
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Version {
    api_version: String,
    version: String,
    #[serde(deserialize_with = "or_none")]
    components: Vec<Component>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Component {
    name: String,
    version: String,
    #[serde(deserialize_with = "or_none")]
    details: HashMap<String, String>,
}

/// `null`, which Go says for what is empty.
pub(super) fn or_none<'de, D: serde::Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

/// `1.41`
fn number(version: &str) -> Option<bollard::ClientVersion> {
    let (major, minor) = version.split_once('.')?;
    Some(bollard::ClientVersion { major_version: major.parse().ok()?, minor_version: minor.parse().ok()? })
}

/// Of what may be said of where an engine listens.
#[derive(Clone, Copy, Default)]
struct Hints<'a> {
    docker_host: Option<&'a str>,
    container_host: Option<&'a str>,
    runtime_dir: Option<&'a str>,
    uid: u32,
}

/// Where it may listen, the likeliest first; one alone where somebody has said it.
fn places(said: Option<&str>, hints: Hints<'_>) -> Result<Vec<PathBuf>, Fault> {
    let one = |path: &str, who: &str| {
        let path = path.strip_prefix("unix://").unwrap_or(path);
        if path.contains("://") || !path.starts_with('/') {
            let what = format!(
                "{who} '{}' is no path of a socket: thub speaks to an engine of the same machine, as unix:///var/run/docker.sock is",
                short(path, 80)
            );
            return Err(Fault::new(Fault::BAD_PARAMS, what));
        }
        Ok(vec![PathBuf::from(path)])
    };
    if let Some(said) = said.filter(|s| !s.is_empty()) {
        return one(said, "the connection's socket");
    }
    for (host, who) in [(hints.docker_host, "$DOCKER_HOST"), (hints.container_host, "$CONTAINER_HOST")] {
        if let Some(host) = host.filter(|s| !s.is_empty()) {
            return one(host, who);
        }
    }
    let own = match hints.runtime_dir.filter(|d| d.starts_with('/')) {
        Some(dir) => dir.to_string(),
        None => format!("/run/user/{}", hints.uid),
    };
    let all = [
        "/var/run/docker.sock".into(),
        format!("{own}/docker.sock"),
        "/run/podman/podman.sock".into(),
        format!("{own}/podman/podman.sock"),
    ];
    Ok(all.into_iter().map(PathBuf::from).collect())
}

/// Where nothing is.
fn nowhere(looked: &[PathBuf]) -> Fault {
    let looked: Vec<String> = looked.iter().map(|p| p.display().to_string()).collect();
    let what = format!(
        "there is no container engine here: neither {} is there; start Docker or Podman, or name its socket",
        looked.join(" nor ")
    );
    Fault::new(Fault::UNKNOWN, what)
}

/// A link that leads nowhere, and one that may not be looked at, say more when they are connected to.
fn is_there(path: &Path) -> bool {
    std::fs::symlink_metadata(path).map_or_else(|e| e.kind() != io::ErrorKind::NotFound, |_| true)
}

/// What /etc/group or /etc/passwd calls a number; the number where it does not.
fn called(file: &str, number: u32) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let name = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, id) = (fields.next()?, fields.next()?, fields.next()?);
        (id.parse() == Ok(number)).then(|| short(name, 40))
    });
    name.unwrap_or_else(|| number.to_string())
}

/// Why a socket can't be connected to, and what helps.
fn unreachable(path: &Path, e: &io::Error) -> Fault {
    let shown = short(&path.to_string_lossy(), 120);
    let kind = std::fs::metadata(path);
    match (e.kind(), &kind) {
        (_, Ok(meta)) if !meta.file_type().is_socket() => {
            let what = match meta.file_type() {
                t if t.is_dir() => "a directory",
                t if t.is_fifo() => "a FIFO",
                t if t.is_file() => "a file",
                _ => "a device",
            };
            Fault::new(Fault::WRONG_KIND, format!("{shown} is {what}, not an engine's socket: name its socket"))
        }
        (io::ErrorKind::NotFound, _) => {
            Fault::new(Fault::UNKNOWN, format!("there is no socket {shown}: start the engine, or name its socket"))
        }
        (io::ErrorKind::PermissionDenied, Ok(meta)) => {
            let (user, group) = (called("/etc/passwd", meta.uid()), called("/etc/group", meta.gid()));
            let help = if meta.mode() & 0o020 != 0 && meta.gid() != 0 {
                format!(
                    "who is in group {group} may (usermod -aG {group} USER, then log in anew), and is root on this machine then"
                )
            } else {
                format!("only {user} may")
            };
            let what = format!(
                "you may not use {shown}, which is {user}'s (group {group}, mode {:o}): {help}",
                meta.mode() & 0o777
            );
            Fault::new(Fault::REFUSED, what)
        }
        (io::ErrorKind::PermissionDenied, Err(_)) => {
            let above = path.parent().unwrap_or(path).display().to_string();
            let what =
                format!("you may not use {shown}: {} is closed to you; use an engine of your own", short(&above, 120));
            Fault::new(Fault::REFUSED, what)
        }
        (io::ErrorKind::ConnectionRefused, _) => {
            Fault::new(Fault::GONE, format!("nobody listens at {shown}: the engine is not running; start it"))
        }
        _ => Fault::new(Fault::GONE, format!("{shown} can't be connected to: {e}")),
    }
}

impl Engine {
    /// The engine of this machine: at the socket that is said, else `$DOCKER_HOST`'s or `$CONTAINER_HOST`'s; else the
    /// first that answers of Docker's and Podman's own places, the machine's before the user's.
    /// Errors: UNKNOWN there is none, REFUSED no right, WRONG_KIND no socket, GONE not running, TIMEOUT it is silent.
    pub async fn connect(said: Option<&str>) -> Result<Engine, Fault> {
        let var = |name| std::env::var(name).ok();
        let (docker, container, dir) = (var("DOCKER_HOST"), var("CONTAINER_HOST"), var("XDG_RUNTIME_DIR"));
        let hints = Hints {
            docker_host: docker.as_deref(),
            container_host: container.as_deref(),
            runtime_dir: dir.as_deref(),
            uid: rustix::process::geteuid().as_raw(),
        };
        Engine::first(&places(said, hints)?, HELLO).await
    }

    /// The first that answers; else what is wrong with the first that is there.
    async fn first(all: &[PathBuf], patience: Duration) -> Result<Engine, Fault> {
        if let [one] = all {
            return Engine::at(one.clone(), patience).await;
        }
        let mut why = None;
        for place in all.iter().filter(|p| is_there(p)) {
            match Engine::at(place.clone(), patience).await {
                Ok(engine) => return Ok(engine),
                Err(fault) => why = why.or(Some(fault)),
            }
        }
        Err(why.unwrap_or_else(|| nowhere(all)))
    }

    async fn at(socket: PathBuf, patience: Duration) -> Result<Engine, Fault> {
        let shown = || short(&socket.to_string_lossy(), 120);
        let silent = |_| {
            let what = format!("who listens at {} says nothing: is that the engine? restart it", shown());
            Fault::new(Fault::TIMEOUT, what)
        };
        // (the library's own words for what is wrong with a socket are few)
        let io = timeout(patience, UnixStream::connect(&socket)).await.map_err(silent)?;
        let io = io.map_err(|e| unreachable(&socket, &e))?;
        let none = |why: &str| {
            let why = short(why, 200);
            Fault::new(Fault::GONE, format!("who listens at {} is no container engine: {why}", shown()))
        };
        let said = timeout(patience, raw::whole(io, "/version", "asking who it is", MOST)).await.map_err(silent)?;
        let said: Version =
            said.and_then(|body| raw::read("asking who it is", &body)).map_err(|fault| none(&fault.message))?;
        let theirs = number(&said.api_version).ok_or_else(|| none("it does not say which version its API has"))?;
        let ours = bollard::API_DEFAULT_VERSION;
        let agreed = if theirs < *ours { &theirs } else { ours };
        let api = bollard::Docker::connect_with_unix(&socket.to_string_lossy(), ANSWER, agreed)
            .map_err(|e| Fault::new(Fault::GONE, format!("{}: {e}", shown())))?;
        let podman = said.components.iter().find(|c| c.name.starts_with("Podman"));
        let name = if podman.is_some() { "Podman" } else { "Docker" };
        let libpod = podman.map(|p| p.details.get("APIVersion").unwrap_or(&p.version).clone());
        // (it stands in paths)
        let libpod = libpod.map(|v| v.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect());
        Ok(Engine { api, name: format!("{name} {}", short(&said.version, 40)), libpod, socket })
    }

    /// `Podman 4.3.1`. Untrusted.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// It is Podman: some of what it says differs.
    pub(super) fn is_podman(&self) -> bool {
        self.libpod.is_some()
    }

    /// Who the engine's socket belongs to: what is done by it is done with that user's rights, which are root's but for
    /// an engine of a user's own.
    pub fn owner(&self) -> String {
        let uid = std::fs::metadata(&self.socket).map_or(0, |meta| meta.uid());
        if uid == 0 { "root".into() } else { called("/etc/passwd", uid) }
    }

    /// A whole answer of its API. `doing` as in "looking at web".
    pub(super) async fn get<T: serde::de::DeserializeOwned>(&self, doing: &str, path: &str) -> Result<T, Fault> {
        let asked = async {
            let io = UnixStream::connect(&self.socket).await.map_err(|e| unreachable(&self.socket, &e))?;
            raw::whole(io, &format!("{}{path}", self.prefix()), doing, MOST).await
        };
        match timeout(Duration::from_secs(ANSWER), asked).await {
            Ok(said) => raw::read(doing, &said?),
            Err(_) => Err(Fault::new(Fault::TIMEOUT, format!("{doing}: the engine does not answer"))),
        }
    }

    /// The path of the socket it was reached at.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// `/v1.41`: what its paths begin with.
    pub(super) fn prefix(&self) -> String {
        let version = self.api.client_version();
        format!("/v{}.{}", version.major_version, version.minor_version)
    }

    /// A stream of its API.
    pub(super) async fn stream(&self, ask: raw::Ask<'_>) -> Result<raw::Stream, Fault> {
        raw::stream(&self.socket, &self.prefix(), ask).await
    }

    /// A stream of Podman's own API, where it is Podman.
    pub(super) async fn stream_of_podman(&self, ask: raw::Ask<'_>) -> Result<raw::Stream, Fault> {
        let version = self.libpod.as_deref().unwrap_or_default();
        raw::stream(&self.socket, &format!("/v{version}/libpod"), ask).await
    }
}

/// What the engine says no with, in words. `doing` as in "starting web".
pub(super) fn refused(doing: &str, e: &Error) -> Fault {
    match e {
        Error::DockerResponseServerError { status_code, message } => said(doing, *status_code, message),
        Error::RequestTimeoutError => Fault::new(Fault::TIMEOUT, format!("{doing}: the engine does not answer")),
        e => Fault::new(Fault::GONE, format!("{doing}: the engine is gone ({})", short(&e.to_string(), 200))),
    }
}

/// The same, of a status and its words.
pub(super) fn said(doing: &str, status: u16, message: &str) -> Fault {
    let code = match status {
        400 => Fault::BAD_PARAMS,
        403 => Fault::REFUSED,
        404 => Fault::UNKNOWN,
        409 => Fault::BUSY,
        _ => Fault::SPAWN,
    };
    let message = short(message.trim(), 300);
    Fault::new(
        code,
        format!("{doing}: {}", if message.is_empty() { format!("the engine says {status}") } else { message }),
    )
}

/// Whether it is the engine itself that is away, rather than what it says.
pub(super) fn is_away(fault: &Fault) -> bool {
    matches!(fault.code, Fault::GONE | Fault::TIMEOUT)
        || (fault.code == Fault::UNKNOWN && fault.message.contains("no socket"))
}

/// A container's name or id that may stand in a URL.
pub(super) fn checked(name: &str) -> Result<&str, Fault> {
    named::container(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_an_engine_may_be() {
        let at = |said, docker_host, runtime_dir| {
            let all = places(said, Hints { docker_host, runtime_dir, uid: 1000, ..Hints::default() })?;
            Ok::<_, Fault>(all.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(at(Some("/x.sock"), Some("unix:///y"), None).unwrap(), "/x.sock");
        assert_eq!(at(Some("unix:///x.sock"), None, None).unwrap(), "/x.sock");
        assert_eq!(at(None, Some("unix:///y"), None).unwrap(), "/y");
        assert_eq!(
            at(None, None, Some("/run/user/7")).unwrap(),
            "/var/run/docker.sock /run/user/7/docker.sock /run/podman/podman.sock /run/user/7/podman/podman.sock"
        );
        let podman = Hints { container_host: Some("unix:///p"), ..Hints::default() };
        assert_eq!(places(None, podman).unwrap(), [PathBuf::from("/p")]);
        assert_eq!(places(None, Hints { docker_host: Some("/d"), ..podman }).unwrap(), [PathBuf::from("/d")]);
        assert!(at(None, Some(""), None).unwrap().contains("/run/user/1000/podman/podman.sock"));
        for bad in ["tcp://h:2375", "x.sock", "unix://x"] {
            let why = at(None, Some(bad), None).unwrap_err().message;
            assert!(why.starts_with("$DOCKER_HOST"), "{why}");
        }
    }

    #[tokio::test]
    async fn what_is_no_engine() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let why = async |name: &str| match Engine::at(at(name), HELLO).await {
            Err(fault) => (fault.code, fault.message),
            Ok(_) => panic!("{name} is an engine"),
        };
        std::fs::write(at("file"), b"").unwrap();
        std::fs::create_dir(at("dir")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), rustix::fs::Mode::RWXU).unwrap();
        drop(std::os::unix::net::UnixListener::bind(at("dead")).unwrap());
        let says = [
            ("none", Fault::UNKNOWN, "there is no socket"),
            ("file", Fault::WRONG_KIND, "is a file"),
            ("dir", Fault::WRONG_KIND, "is a directory"),
            ("fifo", Fault::WRONG_KIND, "is a FIFO"),
            ("dead", Fault::GONE, "nobody listens at"),
        ];
        for (name, code, words) in says {
            let (is, said) = why(name).await;
            assert!(is == code && said.contains(words), "{name}: {is} {said}");
        }
        // one that speaks something else
        let other = tokio::net::UnixListener::bind(at("other")).unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = other.accept().await {
                let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"220 hello\r\n").await;
            }
        });
        let (code, said) = why("other").await;
        assert!(code == Fault::GONE && said.contains("no container engine"), "{code} {said}");
    }

    #[tokio::test]
    async fn one_that_is_silent() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("s");
        let _held = std::os::unix::net::UnixListener::bind(&at).unwrap();
        let fault = Engine::at(at, Duration::from_millis(50)).await.err().unwrap();
        assert!(fault.code == Fault::TIMEOUT && fault.message.contains("says nothing"), "{fault}");
    }
}
