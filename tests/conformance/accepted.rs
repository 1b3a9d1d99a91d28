//! Owns the lists of what is accepted as different, one a line: `NAME  HOW` or `NAME  HOW  # WHY`. How is what the run says,
//! why is what somebody found out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/term_ref")
}

/// Holds what went wrong against a list: what is not in it fails the test, what is in it and went right is said.
/// `ran`: all names; `wrong`: those that went wrong, and how. With UPDATE set the list is written anew instead; why
/// stays.
#[track_caller]
pub fn hold_against(list: &str, ran: &BTreeSet<String>, wrong: &BTreeMap<String, String>) {
    let path = folder().join(list);
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let listed = parse(&text);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, anew(&text, &listed, wrong)).expect("the list is written");
        println!("{list}: written anew, {} names", wrong.len());
        return;
    }
    for name in listed.keys().filter(|n| ran.contains(*n) && !wrong.contains_key(*n)) {
        println!("{list}: {name} goes right now: take it off (UPDATE=1)");
    }
    for name in listed.keys().filter(|n| !ran.contains(*n)) {
        println!("{list}: {name} was not run");
    }
    let new: Vec<String> = wrong
        .iter()
        .filter(|(name, _)| !listed.contains_key(*name))
        .map(|(name, how)| format!("{name}  {how}"))
        .collect();
    assert!(new.is_empty(), "{} went wrong that {list} does not have:\n{}\n", new.len(), new.join("\n"));
}

/// Names, and why.
fn parse(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    let parts =
        lines.map(|l| (l.split(' ').next().unwrap_or_default(), l.split_once("  # ").map_or("", |(_, why)| why)));
    parts.map(|(name, why)| (name.to_string(), why.trim().to_string())).collect()
}

fn anew(text: &str, listed: &BTreeMap<String, String>, wrong: &BTreeMap<String, String>) -> String {
    let mut out: String = text.lines().take_while(|l| l.starts_with('#')).map(|l| format!("{l}\n")).collect();
    for (name, how) in wrong {
        let how = how.replace("  # ", " # ");
        out.push_str(&match listed.get(name).filter(|why| !why.is_empty()) {
            Some(why) => format!("{name}  {how}  # {why}\n"),
            None => format!("{name}  {how}\n"),
        });
    }
    out
}

#[test]
fn a_list_is_written_anew() {
    let text = "# head\n# more\na.text  3 cells\nb.text  2 cells  # an old tale\n\nc  9 cells  # no such thing here\n";
    let listed = parse(text);
    assert_eq!((listed["a.text"].as_str(), listed["c"].as_str(), listed.len()), ("", "no such thing here", 3));
    let wrong = [("a.text", "4 cells"), ("c", "8 cells"), ("d", "new")].map(|(n, h)| (n.to_string(), h.to_string()));
    let now = "# head\n# more\na.text  4 cells\nc  8 cells  # no such thing here\nd  new\n";
    assert_eq!(anew(text, &listed, &wrong.into()), now);
}
