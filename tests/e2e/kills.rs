//! Somebody is killed at a named point: nothing is lost, nothing doubled, nobody else touched. Where a point is, the
//! binary says (`sys::test_point`): whoever comes by stops there, and goes on when the killing is done.

mod without;

use crate::far::Far;
use crate::support::{Dice, Tty, scale, signal, state_of, until, words};
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const POINTS: [&str; 11] =
    ["connect", "auth", "deploy", "hello", "list", "create", "attach", "replay", "resize", "detach", "close"];

#[derive(Clone, Copy, PartialEq, Debug)]
enum Victim {
    Client,
    Agent,
    Sshd,
    OtherSession,
}
const VICTIMS: [Victim; 4] = [Victim::Client, Victim::Agent, Victim::Sshd, Victim::OtherSession];

/// Says each line it reads, once.
const SAYS: &str = "stty -echo; echo said-0; while read -r l; do echo said-$l; done";

/// The client at work: in a terminal, or a verb.
enum Doing {
    Shown(Tty),
    Verb(Child),
}

/// From here on whoever comes by stops there.
fn arm(stop: &Path, point: &str) {
    std::fs::write(stop.join(point), "").unwrap();
}
/// Who stopped there.
#[track_caller]
fn stopped(stop: &Path, point: &str) -> i32 {
    let prefix = format!("{point}.");
    let pid = until(point, || {
        let names = std::fs::read_dir(stop).unwrap().flatten();
        names.filter_map(|n| n.file_name().to_str()?.strip_prefix(&prefix)?.parse::<i32>().ok()).next()
    });
    std::fs::remove_file(stop.join(format!("{prefix}{pid}"))).unwrap();
    until("it to stand still", || (state_of(pid) == 'T').then_some(()));
    pid
}

/// How long it took until all was well again.
fn tell(mut back: Vec<Duration>) {
    back.sort();
    let at = |share: f64| back[((back.len() - 1) as f64 * share) as usize];
    println!("{} kills; back after p50 {:?}, p99 {:?}, at most {:?}", back.len(), at(0.5), at(0.99), at(1.0));
}

struct Kills {
    far: Far,
    stop: PathBuf,
    /// Typed into `mine` so far.
    lines: usize,
    /// The other session's process.
    other: i32,
    made: usize,
    back: Vec<Duration>,
}

impl Kills {
    fn new(far: Far) -> Kills {
        let stop = far.sshd.at("stop");
        std::fs::create_dir(&stop).unwrap();
        let mut k = Kills { far, stop, lines: 0, other: 0, made: 0, back: Vec::new() };
        k.far.thub(&["new", "-d", "-H", "test", "-n", "mine", "--ring", "16777216", "--", "sh", "-c", SAYS]).ok();
        k.new_other();
        k
    }

    fn new_other(&mut self) {
        self.made += 1;
        let name = format!("other-{}", self.made);
        self.far.thub(&["new", "-d", "-H", "test", "-n", &name, "--", "sh", "-c", "echo untouched; exec cat"]).ok();
        self.far.shows(&name, "untouched");
        self.other = self.pid(&name);
    }

    fn pid(&self, name: &str) -> i32 {
        let all = self.far.ls();
        all.iter().find(|s| s["name"] == name).unwrap_or_else(|| panic!("no {name}: {all:?}"))["pid"].as_i64().unwrap()
            as i32
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.far.home.thub_command(&self.far.words(args));
        command.env("THUB_TEST_STOP", &self.stop);
        command
    }
    fn attach(&self) -> Doing {
        Doing::Shown(Tty::start(self.command(&["attach", "-H", "test", "mine"]), 80, 24))
    }
    fn verb(&self, args: &[&str]) -> Doing {
        let mut command = self.command(args);
        Doing::Verb(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn arm(&self, point: &str) {
        arm(&self.stop, point);
    }
    fn stopped(&self, point: &str) -> i32 {
        stopped(&self.stop, point)
    }

    /// One kill. `false` = there is no such process at that point.
    fn round(&mut self, point: &str, victim: Victim) {
        let mut doing = match point {
            "deploy" => {
                std::fs::remove_dir_all(self.far.sshd.home().join(".local/share/thub/agents")).unwrap();
                self.arm(point);
                self.verb(&["deploy", "test"])
            }
            "create" => {
                self.made += 1;
                let name = format!("made-{}", self.made);
                self.arm(point);
                self.verb(&["new", "-d", "-H", "test", "-n", &name, "--", "cat"])
            }
            "close" => {
                self.made += 1;
                let name = format!("made-{}", self.made);
                self.far.thub(&["new", "-d", "-H", "test", "-n", &name, "--", "cat"]).ok();
                self.arm(point);
                self.verb(&["kill", "-H", "test", &name])
            }
            "resize" | "detach" => {
                let doing = self.attach();
                let Doing::Shown(tty) = &doing else { unreachable!() };
                tty.until_text(&format!("said-{}", self.lines));
                self.arm(point);
                if point == "resize" {
                    tty.resize(90, 30)
                } else {
                    tty.prefix("d")
                }
                doing
            }
            _ => {
                self.arm(point);
                self.attach()
            }
        };
        let who = self.stopped(point);
        let at = Instant::now();
        match victim {
            Victim::Client => match &mut doing {
                Doing::Shown(tty) => tty.kill9(),
                Doing::Verb(child) => {
                    child.kill().unwrap();
                    child.wait().unwrap();
                }
            },
            Victim::Agent => self.far.agents().into_iter().for_each(|p| signal(p, Signal::KILL)),
            Victim::Sshd => {
                let me = self.far.sshd.child.id();
                let theirs = self.far.sshd.pids().into_iter().filter(|p| *p != me).map(|p| p as i32);
                let theirs: Vec<i32> =
                    theirs.filter(|p| words(*p).first().is_some_and(|w| w.starts_with("sshd"))).collect();
                theirs.into_iter().for_each(|p| signal(p, Signal::KILL));
            }
            Victim::OtherSession => signal(self.other, Signal::KILL),
        }
        if state_of(who) == 'T' {
            signal(who, Signal::CONT);
        }
        // whoever is still there comes back by itself; else somebody else comes
        let mut tty = match doing {
            Doing::Shown(tty) if victim != Victim::Client && point != "detach" => tty,
            Doing::Verb(mut child) => {
                crate::support::home::wait_for(&mut child, crate::support::PATIENCE).expect("the verb ends");
                if point == "deploy" {
                    let said = self.far.thub(&["deploy", "test"]);
                    assert_eq!(said.code, 0, "{said:?}");
                }
                self.shown()
            }
            _ => self.shown(),
        };
        let last = format!("said-{}", self.lines);
        until("the screen", || {
            if tty.child.try_wait().unwrap().is_some() {
                // (a first connection that breaks is an error, not something to wait for)
                tty = self.shown();
            }
            tty.screen().contains(&last).then_some(())
        });
        self.lines += 1;
        tty.type_(format!("{}\r", self.lines));
        tty.until_text(&format!("said-{}", self.lines));
        self.back.push(at.elapsed());
        tty.prefix("d");
        tty.wait_exit();

        let wanted: Vec<String> = (0..=self.lines).map(|n| format!("said-{n}")).collect();
        let all = self.far.thub(&["capture", "-H", "test", "mine", "--all"]).ok();
        assert_eq!(all.lines().map(str::trim_end).filter(|l| !l.is_empty()).collect::<Vec<_>>(), wanted);
        if victim == Victim::OtherSession {
            self.new_other();
        } else {
            assert!(!matches!(state_of(self.other), '?' | 'Z' | 'X'), "the other session is gone");
        }
    }

    fn shown(&self) -> Tty {
        let Doing::Shown(tty) = self.attach() else { unreachable!() };
        tty
    }
}

#[test]
fn whoever_is_killed_at_whatever_point() {
    let Some(far) = Far::deployed() else { return };
    let mut k = Kills::new(far);
    // each point, with another victim each time; all of them where more time is given
    let mut dice = Dice::new();
    let turn = dice.below(VICTIMS.len() as u64) as usize;
    let rounds = scale(1);
    for round in 0..rounds {
        for (i, point) in POINTS.iter().enumerate() {
            let victims: Vec<Victim> =
                if rounds > 1 { VICTIMS.to_vec() } else { vec![VICTIMS[(i + round + turn) % VICTIMS.len()]] };
            for victim in victims {
                print!("{point}: {victim:?}: ");
                k.round(point, victim);
                println!("back after {:?}", k.back.last().copied().unwrap_or_default());
            }
        }
    }
    tell(std::mem::take(&mut k.back));
}
