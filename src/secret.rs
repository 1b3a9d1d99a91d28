//! Owns [`Secret`]: text that is wiped when it is let go of and never shown. Leaves out who asks for it and who sees it.

use std::fmt;
use zeroize::Zeroize;

/// Longest secret taken, in bytes: 32 KiB, which written as JSON fits into a call however it has to be escaped. What is
/// longer is refused and never cut. (ssh takes 1023 bytes, and cuts.)
pub const MOST: usize = 32 << 10;
/// Room at first.
const FIRST: usize = 1024;

/// What is said of one that is too long.
pub const TOO_LONG: &str = "longer than 32 KiB: not taken";
/// What is said of one that is no text. ssh sends its bytes as they are, the library we speak SSH with takes only text.
pub const NOT_TEXT: &str = "not UTF-8 text: not taken, as nothing else can be sent";

/// A password, a passphrase, an answer. Where it grows, what it was before is wiped, so that no copy is left behind;
/// it has no Display and no Serialize, and its Debug says nothing of it.
#[derive(PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new() -> Secret {
        Secret(String::with_capacity(FIRST))
    }
    /// Takes over a text; none where it is longer than a secret may be.
    pub fn from_text(mut text: String) -> Option<Secret> {
        let mut secret = Secret::new();
        let whole = secret.push_str(&text);
        text.zeroize();
        whole.then_some(secret)
    }
    /// False = it is full.
    pub fn push(&mut self, c: char) -> bool {
        self.push_str(c.encode_utf8(&mut [0; 4]))
    }
    /// All of it or, where it would become too long, nothing: false.
    pub fn push_str(&mut self, text: &str) -> bool {
        let len = self.0.len() + text.len();
        if len > MOST {
            return false;
        }
        if len > self.0.capacity() {
            let mut before = String::with_capacity((2 * self.0.capacity()).clamp(len, MOST));
            before.push_str(&self.0);
            std::mem::swap(&mut before, &mut self.0);
            before.zeroize();
        }
        self.0.push_str(text);
        true
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

impl Default for Secret {
    fn default() -> Secret {
        Secret::new()
    }
}
impl Clone for Secret {
    fn clone(&self) -> Secret {
        let mut copy = Secret::new();
        copy.push_str(&self.0);
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
        Secret::from_text(text.to_string()).expect("a test's secret is short")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_and_shows_nothing() {
        let mut s = Secret::from("pass wörd");
        assert_eq!(format!("{s:?} {:?}", Some(&s)), "Secret Some(Secret)");
        assert!(s.pop() && s.pop());
        assert_eq!(s.expose(), "pass wö");
        while s.push('x') {}
        assert_eq!(s.0.len(), MOST);
        assert_eq!(s.clone(), s);
        s.clear();
        assert!(s.expose().is_empty() && !s.pop());
        // whole, or not at all
        let long = "é".repeat(MOST / 2);
        assert_eq!(Secret::from_text(long.clone()).unwrap().expose(), long);
        assert_eq!(Secret::from_text(long + "x"), None);
    }
}
