//! Owns the names of algorithms OpenSSH 9.2 knows (of key exchanges also later ones), and how `+`, `-` and `^` change a default list. Pure.
//! Leaves out which of them are safe (`gate`).

use super::patterns::{Listed, listed};

/// A family of names: the defaults, and all there are, in OpenSSH's order.
pub(super) struct Family {
    defaults: &'static str,
    all: &'static str,
    /// Names may be patterns.
    wild: bool,
}

pub(super) static CIPHERS: Family = Family {
    defaults: "chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,\
        aes256-gcm@openssh.com",
    all: "3des-cbc,aes128-cbc,aes192-cbc,aes256-cbc,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,\
        aes256-gcm@openssh.com,chacha20-poly1305@openssh.com",
    wild: false,
};

pub(super) static MACS: Family = Family {
    defaults: "umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,\
        hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-64@openssh.com,umac-128@openssh.com,\
        hmac-sha2-256,hmac-sha2-512,hmac-sha1",
    all: "hmac-sha1,hmac-sha1-96,hmac-sha2-256,hmac-sha2-512,hmac-md5,hmac-md5-96,umac-64@openssh.com,\
        umac-128@openssh.com,hmac-sha1-etm@openssh.com,hmac-sha1-96-etm@openssh.com,hmac-sha2-256-etm@openssh.com,\
        hmac-sha2-512-etm@openssh.com,hmac-md5-etm@openssh.com,hmac-md5-96-etm@openssh.com,\
        umac-64-etm@openssh.com,umac-128-etm@openssh.com",
    wild: false,
};

pub(super) static KEX: Family = Family {
    defaults: "sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com,curve25519-sha256,\
        curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,\
        diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,\
        diffie-hellman-group14-sha256",
    all: "diffie-hellman-group1-sha1,diffie-hellman-group14-sha1,diffie-hellman-group14-sha256,\
        diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group-exchange-sha1,\
        diffie-hellman-group-exchange-sha256,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,\
        curve25519-sha256,curve25519-sha256@libssh.org,sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com,\
        mlkem768x25519-sha256,mlkem768nistp256-sha256",
    wild: false,
};

pub(super) static KEYS: Family = Family {
    defaults: "ssh-ed25519-cert-v01@openssh.com,ecdsa-sha2-nistp256-cert-v01@openssh.com,\
        ecdsa-sha2-nistp384-cert-v01@openssh.com,ecdsa-sha2-nistp521-cert-v01@openssh.com,\
        sk-ssh-ed25519-cert-v01@openssh.com,sk-ecdsa-sha2-nistp256-cert-v01@openssh.com,\
        rsa-sha2-512-cert-v01@openssh.com,rsa-sha2-256-cert-v01@openssh.com,ssh-ed25519,ecdsa-sha2-nistp256,\
        ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com,\
        rsa-sha2-512,rsa-sha2-256",
    all: "ssh-ed25519,ssh-ed25519-cert-v01@openssh.com,sk-ssh-ed25519@openssh.com,\
        sk-ssh-ed25519-cert-v01@openssh.com,ecdsa-sha2-nistp256,ecdsa-sha2-nistp256-cert-v01@openssh.com,\
        ecdsa-sha2-nistp384,ecdsa-sha2-nistp384-cert-v01@openssh.com,ecdsa-sha2-nistp521,\
        ecdsa-sha2-nistp521-cert-v01@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com,\
        sk-ecdsa-sha2-nistp256-cert-v01@openssh.com,webauthn-sk-ecdsa-sha2-nistp256@openssh.com,ssh-dss,\
        ssh-dss-cert-v01@openssh.com,ssh-rsa,ssh-rsa-cert-v01@openssh.com,rsa-sha2-256,\
        rsa-sha2-256-cert-v01@openssh.com,rsa-sha2-512,rsa-sha2-512-cert-v01@openssh.com",
    wild: true,
};

pub(super) static SIGNATURES: Family = Family {
    defaults: "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,sk-ssh-ed25519@openssh.com,\
        sk-ecdsa-sha2-nistp256@openssh.com,rsa-sha2-512,rsa-sha2-256",
    all: "ssh-ed25519,sk-ssh-ed25519@openssh.com,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,\
        sk-ecdsa-sha2-nistp256@openssh.com,webauthn-sk-ecdsa-sha2-nistp256@openssh.com,ssh-dss,ssh-rsa,rsa-sha2-256,\
        rsa-sha2-512",
    wild: true,
};

/// What keys may be called as well; such a name is taken and then stands for nothing.
const SHORT: [&str; 6] = ["ed25519", "ed25519-sk", "ecdsa", "ecdsa-sk", "dsa", "rsa"];
/// Keys' names that came after 9.2: taken, and then passed over, as thub has no such keys.
const NEWER: [&str; 3] = [
    "ssh-mldsa44-ed25519@openssh.com",
    "ssh-mldsa44-ed25519-cert-v01@openssh.com",
    "webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
];
/// What names of GSSAPI's exchanges begin with, which Debian's OpenSSH checks.
const GSS: [&str; 7] = [
    "gss-gex-sha1-",
    "gss-group1-sha1-",
    "gss-group14-sha1-",
    "gss-group14-sha256-",
    "gss-group16-sha512-",
    "gss-nistp256-sha256-",
    "gss-curve25519-sha256-",
];

/// Up to the first empty one, where OpenSSH stops looking.
fn until_empty(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').take_while(|n| !n.is_empty())
}

/// Are these names a list that OpenSSH takes? Those after a leading `-` need not exist.
pub(super) fn valid(family: &Family, list: &str) -> bool {
    if list.starts_with('-') {
        return true;
    }
    let list = list.strip_prefix(['+', '^']).unwrap_or(list);
    let known = |name: &str| {
        // certificates' and plain keys' names for every list of keys
        let all = if family.wild { KEYS.all } else { family.all };
        all.split(',').any(|n| n == name || family.wild && listed(n, name, false) != Listed::No)
            || std::ptr::eq(family, &KEX) && valid_gss(name)
            || family.wild && NEWER.contains(&name)
            || family.wild && SHORT.iter().any(|s| s.eq_ignore_ascii_case(name))
    };
    !list.is_empty() && until_empty(list).all(known)
}

pub(super) fn valid_gss(list: &str) -> bool {
    !list.is_empty() && until_empty(list).all(|name| GSS.iter().any(|g| name.starts_with(g)))
}

/// The list that is meant: `None` = nothing is left, or a `!` stands where none may.
pub(super) fn assemble(family: &Family, said: Option<&str>) -> Option<String> {
    let Some(said) = said.filter(|s| !s.is_empty()) else { return Some(family.defaults.into()) };
    if let Some(without) = said.strip_prefix('-') {
        let kept = family.defaults.split(',').filter(|n| listed(n, without, false) != Listed::Yes);
        return Some(kept.collect::<Vec<_>>().join(","));
    }
    let list = match (said.strip_prefix('+'), said.strip_prefix('^')) {
        (Some(more), _) => joined(family.defaults, more),
        (_, Some(first)) => joined(first, family.defaults),
        _ => said.to_string(),
    };
    let mut out: Vec<&str> = Vec::new();
    for pattern in list.split(',') {
        if pattern.starts_with('!') {
            return None;
        }
        for name in family.all.split(',').filter(|n| listed(n, pattern, false) == Listed::Yes) {
            if !out.contains(&name) {
                out.push(name);
            }
        }
    }
    (!out.is_empty()).then(|| out.join(","))
}

/// One list behind the other, without what is there already.
fn joined(a: &str, b: &str) -> String {
    let mut out = a.to_string();
    for name in until_empty(b) {
        if out.is_empty() {
            return b.to_string();
        }
        if !out.split(',').any(|n| n == name) {
            out.push(',');
            out.push_str(name);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        assert_eq!(assemble(&SIGNATURES, Some("-rsa*")).unwrap().matches("rsa").count(), 0);
        assert!(assemble(&CIPHERS, Some("+aes128-cbc")).unwrap().ends_with(",aes128-cbc"));
        assert!(assemble(&CIPHERS, Some("^aes256-ctr")).unwrap().starts_with("aes256-ctr,chacha20"));
        assert_eq!(assemble(&CIPHERS, Some("aes256-ctr,aes128-ctr,aes256-ctr")).unwrap(), "aes256-ctr,aes128-ctr");
        assert_eq!(assemble(&KEYS, Some("ssh-ed25519*")).unwrap(), "ssh-ed25519,ssh-ed25519-cert-v01@openssh.com");
        assert_eq!(assemble(&CIPHERS, Some("-*")).unwrap(), "");
        assert_eq!(assemble(&KEYS, Some("RSA")), None);
        assert!(valid(&KEYS, "RSA") && !valid(&KEYS, "nosuch") && !valid(&CIPHERS, "aes*") && valid(&CIPHERS, "-x"));
        assert!(!valid(&MACS, "") && valid(&MACS, "hmac-sha1,,x") && !valid(&MACS, "hmac-sha1,x"));
    }
}
