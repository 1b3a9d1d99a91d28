//! Owns the recordings of real programs in `tests/term_ref/NAME`: `in` is what the program wrote, `want` the text of the
//! screen after it, `style` how its cells look. `make.py` there takes them and asks tmux; `note` says where tmux is wrong.

use crate::accepted::{folder, hold_against};
use crate::look::runs;
use crate::support::Dice;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use thub::proto::ids::Size;
use thub::term::engine::Engine;
use thub::term::screen::{Style, Underline};

/// Bytes: a recording is kept for ever.
const MOST: usize = 60_000;

struct Recording {
    name: String,
    dir: PathBuf,
    bytes: Vec<u8>,
    size: Size,
}

fn recordings() -> Vec<Recording> {
    let dirs = std::fs::read_dir(folder()).unwrap().map(|e| e.unwrap().path()).filter(|p| p.join("in").is_file());
    let mut all: Vec<Recording> = dirs
        .map(|dir| Recording {
            name: dir.file_name().unwrap().to_string_lossy().into_owned(),
            bytes: std::fs::read(dir.join("in")).unwrap(),
            size: read(&dir, "size").trim().parse().unwrap(),
            dir,
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(all.len() >= 15, "the recordings are not there");
    all
}

fn read(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join(name)).unwrap_or_else(|e| panic!("{}/{name}: {e}", dir.display()))
}

fn fed<'a>(size: Size, chunks: impl IntoIterator<Item = &'a [u8]>) -> Engine {
    let mut engine = Engine::new(size);
    for chunk in chunks {
        engine.feed(chunk, &mut Vec::new());
    }
    engine
}

#[test]
fn recordings_look_as_they_should() {
    let (mut ran, mut wrong) = (BTreeSet::new(), BTreeMap::new());
    for r in recordings() {
        assert!(r.bytes.len() <= MOST, "{}: {} bytes are too many to keep", r.name, r.bytes.len());
        let engine = fed(r.size, [r.bytes.as_slice()]);
        let (want, style) = (read(&r.dir, "want"), read(&r.dir, "style"));
        let want: Vec<&str> = want.lines().collect();
        assert_eq!(want.len(), usize::from(r.size.rows), "{}: want has every row", r.name);
        let style: Vec<&str> = style.lines().collect();
        for (what, got, want) in [("text", engine.text_rows(), want), ("style", runs(&engine), style)] {
            let name = format!("{}.{what}", r.name);
            ran.insert(name.clone());
            if got == want {
                continue;
            }
            let n = want.iter().filter(|w| !got.iter().any(|g| g == *w)).count();
            let first = (0..).find(|i| got.get(*i).map(String::as_str) != want.get(*i).copied()).unwrap_or(0);
            println!("{name}: line {first}\n  got  {:?}\n  want {:?}", got.get(first), want.get(first));
            wrong.insert(name, format!("{n} lines"));
        }
    }
    println!("recordings: {} of {} as they should be", ran.len() - wrong.len(), ran.len());
    hold_against("recordings.accepted", &ran, &wrong);
}

/// However the bytes are cut, the screen is the same.
#[test]
fn recordings_may_be_cut_anywhere() {
    let mut dice = Dice::new();
    for r in recordings() {
        let seen = |e: &Engine| (e.text_rows(), runs(e), e.cursor(), e.modes());
        let whole = seen(&fed(r.size, [r.bytes.as_slice()]));
        assert!(whole == seen(&fed(r.size, r.bytes.chunks(1))), "{}: byte by byte it is another screen", r.name);
        for _ in 0..3 {
            let (mut chunks, mut rest) = (Vec::new(), r.bytes.as_slice());
            while !rest.is_empty() {
                let (chunk, after) = rest.split_at((dice.below(64) as usize + 1).min(rest.len()));
                chunks.push(chunk);
                rest = after;
            }
            assert!(whole == seen(&fed(r.size, chunks)), "{}: cut at random it is another screen", r.name);
        }
    }
}

/// What a client of protocol revision 1 is sent: what is seen, the cursor and the modes that keys depend on are there at
/// any cut, and what is written after it lands where it should.
#[test]
fn said_for_revision_1() {
    let mut dice = Dice::new();
    for r in recordings() {
        for _ in 0..6 {
            let at = dice.below(r.bytes.len() as u64) as usize;
            let mut engine = Engine::new(r.size);
            engine.feed(&r.bytes[..at], &mut Vec::new());
            let mut plain = Engine::restore(r.size, &engine.snapshot_plain());
            let place = format!("{} cut at {at}", r.name);
            let same = |a: &Engine, b: &Engine, place: &str| {
                assert_eq!(a.text_rows(), b.text_rows(), "{place}");
                let (x, y) = (a.cursor(), b.cursor());
                assert_eq!((x.row, x.col, x.visible), (y.row, y.col, y.visible), "{place}");
                assert_eq!(a.modes(), b.modes(), "{place}");
            };
            same(&plain, &engine, &place);
            for row in 0..r.size.rows {
                let wrapped = (plain.row_wrapped(row), engine.row_wrapped(row));
                assert!(wrapped.0 == wrapped.1 || row + 1 == r.size.rows, "{place}: row {row}");
                for col in 0..r.size.cols {
                    let (a, b) = (plain.cell(row, col), engine.cell(row, col));
                    assert_eq!((&*a.text, a.width), (&*b.text, b.width), "{place}: {row} {col}");
                    let shown =
                        |s: Style| (s.fg, s.bg, s.bold, s.dim, s.italic, s.inverse, s.underline != Underline::None);
                    assert_eq!(shown(a.style), shown(b.style), "{place}: {row} {col}");
                }
            }
            // a while after it: stops short of what only the whole state says (stacks, tab stops)
            let end = (at + 300).min(r.bytes.len());
            engine.feed(&r.bytes[at..end], &mut Vec::new());
            plain.feed(&r.bytes[at..end], &mut Vec::new());
            same(&plain, &engine, &format!("{place}, then to {end}"));
        }
    }
}
