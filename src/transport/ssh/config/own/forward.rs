//! Owns what a forward and a jump look like: LocalForward's and its kin's arguments, ProxyJump's. Pure but for
//! services(5). Leaves out who listens where.

use super::words::number;
use super::world::World;

/// The longest forward OpenSSH keeps; the rest is cut off, as there.
const SPEC_MOST: usize = 255;
/// getaddrinfo(3)'s NI_MAXHOST.
const HOST_MOST: usize = 1025;
/// sun_path
const PATH_MOST: usize = 108;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// Host, port. No host = every address of this machine, or by GatewayPorts.
    Tcp(Option<String>, i64),
    Path(String),
    /// What the other side asks for by SOCKS.
    Socks,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Forward {
    pub(super) listen: End,
    pub(super) to: End,
}

/// A port by number or by name, 0 to 65535.
pub(super) fn port(text: &str, world: &dyn World) -> Option<i64> {
    number(text, 65535).or_else(|| world.service(text).map(i64::from))
}

/// One field up to a colon: its text, whether it names a path, what follows.
fn field(text: &str) -> Option<(String, bool, &str)> {
    if let Some(inner) = text.strip_prefix('[') {
        let (inner, after) = inner.split_once(']')?;
        let after = if after.is_empty() { after } else { after.strip_prefix(':')? };
        return Some((inner.to_string(), inner.contains('/'), after));
    }
    let (mut out, mut path) = (String::new(), false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push(chars.next()?),
            ':' => return Some((out, path, chars.as_str())),
            '/' => {
                path = true;
                out.push(c);
            }
            c => out.push(c),
        }
    }
    (!text.is_empty()).then_some((out, path, ""))
}

/// The arguments of one line ([`joined`]), `${NAME}` filled in. `dynamic` = nothing says whereto.
pub(super) fn parse(spec: &str, dynamic: bool, remote: bool, world: &dyn World) -> Option<Forward> {
    let mut rest = spec.trim_start_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
    let mut fields: Vec<(String, bool)> = Vec::new();
    while fields.len() < 4 {
        let Some((text, path, after)) = field(rest) else { break };
        fields.push((text, path));
        rest = after;
    }
    if !rest.is_empty() {
        return None;
    }
    let port = |text: &str| port(text, world).unwrap_or(-1);
    let tcp = |host: Option<&String>, p: &str| End::Tcp(host.cloned(), port(p));
    let (listen, to) = match fields.as_slice() {
        [(a, true)] => (End::Path(a.clone()), End::Socks),
        [(a, false)] => (tcp(None, a), End::Socks),
        [(a, true), (b, true)] => (End::Path(a.clone()), End::Path(b.clone())),
        [(a, _), (b, true)] => (tcp(None, a), End::Path(b.clone())),
        [(a, _), (b, false)] => (tcp(Some(a), b), End::Socks),
        [(a, true), (b, _), (c, _)] => (End::Path(a.clone()), tcp(Some(b), c)),
        [(a, _), (b, _), (c, true)] => (tcp(Some(a), b), End::Path(c.clone())),
        [(a, _), (b, _), (c, _)] => (tcp(None, a), tcp(Some(b), c)),
        [(a, _), (b, _), (c, _), (d, _)] => (tcp(Some(a), b), tcp(Some(c), d)),
        _ => return None,
    };
    let host_fits = |end: &End| match end {
        End::Tcp(Some(host), _) => host.chars().count() < HOST_MOST,
        End::Path(path) => path.chars().count() < PATH_MOST,
        _ => true,
    };
    let right = if dynamic {
        fields.len() <= 2
    } else {
        let paths = matches!(listen, End::Path(_)) || matches!(to, End::Path(_));
        (fields.len() >= 3 || paths) && !matches!(to, End::Socks) && !matches!(to, End::Tcp(_, ..=0))
    };
    let listens = match &listen {
        End::Tcp(_, port) => *port > 0 || *port == 0 && remote,
        _ => true,
    };
    (right && listens && host_fits(&listen) && host_fits(&to)).then_some(Forward { listen, to })
}

/// Both arguments as the one text they are parsed from.
pub(super) fn joined(first: &str, second: Option<&str>) -> String {
    let all = match second {
        Some(second) => format!("{first}:{second}"),
        None => first.to_string(),
    };
    all.chars().take(SPEC_MOST).collect()
}

impl Forward {
    pub(super) fn is_socks(&self) -> bool {
        // a host of that name is taken for it by `ssh -G`
        self.to == End::Socks || matches!(&self.to, End::Tcp(Some(host), _) if host == "socks")
    }

    pub(super) fn listen_shown(&self) -> String {
        shown(&self.listen)
    }

    pub(super) fn shown(&self) -> String {
        format!("{} {}", shown(&self.listen), shown(&self.to))
    }
}

fn shown(end: &End) -> String {
    match end {
        End::Tcp(Some(host), port) => format!("[{host}]:{port}"),
        End::Tcp(None, port) => port.to_string(),
        End::Path(path) => path.clone(),
        End::Socks => "[socks]:0".into(),
    }
}

/// The last jump, and those before it as they were written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Jump {
    pub(super) user: Option<String>,
    pub(super) host: String,
    /// Not positive = not said; 0 with the host `none` = no jump at all.
    pub(super) port: i64,
    pub(super) extra: Option<String>,
}

impl Jump {
    /// `none`: no jump at all.
    pub(super) fn is_none(&self) -> bool {
        self.host == "none" && self.port == 0 && self.user.is_none()
    }

    /// As `ssh -G` prints it.
    pub(super) fn shown(&self) -> String {
        let number = self.host.contains(':') || self.host.chars().all(|c| c.is_ascii_digit() || c == '.');
        let extra = self.extra.as_ref().map(|e| format!("{e},")).unwrap_or_default();
        let user = self.user.as_ref().map(|u| format!("{u}@")).unwrap_or_default();
        let host = if number { format!("[{}]", self.host) } else { self.host.clone() };
        let port = if self.port > 0 { format!(":{}", self.port) } else { String::new() };
        format!("{extra}{user}{host}{port}")
    }
}

/// ProxyJump's value, comments included. `None` = it is wrong.
pub(super) fn jump(text: &str, world: &dyn World) -> Option<Jump> {
    if text.eq_ignore_ascii_case("none") {
        return Some(Jump { user: None, host: "none".into(), port: 0, extra: None });
    }
    let plain = text.split('#').next().unwrap_or_default();
    // OpenSSH 9.2 cuts at the first blank, wherever it is, but for one at the very start
    let mut cut = plain.char_indices().skip(1).find(|(_, c)| c.is_ascii_whitespace() || *c == '\u{b}');
    let plain = match cut.take() {
        Some((at, _)) => plain.get(..at).unwrap_or_default(),
        None => plain,
    };
    let mut last = None;
    for one in plain.rsplit(',') {
        let parsed = one_jump(one, world)?;
        last = last.or(Some(parsed));
    }
    let (user, host, port) = last?;
    let extra = plain.rsplit_once(',').map(|(before, _)| before.to_string()).filter(|b| !b.is_empty());
    Some(Jump { user, host, port, extra })
}

fn one_jump(text: &str, world: &dyn World) -> Option<(Option<String>, String, i64)> {
    let uri = text.strip_prefix("ssh://");
    let rest = uri.unwrap_or(text);
    let at = if uri.is_some() { rest.split_once('@') } else { rest.rsplit_once('@') };
    let (user, rest) = match at {
        Some((user, rest)) => {
            let user = match uri {
                Some(_) => decoded(user.split(';').next().unwrap_or_default())?,
                None => user.to_string(),
            };
            if user.is_empty() {
                return None;
            }
            (Some(user), rest)
        }
        None => (None, rest),
    };
    let end = match rest.starts_with('[') {
        true => rest.find(']')? + 1,
        false => rest.find([':', '/']).unwrap_or(rest.len()),
    };
    let (host, after) = rest.split_at_checked(end)?;
    let mut chars = after.chars();
    let delimiter = chars.next().unwrap_or(':');
    if delimiter != ':' && (delimiter != '/' || uri.is_none()) {
        return None;
    }
    let rest = chars.as_str();
    if host.is_empty() {
        return None;
    }
    let mut host = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(inner) => inner.to_string(),
        None => host.to_string(),
    };
    let mut port_said = -1;
    let (port_text, path) = match (uri, delimiter) {
        (None, _) => (rest, ""),
        (Some(_), ':') => rest.split_once('/').unwrap_or((rest, "")),
        (Some(_), _) => ("", rest),
    };
    if uri.is_some() {
        host = domain(&host)?;
        if !path.is_empty() {
            return None;
        }
    }
    if !port_text.is_empty() || uri.is_some() && !rest.is_empty() && delimiter == ':' {
        port_said = port(port_text, world).filter(|p| *p > 0)?;
    }
    Some((user, host, port_said))
}

/// A domain name as OpenSSH checks one; its last dot cut off.
pub(super) fn domain(name: &str) -> Option<String> {
    let first = name.chars().next().filter(char::is_ascii_alphanumeric);
    first?;
    let right = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.contains("..") || !name.chars().all(right) {
        return None;
    }
    Some(name.strip_suffix('.').unwrap_or(name).to_string())
}

/// RFC 3986's `%41`, and `+` for a blank.
fn decoded(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '+' => ' ',
            '%' => {
                let (high, low) = (chars.next()?.to_digit(16)?, chars.next()?.to_digit(16)?);
                char::from_u32(high << 4 | low)?
            }
            c => c,
        });
    }
    Some(out)
}
