//! Owns `thub marks`: the commands that a shell marked, with when and how they ended. Leaves out the marks themselves.

use super::call::Client;
use super::{Common, Marks};
use crate::client::host::{Env, HostId, find};
use crate::failure::Failure;
use crate::proto::control::MarkInfo;
use crate::sys;
use serde_json::json;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// One command line and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// Where it was typed: logical line, counted from 0.
    pub line: u64,
    /// When its output began, milliseconds since 1970; 0 = not known.
    pub time: u64,
    /// Milliseconds.
    pub duration: Option<u64>,
    pub exit: Option<i32>,
    /// It has not ended.
    pub running: bool,
}

/// The commands in a list of marks. A prompt at which nothing was run is none.
pub fn commands(marks: &[MarkInfo]) -> Vec<Ran> {
    let mut all = Vec::new();
    let (mut typed, mut runs): (Option<u64>, Option<Ran>) = (None, None);
    for mark in marks {
        match mark.kind.as_str() {
            MarkInfo::PROMPT | MarkInfo::INPUT => {
                // what never said its end ended before this prompt
                all.extend(runs.take().map(|r| Ran { running: false, ..r }));
                typed = Some(mark.line);
            }
            MarkInfo::OUTPUT => {
                let line = typed.take().unwrap_or(mark.line);
                runs = Some(Ran { line, time: mark.time, running: true, ..Ran::default() });
            }
            MarkInfo::END => {
                let (duration, exit) = (mark.duration, mark.exit);
                if let Some(ran) = runs.take() {
                    all.push(Ran { duration, exit, running: false, ..ran });
                } else if let (Some(line), Some(_)) = (typed, exit) {
                    // a shell that does not mark outputs
                    all.push(Ran { line, time: mark.time, duration, exit, running: false });
                }
                typed = None;
            }
            _ => {}
        }
    }
    all.extend(runs);
    all
}

pub async fn marks(env: &Arc<Env>, common: &Common, host: &HostId, m: &Marks) -> Result<(), Failure> {
    let client = Client::connect(env, host).await?;
    let (session, info) = client.find(m.target.name()).await?;
    super::capture::not_lost(&info, m.target.name())?;
    let marks = find::marks(client.link(), &session, client.stream()).await.map_err(|f| client.fault(f))?;
    let mut out = std::io::stdout().lock();
    let when = |ms: u64| SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(ms)).filter(|_| ms > 0);
    let ran = commands(&marks);
    if common.json {
        let all: Vec<_> = ran
            .iter()
            .map(|r| {
                json!({"line": r.line + 1, "time": when(r.time).map(sys::rfc3339), "duration_ms": r.duration,
                       "exit_code": r.exit, "running": r.running})
            })
            .collect();
        writeln!(out, "{}", serde_json::Value::from(all))?;
        return Ok(());
    }
    let mut rows = vec![["LINE", "TIME", "DURATION", "EXIT"].map(String::from)];
    for r in &ran {
        let exit = match (r.exit, r.running) {
            (Some(code), _) => code.to_string(),
            (None, true) => "running".into(),
            (None, false) => String::new(),
        };
        rows.push([
            (r.line + 1).to_string(),
            when(r.time).map(sys::rfc3339).unwrap_or_default(),
            r.duration.map(lasted).unwrap_or_default(),
            exit,
        ]);
    }
    out.write_all(super::sessions::table(&rows).as_bytes())?;
    out.flush()?;
    Ok(())
}

/// `320ms`, `2.5s`, `3m07s`, `2h05m`.
fn lasted(ms: u64) -> String {
    match ms / 1000 {
        0 => format!("{ms}ms"),
        s @ 1..60 => format!("{s}.{}s", ms % 1000 / 100),
        s @ 60..3600 => format!("{}m{:02}s", s / 60, s % 60),
        s => format!("{}h{:02}m", s / 3600, s % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(line: u64, kind: &str, exit: Option<i32>, duration: Option<u64>) -> MarkInfo {
        MarkInfo { line, kind: kind.into(), exit, duration, time: 1000 + line, ..MarkInfo::default() }
    }

    #[test]
    fn commands_of_marks() {
        let marks = [
            mark(0, "prompt", None, None),
            mark(0, "input", None, None),
            mark(1, "output", None, None),
            mark(5, "end", Some(1), Some(70)),
            // Enter on an empty line, and one of a shell that says D without a code
            mark(5, "prompt", None, None),
            mark(6, "end", None, None),
            mark(6, "prompt", None, None),
            // of a newer build
            mark(6, "weather", Some(9), None),
            // a prompt of two lines: the command is on the second
            mark(7, "input", None, None),
            mark(8, "output", None, None),
        ];
        let ran = commands(&marks);
        assert_eq!(ran.len(), 2);
        assert_eq!(ran[0], Ran { line: 0, time: 1001, duration: Some(70), exit: Some(1), running: false });
        assert_eq!(ran[1], Ran { line: 7, time: 1008, duration: None, exit: None, running: true });
        // a shell that marks prompts and ends alone
        let marks = [mark(3, "prompt", None, None), mark(9, "end", Some(0), None), mark(9, "prompt", None, None)];
        assert_eq!(commands(&marks), [Ran { line: 3, time: 1009, exit: Some(0), ..Ran::default() }]);
        assert_eq!(commands(&[]), []);
    }

    #[test]
    fn times_that_were_taken() {
        let shown = [0, 320, 2540, 60_000, 187_000, 7_500_000].map(lasted);
        assert_eq!(shown, ["0ms", "320ms", "2.5s", "1m00s", "3m07s", "2h05m"]);
    }
}
