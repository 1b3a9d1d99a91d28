//! Owns how a session comes to stand: its name, its program's shell and environment, its place in the run dir.
//! Leaves out the process it stands in (`mod.rs`) and what it does from then on.

use super::clients::{Applied, Policy};
use super::encoding::Encoding;
use super::lent::Lent;
use super::marks::Commands;
use super::ring::{self, Ring};
use super::{NAMES, Session, internal};
use crate::backend::{Backend, bridge, channel, docker, pty, serial, telnet};
use crate::paths::Paths;
use crate::proto::control::*;
use crate::proto::hello;
use crate::proto::ids::{SessionId, Size, TargetId, check_name};
use crate::proto::spawn::{DeviceSpec, From, Spec};
use crate::store;
use crate::store::rundir::{Entry, Record, RunDir};
use crate::sys;
use crate::term::engine::Engine;
use crate::term::screen::Colors;
use rustix::process::Signal;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::time::{Duration, SystemTime};

/// TERM inside, where nobody says otherwise.
const TERM: &str = "xterm-256color";
/// A target process opens a channel within this: less than an agent waits for a session to stand.
const CHANNEL: Duration = Duration::from_secs(8);

impl Session {
    pub(super) fn start(
        id: SessionId,
        spec: Spec,
        runtime: &tokio::runtime::Runtime,
    ) -> Result<(Session, std::os::unix::net::UnixListener), Fault> {
        sys::own::stand_alone();
        sys::umask(0o077);
        // no keys are held here: the user's own limit holds again
        if let Some(core) = spec.core {
            let _ = sys::core_limit(u64::try_from(core).ok());
        }
        // where that outlives a logout; else it stays where it is
        if let Err(e) = sys::logout::own_scope(id.as_str()) {
            tracing::warn!(error = %e, "no scope of its own");
        }
        let paths = Paths::from_env().map_err(|f| Fault::new(Fault::INTERNAL, f.to_string()))?;
        let run = RunDir::open(&paths).map_err(|f| Fault::new(Fault::REFUSED, f.to_string()))?;
        let cwd = spec.directory();
        let create = spec.create;
        let size = create.size.unwrap_or(Size::new(80, 24));
        if !size.is_valid() {
            return Err(Fault::new(Fault::BAD_PARAMS, format!("{size} is no size for a screen")));
        }
        let policy = match &create.size_policy {
            None => Policy::Latest,
            Some(p) => Policy::parse(p).ok_or_else(|| {
                Fault::new(Fault::BAD_PARAMS, "the size policy is one of latest, smallest, largest, fixed")
            })?,
        };
        let ring = Ring::new(create.ring.unwrap_or(ring::DEFAULT));
        // what has to be reached first may take seconds, in which nobody else's place is held up
        let place = |again| place_for(&run, &id, create.name.as_deref(), again);
        let is_far = create.target.is_some() || spec.from.device.is_some();
        let mut held_place = match &create.name {
            Some(name) if is_far => check_free(&run, name, None).map(|()| None)?,
            _ => place(false)?,
        };
        let shell = shell(spec.shell);
        let from = spec.from;
        let mut command: Vec<OsString> = create.command.iter().map(OsString::from).collect();
        if let Some(line) = &from.line {
            command = vec![shell.clone(), "-c".into(), line.into()];
        }
        let now = SystemTime::now();
        let mut info = SessionInfo {
            id: id.to_string(),
            name: create.name.clone().unwrap_or_default(),
            kind: "shell".into(),
            state: "detached".into(),
            created_at: sys::rfc3339(now),
            created_ms: sys::unix_ms(now),
            created_up: Some(sys::boot_ms()),
            cols: size.cols,
            rows: size.rows,
            command: if let Some(line) = &from.line {
                let mut words = vec![line.clone()];
                crate::text::shorten_words(&mut words, 4096);
                words
            } else if create.command.is_empty() {
                vec![shell.to_string_lossy().into_owned()]
            } else {
                // to be shown: a script of many pages would fill every list
                let mut words = create.command.clone();
                crate::text::shorten_words(&mut words, 4096);
                words
            },
            cwd: spec.cwd.clone(),
            pid: std::process::id(),
            root: rustix::process::geteuid().is_root(),
            ..SessionInfo::default()
        };
        if !from.connection_id.is_empty() {
            info.connection.clone_from(&from.connection);
            info.connection_id.clone_from(&from.connection_id);
        }
        let (lent, variables) = if create.target.is_some() || from.device.is_some() {
            Default::default()
        } else {
            Lent::start(&run, id.as_str())
        };
        let mut env = environment(&id, &spec.host, create.term.as_deref(), &cwd);
        env.retain(|(k, _)| !variables.iter().any(|(set, _)| set == k));
        env.extend(variables);
        // its user's own word goes before ours
        env.retain(|(k, _)| !from.env.iter().any(|(set, _)| OsString::from(set) == *k));
        env.extend(from.env.iter().map(|(k, v)| (k.into(), v.into())));
        let mut encoding = from.encoding.as_deref().and_then(Encoding::named);
        let pty = match &create.target {
            _ if let Some(device) = from.device.clone() => {
                let bridge = bridged(&paths, &id, device.clone(), &create, from.told.clone(), runtime)?;
                info = of_device(info, &device, &bridge, &create);
                Backend::Bridge(bridge)
            }
            Some(target) => {
                let channel = far(&run, target, &create, &from, size, runtime)?;
                let command = !create.command.is_empty() || from.line.is_some();
                info = of_channel(info, target, channel.host(), command, &from.connection);
                Backend::Channel(channel)
            }
            None => {
                let utf8 = encoding.is_none();
                let program =
                    pty::Program { command, env, shell, login: spec.login, cwd, size, umask: spec.umask, utf8 };
                Backend::Pty(near(program).inspect_err(|_| run.withdraw(&id))?)
            }
        };
        let record = Record {
            version: 1,
            machine: run.machine().to_string(),
            boot: run.boot().to_string(),
            start_time: sys::process_start_time(std::process::id() as i32).unwrap_or(0),
            info,
        };
        if is_far {
            held_place = place(from.told.is_some()).inspect_err(|_| pty.signal(Signal::KILL))?;
        }
        let publish = || -> io::Result<_> {
            let held = run.publish(&record)?;
            let listener = bind(&run, &id)?;
            Ok((held, listener))
        };
        let (held, listener) = publish().map_err(|e| {
            pty.signal(Signal::KILL);
            run.withdraw(&id);
            Fault::new(Fault::INTERNAL, format!("the session can't be put into the run dir: {e}"))
        })?;
        drop(held_place);
        let mut typed = from.typed.map(|line| format!("{line}\r").into_bytes()).unwrap_or_default();
        if let Some(encoding) = &mut encoding {
            let text = std::mem::take(&mut typed);
            encoding.input(&text, &mut typed);
        }
        let session = Session {
            id,
            record,
            paths,
            run,
            held,
            pty,
            ring,
            engine: Engine::with_history(size, spec.history),
            queue: typed,
            queued: 0,
            conns: HashMap::new(),
            applied: Applied::default(),
            searched: 0,
            commands: Commands::default(),
            time: sys::Steady::default(),
            began_ms: sys::boot_ms(),
            size,
            policy,
            pinned: false,
            // (what a client has of a session of this id that is lost was of none of these)
            resizes: sys::unix_ms(now) << 16,
            flags: u8::MAX,
            bells: 0,
            activity: 0,
            ended: None,
            killed: false,
            kill_at: None,
            acks_at: None,
            closing: Vec::new(),
            snapshot: Vec::new(),
            colors: Colors::default(),
            foreground: None,
            lent,
            encoding,
        };
        Ok((session, listener))
    }
}

fn near(program: pty::Program) -> Result<pty::Pty, Fault> {
    pty::spawn(program).map_err(|e| {
        let said = format!("{e:#}");
        Fault::new(Fault::SPAWN, crate::text::short(said.lines().next().unwrap_or_default(), 300))
    })
}

/// A channel of a target process. Whoever wants the session has made the target connect: no question comes up here.
fn far(
    run: &RunDir,
    target: &TargetId,
    create: &SessionCreate,
    from: &From,
    size: Size,
    runtime: &tokio::runtime::Runtime,
) -> Result<channel::Channel, Fault> {
    let socket = store::target::connect(run, target).map_err(|e| {
        Fault::new(Fault::GONE, format!("the process that holds the SSH connection can't be reached: {e}"))
    })?;
    let open = ChannelOpen {
        kind: if create.command.is_empty() && from.line.is_none() { "shell".into() } else { "exec".into() },
        command: create.command.clone(),
        line: from.line.clone(),
        term: create.term.clone().unwrap_or_else(|| TERM.into()),
        cols: size.cols,
        rows: size.rows,
        env: [("COLORTERM".to_string(), "truecolor".to_string())].into_iter().chain(from.env.clone()).collect(),
        ..ChannelOpen::default()
    };
    runtime.block_on(channel::open(socket, open, CHANNEL)).map_err(|f| match f.code {
        Fault::TIMEOUT => Fault::new(
            Fault::TIMEOUT,
            format!("the host opened no channel within {} s: its connection is slow, or gone", CHANNEL.as_secs()),
        ),
        Fault::GONE => Fault::new(Fault::GONE, "the process that holds the SSH connection went away"),
        _ => f,
    })
}

/// A serial port, a container, a telnet host.
fn bridged(
    paths: &Paths,
    id: &SessionId,
    device: DeviceSpec,
    create: &SessionCreate,
    told: Option<String>,
    runtime: &tokio::runtime::Runtime,
) -> Result<bridge::Bridge, Fault> {
    let term = create.term.as_deref().unwrap_or(TERM);
    let size = create.size.unwrap_or(Size::new(80, 24));
    match device {
        DeviceSpec::Serial(port) => {
            // (both are asked again whenever it has to be opened anew, for as long as the session lives)
            let named = {
                let paths = paths.clone();
                move |id: &str| match RunDir::open(&paths).ok()?.entry(&id.parse().ok()?)? {
                    Entry::Alive(record) => Some(record.info.label().to_string()),
                    _ => None,
                }
            };
            let way = create.target.clone().map(|target| {
                let paths = paths.clone();
                let reach = move || {
                    let run = RunDir::open(&paths).map_err(|f| io::Error::other(f.to_string()))?;
                    store::target::connect(&run, &target)
                };
                Box::new(reach) as serial::Way
            });
            let home = paths.home().to_path_buf();
            runtime.block_on(serial::open(port, serial::Opening { size, told, home, sessions: Box::new(named), way }))
        }
        DeviceSpec::Docker(docker) => {
            let name = docker::made_name(id.as_str());
            runtime.block_on(docker::open(docker, size, term, &name))
        }
        DeviceSpec::Telnet(telnet) => runtime.block_on(telnet::open(telnet, size, term)),
    }
}

/// What a list says of a session that is connected to something in a program's stead.
fn of_device(
    mut info: SessionInfo,
    device: &DeviceSpec,
    bridge: &bridge::Bridge,
    create: &SessionCreate,
) -> SessionInfo {
    let now = bridge.device().borrow().clone();
    info.kind = device.kind().into();
    info.command = vec![now.what.clone()];
    info.device = Some(Box::new(now));
    info.root = false;
    info.cwd = String::new();
    info.target = create.target.as_ref().map(ToString::to_string).unwrap_or_default();
    info
}

/// What a list says of a session without a program of its own: whom it is a channel to.
fn of_channel(mut info: SessionInfo, target: &TargetId, host: &str, command: bool, connection: &str) -> SessionInfo {
    info.root = host.starts_with("root@");
    let words = ["ssh".to_string(), host.to_string()];
    let command = if command { info.command } else { Vec::new() };
    info.command = words.into_iter().chain(command).collect();
    info.kind = "ssh".into();
    info.connection = if connection.is_empty() { host.to_string() } else { connection.to_string() };
    info.cwd = String::new();
    info.target = target.to_string();
    info
}

/// Holds the names until a new session is among them; one without a name is in nobody's way. `again` = it has the id of one
/// that was lost, which another agent may have begun again meanwhile.
fn place_for(run: &RunDir, id: &SessionId, name: Option<&str>, again: bool) -> Result<Option<File>, Fault> {
    if name.is_none() && !again {
        return Ok(None);
    }
    let lock = run.lock_names(NAMES).map_err(internal("the run dir can't be locked"))?;
    if let Some(Entry::Alive(there)) = run.entry(id).filter(|_| again) {
        return Err(Fault::new(Fault::NAME_TAKEN, format!("session {} stands again already", there.info.label())));
    }
    if let Some(name) = name {
        check_free(run, name, None)?;
    }
    Ok(Some(lock))
}

pub(super) fn bind(run: &RunDir, id: &SessionId) -> io::Result<std::os::unix::net::UnixListener> {
    let _ = run.dir().remove(&format!("{id}.sock"));
    std::os::unix::net::UnixListener::bind(run.dir().socket_path(&format!("{id}.sock"))?)
}

/// A name is free when no living session has it, as name or as id. To be asked under the names' lock.
pub(super) fn check_free(run: &RunDir, name: &str, except: Option<&SessionId>) -> Result<(), Fault> {
    check_name(name).map_err(|e| Fault::new(Fault::BAD_PARAMS, e))?;
    let taken = run.entries().into_iter().any(|e| match e {
        Entry::Alive(r) => {
            (r.info.name == name || r.info.id == name) && except.is_none_or(|id| id.as_str() != r.info.id)
        }
        _ => false,
    });
    if taken {
        return Err(Fault::new(
            Fault::NAME_TAKEN,
            format!("a session named '{}' is there already", crate::text::escape(name)),
        ));
    }
    Ok(())
}

/// The shell of the settings, else $SHELL as it is set here (by sshd on a remote host), else the password
/// database's, else sh.
fn shell(wanted: Option<String>) -> OsString {
    let usable = |s: &OsString| !s.is_empty() && rustix::fs::access(s.as_os_str(), rustix::fs::Access::EXEC_OK).is_ok();
    wanted
        .map(OsString::from)
        .filter(usable)
        .or_else(|| std::env::var_os("SHELL").filter(usable))
        .or_else(|| sys::passwd().map(|p| p.shell.into_os_string()).filter(usable))
        .unwrap_or_else(|| "/bin/sh".into())
}

/// Multiplexers around us are not around the program inside, and sizes are the terminal's to tell.
const DROPPED: [&str; 12] = [
    "TMUX",
    "TMUX_PANE",
    "STY",
    "WINDOW",
    "ZELLIJ",
    "ZELLIJ_SESSION_NAME",
    "ZELLIJ_PANE_ID",
    "COLUMNS",
    "LINES",
    "TERMCAP",
    "THUB_SESSION",
    "THUB_HOST",
];

fn environment(id: &SessionId, host: &str, term: Option<&str>, cwd: &std::path::Path) -> Vec<(OsString, OsString)> {
    let mut env: Vec<(OsString, OsString)> =
        std::env::vars_os().filter(|(k, _)| !DROPPED.iter().any(|d| k == d)).collect();
    // some programs believe it without a look
    env.retain(|(k, _)| k != "OLDPWD" && k != "PWD");
    env.push(("PWD".into(), cwd.into()));
    let mut set = |k: &str, v: &str| {
        env.retain(|(have, _)| have != k);
        env.push((k.into(), v.into()));
    };
    set("TERM", term.unwrap_or(TERM));
    set("COLORTERM", "truecolor");
    set("TERM_PROGRAM", "thub");
    set("TERM_PROGRAM_VERSION", hello::BUILD);
    set("THUB_SESSION", id.as_str());
    set("THUB_HOST", host);
    env
}
