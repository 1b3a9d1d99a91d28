//! Owns a machine under a real systemd: this one's, in namespaces of its own (`systemd-up.sh`), with accounts to log in to
//! by ssh, and to log out of. It goes when dropped, with all that runs in it.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

pub struct Machine {
    dir: tempfile::TempDir,
}

/// Of a command there.
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

const SSH: [&str; 10] = [
    "enter",
    "ssh",
    "-i",
    "/run/id",
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
    "-o",
    "LogLevel=ERROR",
];

impl Machine {
    /// Boots it. None, and a word why, where a part is missing.
    pub fn boot() -> Option<Machine> {
        let dir = tempfile::Builder::new().prefix("thub-systemd-").tempdir().expect("a directory");
        super::sshd::keygen(dir.path(), &["-q", "-t", "ed25519", "-N", "", "-f", "id"]);
        super::sshd::keygen(dir.path(), &["-q", "-t", "ed25519", "-N", "", "-f", "host"]);
        std::fs::copy(super::THUB, dir.path().join("thub")).expect("a copy");
        let machine = Machine { dir };
        let up = machine.run(&["up"], Duration::from_secs(90));
        match up.code {
            Some(0) => {}
            Some(77) => {
                super::skip(&format!("systemd ({})", up.out.trim()));
                return None;
            }
            code => panic!("{code:?}: {}{}", up.out, up.err),
        }
        let key = std::fs::read(machine.dir.path().join("id")).expect("a key");
        machine.root(&["sh", "-c", &format!("umask 077; echo '{}' >/run/id", String::from_utf8_lossy(&key))]);
        Some(machine)
    }

    /// What boots it, enters it, ends it.
    pub fn script() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/support/systemd-up.sh")
    }

    fn run(&self, words: &[&str], most: Duration) -> Said {
        let mut command = Command::new("timeout");
        command.arg(most.as_secs().to_string()).arg(Machine::script()).arg(self.dir.path()).args(words);
        let out = command.stdin(Stdio::null()).output().expect("timeout");
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        Said { code: out.status.code(), out: text(&out.stdout), err: text(&out.stderr) }
    }

    /// What root says there.
    #[track_caller]
    pub fn root(&self, words: &[&str]) -> String {
        let said = self.run(&[&["enter"], words].concat(), Duration::from_secs(30));
        assert_eq!(said.code, Some(0), "{words:?}: {}{}", said.out, said.err);
        said.out
    }
    /// Whether a command of root's succeeds there.
    pub fn holds(&self, words: &[&str]) -> bool {
        self.run(&[&["enter"], words].concat(), Duration::from_secs(30)).code == Some(0)
    }

    /// A login by ssh, this command in it, and the logout.
    pub fn login(&self, user: &str, command: &str) -> Said {
        self.run(&[&SSH[..], &[&format!("{user}@127.0.0.1"), command]].concat(), Duration::from_secs(60))
    }

    /// The same for a terminal; `start` runs [`Machine::script`].
    pub fn terminal(&self, mut start: Command, user: &str, command: &str) -> Command {
        start.arg(self.dir.path()).args(SSH).args(["-tt", &format!("{user}@127.0.0.1"), command]);
        start
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.run(&["down"], Duration::from_secs(20));
    }
}
