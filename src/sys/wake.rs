//! Owns the news that the way to other machines may be another: this machine slept, or its network changed.
//! Leaves out what is done then. Linux alone; elsewhere there is no news.
//!
//! Sources: timerfd_create(2) TFD_TIMER_CANCEL_ON_SET (cancelled when the clock is set, and by the kernel's
//! `timerfd_resume` after sleep); rtnetlink(7) and netlink(7).

#[cfg(target_os = "linux")]
pub use linux::Wake;
#[cfg(not(target_os = "linux"))]
pub use other::Wake;

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    Slept,
    Network,
}

#[cfg(target_os = "linux")]
mod linux {
    use super::Why;
    use rustix::net::netlink::SocketAddrNetlink;
    use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};
    use rustix::time::{
        ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime, timerfd_create,
        timerfd_settime,
    };
    use std::io;
    use std::os::fd::OwnedFd;
    use std::time::Duration;
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    /// rtnetlink(7): RTMGRP_IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE.
    const GROUPS: u32 = 0x10 | 0x40 | 0x100 | 0x400;
    /// RTM_NEWADDR, DELADDR, NEWROUTE, DELROUTE.
    const NEWS: [u16; 4] = [20, 21, 24, 25];
    /// Of these, one that is only refreshed is no news.
    const RTM_NEWROUTE: u16 = 24;
    const NLM_F_REPLACE: u16 = 0x100;
    /// The clock was set by hand where less than this was slept.
    const NAP: Duration = Duration::from_millis(500);

    pub struct Wake {
        timer: Option<AsyncFd<OwnedFd>>,
        routes: Option<AsyncFd<OwnedFd>>,
        asleep: Duration,
    }

    impl Wake {
        /// Listens as far as the system lets us. Must be made inside a tokio runtime with I/O.
        pub fn listen() -> Wake {
            Wake { timer: timer().ok(), routes: routes().ok(), asleep: asleep() }
        }

        /// The next piece of news. Cancel-safe.
        pub async fn next(&mut self) -> Why {
            loop {
                tokio::select! {
                    () = readable(&mut self.timer, cancelled) => {
                        let before = std::mem::replace(&mut self.asleep, asleep());
                        if self.asleep.saturating_sub(before) >= NAP {
                            return Why::Slept;
                        }
                    }
                    () = readable(&mut self.routes, changed) => return Why::Network,
                }
            }
        }
    }

    /// Waits until `look` finds something in what can be read; never, where it can't be listened to.
    async fn readable(fd: &mut Option<AsyncFd<OwnedFd>>, look: impl Fn(&OwnedFd) -> io::Result<bool>) {
        while let Some(open) = fd {
            let Ok(mut ready) = open.readable().await else { break };
            match ready.try_io(|fd| look(fd.get_ref())) {
                Ok(Ok(true)) => return,
                Ok(Ok(false)) | Err(_) => {}
                Ok(Err(_)) => break,
            }
        }
        *fd = None;
        std::future::pending().await
    }

    /// Time this machine slept since it was booted.
    fn asleep() -> Duration {
        let of = |clock| {
            let t = clock_gettime(clock);
            Duration::new(t.tv_sec.unsigned_abs(), t.tv_nsec.unsigned_abs() as u32)
        };
        of(ClockId::Boottime).saturating_sub(of(ClockId::Monotonic))
    }

    /// A timer that never ends by itself, but is cancelled when the clock jumps.
    fn timer() -> io::Result<AsyncFd<OwnedFd>> {
        let fd = timerfd_create(TimerfdClockId::Realtime, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        set(&fd)?;
        crate::sys::async_fd(fd, Interest::READABLE).map_err(|(_, e)| e)
    }

    fn set(fd: &OwnedFd) -> io::Result<()> {
        let never = Timespec { tv_sec: i64::from(i32::MAX) * 4, tv_nsec: 0 };
        let spec = Itimerspec { it_interval: Timespec::default(), it_value: never };
        timerfd_settime(fd, TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET, &spec)?;
        Ok(())
    }

    fn cancelled(fd: &OwnedFd) -> io::Result<bool> {
        let mut count = [0u8; 8];
        match rustix::io::read(fd, &mut count) {
            Err(rustix::io::Errno::CANCELED) => set(fd).map(|()| true),
            Err(e) => Err(e.into()),
            Ok(_) => Ok(false),
        }
    }

    fn routes() -> io::Result<AsyncFd<OwnedFd>> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?; // (NETLINK_ROUTE is 0)
        bind(&fd, &SocketAddrNetlink::new(0, GROUPS))?;
        crate::sys::async_fd(fd, Interest::READABLE).map_err(|(_, e)| e)
    }

    fn changed(fd: &OwnedFd) -> io::Result<bool> {
        let mut buf = [0u8; 16 << 10];
        match recv(fd, &mut buf, RecvFlags::empty()) {
            Ok((n, _)) => Ok(is_news(buf.get(..n).unwrap_or_default())),
            // more came than the queue holds
            Err(rustix::io::Errno::NOBUFS) => Ok(true),
            Err(e) => Err(e.into()),
        }
    }

    /// Headers of netlink messages: length u32, type u16, flags u16, sequence u32, sender u32.
    fn is_news(mut bytes: &[u8]) -> bool {
        while let Some((&[a, b, c, d, e, f, g, h], _)) = bytes.split_first_chunk::<8>() {
            let long = u32::from_ne_bytes([a, b, c, d]) as usize;
            let (kind, flags) = (u16::from_ne_bytes([e, f]), u16::from_ne_bytes([g, h]));
            if NEWS.contains(&kind) && !(kind == RTM_NEWROUTE && flags & NLM_F_REPLACE != 0) {
                return true;
            }
            bytes = bytes.get(long.max(16).next_multiple_of(4)..).unwrap_or_default();
        }
        false
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[tokio::test(flavor = "current_thread")]
        async fn it_listens() {
            let mut wake = Wake::listen();
            assert!(wake.timer.is_some());
            // nothing happens, and nothing is said (the network of whoever runs this may change, which is news)
            let said = tokio::time::timeout(Duration::from_millis(30), wake.next()).await;
            assert_ne!(said, Ok(Why::Slept));
            assert!(wake.timer.is_some());
        }

        #[test]
        fn news_among_messages() {
            let message = |kind: u16, flags: u16, more: usize| {
                let mut m = ((16 + more) as u32).to_ne_bytes().to_vec();
                m.extend(kind.to_ne_bytes());
                m.extend(flags.to_ne_bytes());
                m.resize((16 + more).next_multiple_of(4), 0);
                m
            };
            assert!(is_news(&message(20, 0, 0)));
            assert!(!is_news(&message(16, 0, 4)));
            assert!(is_news(&[message(16, 0, 5), message(25, 0, 0)].concat()));
            assert!(!is_news(&message(RTM_NEWROUTE, NLM_F_REPLACE, 0)));
            assert!(!is_news(&[0; 7]) && !is_news(&[0; 64]) && !is_news(&[]));
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    pub struct Wake {}

    impl Wake {
        pub fn listen() -> Wake {
            Wake {}
        }
        pub async fn next(&mut self) -> super::Why {
            std::future::pending().await
        }
    }
}
