//! Owns [`Secret`]: text that is wiped when it is let go of and never shown. Leaves out who asks for it and who sees it.

use std::fmt;
use zeroize::Zeroize;

/// Longest secret taken, in bytes.
pub const MOST: usize = 1024;

/// A password, a passphrase, an answer. It is made as large as it may become, so that growing leaves no copy behind;
/// it has no Display and no Serialize, and its Debug says nothing of it.
#[derive(PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new() -> Secret {
        Secret(String::with_capacity(MOST))
    }
    /// Takes over a text; where it can't, the rest is cut off.
    pub fn from_text(mut text: String) -> Secret {
        let mut secret = Secret::new();
        text.chars().for_each(|c| _ = secret.push(c));
        text.zeroize();
        secret
    }
    /// False = it is full.
    pub fn push(&mut self, c: char) -> bool {
        let room = self.0.len() + c.len_utf8() <= MOST;
        if room {
            self.0.push(c);
        }
        room
    }
    /// Takes the last character away; false = there was none. What it was stays in memory until the secret is wiped.
    pub fn pop(&mut self) -> bool {
        self.0.pop().is_some()
    }
    pub fn truncate(&mut self, to: usize) {
        self.0.truncate(to);
    }
    pub fn clear(&mut self) {
        self.0.zeroize();
    }
    /// For the one who needs it: copies made of it are not wiped.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Wipes the stack below its caller, half a MiB of it. Values that are moved leave copies in frames that are over: a
/// private key passes through many before it signs.
#[inline(never)]
pub fn wipe_stack() {
    let mut frames = [0u8; 512 << 10];
    frames.zeroize();
    std::hint::black_box(&frames);
}

impl Default for Secret {
    fn default() -> Secret {
        Secret::new()
    }
}
impl Clone for Secret {
    fn clone(&self) -> Secret {
        let mut copy = Secret::new();
        copy.0.push_str(&self.0);
        copy
    }
}
impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
/// For what tests write down.
impl From<&str> for Secret {
    fn from(text: &str) -> Secret {
        Secret::from_text(text.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_and_shows_nothing() {
        let mut s = Secret::from("pass wörd");
        let before = s.0.as_ptr();
        assert_eq!(format!("{s:?} {:?}", Some(&s)), "Secret Some(Secret)");
        assert!(s.pop() && s.pop());
        assert_eq!(s.expose(), "pass wö");
        while s.push('x') {}
        assert_eq!((s.0.len(), s.0.as_ptr()), (MOST, before), "it never moves");
        assert_eq!(s.clone(), s);
        s.clear();
        assert!(s.expose().is_empty() && !s.pop());
        assert_eq!(Secret::from_text("é".repeat(MOST)).expose().len(), MOST);
    }
}
