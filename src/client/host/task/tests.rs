//! A host's task over a link to an agent that the test plays.

use super::asking::MOST;
use super::*;
use crate::client::book::Change;
use crate::client::host::{Answer, Question};
use crate::link::call;
use crate::paths::Paths;
use crate::proto::control::connections::{Config, Connection, ConnectionsMove, Ssh};
use serde_json::{Value, json};

/// The agent's end, and what the client hears.
struct Played {
    link: Link,
    calls: mpsc::UnboundedReceiver<Incoming>,
    commands: mpsc::UnboundedSender<HostCommand>,
    events: mpsc::UnboundedReceiver<(HostId, HostEvent)>,
}

impl Played {
    fn new() -> Played {
        Played::of(Initialized { capabilities: hello::capabilities(), ..Initialized::default() })
    }
    /// An agent that says so of itself.
    fn of(hello: Initialized) -> Played {
        let (a, b) = tokio::io::duplex(1 << 16);
        let (tx, calls) = mpsc::unbounded_channel();
        let (agent, served) = Link::new(a, true, tx);
        tokio::spawn(served);
        let (tx, incoming) = mpsc::unbounded_channel();
        let (link, served) = Link::new(b, false, tx);
        let (ended_tx, ended) = oneshot::channel();
        tokio::spawn(async move { ended_tx.send(served.await) });
        let paths = Paths::from_vars(|n| (n == "HOME").then(|| "/nowhere".into()), None, None, "m", "b").unwrap();
        let local = Box::new(|| tokio::io::duplex(1).0);
        let env = Env::new(paths, None, DeployPolicy::Never, local);
        let dialed = Dialed { link, incoming, ended, hello, ssh: None, without: None, begun: Default::default() };
        let (events_tx, events) = mpsc::unbounded_channel();
        let commands = spawn(HostId::local(), env, events_tx, Some(dialed));
        let _ = commands.send(HostCommand::Connect);
        Played { link: agent, calls, commands, events }
    }
    fn send(&self, command: HostCommand) {
        self.commands.send(command).unwrap();
    }
    /// The next call of this name: its number and what it says.
    async fn called(&mut self, wanted: &str) -> (u64, Value) {
        loop {
            match within(self.calls.recv()).await.expect("the link stands") {
                Incoming::Call { id, method, params } if method == wanted => return (id, params),
                _ => {}
            }
        }
    }
    fn answer(&self, id: u64, said: Value) {
        call::answer(&self.link.out, id, Ok(said));
    }
    /// The next event that is one of those.
    async fn event<R>(&mut self, which: impl Fn(&HostEvent) -> Option<R>) -> R {
        loop {
            let (_, event) = within(self.events.recv()).await.expect("the task lives");
            if let Some(found) = which(&event) {
                return found;
            }
        }
    }
    async fn question(&mut self) -> (u64, Question) {
        self.event(|e| match e {
            HostEvent::Ask { id, question } => Some((*id, question.clone())),
            _ => None,
        })
        .await
    }
    /// The agent asks for a secret.
    fn asks(&self) -> impl Future<Output = Result<Secret, Fault>> + use<> {
        self.link.call(&AskSecret { host: "h".into(), prompt: "Password:".into(), ..AskSecret::default() })
    }
}

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what).await.expect("it comes")
}

fn over_ssh() -> Connection {
    let config = Config::ssh(&Ssh { host: "h".into(), ..Ssh::default() });
    Connection { id: "c-1".into(), name: "far".into(), config, ..Connection::default() }
}

fn create(tag: u64) -> HostCommand {
    let definition = Some(Box::new(over_ssh()));
    let create = Box::new(SessionCreate { definition, ..SessionCreate::default() });
    HostCommand::Create { tag, create, asks: true }
}

#[tokio::test(flavor = "current_thread")]
async fn what_a_connection_needs_is_asked() {
    let mut host = Played::new();
    // nothing is under way: nobody is asked
    assert_eq!(host.asks().await.unwrap_err().code, Fault::REFUSED);
    host.send(create(1));
    let (create, said) = host.called("session.create").await;
    assert_eq!(said["definition"]["id"], "c-1");
    let asked = host.asks();
    let (id, question) = host.question().await;
    assert!(matches!(question, Question::Secret(asked) if asked.prompt == "Password:"));
    host.send(HostCommand::Answer { id, answer: Answer::Secret("s3cret".into()) });
    assert_eq!(asked.await.unwrap().answer.as_deref(), Some("s3cret"));
    host.answer(create, json!({ "session": { "id": "s1" } }));
    host.event(|e| matches!(e, HostEvent::Created { tag: 1, result: Ok(_) }).then_some(())).await;
    assert_eq!(host.asks().await.unwrap_err().code, Fault::REFUSED);
}

/// What was asked of a person until the link has answered a ping of ours: how many.
async fn asked_by_now(host: &mut Played) -> usize {
    host.send(HostCommand::List);
    host.called("session.list").await;
    let mut asked = 0;
    while let Ok((_, event)) = host.events.try_recv() {
        asked += usize::from(matches!(event, HostEvent::Ask { .. }));
    }
    asked
}

#[tokio::test(flavor = "current_thread")]
async fn one_question_at_a_time_and_no_end_of_them() {
    let mut host = Played::new();
    host.called("session.list").await;
    host.send(create(1));
    let (_create, _) = host.called("session.create").await;
    let asked: Vec<_> = (0..40).map(|_| tokio::spawn(host.asks())).collect();
    let (id, _) = host.question().await;
    assert_eq!(asked_by_now(&mut host).await, 0, "the next one waits for its turn");
    host.send(HostCommand::Answer { id, answer: Answer::No });
    for _ in 1..MOST {
        let (id, _) = host.question().await;
        host.send(HostCommand::Answer { id, answer: Answer::No });
    }
    let mut refused = 0;
    for answer in asked {
        refused += u32::from(answer.await.unwrap().is_err());
    }
    assert_eq!(refused, 40 - MOST);
}

#[tokio::test(flavor = "current_thread")]
async fn what_nobody_waits_for_is_asked_no_longer() {
    let mut host = Played::new();
    // a shell needs no answers
    let (tag, create_) = (1, Box::new(SessionCreate { connection: Some("c-2".into()), ..SessionCreate::default() }));
    host.send(HostCommand::Create { tag, create: create_, asks: false });
    host.called("session.create").await;
    assert_eq!(host.asks().await.unwrap_err().code, Fault::REFUSED);
    host.send(create(2));
    host.called("session.create").await;
    let asked = [tokio::spawn(host.asks()), tokio::spawn(host.asks())];
    let (id, _) = host.question().await;
    host.send(HostCommand::Forget { tag: 2 });
    let taken = host.event(|e| match e {
        HostEvent::Unasked { id } => Some(*id),
        HostEvent::Ask { .. } => panic!("nobody is there for the second one"),
        _ => None,
    });
    assert_eq!(taken.await, id);
    for answer in asked {
        assert_eq!(answer.await.unwrap().unwrap().answer, None);
    }
    assert_eq!(host.asks().await.unwrap_err().code, Fault::REFUSED);
}

fn looking(of: &Watched) -> HostCommand {
    HostCommand::Gauges(vec![(of.clone(), crate::client::gauges::How::default())])
}

/// Why there are no gauges of that.
async fn no_gauges(host: &mut Played, wanted: &Watched) -> String {
    let of = |e: &HostEvent| match e {
        HostEvent::Gauges(g) if g.of == *wanted && g.mem_total == 0 => g.faults.first().cloned(),
        _ => None,
    };
    host.event(of).await
}

#[tokio::test(flavor = "current_thread")]
async fn gauges_that_were_refused_are_asked_for_again() {
    let target = Watched::at(Place::of_target("k3f9k3f9".parse().unwrap()));
    for of in [Watched::default(), target] {
        let mut host = Played::new();
        host.send(looking(&of));
        for _ in 0..2 {
            let (id, _) = host.called("monitoring.subscribe").await;
            call::answer(&host.link.out, id, Err(Fault::new(Fault::FULL, "64 machines are watched already")));
            assert_eq!(no_gauges(&mut host, &of).await, "64 machines are watched already");
        }
        let (id, _) = host.called("monitoring.subscribe").await;
        host.answer(id, json!({}));
        // nobody looks any more
        host.send(HostCommand::Gauges(Vec::new()));
        host.called("monitoring.unsubscribe").await;
    }
    // what may ask a person is asked for again by a person alone
    let mut host = Played::new();
    let far = Watched::at(Place::of_connection("c-1"));
    host.send(looking(&far));
    let (id, _) = host.called("monitoring.subscribe").await;
    call::answer(&host.link.out, id, Err(Fault::new(Fault::REFUSED, "nobody answered")));
    assert_eq!(no_gauges(&mut host, &far).await, "nobody answered");
    host.send(looking(&Watched::default()));
    let (_, said) = host.called("monitoring.subscribe").await;
    assert_eq!(said, json!({}), "the agent's own");
    host.send(looking(&far));
    let (_, said) = host.called("monitoring.subscribe").await;
    assert_eq!(said["place"]["connection"], "c-1");
}

#[tokio::test(flavor = "current_thread")]
async fn an_older_agent_is_not_asked_for_what_it_takes_for_its_own_gauges() {
    let mut host = Played::of(Initialized { build: "0.0.9".into(), ..Initialized::default() });
    let target = Watched::at(Place::of_target("k3f9k3f9".parse().unwrap()));
    host.send(looking(&target));
    let why = no_gauges(&mut host, &target).await;
    assert!(why.contains("0.0.9") && why.contains("older build") && why.contains("thub deploy"), "{why}");
    // its own are, and go on once nobody looks at the other
    let how = crate::client::gauges::How::default();
    host.send(HostCommand::Gauges(vec![(target, how), (Watched::default(), how)]));
    let (_, said) = host.called("monitoring.subscribe").await;
    assert_eq!(said, json!({}));
    host.send(looking(&Watched::default()));
    host.send(HostCommand::Marks { session: "s1".parse().unwrap() });
    loop {
        match within(host.calls.recv()).await {
            Some(Incoming::Call { method, .. }) if method == "session.marks" => break,
            Some(Incoming::Call { method, .. }) => assert!(!method.starts_with("monitoring."), "{method}"),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_dial_is_not_held_up_by_an_agents_questions() {
    let paths = Paths::from_vars(|n| (n == "HOME").then(|| "/nowhere".into()), None, None, "m", "b").unwrap();
    let env = Env::new(paths, None, DeployPolicy::Never, Box::new(|| tokio::io::duplex(1).0));
    let (events, mut asked) = mpsc::unbounded_channel();
    let asker = Asker::new(HostId::local(), env, events);
    let asking = Asking::new(asker.clone());
    let _asks = asking.begin(1);
    let waits = tokio::spawn(async move { asking.secret(&Default::default()).await });
    assert!(matches!(within(asked.recv()).await, Some((_, HostEvent::Ask { id: 1, .. }))));
    assert_eq!(asker.asked(), 0);
    let _own = tokio::spawn({
        let asker = asker.clone();
        async move { asker.secret(&Default::default()).await }
    });
    assert!(matches!(within(asked.recv()).await, Some((_, HostEvent::Ask { id: 2, .. }))));
    assert_eq!(asker.asked(), 1);
    asker.answer(1, Answer::No);
    assert!(waits.await.unwrap().is_none());
}

fn moved(id: &str) -> Change {
    Change::Move(ConnectionsMove { ids: vec![id.into()], ..ConnectionsMove::default() })
}

#[tokio::test(flavor = "current_thread")]
async fn changes_are_made_one_after_the_other() {
    let mut host = Played::new();
    for (tag, id) in [(1, "a"), (2, "b"), (3, "c")] {
        host.send(HostCommand::Book { tag, change: Box::new(moved(id)) });
    }
    for (tag, id) in [(1, "a"), (2, "b"), (3, "c")] {
        let (number, said) = host.called("connections.move").await;
        assert_eq!(said["ids"], json!([id]));
        assert!(host.calls.try_recv().is_err(), "the next one waits for the answer");
        host.answer(number, json!({}));
        host.event(|e| matches!(e, HostEvent::Booked { tag: t, result: Ok(_) } if *t == tag).then_some(())).await;
    }
    // and a link that falls leaves none without an answer
    for tag in [4, 5] {
        host.send(HostCommand::Book { tag, change: Box::new(moved("d")) });
    }
    host.called("connections.move").await;
    host.link.close();
    let mut failed = Vec::new();
    while failed.len() < 2 {
        let told = |e: &HostEvent| match e {
            HostEvent::Booked { tag, result: Err(_) } => Some(*tag),
            _ => None,
        };
        failed.push(host.event(told).await);
    }
    failed.sort_unstable();
    assert_eq!(failed, [4, 5]);
}

#[tokio::test(flavor = "current_thread")]
async fn no_list_from_before_a_change_is_told_behind_it() {
    let mut host = Played::new();
    let list = |name: &str| json!({ "connections": [{ "id": "c", "name": name }] });
    let told = |e: &HostEvent| match e {
        HostEvent::Connections(Some(listed)) => Some(listed.connections[0].name.clone()),
        HostEvent::Booked { .. } => Some("booked".to_string()),
        _ => None,
    };
    host.send(HostCommand::Connections);
    let (first, _) = host.called("connections.list").await;
    host.send(HostCommand::Book { tag: 1, change: Box::new(moved("c")) });
    let (change, _) = host.called("connections.move").await;
    host.answer(change, json!({}));
    assert_eq!(host.event(told).await, "booked");
    // it was read before the change
    host.answer(first, list("old"));
    let (second, _) = host.called("connections.list").await;
    host.answer(second, list("new"));
    assert_eq!(host.event(told).await, "new");
    // many notices while one is under way are one more list
    call::notify(&host.link.out, 0, &crate::proto::notice::Notice::ConnectionsChanged);
    let (third, _) = host.called("connections.list").await;
    for _ in 0..3 {
        call::notify(&host.link.out, 0, &crate::proto::notice::Notice::ConnectionsChanged);
    }
    host.send(HostCommand::Marks { session: "s1".parse().unwrap() });
    let (_marks, _) = host.called("session.marks").await;
    host.answer(third, list("third"));
    assert_eq!(host.event(told).await, "third");
    let (fourth, _) = host.called("connections.list").await;
    host.answer(fourth, list("fourth"));
    assert_eq!(host.event(told).await, "fourth");
    host.send(HostCommand::Marks { session: "s1".parse().unwrap() });
    loop {
        match within(host.calls.recv()).await {
            Some(Incoming::Call { method, .. }) if method == "session.marks" => break,
            Some(Incoming::Call { method, .. }) => assert_ne!(method, "connections.list"),
            _ => {}
        }
    }
}
