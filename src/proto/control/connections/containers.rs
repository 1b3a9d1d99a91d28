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
