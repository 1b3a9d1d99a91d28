//! Owns THE table of other names for fields of a connection's `config`: those of files of other programs, of older builds, and
//! those that people type. Pure. Leaves out what the fields are (each kind's struct) and what is right in them (`check`).

use super::Config;
use serde_json::{Map, Value};

/// Kinds, another name, and the field's own.
const ALSO: &[(&[&str], &str, &str)] = &[
    (&["local"], "initial_command", "initialCommand"),
    (&["local", "ssh", "docker"], "starting_directory", "startingDirectory"),
    (&["local", "ssh", "docker"], "cwd", "startingDirectory"),
    (&["docker"], "workingDir", "startingDirectory"),
    (&["ssh"], "key_path", "keyPath"),
    (&["ssh"], "jump", "proxyJump"),
    // (as ssh_config has them)
    (&["ssh"], "identityFile", "keyPath"),
    (&["ssh"], "hostName", "host"),
    (&["ssh"], "user", "username"),
    (&["serial"], "baud_rate", "baudRate"),
    (&["serial"], "baud", "baudRate"),
    (&["serial"], "data_bits", "dataBits"),
    (&["serial"], "stop_bits", "stopBits"),
    (&["serial"], "flow_control", "flowControl"),
    (&["serial"], "local_echo", "localEcho"),
    (&["serial"], "line_ending", "lineEnding"),
    (&["docker"], "container_id", "container"),
    (&["docker"], "container_name", "containerName"),
    (&["docker"], "name", "containerName"),
    (&["docker"], "username", "user"),
];

fn of_kind(kind: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    // ("shell" is what sessions are called: taken for the same)
    let kind = if kind == "shell" { "local" } else { kind };
    ALSO.iter().filter(move |(kinds, ..)| kinds.contains(&kind)).map(|(_, other, own)| (*other, *own))
}

/// A field's own name.
pub fn own<'a>(kind: &str, name: &'a str) -> &'a str {
    of_kind(kind).find(|(other, _)| *other == name).map_or(name, |(_, own)| own)
}

/// What else a field of this name may be called.
pub fn others(kind: &str, field: &str) -> impl Iterator<Item = &'static str> {
    of_kind(kind).filter(move |(_, own)| *own == field).map(|(other, _)| other)
}

/// All fields by their own names; where one is there by both, its own goes before.
pub fn by_own(kind: &str, config: &mut Map<String, Value>) {
    for (other, own) in of_kind(kind) {
        if let Some(value) = config.remove(other)
            && config.get(own).is_none_or(Value::is_null)
        {
            config.insert(own.into(), value);
        }
    }
}

impl Config {
    /// The same with all fields by their own names.
    pub fn by_own_names(&mut self) {
        by_own(&self.kind, &mut self.config);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::control::connections::{Docker, Kind, Local, Serial, Ssh};
    use serde_json::json;

    #[test]
    fn each_other_name_leads_to_a_field_of_its_kind() {
        let set = |value: Value| match value {
            Value::Object(map) => map.keys().cloned().collect::<Vec<_>>(),
            _ => Vec::new(),
        };
        let some = || Some("x".to_string());
        let local = Local { initial_command: some(), starting_directory: some(), ..Local::default() };
        let ssh = Ssh {
            key_path: some(),
            proxy_jump: some(),
            starting_directory: some(),
            username: "x".into(),
            ..Ssh::default()
        };
        let serial = Serial { local_echo: true, line_ending: "lf".into(), ..Serial::default() };
        let docker =
            Docker { container: some(), name: some(), user: some(), starting_directory: some(), ..Docker::default() };
        let fields = |kind: &str| match kind {
            "local" => set(serde_json::to_value(&local).unwrap()),
            "ssh" => set(serde_json::to_value(&ssh).unwrap()),
            "serial" => set(serde_json::to_value(&serial).unwrap()),
            _ => set(serde_json::to_value(&docker).unwrap()),
        };
        for (kinds, other, field) in ALSO {
            for kind in *kinds {
                let fields = fields(kind);
                assert!(fields.iter().any(|f| f == field), "{kind} has no {field}: {fields:?}");
                assert!(!fields.iter().any(|f| f == other), "{kind}: {other} is a field's own name");
                assert_eq!((own(kind, other), own(kind, field)), (*field, *field));
                assert!(others(kind, field).any(|o| o == *other));
            }
        }
        assert_eq!(
            (own("ssh", "username"), own("vnc", "cwd"), own("shell", "cwd")),
            ("username", "cwd", "startingDirectory")
        );
    }

    #[test]
    fn a_field_by_its_own_name_goes_before() {
        let read =
            |kind: &str, config: Value| Config { kind: kind.into(), config: config.as_object().unwrap().clone() };
        let both = read("serial", json!({ "port": "/dev/ttyS1", "baud": 300, "baud_rate": 600, "baudRate": 9600 }));
        assert!(matches!(both.kind(), Ok(Kind::Serial(s)) if s.baud_rate == 9600));
        let mut docker = read("docker", json!({ "image": "x", "name": "mine", "username": "me", "user": null }));
        assert!(
            matches!(docker.kind(), Ok(Kind::Docker(d)) if d.name.as_deref() == Some("mine") && d.user.as_deref() == Some("me"))
        );
        docker.by_own_names();
        assert_eq!(Value::Object(docker.config), json!({ "image": "x", "containerName": "mine", "user": "me" }));
        // of a kind that is not known here nothing is changed
        let mut other = read("vnc", json!({ "cwd": "/", "name": "x" }));
        let before = other.clone();
        other.by_own_names();
        assert_eq!(other, before);
    }
}
