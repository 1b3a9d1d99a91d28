//! Owns the first words both ways: the banner and the pure [`agree`]. Leaves out how they travel.

use super::control::{Capability, Fault, Initialize, SessionAttached};
use super::ids::ClientId;
use std::collections::BTreeMap;

/// Frames in hexadecimal in an agent's environment: it takes them in as if they had been the first on its link.
pub const FIRST: &str = "THUB_FIRST";
/// Bytes of them at most: one word of a command line holds 128 KiB (execve(2)), twice as many characters as bytes.
pub const FIRST_MOST: usize = 24 << 10;

/// Before the banner, where an agent has taken [`FIRST`] in. An older one, under whatever name, does not say so; who
/// does not know it skips it as noise.
pub const TAKEN: &str = "\nthub/first\n";

/// Newest protocol revision this build speaks.
pub const REVISION: u32 = 2;
/// Oldest one it still speaks.
pub const REVISION_MIN: u32 = 1;
/// This build, as the banner and `initialize` name it.
pub const BUILD: &str = env!("CARGO_PKG_VERSION");
/// The banner is looked for in the first 64 KiB: motd and rc-file noise before it is skipped.
pub const BANNER_WITHIN: usize = 64 << 10;

/// `\nthub/1 BUILD\n`, written by the answering side.
pub fn banner() -> String {
    format!("\nthub/1 {BUILD}\n")
}

/// Where the banner ends in `buf` and the build it names; `None` = not there yet.
pub fn find_banner(buf: &[u8]) -> Option<(usize, String)> {
    const MARK: &[u8] = b"\nthub/1 ";
    let mut from = 0;
    loop {
        let rest = buf.get(from..)?;
        let at = rest.windows(MARK.len()).position(|w| w == MARK)?;
        let start = from + at + MARK.len();
        let tail = buf.get(start..)?;
        let word = tail.iter().take(129).take_while(|b| b.is_ascii_graphic()).count();
        match tail.get(word) {
            None => return None,
            Some(b'\n') if word > 0 && word <= 128 => {
                let build = String::from_utf8_lossy(tail.get(..word)?).into_owned();
                return Some((start + word + 1, build));
            }
            // a line that only looks like it
            Some(_) => from = start,
        }
    }
}

/// This side's hello.
pub fn initialize(client: ClientId) -> Initialize {
    Initialize {
        revision_min: REVISION_MIN,
        revision_max: REVISION,
        build: BUILD.into(),
        client,
        capabilities: capabilities(),
    }
}

/// Gauges of more than the agent's own host: a service and a feature of it. Who does not know it passes over whose are
/// asked for, and tells its own.
pub const PLACES: (&str, &str) = ("monitoring", "places");

/// What this build can do.
pub fn capabilities() -> BTreeMap<String, Capability> {
    ["session", "exec", "monitoring", "files"]
        .into_iter()
        .map(|service| {
            let features = [PLACES].into_iter().filter(|(of, _)| *of == service).map(|(_, f)| f.to_string());
            (service.to_string(), Capability { version: 1, features: features.collect() })
        })
        .collect()
}

/// Whether the other side said that it can do this.
pub fn can(theirs: &BTreeMap<String, Capability>, (service, feature): (&str, &str)) -> bool {
    theirs.get(service).is_some_and(|c| c.features.iter().any(|f| f == feature))
}

/// The newest revision both speak; the error says who must be renewed.
pub fn agree(mine: (u32, u32), theirs: (u32, u32)) -> Result<u32, String> {
    let (low, high) = (mine.0.max(theirs.0), mine.1.min(theirs.1));
    if low <= high && high > 0 {
        return Ok(high);
    }
    Err(format!(
        "this side speaks protocol revisions {} to {}, the other {} to {}: renew the older of the two",
        mine.0, mine.1, theirs.0, theirs.1
    ))
}

/// The revision of an attached stream, asked of the session: the newest that both speak. A client that names none
/// speaks 1.
pub fn agree_on_stream(theirs: (u32, u32)) -> Result<u32, Fault> {
    let theirs = (theirs.0.max(1), theirs.1.max(1));
    agree((REVISION_MIN, REVISION), theirs).map_err(|_| {
        Fault::new(
            Fault::REFUSED,
            format!(
                "this session is thub {BUILD} and speaks protocol revisions {REVISION_MIN} to {REVISION}, the client \
                 {} to {}: use a thub of that version, or start the session anew",
                theirs.0, theirs.1
            ),
        )
    })
}

/// A session's answer to an attach, looked at by the client: may the stream be read?
pub fn check_stream(answer: &SessionAttached) -> Result<(), Fault> {
    if speaks(answer.revision) {
        return Ok(());
    }
    let build = if answer.build.is_empty() { "of another build" } else { &answer.build };
    Err(Fault::new(
        Fault::REFUSED,
        format!(
            "the session is thub {} and speaks protocol revision {}, this thub ({BUILD}) {REVISION_MIN} to {REVISION}: \
             use a thub of that version for it, or start it anew",
            crate::text::short(build, 60),
            answer.revision
        ),
    ))
}

/// Whether this build speaks a revision that the other side says is agreed on.
pub fn speaks(revision: u32) -> bool {
    (REVISION_MIN..=REVISION).contains(&revision)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn banner_behind_noise() {
        let noise = b"Welcome!\nthub/1 but not really\nLast login\n";
        let mut all = noise.to_vec();
        all.extend_from_slice(banner().as_bytes());
        all.extend_from_slice(b"\x05\0\0\0");
        let (end, build) = find_banner(&all).unwrap();
        assert_eq!(build, BUILD);
        assert_eq!(&all[end..], b"\x05\0\0\0");
        for cut in 0..noise.len() + banner().len() - 1 {
            assert_eq!(find_banner(&all[..cut]), None);
        }
    }

    #[test]
    fn a_feature_is_there_where_it_is_said() {
        let mine = capabilities();
        assert!(can(&mine, PLACES) && !can(&mine, ("session", "places")) && !can(&BTreeMap::new(), PLACES));
        let older = [("monitoring".to_string(), Capability { version: 1, features: Vec::new() })].into();
        assert!(!can(&older, PLACES));
    }

    #[test]
    fn a_stream_speaks_what_its_session_does() {
        assert_eq!(agree_on_stream((0, 0)), Ok(1), "builds before it was asked");
        assert_eq!(agree_on_stream((REVISION_MIN, REVISION + 3)), Ok(REVISION));
        let newer = agree_on_stream((REVISION + 1, REVISION + 2)).unwrap_err();
        assert!(newer.code == Fault::REFUSED && newer.message.contains(BUILD), "{newer}");
        let said = |revision| SessionAttached { revision, build: "9.9.9".into(), ..SessionAttached::default() };
        assert_eq!(check_stream(&said(REVISION)), Ok(()));
        let other = check_stream(&said(REVISION + 1)).unwrap_err();
        assert!(other.message.contains("9.9.9") && other.message.contains(BUILD), "{other}");
        assert!(check_stream(&said(0)).is_err());
    }

    #[test]
    fn revisions() {
        assert_eq!(agree((1, 3), (2, 5)), Ok(3));
        assert!(agree((1, 1), (2, 5)).is_err());
        assert!(agree((1, 1), (0, 0)).is_err());
    }
}
