//! Owns what may stand in a URL of the engine's: names of containers, references of images, ids. Pure.

use crate::proto::control::Fault;
use crate::proto::control::connections::{container_name, image_name};

/// A container's name or id, as the engine allows them: what is more would be read as something else of its API.
pub fn container(name: &str) -> Result<&str, Fault> {
    container_name(name).map(|()| name).map_err(|why| Fault::new(Fault::BAD_PARAMS, why))
}

/// An image's reference or id.
pub fn image(name: &str) -> Result<&str, Fault> {
    image_name(name).map(|()| name).map_err(|why| Fault::new(Fault::BAD_PARAMS, why))
}

/// An id that the engine has made.
pub fn id(id: &str) -> Result<&str, Fault> {
    let good = !id.is_empty() && id.len() <= 128 && id.bytes().all(|b| b.is_ascii_hexdigit());
    good.then_some(id).ok_or_else(|| Fault::new(Fault::SPAWN, "the engine gave an id that is none"))
}

/// What a person may have meant: names that differ by a letter or two, or hold what was said; three at most.
pub fn close_to<'a>(said: &str, there: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let said = said.to_lowercase();
    let mut close: Vec<(usize, &str)> = there
        .filter_map(|name| {
            let lower = name.to_lowercase();
            let steps = distance(said.as_bytes(), lower.as_bytes());
            let near = steps <= said.len().min(lower.len()).div_ceil(3);
            let within = said.len() > 2 && (lower.contains(&said) || said.contains(&lower));
            (near || within).then_some((steps, name))
        })
        .collect();
    close.sort();
    close.into_iter().take(3).map(|(_, name)| name).collect()
}

/// Letters to change, add, leave out, or two to swap (optimal string alignment); long words are not looked at.
fn distance(a: &[u8], b: &[u8]) -> usize {
    const LONG: usize = 80;
    if a.len() > LONG || b.len() > LONG {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut steps = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *y && b[j - 1] == *x {
                steps = steps.min(before[j - 1] + 1);
            }
            row.push(steps);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_more_than_a_name_is_refused() {
        for bad in ["", "-x;id", "../../etc", "a/b", "a?all=1", "a#", "a b", "$(id)", "a\n", "a%2f", "x;id", "é", ".x"]
        {
            assert!(container(bad).is_err(), "{bad}");
        }
        for good in ["web", "my_app-1.2", "0a1b2c3d", "X"] {
            assert_eq!(container(good).ok(), Some(good));
        }
        for bad in ["", "-x;id", "../x", "a/../b", "a?x", "a b", "a//b", "/a", "a@", "a\u{7f}"] {
            assert!(image(bad).is_err(), "{bad}");
        }
        for good in ["busybox", "thub/busybox:test", "localhost:5000/a/b:1.0", "a@sha256:0123abcd", "sha256:0123abcd"] {
            assert_eq!(image(good).ok(), Some(good));
        }
        assert!(id("0123abcdef").is_ok() && id("../x").is_err() && id("").is_err());
    }

    #[test]
    fn close_ones() {
        let there = ["web-1", "web-2", "database", "redis"];
        assert_eq!(close_to("web1", there.iter().copied()), ["web-1", "web-2"]);
        assert_eq!(close_to("wbe", ["web", "db"].into_iter()), ["web"]);
        assert_eq!(close_to("data", there.iter().copied()), ["database"]);
        assert_eq!(close_to("nothing-like-it", there.iter().copied()), [] as [&str; 0]);
    }
}
