//! Owns what can be done with an open port, and with one that is waited for: one function, as the table has it
//! (`proto/control/device.rs`: `ACTS`). Leaves out how a port does it (`port.rs`), and what goes on meanwhile: a break and a file
//! that is sent have their turns in the session's loop.

use super::file::{self, Log, Sending};
use super::{Breaking, Line, Run};
use crate::proto::control::connections::Serial;
use crate::proto::control::connections::check::check_baud;
use crate::proto::control::{Act, Done, Fault};
use crate::text::short;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// A break lasts so long where nothing is said.
const BREAK: u32 = 250;
const LONGEST_BREAK: u32 = 5000;

impl Run {
    pub(super) fn start_log(&mut self, path: &str) -> Result<(), String> {
        let log = Log::open(file::place(path, &self.opening.home)?)?;
        if let Some(before) = self.log.replace(log) {
            tokio::spawn(before.finish());
        }
        self.changed = true;
        Ok(())
    }

    /// Does it, or says why not. True = the port is to be opened anew for it.
    pub(super) fn act(
        &mut self,
        act: Act,
        line: Option<&mut Line>,
        done: oneshot::Sender<Result<Done, Fault>>,
    ) -> bool {
        let mut anew = false;
        let result = match act {
            Act::Hex { on } => {
                self.view.set_hex(on, &mut self.shown.0);
                Ok(())
            }
            Act::Timestamps { on } => {
                self.view.timestamps = on;
                Ok(())
            }
            Act::LocalEcho { on } => {
                self.config.local_echo = on;
                Ok(())
            }
            Act::LineEnding { to } if Serial::ENDINGS.contains(&to.as_str()) => {
                self.config.line_ending = to;
                Ok(())
            }
            Act::LineEnding { to } => Err(bad(format!("'{}' is none of cr, lf, crlf", short(&to, 40)))),
            Act::Log { path: Some(path) } => {
                self.start_log(&path).map_err(|why| bad(format!("no log is written: {why}")))
            }
            Act::Log { path: None } => match self.log.take() {
                Some(log) => {
                    // (what it has is written all the same)
                    tokio::spawn(log.finish());
                    Ok(())
                }
                None => Err(Fault::new(Fault::REFUSED, "no log is written")),
            },
            Act::StopSending {} => match self.sending.take() {
                Some(sending) => {
                    let left = self.out.0.len().saturating_sub(self.out.1);
                    self.out = Default::default();
                    let went = sending.sent.saturating_sub(left as u64);
                    let name = short(&sending.name, 60);
                    self.note(&format!("sending {name} stopped behind {went} of {} bytes", sending.size));
                    Ok(())
                }
                None => Err(Fault::new(Fault::REFUSED, "nothing is being sent")),
            },
            Act::SendFile { .. } if line.is_none() => Err(away("nothing can be sent")),
            Act::SendFile { .. } if self.sending.is_some() => {
                Err(Fault::new(Fault::REFUSED, "a file is being sent already: wait for it, or stop that first"))
            }
            Act::SendFile { path } => match file::place(&path, &self.opening.home).and_then(|p| Sending::open(&p)) {
                Ok(sending) => {
                    self.told_percent = (0, None);
                    self.sending = Some(sending);
                    Ok(())
                }
                Err(why) => Err(bad(why)),
            },
            Act::Baud { rate } => match check_baud(rate.into()) {
                Err(why) => Err(bad(why)),
                Ok(()) => {
                    let before = std::mem::replace(&mut self.config.baud_rate, rate);
                    let set = match line {
                        Some(Line::Here(port)) => {
                            port.set_speed(&self.config).map(|()| self.marks.clone_from(&port.marks))
                        }
                        Some(Line::There(_)) => {
                            anew = true;
                            Ok(())
                        }
                        None => Ok(()),
                    };
                    set.map_err(|why| {
                        self.config.baud_rate = before;
                        unable("that speed", &why)
                    })
                }
            },
            Act::Lines { dtr, rts } => match line {
                Some(Line::There(_)) => Err(elsewhere()),
                Some(Line::Here(port)) => {
                    let dtr_set = dtr.map_or(Ok(()), |on| port.set_dtr(on).map(|()| self.config.dtr = Some(on)));
                    let rts_set = rts.map_or(Ok(()), |on| port.set_rts(on).map(|()| self.config.rts = Some(on)));
                    dtr_set.and(rts_set).map_err(|why| unable("DTR and RTS", &why))
                }
                // as it is to be once it is there
                None => {
                    self.config.dtr = dtr.or(self.config.dtr);
                    self.config.rts = rts.or(self.config.rts);
                    Ok(())
                }
            },
            Act::Break { ms } if ms > LONGEST_BREAK => Err(bad(format!("a break of {ms} ms: 1 to {LONGEST_BREAK}"))),
            Act::Break { ms } => match line {
                None => Err(away("no break can be sent")),
                Some(Line::There(_)) => Err(elsewhere()),
                Some(Line::Here(_)) if self.breaking.is_some() => {
                    Err(Fault::new(Fault::REFUSED, "a break is under way"))
                }
                Some(Line::Here(port)) => match port.set_break(true) {
                    Ok(()) => {
                        let ms = if ms == 0 { BREAK } else { ms };
                        let until = Instant::now() + Duration::from_millis(u64::from(ms));
                        self.breaking = Some(Breaking { until, done });
                        return false;
                    }
                    Err(why) => Err(unable("break", &why)),
                },
            },
            Act::Mode { .. } | Act::Stop {} | Act::Start {} | Act::Unknown => Err(Fault::new(
                Fault::WRONG_KIND,
                "a serial port knows no such thing: `thub do --help` names what can be done with one",
            )),
        };
        self.changed |= result.is_ok();
        let _ = done.send(result.map(|()| Done {}));
        anew
    }
}

fn bad(why: String) -> Fault {
    Fault::new(Fault::BAD_PARAMS, why)
}

pub(super) fn away(what: &str) -> Fault {
    Fault::new(Fault::REFUSED, format!("{what}: the port is away, and waited for"))
}

pub(super) fn unable(what: &str, why: &str) -> Fault {
    Fault::new(Fault::REFUSED, format!("this port's driver knows no {what} ({})", short(why, 100)))
}

fn elsewhere() -> Fault {
    Fault::new(
        Fault::WRONG_KIND,
        "not on a port behind SSH, where stty alone sets it: put the agent on that host (`thub deploy`) and open the port there",
    )
}
