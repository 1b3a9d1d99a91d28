//! Owns a destination as a person types it: [`Dest`], [`parse_dest`]. Leaves out what ssh_config says about it.

use crate::failure::Failure;
use crate::text::short;

/// A destination as typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dest {
    pub user: Option<String>,
    pub host: String,
    pub port: Option<u16>,
}

/// An alias, `user@host`, `user@host:port`, `[v6]:port` or `ssh://[user@]host[:port]`.
pub fn parse_dest(dest: &str) -> Result<Dest, Failure> {
    let wrong = |why: &str| {
        Failure::usage(
            format!("\"{}\" is no destination: {why}", short(dest, 100)),
            "write an ssh_config alias, user@host, user@host:port or [address]:port",
        )
    };
    let rest = match dest.strip_prefix("ssh://") {
        Some(rest) => rest.strip_suffix('/').unwrap_or(rest),
        None => dest,
    };
    let (user, at) = match rest.rsplit_once('@') {
        Some((user, at)) => (Some(user), at),
        None => (None, rest),
    };
    let port_of = |p: &str| match p.parse::<u16>() {
        Ok(n) if n > 0 && p.bytes().all(|b| b.is_ascii_digit()) => Ok(n),
        _ => Err(wrong("a port is a number from 1 to 65535")),
    };
    let (host, port) = if let Some(inner) = at.strip_prefix('[') {
        let (host, after) = inner.split_once(']').ok_or_else(|| wrong("the ] is missing"))?;
        match after.strip_prefix(':') {
            Some(p) => (host, Some(port_of(p)?)),
            None if after.is_empty() => (host, None),
            None => return Err(wrong("after ] comes a colon and the port")),
        }
    } else {
        match at.split_once(':') {
            Some((host, p)) if !p.contains(':') => (host, Some(port_of(p)?)),
            // several colons: an IPv6 address without a port
            _ => (at, None),
        }
    };
    if dest.starts_with('-') || host.starts_with('-') {
        return Err(wrong("it may not begin with a dash"));
    }
    if !valid_host(host) {
        return Err(wrong("the host is empty or holds characters no host name has"));
    }
    if let Some(user) = user
        && !valid_user(user)
    {
        return Err(wrong("the user is empty or holds characters no user name has"));
    }
    Ok(Dest { user: user.map(str::to_string), host: host.to_string(), port })
}

/// Nothing that a shell (ProxyCommand), a terminal or known_hosts would take for more than a name.
pub(super) fn valid_host(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= 1025
        && !host.starts_with('-')
        && host
            .chars()
            .all(|c| !c.is_ascii() && c.is_alphanumeric() || c.is_ascii_alphanumeric() || "._-:%+".contains(c))
}
pub(super) fn valid_user(user: &str) -> bool {
    !user.is_empty()
        && user.len() <= 256
        && !user.starts_with('-')
        && user.chars().all(|c| {
            let active = "'`\";&<>|(){}$\\!*?#~".contains(c);
            !(active || c.is_control() || c.is_whitespace() || crate::text::is_deceptive(c))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dest(user: Option<&str>, host: &str, port: Option<u16>) -> Dest {
        Dest { user: user.map(str::to_string), host: host.into(), port }
    }

    #[test]
    fn destinations() {
        for (text, want) in [
            ("web", dest(None, "web", None)),
            ("alice@web", dest(Some("alice"), "web", None)),
            ("alice@web:2222", dest(Some("alice"), "web", Some(2222))),
            ("web:22", dest(None, "web", Some(22))),
            ("[::1]:2222", dest(None, "::1", Some(2222))),
            ("[fe80::1%eth0]", dest(None, "fe80::1%eth0", None)),
            ("::1", dest(None, "::1", None)),
            ("a@b@web", dest(Some("a@b"), "web", None)),
            ("ssh://alice@web:9/", dest(Some("alice"), "web", Some(9))),
            ("ssh://web", dest(None, "web", None)),
        ] {
            assert_eq!(parse_dest(text).unwrap(), want, "{text}");
        }
        for bad in [
            "",
            "-oProxyCommand=x",
            "-web",
            "a@-web",
            "-a@web",
            "web:",
            "web:0",
            "web:70000",
            "web:+2",
            "[::1",
            "[::1]x",
            "a b",
            "web;id",
            "$(id)@web",
            "a`id`@web",
            "web\n",
            "@web",
            "a@",
            "we\u{202e}b",
            "ssh://",
            "web/x",
            "a'b@web",
        ] {
            let e = parse_dest(bad).unwrap_err();
            assert_eq!(e.code(), 2, "{bad}");
            assert!(!e.hints.is_empty());
        }
    }
}
