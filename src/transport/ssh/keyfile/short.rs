//! Owns P-256 keys whose number begins with a zero byte, as one in 256 does. The file leaves such bytes out (RFC 4251 5,
//! mpint), and ssh-key (0.7.0-rc.11) takes no number of less than 32 bytes. Leaves out all other keys.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use russh::keys::PrivateKey;
use russh::keys::ssh_key::encoding::Decode;
use russh::keys::ssh_key::private::{EcdsaKeypair, EcdsaPrivateKey, KeypairData};
use russh::keys::ssh_key::{Cipher, Kdf};
use zeroize::{Zeroize, Zeroizing};

const BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const END: &str = "-----END OPENSSH PRIVATE KEY-----";
/// PROTOCOL.key of OpenSSH.
const MAGIC: &[u8] = b"openssh-key-v1\0";
const KIND: &[u8] = b"ecdsa-sha2-nistp256";
/// Bytes of a number of P-256.
const SIZE: usize = 32;

/// The key in a file of OpenSSH's own format, if it is such a one and the passphrase (none for an open one) is right.
pub(super) fn read(text: &str, passphrase: Option<&str>) -> Option<PrivateKey> {
    let body = text.split_once(BEGIN)?.1.split_once(END)?.0;
    let mut letters = Zeroizing::new(Vec::with_capacity(body.len()));
    letters.extend(body.bytes().filter(|b| !b.is_ascii_whitespace()));
    let mut file = Zeroizing::new(Vec::with_capacity(letters.len()));
    STANDARD.decode_vec(&*letters, &mut file).ok()?;
    let mut rest = file.strip_prefix(MAGIC)?;
    let cipher = Cipher::new(std::str::from_utf8(string(&mut rest)?).ok()?).ok()?;
    let kdf = Kdf::decode(&mut rest).ok()?;
    // one key: how many there are is always said
    let one = rest.split_off(..4)? == 1u32.to_be_bytes();
    let (mut public, private) = (string(&mut rest)?, string(&mut rest)?);
    // (of any other kind it was the passphrase that is wrong, which takes its time to tell)
    if string(&mut public)? != KIND {
        return None;
    }
    let mut private = Zeroizing::new(private.to_vec());
    if cipher.is_some() {
        let (key, mut iv) = kdf.derive_key_and_iv(cipher, passphrase?).ok()?;
        // (those with a tag have it behind all else)
        let tag = if cipher.has_tag() { Some(rest.try_into().ok()?) } else { None };
        let opened = cipher.decrypt(&key, &iv, &mut private, tag);
        iv.zeroize();
        opened.ok()?;
    }
    let mut rest = private.as_slice();
    let same = rest.split_off(..4)? == rest.split_off(..4)?;
    if !one || !same || string(&mut rest)? != KIND {
        return None;
    }
    let (_curve, point, number, comment) =
        (string(&mut rest)?, string(&mut rest)?, string(&mut rest)?, string(&mut rest)?);
    let mut whole = Zeroizing::new([0; SIZE]);
    whole.get_mut(SIZE.checked_sub(number.len())?..)?.copy_from_slice(number);
    let keypair = EcdsaKeypair::NistP256 {
        public: russh::keys::ssh_key::sec1::EncodedPoint::from_bytes(point).ok()?,
        private: EcdsaPrivateKey::from(*whole),
    };
    PrivateKey::new(KeypairData::Ecdsa(keypair), String::from_utf8_lossy(comment).into_owned()).ok()
}

/// RFC 4251 5: a length and as many bytes.
fn string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_be_bytes(rest.split_off(..4)?.try_into().ok()?);
    rest.split_off(..usize::try_from(length).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by ssh-keygen for this test; its number has 31 bytes.
    const OPEN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAaAAAABNlY2RzYS
1zaGEyLW5pc3RwMjU2AAAACG5pc3RwMjU2AAAAQQQfsUsjyw8dRC2Zp14+TKckJ6ueAkSA
yAmEtYm2ArTbN7DIr8RNAiTrcd+4f/NPM87yH/HMawoffE//V3tEXW8MAAAAoCERi58hEY
ufAAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBB+xSyPLDx1ELZmn
Xj5MpyQnq54CRIDICYS1ibYCtNs3sMivxE0CJOtx37h/808zzvIf8cxrCh98T/9Xe0Rdbw
wAAAAfBvMB21AaFvg7h5VRZAyvusgGIlJTd4MLenHa41OQzwAAAAVzaG9ydAECAwQ=
-----END OPENSSH PRIVATE KEY-----
";
    /// The same, locked by "open sesame".
    const LOCKED: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABBn2a6dAp
BJKGGKGiMPGhEqAAAAEAAAAAEAAABoAAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlz
dHAyNTYAAABBBB+xSyPLDx1ELZmnXj5MpyQnq54CRIDICYS1ibYCtNs3sMivxE0CJOtx37
h/808zzvIf8cxrCh98T/9Xe0RdbwwAAACgXxWaE+PXV0UXpntS+F5CdPJo5IZUhIGHuXVV
PKbD3LSSWCYoDW7qNukW6B6TkWMbR6nXnlZfgcWopi+pisHOpIximwEmRo8jL939oX/YZG
SLxiPAlEdN1Dfthwq3XM31mh7uYTqLZS2SeZBvedpN5XV2r7Unubn3cOB16yeKlYCHIPrw
S36QZ/qAKIRdvGrrQfmNAJzusDR36FGQvkYBoA==
-----END OPENSSH PRIVATE KEY-----
";
    const FINGERPRINT: &str = "SHA256:3cggwZopG7+bLYYBjN4gTuxFYkqWTvHh7jP6K+zklBs";

    #[test]
    fn a_number_with_a_byte_less() {
        for (text, passphrase) in [(OPEN, None), (LOCKED, Some("open sesame"))] {
            let key = super::super::decode(text, passphrase).unwrap();
            assert_eq!(key.fingerprint(Default::default()).to_string(), FINGERPRINT);
            assert_eq!(key.comment().to_string(), "short");
            // it signs, and what it signs is its own
            let signed = key.sign("test", Default::default(), b"data").unwrap();
            assert!(key.public_key().verify("test", b"data", &signed).is_ok());
        }
        for wrong in [None, Some(""), Some("open")] {
            assert!(super::super::decode(LOCKED, wrong).is_err(), "{wrong:?}");
        }
        let cut = OPEN.replace("AAAABnBvMB21AaFvg7h5", "");
        for broken in ["", BEGIN, &OPEN[..300], &cut[..cut.len() - 80], "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"] {
            assert!(read(broken, None).is_none());
        }
    }
}
