//! Owns what a session gets from its prepared connection: program, directory, environment, terminal. Leaves out the
//! connection's place in the book, and starting the process (`sessions.rs`).

use super::Agent;
use super::targets::{Connect, line};
use crate::proto::control::connections::check::{check, expanded};
use crate::proto::control::connections::*;
use crate::proto::control::{Fault, SessionCreate};
use crate::proto::spawn::{DeviceSpec, From};
use std::path::Path;

/// What a session is to be.
#[derive(Default)]
pub(super) struct Opened {
    pub from: From,
    /// The connection as it is now; none = it is that of every plain shell.
    pub connection: Option<Box<Connection>>,
    /// What the user is to be told of it.
    pub told: Option<String>,
}

impl Agent {
    /// Fills in what the call leaves to the connection, and says what it comes from. A plain shell comes from the
    /// "Default Shell", where there is one that is of use; it starts in any case. `connect` = how a host over SSH is reached.
    pub(super) async fn opened(&self, create: &mut SessionCreate, connect: Connect) -> Result<Opened, Fault> {
        let theirs = create.definition.take();
        if create.target.is_some() && (theirs.is_some() || create.connection.is_some()) {
            let why = "a prepared connection is not opened on a host without an agent: leave out one of the two";
            return Err(Fault::new(Fault::BAD_PARAMS, why));
        }
        if theirs.is_none() && create.connection.is_none() {
            if !create.command.is_empty() || create.target.is_some() {
                return Ok(Opened::default());
            }
            let Ok(shell) = self.prepared(DEFAULT_SHELL).await else { return Ok(Opened::default()) };
            let mut filled = create.clone();
            let from = match shell.config.kind() {
                Ok(Kind::Local(_)) => self.filled(&mut filled, shell, connect).await,
                _ => Err(Fault::new(Fault::BAD_PARAMS, "connection 'Default Shell' is no shell of this machine")),
            };
            return Ok(match from {
                Ok(from) => {
                    let mut told = None;
                    // (only a directory that the connection says: a neighbour is asked for its own once)
                    if create.cwd.is_empty()
                        && !filled.cwd.is_empty()
                        && let Err(fault) = self.directory(&filled).await
                    {
                        filled.cwd.clear();
                        told = Some(format!(
                            "the shell starts elsewhere, for connection 'Default Shell' says {}",
                            fault.message
                        ));
                    }
                    *create = filled;
                    Opened { from, connection: None, told }
                }
                Err(fault) => {
                    let told = format!("your own shell was started, for {}", fault.message);
                    Opened { told: Some(told), ..Opened::default() }
                }
            });
        }
        let connection = match theirs {
            Some(theirs) => *theirs,
            None => self.prepared(create.connection.as_deref().unwrap_or_default()).await?,
        };
        let whole = Some(Box::new(connection.clone()));
        Ok(Opened { from: self.filled(create, connection, connect).await?, connection: whole, told: None })
    }

    /// A connection of the book, as it is there just now.
    pub(super) async fn prepared(&self, id: &str) -> Result<Connection, Fault> {
        let found = self.book_now().await?.connections.into_iter().find(|c| c.id == id);
        let gone = || format!("there is no connection '{}' here any more", crate::text::short(id, 64));
        found.ok_or_else(|| Fault::new(Fault::UNKNOWN, gone()))
    }

    /// Where the connection over SSH leads that another one names by id or name.
    async fn way(&self, via: &str, named: &str) -> Result<Ssh, Fault> {
        let book = self.book_now().await?;
        let by_name = || book.connections.iter().filter(|c| c.name == via);
        let found = match book.connections.iter().find(|c| c.id == via) {
            Some(found) => found.clone(),
            None if by_name().count() > 1 => {
                return Err(amiss(named, "via: several connections have that name: say its id"));
            }
            None => by_name().next().cloned().ok_or_else(|| {
                amiss(named, &format!("via: there is no connection '{}' here", crate::text::short(via, 64)))
            })?,
        };
        match meant(&found)? {
            Kind::Ssh(ssh) => Ok(ssh),
            _ => Err(amiss(named, "via: that is no connection over SSH")),
        }
    }

    /// The connection over SSH that a serial port is behind.
    pub(super) async fn port_is_behind(&self, connection: &Connection) -> Result<Option<Ssh>, Fault> {
        match meant(connection)? {
            Kind::Serial(Serial { via: Some(via), .. }) => self.way(&via, &connection.name).await.map(Some),
            _ => Ok(None),
        }
    }

    async fn filled(
        &self,
        create: &mut SessionCreate,
        connection: Connection,
        connect: Connect,
    ) -> Result<From, Fault> {
        let named = connection.name.clone();
        let bad = |why: String| amiss(&named, &why);
        if let Some(first) = check(&connection).first() {
            return Err(bad(format!("{}: {}", first.field, first.why)));
        }
        let kind = meant(&connection)?;
        let options = connection.terminal_options;
        create.ring = create.ring.or(options.ring_buffer_size);
        create.history = create.history.or(options.scrollback_buffer);
        create.size_policy = create.size_policy.take().or(options.size_policy);
        create.term = create.term.take().or(options.term);
        let mut from = From {
            connection: connection.name,
            connection_id: connection.id,
            encoding: options.encoding,
            ..From::default()
        };
        match kind {
            Kind::Local(local) => {
                let home = self.ctx.paths.home();
                let absolute = |p: String| super::sessions::expand_home(&p, home);
                from.shell = local.shell.map(absolute).map(|p| p.to_string_lossy().into_owned());
                if let Some(shell) = &from.shell
                    && rustix::fs::access(Path::new(shell), rustix::fs::Access::EXEC_OK).is_err()
                {
                    return Err(bad(format!("shell: '{}' is no program here", crate::text::short(shell, 100))));
                }
                if create.command.is_empty() {
                    from.line = local.command;
                    from.typed = local.initial_command;
                }
                // (where a neighbour's directory was asked for, that is meant)
                if create.cwd.is_empty()
                    && create.cwd_of.is_none()
                    && let Some(directory) = local.starting_directory
                {
                    create.cwd = directory;
                }
                from.env = local.env.into_iter().collect();
            }
            Kind::Ssh(ssh) => {
                if !create.cwd.is_empty() {
                    return Err(bad("where it starts is told by the connection: no directory can be given".into()));
                }
                if create.command.is_empty() {
                    from.line = line(ssh.starting_directory.as_deref(), ssh.command.as_deref());
                }
                from.env = ssh.env.clone().into_iter().collect();
                let why = |f: Fault| Fault { message: format!("{}: {}", crate::text::escape(&named), f.message), ..f };
                create.target = Some(self.reached(&ssh, connect).await.map_err(why)?);
                create.cwd_of = None;
            }
            Kind::Serial(serial) => {
                alone(create, &named)?;
                if let Some(via) = &serial.via {
                    let ssh = self.way(via, &named).await?;
                    create.target = Some(self.reached(&ssh, connect).await?);
                }
                from.device = Some(DeviceSpec::Serial(serial));
            }
            Kind::Docker(mut docker) => {
                alone(create, &named)?;
                // started again: the container that was made is meant, not one more
                if docker.image.is_some() {
                    docker.container = create.container.take();
                }
                from.device = Some(DeviceSpec::Docker(docker));
            }
            Kind::Telnet(telnet) => {
                alone(create, &named)?;
                from.device = Some(DeviceSpec::Telnet(telnet));
            }
            Kind::Other(kind) => {
                let kind = crate::text::short(&kind, 40);
                return Err(bad(format!(
                    "this thub opens no connections of type {kind}: it opens local, ssh, serial, docker and telnet"
                )));
            }
        }
        Ok(from)
    }
}

/// What is connected in a program's stead is told neither a command nor a directory.
fn alone(create: &mut SessionCreate, named: &str) -> Result<(), Fault> {
    create.cwd_of = None;
    if create.command.is_empty() && create.cwd.is_empty() {
        return Ok(());
    }
    Err(amiss(named, "no command and no directory can be given: what it leads to is told by the connection"))
}

/// What a connection leads to, with the variables of this machine in it.
pub(super) fn meant(connection: &Connection) -> Result<Kind, Fault> {
    let kind = connection.config.kind().and_then(|kind| expanded(kind, |name| std::env::var(name).ok()));
    kind.map_err(|why| amiss(&connection.name, &why))
}

/// Why a connection of that name is not opened.
pub(super) fn amiss(name: &str, why: &str) -> Fault {
    Fault::new(Fault::BAD_PARAMS, format!("connection '{}': {why}", crate::text::escape(name)))
}
