//! Owns the words of a line as OpenSSH 9.2 takes them: separators, quotes, numbers, times, sizes. Pure.
//! Leaves out which option takes which.
//!
//! A text here is Latin-1: one character for each byte of the file, so that no byte is lost whatever its encoding.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// What parts words, and is cut off a line's end (there with the form feed).
pub const BLANK: [char; 4] = [' ', '\t', '\r', '\n'];

pub fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|b| char::from(*b)).collect()
}

pub fn bytes(text: &str) -> Vec<u8> {
    // what is no byte came from a message of ours
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}

pub(super) fn os(text: &str) -> OsString {
    OsString::from_vec(bytes(text))
}

pub(super) fn blank(text: &str) -> &str {
    text.trim_start_matches(BLANK)
}

/// The next word up to a blank, a quote's end or `=`; `None` at the end, or where a quote stays open.
pub fn next_word(rest: &mut Option<&str>) -> Option<String> {
    let text = (*rest)?;
    let Some(at) = text.find([' ', '\t', '\r', '\n', '"', '=']) else {
        *rest = None;
        return Some(text.to_string());
    };
    let (word, tail) = text.split_at_checked(at)?;
    if let Some(inner) = tail.strip_prefix('"') {
        let Some((quoted, after)) = inner.split_once('"') else {
            *rest = None;
            return None;
        };
        *rest = Some(blank(after));
        return Some(format!("{word}{quoted}"));
    }
    let equals = tail.starts_with('=');
    let after = blank(tail.get(1..).unwrap_or_default());
    // one `=` is passed over, with blanks around it
    *rest = Some(match after.strip_prefix('=') {
        Some(after) if !equals => blank(after),
        _ => after,
    });
    Some(word.to_string())
}

/// A line's arguments: blanks part them, quotes of both kinds keep them together, a `#` that begins one ends the line.
/// `None` = a quote stays open.
pub fn arguments(text: &str) -> Option<Vec<String>> {
    let mut out = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(first) = chars.peek() {
        match first {
            ' ' | '\t' => {
                chars.next();
                continue;
            }
            '#' => break,
            _ => {}
        }
        let (mut word, mut quote) = (String::new(), None);
        while let Some(c) = chars.next() {
            match (c, quote) {
                ('\\', _) => match chars.peek().copied() {
                    Some(next @ ('\'' | '"' | '\\')) => {
                        chars.next();
                        word.push(next);
                    }
                    Some(' ') if quote.is_none() => {
                        chars.next();
                        word.push(' ');
                    }
                    _ => word.push('\\'),
                },
                (' ' | '\t', None) => break,
                ('"' | '\'', None) => quote = Some(c),
                (c, Some(q)) if c == q => quote = None,
                (c, _) => word.push(c),
            }
        }
        if quote.is_some() {
            return None;
        }
        out.push(word);
    }
    Some(out)
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}

/// As strtol(3) in base ten: the number (held at the ends of its range) and what follows.
fn leading(text: &str) -> Option<(i64, &str)> {
    let text = text.trim_start_matches(is_space);
    let (minus, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) => (text.starts_with('-'), digits),
        None => (false, text),
    };
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at_checked(end)?;
    if digits.is_empty() {
        return None;
    }
    let n = digits.bytes().fold(0i64, |n, b| n.saturating_mul(10).saturating_add(i64::from(b - b'0')));
    Some((if minus { -n } else { n }, rest))
}

/// A whole number within bounds and nothing else, as strtonum(3).
pub(super) fn number(text: &str, most: i64) -> Option<i64> {
    leading(text).filter(|(n, rest)| rest.is_empty() && (0..=most).contains(n)).map(|(n, _)| n)
}

/// `1h30m`: seconds. TIME FORMATS of sshd_config(5).
pub(super) fn seconds(text: &str) -> Option<i64> {
    const MOST: i64 = i32::MAX as i64;
    let mut total = 0i64;
    let mut rest = text;
    while !rest.is_empty() {
        let (n, after) = leading(rest).filter(|(n, _)| *n >= 0)?;
        let mut unit = after.chars();
        let of = match unit.next() {
            None | Some('s' | 'S') => 1,
            Some('m' | 'M') => 60,
            Some('h' | 'H') => 3600,
            Some('d' | 'D') => 86400,
            Some('w' | 'W') => 7 * 86400,
            Some(_) => return None,
        };
        total = n.checked_mul(of).filter(|n| *n <= MOST)?.checked_add(total).filter(|n| *n <= MOST)?;
        rest = unit.as_str();
    }
    (!text.is_empty()).then_some(total)
}

/// `1.5G`: a number with a scale of 1024, as scan_scaled(3).
pub(super) fn scaled(text: &str) -> Option<i64> {
    const DIGITS: usize = 20;
    let text = text.trim_start_matches(is_space);
    let signs = text.len() - text.trim_start_matches(['-', '+']).len();
    let (signs, text) = text.split_at_checked(signs)?;
    if signs.len() > 1 {
        return None;
    }
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, scale) = text.split_at_checked(end)?;
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if part.contains('.') || whole.len() > DIGITS {
        return None;
    }
    let parse = |s: &str| s.bytes().try_fold(0i64, |n, b| n.checked_mul(10)?.checked_add(i64::from(b - b'0')));
    let part = part.get(..part.len().min(DIGITS - 1)).unwrap_or_default();
    let (whole, part, tens) = (parse(whole)?, parse(part)?, part.len());
    let sign = if signs.contains('-') { -1 } else { 1 };
    let mut chars = scale.chars();
    let Some(unit) = chars.next() else { return Some(sign * whole) };
    let power = "BKMGTPE".find(unit.to_ascii_uppercase())?;
    if chars.next().is_some_and(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    let factor = 1i64 << (10 * power);
    // places that would not fit are dropped first, as scan_scaled(3) does
    let (mut part, mut tens) = (part, tens);
    while part >= i64::MAX / factor {
        part /= 10;
        tens = tens.saturating_sub(1);
    }
    let part = (0..tens).fold(part * factor, |n, _| n / 10);
    Some(sign * whole.checked_mul(factor)?.checked_add(part)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_line() {
        let all = |text| {
            let mut rest = Some(text);
            let mut out = Vec::new();
            while let Some(w) = next_word(&mut rest) {
                out.push(w);
                if out.len() > 9 {
                    break;
                }
            }
            out
        };
        assert_eq!(all("Port = 22"), ["Port", "22"]);
        assert_eq!(all("Port=22"), ["Port", "22"]);
        assert_eq!(all("Port==22"), ["Port", "", "22"]);
        assert_eq!(all("exec \"a = b\" x"), ["exec", "a = b", "x"]);
        assert_eq!(all("a\"b c\"d"), ["ab c", "d"]);
        assert_eq!(all("a \"b"), ["a"]);
        assert_eq!(arguments("a  'b c'\t\"d\\\"\" e\\ f x#y # z").unwrap(), ["a", "b c", "d\"", "e f", "x#y"]);
        assert_eq!(arguments("'a\\ b' '' \\q").unwrap(), ["a\\ b", "", "\\q"]);
        assert_eq!(arguments("a 'b"), None);
    }

    #[test]
    fn numbers() {
        assert_eq!(number("22", 65535), Some(22));
        assert_eq!(number(" +22", 65535), Some(22));
        for bad in ["", "22x", "-1", "70000", "99999999999999999999"] {
            assert_eq!(number(bad, 65535), None, "{bad}");
        }
        assert_eq!(seconds("1h30m"), Some(5400));
        assert_eq!(seconds("90"), Some(90));
        assert_eq!(seconds("1w2D3s"), Some(604_800 + 172_800 + 3));
        for bad in ["", "x", "5y", "-5", "9999999999", "1h 5m x"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
        assert_eq!(scaled("1G"), Some(1 << 30));
        assert_eq!(scaled("1.5k"), Some(1536));
        assert_eq!(scaled("16"), Some(16));
        assert_eq!(scaled("-3"), Some(-3));
        for bad in ["1.2.3", "1x", "1Gb", "9E9", "99999999999999999999"] {
            assert_eq!(scaled(bad), None, "{bad}");
        }
    }
}
