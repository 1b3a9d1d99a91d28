//! Owns permissions as people write them: octal, or as `ls -l` shows them.

/// `rwxr-x---`, with s, S, t and T as ls has them.
pub fn text(mode: u32) -> String {
    let mut out = String::with_capacity(9);
    for (shift, special, letters) in [(6, 0o4000, ['s', 'S']), (3, 0o2000, ['s', 'S']), (0, 0o1000, ['t', 'T'])] {
        let bits = mode >> shift;
        out.push(if bits & 4 != 0 { 'r' } else { '-' });
        out.push(if bits & 2 != 0 { 'w' } else { '-' });
        out.push(match (bits & 1 != 0, mode & special != 0) {
            (true, true) => letters[0],
            (false, true) => letters[1],
            (true, false) => 'x',
            (false, false) => '-',
        });
    }
    out
}

/// The permissions that a text stands for: `644`, `0755`, `rwxr-xr-x`.
///
/// # Errors
/// Why it stands for none, as long as it is being typed, too.
pub fn parse(text: &str) -> Result<u32, &'static str> {
    const FORM: &str = "octal (644) or as ls shows it (rw-r--r--)";
    let text = text.trim();
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        if !(3..=4).contains(&text.len()) {
            return Err("three or four octal digits: 644, 0755");
        }
        return u32::from_str_radix(text, 8).map_err(|_| "an octal digit is 0 to 7");
    }
    let letters: Vec<char> = text.chars().collect();
    if letters.len() != 9 {
        return Err(FORM);
    }
    let mut mode = 0;
    for (at, c) in letters.iter().enumerate() {
        let bit = 0o400 >> at;
        let special = [0o4000, 0o2000, 0o1000].get(at / 3).copied().unwrap_or(0);
        mode |= match (at % 3, c) {
            (_, '-') => 0,
            (0, 'r') | (1, 'w') | (2, 'x') => bit,
            (2, 's') if at < 8 => bit | special,
            (2, 'S') if at < 8 => special,
            (2, 't') if at == 8 => bit | special,
            (2, 'T') if at == 8 => special,
            _ => return Err(FORM),
        };
    }
    Ok(mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        for mode in [0, 0o644, 0o755, 0o7777, 0o4755, 0o2640, 0o1777, 0o1666] {
            assert_eq!(parse(&text(mode)), Ok(mode), "{}", text(mode));
            assert_eq!(parse(&format!("{mode:04o}")), Ok(mode));
        }
        assert_eq!((text(0o4755).as_str(), text(0o1600).as_str()), ("rwsr-xr-x", "rw------T"));
        for bad in ["", "6", "64", "648", "00644", "rw-r--r-", "rwxrwxrwz", "wrxr-xr-x", "a", "+x"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
