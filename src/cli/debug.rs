//! Owns `thub debug`: what a recording on disk is, and `replay`, which shows the screen it ends with.
//! Leaves out how one is taken (`debug/record.rs`), and ssh_config (`debug/ssh_config.rs`).

mod record;
mod ssh_config;

use super::{Common, DebugVerb, Replay};
use crate::failure::Failure;
use crate::proto::ids::Size;
use crate::sys::Inherited;
use crate::term::engine::Engine;
use crate::text::escape;
use serde_json::json;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

/// The file with the program's output, byte for byte.
const BYTES: &str = "in";
/// The file with the terminal's size, `COLSxROWS` and a line feed.
const SIZE: &str = "size";
/// Where nobody says one.
const USUAL: Size = Size::new(80, 24);

/// Called while this process has one thread. Gives the exit code.
pub fn debug(common: &Common, verb: &DebugVerb, inherited: Inherited) -> Result<u8, Failure> {
    match verb {
        DebugVerb::Record(r) => record::record(r, inherited),
        DebugVerb::Replay(r) => replay(common, r).map(|()| 0),
        DebugVerb::SshConfig(s) => ssh_config::print(common, s).map(|()| 0),
    }
}

fn size(word: Option<&str>) -> Result<Option<Size>, Failure> {
    let size = word.map(str::parse::<Size>).transpose();
    size.map_err(|e| Failure::usage(e, "for example --size 120x40"))
}

fn show(path: &Path) -> String {
    escape(&path.to_string_lossy())
}

fn replay(common: &Common, r: &Replay) -> Result<(), Failure> {
    let said = size(r.size.as_deref())?;
    let unreadable = |path: &Path, e: io::Error| {
        Failure::usage(
            format!("{} cannot be read: {e}", show(path)),
            "give a directory that `thub debug record` made, or a file with a program's output",
        )
    };
    let (path, recorded) = if r.recording.is_dir() {
        let path = r.recording.join(SIZE);
        let mut text = String::new();
        let file = File::open(&path).map_err(|e| unreadable(&path, e))?;
        file.take(64).read_to_string(&mut text).map_err(|e| unreadable(&path, e))?;
        let recorded = text.trim().parse::<Size>();
        let recorded = recorded.map_err(|e| Failure::usage(format!("{}: {e}", show(&path)), "or give --size"));
        (r.recording.join(BYTES), Some(if said.is_some() { recorded.unwrap_or(USUAL) } else { recorded? }))
    } else {
        (r.recording.clone(), None)
    };
    let mut file = File::open(&path).map_err(|e| unreadable(&path, e))?.take(r.to.unwrap_or(u64::MAX));
    let mut engine = Engine::with_history(said.or(recorded).unwrap_or(USUAL), 0);
    let mut buf = vec![0; 64 << 10];
    loop {
        let n = match file.read(&mut buf) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(unreadable(&path, e)),
        };
        engine.feed(buf.get(..n).unwrap_or_default(), &mut Vec::new());
    }
    let mut out = io::stdout().lock();
    let lines = if r.ansi && !common.json { engine.ansi_rows() } else { engine.text_rows() };
    if common.json {
        let (size, cursor) = (engine.size(), engine.cursor());
        let value = json!({
            "cols": size.cols, "rows": size.rows,
            "cursor": {"row": cursor.row, "col": cursor.col, "visible": cursor.visible},
            "title": engine.title(), "alternate": engine.modes().alt_screen, "lines": lines,
        });
        writeln!(out, "{value}")?;
    } else {
        for line in lines {
            writeln!(out, "{line}")?;
        }
    }
    out.flush()?;
    Ok(())
}
