//! Owns what a host's task does with what comes over its link: frames, answers, notices. Leaves out what is asked.

use super::{Inner, Live, Task};
use crate::client::host::attached::{Attached, Take};
use crate::client::host::{HostEvent, HostState};
use crate::proto::control::*;
use crate::proto::frame::{Body, Frame, MAX_PIECE};
use crate::proto::ids::SessionId;
use crate::proto::notice::Notice;
use std::time::{Duration, Instant};

impl Task {
    /// Sends what was typed; into a link that answers nothing nothing is sent, so that it can still be thrown away.
    pub(super) fn send_input(&mut self, live: &Live, session: &SessionId) {
        if live.pulse.is_silent() {
            return;
        }
        let Some(a) = self.attached.get_mut(session) else { return };
        while let Some((offset, bytes)) = a.next_input(MAX_PIECE) {
            live.out(session).urgent(a.stream, Body::Data { offset, bytes: &bytes });
        }
    }

    pub(super) fn frame(&mut self, live: &mut Live, frame: Frame) {
        // the answer to the attach goes before all that follows it, whichever arrives first
        if live.unanswered.contains_key(&frame.stream) {
            return live.unanswered.entry(frame.stream).or_default().push(frame);
        }
        let Some(session) = live.streams.get(&frame.stream).cloned() else { return };
        let Some(a) = self.attached.get_mut(&session) else { return };
        let Ok(body) = frame.body() else { return };
        // (a stream of which another took the place: what it still carries but notices comes there again)
        let replaced = frame.stream != a.stream;
        if replaced && !matches!(body, Body::Call(_)) {
            return;
        }
        if let (Some(credit), Body::Data { bytes, .. } | Body::Screen { bytes, .. }) = (&mut live.credit, &body) {
            credit.arrived(bytes.len());
            if credit.asks(Instant::now()) {
                live.link.ping();
            }
        }
        match body {
            Body::Data { offset, bytes } => match a.output(offset, bytes.len()) {
                Take::From(at) => {
                    let bytes = bytes.get(at..).unwrap_or_default().to_vec();
                    self.tell(HostEvent::Output { session, offset: offset + at as u64, bytes });
                }
                Take::Nothing => {}
                Take::Gap => {
                    a.forget_output();
                    self.attach(live, &session);
                }
            },
            Body::Screen { to, size, part, last, bytes } => {
                if let Some(bytes) = a.screen_part(to, part, last, bytes) {
                    self.tell(HostEvent::Screen { session, to, size, bytes });
                }
            }
            Body::Size { offset, size } => {
                a.resized();
                self.tell(HostEvent::Size { session, offset, size });
            }
            Body::Tty { flags, .. } => self.tell(HostEvent::Tty { session, flags }),
            Body::Ack { seen, limit } => {
                a.input_ack(seen, limit);
                if live.credit.is_some() {
                    self.tell_applied(&session);
                }
                self.send_input(live, &session);
                self.announce(&session);
                self.go_there(live, &session);
            }
            Body::Call(json) => {
                let Ok(crate::link::call::Message::Notice { method, params }) = crate::link::call::parse(json) else {
                    return;
                };
                match Notice::from_wire(&method, params) {
                    // (the session has let go of it)
                    Some(Notice::SessionExited(_) | Notice::SessionDropped | Notice::AgentShuttingDown(_))
                        if replaced =>
                    {
                        live.stream_over(&session, frame.stream);
                    }
                    Some(Notice::SessionExited(exit)) => {
                        a.ended = true;
                        a.live = false;
                        live.streams.remove(&frame.stream);
                        live.link.close_stream(frame.stream);
                        live.forget_shortcut(&session);
                        self.tell(HostEvent::Exited { session, exit });
                    }
                    Some(Notice::SessionChanged(info)) => self.tell(HostEvent::Changed { session, info }),
                    // the stream is over, the session is not
                    Some(Notice::SessionDropped) => {
                        a.live = false;
                        let tx = self.inner_tx.clone();
                        tokio::spawn(async move {
                            tokio::time::sleep(Duration::from_millis(200)).await;
                            let _ = tx.send(Inner::AttachAgain(session));
                        });
                    }
                    // what is typed from here on goes to the next agent
                    Some(Notice::AgentShuttingDown(_)) => a.live = false,
                    Some(Notice::SessionBell) => self.tell(HostEvent::Bell { session }),
                    Some(Notice::SessionClipboard(text)) => self.tell(HostEvent::Clipboard { session, text }),
                    Some(Notice::SessionNotified(text)) => self.tell(HostEvent::Notified { session, text }),
                    // (what the shell marks is asked for when somebody looks back)
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn tell_applied(&self, session: &SessionId) {
        let Some(count) = self.attached.get(session).map(Attached::applied_count) else { return };
        self.tell(HostEvent::Applied { session: session.clone(), count });
    }

    pub(super) fn answered(&mut self, live: &mut Live, answer: Inner) {
        match answer {
            Inner::Attached { session, stream, reply } => {
                let early = live.unanswered.remove(&stream).unwrap_or_default();
                let Some(a) = self.attached.get_mut(&session).filter(|a| a.stream == stream) else { return };
                match *reply {
                    Ok(mut reply) => {
                        let again = a.again;
                        live.shortcuts.tell(&session, reply.direct.take());
                        let undelivered = a.answered(&reply);
                        // it was made another size while the attach was on its way
                        if !a.watch && a.size != a.asked {
                            live.out(&session).urgent(stream, Body::Size { offset: 0, size: a.size });
                        }
                        if !undelivered.is_empty() {
                            self.tell(HostEvent::Undelivered { session: session.clone(), bytes: undelivered });
                        }
                        let (of, info) = (session.clone(), Box::new(reply.session));
                        if live.shortcuts.is_open(&session) {
                            // by another way: for who looks at it nothing is new
                            self.tell(HostEvent::Changed { session: of, info });
                            self.tell_applied(&session);
                        } else {
                            self.tell(HostEvent::Attached { session: of, info, again });
                        }
                        self.send_input(live, &session);
                        self.announce(&session);
                        for frame in early {
                            self.frame(live, frame);
                        }
                    }
                    Err(_) if live.end_shortcut(&session) => self.attach_by_agent(live, &session),
                    // alive, but not reachable just now: its socket comes back within 5 s
                    Err(f) if f.code == Fault::TIMEOUT => {
                        let tx = self.inner_tx.clone();
                        tokio::spawn(async move {
                            tokio::time::sleep(Duration::from_secs(1)).await;
                            let _ = tx.send(Inner::AttachAgain(session));
                        });
                    }
                    Err(f) if f.code == Fault::GONE => {}
                    Err(f) => {
                        live.streams.remove(&stream);
                        live.link.close_stream(stream);
                        let ended = f.code == Fault::UNKNOWN || f.code == Fault::ENDED;
                        a.ended = true;
                        self.tell(HostEvent::AttachFailed { session, why: crate::text::escape(&f.message), ended });
                    }
                }
            }
            Inner::Listed(Ok(mut sessions)) => {
                // of this machine's sessions, those that are channels to this host
                if let Some(without) = &live.without {
                    sessions.retain(|s| s.target == without.target.as_str());
                }
                for s in &mut sessions {
                    s.host = self.host.as_str().to_string();
                }
                self.tell(HostEvent::Sessions(sessions));
            }
            Inner::Listed(Err(f)) if f.code == Fault::GONE => {}
            Inner::Listed(Err(f)) => {
                let what = format!("what runs there is not told: {}", f.message);
                self.tell(HostEvent::Failed { what });
            }
            Inner::Connections { stream, result } => self.listed(live, stream, *result),
            Inner::Booked(tag) => self.booked(live, tag),
            Inner::Unwatched(of, number, fault) => self.unwatched(live, of, number, &fault),
            Inner::WatchAgain(of, number) => self.watch_again(live, &of, number),
            Inner::HistoryAgain { session, from, to } => {
                if self.attached.contains_key(&session) {
                    self.history(live, session, from, to);
                }
            }
            Inner::Shortcut { session, number, link, lent } => self.shortcut(live, &session, number, link, lent),
            Inner::ShortcutOver { session, number } => self.shortcut_over(live, &session, number),
            Inner::AttachAgain(session) => {
                if self.attached.get(&session).is_some_and(|a| !a.ended && !a.live) {
                    self.attach(live, &session);
                }
            }
        }
    }

    pub(super) fn notice(&mut self, live: &mut Live, method: &str, params: serde_json::Value) {
        match Notice::from_wire(method, params) {
            Some(Notice::SessionsChanged | Notice::SessionsRecovered(_)) => self.list(live),
            Some(Notice::ConnectionsChanged) if live.without.is_none() => self.connections(live),
            Some(Notice::MonitoringData(gauges)) => self.tell(HostEvent::Gauges(Box::new(gauges.sound()))),
            Some(Notice::AgentShuttingDown(why)) => {
                self.tell(HostEvent::State(HostState::Updating { why: crate::text::short(&why.reason, 200) }));
                live.leaving = Some(why);
            }
            _ => {}
        }
    }
}
