//! The same with a host that has no agent: its sessions are channels of a target process of this machine. What is lost
//! with that process, or with its connection, says so and can be begun anew; everybody else goes on. (The agent of this
//! machine is within the client: to kill one is to kill the other. Nothing is deployed here.)

use super::{Doing, SAYS, arm, stopped, tell};
use crate::support::home::{exit_of, finish};
use crate::support::sshd::Sshd;
use crate::support::{Dice, Tty, scale, signal, state_of, until};
use crate::without::Bare;
use rustix::process::Signal;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// `channel` = the target process opens one. To connect and to log in nobody has a session there yet.
const POINTS: [&str; 11] =
    ["connect", "auth", "hello", "list", "create", "channel", "attach", "replay", "resize", "detach", "close"];

#[derive(Clone, Copy, PartialEq, Debug)]
enum Victim {
    Target,
    Client,
    Sshd,
    OtherSession,
}
const VICTIMS: [Victim; 4] = [Victim::Target, Victim::Client, Victim::Sshd, Victim::OtherSession];

/// Sessions that nobody may touch: one of this machine, one behind another target process.
const BYSTANDERS: [&str; 2] = ["near", "far"];

struct Kills {
    bare: Bare,
    elsewhere: Sshd,
    stop: PathBuf,
    /// The session looked at, and what it has said so far.
    mine: String,
    lines: usize,
    /// Another one of the same target.
    other: i32,
    made: usize,
    /// The target process behind `far`, and the sessions' own.
    bystanders: Vec<i32>,
    heard: usize,
    back: Vec<Duration>,
}

impl Kills {
    fn new(mut bare: Bare) -> Kills {
        let stop = bare.home.at("stop");
        std::fs::create_dir(&stop).unwrap();
        bare.home.env.push(("THUB_TEST_STOP".into(), stop.to_str().unwrap().into()));
        let elsewhere = Sshd::start("");
        let config = elsewhere.config("Host test\n");
        let far = ["-F", config.to_str().unwrap(), "new", "-d", "-H", "test", "--no-agent", "-n", "far", "--"];
        bare.home.thub(&[&far[..], &["sh", "-c", SAYS]].concat()).ok();
        bare.home.new_session(&["-n", "near", "--", "sh", "-c", SAYS]);
        let mut bystanders = bare.home.targets();
        bystanders.extend(BYSTANDERS.map(|name| bare.home.pid_of(name)));
        let mut k = Kills {
            bare,
            elsewhere,
            stop,
            mine: String::new(),
            lines: 0,
            other: 0,
            made: 0,
            bystanders,
            heard: 0,
            back: Vec::new(),
        };
        k.begin();
        k
    }

    fn name(&mut self, what: &str) -> String {
        self.made += 1;
        format!("{what}-{}", self.made)
    }

    /// The target process of the host.
    fn target(&self) -> Option<i32> {
        self.bare.home.targets().into_iter().find(|p| !self.bystanders.contains(p))
    }

    fn there(&self, verb: &[&str], name: &str, script: &str) -> Vec<String> {
        let all = [verb, &["-H", "test", "--no-agent", "-n", name, "--", "sh", "-c", script]].concat();
        self.bare.words(&all).into_iter().map(String::from).collect()
    }

    /// Both sessions of the host anew, and the time it took.
    fn begin(&mut self) -> Duration {
        let at = Instant::now();
        let (mine, other) = (self.name("mine"), self.name("other"));
        let mut tty = self.tty(&self.there(&["new"], &mine, SAYS));
        tty.until_text("said-0");
        let took = at.elapsed();
        tty.prefix("d");
        assert_eq!(tty.wait_exit(), 0);
        (self.mine, self.lines) = (mine, 0);
        self.new_other(&other);
        took
    }

    fn new_other(&mut self, name: &str) {
        let words = self.there(&["new", "-d"], name, "echo untouched; exec cat");
        self.bare.home.thub(&words.iter().map(String::as_str).collect::<Vec<_>>()).ok();
        self.bare.home.shows(name, "untouched");
        self.other = self.bare.home.pid_of(name);
    }

    fn tty(&self, words: &[String]) -> Tty {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Tty::start(self.bare.home.thub_command(&words), 80, 24)
    }
    fn attach(&self) -> Tty {
        self.tty(&["attach".into(), self.mine.clone()])
    }
    fn verb(&self, words: &[String]) -> Child {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut command = self.bare.home.thub_command(&words);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// All that a session has said; the record's, once it has ended.
    #[track_caller]
    fn said(&self, name: &str) -> usize {
        let all = self.bare.home.thub(&["capture", name, "--all"]).ok();
        // (an sshd that logs to its standard error says a line of its own first)
        let said = all.lines().map(str::trim_end).filter(|l| !l.is_empty() && !l.starts_with("debug1"));
        let said: Vec<&str> = said.collect();
        let wanted: Vec<String> = (0..said.len()).map(|n| format!("said-{n}")).collect();
        assert_eq!(said, wanted, "{name}");
        said.len() - 1
    }

    /// The session ended, and says why in a sentence; what it said is there still, but for the line on its way (`typed`).
    fn lost(&self, typed: usize) {
        let ended = until("its end", || {
            let info = self.bare.home.session(&self.mine);
            (info["state"] == "exited").then_some(info)
        });
        assert!(ended["exit_code"].is_null(), "{ended}");
        assert!(ended["cause"].as_str().unwrap().starts_with("connection lost: "), "{ended}");
        let said = self.said(&self.mine);
        assert!((self.lines..=typed).contains(&said), "{said} of {typed}");
    }

    fn round(&mut self, point: &str, victim: Victim) -> bool {
        let fresh = matches!(point, "connect" | "auth");
        // whoever was there before somebody connects went with the connection
        if fresh && victim == Victim::OtherSession {
            return false;
        }
        if fresh {
            signal(self.target().expect("a target process"), Signal::TERM);
            until("its end", || self.target().is_none().then_some(()));
            self.lost(self.lines);
        }
        let made = match point {
            "connect" | "auth" => self.name("mine"),
            _ => self.name("made"),
        };
        let home = &self.bare.home;
        let mut typed = self.lines;
        let mut doing = match point {
            "connect" | "auth" => {
                arm(&self.stop, point);
                Doing::Shown(self.tty(&self.there(&["new"], &made, SAYS)))
            }
            "hello" | "create" | "channel" => {
                arm(&self.stop, point);
                Doing::Verb(self.verb(&self.there(&["new", "-d"], &made, "exec cat")))
            }
            "close" => {
                let words = self.there(&["new", "-d"], &made, "exec cat");
                home.thub(&words.iter().map(String::as_str).collect::<Vec<_>>()).ok();
                arm(&self.stop, point);
                Doing::Verb(self.verb(&["kill".into(), made.clone()]))
            }
            "resize" | "detach" => {
                let tty = self.attach();
                tty.until_text(&format!("said-{}", self.lines));
                arm(&self.stop, point);
                // on its way meanwhile
                typed += 1;
                tty.type_(format!("{typed}\r"));
                if point == "resize" {
                    tty.resize(90, 30)
                } else {
                    tty.prefix("d")
                }
                Doing::Shown(tty)
            }
            _ => {
                arm(&self.stop, point);
                Doing::Shown(self.attach())
            }
        };
        let who = stopped(&self.stop, point);
        let at = Instant::now();
        match victim {
            Victim::Target => signal(self.target().expect("a target process"), Signal::KILL),
            Victim::Client => match &mut doing {
                Doing::Shown(tty) => tty.kill9(),
                Doing::Verb(child) => {
                    child.kill().unwrap();
                    child.wait().unwrap();
                }
            },
            Victim::Sshd => {
                for pid in self.bare.sshd.pids().into_iter().skip(1) {
                    let is_sshd = crate::support::words(pid as i32).first().is_some_and(|w| w.starts_with("sshd"));
                    if is_sshd {
                        signal(pid as i32, Signal::KILL);
                    }
                }
            }
            Victim::OtherSession => signal(self.other, Signal::KILL),
        }
        if state_of(who) == 'T' {
            signal(who, Signal::CONT);
        }
        let lost = matches!(victim, Victim::Target | Victim::Sshd);
        match doing {
            Doing::Verb(mut child) if victim != Victim::Client => {
                let code = exit_of(&mut child);
                assert!(code == 0 || lost && [1, 3].contains(&code), "{code}");
            }
            Doing::Shown(mut tty) if victim != Victim::Client => {
                if lost && !fresh {
                    // it says so in a sentence, unless it has gone of its own will
                    tty.wait_exit();
                    let said = String::from_utf8_lossy(&tty.log()).into_owned();
                    assert!(point == "detach" || said.contains("connection lost: "), "{said}");
                } else if fresh {
                    // a first connection that breaks is an error in a sentence, or none where nothing was there to break
                    until("it to stand or to end", || {
                        (tty.child.try_wait().unwrap().is_some() || tty.screen().iter().any(|l| l == "said-0"))
                            .then_some(())
                    });
                    if tty.child.try_wait().unwrap().is_some() {
                        assert!(lost, "{:?}", tty.screen());
                        assert_ne!(tty.wait_exit(), 0);
                        assert!(
                            String::from_utf8_lossy(&tty.log()).contains("127.0.0.1")
                                || String::from_utf8_lossy(&tty.log()).contains("test")
                        );
                    }
                } else if point != "detach" {
                    tty.until_text(&format!("said-{typed}"));
                    tty.prefix("d");
                    tty.wait_exit();
                } else {
                    tty.wait_exit();
                }
            }
            _ => {}
        }
        if fresh || lost {
            if !fresh {
                self.lost(typed);
            }
            let told = at.elapsed();
            let again = self.begin();
            self.back.push(told + again);
        } else {
            let mut tty = self.attach();
            until("the screen", || tty.screen().iter().any(|l| l.starts_with("said-")).then_some(()));
            // (what a client had not sent yet went with it)
            self.lines = until("what was typed", || {
                let said = self.said(&self.mine);
                (said == typed || victim == Victim::Client && said >= self.lines).then_some(said)
            });
            tty.until_text(&format!("said-{}", self.lines));
            self.lines += 1;
            tty.type_(format!("{}\r", self.lines));
            tty.until_text(&format!("said-{}", self.lines));
            self.back.push(at.elapsed());
            tty.prefix("d");
            tty.wait_exit();
            assert_eq!(self.said(&self.mine), self.lines);
            if victim == Victim::OtherSession {
                let name = self.name("other");
                self.new_other(&name);
            } else {
                assert!(!matches!(state_of(self.other), '?' | 'Z' | 'X' | 'x'), "the other session is gone");
            }
        }
        self.sweep();
        self.look_at_bystanders();
        true
    }

    /// What was made on the way is of no more use: a host gives so many channels and no more.
    fn sweep(&self) {
        let all = self.bare.home.ls();
        let mine = |s: &serde_json::Value| {
            let (name, pid) = (s["name"].as_str().unwrap_or_default(), s["pid"].as_i64().unwrap_or(0) as i32);
            name == self.mine || BYSTANDERS.contains(&name) || (pid == self.other && s["state"] != "lost")
        };
        let old: Vec<&str> = all.iter().filter(|s| !mine(s)).filter_map(|s| s["id"].as_str()).collect();
        if !old.is_empty() {
            // (one that ends by itself just now is as good as killed)
            finish(self.bare.home.thub_command(&[&["kill"], &old[..]].concat()), b"");
        }
    }

    fn look_at_bystanders(&mut self) {
        self.heard += 1;
        for name in BYSTANDERS {
            self.bare.home.thub(&["send", name, &self.heard.to_string(), "--keys", "Enter"]).ok();
            self.bare.home.shows(name, &format!("said-{}$", self.heard));
            assert_eq!(self.said(name), self.heard);
        }
        for pid in &self.bystanders {
            assert!(!matches!(state_of(*pid), '?' | 'Z' | 'X' | 'x'), "{pid} is gone");
        }
    }
}

#[test]
fn whoever_is_killed_at_whatever_point_of_a_host_without_an_agent() {
    let Some(bare) = Bare::new() else { return };
    let mut k = Kills::new(bare);
    let mut dice = Dice::new();
    let turn = dice.below(VICTIMS.len() as u64) as usize;
    let rounds = scale(1);
    let mut first = Vec::new();
    for round in 0..rounds {
        // what a connection takes here and now
        signal(k.target().expect("a target process"), Signal::TERM);
        until("its end", || k.target().is_none().then_some(()));
        first.push(k.begin());
        for (i, point) in POINTS.iter().enumerate() {
            // the process that holds the connection at each point, and another one in turn; all of them where there is time
            let other = VICTIMS[1 + (i + round + turn) % (VICTIMS.len() - 1)];
            let some = [Victim::Target, other];
            let victims = if rounds > 1 {
                &VICTIMS[..]
            } else if i % 3 == 0 {
                &some[..]
            } else {
                &some[..1]
            };
            for victim in victims {
                println!("{point}: {victim:?}");
                k.round(point, *victim);
            }
        }
    }
    println!("a session by a new connection:");
    tell(first);
    println!("without an agent:");
    tell(std::mem::take(&mut k.back));
    // whose target is another's ends last
    k.elsewhere.crash();
}
