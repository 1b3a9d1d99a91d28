//! Owns how a host was reached, in words: for a person who is asked to trust its key. Leaves out reaching it.

use super::config::HostConfig;
use crate::text::short;
use std::net::IpAddr;

/// One of the hosts of a ProxyJump.
#[derive(Clone)]
pub(super) struct Jump {
    /// From 1 on, in the order they are passed.
    pub(super) number: usize,
    pub(super) of: usize,
    /// Whom they lead to: `user@host`, escaped.
    pub(super) target: String,
}

impl Jump {
    /// The last of a host's jumps.
    pub(super) fn last(of: usize, target: String) -> Jump {
        Jump { number: of, of, target }
    }
    pub(super) fn before(&self) -> Jump {
        Jump { number: self.number.saturating_sub(1).max(1), ..self.clone() }
    }
}

/// What a host's bytes go through.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub enum Through {
    /// TCP, to this address where it is known.
    #[default]
    Nothing,
    /// A jump host: `user@host`, escaped.
    Host(String),
    ProxyCommand,
}

#[derive(Clone, Default)]
pub(super) struct Way {
    /// Which jump host this is; none = the host that is wanted.
    pub(super) jump: Option<Jump>,
    pub(super) through: Through,
    pub(super) address: Option<IpAddr>,
}

impl Way {
    /// The name asked for, the address that answered, the port, and what is between.
    pub(super) fn address(&self, config: &HostConfig) -> String {
        let name = short(&config.hostname, 150);
        let address = self.address.map(|ip| ip.to_canonical().to_string()).filter(|ip| *ip != name);
        let address = address.map(|ip| format!(" ({ip})")).unwrap_or_default();
        let through = match &self.through {
            Through::Nothing => String::new(),
            Through::Host(jump) => format!(", through {jump}"),
            Through::ProxyCommand => ", through its ProxyCommand".to_string(),
        };
        format!("{name}{address} port {}{through}", config.port)
    }

    pub(super) fn role(&self) -> String {
        let role = |j: &Jump| format!("jump host {} of {} on the way to {}", j.number, j.of, j.target);
        self.jump.as_ref().map(role).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::{Dest, HostConfig};
    use super::*;
    use std::path::Path;

    #[test]
    fn in_words() {
        let dest = Dest { user: Some("me".into()), host: "web".into(), port: Some(2222) };
        let mut config = HostConfig::defaults(&dest, Path::new("/h"), "me");
        let mut way = Way::default();
        assert_eq!((way.address(&config), way.role()), ("web port 2222".into(), String::new()));
        way.address = Some("::ffff:192.0.2.7".parse().unwrap());
        assert_eq!(way.address(&config), "web (192.0.2.7) port 2222");
        config.hostname = "192.0.2.7".into();
        assert_eq!(way.address(&config), "192.0.2.7 port 2222");
        config.hostname = format!("\u{1b}{}", "x".repeat(5000));
        assert!(way.address(&config).len() < 250 && way.address(&config).starts_with("\\u{1b}x"));
        config.hostname = "web".into();
        (way.address, way.through) = (None, Through::Host("me@door".into()));
        way.jump = Some(Jump::last(2, "me@target".into()));
        assert_eq!(way.address(&config), "web port 2222, through me@door");
        assert_eq!(way.role(), "jump host 2 of 2 on the way to me@target");
        way.jump = way.jump.map(|j| j.before());
        way.through = Through::ProxyCommand;
        assert_eq!(way.role(), "jump host 1 of 2 on the way to me@target");
        assert_eq!(way.address(&config), "web port 2222, through its ProxyCommand");
    }
}
