//! Owns calls on a link: numbering, pending answers, deadlines; and the JSON-RPC 2.0 envelope.
//! Leaves out what a method does.

use super::conn::Outbox;
use crate::proto::control::{Fault, Method};
use crate::proto::frame::{self, Body};
use crate::proto::ids::StreamId;
use crate::proto::notice::Notice;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::oneshot;

/// Every call ends: with its answer, or with `Fault::TIMEOUT` after this.
pub const DEADLINE: Duration = Duration::from_secs(10);

#[derive(Serialize)]
struct Request<'a, P> {
    jsonrpc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    method: &'a str,
    params: P,
}

#[derive(Serialize)]
struct Response {
    jsonrpc: &'static str,
    id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Fault>,
}

#[derive(Deserialize)]
struct Envelope {
    id: Option<u64>,
    method: Option<String>,
    #[serde(default)]
    params: Value,
    #[serde(default)]
    result: Option<Value>,
    #[serde(default)]
    error: Option<Fault>,
}

/// What a Call frame holds.
#[derive(Debug)]
pub enum Message {
    Call { id: u64, method: String, params: Value },
    Notice { method: String, params: Value },
    Answer { id: u64, result: Result<Value, Fault> },
}

/// Reads a Call frame's payload; the limits on size and depth hold.
pub fn parse(json: &[u8]) -> Result<Message, Fault> {
    if json.len() > frame::MAX_JSON || !frame::json_depth_ok(json) {
        return Err(Fault::new(Fault::INVALID, "a call larger than 256 KiB or nested deeper than 64"));
    }
    let e: Envelope = serde_json::from_slice(json).map_err(|e| Fault::new(Fault::PARSE, e.to_string()))?;
    Ok(match (e.method, e.id) {
        (Some(method), Some(id)) => Message::Call { id, method, params: e.params },
        (Some(method), None) => Message::Notice { method, params: e.params },
        (None, Some(id)) => Message::Answer {
            id,
            result: match e.error {
                Some(fault) => Err(fault),
                None => Ok(e.result.unwrap_or(Value::Null)),
            },
        },
        (None, None) => return Err(Fault::new(Fault::INVALID, "neither a call, a notice nor an answer")),
    })
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("our own messages are JSON")
}

/// Puts an answer on stream 0. One too large to send becomes a fault.
pub fn answer(out: &Outbox, id: u64, result: Result<Value, Fault>) {
    let response = |result: Result<Value, Fault>| {
        let (result, error) = match result {
            Ok(v) => (Some(v), None),
            Err(f) => (None, Some(f)),
        };
        encode(&Response { jsonrpc: "2.0", id, result, error })
    };
    let mut json = response(result);
    if json.len() > frame::MAX_JSON {
        json = response(Err(Fault::new(Fault::INTERNAL, "the answer is larger than 256 KiB")));
    }
    out.urgent(0, Body::Call(&json));
}

/// Puts a notice on a stream, in order with what else goes there.
pub fn notify(out: &Outbox, stream: StreamId, notice: &Notice) {
    let (method, params) = notice.to_wire();
    let json = encode(&Request { jsonrpc: "2.0", id: None, method, params });
    if json.len() > frame::MAX_JSON {
        return;
    }
    if stream == 0 {
        out.urgent(0, Body::Call(&json));
    } else {
        out.bulk(stream, Body::Call(&json));
    }
}

type Pending = HashMap<u64, oneshot::Sender<Result<Value, Fault>>>;

#[derive(Default)]
struct State {
    next: u64,
    pending: Pending,
    closed: bool,
}

/// Calls that wait for their answer.
#[derive(Clone, Default)]
pub struct Calls {
    state: Arc<Mutex<State>>,
}

impl Calls {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Sends a call now; the future is its answer. Dropping it forgets the call.
    pub fn call<M: Method>(
        &self,
        out: &Outbox,
        params: &M,
        deadline: Duration,
    ) -> impl Future<Output = Result<M::Reply, Fault>> + use<M> {
        let (tx, rx) = oneshot::channel();
        let id = {
            let mut state = self.state();
            state.next += 1;
            let id = state.next;
            if !state.closed {
                state.pending.insert(id, tx);
            }
            id
        };
        let json = encode(&Request { jsonrpc: "2.0", id: Some(id), method: M::NAME, params });
        // the other side would end the link over it
        let too_large = json.len() > frame::MAX_JSON;
        if !too_large {
            out.urgent(0, Body::Call(&json));
        }
        let forget = Forget { calls: self.clone(), id };
        async move {
            let _forget = forget;
            if too_large {
                return Err(Fault::new(
                    Fault::BAD_PARAMS,
                    format!("{} is larger than 256 KiB with all its words", M::NAME),
                ));
            }
            let value = match tokio::time::timeout(deadline, rx).await {
                Ok(Ok(result)) => result?,
                Ok(Err(_)) => return Err(Fault::new(Fault::GONE, "the link is gone")),
                Err(_) => return Err(Fault::new(Fault::TIMEOUT, format!("no answer to {} in time", M::NAME))),
            };
            serde_json::from_value(value)
                .map_err(|e| Fault::new(Fault::PARSE, format!("the answer to {} is not understood: {e}", M::NAME)))
        }
    }

    pub fn answered(&self, id: u64, result: Result<Value, Fault>) {
        if let Some(tx) = self.state().pending.remove(&id) {
            let _ = tx.send(result);
        }
    }

    /// The link is gone: every pending call fails, and every later one.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.pending.clear();
    }
}

struct Forget {
    calls: Calls,
    id: u64,
}

impl Drop for Forget {
    fn drop(&mut self) {
        self.calls.state().pending.remove(&self.id);
    }
}

/// Parameters of a call, or the fault that says what is wrong with them.
pub fn params<M: Method>(value: Value) -> Result<M, Fault> {
    let value = if value.is_null() { Value::Object(Default::default()) } else { value };
    serde_json::from_value(value).map_err(|e| Fault::new(Fault::BAD_PARAMS, format!("{}: {e}", M::NAME)))
}

/// A reply as the value it travels as.
pub fn reply<T: Serialize>(reply: T) -> Result<Value, Fault> {
    serde_json::to_value(reply).map_err(|e| Fault::new(Fault::INTERNAL, e.to_string()))
}
