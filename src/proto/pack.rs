//! Owns how a Screen is made shorter for its way over a network (zlib, RFC 1950). Leaves out who may send one so.

use std::borrow::Cow;

/// Shorter ones are sent as they are: a frame's head and a packet cost more than what would be saved.
const LEAST: usize = 256;
/// The first level that finds repetitions at all: a screen is packed in less time than it takes to be made.
const LEVEL: u8 = 1;
/// The first byte of what is packed. A Screen that is not begins with ESC.
const PACKED: u8 = 0x78;

/// `screen`, packed where that is shorter.
pub fn pack(screen: &[u8]) -> Cow<'_, [u8]> {
    if screen.len() < LEAST {
        return Cow::Borrowed(screen);
    }
    let packed = miniz_oxide::deflate::compress_to_vec_zlib(screen, LEVEL);
    if packed.len() < screen.len() && packed.first() == Some(&PACKED) {
        Cow::Owned(packed)
    } else {
        Cow::Borrowed(screen)
    }
}

/// What [`pack`] was given; `None` where it is no such thing or would be longer than `most` bytes.
pub fn unpack(bytes: Vec<u8>, most: usize) -> Option<Vec<u8>> {
    if bytes.first() != Some(&PACKED) {
        return Some(bytes);
    }
    miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(&bytes, most).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let short = b"\x1b[Hfoo".to_vec();
        assert_eq!(pack(&short), short.as_slice());
        assert_eq!(unpack(short.clone(), 100), Some(short));
        let long = b"\x1b[Hhow now brown cow\r\n".repeat(200);
        let packed = pack(&long).into_owned();
        assert!(packed.len() * 5 < long.len());
        assert_eq!(unpack(packed.clone(), long.len()), Some(long.clone()));
        assert_eq!(unpack(packed.clone(), long.len() - 1), None, "longer than it may be");
        assert_eq!(unpack(packed[..packed.len() / 2].to_vec(), long.len()), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            let long = [b"\x1b".to_vec(), bytes.repeat(50)].concat();
            proptest::prop_assert_eq!(unpack(pack(&long).into_owned(), long.len()), Some(long));
            let _ = unpack([vec![PACKED, 0x01], bytes].concat(), 1 << 20);
        }
    }
}
