//! Owns OpenSSH's binary lists of revoked keys (PROTOCOL.krl, version 1): is a key in it, is a certificate? Pure.
//! Leaves out what follows. What can't be understood is an error, never a no.

use super::known_hosts::HostKey;
use sha1::Sha1;
use sha2::{Digest, Sha256};

const MAGIC: &[u8] = b"SSHKRL\n\0";

/// Sections, and what a section of certificates holds.
const CERTIFICATES: u8 = 1;
const KEYS: u8 = 2;
const SHA1_HASHES: u8 = 3;
const SIGNATURE: u8 = 4;
const SHA256_HASHES: u8 = 5;
const EXTENSION: u8 = 255;
const SERIALS: u8 = 0x20;
const SERIAL_RANGE: u8 = 0x21;
const SERIAL_BITMAP: u8 = 0x22;
const KEY_IDS: u8 = 0x23;
const CERTIFICATE_EXTENSION: u8 = 0x39;

/// Why a list can't be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unreadable(pub &'static str);

const SHORT: Unreadable = Unreadable("the key revocation list ends too early");

/// Is it a binary list at all?
pub fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(b"SSHKRL\n")
}

/// Is this key in it, by itself or by its hash?
///
/// # Errors
/// The list is damaged, or holds something critical that is not known here.
pub fn revokes(bytes: &[u8], key: &HostKey) -> Result<bool, Unreadable> {
    let mut found = false;
    sections(bytes, |kind, mut data| {
        let hash = match kind {
            KEYS => key.blob.clone(),
            SHA1_HASHES => Sha1::digest(&key.blob).to_vec(),
            SHA256_HASHES => Sha256::digest(&key.blob).to_vec(),
            _ => return Ok(()),
        };
        while !data.0.is_empty() {
            found |= data.string()? == hash.as_slice();
        }
        Ok(())
    })?;
    Ok(found)
}

/// Is a certificate of this authority in it, by its serial number (0 = it has none) or its key id?
///
/// # Errors
/// As [`revokes`].
pub fn revokes_certificate(bytes: &[u8], authority: &HostKey, serial: u64, id: &str) -> Result<bool, Unreadable> {
    let mut found = false;
    sections(bytes, |kind, mut data| {
        if kind != CERTIFICATES {
            return Ok(());
        }
        // without a key it is about every authority's
        let of = data.string()?;
        let ours = of.is_empty() || of == authority.blob.as_slice();
        data.string()?;
        while !data.0.is_empty() {
            let kind = data.byte()?;
            let mut inner = Reader(data.string()?);
            let listed = match kind {
                SERIALS => {
                    let mut listed = false;
                    while !inner.0.is_empty() {
                        listed |= inner.long()? == serial;
                    }
                    listed && serial != 0
                }
                SERIAL_RANGE => {
                    let (from, to) = (inner.long()?, inner.long()?);
                    serial != 0 && (from..=to).contains(&serial)
                }
                SERIAL_BITMAP => {
                    let (from, bits) = (inner.long()?, inner.string()?);
                    serial != 0 && serial.checked_sub(from).is_some_and(|bit| is_set(bits, bit))
                }
                KEY_IDS => {
                    let mut listed = false;
                    while !inner.0.is_empty() {
                        listed |= inner.string()? == id.as_bytes();
                    }
                    listed
                }
                CERTIFICATE_EXTENSION => {
                    inner.extension()?;
                    false
                }
                _ => return Err(Unreadable("the key revocation list holds what thub does not know")),
            };
            found |= ours && listed;
        }
        Ok(())
    })?;
    Ok(found)
}

/// A bit of a number in big-endian bytes.
fn is_set(bits: &[u8], bit: u64) -> bool {
    let byte = usize::try_from(bit / 8).ok().and_then(|i| bits.len().checked_sub(i)?.checked_sub(1));
    byte.and_then(|i| bits.get(i)).is_some_and(|b| b >> (bit % 8) & 1 == 1)
}

/// Each section, whole ones only.
fn sections<'a>(
    bytes: &'a [u8],
    mut each: impl FnMut(u8, Reader<'a>) -> Result<(), Unreadable>,
) -> Result<(), Unreadable> {
    let mut r = Reader(bytes.strip_prefix(MAGIC).ok_or(SHORT)?);
    if r.int()? != 1 {
        return Err(Unreadable("the key revocation list is of another version than 1"));
    }
    // its number, its date, flags; reserved, a comment
    for _ in 0..3 {
        r.long()?;
    }
    for _ in 0..2 {
        r.string()?;
    }
    while !r.0.is_empty() {
        let (kind, mut data) = (r.byte()?, Reader(r.string()?));
        match kind {
            CERTIFICATES | KEYS | SHA1_HASHES | SHA256_HASHES => each(kind, data)?,
            // nobody checks them any more, OpenSSH neither
            SIGNATURE => {}
            EXTENSION => data.extension()?,
            _ => return Err(Unreadable("the key revocation list holds what thub does not know")),
        }
    }
    Ok(())
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self.0.split_at_checked(n).ok_or(SHORT)?;
        self.0 = rest;
        Ok(taken)
    }
    fn byte(&mut self) -> Result<u8, Unreadable> {
        self.take(1)?.first().copied().ok_or(SHORT)
    }
    fn int(&mut self) -> Result<u32, Unreadable> {
        Ok(u32::from_be_bytes(self.take(4)?.try_into().map_err(|_| SHORT)?))
    }
    fn long(&mut self) -> Result<u64, Unreadable> {
        Ok(u64::from_be_bytes(self.take(8)?.try_into().map_err(|_| SHORT)?))
    }
    fn string(&mut self) -> Result<&'a [u8], Unreadable> {
        let len = self.int()?;
        self.take(usize::try_from(len).map_err(|_| SHORT)?)
    }
    /// One that is not critical means nothing.
    fn extension(&mut self) -> Result<(), Unreadable> {
        self.string()?;
        match self.byte()? {
            0 => Ok(()),
            _ => Err(Unreadable("the key revocation list has a critical extension that thub does not know")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
    }
    fn list(sections: &[(u8, Vec<u8>)]) -> Vec<u8> {
        let mut out = [MAGIC, &1u32.to_be_bytes(), &[0; 24], &[0; 8]].concat();
        for (kind, data) in sections {
            out.push(*kind);
            out.extend(string(data));
        }
        out
    }
    fn key(seed: u8) -> HostKey {
        HostKey { kind: "k".into(), blob: vec![seed; 9] }
    }

    #[test]
    fn what_is_listed() {
        let keys = list(&[
            (KEYS, [string(&key(1).blob), string(&key(2).blob)].concat()),
            (SHA1_HASHES, string(&Sha1::digest(&key(3).blob))),
            (SHA256_HASHES, string(&Sha256::digest(&key(4).blob))),
            (SIGNATURE, vec![1, 2, 3]),
            (EXTENSION, [string(b"x@y"), vec![0]].concat()),
        ]);
        for n in 1..=5 {
            assert_eq!(revokes(&keys, &key(n)), Ok(n < 5), "{n}");
        }
        let inner = |kind: u8, data: Vec<u8>| [vec![kind], string(&data)].concat();
        let parts = [
            string(&key(9).blob),
            string(b""),
            inner(SERIALS, [7u64.to_be_bytes(), 0u64.to_be_bytes()].concat()),
            inner(SERIAL_RANGE, [20u64.to_be_bytes(), 22u64.to_be_bytes()].concat()),
            inner(SERIAL_BITMAP, [&100u64.to_be_bytes()[..], &string(&[0b1, 0b1000_0001])].concat()),
            inner(KEY_IDS, string(b"bad")),
        ];
        let certificates = list(&[(CERTIFICATES, parts.concat())]);
        for (serial, listed) in [
            (0, false),
            (7, true),
            (19, false),
            (20, true),
            (22, true),
            (23, false),
            (99, false),
            (100, true),
            (101, false),
            (107, true),
            (108, true),
            (109, false),
            (u64::MAX, false),
        ] {
            assert_eq!(revokes_certificate(&certificates, &key(9), serial, "x"), Ok(listed), "{serial}");
            assert_eq!(revokes_certificate(&certificates, &key(8), serial, "bad"), Ok(false), "another authority");
        }
        assert_eq!(revokes_certificate(&certificates, &key(9), 0, "bad"), Ok(true));
        // of every authority
        let all = list(&[(CERTIFICATES, [string(b""), string(b""), inner(KEY_IDS, string(b"bad"))].concat())]);
        assert_eq!(revokes_certificate(&all, &key(8), 0, "bad"), Ok(true));
        // cut anywhere, it is no list that says no
        for cut in 0..keys.len() {
            let said = revokes(&keys[..cut], &key(4));
            let ends_a_section = list_ends(&keys).contains(&cut);
            assert_eq!(said.is_ok(), ends_a_section, "{cut}: {said:?}");
        }
        for bad in [
            list(&[(9, vec![])]),
            list(&[(EXTENSION, [string(b"x@y"), vec![1]].concat())]),
            list(&[(KEYS, vec![0, 0, 0, 9, 1])]),
            b"SSHKRL\n\0\0\0\0\x02".to_vec(),
        ] {
            assert!(revokes(&bad, &key(1)).is_err());
        }
        let odd = list(&[(CERTIFICATES, [string(b""), string(b""), inner(0x50, vec![])].concat())]);
        assert!(revokes_certificate(&odd, &key(1), 1, "x").is_err());
    }

    /// Where a list could end and be whole.
    fn list_ends(bytes: &[u8]) -> Vec<usize> {
        let mut at = MAGIC.len() + 4 + 24 + 8;
        let mut ends = vec![at];
        while let Some(len) = bytes.get(at + 1..at + 5) {
            at += 5 + u32::from_be_bytes(len.try_into().unwrap()) as usize;
            ends.push(at);
        }
        ends
    }
}
