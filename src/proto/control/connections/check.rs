//! Owns what is right in a connection: every field's rule and the sentence that says it, and `${env:VAR}` in its words.
//! Pure: a form asks while somebody types, a store before it keeps. Leaves out whether a path or a host is there.

mod docker;

use super::{Config, Connection, Kind, LONGEST_NAME, Local, Serial, Ssh, Telnet, TerminalOptions};
use crate::proto::control::SessionCreate;
use crate::text::{escape, is_deceptive, short};
use serde_json::Value;

/// A field and what is wrong in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// As in connections.json: `name`, `host`, `ringBufferSize`.
    pub field: &'static str,
    pub why: String,
}

fn wrong(field: &'static str, why: impl Into<String>) -> Wrong {
    Wrong { field, why: why.into() }
}

/// Whether a connection or a folder may carry this name: 1 to 200 printable characters, not blanks alone.
pub fn check_name(name: &str) -> Result<(), String> {
    let printable = name.chars().all(|c| !c.is_control() && !is_deceptive(c));
    let count = name.chars().count();
    if name.trim().is_empty() {
        return Err("a name is missing".into());
    }
    if !printable || count > LONGEST_NAME {
        return Err(format!("'{}' is no name: use 1 to {LONGEST_NAME} printable characters", short(name, 60)));
    }
    Ok(())
}

/// Why a connection can't have a name that is right in itself.
pub fn taken_by_another(name: &str) -> String {
    format!("another connection there is called '{}': choose another name", short(name, 60))
}

/// Whether a number that was typed is a port. (In a file 0 is there as well, for what ssh_config says.)
pub fn check_port(number: u64) -> Result<(), String> {
    if (1..=65535).contains(&number) { Ok(()) } else { Err(no_port(number)) }
}

pub(super) fn no_port(shown: impl std::fmt::Display) -> String {
    format!("{shown} is no port: 1 to 65535")
}

/// All that is wrong in it; nothing = it can be kept, and as far as can be said here opened.
pub fn check(connection: &Connection) -> Vec<Wrong> {
    let mut found = Vec::new();
    if let Err(why) = check_name(&connection.name) {
        found.push(wrong("name", why));
    }
    match connection.config.kind() {
        Ok(Kind::Local(local)) => check_local(&local, &mut found),
        Ok(Kind::Ssh(ssh)) => check_ssh(&ssh, &mut found),
        Ok(Kind::Serial(serial)) => check_serial(&serial, &mut found),
        Ok(Kind::Docker(docker)) => docker::check_docker(&docker, &mut found),
        Ok(Kind::Telnet(telnet)) => check_telnet(&telnet, &mut found),
        Ok(Kind::Other(kind)) if kind.is_empty() => {
            found.push(wrong("type", "its type is missing: local, ssh, serial, docker or telnet"))
        }
        Ok(Kind::Other(_)) => {}
        Err(why) => found.push(unread(&connection.config, why)),
    }
    check_options(&connection.terminal_options, &mut found);
    for tag in &connection.tags {
        if check_name(tag).is_err() || tag.contains(',') {
            found.push(wrong("tags", format!("'{}' is no tag: printable characters without commas", short(tag, 40))));
        }
    }
    found
}

/// What can't be read: a number that is beyond all bounds is said as one beyond its own.
fn unread(config: &Config, why: String) -> Wrong {
    const NUMBERS: [(&str, &str, Rule); 4] = [
        ("baudRate", "baud_rate", check_baud),
        ("dataBits", "data_bits", check_data_bits),
        ("stopBits", "stop_bits", check_stop_bits),
        ("port", "port", check_port),
    ];
    let number = |name: &str| config.config.get(name).and_then(Value::as_u64);
    let found = NUMBERS.iter().find_map(|(field, other, rule)| {
        let why = rule(number(field).or_else(|| number(other))?).err()?;
        Some(wrong(field, why))
    });
    found.unwrap_or_else(|| wrong("config", why))
}

type Rule = fn(u64) -> Result<(), String>;

fn check_local(local: &Local, found: &mut Vec<Wrong>) {
    if let Some(shell) = &local.shell {
        path("shell", shell, found);
    }
    if let Some(command) = &local.command {
        line("command", command, found);
    }
    if local.command.is_some() && local.initial_command.is_some() {
        found.push(wrong("initialCommand", "either a command in the shell's stead or one typed into it"));
    }
    if let Some(typed) = &local.initial_command {
        line("initialCommand", typed, found);
    }
    if let Some(directory) = &local.starting_directory {
        path("startingDirectory", directory, found);
    }
    check_env(&local.env, found);
}

fn check_ssh(ssh: &Ssh, found: &mut Vec<Wrong>) {
    if ssh.host.trim().is_empty() {
        found.push(wrong("host", "a host is missing: a name, an address, or an alias of ssh_config"));
    } else {
        word("host", &ssh.host, "._-:%+[]", found);
    }
    if !ssh.username.is_empty() {
        placeholders("username", &ssh.username, found);
        let bad =
            |c: char| "'`\";&<>|(){}$\\!*?#~".contains(c) || c.is_whitespace() || c.is_control() || is_deceptive(c);
        if ssh.username.starts_with('-') || (!has_placeholder(&ssh.username) && ssh.username.chars().any(bad)) {
            found.push(wrong("username", format!("'{}' is no user's name", short(&ssh.username, 60))));
        }
    }
    if let Some(key) = &ssh.key_path {
        path("keyPath", key, found);
    }
    if let Some(jump) = &ssh.proxy_jump {
        word("proxyJump", jump, "._-:%+[]@,/", found);
    }
    if let Some(command) = &ssh.command {
        line("command", command, found);
    }
    if let Some(directory) = &ssh.starting_directory {
        path("startingDirectory", directory, found);
    }
    check_env(&ssh.env, found);
}

fn check_serial(serial: &Serial, found: &mut Vec<Wrong>) {
    let port = serial.port.as_str();
    if port.trim().is_empty() {
        found.push(wrong(
            "port",
            "a port is missing: its device, as /dev/ttyUSB0 is (`thub serial` lists those there are)",
        ));
    } else {
        line("port", port, found);
        if !port.starts_with('/') && !port.starts_with("${env:") {
            let why = format!("'{}' is no device's path: write it from / on, as /dev/ttyUSB0 is", short(port, 60));
            found.push(wrong("port", why));
        }
    }
    for (field, result) in [
        ("baudRate", check_baud(serial.baud_rate.into())),
        ("dataBits", check_data_bits(serial.data_bits.into())),
        ("stopBits", check_stop_bits(serial.stop_bits.into())),
    ] {
        found.extend(result.err().map(|why| wrong(field, why)));
    }
    one_of("parity", &serial.parity, &Serial::PARITIES, found);
    one_of("flowControl", &serial.flow_control, &Serial::FLOWS, found);
    if !serial.line_ending.is_empty() {
        one_of("lineEnding", &serial.line_ending, &Serial::ENDINGS, found);
    }
    if let Some(log) = &serial.log {
        path("log", log, found);
    }
    if let Some(via) = &serial.via
        && check_name(via).is_err()
    {
        found.push(wrong(
            "via",
            "the name or id of a connection over SSH of this machine: leave it out for a port here",
        ));
    }
}

/// Whether a port can be asked for that speed.
pub fn check_baud(rate: u64) -> Result<(), String> {
    match u32::try_from(rate).is_ok_and(|rate| Serial::SPEEDS.contains(&rate)) {
        true => Ok(()),
        false => Err(format!("{rate} is no speed: 50 to 4000000 bits per second, as 115200 is")),
    }
}

fn check_data_bits(bits: u64) -> Result<(), String> {
    if (5..=8).contains(&bits) { Ok(()) } else { Err(format!("{bits}: a character has 5 to 8 bits")) }
}

fn check_stop_bits(bits: u64) -> Result<(), String> {
    if (1..=2).contains(&bits) { Ok(()) } else { Err(format!("{bits}: 1 or 2")) }
}

fn one_of(field: &'static str, said: &str, of: &[&str], found: &mut Vec<Wrong>) {
    if !of.contains(&said) {
        found.push(wrong(field, format!("'{}' is none of {}", short(said, 40), of.join(", "))));
    }
}

fn check_telnet(telnet: &Telnet, found: &mut Vec<Wrong>) {
    if telnet.host.trim().is_empty() {
        found.push(wrong("host", "a host is missing: a name or an address"));
    } else if let Some((host, port)) = telnet.host.split_once(':')
        && port.parse::<u16>().is_ok()
    {
        let host = short(host, 60);
        found.push(wrong("host", format!("a port has a field of its own: {host} here, and {port} there")));
    } else {
        word("host", &telnet.host, "._-:%", found);
    }
    if !["", "auto", "line", "character"].contains(&telnet.mode.as_str()) {
        found.push(wrong("mode", "one of auto, line, character"));
    }
}

fn check_options(options: &TerminalOptions, found: &mut Vec<Wrong>) {
    if let Some(ring) = options.ring_buffer_size
        && !SessionCreate::RING.contains(&ring)
    {
        found.push(wrong("ringBufferSize", format!("{ring} is out of bounds: 4096 to 1073741824 bytes")));
    }
    if let Some(lines) = options.scrollback_buffer
        && !SessionCreate::HISTORY.contains(&lines)
    {
        found.push(wrong("scrollbackBuffer", format!("{lines} is out of bounds: 0 to 1000000 lines")));
    }
    if let Some(policy) = &options.size_policy
        && !["latest", "smallest", "largest", "fixed"].contains(&policy.as_str())
    {
        found.push(wrong("sizePolicy", "one of latest, smallest, largest, fixed"));
    }
    if let Some(term) = &options.term {
        let good = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
        if term.is_empty() || term.len() > 64 || !term.chars().all(good) {
            found.push(wrong("term", format!("'{}' is no name of a terminal, as xterm-256color is", short(term, 60))));
        }
    }
    if let Some(color) = &options.color
        && color_of(color).is_none()
    {
        found.push(wrong(
            "color",
            format!("'{}' is no colour: #rrggbb, or one of {}", short(color, 40), COLORS.join(", ")),
        ));
    }
    if let Some(title) = &options.title {
        line("title", title, found);
    }
    if let Some(label) = &options.encoding
        && encoding_of(label).is_none()
    {
        let why = format!("'{}' is no encoding known here, as iso-8859-1, shift_jis or koi8-r are", short(label, 40));
        found.push(wrong("encoding", why));
    }
}

/// An encoding of what programs write: one in which the control sequences of terminals are what they are in ASCII.
pub fn encoding_of(label: &str) -> Option<&'static encoding_rs::Encoding> {
    encoding_rs::Encoding::for_label_no_replacement(label.as_bytes()).filter(|e| e.is_ascii_compatible())
}

/// The colours that have names, as terminals number them from 1 on.
pub const COLORS: [&str; 6] = ["red", "green", "yellow", "blue", "magenta", "cyan"];

/// A connection's colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// One of the terminal's own: 1 to 6.
    Named(u8),
    Rgb(u8, u8, u8),
}

pub fn color_of(text: &str) -> Option<Color> {
    if let Some(at) = COLORS.iter().position(|c| c.eq_ignore_ascii_case(text)) {
        return Some(Color::Named(at as u8 + 1));
    }
    let digits = text.strip_prefix('#').filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let n = u32::from_str_radix(digits, 16).ok()?;
    Some(Color::Rgb((n >> 16) as u8, (n >> 8) as u8, n as u8))
}

fn check_env(env: &std::collections::BTreeMap<String, String>, found: &mut Vec<Wrong>) {
    for (name, value) in env {
        let first = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if !first || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            found.push(wrong("env", format!("'{}' is no variable's name: letters, digits and _", short(name, 40))));
        }
        if value.contains('\0') {
            found.push(wrong("env", format!("{}: a value can't hold a NUL", short(name, 40))));
        }
        placeholders("env", value, found);
    }
    if env.len() > 100 {
        found.push(wrong("env", format!("{} variables are too many: 100 at most", env.len())));
    }
}

fn path(field: &'static str, text: &str, found: &mut Vec<Wrong>) {
    line(field, text, found);
    if !text.starts_with('/') && text != "~" && !text.starts_with("~/") && !text.starts_with("${env:") {
        found.push(wrong(field, format!("'{}' is no absolute path: begin with / or ~/", short(text, 60))));
    }
}

fn line(field: &'static str, text: &str, found: &mut Vec<Wrong>) {
    if text.trim().is_empty() {
        found.push(wrong(field, "it is blank: leave it out"));
    }
    if text.chars().any(|c| c.is_control() || is_deceptive(c)) {
        found.push(wrong(field, format!("'{}' holds what can't be seen", short(text, 60))));
    }
    if text.len() > 16 << 10 {
        found.push(wrong(field, "it is too long: 16 KiB at most"));
    }
    placeholders(field, text, found);
}

fn word(field: &'static str, text: &str, beside: &str, found: &mut Vec<Wrong>) {
    placeholders(field, text, found);
    let good = |c: char| c.is_alphanumeric() || beside.contains(c);
    if text.starts_with('-') || text.len() > 1025 || (!has_placeholder(text) && !text.chars().all(good)) {
        found.push(wrong(field, format!("'{}' holds what no host's name has", short(text, 60))));
    }
}

fn has_placeholder(text: &str) -> bool {
    text.contains("${env:")
}

fn placeholders(field: &'static str, text: &str, found: &mut Vec<Wrong>) {
    if let Err(why) = expand(text, |_| Some(String::new())) {
        found.push(wrong(field, why));
    }
}

/// Puts the variables of a machine in the place of `${env:NAME}`; nothing else is special.
///
/// # Errors
/// A sentence: a variable that is not set there, or one that does not end.
pub fn expand(text: &str, var: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    const OPEN: &str = "${env:";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        out.push_str(before);
        let (name, after) =
            after.split_once('}').ok_or_else(|| format!("'{OPEN}{}' has no }} behind it", short(after, 40)))?;
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(good) {
            return Err(format!("'{OPEN}{}}}' names no variable", short(name, 40)));
        }
        out.push_str(&var(name).ok_or_else(|| format!("the variable {} is not set there", escape(name)))?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// The same in all the words of a connection that may have some.
///
/// # Errors
/// As [`expand`], with the field's name before it.
pub fn expanded(kind: Kind, var: impl Fn(&str) -> Option<String>) -> Result<Kind, String> {
    let one = |field: &str, text: &mut String| -> Result<(), String> {
        *text = expand(text, &var).map_err(|why| format!("{field}: {why}"))?;
        Ok(())
    };
    let maybe = |field: &str, text: &mut Option<String>| text.as_mut().map_or(Ok(()), |t| one(field, t));
    Ok(match kind {
        Kind::Local(mut l) => {
            maybe("shell", &mut l.shell)?;
            maybe("command", &mut l.command)?;
            maybe("initialCommand", &mut l.initial_command)?;
            maybe("startingDirectory", &mut l.starting_directory)?;
            l.env.iter_mut().try_for_each(|(name, value)| one(name, value))?;
            Kind::Local(l)
        }
        Kind::Ssh(mut s) => {
            one("host", &mut s.host)?;
            one("username", &mut s.username)?;
            maybe("keyPath", &mut s.key_path)?;
            maybe("proxyJump", &mut s.proxy_jump)?;
            maybe("command", &mut s.command)?;
            maybe("startingDirectory", &mut s.starting_directory)?;
            s.env.iter_mut().try_for_each(|(name, value)| one(name, value))?;
            Kind::Ssh(s)
        }
        Kind::Serial(mut s) => {
            one("port", &mut s.port)?;
            maybe("log", &mut s.log)?;
            Kind::Serial(s)
        }
        Kind::Docker(mut d) => {
            maybe("container", &mut d.container)?;
            maybe("image", &mut d.image)?;
            maybe("name", &mut d.name)?;
            maybe("command", &mut d.command)?;
            maybe("user", &mut d.user)?;
            maybe("startingDirectory", &mut d.starting_directory)?;
            maybe("socket", &mut d.socket)?;
            d.env.iter_mut().try_for_each(|(name, value)| one(name, value))?;
            Kind::Docker(d)
        }
        Kind::Telnet(mut t) => {
            one("host", &mut t.host)?;
            Kind::Telnet(t)
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn fields(connection: &Connection) -> Vec<&'static str> {
        check(connection).into_iter().map(|w| w.field).collect()
    }
    fn named(config: Config) -> Connection {
        Connection { name: "n".into(), config, ..Connection::default() }
    }

    #[test]
    fn what_is_right_is_taken() {
        let local = Local {
            shell: Some("${env:SHELL}".into()),
            starting_directory: Some("~/src".into()),
            env: [("A_1".to_string(), "${env:HOME}/x".to_string())].into(),
            ..Local::default()
        };
        assert_eq!(check(&named(Config::local(&local))), []);
        assert_eq!(check(&named(Config::local(&Local::default()))), []);
        let ssh = Ssh { host: "${env:H}".into(), username: "a".into(), port: 22, ..Ssh::default() };
        assert_eq!(check(&named(Config::ssh(&ssh))), []);
        let other = Config { kind: "modem".into(), ..Config::default() };
        assert_eq!(check(&named(other)), []);
        let serial = Serial { port: "/dev/serial/by-id/usb-FTDI_x".into(), ..Serial::default() };
        assert_eq!(check(&named(Config::serial(&serial))), []);
    }

    #[test]
    fn each_wrong_field_of_a_port_is_named() {
        let serial = |f: &dyn Fn(&mut Serial)| {
            let mut s = Serial { port: "/dev/ttyUSB0".into(), ..Serial::default() };
            f(&mut s);
            fields(&named(Config::serial(&s)))
        };
        assert_eq!(serial(&|s| (s.baud_rate, s.line_ending) = (4_000_000, "crlf".into())), [""; 0]);
        assert_eq!(serial(&|s| (s.data_bits, s.stop_bits, s.parity) = (5, 2, "even".into())), [""; 0]);
        for port in ["", " ", "ttyUSB0", "../../etc/passwd", "-x;id"] {
            assert_eq!(serial(&|s| s.port = port.into()), ["port"], "{port}");
        }
        for rate in [0, 49, 4_000_001, u32::MAX] {
            assert_eq!(serial(&|s| s.baud_rate = rate), ["baudRate"], "{rate}");
        }
        assert_eq!(serial(&|s| (s.data_bits, s.stop_bits) = (9, 0)), ["dataBits", "stopBits"]);
        // beyond what any number of its kind can be
        for (kind, field, says) in [
            ("serial", "baudRate", "99999999999 is no speed: 50 to 4000000"),
            ("serial", "baud_rate", "99999999999 is no speed"),
            ("serial", "dataBits", "99999999999: a character has 5 to 8 bits"),
            ("telnet", "port", "99999999999 is no port: 1 to 65535"),
        ] {
            let json = format!(r#"{{"type":"{kind}","config":{{"{field}":99999999999}}}}"#);
            let found = check(&named(serde_json::from_str(&json).unwrap()));
            assert!(found[0].field != "config" && found[0].why.starts_with(says), "{found:?}");
        }
        let words =
            |s: &mut Serial| (s.parity, s.flow_control, s.line_ending) = ("n".into(), "rts".into(), "\n".into());
        assert_eq!(serial(&|s| words(s)), ["parity", "flowControl", "lineEnding"]);
        assert_eq!(serial(&|s| (s.log, s.via) = (Some("x.log".into()), Some(String::new()))), ["log", "via"]);
        let zero: Config =
            serde_json::from_str(r#"{"type":"serial","config":{"port":"/dev/ttyS1","baud_rate":0}}"#).unwrap();
        assert!(check(&named(zero)).first().is_some_and(|w| w.why.starts_with("0 is no speed: 50 to 4000000")));
    }

    #[test]
    fn each_wrong_field_is_named() {
        let ssh = |f: &dyn Fn(&mut Ssh)| {
            let mut s = Ssh { host: "h".into(), ..Ssh::default() };
            f(&mut s);
            named(Config::ssh(&s))
        };
        assert_eq!(fields(&ssh(&|s| s.host = " ".into())), ["host"]);
        assert_eq!(fields(&ssh(&|s| s.host = "-oProxyCommand=x".into())), ["host"]);
        assert_eq!(fields(&ssh(&|s| s.host = "a b".into())), ["host"]);
        assert_eq!(fields(&ssh(&|s| s.username = "a;b".into())), ["username"]);
        assert_eq!(fields(&ssh(&|s| s.key_path = Some("id".into()))), ["keyPath"]);
        assert_eq!(fields(&ssh(&|s| s.proxy_jump = Some("a b".into()))), ["proxyJump"]);
        assert_eq!(fields(&ssh(&|s| s.command = Some("${env:}".into()))), ["command"]);
        assert_eq!(fields(&ssh(&|s| drop(s.env.insert("1A".into(), "".into())))), ["env"]);
        let mut c = named(Config::local(&Local::default()));
        c.name = "\u{202e}x".into();
        c.tags = vec!["a,b".into()];
        c.terminal_options = TerminalOptions {
            ring_buffer_size: Some(1),
            scrollback_buffer: Some(9_999_999),
            size_policy: Some("x".into()),
            term: Some("a b".into()),
            color: Some("#12".into()),
            title: Some("\n".into()),
            encoding: Some("klingon".into()),
            ..TerminalOptions::default()
        };
        let all = fields(&c);
        for field in
            ["name", "tags", "ringBufferSize", "scrollbackBuffer", "sizePolicy", "term", "color", "title", "encoding"]
        {
            assert!(all.contains(&field), "{field} in {all:?}");
        }
    }

    #[test]
    fn a_telnet_host() {
        let telnet = |f: &dyn Fn(&mut Telnet)| {
            let mut t = Telnet { host: "fe80::1%eth0".into(), port: 2323, mode: "line".into() };
            f(&mut t);
            fields(&named(Config::telnet(&t)))
        };
        assert!(telnet(&|_| ()).is_empty() && telnet(&|t| t.host = "${env:SWITCH}".into()).is_empty());
        assert_eq!(telnet(&|t| t.host = String::new()), ["host"]);
        assert_eq!(telnet(&|t| t.host = "-oh;id".into()), ["host"]);
        assert_eq!(telnet(&|t| t.host = "10.0.0.1:2323".into()), ["host"]);
        assert_eq!(telnet(&|t| t.mode = "raw".into()), ["mode"]);
    }

    #[test]
    fn variables() {
        let var = |n: &str| (n == "A").then(|| "1".to_string());
        assert_eq!(expand("x${env:A}y$A${B}", var), Ok("x1y$A${B}".into()));
        assert!(expand("${env:B}", var).unwrap_err().contains("B is not set"));
        assert!(expand("${env:A", var).is_err());
        assert!(expand("${env:A B}", var).is_err());
        // what a variable holds is not looked at again
        assert_eq!(expand("${env:A}", |_| Some("${env:A}".into())), Ok("${env:A}".into()));
    }

    #[test]
    fn colours() {
        assert_eq!(color_of("Red"), Some(Color::Named(1)));
        assert_eq!(color_of("#102030"), Some(Color::Rgb(16, 32, 48)));
        for bad in ["", "#", "#12345", "#1234567", "#gggggg", "reddish", "#+12345"] {
            assert_eq!(color_of(bad), None, "{bad}");
        }
    }
}
