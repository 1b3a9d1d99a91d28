//! Owns what a container and an image may be called, and the sentences that say it. Pure.
//! Leaves out whether there is one of that name.

use crate::text::short;

/// Longer names are none: the engine's own limit is far below that.
const LONGEST: usize = 255;

/// A container's name or id: a letter or digit, then letters, digits and `_.-` (the engine's own rule).
pub fn container_name(name: &str) -> Result<(), String> {
    let good = name.len() <= LONGEST
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    if good {
        return Ok(());
    }
    Err(format!(
        "'{}' can be no container's name: those begin with a letter or digit and have letters, digits, '_', '.' and '-'; \
         'thub containers' lists them",
        short(name, 60)
    ))
}

/// An image's reference (`name`, `host:port/name:tag`, `name@sha256:…`) or id.
pub fn image_name(name: &str) -> Result<(), String> {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.ends_with(|c: char| c.is_ascii_alphanumeric())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-:@".contains(&b))
    };
    if name.len() <= LONGEST && name.split('/').all(part) {
        return Ok(());
    }
    Err(format!("'{}' can be no image's name, as debian:12 is; 'thub containers --images' lists them", short(name, 60)))
}

/// The words of a command line as a shell parts them: quotes and backslashes, nothing that is replaced.
pub fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next() {
                        Some('\'') => break,
                        Some(c) => word.push(c),
                        None => return Err("a ' is not closed".into()),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next() {
                        Some('"') => break,
                        Some('\\') => match rest.next() {
                            Some(c @ ('"' | '\\' | '$' | '`')) => word.push(c),
                            Some(c) => word.extend(['\\', c]),
                            None => return Err("a \" is not closed".into()),
                        },
                        Some(c) => word.push(c),
                        None => return Err("a \" is not closed".into()),
                    }
                }
            }
            '\\' => match rest.next() {
                Some(c) => word.get_or_insert_default().push(c),
                None => return Err("it ends with a \\".into()),
            },
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_line() {
        let of = |line| words(line).unwrap();
        assert_eq!(of("psql -U 'a b' \"c \\\"d\\\" $x\" e\\ f ''"), ["psql", "-U", "a b", "c \"d\" $x", "e f", ""]);
        assert_eq!(of("  \t "), [""; 0]);
        assert_eq!(of("sh -c 'a; b && $(c)'"), ["sh", "-c", "a; b && $(c)"]);
        for bad in ["'a", "\"a", "a\\", "\"a\\"] {
            assert!(words(bad).is_err(), "{bad}");
        }
    }
}
