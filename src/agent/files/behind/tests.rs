//! How a session on a host behind does not begin, by a target process that is none.

use super::*;
use crate::link::{Incoming, Link, call};
use crate::proto::control::ChannelOpened;
use crate::proto::notice::{Notice, SessionExited};
use tokio::sync::mpsc;

/// The code of what comes of a session whose channel is opened, and ends with the first byte that comes.
async fn code(ends: impl Fn(&Link)) -> i64 {
    let (ours, theirs) = UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    let (tx, mut incoming) = mpsc::unbounded_channel();
    let (target, served) = Link::new(tokio::net::UnixStream::from_std(theirs).unwrap(), true, tx);
    tokio::spawn(served);
    let mut frames = target.open_stream(2);
    let serving = async {
        while let Some(came) = incoming.recv().await {
            if let Incoming::Call { id, .. } = came {
                let opened = ChannelOpened { host: "me@there".into(), input_limit: 1 << 20 };
                call::answer(&target.out, id, call::reply(opened));
                frames.recv().await.expect("a greeting");
                ends(&target);
            }
        }
        std::future::pending::<i64>().await
    };
    tokio::select! {
        began = session(ours) => {
            let why = began.err().expect("it does not begin");
            assert!(!why.message.contains('\n'), "a line: {}", why.message);
            why.code
        }
        never = serving => never,
    }
}

fn exits(code: Option<i32>, cause: Option<&str>) -> impl Fn(&Link) {
    let exit = SessionExited { exit_code: code, cause: cause.map(Into::into) };
    move |link| call::notify(&link.out, 2, &Notice::ChannelExited(exit.clone()))
}

#[tokio::test]
async fn what_is_cut_as_it_begins_may_be_tried_again() {
    assert_eq!(code(exits(None, Some("connection lost: no answer for 30 s"))).await, Fault::GONE);
    assert_eq!(code(|link| link.close()).await, Fault::GONE, "the target process is gone");
    // a host that has none has none the next time, too
    assert_eq!(code(exits(Some(127), None)).await, Fault::SPAWN);
    assert_eq!(code(exits(Some(137), Some("ended by SIGKILL"))).await, Fault::SPAWN);
    assert_eq!(code(exits(None, Some("the host closed the channel without an exit code"))).await, Fault::SPAWN);
}
