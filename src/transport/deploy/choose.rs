//! Owns which of the builds on a host is started: the rule by which builds go together, and their order. Pure.
//! Leaves out how they are found (`remote.rs`) and how a new one gets there.
//!
//! A build's directory is named VERSION-HASH12. An agent goes with a client of the same major version whose minor is not
//! above its own: a newer agent is used, an older one is not. The name is a claim; the banner is asked again.

use crate::proto::hello;
use crate::text::Untrusted;
use std::cmp::{Ordering, Reverse};

/// Builds that are tried where this one is not there: each that does not run costs a round trip.
pub const TRIED: usize = 4;
/// Longest name of a build's directory, bytes.
const NAME: usize = 128;
/// Digits of a program's hash in it.
const HASH: usize = 12;

/// A version as semver 2.0.0 orders them, build metadata left out.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Version {
    major: u64,
    minor: u64,
    patch: u64,
    /// Identifiers of a pre-release; none = a release.
    pre: Vec<String>,
}

impl Version {
    fn parse(text: &str) -> Option<Version> {
        let whole = text.split_once('+').map_or(text, |(v, _)| v);
        let (numbers, pre) = whole.split_once('-').map_or((whole, None), |(n, p)| (n, Some(p)));
        let mut parts = numbers.split('.').map(|n| {
            let plain = !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| n.parse::<u64>().ok()).flatten()
        });
        let (major, minor, patch) = (parts.next()??, parts.next()??, parts.next()??);
        let pre: Vec<String> = pre.map(|p| p.split('.').map(str::to_string).collect()).unwrap_or_default();
        let usable = |i: &String| !i.is_empty() && i.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        (parts.next().is_none() && pre.iter().all(usable)).then_some(Version { major, minor, patch, pre })
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Version) -> Ordering {
        let numbers = |v: &Version| (v.major, v.minor, v.patch);
        let identifier = |a: &String, b: &String| match (a.parse::<u64>(), b.parse::<u64>()) {
            (Ok(a), Ok(b)) => a.cmp(&b),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            _ => a.cmp(b),
        };
        numbers(self).cmp(&numbers(other)).then_with(|| match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => Ordering::Equal,
            // a release is above its pre-releases
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            _ => {
                let first = self.pre.iter().zip(&other.pre).map(|(a, b)| identifier(a, b)).find(|o| o.is_ne());
                first.unwrap_or_else(|| self.pre.len().cmp(&other.pre.len()))
            }
        })
    }
}
impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Version) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The version in a build's name, where it is one of ours: safe as a part of a path, too.
fn version_of(name: &str) -> Option<Version> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+');
    if name.len() > NAME || !name.bytes().all(plain) {
        return None;
    }
    let (version, hash) = name.rsplit_once('-')?;
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    (hash.len() == HASH && hash.bytes().all(hex)).then(|| Version::parse(version))?
}

fn goes_with(agent: &Version, client: &Version) -> bool {
    agent.major == client.major && agent.minor >= client.minor
}

/// Whether an agent of this version (as its banner and its hello name it) goes with this build.
pub fn fits(version: &str) -> bool {
    agent_fits(version, hello::BUILD)
}

fn agent_fits(agent: &str, client: &str) -> bool {
    match (Version::parse(agent), Version::parse(client)) {
        (Some(agent), Some(client)) => goes_with(&agent, &client),
        _ => false,
    }
}

/// What an agent's version must be for this build, in words.
pub fn required() -> String {
    Version::parse(hello::BUILD).map_or_else(|| hello::BUILD.into(), |v| format!("{}.{} or newer", v.major, v.minor))
}

/// What is said of a build that is there and not used: which it is, and what is needed.
pub fn verdict(build: &str) -> String {
    let shown = crate::text::short(build, 60);
    match version_of(build) {
        Some(v) if Version::parse(hello::BUILD).is_some_and(|mine| goes_with(&v, &mine)) => {
            format!("thub {shown}, which does not run there")
        }
        _ => format!("thub {shown}, and this thub ({}) needs {}", hello::BUILD, required()),
    }
}

/// Builds to try in this order: the newest version first, of one version the newest file (the host lists them so).
pub fn candidates<'a>(builds: &'a [Untrusted], without: &[String]) -> Vec<&'a str> {
    rank(builds, hello::BUILD, without)
}

fn rank<'a>(builds: &'a [Untrusted], client: &str, without: &[String]) -> Vec<&'a str> {
    let Some(client) = Version::parse(client) else { return Vec::new() };
    let mut all: Vec<(Version, &str)> = builds
        .iter()
        .map(Untrusted::raw)
        .filter(|name| !without.iter().any(|w| w == name))
        .filter_map(|name| Some((version_of(name)?, name)))
        .filter(|(version, _)| goes_with(version, &client))
        .collect();
    // (stable: files of one version stay newest first)
    all.sort_by(|a, b| Reverse(&a.0).cmp(&Reverse(&b.0)));
    all.into_iter().map(|(_, name)| name).take(TRIED).collect()
}

/// The newest build there, whether it fits or not: what a person is told is there.
pub fn newest(builds: &[Untrusted]) -> Option<&str> {
    let named = builds.iter().filter_map(|b| Some((version_of(b.raw())?, b.raw())));
    named.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builds(names: &[&str]) -> Vec<Untrusted> {
        names.iter().map(|n| Untrusted::new(*n)).collect()
    }

    #[test]
    fn versions_are_ordered_as_semver_does() {
        let order = [
            "0.9.9",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.1",
            "1.10.0",
            "2.0.0",
        ];
        let parsed: Vec<Version> = order.iter().map(|v| Version::parse(v).unwrap()).collect();
        for (i, a) in parsed.iter().enumerate() {
            for (j, b) in parsed.iter().enumerate() {
                assert_eq!(a.cmp(b), i.cmp(&j), "{} {}", order[i], order[j]);
            }
        }
        assert_eq!(Version::parse("1.2.3+git"), Version::parse("1.2.3"));
        for bad in [
            "",
            "1",
            "1.2",
            "1.2.3.4",
            "1.2.x",
            "-1.2.3",
            "1.2.3-",
            "1.2.3-a..b",
            "1.2.3-a b",
            "+1.2.3",
            "99999999999999999999.0.0",
        ] {
            assert_eq!(Version::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn same_major_and_no_older_minor() {
        for (agent, client, fits) in [
            ("0.1.0", "0.1.0", true),
            ("0.1.0", "0.1.9", true),
            ("0.2.0", "0.1.9", true),
            ("0.0.9", "0.1.0", false),
            ("1.1.0", "0.1.0", false),
            ("0.9.0", "1.0.0", false),
            ("1.4.2", "1.4.7-rc.1", true),
            ("", "0.1.0", false),
            ("\u{1b}[2J", "0.1.0", false),
        ] {
            assert_eq!(agent_fits(agent, client), fits, "{agent} {client}");
        }
        assert!(super::fits(hello::BUILD));
    }

    #[test]
    fn the_newest_that_fits_goes_first() {
        let there = builds(&[
            "0.1.0-aaaaaaaaaaaa",
            "0.2.1-bbbbbbbbbbbb",
            "0.1.0-cccccccccccc",
            "0.2.1-dddddddddddd",
            "0.0.9-eeeeeeeeeeee",
            "1.0.0-ffffffffffff",
            "0.3.0",
            "../../0.4.0-aaaaaaaaaaaa",
            "0.4.0-aaaaaaaaaaa$",
            "0.4.0-AAAAAAAAAAAA",
            "0.10.0-rc.1-aaaaaaaaaaaa",
        ]);
        let all = ["0.10.0-rc.1-aaaaaaaaaaaa", "0.2.1-bbbbbbbbbbbb", "0.2.1-dddddddddddd", "0.1.0-aaaaaaaaaaaa"];
        assert_eq!(rank(&there, "0.1.0", &[]), all);
        assert_eq!(rank(&there, "0.1.0", &["0.2.1-bbbbbbbbbbbb".into()])[1], "0.2.1-dddddddddddd");
        assert_eq!(rank(&there, "0.2.0", &[]).len(), 3);
        assert_eq!(rank(&there, "1.0.0", &[]), ["1.0.0-ffffffffffff"]);
        assert!(rank(&there, "2.0.0", &[]).is_empty());
        assert_eq!(newest(&there), Some("1.0.0-ffffffffffff"));
        assert_eq!(newest(&builds(&["x", ""])), None);
    }

    #[test]
    fn what_is_said_names_both() {
        let older = verdict("0.0.1-aaaaaaaaaaaa");
        assert!(older.contains("0.0.1") && older.contains(hello::BUILD) && older.contains(&required()), "{older}");
        let broken = verdict(&format!("{}-aaaaaaaaaaaa", hello::BUILD));
        assert!(broken.contains("does not run"), "{broken}");
        assert!(!verdict("\u{1b}[2J").contains('\u{1b}'));
    }
}
