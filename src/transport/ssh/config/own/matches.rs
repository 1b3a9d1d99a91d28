//! Owns `Match`: whether its conditions hold. ssh_config(5). Leaves out what follows it.
//!
//! As in OpenSSH 9.2, with the conditions that came until 10.5: `exec` is the user's shell with the command, and runs only if what stands before it holds.

use super::super::expand::{connection, fill};
use super::address::networks;
use super::patterns::{Listed, listed};
use super::words::{blank, bytes, next_word};
use super::{Place, Reader};
use crate::failure::Failure;
use crate::text::short;

/// Whose options and conditions are known.
const VERSION: &str = "OpenSSH_10.5p1";

/// What is not set fits only what is empty.
fn said_of(said: &str, list: &str) -> bool {
    if said.is_empty() { list.is_empty() } else { listed(said, list, false) == Listed::Yes }
}

impl Reader<'_> {
    /// Reads the conditions out of `rest`; what is left of it is more than they take.
    pub(super) fn matches(&mut self, rest: &mut Option<&str>, at: &Place) -> Result<bool, Failure> {
        let port = self.options.get("port").unwrap_or("22").to_string();
        let user = self.options.get("user").unwrap_or(&self.me).to_string();
        let host = match self.options.get("hostname") {
            Some(name) if self.last_pass => name.to_string(),
            Some(name) => self.hostname(name, &self.host).map_err(|why| at.bad(&why))?,
            None => self.host.clone(),
        };
        let (mut result, mut conditions) = (true, 0);
        while let Some(said) = next_word(rest).filter(|w| !w.is_empty()) {
            if said.starts_with('#') {
                *rest = None;
                break;
            }
            let (not, word) = match said.strip_prefix('!') {
                Some(word) => (true, word.to_ascii_lowercase()),
                None => (false, said.to_ascii_lowercase()),
            };
            if word == "all" {
                let more = next_word(rest).filter(|w| !w.is_empty());
                let comment = more.as_ref().is_some_and(|m| m.starts_with('#'));
                if conditions > 1 || more.is_some() && !comment {
                    return Err(at.bad("Match: \"all\" stands alone"));
                }
                if comment {
                    *rest = None;
                }
                return Ok(result && !not);
            }
            conditions += 1;
            if word == "canonical" || word == "final" {
                self.wants_last_pass |= word == "final" && !self.last_pass;
                result &= self.last_pass != not;
                continue;
            }
            // (an empty one in quotes is a value of its own)
            let there = rest.is_some_and(|r| !blank(r).is_empty());
            let may_be_empty = there && matches!(word.as_str(), "tagged" | "command");
            let value = next_word(rest).filter(|v| (may_be_empty || !v.is_empty()) && !v.starts_with('#'));
            let Some(value) = value else {
                return Err(at.bad(&format!("Match: a value for {} is missing", short(&word, 60))));
            };
            let holds = match word.as_str() {
                "host" => listed(&host.to_ascii_lowercase(), &value, true) == Listed::Yes,
                "originalhost" => listed(&self.original.to_ascii_lowercase(), &value, true) == Listed::Yes,
                "user" => listed(&user, &value, false) == Listed::Yes,
                "localuser" => listed(&self.me, &value, false) == Listed::Yes,
                "tagged" => said_of(self.options.get("tag").unwrap_or_default(), &value),
                // thub starts no command in ssh's sense
                "command" => value.is_empty(),
                "sessiontype" => {
                    let kind = self.options.get("sessiontype").filter(|kind| *kind != "default");
                    listed(kind.unwrap_or("shell"), &value, false) == Listed::Yes
                }
                "version" => listed(VERSION, &value, false) == Listed::Yes,
                "localnetwork" => {
                    let networks = networks(&value).ok_or_else(|| at.bad("Match localnetwork: no list of networks"))?;
                    self.world.addresses().iter().any(|a| networks.iter().any(|n| n.has(a)))
                }
                "exec" => {
                    let command = self.command(&value, &host, &port, &user).map_err(|why| at.bad(&why))?;
                    if !result {
                        continue;
                    }
                    self.world
                        .run(&command)
                        .map_err(|why| at.bad(&format!("Match exec: {}: {}", short(&command, 100), short(&why, 100))))?
                }
                _ => {
                    return Err(at.bad(&format!("Match: there is no condition {}", short(&word, 60))));
                }
            };
            result &= holds != not;
        }
        if conditions == 0 {
            return Err(at.bad("Match has no condition"));
        }
        Ok(result)
    }

    /// `%j`: the host that is jumped through last.
    pub(super) fn jump_host(&self) -> String {
        let jump = self.options.jump.as_ref().filter(|j| j.host != "none" || j.port != 0);
        jump.map(|j| j.host.clone()).unwrap_or_default()
    }

    fn command(&self, text: &str, host: &str, port: &str, user: &str) -> Result<String, String> {
        let machine = self.world.machine();
        let token = |letter: char| {
            Some(match letter {
                'C' => connection(&[&bytes(&machine), &bytes(host), &bytes(port), &bytes(user)].map(|b| b.as_slice())),
                'L' => machine.split('.').next().unwrap_or_default().to_string(),
                'd' => self.home.clone(),
                'h' => host.to_string(),
                'k' => self.options.get("hostkeyalias").unwrap_or(host).to_string(),
                'l' => machine.clone(),
                'n' => self.original.clone(),
                'p' => port.to_string(),
                'r' => user.to_string(),
                'u' => self.me.clone(),
                'j' => self.jump_host(),
                'i' => self.world.me().uid.to_string(),
                _ => return None,
            })
        };
        fill(text, &token, None).map_err(|why| format!("Match exec: {}", why.plainly()))
    }
}
