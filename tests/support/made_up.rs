//! Owns ssh_config files that nobody wrote: lines of every keyword with right, odd and wrong values, in an order and
//! with blanks that dice choose. Leaves out what reads them.

use super::support::Dice;

fn one<'a>(dice: &mut Dice, from: &[&'a str]) -> &'a str {
    from[dice.below(from.len() as u64) as usize]
}

const TOKENS: &[&str] = &[
    "%h", "%n", "%p", "%r", "%u", "%d", "%i", "%l", "%L", "%C", "%k", "%%", "~", "~/x", "~root/y", "${K}", "$SOCK",
    "a", "/a/b",
];
const FLAGS: &[&str] = &["yes", "no", "true", "false", "YES", "\"no\"", "yes # c"];
const TIMES: &[&str] = &["5", "1h30m", "90s", "2w", "none", "+3", "0", "2147483647", "1d 1", "\" 5\""];
const HOSTS: &[&str] = &["web", "WEB", "db", "w*", "*", "!web", "w?b", "*.lan", "!*", "10.0.0.1", "web.lan", "\"web\""];
const LISTENS: &[&str] = &[
    "8080",
    "localhost:8080",
    "[::1]:8080",
    "*:80",
    "/tmp/s",
    "/tmp/%h",
    "ssh",
    "http:80",
    "\"80\"",
    "a\\:b:1",
    "+22",
];
const ENDS: &[&str] = &["db:5432", "[::1]:22", "/sock", "/s/%u", "localhost:http", "${K}:9"];
const FILES: &[&str] = &["~/.ssh/k_%n", "/a b/c", "\"/x y\"", "'/p q'", "none", "/r\\ s", "~", "/t#1", "k # c"];

/// Keyword and the values for it; an empty list = made below.
const LINES: &[(&str, &[&str])] = &[
    ("AddressFamily", &["inet", "inet6", "any", "ANY"]),
    ("BatchMode", FLAGS),
    ("CheckHostIP", FLAGS),
    ("ClearAllForwardings", FLAGS),
    ("ExitOnForwardFailure", FLAGS),
    ("ForwardX11", FLAGS),
    ("ForwardX11Trusted", FLAGS),
    ("GatewayPorts", FLAGS),
    ("HashKnownHosts", FLAGS),
    ("IdentitiesOnly", FLAGS),
    ("KbdInteractiveAuthentication", FLAGS),
    ("ChallengeResponseAuthentication", FLAGS),
    ("NoHostAuthenticationForLocalhost", FLAGS),
    ("PasswordAuthentication", FLAGS),
    ("ProxyUseFdpass", FLAGS),
    ("PubkeyAuthentication", &["yes", "no", "unbound", "host-bound"]),
    ("StreamLocalBindUnlink", FLAGS),
    ("StrictHostKeyChecking", &["yes", "no", "ask", "off", "accept-new", "Accept-New"]),
    ("TCPKeepAlive", FLAGS),
    ("KeepAlive", FLAGS),
    ("VerifyHostKeyDNS", &["yes", "no", "ask"]),
    ("ConnectionAttempts", &["1", "3", "+2"]),
    ("NumberOfPasswordPrompts", &["0", "3", "99"]),
    ("ServerAliveCountMax", &["0", "3"]),
    ("RequiredRSASize", &["1024", "2048"]),
    ("ForwardX11Timeout", TIMES),
    ("ServerAliveInterval", TIMES),
    ("ConnectTimeout", TIMES),
    ("RekeyLimit", &["1G", "1.5k", "default none", "16 1h", "default 60", "4G none", "0"]),
    ("BindAddress", &["127.0.0.2", "\"a b\"", "::1"]),
    ("BindInterface", &["lo", "eth0"]),
    ("PreferredAuthentications", &["publickey,password", "keyboard-interactive"]),
    ("IPQoS", &["af21", "ef cs1", "0x10", "le", "none", "none 4", "08", "010", "1 2", "LOWDELAY"]),
    ("StreamLocalBindMask", &["0177", "077", "777", "0"]),
    ("Port", &["22", "2222", "65535", "ssh", "https", "+5", "22 # c"]),
    ("User", &["bob", "%u", "\"bob\"", "bob # c", "'a b'"]),
    ("HostName", &["%h.lan", "10.0.0.1", "h", "%%", "H.Upper", "::1", "127.1", "%h", "web.lan"]),
    ("HostKeyAlias", &["ali", "ALI", "\"a b\""]),
    (
        "ProxyJump",
        &["none", "a", "a,b", "u@a:22,v@b:23", "ssh://u@a:22", "[::1]:22", "::1", "1.2.3.4:5", "a # x", "NONE"],
    ),
    ("ProxyCommand", &["nc %h %p", "none", "= x", "\"nc\" # c", "-"]),
    ("KnownHostsCommand", &["/bin/k %H", "none"]),
    ("RevokedHostKeys", FILES),
    ("XAuthLocation", &["/x/auth"]),
    ("IdentityFile", FILES),
    ("CertificateFile", FILES),
    ("GlobalKnownHostsFile", &["/a", "/a /b", "none", "~/x \"/y z\""]),
    ("UserKnownHostsFile", &["/a", "/a /b", "none", "~/x \"/y z\"", "/k_%h_%p", "${K}"]),
    ("IdentityAgent", &["none", "SSH_AUTH_SOCK", "$SOCK", "~/a", "${SOCK}", "/a/%h"]),
    ("ForwardAgent", &["yes", "no", "/a/s", "$SOCK", "YES"]),
    ("SendEnv", &["A", "A B*", "-A", "-*", "LC_* LANG", "-LC_*"]),
    ("SetEnv", &["A=b", "A=b B=c", "A=b A=c", "\"A=b c\"", "=x", "A=\"b c\""]),
    ("CanonicalizeHostname", &["no", "yes", "always"]),
    ("CanonicalizeMaxDots", &["0", "1", "2"]),
    ("CanonicalDomains", &["none"]),
    ("IgnoreUnknown", &["foo*", "usek*", "bar,usek*"]),
    ("LogLevel", &["INFO", "debug3", "quiet"]),
    ("ControlPath", &["/tmp/%C", "none", "~/c_%r@%h"]),
    ("Protocol", &["2", "2,1 # c"]),
    ("Host", &[]),
    ("Match", &[]),
    (
        "Include",
        &[
            "c.txt",
            "nope*",
            "~/nope",
            "@DIR@/inc/[ab].conf",
            "@DIR@/inc/c.txt @DIR@/inc/ping",
            "@DIR@/inc/*.conf",
            "@DIR@/inc/matches",
        ],
    ),
    ("LocalForward", &[]),
    ("RemoteForward", &[]),
    ("DynamicForward", LISTENS),
    ("Ciphers", &["aes128-ctr", "+3des-cbc", "-*ctr", "^aes256-ctr", "aes256-ctr,aes128-ctr,aes256-ctr", "-bogus"]),
    ("MACs", &["hmac-sha2-256", "+hmac-md5", "-*sha1*", "^hmac-sha2-512,hmac-sha2-256"]),
    ("KexAlgorithms", &["curve25519-sha256", "+diffie-hellman-group1-sha1", "-sntrup*", "^ecdh-sha2-nistp256"]),
    ("HostKeyAlgorithms", &["ssh-ed25519", "+ssh-rsa", "-*cert*", "^rsa-sha2-*", "ssh-*", "ecdsa*,ssh-dss"]),
    ("PubkeyAcceptedAlgorithms", &["ssh-ed25519*", "+ssh-dss", "-ecdsa*,sk-*", "*"]),
    ("CASignatureAlgorithms", &["ssh-ed25519", "+ssh-rsa", "-rsa*"]),
];

/// What is wrong, or may be.
const WRONG: &[&str] = &[
    "User",
    "User \"bob",
    "Bogus x",
    "UseKeychain yes",
    "Port x",
    "IdentitiesOnly maybe",
    "ConnectTimeout 5y",
    "Ciphers bogus",
    "Match bogus x",
    "Match host",
    "LocalForward 8080",
    "UserKnownHostsFile none /a",
    "SendEnv A=b",
    "SetEnv A",
    "UserKnownHostsFile %q",
    "RekeyLimit 15",
    "Include \"\"",
    "ProxyJump a,",
    "HostName %q",
    "User a b",
    "=",
    "\u{c}",
];

fn value(dice: &mut Dice, key: &str, from: &[&str]) -> String {
    let some = |dice: &mut Dice, from: &[&str], sep: &str| {
        let n = 1 + dice.below(3);
        (0..n).map(|_| one(dice, from)).collect::<Vec<_>>().join(sep)
    };
    match key {
        "Host" => some(dice, HOSTS, " "),
        "Match" => {
            let conditions: &[&str] = &[
                "host web",
                "host w*,!db",
                "!host web",
                "host=\"web,db\"",
                "originalhost w*",
                "user bob",
                "user *,!bob",
                "localuser *",
                "exec \"test %h = web\"",
                "!exec \"test %p = 22\"",
                "exec true",
                "final",
                "!final",
                "canonical",
            ];
            match dice.below(4) {
                0 => "all".into(),
                1 => format!("{} # c", some(dice, conditions, " ")),
                _ => some(dice, conditions, " "),
            }
        }
        "LocalForward" | "RemoteForward" => {
            let (listen, end) = (one(dice, LISTENS), one(dice, ENDS));
            format!("{listen} {end}")
        }
        "IdentityFile" | "ControlPath" if dice.below(2) == 0 => some(dice, TOKENS, ""),
        _ => one(dice, from).to_string(),
    }
}

/// Some lines; one in ten files has one that is wrong or odd.
pub fn config(dice: &mut Dice) -> Vec<u8> {
    let mut out = String::new();
    for _ in 0..2 + dice.below(14) {
        let (key, values) = match dice.below(6) {
            0 => {
                let key = one(dice, &["Host", "Host", "Match", "Include", "ProxyJump", "HostName", "User"]);
                *LINES.iter().find(|(k, _)| *k == key).unwrap()
            }
            _ => LINES[dice.below(LINES.len() as u64) as usize],
        };
        let value = value(dice, key, values);
        let key = match dice.below(10) {
            0 => key.to_uppercase(),
            1 => key.to_lowercase(),
            2 => format!("\"{key}\""),
            _ => key.to_string(),
        };
        let before = one(dice, &["", "", "  ", "\t", " \t "]);
        let between = one(dice, &[" ", " ", "\t", "=", " = ", "= ", "  "]);
        let after = one(dice, &["", "", "", " ", "\t", "\r", " \u{c}"]);
        out.push_str(&format!("{before}{key}{between}{value}{after}\n"));
    }
    if dice.below(10) == 0 {
        let wrong = one(dice, WRONG);
        out = if dice.below(2) == 0 { format!("{wrong}\n{out}") } else { format!("{out}{wrong}") };
    }
    if dice.below(4) == 0 {
        out.truncate(out.trim_end_matches('\n').len());
    }
    out.into_bytes()
}

pub fn dest(dice: &mut Dice) -> &'static str {
    one(dice, &["web", "WEB", "db", "bob@web", "10.0.0.1", "web.lan", "web:2222"])
}
