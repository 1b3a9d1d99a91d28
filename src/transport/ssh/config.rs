//! Owns what ssh_config says about a host: [`HostConfig`], asked of `ssh -G`.
//! Leaves out what is done with it. Parsing and expanding are pure; programs and files are touched at the edge.

use super::forward::spec::{self, Spec};
use crate::failure::{Failure, Kind};
use crate::text::{escape, short};
use std::path::{Path, PathBuf};
use std::time::Duration;

const ASK_SSH_WITHIN: Duration = Duration::from_secs(10);
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// What to do about a host whose key is not on record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strict {
    Yes,
    Ask,
    AcceptNew,
    No,
}

/// Which ssh-agent is asked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum AgentSocket {
    /// `$SSH_AUTH_SOCK`
    #[default]
    Environment,
    None,
    Path(PathBuf),
}

/// What ssh_config says about one destination.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostConfig {
    /// As it was asked for.
    pub alias: String,
    pub hostname: String,
    pub user: String,
    pub port: u16,
    pub identity_files: Vec<PathBuf>,
    pub certificate_files: Vec<PathBuf>,
    pub identities_only: bool,
    pub identity_agent: AgentSocket,
    pub user_known_hosts: Vec<PathBuf>,
    pub global_known_hosts: Vec<PathBuf>,
    pub revoked_host_keys: Option<PathBuf>,
    pub strict: Strict,
    pub hash_known_hosts: bool,
    pub host_key_alias: Option<String>,
    pub proxy_jump: Option<String>,
    pub proxy_command: Option<String>,
    /// The proxy command hands back a descriptor: not spoken here.
    pub proxy_use_fdpass: bool,
    pub connect_timeout: Duration,
    /// Only these addresses: `Some(4)`, `Some(6)`.
    pub family: Option<u8>,
    /// Never ask for a secret.
    pub batch: bool,
    pub publickey: bool,
    pub password: bool,
    pub keyboard_interactive: bool,
    pub forwards: Wanted,
}

/// The forwards that ssh_config asks for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    /// In the order of `ssh -G`; none where ClearAllForwardings is on.
    pub specs: Vec<Spec>,
    /// ExitOnForwardFailure: one that can't be is a connection that can't be.
    pub must: bool,
    /// StreamLocalBindUnlink
    pub unlink: bool,
}

impl HostConfig {
    /// What OpenSSH does without any file.
    pub fn defaults(dest: &Dest, home: &Path, me: &str) -> HostConfig {
        let ssh = home.join(".ssh");
        HostConfig {
            alias: dest.host.clone(),
            hostname: dest.host.clone(),
            user: dest.user.clone().unwrap_or_else(|| me.to_string()),
            port: dest.port.unwrap_or(22),
            identity_files: ["id_rsa", "id_ecdsa", "id_ed25519"].iter().map(|n| ssh.join(n)).collect(),
            certificate_files: Vec::new(),
            identities_only: false,
            identity_agent: AgentSocket::Environment,
            user_known_hosts: vec![ssh.join("known_hosts"), ssh.join("known_hosts2")],
            global_known_hosts: vec!["/etc/ssh/ssh_known_hosts".into(), "/etc/ssh/ssh_known_hosts2".into()],
            revoked_host_keys: None,
            strict: Strict::Ask,
            hash_known_hosts: false,
            host_key_alias: None,
            proxy_jump: None,
            proxy_command: None,
            proxy_use_fdpass: false,
            connect_timeout: CONNECT_WITHIN,
            family: None,
            batch: false,
            publickey: true,
            password: true,
            keyboard_interactive: true,
            forwards: Wanted::default(),
        }
    }

    /// `user@host`, with the port where it is not 22: how questions and errors name it. Escaped.
    pub fn shown(&self) -> String {
        let at = if self.alias == self.hostname || self.alias.is_empty() { &self.hostname } else { &self.alias };
        let at = if self.port == 22 {
            at.clone()
        } else if at.contains(':') {
            format!("[{at}]:{}", self.port)
        } else {
            format!("{at}:{}", self.port)
        };
        short(&format!("{}@{at}", self.user), 200)
    }

    /// The name under which the host's key is on record, and the port that belongs to it (an alias has none).
    pub fn recorded_as(&self) -> (String, u16) {
        match &self.host_key_alias {
            Some(alias) => (alias.to_lowercase(), 22),
            None => (self.hostname.to_lowercase(), self.port),
        }
    }
}

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
fn valid_host(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= 1025
        && !host.starts_with('-')
        && host
            .chars()
            .all(|c| !c.is_ascii() && c.is_alphanumeric() || c.is_ascii_alphanumeric() || "._-:%+".contains(c))
}
fn valid_user(user: &str) -> bool {
    !user.is_empty()
        && user.len() <= 256
        && !user.starts_with('-')
        && user.chars().all(|c| {
            let active = "'`\";&<>|(){}$\\!*?#~".contains(c);
            !(active || c.is_control() || c.is_whitespace() || crate::text::is_deceptive(c))
        })
}

/// What `ssh -G` printed, over the defaults.
pub fn parse_g(printed: &str, dest: &Dest, home: &Path, me: &str) -> HostConfig {
    let mut c = HostConfig::defaults(dest, home, me);
    let (mut files, mut certs) = (Vec::new(), Vec::new());
    let mut clear = false;
    for line in printed.lines() {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        let value = value.trim_end_matches('\r');
        let on = matches!(value, "yes" | "true");
        let some = || (!value.is_empty() && value != "none").then(|| value.to_string());
        match key.to_ascii_lowercase().as_str() {
            "hostname" if !value.is_empty() => c.hostname = value.to_string(),
            "user" if !value.is_empty() => c.user = value.to_string(),
            "port" => c.port = value.parse().ok().filter(|p| *p > 0).unwrap_or(c.port),
            "identityfile" => files.extend(some()),
            "certificatefile" => certs.extend(some()),
            "identitiesonly" => c.identities_only = on,
            "identityagent" => {
                c.identity_agent = match value {
                    "none" => AgentSocket::None,
                    "" | "SSH_AUTH_SOCK" | "$SSH_AUTH_SOCK" | "${SSH_AUTH_SOCK}" => AgentSocket::Environment,
                    path => AgentSocket::Path(path.into()),
                }
            }
            "userknownhostsfile" => c.user_known_hosts = paths(value),
            "globalknownhostsfile" => c.global_known_hosts = paths(value),
            "revokedhostkeys" => c.revoked_host_keys = some().map(PathBuf::from),
            "stricthostkeychecking" => {
                c.strict = match value {
                    "ask" => Strict::Ask,
                    "no" | "false" | "off" => Strict::No,
                    "accept-new" => Strict::AcceptNew,
                    // yes, true, and whatever comes one day
                    _ => Strict::Yes,
                }
            }
            "hashknownhosts" => c.hash_known_hosts = on,
            "hostkeyalias" => c.host_key_alias = some(),
            "proxyjump" => c.proxy_jump = some(),
            "proxycommand" => c.proxy_command = some(),
            "proxyusefdpass" => c.proxy_use_fdpass = on,
            "connecttimeout" => {
                if let Some(s) = value.parse::<u64>().ok().filter(|s| *s > 0) {
                    c.connect_timeout = Duration::from_secs(s.min(3600));
                }
            }
            "addressfamily" => {
                c.family = match value {
                    "inet" => Some(4),
                    "inet6" => Some(6),
                    _ => None,
                }
            }
            "localforward" => c.forwards.specs.extend(Spec::from_config(spec::Kind::Local, value)),
            "remoteforward" => c.forwards.specs.extend(Spec::from_config(spec::Kind::Remote, value)),
            "dynamicforward" => c.forwards.specs.extend(Spec::from_config(spec::Kind::Dynamic, value)),
            "clearallforwardings" => clear = on,
            "exitonforwardfailure" => c.forwards.must = on,
            "streamlocalbindunlink" => c.forwards.unlink = on,
            "batchmode" => c.batch = on,
            "pubkeyauthentication" => c.publickey = !matches!(value, "no" | "false"),
            "passwordauthentication" => c.password = on,
            "kbdinteractiveauthentication" | "challengeresponseauthentication" => c.keyboard_interactive = on,
            _ => {}
        }
    }
    if clear {
        c.forwards.specs.clear();
    }
    // `ssh -G` prints one that leads to a socket a second time, as a dynamic one
    let local: Vec<_> =
        c.forwards.specs.iter().filter(|s| s.kind == spec::Kind::Local).map(|s| s.listen.clone()).collect();
    c.forwards.specs.retain(|s| s.kind != spec::Kind::Dynamic || !local.contains(&s.listen));
    if !files.is_empty() {
        c.identity_files = files.into_iter().map(PathBuf::from).collect();
    }
    c.certificate_files = certs.into_iter().map(PathBuf::from).collect();
    c
}

/// Paths in one line, parted by blanks; a word that begins no path belongs to the one before it (`ssh -G` does not
/// quote).
fn paths(value: &str) -> Vec<PathBuf> {
    let mut out: Vec<String> = Vec::new();
    for word in value.split(' ').filter(|w| !w.is_empty()) {
        match out.last_mut() {
            Some(last) if !word.starts_with(['/', '~', '%', '$']) => {
                last.push(' ');
                last.push_str(word);
            }
            _ => out.push(word.to_string()),
        }
    }
    out.into_iter().filter(|p| p != "none").map(PathBuf::from).collect()
}

/// What stands for itself in `%` tokens.
pub struct Tokens<'a> {
    pub config: &'a HostConfig,
    pub home: &'a str,
    /// The person at this machine.
    pub me: &'a str,
    pub uid: u32,
    pub machine: &'a str,
}

/// `%h %p %r %n %k %d %u %i %l %L %%`; any other token is an error.
pub fn expand(text: &str, t: &Tokens) -> Result<String, Failure> {
    let c = t.config;
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(ch) = chars.next() {
        if ch != '%' {
            out.push(ch);
            continue;
        }
        match chars.next() {
            Some('%') => out.push('%'),
            Some('h') => out.push_str(&c.hostname),
            Some('n') => out.push_str(&c.alias),
            Some('k') => out.push_str(c.host_key_alias.as_ref().unwrap_or(&c.alias)),
            Some('p') => out.push_str(&c.port.to_string()),
            Some('r') => out.push_str(&c.user),
            Some('d') => out.push_str(t.home),
            Some('u') => out.push_str(t.me),
            Some('i') => out.push_str(&t.uid.to_string()),
            Some('l') => out.push_str(t.machine),
            Some('L') => out.push_str(t.machine.split('.').next().unwrap_or_default()),
            other => {
                let token = other.map(String::from).unwrap_or_default();
                return Err(Failure::usage(
                    format!("ssh_config for {} uses %{}, which thub does not know", c.shown(), escape(&token)),
                    "write the value itself there; known are %h %n %k %p %r %d %u %i %l %L %%",
                ));
            }
        }
    }
    Ok(out)
}

/// `~` and `~/...`, `${NAME}`, then the tokens.
fn expand_path(path: &Path, t: &Tokens, env: &dyn Fn(&str) -> Option<String>) -> Result<PathBuf, Failure> {
    let Some(text) = path.to_str() else { return Ok(path.to_path_buf()) };
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, tail)) = after.split_once('}') else { break };
        plain.push_str(before);
        plain.push_str(&env(name).ok_or_else(|| {
            Failure::usage(
                format!("ssh_config for {} uses ${{{}}}, which is not set", t.config.shown(), escape(name)),
                "set it, or write the path itself there",
            )
        })?);
        rest = tail;
    }
    plain.push_str(rest);
    let expanded = expand(&plain, t)?;
    Ok(match expanded.strip_prefix("~/") {
        Some(inner) => Path::new(t.home).join(inner),
        None if expanded == "~" => PathBuf::from(t.home),
        None => PathBuf::from(expanded),
    })
}

/// This account, from its uid; `$HOME` and `$USER` only where nothing knows the uid (a static build and LDAP).
#[derive(Clone, Debug)]
pub struct Me {
    pub uid: u32,
    pub name: String,
    pub home: PathBuf,
}

pub fn me() -> Me {
    let uid = rustix::process::getuid().as_raw();
    let (name, home) = match crate::sys::passwd() {
        Some(p) if p.home.is_absolute() => (p.name, p.home),
        _ => {
            let name = std::env::var("USER").ok().filter(|n| valid_user(n)).unwrap_or_else(|| uid.to_string());
            let home = std::env::var_os("HOME").map(PathBuf::from).filter(|h| h.is_absolute());
            (name, home.unwrap_or_else(|| PathBuf::from("/")))
        }
    };
    Me { uid, name, home }
}

pub(crate) fn machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// What ssh_config says about `dest`: asked of `ssh -G` where ssh is there, else OpenSSH's defaults.
pub async fn resolve(dest: &str, file: Option<&Path>) -> Result<HostConfig, Failure> {
    let parsed = parse_dest(dest)?;
    let me = me();
    let mut config = match ask_ssh(&parsed, file).await? {
        Some(printed) => parse_g(&printed, &parsed, &me.home, &me.name),
        None => {
            if let Some(file) = file {
                return Err(Failure::usage(
                    format!("-F {} needs the program `ssh`, which is not here", escape(&file.to_string_lossy())),
                    "install the OpenSSH client, or leave out -F and write user@host:port",
                ));
            }
            tracing::warn!("no ssh program: ssh_config is not read");
            HostConfig::defaults(&parsed, &me.home, &me.name)
        }
    };
    if !valid_host(&config.hostname) || !valid_user(&config.user) {
        return Err(Failure::usage(
            format!("ssh_config gives {} a host or user name with characters no name has", config.shown()),
            "look at HostName and User there: `ssh -G ALIAS` prints them",
        ));
    }
    let (home, machine) = (me.home.to_string_lossy().into_owned(), machine());
    let plain = config.clone();
    let tokens = Tokens { config: &plain, home: &home, me: &me.name, uid: me.uid, machine: &machine };
    let env = |name: &str| std::env::var(name).ok();
    for list in [
        &mut config.identity_files,
        &mut config.certificate_files,
        &mut config.user_known_hosts,
        &mut config.global_known_hosts,
    ] {
        for path in list.iter_mut() {
            *path = expand_path(path, &tokens, &env)?;
        }
    }
    if let Some(path) = &mut config.revoked_host_keys {
        *path = expand_path(path, &tokens, &env)?;
    }
    let socket = match &config.identity_agent {
        AgentSocket::Path(p) => match p.to_str().and_then(|p| p.strip_prefix('$')).filter(|n| !n.starts_with('{')) {
            // `$NAME` alone names a variable that holds the path
            Some(name) => match env(name) {
                Some(path) => AgentSocket::Path(path.into()),
                None => AgentSocket::None,
            },
            None => AgentSocket::Path(expand_path(p, &tokens, &env)?),
        },
        other => other.clone(),
    };
    config.identity_agent = socket;
    Ok(config)
}

/// What `ssh -G` prints; `None` = there is no ssh here.
async fn ask_ssh(dest: &Dest, file: Option<&Path>) -> Result<Option<String>, Failure> {
    let mut command = tokio::process::Command::new("ssh");
    command.arg("-G");
    if let Some(file) = file {
        command.arg("-F").arg(file);
    }
    if let Some(user) = &dest.user {
        command.arg("-l").arg(user);
    }
    if let Some(port) = dest.port {
        command.arg("-p").arg(port.to_string());
    }
    command.arg("--").arg(&dest.host);
    command.stdin(std::process::Stdio::null()).kill_on_drop(true);
    let ran = match tokio::time::timeout(ASK_SSH_WITHIN, command.output()).await {
        Ok(Ok(ran)) => ran,
        Ok(Err(e)) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Ok(Err(e)) => {
            return Err(Failure::failed(
                format!("`ssh -G` could not be started: {e}"),
                "see whether `ssh -V` works here",
            ));
        }
        Err(_) => {
            return Err(Failure::new(
                Kind::TimedOut,
                format!("`ssh -G {}` did not answer within {} s", escape(&dest.host), ASK_SSH_WITHIN.as_secs()),
                "look for a slow `Match exec` in your ssh_config",
            ));
        }
    };
    if !ran.status.success() {
        let said = String::from_utf8_lossy(&ran.stderr);
        let said = said.lines().filter(|l| !l.starts_with("Pseudo-terminal")).collect::<Vec<_>>().join("; ");
        return Err(Failure::usage(
            format!("ssh_config can't be used for {}: {}", escape(&dest.host), short(&said, 400)),
            "put that right; `ssh -G ALIAS` shows the same error",
        ));
    }
    Ok(Some(String::from_utf8_lossy(&ran.stdout).into_owned()))
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

    #[test]
    fn reads_what_ssh_prints() {
        let printed = "host a\nuser bob\nhostname 10.0.0.1\nport 2200\nidentityfile ~/x y\nidentityfile /k\n\
            certificatefile /q\nidentitiesonly yes\nidentityagent none\nuserknownhostsfile /a/b /c d\n\
            globalknownhostsfile none\nstricthostkeychecking false\nhashknownhosts yes\nhostkeyalias Other\n\
            proxyjump u@b:23,c\nconnecttimeout 7\naddressfamily inet6\nbatchmode yes\npubkeyauthentication false\n\
            passwordauthentication no\nport x\nport 0\n";
        let c = parse_g(printed, &dest(None, "a", None), Path::new("/h"), "me");
        assert_eq!((c.user.as_str(), c.hostname.as_str(), c.port), ("bob", "10.0.0.1", 2200));
        assert_eq!(c.identity_files, [PathBuf::from("~/x y"), "/k".into()]);
        assert_eq!(c.certificate_files, [PathBuf::from("/q")]);
        assert!(c.identities_only && c.hash_known_hosts && c.batch && !c.publickey && !c.password);
        assert_eq!(c.identity_agent, AgentSocket::None);
        assert_eq!(c.user_known_hosts, [PathBuf::from("/a/b"), "/c d".into()]);
        assert_eq!(c.global_known_hosts, [] as [PathBuf; 0]);
        assert_eq!(c.strict, Strict::No);
        assert_eq!(c.recorded_as(), ("other".into(), 22));
        assert_eq!(c.proxy_jump.as_deref(), Some("u@b:23,c"));
        assert_eq!((c.connect_timeout, c.family), (Duration::from_secs(7), Some(6)));
        assert_eq!(c.shown(), "bob@a:2200");
        for (word, want) in
            [("true", Strict::Yes), ("ask", Strict::Ask), ("accept-new", Strict::AcceptNew), ("hm", Strict::Yes)]
        {
            let c = parse_g(&format!("stricthostkeychecking {word}\n"), &dest(None, "a", None), Path::new("/h"), "me");
            assert_eq!(c.strict, want, "{word}");
        }
        let forwards = |more: &str| {
            let printed = format!(
                "localforward 8080 [localhost]:80\nremoteforward 9000 [socks]:0\ndynamicforward 8081\n\
                 localforward 8081 /run/x\ndynamicforward 1080\nlocalforward nonsense\n{more}"
            );
            let wanted = parse_g(&printed, &dest(None, "a", None), Path::new("/h"), "me").forwards;
            (wanted.specs.iter().map(ToString::to_string).collect::<Vec<_>>(), wanted.must)
        };
        let all = ["L:8080:localhost:80", "R:9000", "L:8081:/run/x", "D:1080"].map(String::from).to_vec();
        assert_eq!(forwards("exitonforwardfailure yes\n"), (all, true));
        assert_eq!(forwards("clearallforwardings yes\n"), (Vec::new(), false));
        // nothing printed: the defaults
        let c = parse_g("", &dest(Some("u"), "a", Some(9)), Path::new("/h"), "me");
        assert_eq!((c.user.as_str(), c.port, c.strict), ("u", 9, Strict::Ask));
        assert_eq!(c.user_known_hosts.first(), Some(&PathBuf::from("/h/.ssh/known_hosts")));
    }

    #[test]
    fn tokens() {
        let mut c = HostConfig::defaults(&dest(Some("bob"), "web", Some(2200)), Path::new("/h"), "me");
        c.hostname = "10.0.0.1".into();
        let t = Tokens { config: &c, home: "/h", me: "me", uid: 7, machine: "box.lan" };
        assert_eq!(
            expand("nc %h %p %r %n %% %d %u %i %l %L", &t).unwrap(),
            "nc 10.0.0.1 2200 bob web % /h me 7 box.lan box"
        );
        assert!(expand("nc %q", &t).is_err());
        assert!(expand("nc %", &t).is_err());
        let env = |n: &str| (n == "K").then(|| "key".to_string());
        assert_eq!(expand_path(Path::new("~/.ssh/${K}_%n"), &t, &env).unwrap(), Path::new("/h/.ssh/key_web"));
        assert!(expand_path(Path::new("${NO}"), &t, &env).is_err());
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_panic(text: String, printed in "((port|user|identityfile|proxyjump|x) ?[^\n]{0,20}\n){0,5}") {
            if let Ok(d) = parse_dest(&text) {
                assert!(!d.host.starts_with('-') && !d.host.is_empty());
            }
            let c = parse_g(&printed, &dest(None, "a", None), Path::new("/h"), "me");
            let t = Tokens { config: &c, home: "/h", me: "me", uid: 7, machine: "box" };
            let _ = expand(&text, &t);
            let _ = expand_path(Path::new(&text), &t, &|_| None);
        }
    }
}
