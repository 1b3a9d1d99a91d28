//! Owns file descriptors as streams: [`FdStream`], [`watched`], [`watched_dirs`]. Leaves out what is said on them.

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl, inotify};
use rustix::io::Errno;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

/// What is read. It is asked not to block while it is ours, and given back as it was.
#[derive(Debug)]
struct Reading {
    fd: Polled,
    /// To be restored: the open file may be shared with who started us.
    flags: OFlags,
}

#[derive(Debug)]
enum Polled {
    Waits(AsyncFd<Arc<OwnedFd>>),
    /// A plain file or /dev/null: never waits, and epoll takes none of them.
    Ready(Arc<OwnedFd>),
}

impl Reading {
    fn new(fd: Arc<OwnedFd>) -> io::Result<Reading> {
        let flags = unblock(&fd)?;
        let fd = match async_fd(fd, Interest::READABLE) {
            Ok(fd) => Polled::Waits(fd),
            Err((fd, why)) => {
                if why.raw_os_error() != Some(libc::EPERM) {
                    let _ = fcntl_setfl(&fd, flags);
                    return Err(why);
                }
                Polled::Ready(fd)
            }
        };
        Ok(Reading { fd, flags })
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match &self.fd {
            Polled::Waits(fd) => fd.get_ref().as_fd(),
            Polled::Ready(fd) => fd.as_fd(),
        }
    }

    fn poll(&self, cx: &mut Context<'_>, space: &mut [MaybeUninit<u8>]) -> Poll<io::Result<usize>> {
        let most = space.len();
        if most == 0 {
            return Poll::Ready(Ok(0));
        }
        loop {
            let mut guard = match &self.fd {
                Polled::Waits(fd) => Some(ready!(fd.poll_read_ready(cx))?),
                Polled::Ready(_) => None,
            };
            match (rustix::io::read(self.fd(), &mut *space).map(|(read, _)| read.len()), &mut guard) {
                (Err(Errno::INTR), _) => {}
                (Err(Errno::AGAIN), Some(guard)) => guard.clear_ready(),
                (done, guard) => {
                    if let (Ok(n), Some(guard)) = (&done, guard) {
                        emptied(guard, *n, most);
                    }
                    return Poll::Ready(done.map_err(io::Error::from));
                }
            }
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let _ = fcntl_setfl(self.fd(), self.flags);
    }
}

/// After a read of `n` bytes where there was room for `most`: fewer mean that no more were there, and what comes later says
/// so itself. To ask once more would be another call for each key, which on a terminal waits for the kernel's own worker.
pub fn emptied<T: AsRawFd>(guard: &mut AsyncFdReadyGuard<'_, T>, n: usize, most: usize) {
    if n > 0 && n < most {
        guard.clear_ready();
    }
}

/// What is written to.
#[derive(Debug)]
struct Writing {
    fd: Option<Arc<OwnedFd>>,
    /// Whether it takes more is asked only while it did not, and of a duplicate: a socket would else wake us each time its
    /// other side has read.
    full: Option<AsyncFd<OwnedFd>>,
    /// To be restored, where it is not what is read.
    flags: Option<OFlags>,
}

impl Writing {
    fn poll(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let fd = self.fd.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
        loop {
            let mut guard = match &self.full {
                Some(full) => Some(ready!(full.poll_write_ready(cx))?),
                None => None,
            };
            match (rustix::io::write(fd, data), &mut guard) {
                (Err(Errno::INTR), _) => {}
                (Err(Errno::AGAIN), Some(guard)) => guard.clear_ready(),
                (Err(Errno::AGAIN), None) => {
                    let again = rustix::io::fcntl_dupfd_cloexec(fd, 3)?;
                    self.full = Some(async_fd(again, Interest::WRITABLE).map_err(|e| e.1)?);
                }
                (done, _) => {
                    self.full = None;
                    return Poll::Ready(done.map_err(io::Error::from));
                }
            }
        }
    }

    fn close(&mut self) {
        self.full = None;
        if let (Some(fd), Some(flags)) = (self.fd.take(), self.flags) {
            let _ = fcntl_setfl(&fd, flags);
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.close();
    }
}

/// Its flags as they were.
fn unblock(fd: &OwnedFd) -> io::Result<OFlags> {
    let flags = fcntl_getfl(fd)?;
    fcntl_setfl(fd, flags | OFlags::NONBLOCK)?;
    Ok(flags)
}

/// A descriptor whose readiness can be awaited.
pub fn watched(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    async_fd(fd, Interest::READABLE | Interest::WRITABLE).map_err(|(_, e)| e)
}

/// Tells what happens to directories and the names in them: readable where there is an inotify event to be read.
/// Those of them that can't be read are left out.
///
/// # Errors
/// None of them can be read, or this user watches as many as the system lets it.
pub fn watched_dirs(dirs: &[impl AsRef<Path>], what: inotify::WatchFlags) -> io::Result<AsyncFd<OwnedFd>> {
    let fd = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
    let mut any = Err(Errno::NOENT);
    for dir in dirs {
        any = any.or(inotify::add_watch(&fd, dir.as_ref(), what).map(drop));
    }
    any?;
    watched(fd)
}

/// A descriptor that stays the same, and open, for as long as the value lives.
pub trait Owned: AsRawFd {}
impl Owned for OwnedFd {}
impl Owned for Arc<OwnedFd> {}

/// Registers a non-blocking descriptor with the runtime. On an error (EPERM for plain files and /dev/null) it is
/// given back.
pub fn async_fd<T: Owned>(fd: T, interest: Interest) -> Result<AsyncFd<T>, (T, io::Error)> {
    // SAFETY: what is owned is one descriptor as long as it lives, and AsyncFd drops it only after it is deregistered
    unsafe { AsyncFd::register_with_interest(fd, interest) }.map_err(|e| e.into_parts())
}

/// A stream over one descriptor (a socket, a pseudo terminal's master) or two (stdin and stdout). They are made non-blocking
/// while it lives, and then given back their flags. EIO, which a pseudo terminal says once its last user is gone,
/// reads as the end. Must be made and used inside a tokio runtime with I/O.
#[derive(Debug)]
pub struct FdStream {
    read: Reading,
    write: Writing,
}

impl FdStream {
    /// Both ways over one descriptor.
    pub fn new(fd: impl Into<OwnedFd>) -> io::Result<FdStream> {
        let fd = Arc::new(fd.into());
        let read = Reading::new(fd.clone())?;
        Ok(FdStream { read, write: Writing { fd: Some(fd), full: None, flags: None } })
    }

    /// Reads from one, writes to the other; shutting down closes the latter.
    pub fn pair(read: impl Into<OwnedFd>, write: impl Into<OwnedFd>) -> io::Result<FdStream> {
        let (read, write) = (Reading::new(Arc::new(read.into()))?, Arc::new(write.into()));
        let flags = Some(unblock(&write)?);
        Ok(FdStream { read, write: Writing { fd: Some(write), full: None, flags } })
    }

    /// This process's stdin and stdout (as duplicates).
    pub fn stdio() -> io::Result<FdStream> {
        let read = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
        let write = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
        FdStream::pair(read, write)
    }
}

impl AsyncRead for FdStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // SAFETY: what lies there is only written to
        let got = ready!(self.read.poll(cx, unsafe { buf.unfilled_mut() }));
        match got {
            Ok(n) => {
                // SAFETY: read(2) has written that many
                unsafe { buf.assume_init(n) };
                buf.advance(n);
            }
            Err(e) if e.raw_os_error() == Some(libc::EIO) => {}
            Err(e) => return Poll::Ready(Err(e)),
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for FdStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.write.poll(cx, data)
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let (Some(fd), None) = (&self.write.fd, self.write.flags) {
            // only a socket has such a half; a terminal's master says ENOTSOCK
            let _ = rustix::net::shutdown(fd, rustix::net::Shutdown::Write);
        }
        self.write.close();
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
    fn a_socket_flows_both_ways_and_ends_one_by_one() {
        runtime().block_on(async {
            let (a, b) = std::os::unix::net::UnixStream::pair().unwrap();
            let (a, b) = (FdStream::new(a).unwrap(), FdStream::new(b).unwrap());
            let (mut ar, mut aw) = tokio::io::split(a);
            let (mut br, mut bw) = tokio::io::split(b);
            let big = vec![7u8; 3_000_000];
            let echo = async {
                let mut all = Vec::new();
                br.read_to_end(&mut all).await.unwrap();
                bw.write_all(&all).await.unwrap();
                bw.shutdown().await.unwrap();
                all.len()
            };
            let ask = async {
                aw.write_all(&big).await.unwrap();
                aw.shutdown().await.unwrap();
                assert!(aw.write_all(b"x").await.is_err());
                let mut all = Vec::new();
                ar.read_to_end(&mut all).await.unwrap();
                all
            };
            let (asked, echoed) = tokio::join!(ask, echo);
            assert_eq!((asked == big, echoed), (true, big.len()));
        });
    }

    /// Pieces smaller than the buffer, each written only after the one before was read: none may be missed.
    #[test]
    fn a_short_read_does_not_miss_what_comes_next() {
        runtime().block_on(async {
            let (a, mut b) = std::os::unix::net::UnixStream::pair().unwrap();
            let mut a = FdStream::new(a).unwrap();
            let mut buf = [0; 64];
            for n in 0..1000u32 {
                std::io::Write::write_all(&mut b, &n.to_le_bytes()).unwrap();
                let got = tokio::time::timeout(std::time::Duration::from_secs(20), a.read(&mut buf)).await;
                assert_eq!(got.unwrap().unwrap(), 4);
            }
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
