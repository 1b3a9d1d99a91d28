//! Owns prepared connections as they cross the wire and lie on the disk: folders, connections, and the calls that change
//! them. Pure. Leaves out the file (`store::connections`), and opening one (the agent's matter).
//!
//! A connection says *how* something is reached; sessions are what runs. The words are those of connections.json, so that
//! a file of a team, the store and the wire have one shape. What a newer thub adds is kept: each has a place for fields
//! it does not know.

pub mod check;
mod containers;
mod devices;
pub mod find;
pub mod names;
pub use containers::*;
pub use devices::*;

use super::{Done, Method, no_stream};
use crate::proto::ids::StreamId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Most characters of a name of a connection or a folder.
pub const LONGEST_NAME: usize = 200;
/// The connection that every host starts with.
pub const DEFAULT_SHELL: &str = "default-shell";

/// A folder of connections; the top has none.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all = "camelCase")]
pub struct Folder {
    pub id: String,
    pub name: String,
    /// The folder it is in; none = the top.
    pub parent_id: Option<String>,
    pub is_expanded: bool,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Default for Folder {
    fn default() -> Folder {
        Folder { id: String::new(), name: String::new(), parent_id: None, is_expanded: true, more: Map::new() }
    }
}

/// A prepared connection.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all = "camelCase")]
pub struct Connection {
    pub id: String,
    pub name: String,
    /// The folder it is in; none = the top.
    pub folder_id: Option<String>,
    pub config: Config,
    #[serde(skip_serializing_if = "TerminalOptions::is_plain")]
    pub terminal_options: TerminalOptions,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// What it connects to: a kind, and what that kind needs.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Config {
    /// local, ssh, serial, docker, telnet; kinds of later builds are kept as they are.
    #[serde(rename = "type")]
    pub kind: String,
    /// As [`Local`], [`Ssh`], [`Serial`], [`Docker`] or [`Telnet`] read it.
    pub config: Map<String, Value>,
}

/// How its sessions' terminals are: what is left out is as the settings of its machine say.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all = "camelCase")]
pub struct TerminalOptions {
    /// Raw output kept, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ring_buffer_size: Option<u64>,
    /// Lines of history kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scrollback_buffer: Option<u64>,
    /// latest, smallest, largest, fixed
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_policy: Option<String>,
    /// TERM inside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub term: Option<String>,
    /// `#rrggbb`, or a name of the sixteen: how its tabs and rows are marked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// Shown in place of what the program calls itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What its program writes where that is not UTF-8, as the WHATWG names it: `iso-8859-1`, `shift_jis`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl TerminalOptions {
    fn is_plain(&self) -> bool {
        *self == TerminalOptions::default()
    }
}

/// A shell or a command of the machine where the connection is kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all = "camelCase")]
pub struct Local {
    /// The program, a path; left out = the user's own shell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    /// Run by the shell in its own stead, as it would be typed; the session ends with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Typed once the shell is there, as if by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starting_directory: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
}

/// A host that the machine where the connection is kept reaches over SSH.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq, Hash)]
#[serde(default, rename_all = "camelCase")]
pub struct Ssh {
    /// A name, an address, or an alias of ssh_config there.
    pub host: String,
    /// 0 = as ssh_config says.
    #[serde(deserialize_with = "number", skip_serializing_if = "no_port")]
    pub port: u16,
    /// Empty = as ssh_config says.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// A key file on that machine, before those of ssh_config.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_path: Option<String>,
    /// Jump hosts, as ProxyJump has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_jump: Option<String>,
    /// Its programs may use the ssh-agent of whoever looks on.
    #[serde(skip_serializing_if = "super::is_no")]
    pub forward_agent: bool,
    #[serde(rename = "enableX11Forwarding", skip_serializing_if = "super::is_no")]
    pub x11: bool,
    /// Run there in the shell's stead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starting_directory: Option<String>,
    /// Sent as SSH does: what the host's AcceptEnv lets pass.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
}

fn no_port(n: &u16) -> bool {
    *n == 0
}
/// A port as a number or, as people write it, a text; null = 0.
pub(super) fn number<'de, D: serde::Deserializer<'de>>(d: D) -> Result<u16, D::Error> {
    let bad = |v: &dyn std::fmt::Display| serde::de::Error::custom(check::no_port(v));
    match Value::deserialize(d)? {
        Value::Null => Ok(0),
        Value::Number(n) => n.as_u64().and_then(|n| u16::try_from(n).ok()).ok_or_else(|| bad(&n)),
        Value::String(s) if s.trim().is_empty() => Ok(0),
        Value::String(s) => s.trim().parse().map_err(|_| bad(&crate::text::short(&s, 20))),
        other => Err(bad(&crate::text::short(&other.to_string(), 20))),
    }
}

/// What a connection is, as far as this build can open it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Local(Local),
    Ssh(Ssh),
    Serial(Serial),
    Docker(Docker),
    Telnet(Telnet),
    /// Kept and shown; nothing here opens it.
    Other(String),
}

impl Config {
    pub fn local(local: &Local) -> Config {
        Config { kind: "local".into(), config: object(local) }
    }
    pub fn ssh(ssh: &Ssh) -> Config {
        Config { kind: "ssh".into(), config: object(ssh) }
    }
    pub fn serial(serial: &Serial) -> Config {
        Config { kind: "serial".into(), config: object(serial) }
    }
    pub fn docker(docker: &Docker) -> Config {
        Config { kind: "docker".into(), config: object(docker) }
    }
    pub fn telnet(telnet: &Telnet) -> Config {
        Config { kind: "telnet".into(), config: object(telnet) }
    }

    /// Its kind with what that needs.
    ///
    /// # Errors
    /// A sentence on the field that is wrong.
    pub fn kind(&self) -> Result<Kind, String> {
        // (null means left out: other programs write it so)
        let mut given: Map<String, Value> = self.config.clone().into_iter().filter(|(_, v)| !v.is_null()).collect();
        names::by_own(&self.kind, &mut given);
        let given = Value::Object(given);
        let wrong = |e: serde_json::Error| crate::text::short(&e.to_string(), 200);
        match self.kind.as_str() {
            // ("shell" is what sessions are called: taken for the same)
            "local" | "shell" => serde_json::from_value(given).map(Kind::Local).map_err(wrong),
            "ssh" => serde_json::from_value(given).map(Kind::Ssh).map_err(wrong),
            "serial" => serde_json::from_value(given).map(Kind::Serial).map_err(wrong),
            "docker" => serde_json::from_value(given).map(Kind::Docker).map_err(wrong),
            "telnet" => serde_json::from_value(given).map(Kind::Telnet).map_err(wrong),
            other => Ok(Kind::Other(other.to_string())),
        }
    }
}

fn object(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

impl Connection {
    /// Whether opening it may need somebody who answers: it is reached over SSH.
    pub fn asks(&self) -> bool {
        match self.config.kind() {
            Ok(Kind::Ssh(_)) => true,
            Ok(Kind::Serial(serial)) => serial.via.is_some(),
            _ => false,
        }
    }

    /// What a row says of it beside its name: where it leads. Escaped.
    pub fn leads_to(&self) -> String {
        let said = match self.config.kind() {
            Ok(Kind::Local(local)) => local.command.or(local.shell).unwrap_or_default(),
            Ok(Kind::Ssh(ssh)) => ssh.dest(),
            Ok(Kind::Serial(serial)) => format!("{} · {}", serial.port, serial.speed()),
            Ok(Kind::Docker(docker)) => docker.container.or(docker.image).unwrap_or_default(),
            Ok(Kind::Telnet(telnet)) => telnet.dest(),
            Ok(Kind::Other(_)) | Err(_) => String::new(),
        };
        crate::text::short(&said, 200)
    }
}

impl Ssh {
    /// `user@host:port` as a destination is typed.
    pub fn dest(&self) -> String {
        let user = if self.username.is_empty() { String::new() } else { format!("{}@", self.username) };
        match self.port {
            0 => format!("{user}{}", self.host),
            port if self.host.contains(':') => format!("{user}[{}]:{port}", self.host),
            port => format!("{user}{}:{port}", self.host),
        }
    }
}

/// All connections and folders kept on that machine, in their order. With a `stream` the answer comes there, as JSON of
/// [`Listed`], and may be as long as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct ConnectionsList {
    #[serde(skip_serializing_if = "no_stream")]
    pub stream: StreamId,
}
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Listed {
    pub folders: Vec<Folder>,
    pub connections: Vec<Connection>,
    /// What a person should know of the file: it was damaged, or is a newer build's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told: Option<String>,
}
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct ConnectionsListed {
    #[serde(flatten)]
    pub listed: Listed,
    /// Length of the answer on the stream.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub bytes: u64,
}
method!(ConnectionsList = "connections.list" -> ConnectionsListed);

/// A new one, at the end of its folder; its id is made here where none is given. NAME_TAKEN where another one in that folder
/// has its name; so for an update and a move that would bring two of one name together.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct ConnectionsCreate {
    pub connection: Connection,
}
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Made {
    pub id: String,
}
method!(ConnectionsCreate = "connections.create" -> Made);

/// Changes fields of one, as a merge patch of it (RFC 7396): what is not named stays, null takes away. So two who change
/// different fields lose nothing of each other's.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct ConnectionsUpdate {
    pub id: String,
    pub patch: Map<String, Value>,
}
method!(ConnectionsUpdate = "connections.update" -> Done);

/// Takes them away; sessions that were started from them live on.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct ConnectionsDelete {
    pub id: String,
    /// More of them, all or none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
}
method!(ConnectionsDelete = "connections.delete" -> Done);

/// Puts connections and folders into a folder, in the order given, before another one there.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct ConnectionsMove {
    pub ids: Vec<String>,
    /// None = the top.
    pub folder: Option<String>,
    /// The one that comes behind them; none, or one that is not there = the end.
    pub before: Option<String>,
}
method!(ConnectionsMove = "connections.move" -> Done);

/// Many at once, all or none: what an import brings. Ids are made anew; `folderId` and `parentId` name folders of the
/// same call, or ones that are there already; a name that is taken in its folder gets a number. What is too long for a call
/// comes as Data on a `stream`, from offset 0 on and as far as the Acks there allow, the first of which says that it may
/// begin: JSON of [`ConnectionsAdd`], in `bytes` bytes. Then no ids are answered.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct ConnectionsAdd {
    pub folders: Vec<Folder>,
    pub connections: Vec<Connection>,
    #[serde(skip_serializing_if = "no_stream")]
    pub stream: StreamId,
    /// Length of what comes on the stream: at most 16 MiB.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub bytes: u64,
}
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Added {
    /// The new ids, in the order of the call.
    pub folders: Vec<String>,
    pub connections: Vec<String>,
}
method!(ConnectionsAdd = "connections.add" -> Added);

#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FoldersCreate {
    pub folder: Folder,
}
method!(FoldersCreate = "connections.folders.create" -> Made);

/// A field that is there, null or not: what is left out is none.
fn said<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(d).map(Some)
}

/// What is left out stays. All of it is done or nothing.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all = "camelCase")]
pub struct FoldersUpdate {
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_expanded: Option<bool>,
    /// The folder it is put into, at its end; null = the top. (`connections.move` puts it before another one.)
    #[serde(deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<Option<String>>,
}
method!(FoldersUpdate = "connections.folders.update" -> Done);

/// Takes a folder away; what is in it goes to its parent, or with it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct FoldersDelete {
    pub id: String,
    pub with_content: bool,
}
method!(FoldersDelete = "connections.folders.delete" -> Done);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Connection {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_seeds_own_words_are_read_and_written() {
        let json = r#"{"id":"conn-3","name":"SSH to sensor-node","folderId":"folder-2",
            "config":{"type":"ssh","config":{"host":"10.0.0.5","username":"pi","keyPath":null,"icon":7}},"later":[1]}"#;
        let connection = read(json);
        let Ok(Kind::Ssh(ssh)) = connection.config.kind() else { panic!() };
        assert_eq!((ssh.dest().as_str(), connection.leads_to().as_str()), ("pi@10.0.0.5", "pi@10.0.0.5"));
        let again: Value = serde_json::to_value(&connection).unwrap();
        assert_eq!(again, serde_json::from_str::<Value>(json).unwrap(), "nothing is lost of what is not known");
    }

    #[test]
    fn kinds_as_others_write_them() {
        let shell = read(r#"{"config":{"type":"shell","config":{"initial_command":"ls","starting_directory":"~"}}}"#);
        let Ok(Kind::Local(local)) = shell.config.kind() else { panic!() };
        assert_eq!((local.initial_command.as_deref(), local.starting_directory.as_deref()), (Some("ls"), Some("~")));
        let port = |p: &str| read(&format!(r#"{{"config":{{"type":"ssh","config":{{"host":"h","port":{p}}}}}}}"#));
        for (p, dest) in [("22", "h:22"), ("\"2222\"", "h:2222"), ("null", "h"), ("\"\"", "h")] {
            let Ok(Kind::Ssh(ssh)) = port(p).config.kind() else { panic!("{p}") };
            assert_eq!(ssh.dest(), dest);
        }
        for bad in ["70000", "-1", "\"x\"", "[]", "1.5"] {
            assert!(port(bad).config.kind().unwrap_err().contains("no port"), "{bad}");
        }
        let v6 = Ssh { host: "fe80::1".into(), port: 22, username: "a".into(), ..Ssh::default() };
        assert_eq!(v6.dest(), "a@[fe80::1]:22");
        let serial = read(r#"{"config":{"type":"serial","config":{"port":"/dev/ttyUSB0","baud_rate":115200}}}"#);
        assert_eq!(serial.leads_to(), "/dev/ttyUSB0 · 115200");
        assert!(matches!(serial.config.kind(), Ok(Kind::Serial(s)) if s.baud_rate == 115_200));
    }
}
