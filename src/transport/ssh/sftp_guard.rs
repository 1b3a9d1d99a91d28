//! Owns the guard in front of the SFTP client: a server's packet length is checked before anything is allocated for it.
//! Leaves out the packets' insides.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most a packet from the server may have.
pub const PACKET_MOST: u32 = 256 << 10;

/// Follows packet boundaries in what is read; errors at the first length beyond the limit, for good.
pub struct Guard<S> {
    inner: S,
    /// What is left of the packet now being read.
    body: u32,
    /// The length field so far.
    head: u32,
    head_len: u8,
    broken: bool,
}

impl<S> Guard<S> {
    pub fn new(inner: S) -> Guard<S> {
        Guard { inner, body: 0, head: 0, head_len: 0, broken: false }
    }

    /// Walks over bytes that came in; false = a length beyond the limit, or none at all.
    fn follow(&mut self, mut bytes: &[u8]) -> bool {
        loop {
            let skip = bytes.len().min(self.body as usize);
            self.body -= skip as u32;
            bytes = bytes.get(skip..).unwrap_or_default();
            let Some((first, rest)) = bytes.split_first() else { return true };
            self.head = self.head << 8 | u32::from(*first);
            self.head_len += 1;
            bytes = rest;
            if self.head_len == 4 {
                self.body = std::mem::take(&mut self.head);
                self.head_len = 0;
                if self.body == 0 || self.body > PACKET_MOST {
                    return false;
                }
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        if !self.broken {
            ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
            let new = buf.filled().get(before..).unwrap_or_default();
            let this = self.as_mut().get_mut();
            this.broken = !this.follow(new);
        }
        if self.broken {
            // not even the length is handed on
            buf.set_filled(before);
            let why = "the host sent an SFTP packet with an impossible length";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, why)));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn packet(len: u32) -> Vec<u8> {
        let mut p = len.to_be_bytes().to_vec();
        p.resize(4 + len as usize, 7);
        p
    }

    #[tokio::test]
    async fn honest_packets_pass_in_any_pieces() {
        let mut all = packet(1);
        all.extend(packet(5000));
        all.extend(packet(PACKET_MOST));
        for piece in [1, 3, 4, 4096, 1 << 20] {
            let (mut server, client) = tokio::io::duplex(piece);
            let sent = all.clone();
            tokio::spawn(async move { server.write_all(&sent).await });
            let mut got = Vec::new();
            Guard::new(client).read_to_end(&mut got).await.unwrap();
            assert!(got == all, "{piece}");
        }
    }

    #[tokio::test]
    async fn a_hostile_length_ends_it() {
        for len in [0, PACKET_MOST + 1, 0x7fff_ffff, u32::MAX] {
            for piece in [1, 64] {
                let (mut server, client) = tokio::io::duplex(piece);
                tokio::spawn(async move {
                    let _ = server.write_all(&packet(9)).await;
                    let _ = server.write_all(&len.to_be_bytes()).await;
                    let _ = server.write_all(&[0; 100]).await;
                });
                let mut guard = Guard::new(client);
                let mut got = Vec::new();
                let e = guard.read_to_end(&mut got).await.unwrap_err();
                assert_eq!(e.kind(), io::ErrorKind::InvalidData, "{len:#x}");
                assert!(got.len() < 13 + 4, "the length was handed on");
                assert!(guard.read_u8().await.is_err(), "it stays broken");
            }
        }
    }

    #[tokio::test]
    async fn the_sftp_client_behind_it_gives_up() {
        let (mut server, client) = tokio::io::duplex(4096);
        tokio::spawn(async move {
            // the answer to INIT: a packet of 4 GiB
            let _ = server.write_all(&[0xff, 0xff, 0xff, 0xf0, 2, 0, 0, 0, 3]).await;
            let mut sink = Vec::new();
            let _ = server.read_to_end(&mut sink).await;
        });
        assert!(crate::transport::ssh::Sftp::start(client, "host".into()).await.is_err());
    }
}
