//! Owns what is chosen on the screen of a machine's gauges: whose, which processes in which order. State in, outcome out.
//! Leaves out what is known of them, and drawing.

use super::field::Field;
use super::{Choice, Outcome};
use crate::client::gauges::Spot;
use crate::client::keymap::{Deed, act_of, deed as d};
use crate::proto::gauges::Process;
use crate::term::input::Key;
use crate::text::escape;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sort {
    Cpu,
    Mem,
    Pid,
    User,
    Command,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    Sort(Sort),
    Filter,
    Next,
    Before,
    Link,
    Close,
}

/// Its keys, but for moving.
pub static DEEDS: &[Deed<Act>] = &[
    d(Act::Close, &["q", "Escape", "C-c"], "close", "close it"),
    d(Act::Next, &["Tab", "Right"], "next", "the next machine: hosts, targets, containers"),
    d(Act::Before, &["S-Tab", "Left"], "", "the one before"),
    d(Act::Sort(Sort::Cpu), &["c"], "CPU", "processes by CPU"),
    d(Act::Sort(Sort::Mem), &["m"], "mem", "by memory"),
    d(Act::Sort(Sort::Pid), &["p"], "pid", "by number"),
    d(Act::Sort(Sort::User), &["u"], "user", "by user"),
    d(Act::Sort(Sort::Command), &["n"], "name", "by command"),
    d(Act::Filter, &["/"], "find", "only processes that have what is typed"),
    d(Act::Link, &["l"], "link", "the link to the host in the processes' stead, and back"),
];

pub struct Panel {
    pub spot: Spot,
    pub sort: Sort,
    /// The other way round: by the same key again.
    pub turned: bool,
    pub filter: Field,
    /// Keys go to the filter's line.
    pub typing: bool,
    /// Processes above the first that is shown.
    pub above: usize,
    /// Whether the link is shown; none = where there are no processes.
    pub link: Option<bool>,
}

impl Panel {
    pub fn new(spot: Spot) -> Panel {
        Panel { spot, sort: Sort::Cpu, turned: false, filter: Field::default(), typing: false, above: 0, link: None }
    }

    pub fn key(&mut self, key: &Key, name: &str) -> Outcome {
        if self.typing {
            match name {
                "Enter" | "Down" | "Tab" => self.typing = false,
                "Escape" | "C-c" => (self.filter, self.typing) = (Field::default(), false),
                _ => {
                    self.filter.key(key, name);
                }
            }
            self.above = 0;
            return Outcome::Stay;
        }
        match name {
            "Escape" if !self.filter.text().is_empty() => self.filter = Field::default(),
            "Up" | "k" => self.step(-1),
            "Down" | "j" => self.step(1),
            "PageUp" => self.step(-10),
            "PageDown" => self.step(10),
            "Home" | "g" => self.above = 0,
            "End" | "G" => self.step(1 << 20),
            name => match act_of(DEEDS, name) {
                Some(Act::Close) => return Outcome::Close,
                Some(Act::Next) => return Outcome::Do(Choice::Watch(1)),
                Some(Act::Before) => return Outcome::Do(Choice::Watch(-1)),
                Some(Act::Filter) => self.typing = true,
                Some(Act::Link) => self.link = Some(!self.link.unwrap_or(false)),
                Some(Act::Sort(sort)) => {
                    self.turned = self.sort == sort && !self.turned;
                    (self.sort, self.above) = (sort, 0);
                }
                None => {}
            },
        }
        Outcome::Stay
    }

    pub fn paste(&mut self, text: &str) {
        if self.typing {
            self.filter.insert(text);
        }
    }

    pub fn step(&mut self, by: i64) {
        let above = i64::try_from(self.above).unwrap_or(0).saturating_add(by).max(0);
        // (no list is longer; what is past its end is cut where it is drawn)
        self.above = usize::try_from(above).unwrap_or(0).min(crate::proto::gauges::Gauges::TOP);
    }

    /// Another machine; how it is looked at stays.
    pub fn go(&mut self, spot: Spot) {
        (self.spot, self.above, self.link) = (spot, 0, None);
    }

    /// The processes that are to be shown, in their order.
    pub fn chosen<'a>(&self, all: &'a [Process]) -> Vec<&'a Process> {
        let word = self.filter.text().to_lowercase();
        let has = |p: &&Process| {
            word.is_empty()
                || p.command.to_lowercase().contains(&word)
                || p.user.to_lowercase().contains(&word)
                || p.pid.to_string().contains(&word)
        };
        let mut rows: Vec<&Process> = all.iter().filter(has).collect();
        rows.sort_by(|a, b| match self.sort {
            Sort::Cpu => b.cpu.total_cmp(&a.cpu).then(b.rss.cmp(&a.rss)),
            Sort::Mem => b.rss.cmp(&a.rss),
            Sort::Pid => a.pid.cmp(&b.pid),
            Sort::User => a.user.cmp(&b.user).then(b.cpu.total_cmp(&a.cpu)),
            Sort::Command => escape(&a.command).cmp(&escape(&b.command)),
        });
        if self.turned {
            rows.reverse();
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::host::HostId;
    use crate::client::keymap::a_key_does_one_thing;
    use crate::term::input::{Code, Mods};

    #[test]
    fn processes_are_sorted_and_sought() {
        a_key_does_one_thing(DEEDS, &["j", "k", "g", "G", "Up", "Down", "PageUp", "PageDown", "Home", "End"]);
        let p = |pid, user: &str, cpu, rss, command: &str| Process {
            pid,
            user: user.into(),
            cpu,
            rss,
            command: command.into(),
        };
        let all = [p(7, "root", 1.0, 900, "sshd"), p(3, "me", 80.0, 10, "cargo build"), p(5, "me", 0.0, 50, "Bash")];
        let mut panel = Panel::new(Spot::host(HostId::local()));
        let pids = |panel: &Panel| panel.chosen(&all).iter().map(|p| p.pid).collect::<Vec<_>>();
        assert_eq!(pids(&panel), [3, 7, 5]);
        let press = |panel: &mut Panel, key: char| {
            let key = Key::new(Code::Char(key), Mods::NONE);
            let name = crate::client::keymap::word(&key);
            panel.key(&key, &name);
        };
        press(&mut panel, 'm');
        assert_eq!(pids(&panel), [7, 5, 3]);
        press(&mut panel, 'm');
        assert_eq!(pids(&panel), [3, 5, 7]);
        press(&mut panel, 'p');
        assert_eq!(pids(&panel), [3, 5, 7]);
        for key in ['/', 'B', 'a', 's'] {
            press(&mut panel, key);
        }
        assert_eq!(pids(&panel), [5]);
    }
}
