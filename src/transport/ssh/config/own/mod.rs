//! Owns reading ssh_config without ssh: files, passes, `Include`, the canonical host name. [`read`] gives what `ssh -G`
//! prints, so that one reader of it serves both. Leaves out what is done with it.
//!
//! It follows OpenSSH 9.2 as Debian 12 has it, what looks like its slips included: a file must mean one thing, whether
//! or not ssh is installed. Of what came later it takes the options, conditions of `Match`, `%j` and names of algorithms. What it does not do (CanonicalizePermittedCNAMEs that would be looked up) is a sentence.
//!
//! - `line`, `matches` what lines do · `options` keywords · `print` defaults, tokens, the end · [`said`] without defaults
//! - `words`, `patterns`, `algorithms`, `address`, `forward`, `glob` values, pure · [`world`] this machine

mod address;
mod algorithms;
mod forward;
pub mod glob;
mod line;
mod matches;
mod options;
mod patterns;
mod print;
pub mod said;
pub mod words;
pub mod world;

use super::expand::fill;
use super::{Dest, me};
use crate::failure::{Failure, Kind};
use crate::text::{escape, short};
pub(super) use patterns::fits;

use options::Options;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;
use words::{BLANK, latin};
use world::{Machine, World};

const WITHIN: Duration = Duration::from_secs(10);
/// Include in Include in Include: OpenSSH's own bound.
const DEPTH_MOST: usize = 16;
/// Files that include each other in a circle of many.
const FILES_MOST: usize = 10_000;
const SYSTEM: &str = "/etc/ssh";

/// How a file is read.
#[derive(Clone, Copy)]
pub(super) struct Flags {
    /// The user's, not the system's.
    pub(super) user: bool,
    /// Only looked through for errors.
    pub(super) never: bool,
    /// Others may not have written it.
    pub(super) check: bool,
}

/// File and line.
pub(super) struct Place<'a> {
    file: &'a str,
    line: usize,
}

impl Place<'_> {
    pub(super) fn bad(&self, what: &str) -> Failure {
        Failure::usage(
            format!("{}:{}: {}", escape(self.file), self.line, escape(what)),
            "put that line of your ssh_config right: thub reads it as ssh does",
        )
    }
    /// RefuseConnection.
    pub(super) fn refused(&self, why: &str) -> Failure {
        refused(&format!("{}:{}: {}", escape(self.file), self.line, short(why, 300)))
    }
}

/// RefuseConnection: your own word that a host is not to be connected to. `said` = escaped already.
pub(super) fn refused(said: &str) -> Failure {
    Failure::refused(
        format!("ssh_config refuses the connection: {said}"),
        "RefuseConnection there says so; `thub debug ssh-config HOST` reads it again",
    )
}

/// Something wrong that has no one line.
pub(super) fn wrong(what: &str) -> Failure {
    Failure::usage(format!("ssh_config can't be used: {}", escape(what)), "put that right in your ssh_config")
}

pub(super) struct Reader<'a> {
    world: &'a dyn World,
    options: Options,
    /// What `Host` is held against.
    host: String,
    original: String,
    me: String,
    home: String,
    last_pass: bool,
    wants_last_pass: bool,
    files: usize,
    /// Lines that are wrong are passed over and kept here; `None` = the first one is an error.
    wrong: Option<Vec<String>>,
}

/// [`read`] on this machine, in at most 10 s.
pub async fn ask(dest: &Dest, file: Option<&Path>) -> Result<Vec<u8>, Failure> {
    let (dest, file) = (dest.clone(), file.map(Path::to_path_buf));
    let machine = Machine::new(me(), WITHIN);
    let late = || {
        Failure::new(
            Kind::TimedOut,
            format!("reading ssh_config took longer than {} s", WITHIN.as_secs()),
            "look for a slow `Match exec` in your ssh_config",
        )
    };
    let reading = tokio::task::spawn_blocking(move || read(&dest, file.as_deref(), &machine));
    match tokio::time::timeout(WITHIN, reading).await {
        Ok(Ok(done)) => done,
        Ok(Err(e)) => Err(Failure::new(Kind::Internal, e.to_string(), "report this")),
        Err(_) => Err(late()),
    }
}

/// What ssh_config says about `dest`: the lines `ssh -G` would print, those thub uses. `file` = that one alone.
///
/// # Errors
/// A wrong line, with its file and number; a file that others may write; a circle of `Include`; an option whose
/// meaning would need what is not supported.
pub fn read(dest: &Dest, file: Option<&Path>, world: &dyn World) -> Result<Vec<u8>, Failure> {
    let host = latin(dest.host.as_bytes());
    let mut r = Reader::new(&host, world);
    if let Some(user) = &dest.user {
        r.options.first("user", latin(user.as_bytes()));
    }
    if let Some(port) = dest.port {
        r.options.first("port", port.to_string());
    }
    let file = file.map(|f| latin(f.as_os_str().as_bytes()));
    r.pass(file.as_deref())?;

    let mut host = match r.options.get("hostname") {
        Some(name) => r.hostname(name, &host).map_err(|why| wrong(&why))?,
        None => host,
    };
    let family = r.family();
    let number = address::looks(&host) || address::usual(&host, family, world).is_some();
    if !number {
        host = host.to_ascii_lowercase();
    }
    let canonical = r.options.get("canonicalizehostname").unwrap_or("false").to_string();
    if number {
        // what differs only in the case of its letters stays as it was typed
        let usual = address::usual(&host, family, world).filter(|usual| !usual.eq_ignore_ascii_case(&host));
        host = usual.unwrap_or(host);
    } else if canonical != "false" {
        host = r.canonical(host, canonical == "always")?;
    }
    let direct = r.is_direct();
    let names = !r.options.cnames.is_empty() && !r.options.cnames.iter().any(|c| c.eq_ignore_ascii_case("none"));
    if names && !number && (direct || canonical == "always") {
        return Err(Failure::usage(
            "CanonicalizePermittedCNAMEs is not supported where there is no ssh",
            "install the OpenSSH client, or write HostName in its place",
        ));
    }
    if r.wants_last_pass || canonical != "false" {
        r.options.put("hostname", host.clone());
        r.host = host.clone();
        r.last_pass = true;
        r.pass(file.as_deref())?;
    }
    r.printed(&host)
}

/// What `ssh -G` prints of the lists of algorithms where nothing is said.
#[cfg(test)]
pub(in crate::transport::ssh) fn defaults() -> Vec<u8> {
    print::default_lists()
}

/// Whether it is this option that the line is about, as far as can be said at a glance.
pub(in crate::transport::ssh) fn opens(line: &str, word: &str) -> bool {
    let line = line.trim_start_matches(BLANK);
    let line = line.strip_prefix('"').unwrap_or(line);
    line.split_at_checked(word.len())
        .is_some_and(|(start, rest)| start.eq_ignore_ascii_case(word) && !rest.starts_with(char::is_alphanumeric))
}

impl<'a> Reader<'a> {
    fn new(host: &str, world: &'a dyn World) -> Reader<'a> {
        Reader {
            world,
            options: Options::default(),
            host: host.to_string(),
            original: host.to_string(),
            me: latin(world.me().name.as_bytes()),
            home: latin(world.me().home.as_os_str().as_bytes()),
            last_pass: false,
            wants_last_pass: false,
            files: 0,
            wrong: None,
        }
    }
}

impl Reader<'_> {
    fn pass(&mut self, file: Option<&str>) -> Result<(), Failure> {
        let user = Flags { user: true, never: false, check: false };
        if let Some(file) = file {
            if !file.eq_ignore_ascii_case("none") && !self.file(file, user, &mut true, 0)? {
                return Err(Failure::usage(
                    format!("{} can't be read: there is no such file", escape(file)),
                    "give the path of an ssh_config with -F",
                ));
            }
            return Ok(());
        }
        let mine = format!("{}/.ssh/config", self.home);
        self.file(&mine, Flags { check: true, ..user }, &mut true, 0)?;
        let system = Flags { user: false, never: false, check: false };
        self.file(&format!("{SYSTEM}/ssh_config"), system, &mut true, 0)?;
        Ok(())
    }

    /// Reads one file; false = it is not there.
    fn file(&mut self, path: &str, flags: Flags, active: &mut bool, depth: usize) -> Result<bool, Failure> {
        let shown = short(path, 300);
        if depth > DEPTH_MOST {
            return Err(wrong(&format!("{shown}: Include goes deeper than {DEPTH_MOST} files: look for a circle")));
        }
        self.files += 1;
        if self.files > FILES_MOST {
            return Err(wrong(&format!("{shown}: Include leads to more than {FILES_MOST} files")));
        }
        let opened = match self.world.read(path) {
            Ok(opened) => opened,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
            // ssh passes over its own two files if it may not read them
            Err(e) if e.kind() == ErrorKind::PermissionDenied && depth == 0 && (flags.check || !flags.user) => {
                tracing::warn!(error = %e, "an ssh_config is not read");
                return Ok(false);
            }
            Err(e) => return Err(wrong(&format!("{shown}: {e}"))),
        };
        let mine = opened.uid == 0 || opened.uid == self.world.me().uid;
        let group = opened.mode & 0o020 != 0 && !self.world.is_private(opened.gid, opened.uid);
        if flags.check && (!mine || opened.mode & 0o002 != 0 || group) {
            return Err(Failure::usage(
                format!("{shown}: others may have written it: bad owner or permissions"),
                "make it yours, and `chmod go-w` it",
            ));
        }
        let text = latin(&opened.text);
        for (i, line) in text.split('\n').enumerate() {
            let at = Place { file: path, line: i + 1 };
            if let Err(failure) = self.line(line, &at, active, flags, depth) {
                let most = self.files > FILES_MOST;
                let Some(wrong) = self.wrong.as_mut().filter(|w| !most && w.len() < said::WRONG_MOST) else {
                    return Err(failure);
                };
                if !wrong.contains(&failure.what) {
                    wrong.push(failure.what);
                }
                // (what stands under a condition that is not understood is said of nobody)
                *active &= !opens(line, "host") && !opens(line, "match");
            }
        }
        Ok(true)
    }

    fn include(
        &mut self,
        args: &mut VecDeque<String>,
        at: &Place,
        active: &mut bool,
        flags: Flags,
        depth: usize,
    ) -> Result<(), Failure> {
        while let Some(said) = args.pop_front() {
            if said.is_empty() {
                return Err(at.bad("include: a path is empty"));
            }
            let pattern = if said.starts_with('~') {
                if !flags.user {
                    return Err(at.bad("include: the system's ssh_config has no ~"));
                }
                // glob(3) asks $HOME first
                let home = self.world.env("HOME").filter(|h| !h.is_empty()).unwrap_or_else(|| self.home.clone());
                match self.tilde_at(&said, &home) {
                    Ok(path) => path,
                    Err(_) => continue,
                }
            } else if said.starts_with('/') {
                said
            } else if flags.user {
                let home = self.world.env("HOME").filter(|h| !h.is_empty()).unwrap_or_else(|| self.home.clone());
                format!("{home}/.ssh/{said}")
            } else {
                format!("{SYSTEM}/{said}")
            };
            let was = *active;
            for path in self.world.glob(&pattern) {
                let flags = Flags { check: true, never: flags.never || !was, ..flags };
                self.file(&path, flags, active, depth + 1)?;
                *active = was;
            }
        }
        Ok(())
    }

    /// HostName, whose only token is `%h`.
    fn hostname(&self, name: &str, host: &str) -> Result<String, String> {
        let token = |letter: char| (letter == 'h').then(|| host.to_string());
        fill(name, &token, None).map_err(|why| format!("HostName: {}", why.plainly()))
    }

    fn tilde(&self, text: &str) -> Result<String, String> {
        self.tilde_at(text, &self.home)
    }

    /// `~`, `~/x`, `~user/x`
    fn tilde_at(&self, text: &str, home: &str) -> Result<String, String> {
        let Some(rest) = text.strip_prefix('~') else { return Ok(text.to_string()) };
        let (user, path) = rest.split_once('/').unwrap_or((rest, ""));
        let home = match user {
            "" => home.to_string(),
            user => self.world.home_of(user).ok_or_else(|| format!("there is no user {}", short(user, 60)))?,
        };
        let slash = if home.ends_with('/') { "" } else { "/" };
        Ok(format!("{home}{slash}{}", path.trim_start_matches('/')))
    }

    fn family(&self) -> Option<u8> {
        match self.options.get("addressfamily") {
            Some("inet") => Some(4),
            Some("inet6") => Some(6),
            _ => None,
        }
    }

    fn is_direct(&self) -> bool {
        let command = self.options.get("proxycommand");
        self.options.jump.is_none() && command.is_none_or(|c| c.eq_ignore_ascii_case("none"))
    }

    /// CanonicalizeHostname: the first of the domains in which the host has an address.
    fn canonical(&self, host: String, always: bool) -> Result<String, Failure> {
        if !self.is_direct() && !always {
            return Ok(host);
        }
        let anchored = host.ends_with('.');
        let dots = host.chars().filter(|c| *c == '.').count();
        let most = self.options.get("canonicalizemaxdots").and_then(|n| n.parse().ok()).unwrap_or(1usize);
        if !anchored && dots > most {
            return Ok(host);
        }
        let candidates: Vec<String> = match anchored {
            true => vec![host.clone()],
            false => {
                let domains = self.options.domains.iter().take_while(|d| !d.eq_ignore_ascii_case("none"));
                domains.map(|d| format!("{host}.{d}.")).collect()
            }
        };
        let family = self.family();
        if let Some(found) = candidates.iter().find(|name| self.world.has_address(name, family)) {
            return Ok(found.strip_suffix('.').unwrap_or(found).to_string());
        }
        if self.options.is("canonicalizefallbacklocal", "no") {
            return Err(Failure::unreachable(
                format!("{} has an address in none of the CanonicalDomains", escape(&host)),
                "see whether the name is right, or set CanonicalizeFallbackLocal yes",
            ));
        }
        Ok(host)
    }
}
