//! Owns the engine's streams, byte for byte: a hijacked connection (a terminal), or an answer's body (logs, an archive).
//! Leaves out what they are of.
//!
//! The library that asks all else reads such streams by guessing: bytes 0, 1 and 2 at the beginning of a piece would be a
//! frame's, whatever a terminal has sent. Here who asks knows which it is.

use super::engine;
use crate::proto::control::Fault;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, UPGRADE};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadHalf, WriteHalf};
use tokio::net::UnixStream;

/// The first word of an answer.
const ANSWER: Duration = Duration::from_secs(60);
/// Of an error's words, so many bytes are read.
const WORDS: usize = 16 << 10;
/// A frame of output is read in pieces no longer than that, whatever length it says it has.
const PIECE: usize = 32 << 10;

/// What is asked.
pub struct Ask<'a> {
    /// As in "starting web".
    pub doing: &'a str,
    pub method: Method,
    /// Behind the API's version: `/exec/ID/start`.
    pub path: String,
    /// JSON; none = no body.
    pub json: Option<String>,
    /// The connection becomes the stream.
    pub hijack: bool,
}

/// What comes; with what can be sent where it was hijacked.
pub enum Stream {
    Hijacked(ReadHalf<TokioIo<hyper::upgrade::Upgraded>>, WriteHalf<TokioIo<hyper::upgrade::Upgraded>>),
    Body(Response<Incoming>),
}

type Sent = BoxBody<Bytes, Infallible>;

/// Sends a request on a connection of its own, which goes with the stream.
pub async fn stream(socket: &Path, prefix: &str, ask: Ask<'_>) -> Result<Stream, Fault> {
    let Ask { doing, method, path, json, hijack } = ask;
    let gone = |e: &dyn std::fmt::Display| Fault::new(Fault::GONE, format!("{doing}: the engine is gone ({e})"));
    let asked = async {
        let io = UnixStream::connect(socket).await.map_err(|e| gone(&e))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake::<_, Sent>(TokioIo::new(io)).await.map_err(|e| gone(&e))?;
        tokio::spawn(connection.with_upgrades());
        let mut request = Request::builder().method(method).uri(format!("{prefix}{path}")).header(HOST, "docker");
        if hijack {
            request = request.header(CONNECTION, "Upgrade").header(UPGRADE, "tcp");
        }
        if json.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = Full::new(Bytes::from(json.unwrap_or_default())).boxed();
        let request = request.body(body).map_err(|e| Fault::new(Fault::BAD_PARAMS, format!("{doing}: {e}")))?;
        let response = sender.send_request(request).await.map_err(|e| gone(&e))?;
        match response.status() {
            StatusCode::SWITCHING_PROTOCOLS if hijack => {
                let upgraded = hyper::upgrade::on(response).await.map_err(|e| gone(&e))?;
                let (read, write) = tokio::io::split(TokioIo::new(upgraded));
                Ok(Stream::Hijacked(read, write))
            }
            status if status.is_success() && !hijack => Ok(Stream::Body(response)),
            status => Err(engine::said(doing, status.as_u16(), &words(response.into_body()).await)),
        }
    };
    match tokio::time::timeout(ANSWER, asked).await {
        Ok(stream) => stream,
        Err(_) => Err(Fault::new(Fault::TIMEOUT, format!("{doing}: the engine does not answer"))),
    }
}

/// What an engine says to one question (GET), whole. Errors: as it says, GONE it went, FULL it says too much.
pub async fn whole(io: UnixStream, path: &str, doing: &str, most: usize) -> Result<Vec<u8>, Fault> {
    let gone = |e: &dyn std::fmt::Display| Fault::new(Fault::GONE, format!("{doing}: the engine is gone ({e})"));
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake::<_, Sent>(TokioIo::new(io)).await.map_err(|e| gone(&e))?;
    tokio::spawn(connection);
    let request = Request::get(path).header(HOST, "docker").body(Full::default().boxed());
    let request = request.map_err(|e| Fault::new(Fault::BAD_PARAMS, format!("{doing}: {e}")))?;
    let response = sender.send_request(request).await.map_err(|e| gone(&e))?;
    let status = response.status();
    let mut body = response.into_body();
    if !status.is_success() {
        return Err(engine::said(doing, status.as_u16(), &words(body).await));
    }
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        all.extend_from_slice(frame.map_err(|e| gone(&e))?.data_ref().map_or(&[][..], |b| b));
        if all.len() > most {
            return Err(Fault::new(Fault::FULL, format!("{doing}: the engine says more than can be taken in")));
        }
    }
    Ok(all)
}

/// What it has said, read.
pub fn read<T: serde::de::DeserializeOwned>(doing: &str, said: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(said)
        .map_err(|e| Fault::new(Fault::SPAWN, format!("{doing}: the engine says what is not understood ({e})")))
}

/// Sends a tar archive (PUT), to its end.
pub async fn send(
    socket: &Path,
    prefix: &str,
    doing: &str,
    path: String,
    mut archive: Box<dyn AsyncRead + Send + Unpin>,
) -> Result<(), Fault> {
    let gone = |e: &dyn std::fmt::Display| Fault::new(Fault::GONE, format!("{doing}: the engine is gone ({e})"));
    let io = UnixStream::connect(socket).await.map_err(|e| gone(&e))?;
    let body = http_body_util::StreamBody::new(futures_util::stream::poll_fn(move |cx| {
        let mut piece = vec![0; PIECE];
        let mut buf = tokio::io::ReadBuf::new(&mut piece);
        match std::pin::Pin::new(&mut archive).poll_read(cx, &mut buf) {
            std::task::Poll::Pending => std::task::Poll::Pending,
            std::task::Poll::Ready(Err(e)) => std::task::Poll::Ready(Some(Err(e))),
            std::task::Poll::Ready(Ok(())) => {
                let n = buf.filled().len();
                piece.truncate(n);
                std::task::Poll::Ready((n > 0).then(|| Ok(hyper::body::Frame::data(Bytes::from(piece)))))
            }
        }
    }));
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(io)).await.map_err(|e| gone(&e))?;
    let carried = tokio::spawn(connection);
    let request =
        Request::put(format!("{prefix}{path}")).header(HOST, "docker").header(CONTENT_TYPE, "application/x-tar");
    let request = request.body(body).map_err(|e| Fault::new(Fault::BAD_PARAMS, format!("{doing}: {e}")))?;
    let response = sender.send_request(request).await.map_err(|e| gone(&e));
    let done = match response {
        Ok(response) if response.status().is_success() => Ok(()),
        Ok(response) => Err(engine::said(doing, response.status().as_u16(), &words(response.into_body()).await)),
        Err(fault) => Err(fault),
    };
    carried.abort();
    done
}

/// What an engine says in its error: `{"message": "…"}`.
async fn words(mut body: Incoming) -> String {
    let mut all = Vec::new();
    while all.len() < WORDS
        && let Some(Ok(frame)) = body.frame().await
    {
        all.extend_from_slice(frame.data_ref().map_or(&[][..], |b| b));
    }
    #[derive(serde::Deserialize)]
    struct Said {
        message: String,
    }
    all.truncate(WORDS);
    serde_json::from_slice::<Said>(&all)
        .map_or_else(|_| String::from_utf8_lossy(&all).into_owned(), |said| said.message)
}

impl Stream {
    /// The two directions; what a body has is only read.
    pub fn split(self) -> (Box<dyn AsyncRead + Send + Unpin>, Option<Box<dyn AsyncWrite + Send + Unpin>>) {
        match self {
            Stream::Hijacked(read, write) => (Box::new(read), Some(Box::new(write))),
            Stream::Body(response) => {
                let (ours, mut theirs) = tokio::io::duplex(2 * PIECE);
                let mut body = response.into_body();
                tokio::spawn(async move {
                    use tokio::io::AsyncWriteExt;
                    while let Some(Ok(frame)) = body.frame().await {
                        if let Some(bytes) = frame.data_ref()
                            && theirs.write_all(bytes).await.is_err()
                        {
                            return;
                        }
                    }
                });
                (Box::new(ours), None)
            }
        }
    }
}

/// Output as it comes: as it is (a terminal's), or in frames that say which of the two it is (a program without one).
pub struct Output {
    from: Box<dyn AsyncRead + Send + Unpin>,
    framed: bool,
    /// Of the frame that is being read.
    left: u32,
    errors: bool,
    /// Nothing of it was read yet.
    fresh: bool,
}

/// A piece of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// So many bytes, of standard error or not; `fresh` where they begin a frame, `whole` where they end one.
    Some {
        n: usize,
        error: bool,
        fresh: bool,
        whole: bool,
    },
    End,
}

impl Output {
    pub fn new(from: Box<dyn AsyncRead + Send + Unpin>, framed: bool) -> Output {
        Output { from, framed, left: 0, errors: false, fresh: false }
    }

    pub fn is_framed(&self) -> bool {
        self.framed
    }

    /// The next bytes, in `buf`'s beginning. What ends in a frame's middle has ended. Not to be dropped half done.
    pub async fn next(&mut self, buf: &mut [u8]) -> std::io::Result<Piece> {
        if !self.framed {
            let n = self.from.read(buf).await?;
            return Ok(if n == 0 { Piece::End } else { Piece::Some { n, error: false, fresh: false, whole: false } });
        }
        while self.left == 0 {
            let mut head = [0; 8];
            match self.from.read_exact(&mut head).await {
                Ok(_) => {}
                Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(Piece::End),
                Err(e) => return Err(e),
            }
            let [kind, .., a, b, c, d] = head;
            if kind > 3 {
                return Err(std::io::Error::other("the engine sends what is no frame"));
            }
            // (3 is the engine's own word on what went wrong)
            self.errors = kind >= 2;
            self.left = u32::from_be_bytes([a, b, c, d]);
            self.fresh = true;
        }
        let most = buf.len().min(PIECE).min(self.left as usize);
        let n = self.from.read(&mut buf[..most]).await?;
        self.left -= n as u32;
        if n == 0 {
            return Ok(Piece::End);
        }
        let fresh = std::mem::take(&mut self.fresh);
        Ok(Piece::Some { n, error: self.errors, fresh, whole: self.left == 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &'static [u8], framed: bool) -> Output {
        Output::new(Box::new(bytes), framed)
    }

    async fn all(mut output: Output, at_once: usize) -> std::io::Result<(Vec<u8>, Vec<u8>)> {
        let (mut out, mut err, mut buf) = (Vec::new(), Vec::new(), vec![0; at_once]);
        while let Piece::Some { n, error, .. } = output.next(&mut buf).await? {
            if error { &mut err } else { &mut out }.extend_from_slice(&buf[..n]);
        }
        Ok((out, err))
    }

    #[tokio::test]
    async fn a_terminal_s_bytes_are_what_they_are() {
        let bytes = b"\x00\x00\x00\x00\xff\xff\xff\xffabc\x01\x02";
        assert_eq!(all(of(bytes, false), 64).await.unwrap().0, bytes);
    }

    #[tokio::test]
    async fn frames() {
        let bytes = b"\x01\0\0\0\0\0\0\x03abc\x02\0\0\0\0\0\0\x02no\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\x01d";
        for at_once in [1, 2, 64] {
            assert_eq!(all(of(bytes, true), at_once).await.unwrap(), (b"abcd".to_vec(), b"no".to_vec()));
        }
        // cut, and long beyond belief
        assert_eq!(all(of(b"\x01\0\0\0\0\0\0\x09abc", true), 64).await.unwrap().0, b"abc");
        assert_eq!(all(of(b"\x01\0\0\0\xff\xff\xff\xffabc", true), 64).await.unwrap().0, b"abc");
        assert_eq!(all(of(b"\x01\0\0", true), 64).await.unwrap().0, b"");
        assert!(all(of(b"hello, I am no frame", true), 64).await.is_err());
    }
}
