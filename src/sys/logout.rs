//! Owns what becomes of processes when their user logs out: what systemd's logind is set to do, and the way out of it,
//! a scope of one's own under a user manager that stays. Leaves out how that is said.
//!
//! Sources: logind.conf(5) KillUserProcesses, KillOnlyUsers, KillExcludeUsers; loginctl(1) enable-linger;
//! org.freedesktop.login1(5); org.freedesktop.systemd1(5) StartTransientUnit; systemd.scope(5). Measured (systemd 252):
//! with KillUserProcesses=no what a login left behind lives on, while all that is under the user manager goes with it
//! 10 s after the last logout; with lingering the user manager never goes.

use super::dbus::{Body, Bus, To};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Answers are there within milliseconds, or something is wrong there.
const ANSWER: Duration = Duration::from_millis(500);
/// A session's start is held up no longer than this.
const SCOPE: Duration = Duration::from_millis(1500);

/// Where this process stands, of what logind and systemd may end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// In a login's own scope.
    Login,
    /// Under the user's own service manager, as what desktops start.
    Manager,
    /// Neither: a system service, cron, a container; sshd without PAM. A logout is no matter of it.
    Elsewhere,
}

/// What logging out depends on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facts {
    /// systemd runs this machine.
    pub systemd: bool,
    /// logind ends this user's processes with the login (KillUserProcesses and the lists of users beside it); none = it
    /// does not say.
    pub kills: Option<bool>,
    /// The user's manager stays when nobody is logged in.
    pub lingering: bool,
    /// It can be asked for a scope.
    pub manager: bool,
    pub place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    Outlives,
    Ends,
    Unknown,
}

/// Whether there is anything to ask: elsewhere nobody ends processes at logout.
pub fn matters() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

impl Facts {
    /// As they are now; asks logind where the answer matters. Blocks for 0.5 s at most.
    pub fn look() -> Facts {
        let systemd = matters();
        let place = place(&std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default());
        let lingering = systemd && lingering();
        Facts {
            systemd,
            kills: if systemd { kills().ok() } else { Some(false) },
            lingering,
            manager: systemd && manager().is_some(),
            place,
        }
    }

    /// What becomes of a session that is started now, when its user logs out.
    pub fn fate(&self) -> Fate {
        match (self.systemd, self.place, self.lingering) {
            (false, ..) | (_, Place::Elsewhere, _) | (_, Place::Manager, true) => Fate::Outlives,
            // it gets a scope of its own
            (_, Place::Login, true) if self.manager => Fate::Outlives,
            (_, Place::Manager, false) => Fate::Ends,
            (_, Place::Login, _) => match self.kills {
                Some(true) => Fate::Ends,
                Some(false) => Fate::Outlives,
                None => Fate::Unknown,
            },
        }
    }
}

/// From /proc/self/cgroup: the line of cgroup v2, or of v1's systemd hierarchy.
fn place(cgroup: &str) -> Place {
    let path = cgroup
        .lines()
        .filter_map(|line| {
            let mut parts = line.splitn(3, ':');
            let (_, controllers) = (parts.next()?, parts.next()?);
            (controllers.is_empty() || controllers == "name=systemd").then(|| parts.next())?
        })
        .max_by_key(|path| path.len())
        .unwrap_or_default();
    let units: Vec<&str> = path.split('/').collect();
    if units.iter().any(|u| u.starts_with("user@") && u.ends_with(".service")) {
        Place::Manager
    } else if units.iter().any(|u| u.starts_with("session-") && u.ends_with(".scope")) {
        Place::Login
    } else {
        Place::Elsewhere
    }
}

fn lingering() -> bool {
    // what `loginctl enable-linger` makes, and logind goes by
    super::passwd()
        .is_some_and(|me| !me.name.contains('/') && Path::new("/var/lib/systemd/linger").join(me.name).exists())
}

/// The bus of this user's own service manager.
fn manager() -> Option<PathBuf> {
    let uid = rustix::process::geteuid().as_raw();
    Some(PathBuf::from(format!("/run/user/{uid}/bus"))).filter(|bus| bus.exists())
}

fn kills() -> io::Result<bool> {
    let logind = |member| To {
        destination: "org.freedesktop.login1",
        path: "/org/freedesktop/login1",
        interface: "org.freedesktop.login1.Manager",
        member,
    };
    let until = Instant::now() + ANSWER;
    let mut bus = Bus::connect(Path::new("/run/dbus/system_bus_socket"), None, until)?;
    if !bus.property(&logind("KillUserProcesses"))?.flag()? {
        return Ok(false);
    }
    let me = super::passwd().map(|me| me.name).unwrap_or_default();
    let only = bus.property(&logind("KillOnlyUsers"))?.strings()?;
    let except = bus.property(&logind("KillExcludeUsers"))?.strings()?;
    Ok((only.is_empty() || only.contains(&me)) && !except.contains(&me))
}

/// Moves this process into a scope of its own under the user's manager, where that outlives a logout: what it starts from
/// then on is there too. True = it is there; false = there is no reason to.
///
/// # Errors
/// The manager can't be asked, or does not within 1.5 s. Then this process stands where it stood.
pub fn own_scope(id: &str) -> io::Result<bool> {
    if !matters() || !lingering() {
        return Ok(false);
    }
    let here = || place_of_self();
    if here() == Place::Elsewhere {
        return Ok(false);
    }
    let Some(bus) = manager() else { return Err(io::ErrorKind::NotFound.into()) };
    let until = Instant::now() + SCOPE;
    let mut bus = Bus::connect(&bus, Some(rustix::process::geteuid().as_raw()), until)?;
    let name = format!("thub-session-{id}.scope");
    // older managers do not know all that is wished: OOMPolicy of a scope came with systemd 253, CollectMode with 236
    let wishes: [&[(&str, &str)]; 3] = [
        &[("CollectMode", "inactive-or-failed"), ("OOMPolicy", "continue")],
        &[("CollectMode", "inactive-or-failed")],
        &[],
    ];
    let mut asked = Err(io::ErrorKind::Unsupported.into());
    for wish in wishes {
        asked = start_scope(&mut bus, &name, id, wish);
        if asked.is_ok() {
            break;
        }
    }
    asked?;
    // it is a job of the manager's, done a moment later
    while Instant::now() < until {
        if std::fs::read_to_string("/proc/self/cgroup").is_ok_and(|c| c.contains(&name)) {
            return Ok(true);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(io::ErrorKind::TimedOut.into())
}

fn place_of_self() -> Place {
    place(&std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default())
}

fn start_scope(bus: &mut Bus, name: &str, id: &str, wish: &[(&str, &str)]) -> io::Result<()> {
    let mut body = Body::default();
    body.string(name);
    body.string("fail");
    let description = format!("thub session {id}");
    body.array(8, |all| {
        for (key, value) in [("Description", description.as_str())].iter().chain(wish) {
            all.align(8);
            all.string(key);
            all.signature("s");
            all.string(value);
        }
        all.align(8);
        all.string("PIDs");
        all.signature("au");
        all.array(4, |pids| pids.u32(std::process::id()));
    });
    body.array(8, |_| {});
    let to = To {
        destination: "org.freedesktop.systemd1",
        path: "/org/freedesktop/systemd1",
        interface: "org.freedesktop.systemd1.Manager",
        member: "StartTransientUnit",
    };
    bus.call(&to, "ssa(sv)a(sa(sv))", &body).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let v2 = |path: &str| place(&format!("9:name=systemd:/\n4:memory:/a\n0::{path}\n"));
        assert_eq!(v2("/user.slice/user-1000.slice/session-3.scope"), Place::Login);
        assert_eq!(v2("/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope"), Place::Manager);
        assert_eq!(v2("/system.slice/ssh.service"), Place::Elsewhere);
        assert_eq!(v2("/"), Place::Elsewhere);
        let v1 = "2:memory:/user.slice\n1:name=systemd:/user.slice/user-0.slice/session-c1.scope\n0::/\n";
        assert_eq!(place(v1), Place::Login);
        assert_eq!(place(""), Place::Elsewhere);
    }

    #[test]
    fn fates() {
        let facts = |kills, lingering| Facts { systemd: true, kills, lingering, manager: true, place: Place::Login };
        assert_eq!(facts(Some(false), false).fate(), Fate::Outlives);
        assert_eq!(facts(Some(false), true).fate(), Fate::Outlives);
        assert_eq!(facts(Some(true), false).fate(), Fate::Ends);
        assert_eq!(facts(Some(true), true).fate(), Fate::Outlives, "in a scope of its own");
        assert_eq!(facts(None, false).fate(), Fate::Unknown);
        let yes = facts(Some(true), true);
        assert_eq!(Facts { manager: false, ..yes }.fate(), Fate::Ends, "no scope to be had");
        assert_eq!(Facts { place: Place::Manager, ..yes }.fate(), Fate::Outlives);
        let no = facts(Some(false), false);
        assert_eq!(Facts { place: Place::Manager, ..no }.fate(), Fate::Ends, "it goes with the user's manager");
        let no = facts(Some(true), false);
        assert_eq!(Facts { place: Place::Elsewhere, ..no }.fate(), Fate::Outlives);
        assert_eq!(Facts { systemd: false, ..no }.fate(), Fate::Outlives);
    }
}
