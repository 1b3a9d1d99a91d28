//! Owns what `thub cp` tells while it copies: a line that is drawn over on a terminal, or JSON, a line an event.
//! Leaves out what is copied.

use super::{JobEnd, JobEvent};
use crate::client::files::meter::Far;
use crate::text::{count, escape, short};
use serde_json::json;
use std::io::{IsTerminal, Write};

pub struct Told {
    json: bool,
    /// The line is drawn.
    bar: bool,
    width: usize,
    planned: Option<(u64, u64)>,
    /// Something is drawn just now.
    drawn: bool,
    /// Somebody is asked: nothing is drawn over that.
    asking: bool,
    /// Of the jobs before this one.
    before: (u64, u64),
    last: (u64, u64),
}

impl Told {
    pub fn new(json: bool, quiet: bool) -> Told {
        let bar = !json && !quiet && std::io::stderr().is_terminal();
        let width = rustix::termios::tcgetwinsize(std::io::stderr()).map_or(80, |size| usize::from(size.ws_col));
        Told { json, bar, width, planned: None, drawn: false, asking: false, before: (0, 0), last: (0, 0) }
    }

    /// The next job.
    pub fn begin(&mut self) {
        self.before = (self.before.0 + self.last.0, self.before.1 + self.last.1);
        (self.planned, self.last) = (None, (0, 0));
    }

    /// Takes the line away: something else is said.
    pub fn pause(&mut self) {
        if std::mem::take(&mut self.drawn) {
            eprint!("\r\x1b[K");
        }
    }

    /// Somebody is asked, until it is said that nobody is.
    pub fn asking(&mut self, asking: bool) {
        self.pause();
        self.asking = asking;
    }

    fn draw(&mut self, text: &str) {
        if self.bar && !self.asking {
            self.drawn = true;
            eprint!("\r{}\x1b[K", short(text, self.width.saturating_sub(1)));
            let _ = std::io::stderr().flush();
        }
    }

    fn line(&self, value: &serde_json::Value) {
        if self.json {
            println!("{value}");
        }
    }

    pub fn event(&mut self, event: JobEvent) {
        match event {
            JobEvent::Planned { files, bytes } => {
                self.planned = Some((files, bytes));
                self.line(&json!({ "event": "planned", "files": files, "bytes": bytes }));
            }
            JobEvent::Progress(far) => {
                self.last = (far.files, far.bytes);
                let current = far.current.to_string();
                self.line(&json!({
                    "event": "progress", "files": far.files, "bytes": far.bytes, "speed": far.speed, "current": current
                }));
                let text = self.text(&far);
                self.draw(&text);
            }
            JobEvent::Waiting { why } => {
                self.line(&json!({ "event": "waiting", "why": escape(&why) }));
                self.draw(&format!("waiting: {}", escape(&why)));
            }
            JobEvent::Failed(failed) => {
                let (path, why) = (failed.path.to_string(), escape(&failed.why.message));
                self.line(&json!({ "event": "failed", "path": path, "why": why }));
                self.pause();
                // (most faults name it themselves)
                let named = failed.path.split().is_some_and(|(_, name)| why.contains(&name.to_string()));
                if named { eprintln!("thub: {why}") } else { eprintln!("thub: '{path}': {why}") }
            }
            JobEvent::Would { path, bytes: size, replaces } => {
                let path = path.to_string();
                self.line(&json!({ "event": "would", "path": path, "bytes": size, "replaces": replaces }));
                if !self.json {
                    let word = if replaces { "replace" } else { "copy" };
                    println!("{word} {path}  {}", bytes(size));
                }
            }
            JobEvent::Asked { .. } | JobEvent::Part(_) => {}
        }
    }

    fn text(&self, far: &Far) -> String {
        let speed = format!("{}/s", bytes(far.speed));
        let name = far.current.split().map(|(_, name)| name.to_string()).unwrap_or_default();
        let Some((files, all)) = self.planned else {
            return format!("{}  {}  {speed}  {name}", count(far.files as usize, "file"), bytes(far.bytes));
        };
        let percent = (far.bytes * 100).checked_div(all).unwrap_or(if far.files >= files { 100 } else { 0 });
        let eta = match all.saturating_sub(far.bytes).checked_div(far.speed) {
            Some(secs) if secs < 360_000 => format!("{}:{:02}:{:02}", secs / 3600, secs / 60 % 60, secs % 60),
            _ => "-:--:--".into(),
        };
        let counts = format!("{} of {files} files", far.files);
        format!("{percent:3}%  {} of {}  {counts}  {speed}  {eta}  {name}", bytes(far.bytes), bytes(all))
    }

    pub fn end(mut self, all: &JobEnd) {
        self.pause();
        self.line(&json!({
            "event": "end",
            "files": all.files,
            "bytes": all.bytes,
            "carried": all.carried,
            "failed": all.failures,
            "skipped": all.skipped,
            "unusable": all.unusable,
            "fault": all.fault.as_ref().map(|f| escape(&f.message)),
        }));
        if self.bar && all.fault.is_none() {
            let skipped = match all.skipped {
                0 => String::new(),
                n => format!(", {n} skipped"),
            };
            eprintln!("{}, {}{skipped}", count(all.files as usize, "file"), bytes(all.bytes));
        }
    }
}

/// A size in a few characters: `999 B`, `1.5 MiB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut value = n as f64;
    let mut unit = "";
    for next in UNITS {
        if value < 1000.0 && !unit.is_empty() {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_in_a_few_characters() {
        let all = [0, 1023, 1024, 1536, 1_000_000, 1 << 20, 1 << 30, 5 << 40].map(bytes);
        assert_eq!(all, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "976.6 KiB", "1.0 MiB", "1.0 GiB", "5.0 TiB"]);
    }

    #[test]
    fn a_line_says_how_far_it_is() {
        let mut told = Told::new(false, true);
        let current = crate::proto::control::FilePath::new("a/b\u{1b}").unwrap();
        let far = Far { files: 3, bytes: 512 << 10, speed: 1 << 10, current };
        assert_eq!(told.text(&far), "3 files  512.0 KiB  1.0 KiB/s  b\\u{1b}");
        told.planned = Some((5, 1 << 20));
        assert_eq!(told.text(&far), " 50%  512.0 KiB of 1.0 MiB  3 of 5 files  1.0 KiB/s  0:08:32  b\\u{1b}");
        let far = Far { files: 5, ..Far::default() };
        told.planned = Some((5, 0));
        assert!(told.text(&far).starts_with("100%"), "of empty files, too");
    }
}
