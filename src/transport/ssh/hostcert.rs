//! Owns what a host's certificate is worth (OpenSSH's PROTOCOL.certkeys): [`judge`], pure, the clock passed in.
//! Leaves out the plain key inside it, which counts by `known_hosts` where the certificate does not.
//!
//! Same as OpenSSH's or stricter. Stricter: a certificate that names no host at all vouches for none.

use super::known_hosts::{self, File, HostKey, Verdict};
use crate::sys::rfc3339;
use crate::text::short;
use russh::keys::ssh_key::certificate::CertType;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, Certificate, HashAlg, PublicKey};
use std::time::{Duration, SystemTime};

/// What follows from a certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Word {
    /// An authority on record for the host vouches for the key.
    Vouched,
    /// It says nothing, or (with the reason) it is one that must not be believed: the plain key decides.
    Nothing(Option<String>),
    /// The key or its authority is revoked, or the files can't be read.
    Stop(Verdict, HostKey),
}

/// A key as it stands in known_hosts.
pub(super) fn plain(key: &KeyData) -> Option<HostKey> {
    HostKey::from_blob(PublicKey::new(key.clone(), "").to_bytes().ok()?)
}

/// `list` = the file of revoked keys, `principal` = the name a certificate must hold, `signed_by` = the algorithms an
/// authority may sign with (CASignatureAlgorithms; none said = the safe ones), `now` in seconds since 1970.
pub(super) fn judge(
    files: &[File],
    list: Option<&File>,
    (host, port): (&str, u16),
    principal: &str,
    certificate: &Certificate,
    signed_by: &[String],
    now: u64,
) -> Word {
    let (Some(key), Some(authority)) = (plain(certificate.public_key()), plain(certificate.signature_key())) else {
        return Word::Nothing(Some("it is of a kind thub can't read".into()));
    };
    for k in [&key, &authority] {
        let listed = list.and_then(|f| known_hosts::revoked(f, k));
        if let Some(stop) = listed.or_else(|| known_hosts::stopped(files, host, port, k)) {
            return Word::Stop(stop, k.clone());
        }
    }
    let id = certificate.key_id();
    if let Some(stop) = list.and_then(|f| known_hosts::revoked_certificate(f, &authority, certificate.serial(), id)) {
        return Word::Stop(stop, key);
    }
    if !known_hosts::authorities(files, host, port).contains(&authority) {
        return Word::Nothing(None);
    }
    match flaw(certificate, principal, signed_by, now) {
        None => Word::Vouched,
        Some(why) => Word::Nothing(Some(why)),
    }
}

/// Why a certificate is not to be believed, whoever signed it.
fn flaw(c: &Certificate, principal: &str, signed_by: &[String], now: u64) -> Option<String> {
    // OpenSSH's CASignatureAlgorithms: no SHA-1, no DSA
    let safe = match c.signature().algorithm() {
        Algorithm::Rsa { hash } => matches!(hash, Some(HashAlg::Sha256 | HashAlg::Sha512)),
        Algorithm::Ed25519 | Algorithm::Ecdsa { .. } | Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256 => true,
        _ => false,
    };
    if !safe {
        return Some("it is signed by an algorithm that is not safe".into());
    }
    if !signed_by.is_empty() && !signed_by.iter().any(|a| a == c.signature().algorithm().as_str()) {
        return Some("it is signed by an algorithm that CASignatureAlgorithms leaves out".into());
    }
    if c.verify_signature().is_err() {
        return Some("its signature is wrong".into());
    }
    if c.cert_type() != CertType::Host {
        return Some("it is a user's, not a host's".into());
    }
    if now < c.valid_after() {
        return Some(format!("it is not valid before {}", date(c.valid_after())));
    }
    if now >= c.valid_before() {
        return Some(format!("it expired at {}", date(c.valid_before())));
    }
    let names = c.valid_principals();
    if names.is_empty() {
        return Some("it names no host".into());
    }
    if !names.iter().any(|n| n == principal) {
        return Some(format!("it is for {}, not for {}", short(&names.join(", "), 100), short(principal, 100)));
    }
    if !c.critical_options().is_empty() {
        return Some("it has a critical option that nobody knows".into());
    }
    None
}

fn date(unix: u64) -> String {
    let far = || "a time no clock shows".to_string();
    // the year 9999: what comes after it is no date for a person
    if unix > 253_402_300_799 {
        return far();
    }
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(unix)).map_or_else(far, rfc3339)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use russh::keys::PrivateKey;
    use russh::keys::ssh_key::certificate::Builder;
    use russh::keys::ssh_key::private::Ed25519Keypair;

    fn key(seed: u8) -> PrivateKey {
        PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
    }
    fn line(key: &PrivateKey) -> String {
        let k = plain(key.public_key().key_data()).unwrap();
        format!("{} {}", k.kind, STANDARD.encode(&k.blob))
    }
    fn files(text: String) -> Vec<File> {
        vec![File { path: "/kh".into(), text: Ok(text.into_bytes()) }]
    }
    fn made(change: impl Fn(&mut Builder)) -> Certificate {
        made_for(CertType::Host, change)
    }
    fn made_for(kind: CertType, change: impl Fn(&mut Builder)) -> Certificate {
        let mut b = Builder::new(vec![7; 16], key(1).public_key().key_data().clone(), 1000, 2000).unwrap();
        b.cert_type(kind).unwrap().key_id("x").unwrap();
        change(&mut b);
        b.sign(&key(9)).unwrap()
    }

    #[test]
    fn what_a_certificate_is_worth() {
        let (host, ca) = (line(&key(1)), line(&key(9)));
        let good = made(|b| _ = b.valid_principal("web").unwrap());
        let at =
            |text: String, port, now, c: &Certificate| judge(&files(text), None, ("web", port), "web", c, &[], now);
        let trusted = format!("@cert-authority web {ca}\n");
        assert_eq!(at(trusted.clone(), 22, 1500, &good), Word::Vouched);
        // dates: from, until
        for (now, ok) in [(999, false), (1000, true), (1999, true), (2000, false)] {
            assert_eq!(at(trusted.clone(), 22, now, &good) == Word::Vouched, ok, "{now}");
        }
        // whose word counts: by name, by port, negated, another authority
        assert_eq!(at(trusted.clone(), 2222, 1500, &good), Word::Vouched, "the plain name stands for every port");
        assert_eq!(at(format!("@cert-authority [web]:2222 {ca}\n"), 2222, 1500, &good), Word::Vouched);
        for text in [
            format!("@cert-authority [web]:2222 {host}\n@cert-authority web {ca}\n"),
            format!("@cert-authority [web]:2223 {ca}\n"),
        ] {
            assert_eq!(at(text.clone(), 2222, 1500, &good), Word::Nothing(None), "{text}");
        }
        for text in
            [format!("@cert-authority *,!web {ca}\n"), format!("web {ca}\n"), format!("@cert-authority web {host}\n")]
        {
            assert_eq!(at(text.clone(), 22, 1500, &good), Word::Nothing(None), "{text}");
        }
        // revoked: the key, the authority, in known_hosts and in a list
        for bad in [&host, &ca] {
            let text = format!("{trusted}@revoked * {bad}\n");
            assert!(matches!(at(text, 22, 1500, &good), Word::Stop(Verdict::Revoked { line: 2, .. }, _)));
            let list = File { path: "/rl".into(), text: Ok(bad.clone().into_bytes()) };
            let word = judge(&files(trusted.clone()), Some(&list), ("web", 22), "web", &good, &[], 1500);
            assert!(matches!(word, Word::Stop(Verdict::Revoked { .. }, _)), "{word:?}");
        }
        let gone = [File { path: "/kh".into(), text: Err("denied".into()) }];
        assert!(matches!(
            judge(&gone, None, ("web", 22), "web", &good, &[], 1500),
            Word::Stop(Verdict::Unreadable { .. }, _)
        ));
        // what makes it worth nothing
        let flawed = |c: Certificate, why: &str| {
            let word = at(trusted.clone(), 22, 1500, &c);
            assert!(matches!(&word, Word::Nothing(Some(w)) if w.contains(why)), "{why}: {word:?}");
        };
        flawed(made(|b| _ = b.valid_principal("other").unwrap()), "it is for other");
        flawed(made(|b| _ = b.valid_principal("*").unwrap()), "it is for *");
        flawed(made(|b| _ = b.all_principals_valid().unwrap()), "names no host");
        flawed(made_for(CertType::User, |b| _ = b.valid_principal("web").unwrap()), "a user's");
        flawed(
            made(|b| _ = b.valid_principal("web").unwrap().critical_option("force-command", "x").unwrap()),
            "critical",
        );
        // CASignatureAlgorithms
        let signed = |by: &str| {
            let by = [by.to_string()];
            judge(&files(trusted.clone()), None, ("web", 22), "web", &good, &by, 1500)
        };
        assert_eq!(signed("ssh-ed25519"), Word::Vouched);
        assert!(matches!(signed("rsa-sha2-512"), Word::Nothing(Some(why)) if why.contains("CASignatureAlgorithms")));
        // one bit of what was signed is another
        let mut bytes = good.to_bytes().unwrap();
        let at_name = bytes.windows(3).position(|w| w == b"web").unwrap();
        bytes[at_name] ^= 1;
        let bent = Certificate::from_bytes(&bytes).unwrap();
        flawed(bent, "signature");
    }
}
