//! Owns the end of reading: defaults, tokens, and the lines that `ssh -G` would print, those thub uses.
//! Leaves out reading.

use super::super::KEYS;
use super::super::expand::{connection, fill};
use super::algorithms::{self, CIPHERS, Family, KEX, KEYS as KEY_NAMES, MACS, SIGNATURES};
use super::forward::{End, Forward, Jump};
use super::words::bytes;
use super::{Reader, wrong};
use crate::failure::Failure;
use crate::text::short;

/// What holds where nothing is said. Lists and what depends on other options are elsewhere.
const DEFAULTS: &[(&str, &str)] = &[
    ("addressfamily", "any"),
    ("batchmode", "no"),
    ("checkhostip", "no"),
    ("clearallforwardings", "no"),
    ("exitonforwardfailure", "no"),
    ("forwardx11", "no"),
    ("forwardx11trusted", "yes"),
    ("gatewayports", "no"),
    ("hashknownhosts", "no"),
    ("identitiesonly", "no"),
    ("kbdinteractiveauthentication", "yes"),
    ("nohostauthenticationforlocalhost", "no"),
    ("passwordauthentication", "yes"),
    ("proxyusefdpass", "no"),
    ("pubkeyauthentication", "true"),
    ("streamlocalbindunlink", "no"),
    ("stricthostkeychecking", "ask"),
    ("tcpkeepalive", "yes"),
    ("verifyhostkeydns", "false"),
    ("connectionattempts", "1"),
    ("forwardx11timeout", "1200"),
    ("numberofpasswordprompts", "3"),
    ("serveralivecountmax", "3"),
    ("requiredrsasize", "1024"),
    ("xauthlocation", "/usr/bin/xauth"),
    ("forwardagent", "no"),
    ("connecttimeout", "none"),
    ("ipqos", "lowdelay throughput"),
    ("port", "22"),
];

const LISTS: &[(&str, &Family)] = &[
    ("ciphers", &CIPHERS),
    ("macs", &MACS),
    ("kexalgorithms", &KEX),
    ("hostkeyalgorithms", &KEY_NAMES),
    ("hostbasedacceptedalgorithms", &KEY_NAMES),
    ("pubkeyacceptedalgorithms", &KEY_NAMES),
    ("casignaturealgorithms", &SIGNATURES),
];

/// Names of service classes and their TOS byte, in OpenSSH's order: the first of two with one value is its name.
const CLASSES: &[(&str, u8)] = &[
    ("af11", 0x28),
    ("af12", 0x30),
    ("af13", 0x38),
    ("af21", 0x48),
    ("af22", 0x50),
    ("af23", 0x58),
    ("af31", 0x68),
    ("af32", 0x70),
    ("af33", 0x78),
    ("af41", 0x88),
    ("af42", 0x90),
    ("af43", 0x98),
    ("cs0", 0x00),
    ("cs1", 0x20),
    ("cs2", 0x40),
    ("cs3", 0x60),
    ("cs4", 0x80),
    ("cs5", 0xa0),
    ("cs6", 0xc0),
    ("cs7", 0xe0),
    ("ef", 0xb8),
    ("le", 0x04),
    ("lowdelay", 0x10),
    ("throughput", 0x08),
    ("reliability", 0x04),
];

/// How `ssh -G` names what IPQoS says.
pub(super) fn tos_shown(said: &str) -> Option<String> {
    if said.eq_ignore_ascii_case("none") {
        return Some("none".into());
    }
    // 9.2 has no name for this one
    const NEWER: (&str, u8) = ("va", 0xb0);
    let known = || CLASSES.iter().chain([&NEWER]);
    let class = known().find(|(name, _)| name.eq_ignore_ascii_case(said)).map(|(_, tos)| *tos);
    let number = || {
        let digits = said.trim_start_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
        let digits = digits.strip_prefix('+').unwrap_or(digits);
        let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
        let (digits, radix) = match hex {
            Some(hex) => (hex, 16),
            None if digits.starts_with('0') => (digits, 8),
            None => (digits, 10),
        };
        let right = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
        right.then(|| u8::from_str_radix(digits, radix).ok())?
    };
    let tos = class.or_else(number)?;
    let name = CLASSES.iter().find(|(_, value)| *value == tos);
    Some(name.map_or_else(|| format!("0x{tos:02x}"), |(name, _)| (*name).to_string()))
}

impl Reader<'_> {
    /// What `ssh -G` prints. `host` = where it leads in the end.
    pub(super) fn printed(mut self, host: &str) -> Result<Vec<u8>, Failure> {
        self.fill(host)?;
        let o = &self.options;
        let (mut out, mut broken) = (Vec::new(), None);
        for key in KEYS {
            let mut line = |value: &str| {
                // from a variable, or a jump's decoded user: it would become a line of its own
                broken = broken.or(value.contains('\n').then_some(*key));
                out.extend(bytes(&format!("{key} {value}\n")));
            };
            let mut each = |values: &[String]| values.iter().for_each(|v| line(v));
            match *key {
                "host" => each(std::slice::from_ref(&self.original)),
                "hostname" => each(&[host.to_string()]),
                "dynamicforward" => {
                    let socks = |f: &&Forward| f.is_socks() || matches!(f.to, End::Path(_));
                    each(&o.local.iter().filter(socks).map(Forward::listen_shown).collect::<Vec<_>>());
                }
                "localforward" => {
                    each(&o.local.iter().filter(|f| !f.is_socks()).map(Forward::shown).collect::<Vec<_>>());
                }
                "remoteforward" => each(&o.remote.iter().map(Forward::shown).collect::<Vec<_>>()),
                "identityfile" => each(&o.identities.iter().map(|(p, _)| p.clone()).collect::<Vec<_>>()),
                "certificatefile" => each(&o.certificates.iter().map(|(p, _)| p.clone()).collect::<Vec<_>>()),
                "globalknownhostsfile" => each(&[files(&o.global_known_hosts)]),
                "userknownhostsfile" => each(&[files(&o.user_known_hosts)]),
                "sendenv" => each(&o.send_env),
                "setenv" => each(&o.set_env),
                "forwardagent" => {
                    let yes = o.get("forwardagent").unwrap_or("no").to_string();
                    each(&[o.forward_agent.clone().unwrap_or(yes)]);
                }
                "rekeylimit" => {
                    let (bytes, every) = (o.get("rekeylimit").unwrap_or("0"), o.get("rekeyinterval").unwrap_or("0"));
                    each(&[format!("{bytes} {every}")]);
                }
                "streamlocalbindmask" => each(&[format!("0{:o}", o.mask.unwrap_or(0o177))]),
                "proxycommand" if o.jump.is_some() => {}
                "proxyjump" => {
                    if let Some(jump) = &o.jump {
                        each(&[jump.shown()]);
                    }
                }
                key => {
                    if let Some(value) = o.get(key) {
                        each(&[value.to_string()]);
                    }
                }
            }
        }
        match broken {
            Some(key) => Err(wrong(&format!("the value of {key} has a line break in it"))),
            None => Ok(out),
        }
    }

    /// Defaults and tokens, and what ssh refuses before it would connect.
    fn fill(&mut self, host: &str) -> Result<(), Failure> {
        let me = self.me.clone();
        let o = &mut self.options;
        o.first("user", me);
        let alive = if o.is("batchmode", "yes") { "300" } else { "0" };
        o.first("serveraliveinterval", alive.into());
        for (key, value) in DEFAULTS {
            o.first(key, (*value).into());
        }
        if o.is("clearallforwardings", "yes") {
            o.local.clear();
            o.remote.clear();
        }
        if o.identities.is_empty() {
            let kinds = ["rsa", "ecdsa", "ecdsa_sk", "ed25519", "ed25519_sk", "xmss", "dsa"];
            o.identities = kinds.iter().map(|k| (format!("~/.ssh/id_{k}"), false)).collect();
        }
        if o.global_known_hosts.is_empty() {
            o.global_known_hosts = vec!["/etc/ssh/ssh_known_hosts".into(), "/etc/ssh/ssh_known_hosts2".into()];
        }
        if o.user_known_hosts.is_empty() {
            o.user_known_hosts = vec!["~/.ssh/known_hosts".into(), "~/.ssh/known_hosts2".into()];
        }
        for (key, family) in LISTS {
            let list = algorithms::assemble(family, o.get(key));
            o.put(key, list.ok_or_else(|| wrong(&format!("{key} leaves no algorithm that OpenSSH knows")))?);
        }
        for key in
            ["localcommand", "remotecommand", "proxycommand", "controlpath", "revokedhostkeys", "knownhostscommand"]
        {
            o.drop_none(key);
        }
        if o.jump.as_ref().is_some_and(Jump::is_none) {
            o.jump = None;
        }
        if let Some(jump) = &o.jump {
            let port = if jump.port > 0 { jump.port.to_string() } else { "22".into() };
            let user = jump.user.as_deref().or(o.get("user"));
            if jump.host == host && o.is("port", &port) && o.get("user") == user {
                return Err(wrong(&format!("ProxyJump leads to {} itself", short(host, 100))));
            }
            o.put("proxyusefdpass", "no".into());
        }
        if let Some(alias) = o.get("hostkeyalias").map(str::to_ascii_lowercase) {
            o.put("hostkeyalias", alias);
        }
        if o.is("proxycommand", "-") && o.is("proxyusefdpass", "yes") {
            return Err(wrong("ProxyCommand \"-\" and ProxyUseFdpass do not go together"));
        }
        if o.is("connectionattempts", "0") {
            return Err(wrong("ConnectionAttempts is 0"));
        }
        let command = o.get("remotecommand").is_some();
        if o.is("forkafterauthentication", "yes") && !command && !o.is("sessiontype", "none") {
            return Err(wrong("ForkAfterAuthentication needs a RemoteCommand"));
        }
        self.tokens(host)
    }

    fn tokens(&mut self, host: &str) -> Result<(), Failure> {
        let machine = self.world.machine();
        let get = |key: &str| self.options.get(key).unwrap_or_default().to_string();
        let (port, user, alias) = (get("port"), get("user"), get("hostkeyalias"));
        let uid = self.world.me().uid.to_string();
        let key = if alias.is_empty() { self.original.clone() } else { alias };
        let hash = connection(&[&bytes(&machine), &bytes(host), &bytes(&port), &bytes(&user)].map(|b| b.as_slice()));
        let jump = self.jump_host();
        let (original, home, me) = (self.original.clone(), self.home.clone(), self.me.clone());
        let token = |letter: char| {
            Some(match letter {
                'C' => hash.clone(),
                'L' => machine.split('.').next().unwrap_or_default().to_string(),
                'd' => home.clone(),
                'h' => host.to_string(),
                'i' => uid.clone(),
                'j' => jump.clone(),
                'k' => key.clone(),
                'l' => machine.clone(),
                'n' => original.clone(),
                'p' => port.clone(),
                'r' => user.clone(),
                'u' => me.clone(),
                _ => return None,
            })
        };
        let world = self.world;
        let env = |name: &str| world.env(name);
        let bad = |key: &str, why: String| wrong(&format!("{key}: {why}"));
        let path = |key: &str, text: &str| -> Result<String, Failure> {
            let at_home = self.tilde(text).map_err(|why| bad(key, why))?;
            fill(&at_home, &token, Some(&env)).map_err(|why| bad(key, why.plainly()))
        };
        if let Some(command) = self.options.get("remotecommand") {
            fill(command, &token, None).map_err(|why| bad("RemoteCommand", why.plainly()))?;
        }
        if let Some(socket) = self.options.get("controlpath") {
            path("ControlPath", socket)?;
        }
        let agent = self.options.get("identityagent").map(|a| path("IdentityAgent", a)).transpose()?;
        let forwarded = self.options.forward_agent.as_ref().map(|a| path("ForwardAgent", a)).transpose()?;
        if let Some(socket) = &forwarded
            && !world.exists(socket)
            && self.options.is("exitonforwardfailure", "yes")
        {
            return Err(wrong(&format!("ForwardAgent: there is no {}", short(socket, 200))));
        }
        let none = |list: &[String]| list.first().is_some_and(|f| f.eq_ignore_ascii_case("none"));
        let user_files = match none(&self.options.user_known_hosts) {
            true => Vec::new(),
            false => {
                let all = self.options.user_known_hosts.iter();
                all.map(|f| path("UserKnownHostsFile", f)).collect::<Result<Vec<_>, _>>()?
            }
        };
        let ends = |list: &[Forward]| -> Result<Vec<Forward>, Failure> {
            let end = |end: &End| match end {
                End::Path(p) => fill(p, &token, None).map(End::Path).map_err(|why| bad("a forward", why.plainly())),
                other => Ok(other.clone()),
            };
            list.iter().map(|f| Ok(Forward { listen: end(&f.listen)?, to: end(&f.to)? })).collect()
        };
        let (local, remote) = (ends(&self.options.local)?, ends(&self.options.remote)?);
        let o = &mut self.options;
        if let Some(agent) = agent {
            o.put("identityagent", agent);
        }
        o.forward_agent = forwarded;
        o.user_known_hosts = user_files;
        if none(&o.global_known_hosts) {
            o.global_known_hosts.clear();
        }
        (o.local, o.remote) = (local, remote);
        Ok(())
    }
}

#[cfg(test)]
pub(super) fn default_lists() -> Vec<u8> {
    let line = |(key, family): &(&str, &Family)| format!("{key} {}\n", algorithms::assemble(family, None).unwrap());
    LISTS.iter().map(line).collect::<String>().into_bytes()
}

fn files(list: &[String]) -> String {
    if list.is_empty() { "none".into() } else { list.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes() {
        for (said, want) in [
            ("AF21", Some("af21")),
            ("0x48", Some("af21")),
            ("4", Some("le")),
            ("010", Some("throughput")),
            ("1", Some("0x01")),
            ("none", Some("none")),
            ("va", Some("0xb0")),
            ("256", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(tos_shown(said).as_deref(), want, "{said}");
        }
    }

    #[test]
    fn every_key_is_printed_or_may_be_left_out() {
        let left_out = ["bindaddress", "bindinterface", "hostkeyalias", "identityagent", "preferredauthentications"];
        let left_out =
            [&left_out[..], &["revokedhostkeys", "knownhostscommand", "proxycommand", "serveraliveinterval"]].concat();
        let made = ["host", "user", "hostname", "dynamicforward", "localforward", "remoteforward", "identityfile"];
        let made = [&made[..], &["certificatefile", "globalknownhostsfile", "userknownhostsfile", "sendenv", "setenv"]]
            .concat();
        let made = [&made[..], &["rekeylimit", "streamlocalbindmask", "proxyjump"]].concat();
        for key in KEYS {
            let known = DEFAULTS.iter().any(|(k, _)| k == key) || LISTS.iter().any(|(k, _)| k == key);
            assert!(known || left_out.contains(key) || made.contains(key), "{key}");
        }
    }
}
