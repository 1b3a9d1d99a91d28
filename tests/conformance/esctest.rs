//! Owns esctest2 (github.com/ThomasDickey/esctest2), run in a session of the real binary. THUB_ESCTEST names its folder.

use crate::accepted::{folder, hold_against};
use crate::support::Home;
use crate::support::home::wait_for;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

/// All but what asks for an X11 window, its titles and its selection, and xterm's special colours.
const INCLUDE: &str = "^(?!XtermWinops|ChangeSpecialColor|ResetSpecialColor|SMTitle|ManipulateSelectionData|RISTests.test_RIS_ResetTitleMode)";
/// How many that are.
const TESTS: usize = 515;
/// Seconds a test waits for an answer, unless THUB_ESCTEST_TIMEOUT says another number.
const TIMEOUT: &str = "0.5";

#[derive(Clone, PartialEq, Eq, Debug)]
enum Verdict {
    Passed,
    /// By esctest2's own word of xterm, or it needs what xterm lacks.
    Known,
    Failed(String),
}

#[test]
fn esctest() {
    let Some(dir) = std::env::var_os("THUB_ESCTEST") else {
        println!("skipped: THUB_ESCTEST does not name a folder with esctest2");
        return;
    };
    let dir = [Path::new(&dir).join("esctest"), dir.into()].into_iter().find(|d| d.join("esctest.py").is_file());
    let dir = dir.expect("esctest.py in THUB_ESCTEST").canonicalize().expect("its place");
    let home = Home::new();
    let log = home.at("esctest.log");
    let timeout = std::env::var("THUB_ESCTEST_TIMEOUT").unwrap_or_else(|_| TIMEOUT.into());
    let (wrapper, dir, file) =
        (folder().join("esctest.py").display().to_string(), dir.display().to_string(), log.display().to_string());
    #[rustfmt::skip]
    home.new_session(&[
        "-n", "esctest", "--size", "80x25", "--", "python3", &wrapper, &dir, "--expected-terminal=xterm", "--max-vt-level=4",
        "--no-print-logs", "--timeout", &timeout, "--logfile", &file, "--include", INCLUDE,
    ]);
    let mut wait = home.thub_command(&["wait", "esctest", "--exit"]).spawn().expect("thub wait");
    let ended = wait_for(&mut wait, Duration::from_secs(1800));
    let text = std::fs::read(&log).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default();
    assert_eq!(ended, Some(0), "esctest.py did not end well: {:?}", home.thub(&["capture", "esctest", "--all"]));
    let verdicts = parse(&text);
    let names = |wanted: fn(&Verdict) -> bool| {
        verdicts.iter().filter(|(_, v)| wanted(v)).map(|(n, _)| n.as_str()).collect::<Vec<_>>()
    };
    let passed = names(|v| *v == Verdict::Passed);
    let known = names(|v| *v == Verdict::Known);
    let failed: BTreeMap<String, String> = verdicts
        .iter()
        .filter_map(|(n, v)| if let Verdict::Failed(how) = v { Some((n.clone(), how.clone())) } else { None })
        .collect();
    println!("passed:\n  {}", passed.join("\n  "));
    println!("known bugs of xterm, or beyond it:\n  {}", known.join("\n  "));
    println!("failed:");
    for (name, how) in &failed {
        println!("  {name}  {how}");
    }
    println!(
        "esctest2: {} passed, {} known bugs, {} failed of {}",
        passed.len(),
        known.len(),
        failed.len(),
        verdicts.len()
    );
    assert_eq!(verdicts.len(), TESTS, "another number of tests: another esctest2, or it broke off");
    hold_against("esctest.accepted", &verdicts.keys().cloned().collect::<BTreeSet<_>>(), &failed);
}

/// What esctest2's log says of each test.
fn parse(log: &str) -> BTreeMap<String, Verdict> {
    let mut verdicts = BTreeMap::new();
    for part in log.split("Run test: ").skip(1) {
        let mut lines = part.lines();
        let name = lines.next().unwrap_or_default().to_string();
        let verdict = match lines.clone().next().unwrap_or_default() {
            "Passed." => Verdict::Passed,
            l if l.starts_with("Fails as expected:") || l.starts_with("Skipped because") => Verdict::Known,
            _ => Verdict::Failed(reason(lines)),
        };
        verdicts.insert(name, verdict);
    }
    verdicts
}

/// The error at the end of a Python traceback, on one line; of wrong cells the first one.
fn reason<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<&str> = lines.take_while(|l| !l.starts_with("*** ") || l.starts_with("*** TEST ")).collect();
    // the lines of the traceback itself are indented
    let error = all.iter().rposition(|l| l.starts_with("esctypes.") || l.contains("Error: "));
    let Some(error) = error else { return "it broke off".into() };
    let line = match all.get(error + 1) {
        Some(cell) if all[error].contains("ChecksumException") => cell,
        _ => all[error],
    };
    line.trim_start_matches("esctypes.").chars().filter(|c| !c.is_control()).take(160).collect()
}

#[test]
fn its_log_is_read() {
    let log = "Reading X\nRun test: A.a\nPassed.\n\nRun test: B.b\nFails as expected: x\n\nKNOWN BUG: esctypes.X: y\n\n\
        Run test: C.c\n*** TEST C.c FAILED:\nTraceback (most recent call last):\n  File \"x\"\n    raise it\n\
        esctypes.InternalError: Timeout waiting to read.\n\n\n\
        Run test: D.d\n*** TEST D.d FAILED:\nTraceback:\n  File\nesctypes.ChecksumException: Checksum failed at the following locations:\n\
        At Point(x=1, y=2) expected 'a' (0x61) but got ' ' (0x20)\nActual:\n.\n\nExpected:\na\n\n\n\
        Run test: E.e\n*** 1 test passed, 1 known bug, 2 TESTS FAILED ***\n";
    let failed = |how: &str| Verdict::Failed(how.into());
    let wanted = [
        ("A.a", Verdict::Passed),
        ("B.b", Verdict::Known),
        ("C.c", failed("InternalError: Timeout waiting to read.")),
        ("D.d", failed("At Point(x=1, y=2) expected 'a' (0x61) but got ' ' (0x20)")),
        ("E.e", failed("it broke off")),
    ];
    assert_eq!(parse(log), wanted.map(|(n, v)| (n.to_string(), v)).into());
}
