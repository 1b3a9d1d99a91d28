//! Owns what the verbs share: a runtime, a link to the host, a session by its name. Leaves out the verbs.

use super::Common;
use crate::client::host::{
    Dialed, Env, First, HostId, Reply, answer_asked, dial_by, ends_at_logout, list_sessions, mixed,
};
use crate::failure::{Failure, Kind};
use crate::link::{Incoming, Link};
use crate::proto::control::{Fault, Method, SessionCreate, SessionGet, SessionInfo};
use crate::proto::ids::{SessionId, StreamId};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Runs a verb's future to its end, on this thread.
pub fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(future);
    // what still runs in the background (a stopped link's writer) is not waited for
    runtime.shutdown_background();
    result
}

/// A thread of its own for tasks; it goes with the process. None = there is none to be had.
pub fn thread() -> Option<tokio::runtime::Handle> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let handle = runtime.handle().clone();
    let run = move || runtime.block_on(std::future::pending::<()>());
    std::thread::Builder::new().name("thub-agent".into()).spawn(run).ok()?;
    Some(handle)
}

/// The one host a verb works on.
pub fn host(common: &Common) -> Result<HostId, Failure> {
    match common.host.as_slice() {
        [] => Ok(HostId::local()),
        [one] => Ok(HostId::new(one)),
        _ => Err(Failure::usage("this verb works on one host", "give -H once; `thub run` takes several")),
    }
}

/// The agent goes after 120 s in which it hears nothing, and a verb may wait for hours: it hears from us. Neither do we
/// wait for ever for one that is not there any more.
pub(super) async fn keep_alive(link: Link) {
    while !link.is_closed() {
        link.ping();
        tokio::time::sleep(Duration::from_secs(20)).await;
        if link.heard().elapsed() > Duration::from_secs(50) {
            link.close();
        }
    }
}

/// Streams of verbs, from here on: far from those of a TUI that goes on with the link. The end of one and the begin of
/// another under the same number may pass each other on the agent's side.
pub const STREAMS: StreamId = 1 << 20;

/// A host's agent, reached with questions on the terminal and no progress told.
pub struct Client {
    pub host: HostId,
    pub dialed: Dialed,
    /// The list of sessions, where it was asked for with hello.
    list: Mutex<Option<Reply<Vec<SessionInfo>>>>,
    env: Arc<Env>,
    next: AtomicU32,
}

impl Client {
    pub async fn connect(env: &Arc<Env>, host: &HostId) -> Result<Client, Failure> {
        Client::connect_and(env, host, None).await
    }

    /// The same; `first` goes out together with hello, and may use stream 2 and [`STREAMS`].
    pub async fn connect_and(env: &Arc<Env>, host: &HostId, first: Option<First>) -> Result<Client, Failure> {
        let mut dialed = dial_by(host, env, super::ask::quietly(), env.deploy, first).await?;
        if !host.is_local() {
            tokio::spawn(keep_alive(dialed.link.clone()));
        }
        let list = Mutex::new(dialed.begun.list.take());
        Ok(Client { host: host.clone(), dialed, list, env: env.clone(), next: AtomicU32::new(STREAMS + 4) })
    }

    /// A command of thub's to be typed next, for this host.
    pub fn typed(&self, verb: &str) -> String {
        let host = Some(self.host.as_str()).filter(|_| !self.host.is_local());
        crate::text::typed_for(verb, host, self.env.ssh_config.as_deref())
    }

    /// What a host's agent says to type next, typed here: for that host.
    pub fn aimed(&self, said: &str) -> String {
        crate::text::aimed(said, |verb| self.typed(verb))
    }

    pub fn link(&self) -> &Link {
        &self.dialed.link
    }

    /// What a fault is to the command line; where a build is too old for a call, which.
    pub fn fault(&self, f: Fault) -> Failure {
        match mixed::worded(&f, &self.host, &self.dialed.hello.build, self.env.ssh_config.as_deref()) {
            Some((what, next)) => Failure::failed(what, next),
            None => self.worded(f),
        }
    }

    /// What a fault is to the command line.
    fn worded(&self, f: Fault) -> Failure {
        if let (Fault::DEVICE, Some((what, next))) = (f.code, f.message.split_once("; ")) {
            return Failure::new(Kind::Failed, crate::text::escape(what), self.aimed(&crate::text::escape(next)));
        }
        let what = self.aimed(&crate::text::escape(&f.message));
        let doctor = || format!("run `{}`", self.typed("doctor"));
        // (these sentences say more than a code does)
        if what.contains("container") && f.code != Fault::UNKNOWN_METHOD {
            let kind = if f.code == Fault::REFUSED { Kind::Refused } else { Kind::Failed };
            return Failure::new(kind, what, format!("`{}` lists those there are", self.typed("containers")));
        }
        let (kind, hint) = match f.code {
            Fault::UNKNOWN => (Kind::Usage, format!("`{}` lists what is there", self.typed("ls"))),
            Fault::NAME_TAKEN => {
                (Kind::Usage, format!("choose another name, or end that session with `{}`", self.typed("kill")))
            }
            Fault::BAD_PARAMS => (Kind::Usage, "`thub --help` and each verb's --help say what is taken".into()),
            Fault::REFUSED => (Kind::Refused, doctor()),
            Fault::ENDED => (Kind::Failed, format!("`{}` still shows what it wrote", self.typed("capture --all"))),
            Fault::TIMEOUT => (Kind::TimedOut, format!("try again; `{}` looks into it", self.typed("doctor"))),
            Fault::SPAWN => (Kind::Failed, "look whether the command exists and may be run".into()),
            Fault::GONE => (Kind::Unreachable, "try again".into()),
            // (the side that is older is told above)
            Fault::UNKNOWN_METHOD => {
                (Kind::Failed, "it is of another build: `thub deploy HOST` puts this one there".into())
            }
            _ => (Kind::Failed, doctor()),
        };
        Failure::new(kind, what, hint)
    }

    /// A stream not used before.
    pub fn stream(&self) -> StreamId {
        self.next.fetch_add(4, Ordering::Relaxed)
    }

    pub async fn call<M: Method>(&self, call: &M) -> Result<M::Reply, Failure> {
        self.link().call(call).await.map_err(|f| self.fault(f))
    }

    /// Longer than the agent waits for the session to stand: no answer must not mean that one was started.
    pub async fn create(&mut self, create: &SessionCreate) -> Result<SessionInfo, Failure> {
        if self.dialed.hello.ends_at_logout {
            eprintln!("thub: {}", ends_at_logout(&self.host));
        }
        let create = self.dialed.wanted(create.clone());
        // (from a connection it may be that somebody is asked something first)
        let asks = create.connection.is_some() || create.definition.is_some() || create.again.is_some();
        let within = if asks { 7200 } else { 15 };
        let creating = self.link().call_within(&create, Duration::from_secs(within));
        let through = (!self.host.is_local()).then(|| self.host.as_str().to_string());
        let created = self.asked_while(creating, asks, through, &mut Vec::new()).await;
        let created = created.map_err(|f| self.fault(f))?;
        if let Some(told) = &created.told {
            eprintln!("thub: {}", crate::text::short(told, 400));
        }
        Ok(created.session)
    }

    /// Waits for an answer, and answers what the agent asks meanwhile; what else it says is put aside.
    pub async fn asked_while<T>(
        &mut self,
        waited: impl Future<Output = T>,
        may_ask: bool,
        through: Option<String>,
        said: &mut Vec<Incoming>,
    ) -> T {
        let out = self.dialed.link.out.clone();
        tokio::pin!(waited);
        loop {
            tokio::select! {
                done = &mut waited => return done,
                Some(message) = self.dialed.incoming.recv(), if may_ask => {
                    match message {
                        Incoming::Call { id, method, params } => {
                            answer_asked(out.clone(), id, method, params, super::ask::quietly(), through.clone());
                        }
                        other => said.push(other),
                    }
                }
            }
        }
    }

    pub async fn sessions(&self) -> Result<Vec<SessionInfo>, Failure> {
        let under_way = crate::link::locked(&self.list).take();
        let listed = match under_way {
            Some(under_way) => under_way.await,
            None => list_sessions(self.link(), self.stream()).await,
        };
        let mut sessions = listed.map_err(|f| self.fault(f))?;
        for s in &mut sessions {
            s.host = self.host.as_str().to_string();
        }
        Ok(sessions)
    }

    /// The session a word means: an id, a living one's name, an ended one's name (the newest), a unique prefix (of an id at
    /// least four characters). One that is begun again just now is waited for.
    pub async fn find(&self, word: &str) -> Result<(SessionId, SessionInfo), Failure> {
        let sessions = self.sessions().await?;
        let mut info = self.pick(&sessions, word)?.clone();
        let id = info.id.parse().map_err(|_| {
            Failure::failed("the agent names a session in a way this build does not know", "deploy it anew")
        })?;
        // (its agent does so by itself, which takes a while over SSH)
        if info.state == "lost"
            && info.kind == "serial"
            && let Ok(now) = self.call(&SessionGet { session: SessionId::clone(&id) }).await
        {
            info = now.session;
        }
        Ok((id, info))
    }
}

impl Client {
    /// The session a word means.
    pub fn pick<'a>(&self, sessions: &'a [SessionInfo], word: &str) -> Result<&'a SessionInfo, Failure> {
        pick(sessions, word, || self.typed("ls"))
    }
}

/// Ids are random: fewer of their first characters would match some session now and then, whatever was meant.
const LEAST_OF_ID: usize = 4;

/// The session a word means; `list` = the command that lists them.
fn pick<'a>(sessions: &'a [SessionInfo], word: &str, list: impl Fn() -> String) -> Result<&'a SessionInfo, Failure> {
    let shown = crate::text::escape(word);
    let by_id = sessions.iter().find(|s| s.id == word);
    let by_name = || sessions.iter().find(|s| s.name == word && s.is_alive());
    let by_old_name = || sessions.iter().rev().find(|s| s.name == word);
    if let Some(s) = by_id.or_else(by_name).or_else(by_old_name) {
        return Ok(s);
    }
    let by_start = |s: &&SessionInfo| {
        (word.len() >= LEAST_OF_ID && s.id.starts_with(word)) || (!word.is_empty() && s.name.starts_with(word))
    };
    let alike: Vec<&SessionInfo> = sessions.iter().filter(by_start).collect();
    match alike.as_slice() {
        [one] => Ok(one),
        [] => {
            Err(Failure::usage(format!("there is no session '{shown}'"), format!("`{}` lists what is there", list())))
        }
        many => {
            let names: Vec<String> = many.iter().map(|s| crate::text::escape(s.label())).collect();
            Err(Failure::usage(format!("'{shown}' may be any of {}", names.join(", ")), "write more of it"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(id: &str, name: &str, state: &str) -> SessionInfo {
        SessionInfo { id: id.into(), name: name.into(), state: state.into(), ..SessionInfo::default() }
    }

    fn picked<'a>(all: &'a [SessionInfo], word: &str) -> Result<&'a SessionInfo, Failure> {
        pick(all, word, || "thub ls".into())
    }

    #[test]
    fn words_for_sessions() {
        let all = [s("k3f9a", "build", "exited"), s("k3f9b", "build", "running"), s("zz1112", "logs", "detached")];
        assert_eq!(picked(&all, "build").unwrap().id, "k3f9b", "the living one");
        assert_eq!(picked(&all, "k3f9a").unwrap().id, "k3f9a");
        assert_eq!(picked(&all, "zz11").unwrap().id, "zz1112");
        assert_eq!(picked(&all, "lo").unwrap().id, "zz1112");
        // "z" was somebody's name once: it must not come to mean a session whose id happens to start so
        for bad in ["k3f9", "z", "zz1", "nope", "", "../x", "\u{1b}[2J"] {
            let e = picked(&all, bad).unwrap_err();
            assert_eq!(e.code(), 2, "{bad}");
            assert!(!e.to_string().contains('\u{1b}'));
        }
    }
}
