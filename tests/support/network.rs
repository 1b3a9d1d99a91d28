//! Owns what a network can do to who uses it, in one face for the two there are: a proxy in user space, which needs no
//! rights, and a cable between namespaces, over which the kernel's own TCP runs.

use super::cable::Cable;
use super::proxy::{Line, Proxy};

pub enum Network {
    Proxy(Proxy),
    Cable(Cable),
}

impl Network {
    /// Does something at this end of it.
    pub fn here<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match self {
            Network::Proxy(_) => work(),
            Network::Cable(cable) => cable.here(work),
        }
    }
    /// At that end, to which the network's troubles are nothing.
    pub fn there<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match self {
            Network::Proxy(_) => work(),
            Network::Cable(cable) => cable.there(work),
        }
    }

    /// Of so many packets one is lost; 0 = none.
    pub fn line(&self, line: Line, loses_one_in: u64) {
        match self {
            Network::Proxy(p) => {
                p.line(line);
                p.lose_one_in(loses_one_in);
            }
            Network::Cable(c) => {
                c.line(line);
                c.lose_one_in(loses_one_in);
            }
        }
    }
    /// What is connected ends after so many more bytes; over a cable by a reset, with who sends next.
    pub fn cut(&self, after: u64) {
        match self {
            Network::Proxy(p) => p.cut_after(after),
            Network::Cable(c) => c.forget(),
        }
    }
    pub fn reset(&self) {
        match self {
            Network::Proxy(p) => {
                p.reset_next();
                p.cut();
            }
            Network::Cable(c) => c.forget(),
        }
    }
    /// What is connected ends, and nobody gets in.
    pub fn refuse(&self, on: bool) {
        match self {
            Network::Proxy(p) => p.refuse(on),
            Network::Cable(c) => c.refuse(on),
        }
        if on {
            self.reset();
        }
    }
    /// Nothing that is sent there, or back, arrives, and nothing ends.
    pub fn hole(&self, there: bool, back: bool) {
        match self {
            Network::Proxy(p) => p.stall_ways(there, back),
            Network::Cable(c) => c.pull(there, back),
        }
    }
    pub fn heal(&self) {
        self.hole(false, false);
        self.refuse(false);
        if let Network::Proxy(p) = self {
            p.never_cut();
        }
        self.line(Line::FREE, 0);
    }
}
