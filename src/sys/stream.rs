//! Owns file descriptors as streams: [`FdStream`], [`watched`]. Leaves out what is said on them.

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

/// A descriptor that is asked not to block while it is ours, and given back as it was.
#[derive(Debug)]
struct Side {
    fd: Polled,
    /// To be restored: the open file may be shared with who started us.
    flags: OFlags,
}

#[derive(Debug)]
enum Polled {
    Waits(AsyncFd<OwnedFd>),
    /// A plain file or /dev/null: never waits, and epoll takes none of them.
    Ready(OwnedFd),
}

impl Side {
    fn new(fd: OwnedFd, interest: Interest) -> io::Result<Side> {
        let flags = fcntl_getfl(&fd)?;
        fcntl_setfl(&fd, flags | OFlags::NONBLOCK)?;
        let fd = match async_fd(fd, interest) {
            Ok(fd) => Polled::Waits(fd),
            Err((fd, why)) => {
                if why.raw_os_error() != Some(libc::EPERM) {
                    let _ = fcntl_setfl(&fd, flags);
                    return Err(why);
                }
                Polled::Ready(fd)
            }
        };
        Ok(Side { fd, flags })
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match &self.fd {
            Polled::Waits(fd) => fd.get_ref().as_fd(),
            Polled::Ready(fd) => fd.as_fd(),
        }
    }

    fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        write: bool,
        mut act: impl FnMut(BorrowedFd<'_>) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            let done = match &self.fd {
                Polled::Ready(fd) => act(fd.as_fd()),
                Polled::Waits(fd) => {
                    let mut guard = ready!(if write { fd.poll_write_ready(cx) } else { fd.poll_read_ready(cx) })?;
                    match guard.try_io(|fd| act(fd.as_fd())) {
                        Ok(done) => done,
                        Err(_would_block) => continue,
                    }
                }
            };
            match done {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                done => return Poll::Ready(done),
            }
        }
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        let _ = fcntl_setfl(self.fd(), self.flags);
    }
}

/// A descriptor whose readiness can be awaited.
pub fn watched(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    async_fd(fd, Interest::READABLE | Interest::WRITABLE).map_err(|(_, e)| e)
}

/// Registers a non-blocking descriptor with the runtime. On an error (EPERM for plain files and /dev/null) it is
/// given back.
pub fn async_fd(fd: OwnedFd, interest: Interest) -> Result<AsyncFd<OwnedFd>, (OwnedFd, io::Error)> {
    // SAFETY: an OwnedFd is one descriptor as long as it lives, and AsyncFd drops it only after it is deregistered
    unsafe { AsyncFd::register_with_interest(fd, interest) }.map_err(|e| e.into_parts())
}

/// A stream over one descriptor (a pseudo terminal's master) or two (stdin and stdout). They are made non-blocking
/// while it lives, and then given back their flags. EIO, which a pseudo terminal says once its last user is gone,
/// reads as the end. Must be made and used inside a tokio runtime with I/O.
#[derive(Debug)]
pub struct FdStream {
    read: Option<Side>,
    /// None: the same as `read`.
    write: Option<Side>,
    one: bool,
    shut: bool,
}

impl FdStream {
    /// Both ways over one descriptor.
    pub fn new(fd: impl Into<OwnedFd>) -> io::Result<FdStream> {
        let side = Side::new(fd.into(), Interest::READABLE | Interest::WRITABLE)?;
        Ok(FdStream { read: Some(side), write: None, one: true, shut: false })
    }

    /// Reads from one, writes to the other; shutting down closes the latter.
    pub fn pair(read: impl Into<OwnedFd>, write: impl Into<OwnedFd>) -> io::Result<FdStream> {
        let read = Side::new(read.into(), Interest::READABLE)?;
        let write = Side::new(write.into(), Interest::WRITABLE)?;
        Ok(FdStream { read: Some(read), write: Some(write), one: false, shut: false })
    }

    /// This process's stdin and stdout (as duplicates).
    pub fn stdio() -> io::Result<FdStream> {
        let read = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
        let write = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
        FdStream::pair(read, write)
    }

    /// The descriptor read from, for ioctls.
    pub fn read_fd(&self) -> Option<BorrowedFd<'_>> {
        self.read.as_ref().map(Side::fd)
    }

    fn writer(&self) -> io::Result<&Side> {
        let side = if self.one { self.read.as_ref() } else { self.write.as_ref() };
        side.filter(|_| !self.shut).ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }
}

impl AsyncRead for FdStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(side) = &self.read else { return Poll::Ready(Ok(())) };
        let got = ready!(side.poll(cx, false, |fd| {
            let space = buf.initialize_unfilled();
            if space.is_empty() { Ok(0) } else { Ok(rustix::io::read(fd, space)?) }
        }));
        match got {
            Ok(n) => buf.advance(n),
            Err(e) if e.raw_os_error() == Some(libc::EIO) => {}
            Err(e) => return Poll::Ready(Err(e)),
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for FdStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.writer()?.poll(cx, true, |fd| Ok(rustix::io::write(fd, data)?))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(side) = self.read.as_ref().filter(|_| self.one && !self.shut) {
            // only a socket has such a half; a terminal's master says ENOTSOCK
            let _ = rustix::net::shutdown(side.fd(), rustix::net::Shutdown::Write);
        }
        self.write = None;
        self.shut = true;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    #[test]
    fn pipes_flow_and_end() {
        runtime().block_on(async {
            let (r1, w1) = rustix::pipe::pipe().unwrap();
            let (r2, w2) = rustix::pipe::pipe().unwrap();
            let mut a = FdStream::pair(r1, w2).unwrap();
            let mut b = FdStream::pair(r2, w1).unwrap();
            let big = vec![7u8; 300_000];
            let (sent, got) = tokio::join!(
                async {
                    a.write_all(&big).await.unwrap();
                    a.shutdown().await
                },
                async {
                    let mut all = Vec::new();
                    b.read_to_end(&mut all).await.map(|_| all)
                }
            );
            sent.unwrap();
            assert_eq!(got.unwrap(), big);
            assert!(a.write_all(b"x").await.is_err());
            b.write_all(b"back").await.unwrap();
            drop(b);
            let mut text = String::new();
            a.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, "back");
        });
    }

    #[test]
    fn a_terminal_that_is_left_is_the_end() {
        runtime().block_on(async {
            use rustix::pty;
            let master = pty::openpt(pty::OpenptFlags::RDWR | pty::OpenptFlags::NOCTTY).unwrap();
            pty::unlockpt(&master).unwrap();
            let name = pty::ptsname(&master, Vec::new()).unwrap();
            let slave = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, rustix::fs::Mode::empty()).unwrap();
            let mut stream = FdStream::new(master).unwrap();
            rustix::io::write(&slave, b"hi").unwrap();
            let mut buf = [0; 16];
            assert_eq!(stream.read(&mut buf).await.unwrap(), 2);
            drop(slave);
            assert_eq!(stream.read(&mut buf).await.unwrap(), 0);
        });
    }

    #[test]
    fn files_that_never_wait() {
        runtime().block_on(async {
            let null = || std::fs::OpenOptions::new().read(true).write(true).open("/dev/null").unwrap();
            let mut stream = FdStream::pair(null(), null()).unwrap();
            assert_eq!(stream.read(&mut [0; 4]).await.unwrap(), 0);
            stream.write_all(b"gone").await.unwrap();
        });
    }

    #[test]
    fn flags_are_given_back() {
        runtime().block_on(async {
            let (r, w) = rustix::pipe::pipe().unwrap();
            let kept = r.try_clone().unwrap();
            drop(FdStream::pair(r, w).unwrap());
            assert!(!fcntl_getfl(&kept).unwrap().contains(OFlags::NONBLOCK));
        });
    }
}
