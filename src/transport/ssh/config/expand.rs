//! Owns tokens: `%h` and its like, `${NAME}`, `~`. Leaves out which option takes which.

use super::HostConfig;
use crate::failure::Failure;
use crate::text::escape;
use std::path::{Path, PathBuf};

/// What stands for itself in `%` tokens.
pub struct Tokens<'a> {
    pub config: &'a HostConfig,
    pub home: &'a str,
    /// The person at this machine.
    pub me: &'a str,
    pub uid: u32,
    pub machine: &'a str,
}

impl Tokens<'_> {
    /// What a letter stands for. ssh_config(5), TOKENS.
    fn value(&self, letter: char) -> Option<String> {
        let c = self.config;
        Some(match letter {
            'h' => c.hostname.clone(),
            'n' => c.alias.clone(),
            'k' => c.host_key_alias.as_ref().unwrap_or(&c.alias).clone(),
            'p' => c.port.to_string(),
            'r' => c.user.clone(),
            'd' => self.home.to_string(),
            'u' => self.me.to_string(),
            'i' => self.uid.to_string(),
            'j' => c.proxy_jump.as_deref().map(jump_host).unwrap_or_default().to_string(),
            'l' => self.machine.to_string(),
            'L' => self.machine.split('.').next().unwrap_or_default().to_string(),
            'C' => {
                let port = c.port.to_string();
                connection(&[self.machine, &c.hostname, &port, &c.user].map(str::as_bytes))
            }
            _ => return None,
        })
    }
}

/// The last host of a ProxyJump, as `ssh -G` prints one: `[user@]host[:port]`, or an address in brackets.
fn jump_host(jump: &str) -> &str {
    let last = jump.rsplit(',').next().unwrap_or_default();
    let at = last.rsplit_once('@').map_or(last, |(_, at)| at);
    match at.strip_prefix('[').and_then(|a| a.split_once(']')) {
        Some((address, _)) => address,
        None => at.split_once(':').map_or(at, |(host, _)| host),
    }
}

/// `%C`: SHA-1 over this machine's name, host, port and user, one behind the other.
pub(super) fn connection(parts: &[&[u8]; 4]) -> String {
    use sha1::{Digest, Sha1};
    let mut hash = Sha1::new();
    for part in parts {
        hash.update(part);
    }
    crate::proto::ids::hex(&hash.finalize())
}

/// The value of a variable.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Why a text can't be filled in.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Why {
    /// A letter (or nothing) after `%` that stands for nothing here.
    Token(String),
    /// `${` without its `}`, or without a name.
    Open,
    /// The variable is not set.
    Unset(String),
}

/// Tokens and, with `env`, `${NAME}`: in one pass, so that what was put in is not looked at again.
pub(super) fn fill(text: &str, token: &dyn Fn(char) -> Option<String>, env: Option<Lookup>) -> Result<String, Why> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['%', '$']) {
        let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(before);
        if let (Some(env), Some(inner)) = (env, from.strip_prefix("${")) {
            let (name, after) = inner.split_once('}').filter(|(name, _)| !name.is_empty()).ok_or(Why::Open)?;
            out.push_str(&env(name).ok_or_else(|| Why::Unset(name.to_string()))?);
            rest = after;
            continue;
        }
        let mut chars = from.chars();
        match (chars.next(), chars.clone().next()) {
            (Some('%'), Some('%')) => {
                chars.next();
                out.push('%');
            }
            (Some('%'), letter) => {
                let unknown = || Why::Token(letter.map(String::from).unwrap_or_default());
                out.push_str(&letter.and_then(token).ok_or_else(unknown)?);
                chars.next();
            }
            (first, _) => out.extend(first),
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    Ok(out)
}

impl Why {
    pub(super) fn plainly(self) -> String {
        match self {
            Why::Token(token) => format!("%{token} stands for nothing there"),
            Why::Open => "${ has no name and } behind it".into(),
            Why::Unset(name) => format!("${{{name}}} is not set"),
        }
    }
    fn worded(self, host: &str) -> Failure {
        match self {
            Why::Token(token) => Failure::usage(
                format!("ssh_config for {host} uses %{}, which thub does not know", escape(&token)),
                "write the value itself there; known are %h %n %k %p %r %d %u %i %j %l %L %C %%",
            ),
            Why::Open => Failure::usage(
                format!("ssh_config for {host} has ${{ without a name and }} behind it"),
                "write ${NAME}, or the value itself",
            ),
            Why::Unset(name) => Failure::usage(
                format!("ssh_config for {host} uses ${{{}}}, which is not set", escape(&name)),
                "set it, or write the path itself there",
            ),
        }
    }
}

/// `%h %p %r %n %k %d %u %i %j %l %L %C %%`; any other token is an error.
pub fn expand(text: &str, t: &Tokens) -> Result<String, Failure> {
    fill(text, &|letter| t.value(letter), None).map_err(|why| why.worded(&t.config.shown()))
}

/// `~` and `~/...`, then `${NAME}` and the tokens.
pub(super) fn expand_path(path: &Path, t: &Tokens, env: Lookup) -> Result<PathBuf, Failure> {
    let Some(text) = path.to_str() else { return Ok(path.to_path_buf()) };
    let (base, text) = match text.strip_prefix('~') {
        Some("") => return Ok(PathBuf::from(t.home)),
        Some(inner) if inner.starts_with('/') => (Some(t.home), inner.trim_start_matches('/')),
        _ => (None, text),
    };
    let filled = fill(text, &|letter| t.value(letter), Some(env)).map_err(|why| why.worded(&t.config.shown()))?;
    Ok(match base {
        Some(home) => Path::new(home).join(filled),
        None => PathBuf::from(filled),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Dest;
    use super::*;

    #[test]
    fn tokens() {
        let dest = Dest { user: Some("bob".into()), host: "web".into(), port: Some(2200) };
        let mut c = HostConfig::defaults(&dest, Path::new("/h"), "me");
        c.hostname = "10.0.0.1".into();
        let t = Tokens { config: &c, home: "/h", me: "me", uid: 7, machine: "box.lan" };
        assert_eq!(
            expand("nc %h %p %r %n %% %d %u %i %l %L", &t).unwrap(),
            "nc 10.0.0.1 2200 bob web % /h me 7 box.lan box"
        );
        assert!(expand("nc %q", &t).is_err());
        for (jump, host) in [("a", "a"), ("x@a:22,y@b:2", "b"), ("c,[::1]:22", "::1"), ("u@10.0.0.1", "10.0.0.1")] {
            assert_eq!(jump_host(jump), host, "{jump}");
        }
        assert!(expand("nc %", &t).is_err());
        let env = |n: &str| (n == "K").then(|| "key".to_string());
        assert_eq!(expand_path(Path::new("~/.ssh/${K}_%n"), &t, &env).unwrap(), Path::new("/h/.ssh/key_web"));
        assert!(expand_path(Path::new("${NO}"), &t, &env).is_err());
    }
}
