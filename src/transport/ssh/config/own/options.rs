//! Owns the keywords of ssh_config as OpenSSH 9.2 (Debian 12) knows them, those that came until 10.5, and what was said of
//! each: [`Options`].
//! Leaves out how a line is read (`line`) and what is printed (`print`).

use super::algorithms::{self, Family};
use super::forward::{Forward, Jump};
use std::collections::HashMap;

/// What a keyword takes.
#[derive(Clone, Copy)]
pub(super) enum Takes {
    /// Nothing that matters: old ones.
    Anything,
    /// One of these words, and what `ssh -G` calls it.
    Word(&'static [(&'static str, &'static str)]),
    Time,
    Number,
    Text,
    /// The rest of the line.
    Command,
    /// Paths on one line, or `none`; at most so many.
    Files(usize),
    Algorithms(&'static Family),
    GssAlgorithms,
    Port,
    ForwardAgent,
    Agent,
    Rekey,
    Identity,
    Certificate,
    Jump,
    LogLevel,
    Facility,
    LogVerbose,
    Local,
    Remote,
    Dynamic,
    PermitRemote,
    Host,
    Match,
    Escape,
    SendEnv,
    SetEnv,
    Persist,
    TunnelDevice,
    Include,
    Refuse,
    IpQos,
    Domains,
    Cnames,
    Mask,
    Hash,
    AddKeys,
}
use Takes::*;

type Words = &'static [(&'static str, &'static str)];
const FLAG: Words = &[("true", "yes"), ("false", "no"), ("yes", "yes"), ("no", "no")];
const ASK: Words = &[("true", "true"), ("false", "false"), ("yes", "true"), ("no", "false"), ("ask", "ask")];
const STRICT: Words = &[
    ("true", "true"),
    ("false", "false"),
    ("yes", "true"),
    ("no", "false"),
    ("ask", "ask"),
    ("off", "false"),
    ("accept-new", "accept-new"),
];
const FAMILY: Words = &[("inet", "inet"), ("inet6", "inet6"), ("any", "any")];
const MASTER: Words =
    &[("true", ""), ("yes", ""), ("false", ""), ("no", ""), ("auto", ""), ("ask", ""), ("autoask", "")];
const TUNNEL: Words = &[("ethernet", ""), ("point-to-point", ""), ("true", ""), ("yes", ""), ("false", ""), ("no", "")];
const TTY: Words = &[("true", ""), ("yes", ""), ("false", ""), ("no", ""), ("force", ""), ("auto", "")];
const SESSION: Words = &[("none", "none"), ("subsystem", "subsystem"), ("default", "default")];
const CANONICAL: Words =
    &[("true", "true"), ("false", "false"), ("yes", "true"), ("no", "false"), ("always", "always")];
const PUBKEY: Words = &[
    ("true", "true"),
    ("false", "false"),
    ("yes", "true"),
    ("no", "false"),
    ("unbound", "unbound"),
    ("host-bound", "host-bound"),
];
const COMPRESSION: Words = &[("yes", "yes"), ("no", "no")];

/// Keyword in lower case, the name its value is kept and printed under, what it takes.
const KEYWORDS: &[(&str, &str, Takes)] = &[
    ("protocol", "", Anything),
    ("cipher", "", Anything),
    ("fallbacktorsh", "", Anything),
    ("globalknownhostsfile2", "", Anything),
    ("rhostsauthentication", "", Anything),
    ("userknownhostsfile2", "", Anything),
    ("useroaming", "", Anything),
    ("usersh", "", Anything),
    ("useprivilegedport", "", Anything),
    ("useblacklistedkeys", "", Anything),
    ("afstokenpassing", "", Anything),
    ("kerberosauthentication", "", Anything),
    ("kerberostgtpassing", "", Anything),
    ("rsaauthentication", "", Anything),
    ("rhostsrsaauthentication", "", Anything),
    ("compressionlevel", "", Anything),
    ("gssapiauthentication", "gssapiauthentication", Word(FLAG)),
    ("gssapikeyexchange", "gssapikeyexchange", Word(FLAG)),
    ("gssapidelegatecredentials", "gssapidelegatecredentials", Word(FLAG)),
    ("gssapitrustdns", "gssapitrustdns", Word(FLAG)),
    ("gssapirenewalforcesrekey", "gssapirenewalforcesrekey", Word(FLAG)),
    ("gssapiclientidentity", "gssapiclientidentity", Text),
    ("gssapiserveridentity", "gssapiserveridentity", Text),
    ("gssapikexalgorithms", "gssapikexalgorithms", GssAlgorithms),
    ("pkcs11provider", "pkcs11provider", Text),
    ("smartcarddevice", "pkcs11provider", Text),
    ("forwardagent", "forwardagent", ForwardAgent),
    ("forwardx11", "forwardx11", Word(FLAG)),
    ("forwardx11trusted", "forwardx11trusted", Word(FLAG)),
    ("forwardx11timeout", "forwardx11timeout", Time),
    ("exitonforwardfailure", "exitonforwardfailure", Word(FLAG)),
    ("xauthlocation", "xauthlocation", Text),
    ("gatewayports", "gatewayports", Word(FLAG)),
    ("passwordauthentication", "passwordauthentication", Word(FLAG)),
    ("kbdinteractiveauthentication", "kbdinteractiveauthentication", Word(FLAG)),
    ("challengeresponseauthentication", "kbdinteractiveauthentication", Word(FLAG)),
    ("skeyauthentication", "kbdinteractiveauthentication", Word(FLAG)),
    ("tisauthentication", "kbdinteractiveauthentication", Word(FLAG)),
    ("kbdinteractivedevices", "kbdinteractivedevices", Text),
    ("pubkeyauthentication", "pubkeyauthentication", Word(PUBKEY)),
    ("dsaauthentication", "pubkeyauthentication", Word(PUBKEY)),
    ("hostbasedauthentication", "hostbasedauthentication", Word(FLAG)),
    ("identityfile", "identityfile", Identity),
    ("identityfile2", "identityfile", Identity),
    ("identitiesonly", "identitiesonly", Word(FLAG)),
    ("certificatefile", "certificatefile", Certificate),
    ("addkeystoagent", "addkeystoagent", AddKeys),
    ("identityagent", "identityagent", Agent),
    ("hostname", "hostname", Text),
    ("hostkeyalias", "hostkeyalias", Text),
    ("proxycommand", "proxycommand", Command),
    ("port", "port", Port),
    ("ciphers", "ciphers", Algorithms(&algorithms::CIPHERS)),
    ("macs", "macs", Algorithms(&algorithms::MACS)),
    ("remoteforward", "remoteforward", Remote),
    ("localforward", "localforward", Local),
    ("permitremoteopen", "permitremoteopen", PermitRemote),
    ("user", "user", Text),
    ("host", "host", Host),
    ("match", "match", Match),
    ("escapechar", "escapechar", Escape),
    ("globalknownhostsfile", "globalknownhostsfile", Files(32)),
    ("userknownhostsfile", "userknownhostsfile", Files(32)),
    ("connectionattempts", "connectionattempts", Number),
    ("batchmode", "batchmode", Word(FLAG)),
    ("checkhostip", "checkhostip", Word(FLAG)),
    ("stricthostkeychecking", "stricthostkeychecking", Word(STRICT)),
    ("compression", "compression", Word(COMPRESSION)),
    ("tcpkeepalive", "tcpkeepalive", Word(FLAG)),
    ("keepalive", "tcpkeepalive", Word(FLAG)),
    ("numberofpasswordprompts", "numberofpasswordprompts", Number),
    ("syslogfacility", "syslogfacility", Facility),
    ("loglevel", "loglevel", LogLevel),
    ("logverbose", "logverbose", LogVerbose),
    ("dynamicforward", "dynamicforward", Dynamic),
    ("preferredauthentications", "preferredauthentications", Text),
    ("hostkeyalgorithms", "hostkeyalgorithms", Algorithms(&algorithms::KEYS)),
    ("casignaturealgorithms", "casignaturealgorithms", Algorithms(&algorithms::SIGNATURES)),
    ("bindaddress", "bindaddress", Text),
    ("bindinterface", "bindinterface", Text),
    ("clearallforwardings", "clearallforwardings", Word(FLAG)),
    ("enablesshkeysign", "enablesshkeysign", Word(FLAG)),
    ("verifyhostkeydns", "verifyhostkeydns", Word(ASK)),
    ("nohostauthenticationforlocalhost", "nohostauthenticationforlocalhost", Word(FLAG)),
    ("rekeylimit", "rekeylimit", Rekey),
    ("connecttimeout", "connecttimeout", Time),
    ("addressfamily", "addressfamily", Word(FAMILY)),
    ("serveraliveinterval", "serveraliveinterval", Time),
    ("protocolkeepalives", "serveraliveinterval", Time),
    ("setuptimeout", "serveraliveinterval", Time),
    ("serveralivecountmax", "serveralivecountmax", Number),
    ("sendenv", "sendenv", SendEnv),
    ("setenv", "setenv", SetEnv),
    ("controlpath", "controlpath", Text),
    ("controlmaster", "controlmaster", Word(MASTER)),
    ("controlpersist", "controlpersist", Persist),
    ("hashknownhosts", "hashknownhosts", Word(FLAG)),
    ("include", "include", Include),
    ("tunnel", "tunnel", Word(TUNNEL)),
    ("tunneldevice", "tunneldevice", TunnelDevice),
    ("localcommand", "localcommand", Command),
    ("permitlocalcommand", "permitlocalcommand", Word(FLAG)),
    ("remotecommand", "remotecommand", Command),
    ("visualhostkey", "visualhostkey", Word(FLAG)),
    ("kexalgorithms", "kexalgorithms", Algorithms(&algorithms::KEX)),
    ("ipqos", "ipqos", IpQos),
    ("requesttty", "requesttty", Word(TTY)),
    ("sessiontype", "sessiontype", Word(SESSION)),
    ("stdinnull", "stdinnull", Word(FLAG)),
    ("forkafterauthentication", "forkafterauthentication", Word(FLAG)),
    ("proxyusefdpass", "proxyusefdpass", Word(FLAG)),
    ("canonicaldomains", "canonicaldomains", Domains),
    ("canonicalizefallbacklocal", "canonicalizefallbacklocal", Word(FLAG)),
    ("canonicalizehostname", "canonicalizehostname", Word(CANONICAL)),
    ("canonicalizemaxdots", "canonicalizemaxdots", Number),
    ("canonicalizepermittedcnames", "canonicalizepermittedcnames", Cnames),
    ("streamlocalbindmask", "streamlocalbindmask", Mask),
    ("streamlocalbindunlink", "streamlocalbindunlink", Word(FLAG)),
    ("revokedhostkeys", "revokedhostkeys", Text),
    ("fingerprinthash", "fingerprinthash", Hash),
    ("updatehostkeys", "updatehostkeys", Word(ASK)),
    ("hostbasedacceptedalgorithms", "hostbasedacceptedalgorithms", Algorithms(&algorithms::KEYS)),
    ("hostbasedkeytypes", "hostbasedacceptedalgorithms", Algorithms(&algorithms::KEYS)),
    ("pubkeyacceptedalgorithms", "pubkeyacceptedalgorithms", Algorithms(&algorithms::KEYS)),
    ("pubkeyacceptedkeytypes", "pubkeyacceptedalgorithms", Algorithms(&algorithms::KEYS)),
    ("ignoreunknown", "ignoreunknown", Text),
    ("proxyjump", "proxyjump", Jump),
    ("securitykeyprovider", "securitykeyprovider", Text),
    ("knownhostscommand", "knownhostscommand", Command),
    ("requiredrsasize", "requiredrsasize", Number),
    ("enableescapecommandline", "enableescapecommandline", Word(FLAG)),
    // newer than 9.2; what thub does none of is passed over
    ("tag", "tag", Text),
    ("refuseconnection", "", Refuse),
    ("channeltimeout", "", Anything),
    ("obscurekeystroketiming", "", Anything),
    ("versionaddendum", "", Anything),
    ("warnweakcrypto", "", Anything),
];

pub(super) fn keyword(lower: &str) -> Option<(&'static str, Takes)> {
    KEYWORDS.iter().find(|(name, ..)| *name == lower).map(|(_, key, takes)| (*key, *takes))
}

/// What was said so far. The first word on a thing counts, but for lists that grow.
#[derive(Default)]
pub(super) struct Options {
    one: HashMap<&'static str, String>,
    /// Path, and whether a user's file said so: the same from the system's is kept beside it.
    pub(super) identities: Vec<(String, bool)>,
    pub(super) certificates: Vec<(String, bool)>,
    pub(super) user_known_hosts: Vec<String>,
    pub(super) global_known_hosts: Vec<String>,
    pub(super) local: Vec<Forward>,
    pub(super) remote: Vec<Forward>,
    pub(super) send_env: Vec<String>,
    pub(super) set_env: Vec<String>,
    pub(super) forward_agent: Option<String>,
    pub(super) jump: Option<Jump>,
    pub(super) domains: Vec<String>,
    pub(super) cnames: Vec<String>,
    pub(super) mask: Option<u32>,
}

impl Options {
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.one.get(key).map(String::as_str)
    }
    pub(super) fn is(&self, key: &str, value: &str) -> bool {
        self.get(key) == Some(value)
    }
    /// Kept if it is the first word on it.
    pub(super) fn first(&mut self, key: &'static str, value: String) {
        self.one.entry(key).or_insert(value);
    }
    /// In place of what was said.
    pub(super) fn put(&mut self, key: &'static str, value: String) {
        self.one.insert(key, value);
    }
    pub(super) fn drop_none(&mut self, key: &str) {
        if self.get(key).is_some_and(|v| v.eq_ignore_ascii_case("none")) {
            self.one.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_keyword_once() {
        let mut names: Vec<_> = KEYWORDS.iter().map(|(n, ..)| *n).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
        assert!(names.iter().all(|n| *n == n.to_ascii_lowercase()));
    }
}
