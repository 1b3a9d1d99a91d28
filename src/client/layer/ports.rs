//! Owns the panel of a host's forwards: which row is chosen, what is being typed, what its keys want. Leaves out where
//! its rows come from.

use super::field::Field;
use super::{Choice, Outcome};
use crate::client::host::HostId;
use crate::proto::control::PortInfo;
use crate::term::input::Key;
use crate::transport::ssh::forward::Status;
use crate::transport::ssh::forward::spec::{Kind, Place, Spec};

pub enum Row {
    Forward(Box<Status>),
    /// Somebody listens there, and it is not forwarded.
    Offer(PortInfo),
}

pub struct Panel {
    pub host: HostId,
    pub rows: Vec<Row>,
    pub chosen: usize,
    /// A person moved: what is chosen stays so when rows come and go.
    moved: bool,
    /// A forward being typed.
    pub field: Option<Field>,
    /// Why what was typed is none.
    pub wrong: Option<String>,
    /// What is known of it is of when it was heard last.
    pub away: bool,
    /// It was told what listens there.
    pub told: bool,
    /// Why there can be none, and what to do: nothing is added then.
    pub refused: Vec<String>,
}

impl Panel {
    pub fn new(host: HostId) -> Panel {
        Panel {
            host,
            rows: Vec::new(),
            chosen: 0,
            moved: false,
            field: None,
            wrong: None,
            away: false,
            told: false,
            refused: Vec::new(),
        }
    }

    /// What there is now, or was when an `away` host was heard last; what was chosen stays so. `ports` None = not told.
    pub fn refresh(&mut self, forwards: &[Status], ports: Option<&[PortInfo]>, away: bool) {
        (self.away, self.told) = (away, ports.is_some());
        let ports = ports.unwrap_or_default();
        let key = |row: &Row| match row {
            Row::Forward(f) => (0, f.id),
            Row::Offer(p) => (1, u64::from(p.port)),
        };
        let before = self.rows.get(self.chosen).filter(|_| self.moved).map(key);
        let forwarded = |port: u16| {
            forwards.iter().any(|f| {
                f.spec.kind == Kind::Local && matches!(f.spec.target, Some(Place::Tcp { port: to, .. }) if to == port)
            })
        };
        // what listens there for a forward of ours is no offer either
        let ours = |port: u16| forwards.iter().any(|f| f.spec.kind == Kind::Remote && f.port == Some(port));
        self.rows = forwards.iter().map(|f| Row::Forward(Box::new(f.clone()))).collect();
        let mut last = 0;
        for port in ports.iter().filter(|p| p.port > 0 && !forwarded(p.port) && !ours(p.port)) {
            if port.port != last {
                self.rows.push(Row::Offer(port.clone()));
            }
            last = port.port;
        }
        let again = before.and_then(|b| self.rows.iter().position(|r| key(r) == b));
        self.chosen = again.unwrap_or(self.chosen).min(self.rows.len().saturating_sub(1));
    }

    /// There can be none here, for these reasons; none = there can.
    pub fn refuse(&mut self, why: Vec<String>) {
        if !why.is_empty() {
            (self.field, self.wrong) = (None, None);
        }
        self.refused = why;
    }

    pub(super) fn step(&mut self, by: i64) {
        self.moved = true;
        let last = self.rows.len() as i64 - 1;
        self.chosen = (self.chosen as i64 + by).clamp(0, last.max(0)) as usize;
    }

    pub(super) fn key(&mut self, key: &Key, name: &str) -> Outcome {
        if let Some(field) = &mut self.field {
            match name {
                "Escape" | "C-c" => (self.field, self.wrong) = (None, None),
                "Enter" => match Spec::parse(field.text()) {
                    Ok(spec) => {
                        (self.field, self.wrong) = (None, None);
                        return Outcome::Do(Choice::Forward(self.host.clone(), spec));
                    }
                    Err(f) => self.wrong = Some(f.what),
                },
                _ => {
                    field.key(key, name);
                }
            }
            return Outcome::Stay;
        }
        match name {
            "Escape" | "C-c" | "q" => return Outcome::Close,
            "Up" | "k" | "C-p" => self.step(-1),
            "Down" | "j" | "C-n" | "Tab" => self.step(1),
            "PageUp" => self.step(-10),
            "PageDown" => self.step(10),
            "a" | "+" if self.refused.is_empty() => self.field = Some(Field::default()),
            "x" | "Delete" => {
                if let Some(Row::Forward(f)) = self.rows.get(self.chosen) {
                    return Outcome::Do(Choice::Unforward(self.host.clone(), f.id));
                }
            }
            "Enter" => {
                if let Some(Row::Offer(p)) = self.rows.get(self.chosen) {
                    return Outcome::Do(Choice::ForwardPort(self.host.clone(), p.clone()));
                }
            }
            _ => {}
        }
        Outcome::Stay
    }

    pub(super) fn paste(&mut self, text: &str) {
        if let Some(field) = &mut self.field {
            field.insert(text);
        }
    }
}
