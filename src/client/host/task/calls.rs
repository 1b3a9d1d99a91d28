//! Owns what a host's task does on a command while its link stands: one call or frame each. Leaves out what comes back.

use super::look::Looked;
use super::{CREATE, HITS, Inner, Live, Task};
use crate::client::host::{ContainersAsk, HostCommand, HostEvent, answers, find, mixed, read_stream};
use crate::link::{Link, call};
use crate::proto::control::*;
use crate::proto::frame::Body;
use crate::proto::hello;
use crate::proto::ids::{SessionId, StreamId};
use crate::term::screen::Colors;
use crate::text::{aimed, typed_for};
use crate::transport::deploy::build_id;
use serde_json::Value;
use std::time::Duration;

/// A session was asked for, and the link fell before the answer.
const UNKNOWN: &str =
    "the link fell before the host answered; it may have started one all the same: then the tree has it";

/// A session of a connection is there within this, a person's answers included.
const ASKED: Duration = Duration::from_secs(7200);

impl Task {
    pub(super) fn command(&mut self, live: &mut Live, command: HostCommand) {
        match command {
            c @ HostCommand::Attach { .. } => {
                let HostCommand::Attach { session, .. } = &c else { return };
                let session = session.clone();
                self.while_down(c);
                if let Some(a) = self.attached.get_mut(&session) {
                    a.forget_output();
                    a.again = false;
                    a.ended = false;
                }
                self.attach(live, &session);
            }
            HostCommand::Detach { session } => {
                self.announced.remove(&session);
                if let Some(search) = self.searching.remove(&session) {
                    search.abort();
                }
                if let Some(a) = self.attached.remove(&session) {
                    live.forget_shortcut(&session);
                    live.streams.remove(&a.stream);
                    live.link.close_stream(a.stream);
                    drop(live.link.call(&SessionDetach { stream: a.stream }));
                }
            }
            HostCommand::Input { session, bytes, count } => {
                if let Some(a) = self.attached.get_mut(&session) {
                    a.typed(&bytes, count);
                    self.typed_last = Some(session.clone());
                    self.send_input(live, &session);
                    self.shorten(live, &session);
                    if live.pulse.is_silent() {
                        self.tell_pending(&session);
                    }
                }
            }
            HostCommand::Resize { session, size } => {
                if let Some(a) = self.attached.get_mut(&session) {
                    let size = size.clamped();
                    a.size = size;
                    if a.live && !a.watch {
                        live.out(&session).urgent(a.stream, Body::Size { offset: 0, size });
                    }
                }
            }
            HostCommand::Seen { session, offset } => {
                self.allow(live, &session);
                if let Some(a) = self.attached.get_mut(&session)
                    && let Some((seen, limit)) = a.seen(offset)
                {
                    live.out(&session).urgent(a.stream, Body::Ack { seen, limit });
                }
            }
            // into a link that answers nothing it would go for good: nobody could tell whether it arrived
            c @ HostCommand::Create { .. } if live.pulse.is_silent() => self.while_down(c),
            HostCommand::Create { tag, create, asks } => {
                let (create, ready) = match &live.without {
                    Some(without) => (without.wanted(*create), Some(without.ready())),
                    None => (*create, None),
                };
                let (events, host, link) = (self.events.clone(), self.host.clone(), live.link.clone());
                let (build, file) = (live.build.clone(), self.env.ssh_config.clone());
                let asks = asks.then(|| self.asking.begin(tag));
                let within = if asks.is_some() { ASKED } else { CREATE };
                tokio::spawn(async move {
                    let _asks = asks;
                    // a connection that was lost is made anew first, and whoever is asked then has time
                    let ready = async { if let Some(ready) = ready { ready.await } else { Ok(()) } };
                    let result = match ready.await {
                        Err(failure) => Err(failure.what),
                        // longer than the agent waits for the session to stand: no answer must not mean that one was
                        // started
                        Ok(()) => {
                            let created = link.call_within(&create, within).await;
                            created
                                .map(|c| {
                                    if let Some(told) = c.told {
                                        let what = crate::text::short(&told, 400);
                                        let _ = events.send((host.clone(), HostEvent::Said { what }));
                                    }
                                    Box::new(c.session)
                                })
                                .map_err(|f| match f.code {
                                    // a second try might make two
                                    Fault::GONE if link.is_closed() => UNKNOWN.to_string(),
                                    _ => {
                                        let there = Some(host.as_str()).filter(|_| !host.is_local());
                                        let typed = |verb: &str| typed_for(verb, there, file.as_deref());
                                        aimed(&mixed::told(&f, &host, &build, file.as_deref()), typed)
                                    }
                                })
                        }
                    };
                    let _ = events.send((host, HostEvent::Created { tag, result }));
                });
            }
            HostCommand::Close { session } => self.simple(live, SessionClose { session }),
            HostCommand::Connections => {
                // (over plain SSH the agent is this machine's, and so would be its connections)
                if live.without.is_none() {
                    drop(live.link.call(&Subscribe { topic: "connections".into() }));
                    self.connections(live);
                }
            }
            HostCommand::Book { tag, change } => self.book(live, tag, change),
            HostCommand::Act { session, act } => self.simple(live, SessionAct { session, act }),
            HostCommand::Offer { tag, what, socket } => self.offer(live, tag, what, socket),
            HostCommand::Containers { tag, ask } => self.of_containers(live, tag, *ask),
            HostCommand::Rename { session, name } => self.simple(live, SessionRename { session, name }),
            // an older session knows no such call, and no harm is done
            HostCommand::Colors { session, colors: Colors { text, back } } => {
                drop(live.link.call(&SessionColors { session, text: Some(text), back: Some(back) }));
            }
            HostCommand::History { session, from, to } => self.history(live, session, from, to),
            HostCommand::Search { session, tag, pattern, case, to } => {
                let stream = self.take_stream();
                let limit = Some(HITS);
                let call = SessionSearch { case, to, limit, ..SessionSearch::new(session.clone(), stream, pattern) };
                let (link, events, host) = (live.link.clone(), self.events.clone(), self.host.clone());
                let (of, build, file) = (session.clone(), live.build.clone(), self.env.ssh_config.clone());
                let task = tokio::spawn(async move {
                    let result = find::search(&link, call).await.map_err(|f| match f.older() {
                        Some(_) => mixed::told(&f, &host, &build, file.as_deref()),
                        None => f.message,
                    });
                    let _ = events.send((host, HostEvent::Found { session, tag, result }));
                });
                if let Some(before) = self.searching.insert(of, task.abort_handle()) {
                    before.abort();
                }
            }
            HostCommand::Marks { session } => {
                let stream = self.take_stream();
                let (link, events, host) = (live.link.clone(), self.events.clone(), self.host.clone());
                let (build, file) = (live.build.clone(), self.env.ssh_config.clone());
                tokio::spawn(async move {
                    let event = match find::marks(&link, &session, stream).await {
                        Ok(marks) => HostEvent::Marks { session, marks },
                        Err(fault) => HostEvent::Failed { what: mixed::told(&fault, &host, &build, file.as_deref()) },
                    };
                    let _ = events.send((host, event));
                });
            }
            HostCommand::Update => self.update(live),
            HostCommand::List => self.list(live),
            HostCommand::Gauges(wanted) => {
                self.watched.want(wanted);
                self.watch(live);
            }
            HostCommand::Look(on) => {
                self.looking = on;
                // (now, for who has just begun to look)
                live.looked = Looked::default();
            }
            c @ (HostCommand::DropInput { .. } | HostCommand::Answer { .. } | HostCommand::Forget { .. }) => {
                self.while_down(c);
            }
            HostCommand::Connect | HostCommand::Without | HostCommand::With | HostCommand::Disconnect => {}
            c @ (HostCommand::Forward(_)
            | HostCommand::ForwardPort(_)
            | HostCommand::Unforward(_)
            | HostCommand::Ports(_)) => {
                self.forwards.command(&c, Some(&live.link));
            }
        }
    }

    /// Asks for containers, or does something with one: that may take its program's patience.
    fn of_containers(&self, live: &Live, tag: u64, ask: ContainersAsk) {
        const WITHIN: Duration = Duration::from_secs(90);
        let (events, host, link) = (self.events.clone(), self.host.clone(), live.link.clone());
        let (build, file) = (live.build.clone(), self.env.ssh_config.clone());
        tokio::spawn(async move {
            let result = match ask {
                ContainersAsk::List(call) => link.call_within(&call, WITHIN).await.map(|found| Some(Box::new(found))),
                ContainersAsk::Act(call) => link.call_within(&call, WITHIN).await.map(|_| None),
            };
            let result = result.map_err(|f| match f.older() {
                Some(_) => mixed::told(&f, &host, &build, file.as_deref()),
                None => f.message,
            });
            let _ = events.send((host, HostEvent::Containers { tag, result }));
        });
    }

    /// An agent asks: only while something was asked of it that may need an answer.
    pub(super) fn asked_by_agent(&self, live: &Live, id: u64, method: String, params: Value) {
        if !self.asking.may() {
            let fault = Fault::new(Fault::REFUSED, "nothing was asked for that needs an answer");
            return call::answer(&live.link.out, id, Err(fault));
        }
        let through = (!self.host.is_local()).then(|| self.host.as_str().to_string());
        answers::answer(live.link.out.clone(), id, method, params, self.asking.clone(), through);
    }

    /// This build's agent is put there and takes over from the one that runs. Where that fails, the next dial finds the
    /// one that is there.
    pub(super) fn update(&mut self, live: &Live) {
        let build = build_id();
        if self.host.is_local() || live.exe.contains(&format!("/{build}/")) {
            return self.tell(HostEvent::Failed { what: format!("the agent there is this build's already ({build})") });
        }
        self.renew = true;
        let link = live.link.clone();
        tokio::spawn(async move {
            let reason = format!("it is updated to {build}");
            // one from before there was this call knows the other
            if link.call(&AgentUpdate { build }).await.is_err_and(|f| f.older().is_some()) {
                let _ = link.call(&AgentShutdown { reason, expected_return_s: None }).await;
            }
        });
    }

    /// A call of which only a failure is news.
    pub(super) fn simple<M: Method + 'static>(&self, live: &Live, call: M) {
        let (call, events, host) = (live.link.call(&call), self.events.clone(), self.host.clone());
        let (build, file) = (live.build.clone(), self.env.ssh_config.clone());
        tokio::spawn(async move {
            if let Err(fault) = call.await {
                let what = mixed::told(&fault, &host, &build, file.as_deref());
                let _ = events.send((host, HostEvent::Failed { what }));
            }
        });
    }

    pub(super) fn history(&mut self, live: &Live, session: SessionId, from: u64, to: Option<u64>) {
        let stream = self.take_stream();
        let (link, events, host) = (live.link.clone(), self.events.clone(), self.host.clone());
        let again = self.inner_tx.clone();
        tokio::spawn(async move {
            let event = match read_history(&link, &session, stream, from, to).await {
                Ok((reply, lines)) => {
                    HostEvent::History { session, from: reply.from, total: reply.to, lines, open: reply.open }
                }
                Err(fault) if fault.code == Fault::GONE => {
                    let _ = again.send(Inner::HistoryAgain { session, from, to });
                    return;
                }
                Err(fault) => HostEvent::Failed { what: crate::text::escape(&fault.message) },
            };
            let _ = events.send((host, event));
        });
    }
}

/// Reads history lines to their end.
async fn read_history(
    link: &Link,
    session: &SessionId,
    stream: StreamId,
    from: u64,
    to: Option<u64>,
) -> Result<(SessionHistoryReply, Vec<String>), Fault> {
    let mut frames = link.open_stream(stream);
    let read = async {
        let reply = link
            .call(&SessionHistory { session: session.clone(), stream, from, to, window: 0, revision: hello::REVISION })
            .await?;
        let bytes = read_stream(link, stream, &mut frames, 0, reply.bytes).await?;
        Ok::<_, Fault>((reply, bytes))
    };
    let read = read.await;
    // also where it failed half way: nobody reads on
    drop(link.call(&SessionDetach { stream }));
    link.close_stream(stream);
    let (reply, bytes) = read?;
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.split_terminator('\n').map(str::to_string).collect();
    Ok((reply, lines))
}
