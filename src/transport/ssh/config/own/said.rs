//! Owns what an ssh_config says of one host and no more: defaults are not filled in. For who takes its hosts over.
//! Leaves out which hosts there are (`aliases`), and connecting.

use super::super::expand::fill;
use super::words::{bytes, latin};
use super::world::World;
use super::{Dest, Reader};
use crate::failure::Failure;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Most wrong lines that are passed over; more are an error.
pub(super) const WRONG_MOST: usize = 1000;

/// A host, as the file has it; what is left out is not said there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub hostname: Option<String>,
    pub user: Option<String>,
    pub port: Option<u16>,
    /// Tokens filled in but for those of this machine: `%d` is `~`, `${NAME}` is `${env:NAME}`.
    pub identities: Vec<String>,
    /// As `ssh -G` prints it.
    pub jump: Option<String>,
    pub forward_agent: bool,
    pub x11: bool,
    pub command: Option<String>,
    pub env: Vec<(String, String)>,
    /// Options that decide how it is reached, or what comes with it, and stand for themselves alone: `ProxyCommand`.
    pub others: Vec<&'static str>,
}

/// What is said of `dest`, and what is wrong in the file, each with file and line.
///
/// # Errors
/// It can't be read, or too much is wrong in it.
pub fn said(dest: &Dest, file: &Path, world: &dyn World) -> Result<(Said, Vec<String>), Failure> {
    let original = latin(dest.host.as_bytes());
    let mut r = Reader::new(&original, world);
    r.wrong = Some(Vec::new());
    let file = latin(file.as_os_str().as_bytes());
    r.pass(Some(&file))?;
    let mut wrong = Vec::new();
    let hostname = r.options.get("hostname").and_then(|name| match r.hostname(name, &original) {
        Ok(name) => Some(name),
        Err(why) => {
            wrong.push(format!("{}: {why}", dest.host));
            None
        }
    });
    let host = hostname.clone().unwrap_or(original);
    if r.wants_last_pass {
        r.options.put("hostname", host.clone());
        r.host.clone_from(&host);
        r.last_pass = true;
        r.pass(Some(&file))?;
    }
    let said = r.plainly(hostname, &host, &mut wrong);
    // (the same line may be wrong for each host)
    wrong.extend(r.wrong.take().unwrap_or_default());
    Ok((said, wrong))
}

fn utf8(latin: &str) -> String {
    String::from_utf8_lossy(&bytes(latin)).into_owned()
}

impl Reader<'_> {
    fn plainly(&self, hostname: Option<String>, host: &str, wrong: &mut Vec<String>) -> Said {
        let o = &self.options;
        let text = |key: &str| o.get(key).filter(|v| !v.eq_ignore_ascii_case("none")).map(utf8);
        let (user, port) = (text("user"), o.get("port").and_then(|p| p.parse::<u16>().ok()));
        let token = |letter: char| {
            Some(match letter {
                'd' => "~".to_string(),
                'h' => host.to_string(),
                'k' => o.get("hostkeyalias").unwrap_or(&self.original).to_string(),
                'n' => self.original.clone(),
                'p' => port.unwrap_or(22).to_string(),
                'r' => o.get("user")?.to_string(),
                'j' => self.jump_host(),
                _ => return None,
            })
        };
        let env = |name: &str| Some(format!("${{env:{name}}}"));
        let mut filled = |what: &str, text: &str, with_env: bool| {
            let filled = fill(text, &token, if with_env { Some(&env) } else { None });
            match filled {
                Ok(text) => Some(utf8(&text)),
                Err(why) => {
                    wrong.push(format!("{}: {what}: {}", utf8(&self.original), why.plainly()));
                    None
                }
            }
        };
        let named = o.identities.iter().filter(|(path, _)| !path.eq_ignore_ascii_case("none"));
        let identities = named.filter_map(|(path, _)| filled("IdentityFile", path, true)).collect();
        let command = o.get("remotecommand").filter(|c| !c.eq_ignore_ascii_case("none"));
        let command = command.and_then(|c| filled("RemoteCommand", c, false));
        let mut others = Vec::new();
        let mut other = |there: bool, name: &'static str| others.extend(there.then_some(name));
        other(text("proxycommand").is_some(), "ProxyCommand");
        other(!o.local.is_empty() || !o.remote.is_empty(), "forwards");
        other(!o.certificates.is_empty(), "CertificateFile");
        other(o.get("hostkeyalias").is_some(), "HostKeyAlias");
        other(!o.user_known_hosts.is_empty(), "UserKnownHostsFile");
        other(o.forward_agent.is_some(), "ForwardAgent's socket");
        Said {
            hostname: hostname.as_deref().map(utf8),
            user,
            port,
            identities,
            jump: o.jump.as_ref().filter(|j| !j.is_none()).map(|j| utf8(&j.shown())),
            forward_agent: o.is("forwardagent", "yes"),
            x11: o.is("forwardx11", "yes"),
            command,
            env: o.set_env.iter().filter_map(|s| s.split_once('=')).map(|(n, v)| (utf8(n), utf8(v))).collect(),
            others,
        }
    }
}
