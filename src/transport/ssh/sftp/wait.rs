//! Owns which request waits for which answer, and the task that carries both over the channel: [`Requests`]. Leaves out what
//! is asked.

use super::packet::{self, Ask, Reply};
use crate::link::credit::files::FileCredit;
use crate::transport::ssh::sftp_guard::{Guard, PACKET_MOST};
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::Instant;

/// Requests under way at most; with the pieces' size this bounds what is held in memory.
const UNDER_WAY: usize = 256;
/// What a request takes on its way beside a file's bytes, about.
const BESIDE: u64 = 100;
/// Bytes of an answer at most that is neither a file's bytes nor a directory's entries: a path, twice, and what goes with it.
const WORD: usize = 40 << 10;
/// Bytes of answers that came before anybody waits for them, at most: 4 MiB.
const AHEAD: usize = 4 << 20;
/// Bytes at most that those who asked keep for later of what they were answered: 8 MiB.
const KEPT: usize = 8 << 20;

/// Why there is no answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    #[error("the connection for files is over: {0}")]
    Over(String),
    /// The same, and it was the SSH connection: over the next one it may go.
    #[error("the connection for files is over: {0}")]
    Cut(String),
    #[error("the host does not answer")]
    Silent,
}

/// How long an answer is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Nothing at all is heard for this long while something is waited for: the connection is given up.
    pub silent: Duration,
    /// This one answer, whatever else is heard.
    pub each: Duration,
}

struct Waiting {
    tx: oneshot::Sender<Came>,
    /// A read's length: no answer has more.
    most: u32,
    /// Bytes of the answer's packet at most.
    longest: usize,
    /// Bytes that are on their way for it, there or back.
    cost: u64,
    /// Of what is asked ahead: for as much as may come, and then for as much as came.
    room: Option<OwnedSemaphorePermit>,
    _permit: Option<OwnedSemaphorePermit>,
}

/// An answer until it is taken.
struct Came {
    reply: Reply,
    _room: Option<OwnedSemaphorePermit>,
}

/// Room that is taken by what is kept of answers, until it is dropped.
pub struct Kept {
    _room: OwnedSemaphorePermit,
}

struct State {
    waiting: HashMap<u32, Waiting>,
    next: u32,
    heard: Instant,
    /// How much may be on its way, so that whoever types on the same connection does not wait behind it; and how much is.
    credit: FileCredit,
    on_way: u64,
    /// A request that asks for nothing but an answer.
    probe: Option<(u32, Instant)>,
    /// Why it is over.
    over: Option<Lost>,
}

struct Shared {
    state: Mutex<State>,
    out: mpsc::UnboundedSender<Vec<u8>>,
    permits: Arc<Semaphore>,
    /// Bytes.
    ahead: Arc<Semaphore>,
    kept: Arc<Semaphore>,
    /// Who asks for more than there is room for waits for it first: others come after it, however little they ask for.
    turn: tokio::sync::Mutex<()>,
    /// An answer came.
    room: Notify,
    end: Notify,
    patience: Patience,
}

fn cost(ask: &Ask<'_>) -> u64 {
    BESIDE
        + match ask {
            Ask::Read { length, .. } => u64::from(*length),
            Ask::Write { bytes, .. } => bytes.len() as u64,
            _ => 0,
        }
}

/// Bytes of the answer's packet at most.
fn longest(ask: &Ask<'_>) -> usize {
    match ask {
        Ask::Read { length, .. } => WORD.max(*length as usize + BESIDE as usize),
        Ask::Readdir { .. } => PACKET_MOST as usize,
        _ => WORD,
    }
}

/// Requests on one channel. Cheap to clone; the channel ends with the last of them.
#[derive(Clone)]
pub struct Requests(Arc<Owner>);

/// The task holds the shared part, too: that the last handle is gone is seen here.
struct Owner(Arc<Shared>);
impl Drop for Owner {
    fn drop(&mut self) {
        self.0.end(unused());
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        crate::link::locked(&self.state)
    }

    fn end(&self, why: Lost) {
        let mut state = self.state();
        state.over.get_or_insert(why);
        state.waiting.clear();
        drop(state);
        self.permits.close();
        self.room.notify_waiters();
        self.end.notify_one();
    }

    fn lost(&self) -> Lost {
        self.state().over.clone().unwrap_or_else(closed)
    }

    /// Takes an answer to whom it belongs; an error where it is nobody's.
    fn answered(&self, packet: &[u8]) -> Result<(), String> {
        let (id, reply) = packet::decode(packet).map_err(|e| e.to_string())?;
        let mut state = self.state();
        state.heard = Instant::now();
        let mut waiting = state.waiting.remove(&id).ok_or("the host answered what it was not asked")?;
        state.on_way = state.on_way.saturating_sub(waiting.cost);
        let now = Instant::now();
        state.credit.arrived(usize::try_from(waiting.cost).unwrap_or(usize::MAX));
        if let Some((_, sent)) = state.probe.take_if(|(probe, _)| *probe == id) {
            state.credit.round(now - sent, now.into_std());
        }
        drop(state);
        self.room.notify_waiters();
        let too_much = matches!(&reply, Reply::Data(bytes) if bytes.len() > waiting.most as usize);
        if too_much || packet.len() > waiting.longest {
            return Err("the host sent more than it was asked for".into());
        }
        if let Some(room) = &mut waiting.room {
            drop(room.split(room.num_permits().saturating_sub(packet.len())));
        }
        let came = Came { reply, _room: waiting.room };
        if let Err(Came { reply: Reply::Handle(handle), .. }) = waiting.tx.send(came) {
            // who asked has gone meanwhile: nobody else would close it
            self.close(&handle);
        }
        Ok(())
    }

    /// Closes a handle; how that ends nobody waits for.
    fn close(&self, handle: &[u8]) {
        // (where all are under way it is one more)
        let _ = self.put(&Ask::Close { handle }, self.permits.clone().try_acquire_owned().ok(), None);
    }

    fn put(
        &self,
        ask: &Ask<'_>,
        permit: Option<OwnedSemaphorePermit>,
        room: Option<OwnedSemaphorePermit>,
    ) -> Result<(u32, oneshot::Receiver<Came>), Lost> {
        let (tx, rx) = oneshot::channel();
        let most = if let Ask::Read { length, .. } = ask { *length } else { 0 };
        let mut state = self.state();
        if let Some(why) = &state.over {
            return Err(why.clone());
        }
        let mut id = state.next;
        // (0 is the version's)
        while id == 0 || state.waiting.contains_key(&id) {
            id = id.wrapping_add(1);
        }
        let id = if matches!(ask, Ask::Init) { 0 } else { id };
        state.next = id.wrapping_add(1);
        let cost = cost(ask);
        state.on_way += cost;
        state.waiting.insert(id, Waiting { tx, most, longest: longest(ask), cost, room, _permit: permit });
        drop(state);
        let _ = self.out.send(packet::encode(id, ask));
        Ok((id, rx))
    }

    /// Whether so much more may be on its way: what is alone always may.
    fn has_room(&self, cost: u64) -> bool {
        let state = self.state();
        state.over.is_some() || state.on_way == 0 || state.on_way + cost <= state.credit.window()
    }

    /// Measures how long an answer takes just now, where it is time to: a server answers one request after the other.
    fn probe(&self) {
        let now = Instant::now();
        let asks = {
            let mut state = self.state();
            state.probe.is_none() && state.credit.asks(now.into_std())
        };
        if asks && let Ok((id, _)) = self.put(&Ask::Realpath { path: b"." }, None, None) {
            self.state().probe = Some((id, now));
        }
    }
}

/// An answer that is waited for; who drops it is not told.
pub struct Pending {
    rx: oneshot::Receiver<Came>,
    sent: Instant,
    shared: Weak<Shared>,
    patience: Patience,
}

impl Pending {
    pub async fn answer(mut self) -> Result<Reply, Lost> {
        let last = self.sent + self.patience.each;
        loop {
            let heard = self.shared.upgrade().ok_or_else(closed)?.state().heard;
            let until = heard.max(self.sent) + self.patience.silent;
            match tokio::time::timeout_at(until.min(last), &mut self.rx).await {
                Ok(Ok(came)) => return Ok(came.reply),
                Ok(Err(_)) => return Err(self.shared.upgrade().map_or_else(closed, |s| s.lost())),
                Err(_) => {
                    let Some(shared) = self.shared.upgrade() else { return Err(closed()) };
                    let again = shared.state().heard != heard;
                    if !again && until <= last {
                        shared.end(silent());
                        return Err(Lost::Silent);
                    }
                    if Instant::now() >= last {
                        return Err(Lost::Silent);
                    }
                }
            }
        }
    }
}

impl Requests {
    /// Serves them over `io`, in a task of its own.
    pub fn spawn<S>(io: S, patience: Patience) -> Requests
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (out, queue) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                waiting: HashMap::new(),
                next: 1,
                heard: Instant::now(),
                credit: FileCredit::down(),
                on_way: 0,
                probe: None,
                over: None,
            }),
            out,
            permits: Arc::new(Semaphore::new(UNDER_WAY)),
            ahead: Arc::new(Semaphore::new(AHEAD)),
            kept: Arc::new(Semaphore::new(KEPT)),
            turn: tokio::sync::Mutex::new(()),
            room: Notify::new(),
            end: Notify::new(),
            patience,
        });
        let served = shared.clone();
        tokio::spawn(async move {
            let why = tokio::select! {
                () = served.end.notified() => return,
                why = run(io, &served, queue) => why,
            };
            served.end(why);
        });
        Requests(Arc::new(Owner(shared)))
    }

    /// Asks as soon as not too much is under way; the answer is waited for apart.
    pub async fn send(&self, ask: &Ask<'_>) -> Result<Pending, Lost> {
        let shared = &self.0.0;
        let permit = shared.permits.clone().acquire_owned().await.map_err(|_| shared.lost())?;
        let _turn = shared.turn.lock().await;
        loop {
            let room = shared.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            if shared.has_room(cost(ask)) {
                return self.sent(ask, permit, None);
            }
            room.await;
        }
    }

    /// Asks if that can be at once.
    pub fn try_send(&self, ask: &Ask<'_>) -> Option<Result<Pending, Lost>> {
        self.try_sent(ask, None)
    }

    /// Asks for what nobody waits for yet, if that can be at once and there is room for the answer until somebody does.
    pub fn send_ahead(&self, ask: &Ask<'_>) -> Option<Result<Pending, Lost>> {
        let room = self.0.0.ahead.clone().try_acquire_many_owned(PACKET_MOST).ok()?;
        self.try_sent(ask, Some(room))
    }

    /// Room for so many bytes of what is kept of answers; none = there is none.
    pub fn keep(&self, bytes: usize) -> Option<Kept> {
        let bytes = u32::try_from(bytes).ok()?;
        let room = self.0.0.kept.clone().try_acquire_many_owned(bytes).ok()?;
        Some(Kept { _room: room })
    }

    fn try_sent(&self, ask: &Ask<'_>, room: Option<OwnedSemaphorePermit>) -> Option<Result<Pending, Lost>> {
        let shared = &self.0.0;
        let permit = shared.permits.clone().try_acquire_owned().ok()?;
        let _turn = shared.turn.try_lock().ok()?;
        shared.has_room(cost(ask)).then(|| self.sent(ask, permit, room))
    }

    fn sent(
        &self,
        ask: &Ask<'_>,
        permit: OwnedSemaphorePermit,
        room: Option<OwnedSemaphorePermit>,
    ) -> Result<Pending, Lost> {
        let shared = &self.0.0;
        let mut patience = shared.patience;
        if let Ask::Fsync { .. } = ask {
            // a disk takes what it takes
            patience.silent = patience.each;
        }
        shared.probe();
        Ok(Pending {
            rx: shared.put(ask, Some(permit), room)?.1,
            sent: Instant::now(),
            shared: Arc::downgrade(shared),
            patience,
        })
    }

    pub async fn ask(&self, ask: &Ask<'_>) -> Result<Reply, Lost> {
        self.send(ask).await?.answer().await
    }

    /// Closes a handle; how that ends nobody waits for.
    pub fn close(&self, handle: &[u8]) {
        self.0.0.close(handle);
    }

    /// For how long nothing was asked or answered; none = it is over.
    pub fn idle(&self) -> Option<Duration> {
        let state = self.0.0.state();
        match (&state.over, state.waiting.is_empty()) {
            (Some(_), _) => None,
            (None, false) => Some(Duration::ZERO),
            (None, true) => Some(state.heard.elapsed()),
        }
    }
}

/// Carries requests and answers until either way ends; says why.
async fn run<S>(io: S, shared: &Shared, mut queue: mpsc::UnboundedReceiver<Vec<u8>>) -> Lost
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (read, mut write) = tokio::io::split(io);
    let mut read = BufReader::with_capacity(64 << 10, Guard::new(read));
    let answers = async {
        let mut packet = Vec::new();
        loop {
            // the guard has looked at the length: 256 KiB at most
            let length = match read.read_u32().await {
                Ok(length) => length as usize,
                Err(e) => return over(e),
            };
            packet.resize(length, 0);
            if let Err(e) = read.read_exact(&mut packet).await {
                return over(e);
            }
            if let Err(why) = shared.answered(&packet) {
                return Lost::Over(crate::text::short(&why, 200));
            }
        }
    };
    let requests = async {
        while let Some(packet) = queue.recv().await {
            let sent = async {
                write.write_all(&packet).await?;
                if queue.is_empty() { write.flush().await } else { Ok(()) }
            };
            if let Err(e) = sent.await {
                return over(e);
            }
        }
        unused()
    };
    // who asked may not wait any more, and what is on its way holds up the others all the same
    let silence = async {
        let mut since = None;
        loop {
            tokio::time::sleep(shared.patience.silent / 4).await;
            let state = shared.state();
            if state.waiting.is_empty() {
                since = None;
                continue;
            }
            let last = state.heard.max(*since.get_or_insert_with(Instant::now));
            if last.elapsed() > shared.patience.each {
                return silent();
            }
        }
    };
    tokio::select! {
        why = answers => why,
        why = requests => why,
        why = silence => why,
    }
}

fn over(e: io::Error) -> Lost {
    match e.kind() {
        io::ErrorKind::UnexpectedEof => Lost::Over("the host closed it".into()),
        io::ErrorKind::ConnectionReset => Lost::Cut(crate::text::short(&e.to_string(), 200)),
        _ => Lost::Over(crate::text::short(&e.to_string(), 200)),
    }
}
fn closed() -> Lost {
    Lost::Over("it was closed".into())
}
fn unused() -> Lost {
    Lost::Over("it is not used any more".into())
}
fn silent() -> Lost {
    Lost::Over("the host did not answer".into())
}

#[cfg(test)]
mod tests;
