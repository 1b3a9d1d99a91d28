//! Sessions of every kind on one agent, all of them busy: shells, serial ports, containers, telnet hosts and shells on a
//! target, while agents are killed and clients come and go. At the end each has every line once, and nobody has grown.
//!
//! `THUB_TEST_MIXED` is how many seconds of it: a hundred sessions then; without it ten for some seconds.

use crate::hub::Hub;
use crate::soak::costs::{Has, has};
use crate::soak::programs::{COUNTS, Counts, HISTORY, RING};
use crate::support::engine::Engine;
use crate::support::{Dice, PATIENCE, signal, skip, until};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// One of them may have this much more at the end than after the first part, KiB: its ring and history fill up.
const MARGIN: u64 = (RING as u64 >> 10) + HISTORY as u64;
const AGENT: u64 = 2 << 10;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Shell,
    Serial,
    Telnet,
    Container,
    Target,
}
const KINDS: [Kind; 5] = [Kind::Shell, Kind::Serial, Kind::Telnet, Kind::Container, Kind::Target];

/// One session, and what its far end needs to live.
struct Made {
    name: String,
    kind: Kind,
    counts: &'static Counts,
    _far_end: Option<Held>,
    pid: i32,
}

/// A program and what it started; they end with this.
struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_raw(self.0.id() as i32).expect("a pid");
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
        let _ = self.0.wait();
    }
}

/// Where programs in the container find whether they are to go on.
const INSIDE: &str = "/tmp/go";

struct Mixed {
    all: Vec<Made>,
    engine: Option<Engine>,
    hub: Hub,
    dir: tempfile::TempDir,
}

impl Mixed {
    fn start(count: usize) -> Option<Mixed> {
        if Command::new("socat").arg("-V").output().is_err() {
            skip("socat");
            return None;
        }
        let hub = Hub::before("MaxSessions 200")?;
        hub.know();
        let dir = tempfile::tempdir().expect("a directory");
        // (another user's agent opens what is in it)
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let engine = Engine::start(&[]);
        if let Some(engine) = &engine {
            engine.run("box", &format!("touch {INSIDE}; exec sleep 100000"), false);
            let socket = PathBuf::from(engine.socket());
            let open = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
            open(&socket, 0o666);
            open(socket.parent().expect("its directory"), 0o755);
        }
        let mut mixed = Mixed { all: Vec::new(), engine, hub, dir };
        std::fs::write(mixed.go(), "").unwrap();
        for n in 0..count {
            let made = mixed.make(KINDS[n % KINDS.len()], n);
            mixed.all.extend(made);
        }
        let there = mixed.hub.far.ls();
        for made in &mut mixed.all {
            let info = there.iter().find(|s| s["name"] == *made.name).expect("it is there");
            made.pid = info["pid"].as_i64().expect("a pid") as i32;
            mixed.hub.far.thub(&["send", "-H", "test", &made.name, "first", "--keys", "Enter"]).ok();
        }
        Some(mixed)
    }

    fn go(&self) -> PathBuf {
        self.dir.path().join("go")
    }

    /// All come to an end.
    fn stop(&self) {
        std::fs::remove_file(self.go()).unwrap();
        if self.engine.is_some() {
            self.in_container(&["new", "-d", "-H", "test", "-n", "stop"], &["rm", INSIDE]);
        }
    }

    fn in_container(&self, new: &[&str], command: &[&str]) {
        let Some(engine) = &self.engine else { return };
        let socket = format!("socket={}", engine.socket());
        let words = [new, &["--container", "box", "--set", &socket, "--"], command].concat();
        self.hub.far.thub(&words).ok();
    }

    /// It prints once a line has come: not before somebody listens.
    fn script(&self, counts: &Counts, go: &Path) -> String {
        format!("stty -echo 2>/dev/null; read first; {}", counts.script(go))
    }

    /// A program behind a socat of its own, whose other end is as told.
    fn behind(&self, n: usize, script: &str, end: &str) -> Held {
        let file = self.dir.path().join(format!("script-{n}"));
        std::fs::write(&file, script).unwrap();
        let program = format!("EXEC:sh {},pty,setsid,ctty,stderr,sane", file.display());
        let mut socat = Command::new("socat");
        socat.args(["-d", "-d", end, &program]).stdin(Stdio::null()).stdout(Stdio::null());
        socat.stderr(std::fs::File::create(self.dir.path().join(format!("socat-{n}"))).unwrap());
        Held(socat.process_group(0).spawn().expect("socat"))
    }

    /// Whether there is such a one here: an engine of containers may be missing.
    fn make(&self, kind: Kind, n: usize) -> Option<Made> {
        // (a flood of each kind: more of them would leave no processor to anybody)
        let at = n / KINDS.len();
        let calm = |c: &&Counts| c.name != "flood" && (kind != Kind::Container || !c.body.contains("seq -f"));
        let counts = COUNTS.get(at).filter(|_| kind != Kind::Container);
        let counts = counts.or_else(|| COUNTS.iter().filter(calm).cycle().nth(at)).expect("one");
        let name = format!("{}-{n}", format!("{kind:?}").to_lowercase());
        let script = self.script(counts, &self.go());
        let mut far_end = None;
        let mut new = vec!["new", "-d", "-H", "test", "-n", &name];
        let (ring, history) = (RING.to_string(), HISTORY.to_string());
        new.extend(["--ring", &ring, "--history", &history]);
        match kind {
            Kind::Shell => new.extend(["--", "sh", "-c", &script]),
            Kind::Target => {
                self.connect(&name, &["sensor", "--set", &format!("command={script}")]);
                new.extend(["--connection", &name]);
            }
            Kind::Serial => {
                let port = self.dir.path().join(format!("port-{n}"));
                let end = format!("PTY,rawer,link={},mode=666", port.display());
                far_end = Some(self.behind(n, &script, &end));
                until("the port", || port.exists().then_some(()));
                self.connect(&name, &[port.to_str().unwrap(), "--kind", "serial"]);
                new.extend(["--connection", &name]);
            }
            Kind::Telnet => {
                far_end = Some(self.behind(n, &script, "TCP-LISTEN:0,bind=127.0.0.1"));
                let port = until("its port", || listening(&self.dir.path().join(format!("socat-{n}"))));
                self.connect(&name, &[&format!("127.0.0.1:{port}"), "--kind", "telnet"]);
                new.extend(["--connection", &name]);
            }
            Kind::Container => {
                self.engine.as_ref()?;
                self.in_container(&new, &["sh", "-c", &self.script(counts, Path::new(INSIDE))]);
                new.clear();
            }
        }
        if !new.is_empty() {
            self.hub.far.thub(&new).ok();
        }
        Some(Made { name, kind, counts, _far_end: far_end, pid: 0 })
    }

    fn connect(&self, name: &str, words: &[&str]) {
        self.hub.far.thub(&[&["conn", "add", "-H", "test", name], words].concat()).ok();
    }

    fn measure(&self, most: &mut BTreeMap<String, Has>) {
        let sessions = self.all.iter().map(|m| (m.name.clone(), m.pid));
        let agents = self.hub.far.agents().into_iter().map(|pid| ("agent".to_string(), pid));
        let targets = self.hub.targets().into_iter().map(|pid| ("target".to_string(), pid));
        for (name, pid) in sessions.chain(agents).chain(targets) {
            let has_most = most.entry(name).or_default();
            *has_most = has_most.most(has(pid));
        }
    }

    /// Every line once, in order, to the last.
    fn check(&self, made: &Made) -> u64 {
        let (name, far) = (&made.name, &self.hub.far);
        far.thub(&["wait", "-H", "test", name, "--text", "^done-", "--timeout", "60"]).ok();
        let got = far.thub(&["capture", "-H", "test", name, "--all", "--raw"]);
        let kept = String::from_utf8_lossy(&got.bytes).into_owned();
        let tail = kept.rsplit("done-").next().unwrap_or_default();
        let last: u64 = tail.trim_end().parse().unwrap_or_else(|_| panic!("{name} ends with {tail:?}"));
        // (telnet ends a line with CR and LF, of which that terminal makes two)
        let lines: Vec<&str> = kept.trim_end().split("\r\n").collect();
        // (before the first there is what was typed, and what a line says of itself)
        let first = lines.iter().position(|l| *l == (made.counts.line)(1));
        let from = first.unwrap_or(1);
        let mut n = match first {
            Some(_) => 1,
            None => last + 2 - (lines.len() - from) as u64,
        };
        for line in &lines[from..lines.len() - 1] {
            assert_eq!(*line, (made.counts.line)(n), "{name}: line {n} of {last}");
            n += 1;
        }
        assert_eq!(n, last + 1, "{name}: its last line");
        let offset = far.ls().into_iter().find(|s| s["name"] == **name).expect("it is there")["offset"].as_u64();
        let total = made.counts.length(last) + format!("done-{last}\r\n").len() as u64;
        let more = offset.unwrap().checked_sub(total).unwrap_or_else(|| panic!("{name}: {offset:?} of {total} bytes"));
        assert!(more < 400, "{name}: {more} bytes more than was printed");
        last
    }
}

/// The port that a socat says it listens on.
fn listening(log: &Path) -> Option<u16> {
    let said = std::fs::read_to_string(log).ok()?;
    said.lines().find(|l| l.contains("listening on"))?.rsplit(':').next()?.trim().parse().ok()
}

#[test]
fn sessions_of_every_kind_lose_nothing_and_do_not_grow() {
    let asked = std::env::var("THUB_TEST_MIXED").ok().and_then(|s| s.parse::<u64>().ok());
    let (seconds, count) = asked.map_or((6, 10), |s| (s, 100));
    let Some(mixed) = Mixed::start(count) else { return };
    let mut dice = Dice::new();
    let (begun, whole) = (Instant::now(), Duration::from_secs(seconds));
    let (mut early, mut killed, mut shown) = (BTreeMap::<String, Has>::new(), 0, 0);
    while begun.elapsed() < whole {
        // somebody looks at some of them, and is gone
        let mut tty = mixed.hub.far.tty(120, 35, &["test"]);
        tty.until("the sessions there", |s| s.iter().any(|l| l.contains(" connected")));
        for _ in 0..3 {
            let made = &mixed.all[dice.below(mixed.all.len() as u64) as usize];
            tty.prefix("g");
            tty.type_(format!("{}\r", made.name));
            tty.until(&format!("{}'s lines", made.name), |s| s.iter().filter(|l| l.contains(&*made.name)).count() > 0);
            shown += 1;
        }
        match dice.below(3) {
            0 => tty.kill9(),
            1 => {
                for agent in mixed.hub.far.agents() {
                    signal(agent, Signal::KILL);
                    killed += 1;
                }
                tty.kill9();
            }
            _ => {
                tty.prefix("d");
                tty.wait_exit();
            }
        }
        let part = begun.elapsed().as_secs_f64() / whole.as_secs_f64();
        if part > 0.1 && (part < 0.3 || early.is_empty()) {
            mixed.measure(&mut early);
        }
    }
    mixed.stop();
    let mut lines = BTreeMap::<String, u64>::new();
    for made in &mixed.all {
        *lines.entry(format!("{:?}", made.kind)).or_default() += mixed.check(made);
    }
    let mut end = BTreeMap::new();
    mixed.measure(&mut end);
    println!("{} sessions, {shown} looked at, {killed} agents killed; lines: {lines:?}", mixed.all.len());
    let mut wrong = Vec::new();
    for (name, is) in &end {
        let Some(was) = early.get(name) else { continue };
        let margin = if ["agent", "target"].contains(&&**name) { AGENT } else { MARGIN };
        if seconds > 60 {
            println!("{name:>14}: {} {} KiB, {} {} files", was.anonymous, is.anonymous, was.files, is.files);
        }
        if is.anonymous > was.anonymous + margin || is.files > was.files + 4 {
            wrong.push(format!("{name}: {was:?}, at the end {is:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let all: Vec<String> = mixed.all.iter().map(|m| m.name.clone()).collect();
    let words = [vec!["kill", "-H", "test"], all.iter().map(String::as_str).collect()].concat();
    mixed.hub.far.thub(&words).ok();
    let gone = Instant::now() + PATIENCE;
    while mixed.all.iter().any(|m| Path::new(&format!("/proc/{}", m.pid)).exists()) {
        assert!(Instant::now() < gone, "sessions that stay");
        std::thread::sleep(Duration::from_millis(20));
    }
}
