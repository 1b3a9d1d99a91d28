//! Owns what `ssh -G` prints: asking it ([`ask`]), reading it ([`parse_g`]), and which of its keys are used here
//! ([`KEYS`]). Leaves out ssh_config itself.

use super::{AgentSocket, Dest, HostConfig, Strict};
use crate::failure::{Failure, Kind};
use crate::text::{escape, short};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Keys of `ssh -G` that [`parse_g`] reads, in the order they are printed.
pub const KEYS: &[&str] = &[
    "host",
    "user",
    "hostname",
    "port",
    "addressfamily",
    "batchmode",
    "checkhostip",
    "clearallforwardings",
    "exitonforwardfailure",
    "forwardx11",
    "forwardx11trusted",
    "gatewayports",
    "hashknownhosts",
    "identitiesonly",
    "kbdinteractiveauthentication",
    "nohostauthenticationforlocalhost",
    "passwordauthentication",
    "proxyusefdpass",
    "pubkeyauthentication",
    "streamlocalbindunlink",
    "stricthostkeychecking",
    "tcpkeepalive",
    "verifyhostkeydns",
    "connectionattempts",
    "forwardx11timeout",
    "numberofpasswordprompts",
    "serveralivecountmax",
    "serveraliveinterval",
    "requiredrsasize",
    "bindaddress",
    "bindinterface",
    "ciphers",
    "hostkeyalgorithms",
    "hostkeyalias",
    "identityagent",
    "kexalgorithms",
    "casignaturealgorithms",
    "macs",
    "preferredauthentications",
    "pubkeyacceptedalgorithms",
    "revokedhostkeys",
    "xauthlocation",
    "knownhostscommand",
    "dynamicforward",
    "localforward",
    "remoteforward",
    "identityfile",
    "certificatefile",
    "globalknownhostsfile",
    "userknownhostsfile",
    "sendenv",
    "setenv",
    "forwardagent",
    "connecttimeout",
    "ipqos",
    "rekeylimit",
    "streamlocalbindmask",
    "proxycommand",
    "proxyjump",
];

const ASK_SSH_WITHIN: Duration = Duration::from_secs(10);
/// As many are asked at once: fifty processes that start together leave no processor for who types, and none for the
/// handshakes of those that have their answer.
static ASKING: Semaphore = Semaphore::const_new(1);
/// One that takes longer (a slow `Match exec`) holds up nobody else.
const TURN: Duration = Duration::from_millis(30);

/// What `ssh -G` prints; `None` = there is no ssh here.
pub(super) async fn ask(dest: &Dest, file: Option<&Path>) -> Result<Option<Vec<u8>>, Failure> {
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
    crate::sys::in_own_session(&mut command);
    // (nobody closes it)
    let mut turn = ASKING.acquire().await.ok();
    let asking = tokio::time::timeout(ASK_SSH_WITHIN, command.output());
    tokio::pin!(asking);
    let ran = match tokio::time::timeout(TURN, &mut asking).await {
        Ok(ran) => ran,
        Err(_) => {
            turn = None;
            asking.await
        }
    };
    drop(turn);
    let ran = match ran {
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
        if let Some((_, why)) = said.split_once("RefuseConnection: ") {
            return Err(super::own::refused(&short(why, 300)));
        }
        return Err(Failure::usage(
            format!("ssh_config can't be used for {}: {}", escape(&dest.host), short(&said, 400)),
            "put that right; `ssh -G ALIAS` shows the same error",
        ));
    }
    Ok(Some(ran.stdout))
}

/// What `ssh -G` printed, over the defaults.
pub fn parse_g(printed: &str, dest: &Dest, home: &Path, me: &str) -> HostConfig {
    let mut c = HostConfig::defaults(dest, home, me);
    let (mut files, mut certs) = (Vec::new(), Vec::new());
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
            "batchmode" => c.batch = on,
            "pubkeyauthentication" => c.publickey = !matches!(value, "no" | "false"),
            "passwordauthentication" => c.password = on,
            "kbdinteractiveauthentication" | "challengeresponseauthentication" => c.keyboard_interactive = on,
            "preferredauthentications" => c.preferred_authentications = list(value),
            "numberofpasswordprompts" => number(value, &mut c.number_of_password_prompts),
            "knownhostscommand" => c.known_hosts_command = some(),
            "checkhostip" => c.check_host_ip = on,
            "nohostauthenticationforlocalhost" => c.no_host_authentication_for_localhost = on,
            "verifyhostkeydns" => c.verify_host_key_dns = on || value == "ask",
            "connectionattempts" => number(value, &mut c.connection_attempts),
            "bindaddress" => c.bind_address = some(),
            "bindinterface" => c.bind_interface = some(),
            "ipqos" => c.ipqos = value.split(' ').next().and_then(tos),
            "tcpkeepalive" => c.tcp_keep_alive = on,
            "rekeylimit" => {
                let mut words = value.split(' ').map(|w| w.parse::<u64>().unwrap_or(0));
                c.rekey_bytes = words.next().unwrap_or(0);
                c.rekey_every = Duration::from_secs(words.next().unwrap_or(0).min(u64::from(u32::MAX)));
            }
            "serveraliveinterval" => c.server_alive_interval = seconds(value),
            "serveralivecountmax" => number(value, &mut c.server_alive_count_max),
            "ciphers" => c.ciphers = list(value),
            "macs" => c.macs = list(value),
            "kexalgorithms" => c.kex_algorithms = list(value),
            "hostkeyalgorithms" => c.host_key_algorithms = list(value),
            "pubkeyacceptedalgorithms" | "pubkeyacceptedkeytypes" => c.pubkey_accepted_algorithms = list(value),
            "casignaturealgorithms" => c.ca_signature_algorithms = list(value),
            "requiredrsasize" => number(value, &mut c.required_rsa_size),
            "sendenv" => c.send_env.extend(some()),
            "setenv" => c.set_env.extend(value.split_once('=').map(|(n, v)| (n.to_string(), v.to_string()))),
            "localforward" => c.local_forwards.extend(some()),
            "remoteforward" => c.remote_forwards.extend(some()),
            "dynamicforward" => c.dynamic_forwards.extend(some()),
            "forwardagent" => {
                c.forward_agent = match value {
                    "" | "no" | "false" => None,
                    "yes" | "true" | "SSH_AUTH_SOCK" | "$SSH_AUTH_SOCK" => Some(AgentSocket::Environment),
                    path => Some(AgentSocket::Path(path.into())),
                }
            }
            "forwardx11" => c.forward_x11 = on,
            "forwardx11trusted" => c.forward_x11_trusted = on,
            "forwardx11timeout" => c.forward_x11_timeout = seconds(value),
            "xauthlocation" => c.xauth_location = some().map(PathBuf::from),
            "gatewayports" => c.gateway_ports = on,
            "exitonforwardfailure" => c.exit_on_forward_failure = on,
            "clearallforwardings" => c.clear_all_forwardings = on,
            "streamlocalbindunlink" => c.stream_local_bind_unlink = on,
            "streamlocalbindmask" => {
                c.stream_local_bind_mask = u32::from_str_radix(value, 8).unwrap_or(0o177) & 0o777;
            }
            _ => {}
        }
    }
    // `ssh -G` prints a local forward to a socket among the dynamic ones as well
    let doubled = |d: &String, l: &String| l.strip_prefix(d.as_str()).is_some_and(|to| to.starts_with(' '));
    c.dynamic_forwards.retain(|d| !c.local_forwards.iter().any(|l| doubled(d, l)));
    if !files.is_empty() {
        c.identity_files = files.into_iter().map(PathBuf::from).collect();
    }
    c.certificate_files = certs.into_iter().map(PathBuf::from).collect();
    c
}

fn list(value: &str) -> Vec<String> {
    value.split(',').map(str::trim).filter(|w| !w.is_empty()).map(str::to_string).collect()
}

fn number(value: &str, to: &mut u32) {
    if let Ok(n) = value.parse() {
        *to = n;
    }
}

fn seconds(value: &str) -> Duration {
    Duration::from_secs(value.parse::<u32>().map_or(0, u64::from))
}

/// A name of `IPQoS`, or a number, as the TOS byte. ssh_config(5), RFC 2474, RFC 8622.
fn tos(name: &str) -> Option<u8> {
    let class = |prefix| name.strip_prefix(prefix).and_then(|n| n.parse::<u8>().ok());
    Some(match name {
        "ef" => 46 << 2,
        "le" => 1 << 2,
        "va" => 44 << 2,
        "lowdelay" => 0x10,
        "throughput" => 0x08,
        "reliability" => 0x04,
        _ => match (class("cs"), class("af")) {
            (Some(n @ 0..=7), _) => n << 5,
            (_, Some(n)) if matches!(n / 10, 1..=4) && matches!(n % 10, 1..=3) => ((n / 10) << 5) | ((n % 10) << 3),
            _ => {
                let hex = name.strip_prefix("0x").map(|h| u8::from_str_radix(h, 16));
                return hex.unwrap_or_else(|| name.parse()).ok();
            }
        },
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn dest(user: Option<&str>, host: &str, port: Option<u16>) -> Dest {
        Dest { user: user.map(str::to_string), host: host.into(), port }
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
        // nothing printed: the defaults
        let c = parse_g("", &dest(Some("u"), "a", Some(9)), Path::new("/h"), "me");
        assert_eq!((c.user.as_str(), c.port, c.strict), ("u", 9, Strict::Ask));
        assert_eq!(c.user_known_hosts.first(), Some(&PathBuf::from("/h/.ssh/known_hosts")));
    }
}
