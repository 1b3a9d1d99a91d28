//! Owns a real container engine of a test's own: dockerd without systemd, network or registry, its data under a directory of its
//! own; what is asked of any engine ([`Api`]), and an image made of this machine's busybox. It goes with all its containers,
//! and leaves nothing mounted.

use super::{PATIENCE, until};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

pub const IMAGE: &str = "thub/busybox:test";

pub struct Engine {
    dir: PathBuf,
    api: Api,
    daemon: Option<Child>,
    more: Vec<String>,
}

impl std::ops::Deref for Engine {
    type Target = Api;
    fn deref(&self) -> &Api {
        &self.api
    }
}

/// An engine that listens at a socket.
pub struct Api(pub PathBuf);

/// A program, wherever root's are.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = format!("{}:/usr/sbin:/sbin:/usr/local/sbin", std::env::var("PATH").unwrap_or_default());
    path.split(':').map(|dir| Path::new(dir).join(name)).find(|p| p.is_file())
}

pub fn here() -> bool {
    super::is_root() && ["dockerd", "busybox", "tar"].iter().all(|p| program(p).is_some())
}

impl Engine {
    /// With more flags for the daemon.
    pub fn start(more: &[&str]) -> Option<Engine> {
        if !here() {
            super::skip("dockerd and busybox, or not root");
            return None;
        }
        // (short: paths of sockets are)
        let dir = tempfile::Builder::new().prefix("thub-e").tempdir_in("/tmp").unwrap().keep();
        let api = Api(dir.join("s"));
        let mut engine = Engine { dir, api, daemon: None, more: more.iter().map(|m| m.to_string()).collect() };
        engine.up();
        engine.image(&engine.dir);
        Some(engine)
    }

    /// Starts the daemon; again where its own parts of before have not gone yet.
    pub fn up(&mut self) {
        let end = Instant::now() + 2 * PATIENCE;
        // (overlay does not lie on overlay, as in a container: then whole copies)
        for storage in [None, None, Some("vfs"), None, None] {
            let log = std::fs::File::options().create(true).append(true).open(self.dir.join("log")).unwrap();
            let _ = std::fs::remove_file(self.dir.join("pid"));
            let mut command = Command::new(program("dockerd").unwrap());
            command.arg("--data-root").arg(self.dir.join("data")).arg("--exec-root").arg(self.dir.join("x"));
            command.arg("-p").arg(self.dir.join("pid")).arg("-H").arg(format!("unix://{}", self.socket()));
            command.args(["--bridge=none", "--iptables=false"]).args(&self.more);
            if let Some(driver) = storage {
                command.args(["--storage-driver", driver]);
            }
            command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
            let mut child = command.spawn().unwrap();
            loop {
                if self.answers() {
                    self.daemon = Some(child);
                    return;
                }
                if child.try_wait().unwrap().is_some() {
                    break;
                }
                assert!(Instant::now() < end, "dockerd does not answer: {}", self.said());
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }
        panic!("dockerd does not start: {}", self.said());
    }

    fn said(&self) -> String {
        let log = std::fs::read_to_string(self.dir.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(8).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Ends the daemon at once, as a crash would; containers go on without it.
    pub fn crash(&mut self) {
        let mut daemon = self.daemon.take().unwrap();
        daemon.kill().unwrap();
        daemon.wait().unwrap();
    }
}

impl Api {
    pub fn socket(&self) -> String {
        self.0.to_string_lossy().into_owned()
    }

    pub fn answers(&self) -> bool {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.ask("GET", "/version", &[])))
            .is_ok_and(|(code, _)| code == 200)
    }

    /// One request of its API; code and body.
    pub fn ask(&self, method: &str, path: &str, body: &[u8]) -> (u16, String) {
        let mut stream = match UnixStream::connect(self.socket()) {
            Ok(stream) => stream,
            Err(_) => return (0, String::new()),
        };
        let kind = if body.first() == Some(&b'{') { "application/json" } else { "application/x-tar" };
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: d\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let mut answer = Vec::new();
        let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        let _ = sent.and_then(|()| stream.read_to_end(&mut answer).map(drop));
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let code = answer.split(' ').nth(1).and_then(|c| c.parse().ok()).unwrap_or(0);
        (code, answer.split_once("\r\n\r\n").map_or("", |(_, b)| b).to_string())
    }

    #[track_caller]
    fn does(&self, method: &str, path: &str, body: &str) -> String {
        let (code, said) = self.ask(method, path, body.as_bytes());
        assert!((200..400).contains(&code), "{method} {path}: {code} {said}");
        said
    }

    /// Its images, put together in a directory.
    pub fn image(&self, dir: &Path) {
        let root = dir.join("root");
        for dir in ["bin", "etc", "tmp", "root", "home/alice", "proc", "sys", "dev"] {
            std::fs::create_dir_all(root.join(dir)).unwrap();
        }
        let busybox = program("busybox").unwrap();
        std::fs::copy(&busybox, root.join("bin/busybox")).unwrap();
        // (where it is linked to libraries they come along)
        let ldd = Command::new("ldd").arg(&busybox).output();
        for word in ldd.iter().flat_map(|o| {
            String::from_utf8_lossy(&o.stdout).into_owned().split_whitespace().map(String::from).collect::<Vec<_>>()
        }) {
            if word.starts_with('/') && Path::new(&word).is_file() {
                let to = root.join(word.trim_start_matches('/'));
                std::fs::create_dir_all(to.parent().unwrap()).unwrap();
                std::fs::copy(&word, to).unwrap();
            }
        }
        let list = Command::new(&busybox).arg("--list").output().unwrap().stdout;
        for name in String::from_utf8_lossy(&list).lines().filter(|n| *n != "busybox") {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(name)).unwrap();
        }
        std::fs::write(
            root.join("etc/passwd"),
            "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n",
        )
        .unwrap();
        std::fs::write(root.join("etc/group"), "root:x:0:\nalice:x:1000:\n").unwrap();
        std::os::unix::fs::chown(root.join("home/alice"), Some(1000), Some(1000)).unwrap();
        for (image, dir, paths) in [("thub/busybox", &root, "."), ("thub/bare", &root, "etc")] {
            let tar = Command::new("tar").arg("-C").arg(dir).args(["-c", paths]).output().unwrap().stdout;
            let (code, said) =
                self.ask("POST", &format!("/images/create?fromSrc=-&repo={image}:test&changes=CMD%20/bin/sh"), &tar);
            assert!(code == 200 && !said.contains("error"), "{code} {said}");
        }
        std::fs::remove_dir_all(root).unwrap();
    }

    /// A container of a script, started; with a terminal where that is wanted.
    #[track_caller]
    pub fn run(&self, name: &str, script: &str, tty: bool) -> String {
        let id = self.create(name, IMAGE, script, tty);
        self.start_container(name);
        id
    }

    #[track_caller]
    pub fn create(&self, name: &str, image: &str, script: &str, tty: bool) -> String {
        let body = serde_json::json!({
            "Image": image, "Cmd": ["sh", "-c", script], "Tty": tty, "OpenStdin": true, "StdinOnce": !tty, "StopTimeout": 1,
            "HostConfig": {"NetworkMode": "none"}
        });
        let said = self.does("POST", &format!("/containers/create?name={name}"), &body.to_string());
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        said["Id"].as_str().unwrap().to_string()
    }

    #[track_caller]
    pub fn start_container(&self, name: &str) {
        self.does("POST", &format!("/containers/{name}/start"), "");
    }

    #[track_caller]
    pub fn stop_container(&self, name: &str) {
        self.does("POST", &format!("/containers/{name}/stop?t=0"), "");
    }

    #[track_caller]
    pub fn remove(&self, name: &str) {
        self.does("DELETE", &format!("/containers/{name}?force=1"), "");
    }

    pub fn is_running(&self, name: &str) -> bool {
        let (_, said) = self.ask("GET", &format!("/containers/{name}/json"), &[]);
        said.contains(r#""Running":true"#)
    }

    /// Removes all there are.
    pub fn clear(&self) {
        let (_, all) = self.ask("GET", "/containers/json?all=1", &[]);
        if let Ok(serde_json::Value::Array(all)) = serde_json::from_str(&all) {
            for one in all {
                let id = one["Id"].as_str().unwrap_or_default();
                // (Podman would wait for its program, as for any stop)
                self.ask("POST", &format!("/containers/{id}/kill"), &[]);
                self.ask("DELETE", &format!("/containers/{id}?force=1"), &[]);
            }
        }
    }

    /// What runs in a container: command lines.
    pub fn top(&self, name: &str) -> String {
        self.ask("GET", &format!("/containers/{name}/top?ps_args=-eo%20pid,args"), &[]).1
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.daemon.is_none() {
            // containers that it has left are ended by it alone
            self.up();
        }
        self.clear();
        let mut daemon = self.daemon.take().unwrap();
        super::signal(daemon.id() as i32, rustix::process::Signal::TERM);
        if super::home::wait_for(&mut daemon, PATIENCE).is_none() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        let inside = format!(" {}/", self.dir.display());
        let mounted = || std::fs::read_to_string("/proc/mounts").unwrap_or_default().contains(&inside);
        // (its data is mounted onto itself; one that comes up after a crash leaves that there)
        let _ = Command::new("umount").arg(self.dir.join("data")).stderr(Stdio::null()).status();
        if !std::thread::panicking() {
            until("nothing is mounted any more", || (!mounted()).then_some(()));
        }
        if !mounted() {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}
