//! Owns what ssh_config says about a host: [`HostConfig`], asked of `ssh -G`, or of [`own`] where there is no ssh.
//! Leaves out what is done with it. Parsing and expanding are pure; programs and files are touched at the edge.

mod dest;
mod expand;
mod g;
pub mod own;

pub use dest::{Dest, parse_dest};
pub use expand::{Tokens, expand};
pub use g::{KEYS, parse_g};

use super::forward::spec::{self, Spec};
use crate::failure::Failure;
use crate::text::short;
use dest::{valid_host, valid_user};
use expand::expand_path;
use std::path::{Path, PathBuf};
use std::time::Duration;

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

impl AgentSocket {
    /// Where that agent listens; `None` = there is none.
    pub fn path(&self) -> Option<PathBuf> {
        match self {
            AgentSocket::None => None,
            AgentSocket::Path(path) => Some(path.clone()),
            AgentSocket::Environment => std::env::var_os("SSH_AUTH_SOCK").filter(|s| !s.is_empty()).map(PathBuf::from),
        }
    }
}

/// What ssh_config says about one destination.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostConfig {
    /// The ssh_config that was named in place of the user's.
    pub file: Option<PathBuf>,
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
    /// The key must not be another one than what is on record for the address.
    pub check_host_ip: bool,
    pub proxy_jump: Option<String>,
    pub proxy_command: Option<String>,
    /// The proxy command hands back a descriptor: not spoken here.
    pub proxy_use_fdpass: bool,
    pub connect_timeout: Duration,
    /// Only these addresses: `Some(4)`, `Some(6)`.
    pub family: Option<u8>,
    /// Who issues host keys on the spot: a command.
    pub known_hosts_command: Option<String>,
    /// No host key check where the address is loopback: not followed, for it is less strict.
    pub no_host_authentication_for_localhost: bool,
    pub verify_host_key_dns: bool,
    pub connection_attempts: u32,
    pub bind_address: Option<String>,
    pub bind_interface: Option<String>,
    /// The TOS byte of an interactive connection; `None` = the system's.
    pub ipqos: Option<u8>,
    pub tcp_keep_alive: bool,
    /// Keys are renewed after so many bytes; 0 = the cipher's own bound.
    pub rekey_bytes: u64,
    /// Keys are renewed after so long; zero = never by time.
    pub rekey_every: Duration,
    /// Zero = not asked for.
    pub server_alive_interval: Duration,
    pub server_alive_count_max: u32,
    /// Algorithm lists in the order of preference; empty = nothing said.
    pub ciphers: Vec<String>,
    pub macs: Vec<String>,
    pub kex_algorithms: Vec<String>,
    pub host_key_algorithms: Vec<String>,
    pub pubkey_accepted_algorithms: Vec<String>,
    pub ca_signature_algorithms: Vec<String>,
    /// Bits.
    pub required_rsa_size: u32,
    /// Names (patterns resolved against our own environment by whoever sends them).
    pub send_env: Vec<String>,
    pub set_env: Vec<(String, String)>,
    /// `[bind]:port [host]:hostport` as `ssh -G` prints them: `8080 [db]:5432`, `[::1]:8080 [db]:5432`, `/a/socket /b`.
    pub local_forwards: Vec<String>,
    pub remote_forwards: Vec<String>,
    /// `1080` or `[bind]:1080`
    pub dynamic_forwards: Vec<String>,
    /// `None` = not forwarded.
    pub forward_agent: Option<AgentSocket>,
    pub forward_x11: bool,
    pub forward_x11_trusted: bool,
    /// Zero = for ever.
    pub forward_x11_timeout: Duration,
    pub xauth_location: Option<PathBuf>,
    /// Others may connect to local forwards: not followed, a forward's own address says it.
    pub gateway_ports: bool,
    pub exit_on_forward_failure: bool,
    pub clear_all_forwardings: bool,
    /// An old socket file in a forward's place is removed first.
    pub stream_local_bind_unlink: bool,
    /// umask of forwards' socket files: not followed, they are 0600.
    pub stream_local_bind_mask: u32,
    /// Never ask for a secret.
    pub batch: bool,
    pub publickey: bool,
    pub password: bool,
    pub keyboard_interactive: bool,
    /// In this order and no other ones; empty = ssh's order.
    pub preferred_authentications: Vec<String>,
    /// How often a secret is asked for.
    pub number_of_password_prompts: u32,
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
            file: None,
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
            check_host_ip: false,
            proxy_jump: None,
            proxy_command: None,
            proxy_use_fdpass: false,
            connect_timeout: CONNECT_WITHIN,
            family: None,
            known_hosts_command: None,
            no_host_authentication_for_localhost: false,
            verify_host_key_dns: false,
            connection_attempts: 1,
            bind_address: None,
            bind_interface: None,
            ipqos: None,
            tcp_keep_alive: true,
            rekey_bytes: 0,
            rekey_every: Duration::ZERO,
            server_alive_interval: Duration::ZERO,
            server_alive_count_max: 3,
            ciphers: Vec::new(),
            macs: Vec::new(),
            kex_algorithms: Vec::new(),
            host_key_algorithms: Vec::new(),
            pubkey_accepted_algorithms: Vec::new(),
            ca_signature_algorithms: Vec::new(),
            required_rsa_size: 1024,
            send_env: Vec::new(),
            set_env: Vec::new(),
            local_forwards: Vec::new(),
            remote_forwards: Vec::new(),
            dynamic_forwards: Vec::new(),
            forward_agent: None,
            forward_x11: false,
            forward_x11_trusted: false,
            forward_x11_timeout: Duration::from_secs(1200),
            xauth_location: None,
            gateway_ports: false,
            exit_on_forward_failure: false,
            clear_all_forwardings: false,
            stream_local_bind_unlink: false,
            stream_local_bind_mask: 0o177,
            batch: false,
            publickey: true,
            password: true,
            keyboard_interactive: true,
            preferred_authentications: Vec::new(),
            number_of_password_prompts: 3,
        }
    }

    /// The socket of the ssh-agent that is lent to the host, where there is one.
    pub fn lent_agent(&self) -> Option<PathBuf> {
        // (a target process' own name for it may lead nowhere)
        self.forward_agent.as_ref().and_then(AgentSocket::path).filter(|p| p.exists())
    }

    /// The forwards asked for.
    pub fn forwards(&self) -> Wanted {
        let of = |kind: spec::Kind, values: &[String]| -> Vec<Spec> {
            values.iter().filter_map(|v| Spec::from_config(kind, v)).collect()
        };
        let mut specs = of(spec::Kind::Local, &self.local_forwards);
        let local: Vec<_> = specs.iter().map(|s| s.listen.clone()).collect();
        specs.extend(of(spec::Kind::Remote, &self.remote_forwards));
        // `ssh -G` prints one that leads to a socket a second time, as a dynamic one
        specs
            .extend(of(spec::Kind::Dynamic, &self.dynamic_forwards).into_iter().filter(|s| !local.contains(&s.listen)));
        if self.clear_all_forwardings {
            specs.clear();
        }
        Wanted { specs, must: self.exit_on_forward_failure, unlink: self.stream_local_bind_unlink }
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

    /// The command that shows all that OpenSSH does on the way there, in backticks. Escaped.
    pub fn ssh_v(&self) -> String {
        let port = if self.port == 22 { String::new() } else { format!("-p {} ", self.port) };
        let at = if self.alias.is_empty() { &self.hostname } else { &self.alias };
        short(&format!("`ssh -v {port}{}@{at}`", self.user), 200)
    }

    /// What ssh_config asks for and thub does not do: a stop, where passing over it could be less strict than ssh.
    pub(super) fn refused(&self) -> Result<(), Failure> {
        let not = |option: &str, hint: &str| {
            Err(Failure::usage(format!("{}: {option} is not supported", self.shown()), hint))
        };
        if self.known_hosts_command.is_some() {
            return not("KnownHostsCommand", "put what it prints into a file and name that with UserKnownHostsFile");
        }
        if self.proxy_use_fdpass && self.proxy_command.is_some() {
            return not("ProxyUseFdpass", "use a ProxyCommand that copies the bytes (`nc %h %p`), or ProxyJump");
        }
        Ok(())
    }

    /// What is sent of our environment, then what is set: SendEnv, SetEnv. At most 100 of at most 16 KiB each; what is
    /// not UTF-8 is left out.
    pub fn environment(
        &self,
        ours: impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)>,
    ) -> Vec<(String, String)> {
        const MOST: usize = 100;
        const LONGEST: usize = 16 << 10;
        let sent = |name: &String| self.send_env.iter().any(|pattern| own::fits(name, pattern));
        let mut ours: Vec<(String, String)> = ours
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| sent(name))
            .collect();
        ours.sort();
        let set = self.set_env.iter().cloned();
        let fits = |(name, value): &(String, String)| !name.is_empty() && name.len() + value.len() <= LONGEST;
        // a host takes the later of two with one name
        ours.into_iter().chain(set).filter(fits).take(MOST).collect()
    }

    /// The name under which the host's key is on record, and the port that belongs to it (an alias has none).
    pub fn recorded_as(&self) -> (String, u16) {
        match &self.host_key_alias {
            Some(alias) => (alias.to_lowercase(), 22),
            None => (self.hostname.to_lowercase(), self.port),
        }
    }
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

/// What ssh_config says about `dest`, in the words of `ssh -G`: asked of it, or of the own parser where there is no ssh.
/// `file` = that one alone. Times out after 10 s.
pub async fn printed(dest: &Dest, file: Option<&Path>) -> Result<Vec<u8>, Failure> {
    match g::ask(dest, file).await? {
        Some(printed) => Ok(printed),
        None => own::ask(dest, file).await,
    }
}

/// What ssh_config says about `dest`, ready to be used.
pub async fn resolve(dest: &str, file: Option<&Path>) -> Result<HostConfig, Failure> {
    let parsed = parse_dest(dest)?;
    let me = me();
    let printed = printed(&parsed, file).await?;
    let mut config = parse_g(&String::from_utf8_lossy(&printed), &parsed, &me.home, &me.name);
    config.file = file.map(Path::to_path_buf);
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
    for path in config.identity_files.iter_mut().chain(&mut config.certificate_files) {
        *path = expand_path(path, &tokens, &env)?;
    }
    // `ssh -G` has filled them in, but for versions before 8.4; the global ones take neither tokens nor `~`
    for path in config.user_known_hosts.iter_mut().filter(|p| p.starts_with("~")) {
        *path = expand_path(path, &tokens, &env)?;
    }
    if let Some(path) = &mut config.revoked_host_keys {
        *path = expand_path(path, &tokens, &env)?;
    }
    for socket in [Some(&mut config.identity_agent), config.forward_agent.as_mut()].into_iter().flatten() {
        let AgentSocket::Path(path) = &socket else { continue };
        *socket = match path.to_str().and_then(|p| p.strip_prefix('$')).filter(|n| !n.starts_with('{')) {
            // `$NAME` alone names a variable that holds the path
            Some(name) => env(name).map_or(AgentSocket::None, |path| AgentSocket::Path(path.into())),
            None if path.is_absolute() => continue,
            None => AgentSocket::Path(expand_path(path, &tokens, &env)?),
        };
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dest(user: Option<&str>, host: &str, port: Option<u16>) -> Dest {
        Dest { user: user.map(str::to_string), host: host.into(), port }
    }

    #[test]
    fn forwards() {
        let forwards = |more: &str| {
            let printed = format!(
                "localforward 8080 [localhost]:80\nremoteforward 9000 [socks]:0\ndynamicforward 8081\n\
                 localforward 8081 /run/x\ndynamicforward 1080\nlocalforward nonsense\n{more}"
            );
            let wanted = parse_g(&printed, &dest(None, "a", None), Path::new("/h"), "me").forwards();
            (wanted.specs.iter().map(ToString::to_string).collect::<Vec<_>>(), wanted.must)
        };
        let all = ["L:8080:localhost:80", "L:8081:/run/x", "R:9000", "D:1080"].map(String::from).to_vec();
        assert_eq!(forwards("exitonforwardfailure yes\n"), (all, true));
        assert_eq!(forwards("clearallforwardings yes\n"), (Vec::new(), false));
    }

    #[test]
    fn the_command_that_is_advised_reaches_the_same_place() {
        let advised = |user: &str, host: &str, port: u16| {
            parse_g("", &dest(Some(user), host, Some(port)), Path::new("/h"), "me").ssh_v()
        };
        assert_eq!(advised("rowd", "127.0.0.1", 2973), "`ssh -v -p 2973 rowd@127.0.0.1`");
        assert_eq!(advised("rowd", "nas", 22), "`ssh -v rowd@nas`");
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
