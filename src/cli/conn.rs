//! Owns the verb `conn`: prepared connections and folders of a host, for scripts. Leaves out opening one (`thub new`),
//! and files of other programs (`conn/import.rs`, `conn/export.rs`).

mod export;
mod import;

use super::call::Client;
use super::{Common, Conn, ConnAdd, ConnEdit, ConnVerb, New, Once};
use crate::client::host::{Env, HostId, list_connections};
use crate::failure::Failure;
use crate::proto::control::connections::check::{check, check_name, check_port};
use crate::proto::control::connections::find::{Found, Unfound};
use crate::proto::control::connections::*;
use crate::proto::control::{Fault, Method};
use crate::text::{escape, shell, short};
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::sync::Arc;

pub async fn conn(env: &Arc<Env>, common: &Common, host: &HostId, conn: &Conn) -> Result<(), Failure> {
    // what can't be read is said before anything is dialed
    let read = match &conn.verb {
        ConnVerb::Import(import) => Some(import::read(import).await?),
        _ => None,
    };
    let book = Book::open(env, host).await?;
    match &conn.verb {
        ConnVerb::Import(import) => match read {
            Some(read) => book.import(import, read, common.json).await,
            None => Ok(()),
        },
        ConnVerb::Export(export) => book.export(export),
        ConnVerb::Ls => book.ls(common.json),
        ConnVerb::Show { name } => book.show(name, common.json),
        ConnVerb::Add(add) => book.add(add).await,
        ConnVerb::Edit(edit) => book.edit(edit).await,
        ConnVerb::Rm { names, recursive } => book.rm(names, *recursive).await,
        ConnVerb::Mv { names, to, before } => book.mv(names, to, before.as_deref()).await,
        ConnVerb::Mkdir { path } => book.mkdir(path).await.map(|id| println!("{}", escape(&id))),
    }
}

/// The connections of a host, as they were a moment ago.
pub struct Book {
    client: Client,
    listed: Listed,
}

/// What a word means, or a sentence and what to do.
pub fn meant<T>(found: Result<T, Unfound>, word: &str, list: &str) -> Result<T, Failure> {
    found.map_err(|why| match why {
        Unfound::Nothing => Failure::usage(
            format!("there is no connection or folder '{}'", short(word, 100)),
            format!("`{list}` lists what is there"),
        ),
        Unfound::Several(paths) => Failure::usage(
            format!("'{}' may be any of {}", short(word, 100), short(&paths.join(", "), 400)),
            "write its whole path, or its id where several have that",
        ),
    })
}

impl Book {
    pub async fn open(env: &Arc<Env>, host: &HostId) -> Result<Book, Failure> {
        let client = Client::connect(env, host).await?;
        let listed = list_connections(client.link(), client.stream()).await.map_err(|f| client.fault(f))?;
        if let Some(told) = &listed.told {
            eprintln!("thub: {}", escape(told));
        }
        Ok(Book { client, listed })
    }

    fn meant<'a, T>(&'a self, find: impl FnOnce(&'a Listed) -> Result<T, Unfound>, word: &str) -> Result<T, Failure> {
        meant(find(&self.listed), word, &self.client.typed("conn ls"))
    }

    async fn call<M: Method>(&self, method: &M) -> Result<M::Reply, Failure> {
        self.client.link().call(method).await.map_err(|f| match f.code {
            Fault::UNKNOWN => {
                Failure::usage(escape(&f.message), format!("`{}` lists what is there", self.client.typed("conn ls")))
            }
            Fault::NAME_TAKEN => {
                let list = self.client.typed("conn ls");
                Failure::usage(
                    escape(&f.message),
                    format!("`{list}` lists the names there are; `thub conn edit` gives another one"),
                )
            }
            Fault::BAD_PARAMS => Failure::usage(escape(&f.message), "`thub conn add --help` names the fields"),
            _ => self.client.fault(f),
        })
    }

    fn ls(&self, json: bool) -> Result<(), Failure> {
        if json {
            let all = json!({ "folders": self.listed.folders, "connections": self.listed.connections });
            println!("{}", serde_json::to_string(&all).map_err(anyhow::Error::from)?);
            return Ok(());
        }
        let mut rows = vec![["ID", "TYPE", "NAME", "LEADS TO", "TAGS"].map(String::from)];
        for folder in &self.listed.folders {
            let path = format!("{}/", escape(&self.listed.path(Found::Folder(folder))));
            rows.push([escape(&folder.id), "folder".into(), path, String::new(), String::new()]);
        }
        for c in &self.listed.connections {
            rows.push([
                escape(&c.id),
                short(&c.config.kind, 20),
                escape(&self.listed.path(Found::Connection(c))),
                c.leads_to(),
                short(&c.tags.join(","), 60),
            ]);
        }
        print!("{}", super::sessions::table(&rows));
        Ok(())
    }

    fn show(&self, name: &str, json: bool) -> Result<(), Failure> {
        let found = self.meant(|all| all.find_loosely(name), name)?;
        let value = match found {
            Found::Connection(c) => serde_json::to_value(c),
            Found::Folder(f) => serde_json::to_value(f),
        };
        let value = value.map_err(anyhow::Error::from)?;
        // (JSON's own escapes leave what is invisible as it is: shown to a person, each line is escaped)
        match json {
            true => println!("{value}"),
            false => {
                let pretty = serde_json::to_string_pretty(&value).map_err(anyhow::Error::from)?;
                pretty.lines().for_each(|line| println!("{}", escape(line)));
            }
        }
        Ok(())
    }

    async fn add(&self, add: &ConnAdd) -> Result<(), Failure> {
        let connection = Connection { name: add.name.clone(), tags: add.tag.clone(), ..Connection::default() };
        let config = config_of(add.kind.as_deref(), add.dest.as_deref())?;
        let mut connection = with_fields(Connection { config, ..connection }, &add.set)?;
        connection.folder_id = match &add.folder {
            Some(path) => Some(self.mkdir(path).await?),
            None => None,
        };
        let made = self.call(&ConnectionsCreate { connection }).await?;
        println!("{}", escape(&made.id));
        Ok(())
    }

    async fn edit(&self, edit: &ConnEdit) -> Result<(), Failure> {
        let found = self.meant(|all| all.find(&edit.target), &edit.target)?;
        let connection = match found {
            Found::Connection(c) => c,
            Found::Folder(folder) => {
                let name =
                    edit.name.clone().filter(|_| edit.set.is_empty() && edit.unset.is_empty()).ok_or_else(|| {
                        Failure::usage("a folder has nothing but its name", "give it another one with --name")
                    })?;
                let update = FoldersUpdate { id: folder.id.clone(), name: Some(name), ..FoldersUpdate::default() };
                return self.call(&update).await.map(drop);
            }
        };
        let mut patch = json!({});
        if let Some(name) = &edit.name {
            patch["name"] = name.as_str().into();
        }
        if edit.no_tags || !edit.tag.is_empty() {
            patch["tags"] = edit.tag.clone().into();
        }
        for field in &edit.set {
            check_field(&connection.config.kind, field)?;
            set(&mut patch, &connection.config.kind, field)?;
            // by another name it would be there twice
            let config = &connection.config;
            for other in also(&config.kind, field).into_iter().filter(|n| config.config.contains_key(*n)) {
                set_value(&mut patch, other, Value::Null)?;
            }
        }
        for field in &edit.unset {
            set_value(&mut patch, field, Value::Null)?;
        }
        let Value::Object(patch) = patch else { return Ok(()) };
        if patch.is_empty() {
            return Err(Failure::usage(
                "nothing is to be changed",
                "say what with --set FIELD=VALUE, --unset FIELD, --name or --tag",
            ));
        }
        self.call(&ConnectionsUpdate { id: connection.id.clone(), patch }).await.map(drop)
    }

    async fn rm(&self, names: &[String], recursive: bool) -> Result<(), Failure> {
        let (mut folders, mut ids) = (Vec::new(), Vec::new());
        for name in names {
            match self.meant(|all| all.find(name), name)? {
                Found::Connection(c) => ids.push(c.id.clone()),
                Found::Folder(f) => folders.push(f.id.clone()),
            }
        }
        if !ids.is_empty() {
            self.call(&ConnectionsDelete { id: String::new(), ids }).await?;
        }
        // what lies in another one that goes as a whole goes with it
        let inside = |id: &String| {
            let mut at = self.listed.folders.iter().find(|f| f.id == *id);
            for _ in 0..self.listed.folders.len() {
                let Some(parent) = at.and_then(|f| f.parent_id.as_ref()) else { return false };
                if folders.contains(parent) {
                    return true;
                }
                at = self.listed.folders.iter().find(|f| f.id == *parent);
            }
            false
        };
        let mut done = HashSet::new();
        for id in folders.iter().filter(|id| !(recursive && inside(id)) && done.insert((*id).clone())).cloned() {
            self.call(&FoldersDelete { id, with_content: recursive }).await?;
        }
        Ok(())
    }

    async fn mv(&self, names: &[String], to: &str, before: Option<&str>) -> Result<(), Failure> {
        let mut ids = Vec::new();
        for name in names {
            ids.push(self.meant(|all| all.find(name), name)?.id().to_string());
        }
        let folder = match to {
            "/" => None,
            path => Some(self.meant(|all| all.find_folder(path), path)?.id.clone()),
        };
        let before = match before {
            Some(name) => Some(self.meant(|all| all.find(name), name)?.id().to_string()),
            None => None,
        };
        self.call(&ConnectionsMove { ids, folder, before }).await.map(drop)
    }

    /// The folder of that path, made as far as it is not there.
    async fn mkdir(&self, path: &str) -> Result<String, Failure> {
        if let Some(folder) = self.listed.folders.iter().find(|f| f.id == path) {
            return Ok(folder.id.clone());
        }
        let mut parent_id: Option<String> = None;
        for name in path.split('/').filter(|n| !n.trim().is_empty()) {
            let there = self.listed.folders.iter().find(|f| f.parent_id == parent_id && f.name == name);
            parent_id = Some(match there {
                Some(folder) => folder.id.clone(),
                None => {
                    let folder = Folder { name: name.into(), parent_id, ..Folder::default() };
                    self.call(&FoldersCreate { folder }).await?.id
                }
            });
        }
        parent_id.ok_or_else(|| Failure::usage("a folder needs a name", "for example `thub conn mkdir Lab/Boards`"))
    }
}

/// `user@host:port` as it is typed everywhere.
fn ssh_of(dest: &str) -> Result<Ssh, Failure> {
    let parsed = crate::transport::ssh::config::parse_dest(dest)?;
    Ok(Ssh {
        host: parsed.host,
        username: parsed.user.unwrap_or_default(),
        port: parsed.port.unwrap_or(0),
        ..Ssh::default()
    })
}

/// A connection with these fields set, checked.
fn with_fields(connection: Connection, fields: &[String]) -> Result<Connection, Failure> {
    let mut json = serde_json::to_value(&connection).map_err(anyhow::Error::from)?;
    for field in fields {
        check_field(&connection.config.kind, field)?;
        set(&mut json, &connection.config.kind, field)?;
    }
    let connection: Connection = serde_json::from_value(json)
        .map_err(|e| Failure::usage(short(&e.to_string(), 200), "`thub conn show NAME` shows how fields look like"))?;
    match check(&connection).first() {
        Some(wrong) => {
            Err(Failure::usage(format!("{}: {}", wrong.field, wrong.why), "`thub conn add --help` names the fields"))
        }
        None => Ok(connection),
    }
}

/// What `thub new` opens once, where it is no program.
pub fn once(new: &New) -> Result<Option<Connection>, Failure> {
    let (kind, dest) = match &new.once {
        Once { serial: Some(port), .. } => ("serial", port),
        Once { container: Some(container), .. } => ("docker", container),
        Once { image: Some(image), .. } => ("docker", image),
        Once { telnet: Some(dest), .. } => ("telnet", dest),
        _ => return Ok(None),
    };
    let mut config = config_of(Some(kind), Some(dest))?;
    if new.once.image.is_some() {
        config.config = Map::from_iter([("image".to_string(), Value::from(dest.as_str()))]);
    }
    if !new.command.is_empty() {
        let words: Vec<String> = new.command.iter().map(|word| shell(word)).collect();
        config.config.insert("command".into(), words.join(" ").into());
    }
    if let Some(cwd) = &new.cwd {
        config.config.insert("startingDirectory".into(), cwd.as_str().into());
    }
    let name = short(dest.rsplit('/').next().unwrap_or_default(), 60);
    let name = if check_name(&name).is_ok() { name } else { kind.to_string() };
    with_fields(Connection { name, config, ..Connection::default() }, &new.once.set).map(Some)
}

/// What a connection of this kind leads to, as it is typed.
fn config_of(kind: Option<&str>, dest: Option<&str>) -> Result<Config, Failure> {
    let of = |kind: &str, field: &str, value: &str| Config {
        kind: kind.into(),
        config: Map::from_iter([(field.to_string(), Value::from(value))]),
    };
    let empty = |kind: &str| Config { kind: kind.into(), config: Map::new() };
    Ok(match (kind, dest) {
        (None, None) => empty("local"),
        (Some(kind), None) => empty(kind),
        (None | Some("ssh"), Some(dest)) => Config::ssh(&ssh_of(dest)?),
        (Some("serial"), Some(port)) => of("serial", "port", port),
        (Some("docker"), Some(container)) => of("docker", "container", container),
        (Some("telnet"), Some(dest)) => {
            let wrong = || {
                Failure::usage(
                    format!("'{}' is no telnet host", short(dest, 60)),
                    "write a name or an address, and a port from 1 to 65535 behind it where it is not 23: 10.0.0.2:2323",
                )
            };
            let parsed = crate::transport::ssh::config::parse_dest(dest).map_err(|_| wrong())?;
            if parsed.user.is_some() {
                return Err(wrong());
            }
            let mut config = of("telnet", "host", &parsed.host);
            if let Some(port) = parsed.port {
                config.config.insert("port".into(), port.into());
            }
            config
        }
        (Some(kind), Some(dest)) => {
            return Err(Failure::usage(
                format!("a connection of type {} leads to no '{}'", short(kind, 20), short(dest, 60)),
                "`thub conn add --help` names the fields",
            ));
        }
    })
}

/// Where a field lies in a connection: most are its kind's, some its terminal's.
const TERMINAL: [&str; 7] = ["ringBufferSize", "scrollbackBuffer", "sizePolicy", "term", "color", "title", "encoding"];
const NUMBERS: [&str; 6] = ["ringBufferSize", "scrollbackBuffer", "port", "baudRate", "dataBits", "stopBits"];
const SWITCHES: [&str; 10] =
    ["forwardAgent", "enableX11Forwarding", "dtr", "rts", "localEcho", "crlf", "timestamps", "hex", "wait", "remove"];

/// The fields of a connection's kind, as far as they are known here; of other kinds all are kept as they are given.
fn fields_of(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "local" | "shell" => &["shell", "command", "initialCommand", "startingDirectory"],
        "ssh" => &[
            "host",
            "port",
            "username",
            "keyPath",
            "proxyJump",
            "forwardAgent",
            "enableX11Forwarding",
            "command",
            "startingDirectory",
        ],
        "serial" => &[
            "port",
            "baudRate",
            "dataBits",
            "stopBits",
            "parity",
            "flowControl",
            "dtr",
            "rts",
            "localEcho",
            "lineEnding",
            "crlf",
            "timestamps",
            "hex",
            "log",
            "wait",
            "via",
        ],
        "docker" => {
            &["container", "image", "mode", "containerName", "command", "user", "startingDirectory", "remove", "socket"]
        }
        "telnet" => &["host", "port", "mode"],
        _ => return None,
    })
}

/// A field's name as it is kept. (`name` is the connection's own.)
fn proper<'a>(kind: &str, name: &'a str) -> &'a str {
    if name == "name" { name } else { names::own(kind, name) }
}

/// The other names that a field of a connection may lie under.
fn also(kind: &str, field: &str) -> Vec<&'static str> {
    let name = proper(kind, field.split('=').next().unwrap_or_default());
    names::others(kind, name).collect()
}

fn check_field(kind: &str, field: &str) -> Result<(), Failure> {
    let name = proper(kind, field.split('=').next().unwrap_or_default());
    let known = fields_of(kind).is_none_or(|of_kind| of_kind.contains(&name));
    match known || TERMINAL.contains(&name) || name == "name" || name.starts_with("env.") {
        true => Ok(()),
        false => Err(Failure::usage(
            format!("a connection of type {} has no field '{}'", short(kind, 20), short(name, 60)),
            "`thub conn add --help` names the fields",
        )),
    }
}

/// `FIELD=VALUE` of a connection of this kind.
fn set(into: &mut Value, kind: &str, field: &str) -> Result<(), Failure> {
    let wrong = || Failure::usage(format!("'{}' is no FIELD=VALUE", short(field, 80)), "for example --set term=vt220");
    let (name, text) = field.split_once('=').ok_or_else(wrong)?;
    let name = proper(kind, name);
    // of a serial line the port is a file; of kinds that are not known here, what looks like a number is one
    let is_every = TERMINAL.contains(&name) || name == "name" || name.starts_with("env.");
    let value = match name {
        "port" if kind == "serial" => Value::from(text),
        _ if !is_every && fields_of(kind).is_none() => match text.parse::<u64>() {
            Ok(number) if text.bytes().all(|b| b.is_ascii_digit()) => number.into(),
            _ => Value::from(text),
        },
        n if NUMBERS.contains(&n) => {
            let no_number =
                |_| Failure::usage(format!("{n}: '{}' is no number", short(text, 40)), "write digits alone");
            let number = text.trim().parse::<u64>().map_err(no_number)?;
            if n == "port" {
                let no_port = |why| Failure::usage(format!("{n}: {why}"), "without one it is as ssh_config says");
                check_port(number).map_err(no_port)?;
            }
            number.into()
        }
        n if SWITCHES.contains(&n) => match text {
            "true" | "yes" | "on" => true.into(),
            "false" | "no" | "off" => false.into(),
            _ => {
                return Err(Failure::usage(
                    format!("{n}: '{}' is neither true nor false", short(text, 40)),
                    format!("--set {n}=true"),
                ));
            }
        },
        _ => Value::from(text),
    };
    set_value(into, name, value)
}

fn set_value(into: &mut Value, name: &str, value: Value) -> Result<(), Failure> {
    let path: Vec<&str> = match name {
        "name" => vec!["name"],
        n if TERMINAL.contains(&n) => vec!["terminalOptions", n],
        n => match n.strip_prefix("env.") {
            Some(variable) if !variable.is_empty() => vec!["config", "config", "env", variable],
            _ if !n.is_empty() && n.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
                vec!["config", "config", n]
            }
            _ => {
                return Err(Failure::usage(
                    format!("'{}' is no field", short(name, 60)),
                    "`thub conn add --help` names the fields",
                ));
            }
        },
    };
    let mut at = into;
    for part in path {
        if !at.is_object() {
            *at = json!({});
        }
        // (an index that is not there is made)
        at = &mut at[part];
    }
    *at = value;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_field() {
        use clap::CommandFactory;
        let mut command = crate::cli::Cli::command();
        let add = command.find_subcommand_mut("conn").and_then(|c| c.find_subcommand_mut("add")).unwrap();
        let help = add.get_after_help().unwrap().to_string();
        for kind in ["local", "ssh", "serial", "docker", "telnet"] {
            let of_it = help.lines().find(|l| l.starts_with(&format!("Of {kind} ones:"))).unwrap_or_default();
            let words: Vec<&str> = of_it.split(|c: char| !c.is_ascii_alphanumeric()).collect();
            for field in fields_of(kind).unwrap() {
                assert!(words.contains(field), "{kind}: {field}");
            }
        }
    }

    #[test]
    fn fields_go_where_they_belong() {
        let mut all = json!({});
        for field in ["term=vt220", "ringBufferSize=8192", "shell=/bin/sh", "env.A=b=c", "port=22", "forwardAgent=yes"]
        {
            set(&mut all, "ssh", field).unwrap();
        }
        set_value(&mut all, "title", Value::Null).unwrap();
        assert_eq!(
            all,
            json!({ "terminalOptions": { "term": "vt220", "ringBufferSize": 8192, "title": null },
                    "config": { "config": { "shell": "/bin/sh", "env": { "A": "b=c" }, "port": 22, "forwardAgent": true } } })
        );
        for bad in ["port=0", "port=65536"] {
            let said = set(&mut json!({}), "ssh", bad).unwrap_err();
            let number = bad.strip_prefix("port=").unwrap();
            assert_eq!((said.code(), said.what), (2, format!("port: {number} is no port: 1 to 65535")));
        }
        for bad in ["term", "port=x", "forwardAgent=maybe", "env.=x", "a.b=c", "=x"] {
            assert_eq!(set(&mut json!({}), "ssh", bad).unwrap_err().code(), 2, "{bad}");
        }
        let mut serial = json!({});
        for field in ["port=/dev/ttyUSB0", "baud_rate=115200", "flow_control=none", "ringBufferSize=8192"] {
            set(&mut serial, "serial", field).unwrap();
        }
        assert_eq!(
            serial,
            json!({ "terminalOptions": { "ringBufferSize": 8192 },
                    "config": { "config": { "port": "/dev/ttyUSB0", "baudRate": 115200, "flowControl": "none" } } })
        );
        for bad in ["baudRate=fast", "hex=maybe", "dtr=1"] {
            assert_eq!(set(&mut json!({}), "serial", bad).unwrap_err().code(), 2, "{bad}");
        }
        assert!(check_field("serial", "baud=9600").is_ok() && check_field("serial", "speed=9600").is_err());
        assert_eq!(also("serial", "baud=9600"), ["baud_rate", "baud"]);
        // the name of a connection is no name of its container
        let mut docker = json!({});
        for field in ["name=web 2", "container_name=web", "username=me"] {
            check_field("docker", field).unwrap();
            set(&mut docker, "docker", field).unwrap();
        }
        let config = json!({ "containerName": "web", "user": "me" });
        assert_eq!(docker, json!({ "name": "web 2", "config": { "config": config } }));
    }

    #[test]
    fn what_a_kind_leads_to_is_typed_in_its_own_way() {
        let of = |kind: &str, dest: &str| serde_json::to_value(config_of(Some(kind), Some(dest)).unwrap()).unwrap();
        assert_eq!(of("serial", "/dev/ttyUSB0"), json!({ "type": "serial", "config": { "port": "/dev/ttyUSB0" } }));
        assert_eq!(of("docker", "web"), json!({ "type": "docker", "config": { "container": "web" } }));
        assert_eq!(of("telnet", "h:2323"), json!({ "type": "telnet", "config": { "host": "h", "port": 2323 } }));
        assert_eq!(of("telnet", "h"), json!({ "type": "telnet", "config": { "host": "h" } }));
        // (who one is there is asked by the host)
        for bad in ["me@h", "h:0", "h:99999", "-x", ""] {
            assert_eq!(config_of(Some("telnet"), Some(bad)).unwrap_err().code(), 2, "{bad}");
        }
        assert_eq!(config_of(Some("local"), Some("x")).unwrap_err().code(), 2);
        assert_eq!(config_of(None, None).unwrap().kind, "local");
    }
}
