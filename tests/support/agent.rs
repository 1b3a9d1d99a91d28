//! Owns an agent of this build that a test speaks to as a client does. Leaves out what is said.

use super::{Home, THUB};
use std::process::Stdio;
use thub::link::{Incoming, Link};
use thub::proto::control::Initialized;
use thub::proto::hello;
use thub::proto::ids::ClientId;
use tokio::sync::mpsc;

/// `thub agent --stdio` on a test's home.
pub struct Agent {
    pub child: tokio::process::Child,
    pub link: Link,
    pub incoming: mpsc::UnboundedReceiver<Incoming>,
    /// Whom it takes us for.
    pub client: ClientId,
}

impl Agent {
    pub async fn start(home: &Home) -> (Agent, Initialized) {
        let mut command = tokio::process::Command::from(home.command(THUB));
        command.args(["agent", "--stdio"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.kill_on_drop(true).spawn().expect("it starts");
        let io = tokio::io::join(child.stdout.take().expect("stdout"), child.stdin.take().expect("stdin"));
        let (tx, incoming) = mpsc::unbounded_channel();
        let (link, served) = Link::new(io, false, tx);
        tokio::spawn(served);
        let client = ClientId::random();
        let hello = link.call(&hello::initialize(client.clone())).await.expect("its hello");
        (Agent { child, link, incoming, client }, hello)
    }

    /// Ends the link, and waits for its end.
    pub async fn leave(mut self) {
        self.link.close();
        self.child.wait().await.expect("its end");
    }
}
