//! Owns how a key of ours may be shown to a host, [`forms`]: with which certificate, signed with which hash, as
//! PubkeyAcceptedAlgorithms and RequiredRSASize allow and the host says it knows; what was [`Left`] out; and who signs.
//! Leaves out which keys there are (`keyfile`, the agent), their order, and what the host makes of them (`auth`).

use super::config::HostConfig;
use super::offer;
use super::patience::Patience;
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::{AgentClient, AgentStream};
use russh::keys::signature::Signer as _;
use russh::keys::ssh_encoding::Encode;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{Algorithm, Certificate, HashAlg, PrivateKey, PublicKey};
use std::sync::Arc;
use std::time::Duration;

pub(super) type Agent = AgentClient<Box<dyn AgentStream + Send + Unpin + 'static>>;

/// One way to show a key.
#[derive(Clone, Debug)]
pub(super) struct Form {
    /// None = the key alone.
    pub(super) certificate: Option<Certificate>,
    /// Of an RSA key, never SHA-1; None with every other kind.
    pub(super) hash: Option<HashAlg>,
}

/// Why a key is not shown in some form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LeftOut {
    /// The host knows only SHA-1 for RSA.
    Sha1,
    /// By PubkeyAcceptedAlgorithms.
    NotAccepted,
    /// It has so many bits, fewer than RequiredRSASize.
    TooSmall(u32),
}

/// All ways to show one key, the first to be tried first.
#[derive(Debug)]
pub(super) struct Forms {
    pub(super) list: Vec<Form>,
    /// Where none is left: why.
    pub(super) why: Option<LeftOut>,
    /// So many certificates PubkeyAcceptedAlgorithms leaves out, not counting those of a key it leaves out as well.
    pub(super) uncertified: usize,
}

/// With each of `certificates`, in their order, then (`alone`) without. `best` = the best hash for RSA the host says
/// it knows; a host that knows SHA-512 knows SHA-256 (RFC 8332, section 3).
pub(super) fn forms(
    config: &HostConfig,
    public: &PublicKey,
    certificates: &[&Certificate],
    alone: bool,
    best: Option<HashAlg>,
) -> Forms {
    if let Some(bits) = public.to_bytes().ok().and_then(|blob| offer::too_small(config, &blob)) {
        return Forms { list: Vec::new(), why: Some(LeftOut::TooSmall(bits)), uncertified: 0 };
    }
    let kind = public.algorithm();
    let (mut list, mut why) = (Vec::new(), None);
    let wanted = certificates.iter().map(|c| Some((*c).clone())).chain(alone.then_some(None));
    for certificate in wanted {
        match hash_for(config, &kind, certificate.is_some(), best) {
            Ok(hash) => list.push(Form { certificate, hash }),
            Err(reason) => why = Some(reason),
        }
    }
    let shown = list.iter().filter(|f| f.certificate.is_some()).count();
    let why = why.filter(|_| list.is_empty());
    // a certificate that stands for itself (an agent may hold it without its key) is named as one
    if why == Some(LeftOut::NotAccepted) && !alone {
        return Forms { list, why: None, uncertified: certificates.len() };
    }
    let uncertified = if why.is_some() { 0 } else { certificates.len() - shown };
    Forms { list, why, uncertified }
}

/// For RSA the first of PubkeyAcceptedAlgorithms that the host knows, as ssh; for every other kind there is none.
fn hash_for(
    config: &HostConfig,
    kind: &Algorithm,
    certified: bool,
    best: Option<HashAlg>,
) -> Result<Option<HashAlg>, LeftOut> {
    let said = &config.pubkey_accepted_algorithms;
    let name = |kind: &Algorithm| if certified { kind.to_certificate_type() } else { kind.as_str().to_string() };
    if !matches!(kind, Algorithm::Rsa { .. }) {
        let accepted = said.is_empty() || said.contains(&name(kind));
        return if accepted { Ok(None) } else { Err(LeftOut::NotAccepted) };
    }
    let known: &[HashAlg] = match best {
        Some(HashAlg::Sha512) => &[HashAlg::Sha512, HashAlg::Sha256],
        Some(HashAlg::Sha256) => &[HashAlg::Sha256],
        _ => return Err(LeftOut::Sha1),
    };
    if said.is_empty() {
        return Ok(known.first().copied());
    }
    let named = |word: &String| known.iter().find(|h| name(&Algorithm::Rsa { hash: Some(**h) }) == *word);
    said.iter().find_map(named).copied().map(Some).ok_or(LeftOut::NotAccepted)
}

/// What was not shown to the host.
#[derive(Default)]
pub(super) struct Left {
    sha1: usize,
    not_accepted: usize,
    /// Certificates of keys that were shown without.
    certificates: usize,
    small: Vec<String>,
}

impl Left {
    /// `name` = of the key, as the person knows it.
    pub(super) fn note(&mut self, forms: &Forms, name: &str, config: &HostConfig) {
        self.certificates += forms.uncertified;
        match forms.why {
            Some(LeftOut::Sha1) => self.sha1 += 1,
            Some(LeftOut::NotAccepted) => self.not_accepted += 1,
            Some(LeftOut::TooSmall(bits)) => {
                let least = config.required_rsa_size;
                self.small.push(format!("{name} ({bits} bits, fewer than RequiredRSASize {least})"));
            }
            None => {}
        }
    }

    pub(super) fn words(&self) -> Vec<String> {
        const NAMED_MOST: usize = 5;
        let mut words: Vec<String> = self.small.iter().take(NAMED_MOST).cloned().collect();
        if self.small.len() > NAMED_MOST {
            words.push(format!("{} more with fewer bits than RequiredRSASize", self.small.len() - NAMED_MOST));
        }
        if self.sha1 > 0 {
            words.push(format!("{} RSA left out: the host knows only SHA-1 for them", self.sha1));
        }
        if self.not_accepted > 0 {
            words.push(format!("{} left out by PubkeyAcceptedAlgorithms", self.not_accepted));
        }
        if self.certificates > 0 {
            let what = if self.certificates == 1 { "certificate" } else { "certificates" };
            words.push(format!("{} {what} left out by PubkeyAcceptedAlgorithms", self.certificates));
        }
        words
    }

    /// What to do about it.
    pub(super) fn hint(&self) -> Option<&'static str> {
        if self.not_accepted + self.certificates > 0 {
            Some("widen PubkeyAcceptedAlgorithms for this host, or use a key of a kind it names")
        } else if !self.small.is_empty() {
            Some("use a larger RSA key or an ed25519 one for this host, or lower RequiredRSASize in ssh_config")
        } else {
            None
        }
    }
}

pub(super) enum SignError {
    /// The SSH connection is gone.
    Gone,
    /// There is no signature: the agent did not make one.
    Unsigned,
}
impl From<russh::SendError> for SignError {
    fn from(_: russh::SendError) -> SignError {
        SignError::Gone
    }
}

/// The agent signs.
pub(super) struct ByAgent<'a> {
    pub(super) agent: &'a mut Agent,
    /// What it holds: the host may be shown a certificate the agent does not know.
    pub(super) by: &'a AgentIdentity,
    pub(super) patience: &'a Patience,
}

impl russh::Signer for ByAgent<'_> {
    type Error = SignError;
    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        hash: Option<HashAlg>,
        to_sign: Vec<u8>,
    ) -> Result<Vec<u8>, SignError> {
        // a token may want to be touched: that is a question too
        const TOUCH_WITHIN: Duration = Duration::from_secs(60);
        let _open = self.patience.asking();
        let signing = self.agent.sign_request(self.by, hash, to_sign);
        match tokio::time::timeout(TOUCH_WITHIN, signing).await {
            Ok(Ok(signed)) => Ok(signed),
            _ => Err(SignError::Unsigned),
        }
    }
}

/// A key of a file signs.
pub(super) struct ByFile(pub(super) Arc<PrivateKey>);

impl russh::Signer for ByFile {
    type Error = SignError;
    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        hash: Option<HashAlg>,
        to_sign: Vec<u8>,
    ) -> Result<Vec<u8>, SignError> {
        let key = self.0.clone();
        // RSA takes its time: not on the thread that draws
        let signing = tokio::task::spawn_blocking(move || {
            let signed = signed(&key, hash, to_sign);
            crate::sys::wipe_stack();
            signed
        });
        signing.await.ok().flatten().ok_or(SignError::Unsigned)
    }
}

/// What was to be signed, with the signature after it (RFC 4252, section 7). RSA without a hash would be SHA-1: none.
fn signed(key: &PrivateKey, hash: Option<HashAlg>, mut data: Vec<u8>) -> Option<Vec<u8>> {
    let signature = match key.key_data() {
        KeypairData::Rsa(pair) => (pair, Some(hash?)).try_sign(&data).ok()?,
        pair => pair.try_sign(&data).ok()?,
    };
    let mut blob = Vec::new();
    signature.encode(&mut blob).ok()?;
    blob.encode(&mut data).ok()?;
    Some(data)
}

/// Only learns whether the host would take a key: it never signs.
pub(super) struct Would;

pub(super) enum Wanted {
    Yes,
    Gone,
}
impl From<russh::SendError> for Wanted {
    fn from(_: russh::SendError) -> Wanted {
        Wanted::Gone
    }
}
impl russh::Signer for Would {
    type Error = Wanted;
    async fn auth_sign(&mut self, _: &AgentIdentity, _: Option<HashAlg>, _: Vec<u8>) -> Result<Vec<u8>, Wanted> {
        Err(Wanted::Yes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::{Dest, parse_g};
    use super::*;
    use std::path::Path;

    fn with(printed: &str) -> HostConfig {
        let dest = Dest { user: None, host: "web".into(), port: None };
        parse_g(printed, &dest, Path::new("/h"), "me")
    }

    #[test]
    fn hashes_both_sides_know() {
        use HashAlg::{Sha256, Sha512};
        let rsa = Algorithm::Rsa { hash: None };
        let hash = |said: &str, certified, best| {
            hash_for(&with(&format!("pubkeyacceptedalgorithms {said}\n")), &rsa, certified, best)
        };
        assert_eq!(hash_for(&with(""), &rsa, false, Some(Sha512)), Ok(Some(Sha512)));
        assert_eq!(hash_for(&with(""), &rsa, true, Some(Sha256)), Ok(Some(Sha256)));
        assert_eq!(hash_for(&with(""), &rsa, false, None), Err(LeftOut::Sha1));
        assert_eq!(hash("ssh-rsa,rsa-sha2-256", false, Some(Sha512)), Ok(Some(Sha256)));
        assert_eq!(hash("rsa-sha2-256,rsa-sha2-512", false, Some(Sha512)), Ok(Some(Sha256)), "the person's order");
        assert_eq!(hash("rsa-sha2-512,rsa-sha2-256", false, Some(Sha256)), Ok(Some(Sha256)));
        assert_eq!(hash("rsa-sha2-512", false, Some(Sha256)), Err(LeftOut::NotAccepted));
        assert_eq!(hash("rsa-sha2-512", true, Some(Sha512)), Err(LeftOut::NotAccepted));
        assert_eq!(hash("rsa-sha2-256-cert-v01@openssh.com", true, Some(Sha512)), Ok(Some(Sha256)));
        assert_eq!(hash("ssh-rsa,ssh-rsa-cert-v01@openssh.com", true, Some(Sha512)), Err(LeftOut::NotAccepted));
        assert_eq!(hash("rsa-sha2-512", false, None), Err(LeftOut::Sha1));
    }

    #[test]
    fn kinds_and_their_certificates() {
        let only = with("pubkeyacceptedalgorithms ssh-ed25519,sk-ssh-ed25519-cert-v01@openssh.com\n");
        assert_eq!(hash_for(&only, &Algorithm::Ed25519, false, None), Ok(None));
        assert_eq!(hash_for(&only, &Algorithm::Ed25519, true, None), Err(LeftOut::NotAccepted));
        assert_eq!(hash_for(&only, &Algorithm::SkEd25519, true, None), Ok(None));
        assert_eq!(hash_for(&only, &Algorithm::SkEd25519, false, None), Err(LeftOut::NotAccepted));
        assert_eq!(hash_for(&with(""), &Algorithm::Ed25519, true, None), Ok(None));
    }
}
