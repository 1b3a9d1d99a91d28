//! Owns which algorithms are offered: the safe ones (`gate`), narrowed and ordered by what ssh_config says. And how
//! often keys are renewed and a silent host is asked. Pure. Leaves out the verdict on a host's key.
//!
//! ssh_config can take algorithms away and change their order; it can't bring back what is not safe (SHA-1, CBC, DSA).
//! `ssh -G` prints OpenSSH's default lists as if somebody had written them: such a list says nothing.

use super::config::HostConfig;
use crate::failure::Failure;
use crate::text::short;
use russh::keys::Algorithm;
use russh::{Limits, Preferred, client, kex};
use std::borrow::Cow;
use std::time::Duration;

/// RFC 4253, section 9.
const RENEW_BYTES: usize = 1 << 30;
const RENEW_EVERY: Duration = Duration::from_secs(3600);
/// RekeyLimit may go down to these: below them a link does little else.
const RENEW_BYTES_LEAST: usize = 64 << 10;
const RENEW_EVERY_LEAST: Duration = Duration::from_secs(10);

/// OpenSSH's default orders (9.x, 10.x), as far as they are spoken here.
const DEFAULT_CIPHERS: &[&str] = &[
    "chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr",
];
const DEFAULT_MACS: &[&str] =
    &["hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512"];
const DEFAULT_KEX: &[&str] = &[
    "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,\
        diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,\
        diffie-hellman-group14-sha256",
    "mlkem768x25519-sha256,curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,\
        ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,\
        diffie-hellman-group18-sha512,diffie-hellman-group14-sha256",
];
const DEFAULT_KEYS: &[&str] =
    &["ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256"];

/// What is left of `safe` of what was said, in the order said; nothing said, or a default: as it is.
///
/// # Errors
/// Nothing is left: names the option and what could stand there.
fn ordered<T: Clone>(
    safe: &[T],
    name: impl Fn(&T) -> String,
    (said, defaults): (&[String], &[&str]),
    option: &str,
    config: &HostConfig,
) -> Result<Vec<T>, Failure> {
    if said.is_empty() {
        return Ok(safe.to_vec());
    }
    let mut kept: Vec<T> = Vec::new();
    for word in said {
        let again = kept.iter().any(|k| name(k) == *word);
        kept.extend(safe.iter().find(|a| name(a) == *word).filter(|_| !again).cloned());
    }
    let names = |list: &[T]| list.iter().map(&name).collect::<Vec<_>>().join(",");
    if defaults.contains(&names(&kept).as_str()) {
        return Ok(safe.to_vec());
    }
    if kept.is_empty() {
        return Err(Failure::refused(
            format!(
                "{}: {option} in ssh_config leaves no algorithm that is safe and spoken here: {}",
                config.shown(),
                short(&said.join(","), 200)
            ),
            format!("add one of {} to {option} for this host", names(safe)),
        ));
    }
    Ok(kept)
}

/// `safe`, as ssh_config wants it.
///
/// # Errors
/// An option leaves nothing.
fn offered(safe: Preferred, config: &HostConfig) -> Result<Preferred, Failure> {
    let is_extension = |k: &kex::Name| k.as_ref().starts_with("ext-") || k.as_ref().starts_with("kex-");
    let (extensions, mut exchanges): (Vec<_>, Vec<_>) = safe.kex.iter().copied().partition(is_extension);
    // for a host that allows only NIST's curves
    let after = exchanges.iter().position(|k| k.as_ref().starts_with("diffie")).unwrap_or(exchanges.len());
    exchanges.splice(after..after, [kex::ECDH_SHA2_NISTP256, kex::ECDH_SHA2_NISTP384, kex::ECDH_SHA2_NISTP521]);
    let said = (&config.kex_algorithms[..], DEFAULT_KEX);
    let mut kex = ordered(&exchanges, |n| n.as_ref().to_string(), said, "KexAlgorithms", config)?;
    kex.extend(extensions);

    let said = (&config.ciphers[..], DEFAULT_CIPHERS);
    let mut cipher = ordered(&safe.cipher, |n| n.as_ref().to_string(), said, "Ciphers", config)?;
    let said = (&config.macs[..], DEFAULT_MACS);
    let mac = match ordered(&safe.mac, |n| n.as_ref().to_string(), said, "MACs", config) {
        Ok(mac) => mac,
        Err(refusal) => {
            // what authenticates by itself needs none
            cipher.retain(|c| c.as_ref().contains("gcm") || c.as_ref().contains("poly1305"));
            if cipher.is_empty() {
                return Err(refusal);
            }
            safe.mac.to_vec()
        }
    };

    let said = &config.host_key_algorithms;
    let certified = |a: &Algorithm| format!("{}-cert-v01@openssh.com", a.as_str());
    let certificates: Vec<Algorithm> = match safe.host_key_certificates.is_empty() || said.is_empty() {
        true => safe.host_key_certificates.to_vec(),
        false => safe.host_key_certificates.iter().filter(|a| said.contains(&certified(a))).cloned().collect(),
    };
    let plain = |a: &Algorithm| a.as_str().to_string();
    let key = match ordered(&safe.key, plain, (said, DEFAULT_KEYS), "HostKeyAlgorithms", config) {
        // only certificates are wanted
        Err(_) if !certificates.is_empty() => Vec::new(),
        ordered => ordered?,
    };
    Ok(Preferred {
        kex: Cow::Owned(kex),
        cipher: Cow::Owned(cipher),
        mac: Cow::Owned(mac),
        key: Cow::Owned(key),
        host_key_certificates: Cow::Owned(certificates),
        compression: safe.compression,
    })
}

/// Fewer bits than RequiredRSASize asks for: how many. `blob` = a public key as the wire has it (RFC 4253, 6.6).
pub(super) fn too_small(config: &HostConfig, blob: &[u8]) -> Option<u32> {
    let mut rest = blob;
    let mut next = || {
        let (len, after) = rest.split_first_chunk::<4>()?;
        let (field, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*len)).ok()?)?;
        rest = after;
        Some(field)
    };
    if next()? != b"ssh-rsa" {
        return None;
    }
    let (_, modulus) = (next()?, next()?);
    let zeros = modulus.iter().take_while(|b| **b == 0).count();
    let first = modulus.get(zeros)?;
    let bits = u32::try_from(modulus.len() - zeros).ok()?.saturating_mul(8).saturating_sub(first.leading_zeros());
    (bits < config.required_rsa_size).then_some(bits)
}

/// RekeyLimit, within our bounds.
fn limits(config: &HostConfig) -> Limits {
    let bytes = match usize::try_from(config.rekey_bytes) {
        Ok(0) | Err(_) => RENEW_BYTES,
        Ok(n) => n.clamp(RENEW_BYTES_LEAST, RENEW_BYTES),
    };
    let every = match config.rekey_every {
        Duration::ZERO => RENEW_EVERY,
        t => t.clamp(RENEW_EVERY_LEAST, RENEW_EVERY),
    };
    Limits { rekey_write_limit: bytes, rekey_read_limit: bytes, rekey_time_limit: every }
}

/// The settings of a connection, as ssh_config wants them within what they are. ServerAliveInterval and
/// ServerAliveCountMax only go down: a silent host is never found later than by the settings.
///
/// # Errors
/// An option leaves no algorithm.
pub(super) fn narrowed(settings: client::Config, config: &HostConfig) -> Result<client::Config, Failure> {
    let (mut every, mut most) = (settings.keepalive_interval, settings.keepalive_max);
    if config.server_alive_interval > Duration::ZERO {
        every = Some(every.map_or(config.server_alive_interval, |e| e.min(config.server_alive_interval)));
        most = usize::try_from(config.server_alive_count_max).map_or(most, |n| most.min(n.max(1)));
    }
    Ok(client::Config {
        preferred: offered(settings.preferred, config)?,
        limits: limits(config),
        keepalive_interval: every,
        keepalive_max: most,
        ..settings
    })
}

#[cfg(test)]
mod tests {
    use super::super::config::{Dest, parse_g};
    use super::super::gate;
    use super::*;
    use std::path::Path;

    fn with(printed: &str) -> HostConfig {
        let dest = Dest { user: None, host: "web".into(), port: None };
        parse_g(printed, &dest, Path::new("/h"), "me")
    }
    fn safe() -> Preferred {
        gate::preferred(&[], false, true)
    }
    fn names<T: AsRef<str>>(list: &[T]) -> Vec<&str> {
        list.iter().map(AsRef::as_ref).collect()
    }

    #[test]
    fn the_users_order_within_what_is_safe() {
        let p = offered(safe(), &with("ciphers 3des-cbc,aes256-ctr,aes128-ctr,aes256-ctr\n")).unwrap();
        assert_eq!(names(&p.cipher), ["aes256-ctr", "aes128-ctr"]);
        let p = offered(safe(), &with("kexalgorithms ecdh-sha2-nistp256,diffie-hellman-group1-sha1\n")).unwrap();
        assert_eq!(names(&p.kex).first(), Some(&"ecdh-sha2-nistp256"));
        assert!(names(&p.kex).contains(&"kex-strict-c-v00@openssh.com"), "the guard against Terrapin stays");
        assert!(!names(&p.kex).iter().any(|k| k.contains("sha1") || k.starts_with("curve")));
        let p = offered(safe(), &with("hostkeyalgorithms rsa-sha2-256,ssh-rsa,ssh-dss,ssh-ed25519\n")).unwrap();
        assert_eq!(p.key.iter().map(|a| a.as_str()).collect::<Vec<_>>(), ["rsa-sha2-256", "ssh-ed25519"]);
        let p = offered(safe(), &with("macs hmac-sha2-512,hmac-md5\n")).unwrap();
        assert_eq!(names(&p.mac), ["hmac-sha2-512"]);
        // a MAC is not needed where the cipher has its own
        let p = offered(safe(), &with("macs umac-64@openssh.com\n")).unwrap();
        assert!(p.cipher.iter().all(|c| !c.as_ref().contains("ctr")) && !p.cipher.is_empty());
    }

    #[test]
    fn nothing_left_is_a_sentence() {
        for (printed, option) in [
            ("ciphers aes128-cbc,3des-cbc\n", "Ciphers"),
            ("kexalgorithms diffie-hellman-group1-sha1\n", "KexAlgorithms"),
            ("hostkeyalgorithms ssh-rsa,ssh-dss\n", "HostKeyAlgorithms"),
            ("ciphers aes128-ctr\nmacs hmac-md5\n", "MACs"),
        ] {
            let f = offered(safe(), &with(printed)).err().unwrap();
            assert!(f.code() == 4 && f.what.contains(option), "{f}");
            assert!(f.to_string().contains("add one of"), "{f}");
        }
    }

    #[test]
    fn the_default_lists_change_nothing() {
        let plain = offered(safe(), &with("")).unwrap();
        let own = super::super::config::own::defaults();
        let p = offered(safe(), &with(&String::from_utf8(own).unwrap())).unwrap();
        assert_eq!(
            (names(&p.cipher), names(&p.mac), names(&p.kex)),
            (names(&plain.cipher), names(&plain.mac), names(&plain.kex))
        );
        assert_eq!(p.key, plain.key);
        assert_eq!(names(&p.cipher).first(), Some(&"aes256-gcm@openssh.com"));
    }

    #[test]
    fn limits_stay_within_ours() {
        let bytes = |printed| limits(&with(printed)).rekey_write_limit;
        assert_eq!(bytes(""), 1 << 30);
        assert_eq!(bytes("rekeylimit 4294967296 0\n"), 1 << 30);
        assert_eq!(bytes("rekeylimit 16 0\n"), 64 << 10);
        assert_eq!(limits(&with("rekeylimit 0 60\n")).rekey_time_limit, Duration::from_secs(60));
        assert_eq!(limits(&with("rekeylimit 0 99999\n")).rekey_time_limit, Duration::from_secs(3600));
        let alive = |printed| {
            let ours = client::Config {
                keepalive_interval: Some(Duration::from_secs(5)),
                keepalive_max: 2,
                preferred: safe(),
                ..client::Config::default()
            };
            let settings = narrowed(ours, &with(printed)).unwrap();
            (settings.keepalive_interval.unwrap().as_secs(), settings.keepalive_max)
        };
        assert_eq!(alive(""), (5, 2));
        assert_eq!(alive("serveraliveinterval 300\nserveralivecountmax 99\n"), (5, 2));
        assert_eq!(alive("serveraliveinterval 1\nserveralivecountmax 1\n"), (1, 1));
        assert_eq!(alive("serveraliveinterval 3\nserveralivecountmax 0\n"), (3, 1));
    }

    #[test]
    fn bits_of_a_host_key() {
        let field = |bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat();
        let key = |n: &[u8]| [field(b"ssh-rsa"), field(&[1, 0, 1]), field(n)].concat();
        let modulus = [&[0, 0x80][..], &[1; 255]].concat();
        assert_eq!(too_small(&with("requiredrsasize 2048\n"), &key(&modulus)), None);
        assert_eq!(too_small(&with("requiredrsasize 2049\n"), &key(&modulus)), Some(2048));
        assert_eq!(too_small(&with(""), &key(&[0x40; 100])), Some(799));
        assert_eq!(too_small(&with("requiredrsasize 9999\n"), &field(b"ssh-ed25519")), None);
        assert_eq!(too_small(&with(""), &key(&modulus)[..40]), None);
    }
}
