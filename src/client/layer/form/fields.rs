//! Owns THE tables of a connection's fields in its form: names, what they are for, what can be chosen. Leaves out filling them in.

use serde_json::Value;

/// How a field is filled in.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Way {
    Text,
    /// A text; its host has a list of what there is.
    Listed(Listing),
    /// One of these; the first is what is meant by nothing.
    Choice(&'static [Word]),
}

/// What a host can be asked for while a field is filled in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Listing {
    Ports,
    Containers,
    Images,
}

/// A word that is chosen, and what it is in connections.json.
pub(super) type Word = (&'static str, Kept);

#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Kept {
    Nothing,
    Yes,
    No,
    Number(u64),
    Word,
}

impl Kept {
    pub fn json(self, word: &str) -> Value {
        match self {
            Kept::Nothing => Value::Null,
            Kept::Yes => true.into(),
            Kept::No => false.into(),
            Kept::Number(n) => n.into(),
            Kept::Word => word.into(),
        }
    }
}

pub(super) struct Shown {
    /// As in connections.json.
    pub field: &'static str,
    pub label: &'static str,
    /// What it is for, while it is filled in.
    pub hint: &'static str,
    pub way: Way,
}

const fn text(field: &'static str, label: &'static str, hint: &'static str) -> Shown {
    Shown { field, label, hint, way: Way::Text }
}
const fn listed(field: &'static str, label: &'static str, hint: &'static str, what: Listing) -> Shown {
    Shown { field, label, hint, way: Way::Listed(what) }
}
const fn choice(field: &'static str, label: &'static str, hint: &'static str, all: &'static [Word]) -> Shown {
    Shown { field, label, hint, way: Way::Choice(all) }
}

const SWITCH: &[Word] = &[("no", Kept::Nothing), ("yes", Kept::Yes)];
const LINE: &[Word] = &[("as it is", Kept::Nothing), ("on", Kept::Yes), ("off", Kept::No)];

pub(super) const NAME: Shown = text("name", "Name", "what the tree calls it");
pub(super) const KIND: Shown =
    choice("type", "Kind", "what it leads to: a program, another host, a port, a container", KINDS);
const KINDS: &[Word] = &[
    ("local", Kept::Word),
    ("ssh", Kept::Word),
    ("serial", Kept::Word),
    ("docker", Kept::Word),
    ("telnet", Kept::Word),
];

/// The fields of a kind; none = of a kind that is not known here.
pub(super) fn of_kind(kind: &str) -> &'static [Shown] {
    match kind {
        "local" => LOCAL,
        "ssh" => SSH,
        "serial" => SERIAL,
        "docker" => DOCKER,
        "telnet" => TELNET,
        _ => &[],
    }
}

const LOCAL: &[Shown] = &[
    text("shell", "Shell", "empty: your own; a path"),
    text("command", "Command", "run by the shell in its own stead"),
    text("initialCommand", "Type first", "typed into the shell once it is there"),
    text("startingDirectory", "Directory", "empty: home; /path or ~/path"),
    text("env", "Environment", "NAME=value; more behind a ; and ;; is one in a value"),
];
const SSH: &[Shown] = &[
    text("host", "Host", "a name, an address, an alias of ssh_config there"),
    text("port", "Port", "empty: as ssh_config says, else 22"),
    text("username", "User", "empty: as ssh_config says"),
    text("keyPath", "Key file", "on that machine; empty: as ssh_config says"),
    text("proxyJump", "Jump hosts", "user@host:port, more behind a comma"),
    choice("forwardAgent", "Lend ssh-agent", "programs there may use yours", SWITCH),
    choice("enableX11Forwarding", "Lend display", "X11 programs there show here", SWITCH),
    text("command", "Command", "run there in the shell's stead"),
    text("startingDirectory", "Directory", "empty: home there"),
    text("env", "Environment", "NAME=value; as far as its sshd takes them"),
];
const SERIAL: &[Shown] = &[
    listed("port", "Port", "a device: /dev/ttyUSB0, /dev/serial/by-id/...", Listing::Ports),
    text("baudRate", "Baud", "bits per second, 50 to 4000000; empty: 115200"),
    choice(
        "dataBits",
        "Data bits",
        "of each character",
        &[("8", Kept::Nothing), ("7", Kept::Number(7)), ("6", Kept::Number(6)), ("5", Kept::Number(5))],
    ),
    choice(
        "parity",
        "Parity",
        "a bit more, that checks",
        &[("none", Kept::Nothing), ("odd", Kept::Word), ("even", Kept::Word)],
    ),
    choice("stopBits", "Stop bits", "behind each character", &[("1", Kept::Nothing), ("2", Kept::Number(2))]),
    choice(
        "flowControl",
        "Flow control",
        "software: XON and XOFF; hardware: RTS and CTS",
        &[("none", Kept::Nothing), ("software", Kept::Word), ("hardware", Kept::Word)],
    ),
    choice(
        "lineEnding",
        "Enter sends",
        "CR, LF or both",
        &[("cr", Kept::Nothing), ("lf", Kept::Word), ("crlf", Kept::Word)],
    ),
    choice("localEcho", "Local echo", "what is typed is shown here: for who does not echo", SWITCH),
    choice("crlf", "LF as CR LF", "for who sends line feeds alone", SWITCH),
    choice("timestamps", "Timestamps", "each line with the time when it came", SWITCH),
    choice("hex", "Hex", "bytes as a hex dump", SWITCH),
    choice("dtr", "DTR", "once it is open; as it is: what the driver does", LINE),
    choice("rts", "RTS", "once it is open; as it is: what the driver does", LINE),
    text("log", "Log to", "what comes is appended to this file there: /path or ~/path"),
    choice("wait", "Wait for it", "one that is not there yet is waited for", SWITCH),
    text("via", "Behind", "empty: that machine's own; else the name of a connection over SSH, which has it"),
];
const DOCKER: &[Shown] = &[
    listed(
        "container",
        "Container",
        "its name or id; whoever may use its engine's socket is root on that machine",
        Listing::Containers,
    ),
    listed("image", "Image", "in its stead a new one, of an image that is there", Listing::Images),
    text("command", "Command", "empty: a shell; of a new one: its image's own"),
    choice(
        "mode",
        "Show",
        "a program in it, its own program's terminal, what it has written",
        &[("exec", Kept::Nothing), ("attach", Kept::Word), ("logs", Kept::Word)],
    ),
    text("user", "User", "empty: the container's own"),
    text("startingDirectory", "Directory", "empty: the container's own"),
    text("env", "Environment", "NAME=value; more behind a ; and ;; is one in a value"),
    text("containerName", "Its name", "what a new one is called; empty: as the engine likes"),
    choice("remove", "Remove", "a new one goes when its program ends", SWITCH),
    text(
        "socket",
        "Socket",
        "the engine's: a path; empty: Docker's or Podman's own place; who may use it is root there",
    ),
];
const TELNET: &[Shown] = &[
    text("host", "Host", "a name or an address, as that machine knows it"),
    text("port", "Port", "empty: 23"),
    choice(
        "mode",
        "Mode",
        "auto: as the host wants; line: edited here, sent by Enter; character: as typed",
        &[("auto", Kept::Nothing), ("line", Kept::Word), ("character", Kept::Word)],
    ),
];
pub(super) const TERMINAL: &[Shown] = &[
    text("tags", "Tags", "behind each other with commas"),
    text("title", "Title", "in place of what the program calls itself"),
    text("color", "Colour", "#rrggbb, or red, green, yellow, blue, magenta, cyan"),
    text("term", "TERM", "empty: xterm-256color"),
    text("encoding", "Encoding", "empty: UTF-8; iso-8859-1, shift_jis, koi8-r"),
    text("scrollbackBuffer", "History", "lines kept, 0 to 1000000"),
    text("ringBufferSize", "Raw output", "bytes kept, 4096 to 1073741824"),
    choice(
        "sizePolicy",
        "Size",
        "whose window decides, where several look",
        &[
            ("", Kept::Nothing),
            ("latest", Kept::Word),
            ("smallest", Kept::Word),
            ("largest", Kept::Word),
            ("fixed", Kept::Word),
        ],
    ),
];

pub(super) const FOLDER: Shown = text("folder", "Folder", "for C-s: which it is kept in");

/// Where one that is opened comes to.
pub(super) const WHERE: Shown = choice("where", "Open in", "beside and below are splits of the focused pane", PLACES);
pub(super) const PLACES: &[Word] = &[("a new tab", Kept::Word), ("beside", Kept::Word), ("below", Kept::Word)];

/// A number, and whether it is one of TCP's.
pub(super) fn is_number(kind: &str, field: &str) -> bool {
    match field {
        "port" => kind != "serial",
        "baudRate" | "scrollbackBuffer" | "ringBufferSize" => true,
        _ => false,
    }
}
