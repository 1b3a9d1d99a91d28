//! Owns a real sshd for tests: own port, keys, config and home in a directory that goes with it. Include it by `#[path]`.
#![allow(dead_code)]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

const BIN: &str = "/usr/sbin/sshd";
const PATIENCE: Duration = Duration::from_secs(20);

/// Is a real sshd here? Says so when not; with THUB_TEST_REAL=all a missing one fails.
pub fn here() -> bool {
    let here = Path::new(BIN).exists() && Command::new("ssh").arg("-V").output().is_ok();
    if !here {
        assert_ne!(std::env::var("THUB_TEST_REAL").as_deref(), Ok("all"), "no sshd");
        println!("skipped: no sshd");
    }
    here
}

/// Runs ssh-keygen in `dir`.
pub fn keygen(dir: &Path, args: &[&str]) {
    let ran = Command::new("ssh-keygen").args(args).current_dir(dir).output().expect("ssh-keygen");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

type Log = Arc<(Mutex<Vec<String>>, Condvar)>;

/// A running sshd; killed and swept away when dropped.
pub struct Sshd {
    pub child: Child,
    log: Log,
    pub port: u16,
    pub dir: tempfile::TempDir,
}

impl Sshd {
    /// With more lines for its config (`{dir}` stands for its directory).
    pub fn start(more: &str) -> Sshd {
        Sshd::start_as(Path::new(BIN), "", more)
    }

    /// As another program name (PAM's service is called by it), and with lines that come first, so they win.
    pub fn start_as(program: &Path, first: &str, more: &str) -> Sshd {
        let dir = tempfile::tempdir().expect("a directory");
        let d = dir.path();
        for (name, kind) in [("host_ed25519", "ed25519"), ("host_rsa", "rsa"), ("id", "ed25519"), ("other", "ed25519")]
        {
            keygen(d, &["-q", "-t", kind, "-N", "", "-C", name, "-f", name]);
        }
        std::fs::copy(d.join("id.pub"), d.join("authorized")).expect("a copy");
        std::fs::create_dir(d.join("home")).expect("a home");
        // the directory sshd of root wants; systemd makes it on a real machine
        if rustix::process::getuid().is_root() {
            let _ = std::fs::create_dir_all("/run/sshd");
        }
        for _ in 0..20 {
            let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
            let config = format!(
                "{first}\nListenAddress 127.0.0.1:{port}\nHostKey {dir}/host_ed25519\nHostKey {dir}/host_rsa\nPidFile none\n\
                 AuthorizedKeysFile {dir}/authorized\nPermitRootLogin yes\nPasswordAuthentication no\n\
                 KbdInteractiveAuthentication no\nUsePAM no\nStrictModes no\nPrintMotd no\n\
                 Subsystem sftp /usr/lib/openssh/sftp-server\nLogLevel DEBUG1\nSetEnv THUB_TEST_STOP={dir}/stop HOME={dir}/home\n{more}\n",
                dir = d.display(),
                more = more.replace("{dir}", &d.to_string_lossy()),
                first = first.replace("{dir}", &d.to_string_lossy()),
            );
            std::fs::write(d.join("sshd_config"), config).expect("a config");
            let mut child = Command::new(program)
                .args(["-D", "-e", "-f"])
                .arg(d.join("sshd_config"))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .expect("sshd");
            let log: Log = Log::default();
            let pid = child.id();
            let ended = format!("(sshd {pid} ended)");
            let (to, from) = (log.clone(), child.stderr.take().expect("its log"));
            std::thread::spawn(move || {
                for line in BufReader::new(from).lines().map_while(Result::ok) {
                    to.0.lock().unwrap().push(line);
                    to.1.notify_all();
                }
                to.0.lock().unwrap().push(format!("(sshd {pid} ended)"));
                to.1.notify_all();
            });
            let up = wait(&log, 0, |l| l.contains("Server listening on") || *l == ended);
            if up.contains("listening") {
                let sshd = Sshd { child, log, port, dir };
                sshd.know("host_ed25519");
                return sshd;
            }
            // somebody else took the port
            let _ = child.wait();
        }
        panic!("sshd does not start");
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
    pub fn home(&self) -> PathBuf {
        self.at("home")
    }

    /// known_hosts now holds this host key alone.
    pub fn know(&self, key: &str) {
        let public = std::fs::read_to_string(self.at(&format!("{key}.pub"))).expect("a key");
        let words: Vec<&str> = public.split_whitespace().collect();
        let line = format!("[127.0.0.1]:{} {} {}\n", self.port, words[0], words[1]);
        std::fs::write(self.at("known_hosts"), line).expect("known_hosts");
    }

    /// An ssh_config for `Host test`; `more` comes first, so it wins.
    pub fn config(&self, more: &str) -> PathBuf {
        let (d, port) = (self.dir.path().display(), self.port);
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let path = self.at(&format!("ssh_config.{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        let text = format!(
            "{more}\nHost *\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {d}/id\n  IdentitiesOnly yes\n  \
             IdentityAgent none\n  UserKnownHostsFile {d}/known_hosts\n  GlobalKnownHostsFile none\n",
            more = more.replace("{dir}", &d.to_string()).replace("{port}", &port.to_string()),
        );
        std::fs::write(&path, text).expect("ssh_config");
        path
    }

    /// How many lines of its log there are.
    pub fn mark(&self) -> usize {
        self.log.0.lock().unwrap().len()
    }
    /// Waits for a line after `mark` that holds `what`.
    pub fn wait_for(&self, mark: usize, what: &str) -> String {
        wait(&self.log, mark, |l| l.contains(what))
    }
    pub fn since(&self, mark: usize) -> String {
        self.log.0.lock().unwrap()[mark..].join("\n")
    }

    /// Waits until a connection that never logged in is over; all that it asked for.
    pub fn refused_one(&self, mark: usize) -> String {
        let gone = ["Connection closed by", "Connection reset by", "Received disconnect", "Disconnected from"];
        wait(&self.log, mark, |l| gone.iter().any(|g| l.starts_with(g)));
        self.since(mark)
    }

    /// Starts it again, after a crash, on the same port.
    pub fn restart(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let end = Instant::now() + PATIENCE;
        loop {
            let mut child = Command::new(BIN)
                .args(["-D", "-e", "-f"])
                .arg(self.at("sshd_config"))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .expect("sshd");
            let mark = self.mark();
            let pid = child.id();
            let ended = format!("(sshd {pid} ended)");
            let (to, from) = (self.log.clone(), child.stderr.take().expect("its log"));
            std::thread::spawn(move || {
                for line in BufReader::new(from).lines().map_while(Result::ok) {
                    to.0.lock().unwrap().push(line);
                    to.1.notify_all();
                }
                to.0.lock().unwrap().push(format!("(sshd {pid} ended)"));
                to.1.notify_all();
            });
            self.child = child;
            let up = wait(&self.log, mark, |l| l.contains("Server listening on") || *l == ended);
            if up.contains("listening") {
                return;
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
            assert!(Instant::now() < end, "sshd does not start again");
        }
    }

    /// Sets no environment any more, for whose home another one is (sshd takes the first of several SetEnv).
    pub fn set_no_environment(&mut self) {
        let text = std::fs::read_to_string(self.at("sshd_config")).expect("its config");
        let ours = format!("SetEnv THUB_TEST_STOP={}/stop", self.dir.path().display());
        let rest: String = text.lines().filter(|l| !l.starts_with(&ours)).flat_map(|l| [l, "\n"]).collect();
        assert_ne!(rest, text);
        std::fs::write(self.at("sshd_config"), rest).expect("its config");
        self.crash();
        self.restart();
    }

    /// It and every connection's process.
    pub fn pids(&self) -> Vec<u32> {
        let mut all = vec![self.child.id()];
        let mut next = 0;
        while let Some(pid) = all.get(next).copied() {
            let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
            all.extend(list.split_whitespace().filter_map(|p| p.parse::<u32>().ok()));
            next += 1;
        }
        all
    }

    /// Kills it and every connection's process: what a crash of the host looks like from here.
    pub fn crash(&self) {
        for pid in self.pids() {
            if let Some(pid) = rustix::process::Pid::from_raw(pid as i32) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait(log: &Log, mark: usize, found: impl Fn(&str) -> bool) -> String {
    let until = Instant::now() + PATIENCE;
    let mut lines = log.0.lock().unwrap();
    loop {
        if let Some(line) = lines[mark.min(lines.len())..].iter().find(|l| found(l)) {
            return line.clone();
        }
        let left = until.checked_duration_since(Instant::now());
        let Some(left) = left else { panic!("not in sshd's log:\n{}", lines.join("\n")) };
        lines = log.1.wait_timeout(lines, left).unwrap().0;
    }
}
