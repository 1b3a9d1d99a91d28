//! Owns what one line of ssh_config does: [`Reader::line`]. Leaves out files (`mod`), `Match` (`matches`) and the
//! defaults (`print`). Wrong values are errors in blocks that do not apply as well, as in OpenSSH.

use super::super::expand::fill;
use super::algorithms;
use super::forward;
use super::options::{Takes, keyword};
use super::patterns::{Listed, fits, listed};
use super::words::{BLANK, arguments, blank, next_word, number, scaled, seconds};
use super::{Flags, Place, Reader};
use crate::failure::Failure;
use crate::text::short;
use std::collections::VecDeque;

const KEYS_MOST: usize = 100;
const DOMAINS_MOST: usize = 32;

/// Why a line is wrong.
pub(super) type Said<T> = Result<T, String>;

impl Reader<'_> {
    /// One line. `active` = what is said now applies.
    pub(super) fn line(
        &mut self,
        text: &str,
        at: &Place,
        active: &mut bool,
        flags: Flags,
        depth: usize,
    ) -> Result<(), Failure> {
        // text ends at a NUL
        let text = text.split('\0').next().unwrap_or_default();
        let mut rest = Some(trimmed(text));
        let Some(mut word) = next_word(&mut rest) else { return Ok(()) };
        if word.is_empty() {
            match next_word(&mut rest) {
                Some(next) => word = next,
                None => return Ok(()),
            }
        }
        if word.is_empty() || word.starts_with(['\n', '#']) {
            return Ok(());
        }
        let word = word.to_ascii_lowercase();
        let shown = short(&word, 60);
        let rest = rest.map(blank).filter(|r| !r.is_empty());
        let Some(rest) = rest else { return Err(at.bad(&format!("{shown}: a value is missing"))) };
        let found = keyword(&word);
        if found.is_none() {
            let ignored =
                self.options.get("ignoreunknown").is_some_and(|list| listed(&word, list, true) == Listed::Yes);
            if !ignored {
                let hint =
                    format!("correct its name; or, if another ssh knows it, put `IgnoreUnknown {shown}` before it");
                return Err(at.bad(&format!("there is no option {shown}")).hint(hint));
            }
        }
        let Some(args) = arguments(rest) else {
            return Err(at.bad(&format!("a quote stays open in the value of {shown}")));
        };
        let Some((key, takes)) = found else { return Ok(()) };
        let mut args = VecDeque::from(args);
        match takes {
            Takes::Include => self.include(&mut args, at, active, flags, depth)?,
            Takes::Refuse => {
                let why = some(args.pop_front()).map_err(|why| at.bad(&format!("{shown}: {why}")))?;
                if *active {
                    return Err(at.refused(&why));
                }
            }
            Takes::Match => {
                let mut left = Some(rest);
                let applies = self.matches(&mut left, at)?;
                *active = applies && !flags.never;
                if left.is_none_or(str::is_empty) {
                    args.clear();
                }
            }
            _ => self
                .option(key, takes, rest, &mut args, active, flags)
                .map_err(|why| at.bad(&format!("{shown}: {why}")))?,
        }
        if let Some(more) = args.front() {
            return Err(at.bad(&format!("{shown}: \"{}\" is more than it takes", short(more, 60))));
        }
        Ok(())
    }

    fn option(
        &mut self,
        key: &'static str,
        takes: Takes,
        rest: &str,
        args: &mut VecDeque<String>,
        active: &mut bool,
        flags: Flags,
    ) -> Said<()> {
        let on = *active;
        let o = &mut self.options;
        let mut keep = |value: String| {
            if on {
                o.first(key, value);
            }
        };
        match takes {
            Takes::Anything => args.clear(),
            Takes::Word(words) => {
                let said = some(args.pop_front())?;
                let word = words.iter().find(|(w, _)| w.eq_ignore_ascii_case(&said));
                keep(word.ok_or_else(|| no_value(&said))?.1.to_string());
            }
            Takes::Time => {
                let said = some(args.pop_front())?;
                if let Some(s) = time(&said)? {
                    keep(s.to_string());
                }
            }
            Takes::Number => {
                let said = some(args.pop_front())?;
                keep(number(&said, i64::from(i32::MAX)).ok_or_else(|| no_value(&said))?.to_string());
            }
            Takes::Text => keep(some(args.pop_front())?),
            Takes::Command => {
                args.clear();
                let command = rest.trim_start_matches(BLANK).trim_start_matches([' ', '\t', '\r', '\n', '=']);
                // (a ProxyJump before it has put "none" in ProxyCommand's place)
                keep(command.to_string());
            }
            Takes::Files(most) => {
                let all: Vec<String> = args.drain(..).collect();
                alone(&all, &["none"])?;
                let to = if key == "userknownhostsfile" { &mut o.user_known_hosts } else { &mut o.global_known_hosts };
                if on && to.is_empty() {
                    if all.len() > most {
                        return Err(format!("more than {most} files"));
                    }
                    *to = all;
                }
            }
            Takes::Algorithms(family) => {
                let said = some(args.pop_front())?;
                if !algorithms::valid(family, &said) {
                    return Err(no_value(&said));
                }
                keep(said);
            }
            Takes::GssAlgorithms => {
                let said = some(args.pop_front())?;
                if !algorithms::valid_gss(&said) {
                    return Err(no_value(&said));
                }
                keep(said);
            }
            Takes::Port => {
                let said = some(args.pop_front())?;
                let port = forward::port(&said, self.world).filter(|p| *p > 0);
                keep(port.ok_or_else(|| no_value(&said))?.to_string());
            }
            Takes::ForwardAgent => {
                let said = some(args.pop_front())?;
                match said.to_ascii_lowercase().as_str() {
                    "true" | "yes" => keep("yes".into()),
                    "false" | "no" => keep("no".into()),
                    _ => {
                        keep("yes".into());
                        self.check_agent(&said)?;
                        if on {
                            self.options.forward_agent.get_or_insert(said);
                        }
                    }
                }
            }
            Takes::Agent => {
                let said = some(args.pop_front())?;
                self.check_agent(&said)?;
                if on {
                    self.options.first(key, said);
                }
            }
            Takes::Rekey => {
                let said = some(args.pop_front())?;
                let bytes = match said.as_str() {
                    "default" => 0,
                    _ => scaled(&said).filter(|n| *n == 0 || *n >= 16).ok_or_else(|| no_value(&said))?,
                };
                keep(bytes.to_string());
                if let Some(said) = args.pop_front()
                    && said != "none"
                {
                    let every = time(&some(Some(said))?)?;
                    if let (true, Some(s)) = (on, every) {
                        o.first("rekeyinterval", s.to_string());
                    }
                }
            }
            Takes::Identity | Takes::Certificate => {
                let path = some(args.pop_front())?;
                let list = if matches!(takes, Takes::Identity) { &mut o.identities } else { &mut o.certificates };
                if on {
                    if list.len() >= KEYS_MOST {
                        return Err(format!("more than {KEYS_MOST} files"));
                    }
                    let entry = (path, flags.user);
                    if !list.contains(&entry) {
                        list.push(entry);
                    }
                }
            }
            Takes::Jump => {
                args.clear();
                let said = rest.trim_start_matches([' ', '\t', '\r', '\n', '=']);
                let jump = forward::jump(said, self.world).ok_or_else(|| no_value(said))?;
                if on && o.jump.is_none() && o.get("proxycommand").is_none() {
                    if jump.port != 0 || jump.host != "none" {
                        o.first("proxycommand", "none".into());
                    }
                    o.jump = Some(jump);
                }
            }
            Takes::LogLevel => {
                let said = args.pop_front().unwrap_or_default();
                let levels = ["quiet", "fatal", "error", "info", "verbose", "debug", "debug1", "debug2", "debug3"];
                one_of(&said, &levels)?;
            }
            Takes::Facility => {
                let said = args.pop_front().unwrap_or_default();
                let local = ["local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"];
                one_of(&said, &[&["daemon", "user", "auth", "authpriv"][..], &local].concat())?;
            }
            Takes::LogVerbose => {
                let all: Vec<String> = args.drain(..).collect();
                alone(&all, &["none"])?;
            }
            Takes::Local | Takes::Remote | Takes::Dynamic => {
                let remote = matches!(takes, Takes::Remote);
                let first = some(args.pop_front())?;
                let second = match takes {
                    Takes::Dynamic => None,
                    _ => args.pop_front().filter(|a| !a.is_empty()),
                };
                if second.is_none() && matches!(takes, Takes::Local) {
                    return Err("where it leads to is missing".into());
                }
                let spec = forward::joined(&first, second.as_deref());
                let filled = self.fill_env(&spec)?;
                let forward = forward::parse(&filled, second.is_none(), remote, self.world);
                let forward = forward.ok_or_else(|| no_value(&spec))?;
                let list = if remote { &mut self.options.remote } else { &mut self.options.local };
                if on && !list.contains(&forward) {
                    list.push(forward);
                }
            }
            Takes::PermitRemote => {
                let all: Vec<String> = args.drain(..).collect();
                if all.is_empty() {
                    return Err("a value is missing".into());
                }
                for one in &all {
                    if ["none", "any"].iter().any(|w| one.eq_ignore_ascii_case(w)) {
                        if all.len() > 1 {
                            return Err(format!("\"{}\" stands alone", short(one, 20)));
                        }
                        continue;
                    }
                    let end = match one.strip_prefix('[') {
                        Some(_) => one.find(']').map_or(0, |at| at + 1),
                        None => one.find([':', '/']).unwrap_or(0),
                    };
                    let after = one.get(end..).and_then(|a| a.strip_prefix(':'));
                    let right = |p: &str| p == "*" || forward::port(p, self.world).is_some_and(|p| p > 0);
                    if !after.is_some_and(right) {
                        return Err(no_value(one));
                    }
                }
            }
            Takes::Host => {
                *active = false;
                while let Some(pattern) = args.pop_front() {
                    if pattern.is_empty() {
                        return Err("a pattern is empty".into());
                    }
                    if flags.never {
                        args.clear();
                        break;
                    }
                    let (not, plain) = match pattern.strip_prefix('!') {
                        Some(plain) => (true, plain),
                        None => (false, pattern.as_str()),
                    };
                    if fits(&self.host, plain) {
                        *active = !not;
                        if not {
                            args.clear();
                            break;
                        }
                    }
                }
            }
            Takes::Escape => {
                let said = some(args.pop_front())?;
                let mut chars = said.chars();
                let right = match (chars.next(), chars.next(), chars.next()) {
                    (Some(_), None, _) => true,
                    (Some('^'), Some(c), None) => (64..128).contains(&u32::from(c)),
                    _ => said == "none",
                };
                if !right {
                    return Err(no_value(&said));
                }
            }
            Takes::SendEnv => {
                for name in args.drain(..) {
                    if name.is_empty() || name.contains('=') {
                        return Err(no_value(&name));
                    }
                    match name.strip_prefix('-') {
                        _ if !on => {}
                        Some(without) => o.send_env.retain(|n| !fits(n, without)),
                        None => o.send_env.push(name),
                    }
                }
            }
            Takes::SetEnv => {
                let fresh = o.set_env.is_empty();
                for said in args.drain(..) {
                    let (name, _) = said.split_once('=').ok_or_else(|| no_value(&said))?;
                    let known = |s: &String| s.split_once('=').is_some_and(|(n, _)| n == name);
                    if on && fresh && !o.set_env.iter().any(known) {
                        o.set_env.push(said);
                    }
                }
            }
            Takes::Persist => {
                let said = some(args.pop_front())?;
                if !["no", "false", "yes", "true"].contains(&said.as_str()) {
                    seconds(&said).ok_or_else(|| no_value(&said))?;
                }
            }
            Takes::TunnelDevice => {
                let said = some(args.pop_front())?;
                let (local, remote) = said.split_once(':').unwrap_or((&said, "any"));
                let right = |n: &str| n.eq_ignore_ascii_case("any") || number(n, 0x7fff_fffd).is_some();
                if !right(local) || !right(remote) {
                    return Err(no_value(&said));
                }
            }
            Takes::IpQos => {
                let first = some(args.pop_front())?;
                let class = |said: &str| super::print::tos_shown(said).ok_or_else(|| no_value(said));
                let interactive = class(&first)?;
                let bulk = match args.pop_front() {
                    Some(second) => class(&second)?,
                    None => interactive.clone(),
                };
                keep(format!("{interactive} {bulk}"));
            }
            Takes::Domains => {
                let all: Vec<String> = args.drain(..).collect();
                alone(&all, &["none"])?;
                let fresh = o.domains.is_empty();
                for one in &all {
                    let domain = forward::domain(one).ok_or_else(|| no_value(one))?.to_ascii_lowercase();
                    if on && fresh {
                        if o.domains.len() >= DOMAINS_MOST {
                            return Err(format!("more than {DOMAINS_MOST} domains"));
                        }
                        o.domains.push(domain);
                    }
                }
            }
            Takes::Cnames => {
                let all: Vec<String> = args.drain(..).collect();
                let fresh = o.cnames.is_empty();
                for one in &all {
                    if one.eq_ignore_ascii_case("none") {
                        if all.len() > 1 {
                            return Err("\"none\" stands alone".into());
                        }
                    } else if one != "*" && one.split_once(':').is_none_or(|(_, to)| to.is_empty()) {
                        return Err(no_value(one));
                    }
                    if on && fresh {
                        if o.cnames.len() >= DOMAINS_MOST {
                            return Err(format!("more than {DOMAINS_MOST} names"));
                        }
                        o.cnames.push(one.clone());
                    }
                }
            }
            Takes::Mask => {
                let said = some(args.pop_front())?;
                // it counts wherever it stands, the last one, and what follows the digits is passed over: as in OpenSSH
                self.options.mask = Some(octal(&said).ok_or_else(|| no_value(&said))?);
            }
            Takes::Hash => {
                let said = some(args.pop_front())?;
                one_of(&said, &["md5", "sha1", "sha256", "sha384", "sha512"])?;
            }
            Takes::AddKeys => {
                let said = some(args.pop_front())?;
                let second = args.pop_front();
                let word = said.to_ascii_lowercase();
                let right = match (word.as_str(), second) {
                    ("confirm", Some(time)) => seconds(&time).is_some(),
                    ("true" | "false" | "yes" | "no" | "ask" | "confirm", None) => true,
                    (_, None) => seconds(&said).is_some(),
                    _ => false,
                };
                if !right {
                    return Err(no_value(&said));
                }
            }
            // done by the caller
            Takes::Include | Takes::Refuse | Takes::Match => {}
        }
        Ok(())
    }

    fn fill_env(&self, text: &str) -> Said<String> {
        let env = |name: &str| self.world.env(name);
        // `%` stands for itself here
        let text = text.replace('%', "%%");
        fill(&text, &|_| None, Some(&env)).map_err(|_| "a ${NAME} in it is not set, or is not closed".to_string())
    }

    /// A socket's path, or `$NAME`.
    fn check_agent(&self, said: &str) -> Said<()> {
        self.fill_env(said)?;
        match said.strip_prefix('$') {
            Some(name) if !name.starts_with('{') => {
                let right = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                if right { Ok(()) } else { Err(no_value(said)) }
            }
            _ => Ok(()),
        }
    }
}

/// Without blanks and form feeds at the end; the first character always stays.
fn trimmed(text: &str) -> &str {
    let cut = text.trim_end_matches([' ', '\t', '\r', '\n', '\u{c}']);
    match (cut.is_empty(), text.chars().next()) {
        (true, Some(first)) => text.get(..first.len_utf8()).unwrap_or_default(),
        _ => cut,
    }
}

fn some(arg: Option<String>) -> Said<String> {
    arg.filter(|a| !a.is_empty()).ok_or_else(|| "a value is missing".into())
}

fn no_value(said: &str) -> String {
    format!("\"{}\" is not right", short(said, 100))
}

/// `none`, or seconds.
fn time(said: &str) -> Said<Option<i64>> {
    if said == "none" {
        return Ok(None);
    }
    seconds(said).map(Some).ok_or_else(|| no_value(said))
}

fn one_of(said: &str, words: &[&str]) -> Said<()> {
    if words.iter().any(|w| w.eq_ignore_ascii_case(said)) { Ok(()) } else { Err(no_value(said)) }
}

/// No empty ones, and these words only alone.
fn alone(all: &[String], words: &[&str]) -> Said<()> {
    if all.iter().any(String::is_empty) {
        return Err("a value is empty".into());
    }
    match all.iter().find(|a| words.iter().any(|w| a.eq_ignore_ascii_case(w))) {
        Some(word) if all.len() > 1 => Err(format!("\"{}\" stands alone", short(word, 20))),
        _ => Ok(()),
    }
}

/// Octal digits at the start, 0 to 0777.
fn octal(said: &str) -> Option<u32> {
    let said = said.trim_start_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
    let (minus, said) = (said.starts_with('-'), said.strip_prefix(['+', '-']).unwrap_or(said));
    let end = said.find(|c: char| !('0'..='7').contains(&c)).unwrap_or(said.len());
    let digits = said.get(..end).filter(|d| !d.is_empty())?;
    u32::from_str_radix(digits, 8).ok().filter(|m| *m <= if minus { 0 } else { 0o777 })
}
