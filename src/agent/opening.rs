//! Owns what a session gets from its prepared connection: program, directory, environment, terminal. Leaves out the
//! connection's place in the book, and starting the process (`sessions.rs`).

use super::Agent;
use super::targets::line;
use crate::proto::control::connections::check::{check, expanded};
use crate::proto::control::connections::*;
use crate::proto::control::{Fault, SessionCreate};
use crate::proto::spawn::From;
use std::path::Path;

impl Agent {
    /// Fills in what the call leaves to the connection, and says what it comes from. A plain shell comes from the
    /// "Default Shell", where there is one.
    pub(super) async fn opened(&self, create: &mut SessionCreate) -> Result<From, Fault> {
        let theirs = create.definition.take();
        let wanted = match &create.connection {
            Some(id) => id.clone(),
            None if theirs.is_some() => String::new(),
            None if create.command.is_empty() && create.target.is_none() => DEFAULT_SHELL.to_string(),
            None => return Ok(From::default()),
        };
        let found = match theirs {
            Some(theirs) => Ok(*theirs),
            None => self.book().await.and_then(|(book, _)| {
                let gone = || format!("there is no connection '{}' here any more", crate::text::short(&wanted, 64));
                book.connection(&wanted).cloned().ok_or_else(|| Fault::new(Fault::UNKNOWN, gone()))
            }),
        };
        let connection = match found {
            Ok(connection) => connection,
            // a shell starts, whatever became of the file
            Err(_) if create.connection.is_none() => return Ok(From::default()),
            Err(fault) => return Err(fault),
        };
        let named = crate::text::escape(&connection.name);
        let bad = |why: String| Fault::new(Fault::BAD_PARAMS, format!("connection '{named}': {why}"));
        if let Some(wrong) = check(&connection).first() {
            return Err(bad(format!("{}: {}", wrong.field, wrong.why)));
        }
        let kind = expanded(connection.config.kind().map_err(bad)?, |name| std::env::var(name).ok()).map_err(bad)?;
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
                if create.cwd.is_empty()
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
                create.target =
                    Some(self.target(&ssh).await.map_err(|f| Fault::new(f.code, format!("{named}: {}", f.message)))?);
                create.cwd_of = None;
            }
            Kind::Other(kind) => {
                let kind = crate::text::short(&kind, 40);
                return Err(bad(format!("this thub opens no connections of type {kind}: it opens local and ssh")));
            }
        }
        Ok(from)
    }
}
