//! Owns the command line: the clap tree, which man pages and completions are made from. One file a verb's body.
//! Leaves out what the verbs do.

#[macro_use]
pub mod print;

pub mod act;
pub mod agent;
pub mod ask;
pub mod call;
pub mod capture;
pub mod conn;
pub mod containers;
pub mod cp;
pub mod debug;
pub mod doctor;
pub mod forward;
pub mod generate;
pub mod marks;
pub mod open;
pub mod run;
pub mod search;
pub mod send;
pub mod serial;
pub mod sessions;
pub mod show;
pub mod top;
pub mod wait;

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// A terminal multiplexer for all your machines: sessions that do not die, here and over SSH.
#[derive(Parser, Debug)]
#[command(
    name = "thub",
    version = version(),
    disable_help_subcommand = true,
    after_help = "Examples:\n  thub                      your sessions, or a new shell\n  thub build-server         the same with a host of your ssh_config opened\n  thub new -d -n build -- cargo build\n  thub ls -H build-server --json",
    after_long_help = "Exit codes: 0 done, 1 it failed there, 2 wrong use, 3 host unreachable, 4 refused (authentication, host key, permission), 124 timed out. `thub run` ends with the command's own code, and with 255 where thub itself fails.\n\nExamples:\n  thub                      your sessions, or a new shell\n  thub build-server         the same with a host of your ssh_config opened\n  thub new -d -n build -- cargo build\n  thub ls -H build-server --json"
)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    /// Host to connect and open (an alias of ssh_config, or user@host[:port]); one that is named as a command is: `thub -- HOST`
    #[arg(value_name = "HOST")]
    pub open: Option<String>,
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// Version and build, as `thub --version` says them.
pub fn version() -> &'static str {
    concat!(env!("CARGO_PKG_VERSION"), " (", env!("THUB_TARGET"), ")")
}

#[derive(Args, Debug, Clone, Default)]
pub struct Common {
    /// Host: an alias of ssh_config or user@host[:port]; left out = this machine
    #[arg(short = 'H', long = "host", value_name = "HOST", global = true)]
    pub host: Vec<String>,
    /// ssh_config to use instead of the user's
    #[arg(short = 'F', long = "ssh-config", value_name = "FILE", global = true)]
    pub ssh_config: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Start a session
    #[command(
        visible_alias = "new-session",
        after_help = "Example:\n  thub new -d -n build --cwd ~/src -- make -j4\n  thub new --serial /dev/ttyUSB0 --set baudRate=9600\n  thub new -H build-server --container web -- sh\n  thub new --telnet 10.0.0.2:2323"
    )]
    New(New),
    /// List sessions
    #[command(visible_alias = "list-sessions", after_help = "Example:\n  thub ls --json | jq -r '.[].name'")]
    Ls,
    /// Show one session full screen, prefix keys live
    #[command(visible_aliases = ["a", "attach-session"], after_help = "Example:\n  thub attach build")]
    Attach(Attach),
    /// Type into a session
    #[command(
        after_help = "Example:\n  thub send build 'make test' --keys Enter\n  thub send build --keys C-c\n  thub send build --raw < script"
    )]
    Send(Send),
    /// As tmux's: each KEY is a key's name, or else text
    #[command(name = "send-keys", hide = true)]
    SendKeys(SendKeys),
    /// Print a session's screen, or all its history
    #[command(visible_alias = "capture-pane", after_help = "Example:\n  thub capture build --all > build.log")]
    Capture(Capture),
    /// Print the lines of a session's history and screen that match
    #[command(after_help = "Example:\n  thub search build 'error|warning' -i -n 20")]
    Search(Search),
    /// List the commands a session's shell ran: line, time, duration, exit code
    #[command(
        after_help = "The shell has to mark them (OSC 133), as fish does by itself and others with a line in their settings.\n\nExample:\n  thub marks build --json"
    )]
    Marks(Marks),
    /// Do something with a session's serial port, container or telnet host
    #[command(
        name = "do",
        after_help = "Serial ports: break [MS], dtr on|off, rts on|off, hex on|off, timestamps on|off, echo on|off, newline cr|lf|crlf, baud RATE, log PATH|off, send-file PATH, stop-sending. Telnet: break, mode auto|line|character. Containers: stop, start.\n\nA PATH lies on the session's host: it begins at the home there, on this machine where you are. `thub ls --json` says how it stands (`device`).\n\nExample:\n  thub do console log ~/boot.log\n  thub do console break\n  thub do console baud 921600"
    )]
    Do(Do),
    /// List the serial ports of this machine, or with -H of a host, and who has them open
    #[command(
        after_help = "No port is opened for it. `thub conn add NAME PORT --kind serial` prepares a connection to one.\n\nExample:\n  thub serial -H build-server --json"
    )]
    Serial,
    /// Wait until a session ends, shows a text, or is quiet
    #[command(after_help = "Example:\n  thub wait build --text 'tests? passed' --timeout 600")]
    Wait(Wait),
    /// End sessions
    #[command(visible_alias = "kill-session", after_help = "Example:\n  thub kill build")]
    Kill(Kill),
    /// Give a session another name
    #[command(after_help = "Example:\n  thub rename k3f9 build")]
    Rename(Rename),
    /// Start a session again as it was started, when it has ended or was lost
    #[command(
        after_help = "Command, directory and connection are those it was started with, as far as that is on record: also after the machine was restarted. The id of the new session is printed.\n\nExample:\n  thub restart build"
    )]
    Restart(Restart),
    /// Give a session another size
    #[command(after_help = "Example:\n  thub resize build 120x40")]
    Resize(Resize),
    /// Run a command to its end and pass on its exit code
    #[command(
        after_help = "The exit code is the command's: 128 and the signal's number where a signal ended it; with several hosts the first that is not 0. 255: thub itself failed (host unreachable or refused, no such command), and says why.\n\nExample:\n  thub run -H web1 -H web2 -- uptime"
    )]
    Run(Run),
    /// Copy files and folders between any two machines
    #[command(
        after_help = "SRC and DST are paths of this machine, or HOST:PATH: HOST is a host as after -H, a prepared connection over SSH, or HOST/CONNECTION for one that HOST keeps: its agent reaches it, this machine need not. A relative PATH begins at the home directory there. A local path with a colon is written ./a:b, a host with a port [user@host:port]:PATH; DIR/. is all that is in DIR.

Folders are copied with all in them, modes and times are kept, links stay links. A directory as DST (also one that is to be made: DST/) gets what is copied into it. What is there already with the same size and time is not copied again, and of a large file what is there of it: after a cut the link is waited for, and the same command again goes on where it was. What is there and is another file is asked about on a terminal; without one it fails, unless -f, -u, -s or --keep-both says what becomes of it.

Example:
  thub cp -q build-server:out/image.iso .
  thub cp notes/ 'photo 1.jpg' build-server:
  thub cp hub/sensor:/var/log/app build-server:logs/"
    )]
    Cp(Cp),
    /// Forward ports and sockets between this machine and a host, until Ctrl-C
    #[command(
        after_help = "SPEC is L:[BIND:]PORT:HOST:PORT (this machine listens, the host connects; the L: may be left out), R:[BIND:]PORT:HOST:PORT (the host listens) or D:[BIND:]PORT (SOCKS 4a and 5). A path instead of a port is a Unix socket, port 0 any free one. Without BIND only programs of the same machine can connect.\n\nExample:\n  thub forward -H build-server 8080:localhost:80 D:1080\n  thub forward ls"
    )]
    Forward(Forward),
    /// Prepared connections and folders: of this machine, or with -H of a host
    #[command(
        after_help = "NAME is a name, a path of names (`Lab/Boards/uart`) or an id, as `thub conn ls` shows them. `thub new --connection NAME` opens one.\n\nExample:\n  thub conn add sensor pi@10.0.0.5 --in 'Deploy Targets'\n  thub conn add build --set startingDirectory=~/src --set command='make -j4' --set env.CC=clang\n  thub conn add console /dev/ttyUSB0 --kind serial --set baudRate=9600\n  thub conn ls -H build-server --json"
    )]
    Conn(Conn),
    /// Containers of this machine's engine (Docker, Podman), or with -H of a host's
    #[command(
        after_help = "Whoever may use the engine's socket is root on that machine. A session in one is a prepared connection of type docker: `thub conn add --type docker`; `thub new --connection NAME` opens it, `thub cp CONNECTION:PATH` copies its files.\n\nExample:\n  thub containers -H build-server\n  thub conn add db --type docker --set container=db\n  thub containers stop db"
    )]
    Containers(Containers),
    /// CPU, memory, disks and network of a host, a jump target or a container
    #[command(
        after_help = "HOST is a host as everywhere, HOST/CONNECTION for what a prepared connection of HOST leads to (over SSH, or a container), local/CONNECTION or just its name for one of this machine. Two looks a second apart are taken, so that rates are of now. With --watch it goes on until Ctrl-C. --json prints one object (with --watch one a line): sizes in bytes, rates in bytes a second, null = not known.

What the figures are: CPU is the share of the time between two looks in which processors did not idle (waiting for a disk is idle, guests are counted once); a process' is of one core, so that two busy threads are 200. Memory in use is what programs could not have: MemTotal without MemAvailable (a container's: what it uses without its file cache, of its limit). A disk's used and total are statvfs' own, its percent is df's: used of used and available, as some may be root's alone. Network is the sum of the interfaces that carry its own traffic: not lo, bridges or containers' ends, which --json lists by themselves. Pressure is Linux' PSI, avg10.

Example:
  thub top build-server
  thub top -H hub/sensor --watch 10
  thub top --json | jq .cpu_percent"
    )]
    Top(Top),
    /// Put the agent on a host
    #[command(after_help = "Example:\n  thub deploy build-server")]
    Deploy(Deploy),
    /// The agent: the other end of a link
    #[command(after_help = "Example:\n  thub agent status -H build-server")]
    Agent(Agent),
    /// What will and will not work here, or on a host that has the agent and over the link to it, and why
    #[command(after_help = "Example:\n  thub doctor\n  thub doctor build-server")]
    Doctor(Doctor),
    /// Keep what a program writes, and show it again: for a report of a screen that is wrong
    #[command(
        after_help = "Example:\n  thub debug record -o wrong -- vim notes.txt\n  thub debug replay wrong\n  thub debug replay --size 80x24 --ansi bytes.log"
    )]
    Debug(Debug),
    /// Put this terminal right after a crash
    #[command(after_help = "Example:\n  thub reset")]
    Reset,
    /// The configuration file
    #[command(after_help = "Example:\n  thub config default > \"$(thub config path)\"")]
    Config(Config),
    /// All keys and commands, the tree's and the file browser's among them
    #[command(after_help = "Example:\n  thub keys")]
    Keys,
    /// All themes
    #[command(after_help = "Example:\n  thub themes")]
    Themes,
    /// Print a completion script
    #[command(after_help = "Example:\n  thub completions bash > ~/.local/share/bash-completion/completions/thub")]
    Completions(Completions),
}

#[derive(Args, Debug)]
pub struct New {
    /// Leave it detached and print its id
    #[arg(short = 'd', long)]
    pub detached: bool,
    /// Its name: 1 to 64 printable characters, no '/'
    #[arg(short = 'n', long, value_name = "NAME", visible_short_alias = 's', allow_hyphen_values = true)]
    pub name: Option<String>,
    /// Directory to start in
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<String>,
    /// Size of the screen
    #[arg(long, value_name = "COLSxROWS", allow_hyphen_values = true)]
    pub size: Option<String>,
    /// Raw output kept, in bytes (4096 to 1073741824; 1 MiB by default)
    #[arg(long, value_name = "BYTES", allow_hyphen_values = true)]
    pub ring: Option<String>,
    /// Lines of history kept (0 to 1000000; 10000 by default)
    #[arg(long, value_name = "LINES", allow_hyphen_values = true)]
    pub history: Option<String>,
    /// Over plain SSH, with nothing put on the host: the session lives on this machine, and ends if the connection does
    #[arg(long, requires = "host")]
    pub no_agent: bool,
    /// Prepared connection to open
    #[arg(long, value_name = "NAME")]
    pub connection: Option<String>,
    #[command(flatten)]
    pub once: Once,
    /// Command and arguments; left out = your shell. With --container and --image: what runs in it
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<String>,
}

/// What is opened once, without a prepared connection.
#[derive(Args, Debug, Default)]
pub struct Once {
    /// Serial port to open, as /dev/ttyUSB0
    #[arg(long, value_name = "PORT", allow_hyphen_values = true, group = "once", conflicts_with_all = ["connection", "command", "cwd"])]
    pub serial: Option<String>,
    /// Container to start a program in: its name or id
    #[arg(long, value_name = "CONTAINER", allow_hyphen_values = true, group = "once", conflicts_with = "connection")]
    pub container: Option<String>,
    /// Image to start a new container of
    #[arg(long, value_name = "IMAGE", allow_hyphen_values = true, group = "once", conflicts_with = "connection")]
    pub image: Option<String>,
    /// Telnet host to connect to
    #[arg(long, value_name = "HOST[:PORT]", allow_hyphen_values = true, group = "once", conflicts_with_all = ["connection", "command", "cwd"])]
    pub telnet: Option<String>,
    /// A field of it, as `thub conn add` takes them
    #[arg(long, value_name = "FIELD=VALUE", requires = "once")]
    pub set: Vec<String>,
}

/// A session: id, unique beginning of one, or name.
#[derive(Args, Debug)]
pub struct Target {
    /// Session: id, unique prefix (of an id 4 characters) or name
    #[arg(value_name = "SESSION", required_unless_present = "target", allow_hyphen_values = true)]
    pub session: Option<String>,
    /// As tmux names it
    #[arg(short = 't', long = "target", value_name = "SESSION", hide = true)]
    pub target: Option<String>,
}

impl Target {
    pub fn name(&self) -> &str {
        self.target.as_deref().or(self.session.as_deref()).unwrap_or_default()
    }
}

#[derive(Args, Debug)]
pub struct Attach {
    #[command(flatten)]
    pub target: Target,
    /// Look on: neither type nor resize
    #[arg(long)]
    pub watch: bool,
}

#[derive(Args, Debug)]
pub struct Send {
    /// Session: id, unique prefix (of an id 4 characters) or name
    #[arg(value_name = "SESSION", allow_hyphen_values = true)]
    pub session: String,
    /// Text to type, joined by spaces
    #[arg(value_name = "TEXT")]
    pub text: Vec<String>,
    /// Type what standard input holds, byte for byte
    #[arg(long, conflicts_with_all = ["text", "keys"])]
    pub raw: bool,
    /// Keys by tmux's names, after the text: Enter, C-c, M-x, Up
    #[arg(long, value_name = "KEY", num_args = 1..)]
    pub keys: Vec<String>,
}

#[derive(Args, Debug)]
pub struct SendKeys {
    #[arg(short = 't', long = "target", value_name = "SESSION")]
    pub target: String,
    /// Text as it is, no key names
    #[arg(short = 'l')]
    pub literal: bool,
    #[arg(value_name = "KEY", allow_hyphen_values = true)]
    pub keys: Vec<String>,
}

#[derive(Args, Debug)]
pub struct Capture {
    #[command(flatten)]
    pub target: Target,
    /// All history before the screen
    #[arg(long)]
    pub all: bool,
    /// The bytes still held as the program wrote them; what is lost is named on standard error
    #[arg(long, conflicts_with_all = ["ansi", "json"])]
    pub raw: bool,
    /// With colours
    #[arg(long, conflicts_with = "json")]
    pub ansi: bool,
    /// tmux's: print it (always so here)
    #[arg(short = 'p', hide = true)]
    pub print: bool,
}

#[derive(Args, Debug)]
pub struct Search {
    /// Session: id, unique prefix (of an id 4 characters) or name
    #[arg(value_name = "SESSION", allow_hyphen_values = true)]
    pub session: String,
    /// What to look for within a line: a regular expression
    #[arg(value_name = "REGEX", allow_hyphen_values = true)]
    pub pattern: String,
    /// Upper and lower case are the same
    #[arg(short = 'i', long)]
    pub ignore_case: bool,
    /// The newest MAX lines that match, no more
    #[arg(short = 'n', long, value_name = "MAX", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub max: Option<u64>,
}

#[derive(Args, Debug)]
pub struct Marks {
    #[command(flatten)]
    pub target: Target,
}

#[derive(Args, Debug)]
pub struct Do {
    /// Session: id, unique prefix (of an id 4 characters) or name
    #[arg(value_name = "SESSION", allow_hyphen_values = true)]
    pub session: String,
    /// What to do
    #[arg(value_name = "ACT", value_parser = clap::builder::PossibleValuesParser::new(
        crate::proto::control::ACTS.iter().map(|d| clap::builder::PossibleValue::new(d.name).help(d.doc))))]
    pub act: String,
    /// What it takes
    #[arg(value_name = "ARG", allow_hyphen_values = true)]
    pub arg: Option<String>,
}

#[derive(Args, Debug)]
#[group(id = "until")]
pub struct Wait {
    #[command(flatten)]
    pub target: Target,
    /// Until it has ended (the default)
    #[arg(long, conflicts_with_all = ["text", "idle"])]
    pub exit: bool,
    /// Until a line of its history or screen matches
    #[arg(long, value_name = "REGEX", conflicts_with = "idle", allow_hyphen_values = true)]
    pub text: Option<String>,
    /// Until it has been quiet for so many milliseconds
    #[arg(long, value_name = "MS")]
    pub idle: Option<u64>,
    /// Seconds to wait at most; then exit 124
    #[arg(long, value_name = "S")]
    pub timeout: Option<f64>,
}

#[derive(Args, Debug)]
pub struct Kill {
    /// Sessions: ids, unique prefixes (of an id 4 characters) or names
    #[arg(value_name = "SESSION", required_unless_present_any = ["all", "target"])]
    pub sessions: Vec<String>,
    /// As tmux names it
    #[arg(short = 't', long = "target", value_name = "SESSION", hide = true)]
    pub target: Option<String>,
    /// Every session of the host, ended ones' records too
    #[arg(long, conflicts_with = "sessions")]
    pub all: bool,
}

#[derive(Args, Debug)]
pub struct Rename {
    /// Session: id, unique prefix (of an id 4 characters) or name
    #[arg(value_name = "SESSION", allow_hyphen_values = true)]
    pub session: String,
    /// The new name
    #[arg(value_name = "NAME", allow_hyphen_values = true)]
    pub name: String,
}

#[derive(Args, Debug)]
pub struct Restart {
    /// Session: id, unique prefix (of an id 4 characters) or name
    #[arg(value_name = "SESSION", allow_hyphen_values = true)]
    pub session: String,
}

#[derive(Args, Debug)]
pub struct Resize {
    /// Session: id, unique prefix (of an id 4 characters) or name
    #[arg(value_name = "SESSION", allow_hyphen_values = true)]
    pub session: String,
    /// The new size
    #[arg(value_name = "COLSxROWS", allow_hyphen_values = true)]
    pub size: String,
}

#[derive(Args, Debug)]
pub struct Run {
    /// Directory to run in
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<String>,
    /// Command and arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub command: Vec<String>,
}

#[derive(Args, Debug)]
pub struct Top {
    /// Host, HOST/CONNECTION or connection to look at (or -H HOST); left out = this machine
    #[arg(value_name = "HOST")]
    pub on: Option<String>,
    /// Go on, every S seconds (1 to 60; left out: every 2, of what is behind a host every 5)
    #[arg(short = 'w', long, value_name = "S", allow_hyphen_values = true)]
    pub watch: Option<Option<String>>,
    /// Processes listed, those with most CPU
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    pub processes: u16,
}

#[derive(Args, Debug)]
pub struct Cp {
    /// Files and folders: paths of this machine, or HOST:PATH
    #[arg(value_name = "SRC", required = true)]
    pub sources: Vec<std::ffi::OsString>,
    /// Where they come to
    #[arg(value_name = "DST", required = true)]
    pub dest: std::ffi::OsString,
    /// Replace files that are there
    #[arg(short = 'f', long, group = "conflict")]
    pub force: bool,
    /// Replace files that are there and older
    #[arg(short = 'u', long, group = "conflict")]
    pub update: bool,
    /// Leave files that are there as they are
    #[arg(short = 's', long, group = "conflict")]
    pub skip: bool,
    /// Copy beside files that are there, under a name with a number
    #[arg(long, group = "conflict")]
    pub keep_both: bool,
    /// Copy nothing: tell what would be copied, and what is in the way
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Tell nothing but what fails
    #[arg(short = 'q', long)]
    pub quiet: bool,
    /// Over plain SSH, with nothing put on the hosts
    #[arg(long)]
    pub no_agent: bool,
    /// As scp's and cp's: folders, modes and times are copied anyway
    #[arg(short = 'r', short_aliases = ['R', 'p', 'a'], hide = true)]
    pub as_ever: bool,
}

impl Cp {
    pub fn conflict(&self) -> crate::client::files::job::Conflict {
        use crate::client::files::job::Conflict;
        match (self.force, self.update, self.skip, self.keep_both) {
            (true, ..) => Conflict::Replace,
            (_, true, ..) => Conflict::ReplaceOlder,
            (_, _, true, _) => Conflict::Skip,
            (_, _, _, true) => Conflict::KeepBoth,
            _ => Conflict::Refuse,
        }
    }
}

#[derive(Args, Debug)]
pub struct Forward {
    /// What to forward beside what ssh_config says; or `ls`: the forwards of your running thubs on this machine
    #[arg(value_name = "SPEC")]
    pub specs: Vec<String>,
}

#[derive(Args, Debug)]
pub struct Conn {
    #[command(subcommand)]
    pub verb: ConnVerb,
}

#[derive(Subcommand, Debug)]
pub enum ConnVerb {
    /// List folders and connections
    Ls,
    /// Print one, as it is kept
    Show {
        /// Connection or folder
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Prepare a connection, and print its id
    #[command(
        after_help = "Fields of every kind: ringBufferSize (bytes), scrollbackBuffer (lines), sizePolicy (latest, smallest, largest, fixed), term, color (#rrggbb or a name), title, encoding (as iso-8859-1).\nOf local ones: shell, command (in the shell's stead), initialCommand (typed into it), startingDirectory, env.NAME.\nOf ssh ones: host, port, username, keyPath, proxyJump, forwardAgent, enableX11Forwarding, command, startingDirectory, env.NAME.\nOf serial ones: port, baudRate (50 to 4000000), dataBits, stopBits, parity (none, odd, even), flowControl (none, software, hardware), dtr, rts, localEcho, lineEnding (cr, lf, crlf), crlf (a line feed that comes alone begins a line), timestamps, hex, log (a file), wait (for a port that is not there yet), via (a connection over SSH, behind which the port is).\nOf docker ones: container (one that is there) or image (a new one of it), mode (exec, attach, logs), containerName, command, user, startingDirectory, env.NAME, remove (when its program ends), socket (the engine's).\nOf telnet ones: host, port, mode (auto, line, character).\n${env:VAR} in a field is that variable of the machine where the connection is kept, when it is opened.\n\nExample:\n  thub conn add prod-1 deploy@10.0.0.5:2222 --in 'Deploy Targets' --set keyPath=~/.ssh/deploy --tag prod"
    )]
    Add(ConnAdd),
    /// Change fields of a connection, or the name of a folder
    #[command(after_help = "Example:\n  thub conn edit prod-1 --set port=22 --unset keyPath --tag prod --tag eu")]
    Edit(ConnEdit),
    /// Take connections and folders away; sessions live on
    #[command(after_help = "Example:\n  thub conn rm prod-1 'Old Lab' -r")]
    Rm {
        /// Connections and folders
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
        /// Folders with all that is in them, which else goes to their parent
        #[arg(short = 'r', long)]
        recursive: bool,
    },
    /// Put connections and folders into a folder, in the order given
    #[command(
        after_help = "Example:\n  thub conn mv prod-1 prod-2 --to 'Deploy Targets'\n  thub conn mv prod-2 --to / --before prod-1"
    )]
    Mv {
        /// Connections and folders
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
        /// The folder; / = the top
        #[arg(long, value_name = "FOLDER")]
        to: String,
        /// In front of this one there; left out = at the end
        #[arg(long, value_name = "NAME")]
        before: Option<String>,
    },
    /// Make a folder, and those it is to lie in; print its id
    #[command(after_help = "Example:\n  thub conn mkdir Lab/Boards")]
    Mkdir {
        /// Names from the top down, with / between
        #[arg(value_name = "PATH")]
        path: String,
    },
    /// Take over connections of other programs: ssh_config, PuTTY, termiHub, a table
    #[command(
        long_about = "Take over connections of other programs: ssh_config, PuTTY, termiHub, a table.\n\nOf an ssh_config come its hosts that have no wildcard, each with what Host, Match and Include say of it. PuTTY's sessions are an export of its part of the registry (.reg), a file or the directory ~/.putty/sessions. A table's first row names its columns: name, host, port, user, key, jump, folder (A/B), tags, type; without such a row they are name, host, port, user. A file is at most 16 MiB.\n\nAll of it comes at once or nothing. What is there already, with the same name, folder, type and fields, is not added again; another one of a name that is taken gets a number behind it. Passwords are never taken. What is left out is said on standard error.",
        after_help = "Example:\n  thub conn import ~/.ssh/config --in SSH --dry-run\n  thub conn import putty.reg\n  thub conn import hosts.csv -H build-server"
    )]
    Import(ConnImport),
    /// Write connections and folders into a file, for another machine, a team or a spreadsheet
    #[command(
        after_help = "No password is in the file: thub keeps none. What a table (csv) or an ssh_config can't hold is said.\n\nExample:\n  thub conn export connections.json\n  thub conn export --in 'Deploy Targets' | ssh other thub conn import -\n  thub conn export --to csv hosts.csv"
    )]
    Export(ConnExport),
}

#[derive(Args, Debug)]
pub struct ConnImport {
    /// What to read; - = standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// What it is; left out = as it looks
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub from: Option<ImportFormat>,
    /// Folder to put all into, made where it is missing
    #[arg(long = "in", value_name = "FOLDER")]
    pub folder: Option<String>,
    /// Only show what would come
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportFormat {
    SshConfig,
    Termihub,
    Putty,
    Csv,
    Thub,
}

#[derive(Args, Debug)]
pub struct ConnExport {
    /// Where to; left out or - = standard output
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// How it is written
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = ExportFormat::Thub)]
    pub to: ExportFormat,
    /// Only this folder with all that is in it
    #[arg(long = "in", value_name = "FOLDER")]
    pub folder: Option<String>,
    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    Thub,
    Csv,
    SshConfig,
}

#[derive(Args, Debug)]
pub struct ConnAdd {
    /// Its name
    #[arg(value_name = "NAME")]
    pub name: String,
    /// What it leads to: user@host:port or an alias of ssh_config there; with --kind serial a port, docker a container, telnet
    /// host:port; left out = a shell of the machine itself
    #[arg(value_name = "DEST")]
    pub dest: Option<String>,
    /// Its kind: local, ssh, serial, docker, telnet; left out = ssh where there is a DEST, else local
    #[arg(long, visible_alias = "type", value_name = "KIND")]
    pub kind: Option<String>,
    /// Folder it lies in, made where it is missing
    #[arg(long = "in", value_name = "FOLDER")]
    pub folder: Option<String>,
    /// A field of it
    #[arg(long, value_name = "FIELD=VALUE")]
    pub set: Vec<String>,
    /// A tag of it
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
}

#[derive(Args, Debug)]
pub struct ConnEdit {
    /// Connection or folder
    #[arg(value_name = "CONNECTION")]
    pub target: String,
    /// Another name
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// A field of it
    #[arg(long, value_name = "FIELD=VALUE")]
    pub set: Vec<String>,
    /// Take a field away
    #[arg(long, value_name = "FIELD")]
    pub unset: Vec<String>,
    /// Its tags from now on
    #[arg(long, value_name = "TAG", conflicts_with = "no_tags")]
    pub tag: Vec<String>,
    /// Without tags
    #[arg(long)]
    pub no_tags: bool,
}

#[derive(Args, Debug)]
pub struct Doctor {
    /// Host to look at (or -H HOST); left out = this machine
    #[arg(value_name = "HOST")]
    pub on: Option<String>,
}

#[derive(Args, Debug)]
pub struct Deploy {
    /// Host to put it on (or -H HOST)
    #[arg(value_name = "HOST", required_unless_present = "host")]
    pub on: Option<String>,
    /// Binary to put there instead of this one
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Directory there to put it into, absolute, where programs may not run in the home (noexec); later ones go there too
    #[arg(long, value_name = "DIR")]
    pub dir: Option<String>,
}

#[derive(Args, Debug)]
pub struct Containers {
    #[command(subcommand)]
    pub verb: Option<ContainersVerb>,
    /// List images, too
    #[arg(long)]
    pub images: bool,
    /// The engine's socket; left out = $DOCKER_HOST, else Docker's own place, else Podman's
    #[arg(long, value_name = "PATH", global = true)]
    pub socket: Option<String>,
}

#[derive(Subcommand, Debug, Clone, PartialEq, Eq)]
pub enum ContainersVerb {
    /// Start containers that are there
    Start {
        /// Name or id
        #[arg(required = true, value_name = "CONTAINER")]
        containers: Vec<String>,
    },
    /// Stop containers: their program gets its signal, and 10 s
    Stop {
        /// Name or id
        #[arg(required = true, value_name = "CONTAINER")]
        containers: Vec<String>,
    },
}

#[derive(Args, Debug)]
pub struct Agent {
    /// Serve a link on standard input and output
    #[arg(long)]
    pub stdio: bool,
    #[command(subcommand)]
    pub verb: Option<AgentVerb>,
}

#[derive(Subcommand, Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentVerb {
    /// What is there and how it runs
    Status,
    /// End the user's other agents here in order; sessions live on
    Stop,
    /// Remove all that agents left here, sessions' records too where none runs; running sessions live on
    Uninstall,
}

#[derive(Args, Debug)]
pub struct Debug {
    #[command(subcommand)]
    pub verb: DebugVerb,
}

#[derive(Subcommand, Debug)]
pub enum DebugVerb {
    /// Run a command in a terminal and keep every byte it writes
    #[command(
        long_about = "Run a command in a terminal and keep every byte it writes: all that was on the screen, also what is secret.\n\nIf standard input and output are a terminal, it is the command's: keys (Ctrl-C too) go to the command. Otherwise the command runs without keys, and thub answers what it asks a terminal. The size is fixed from the start: a change of your terminal's is not passed on. The exit code is the command's.",
        after_help = "Example:\n  thub debug record -o wrong -- vim notes.txt"
    )]
    Record(Record),
    /// Print the screen that a recording ends with
    #[command(
        after_help = "Example:\n  thub debug replay wrong\n  thub debug replay wrong --to 2000\n  thub debug replay --size 80x24 --ansi bytes.log"
    )]
    Replay(Replay),
    /// Print what thub takes from ssh_config for a host, as `ssh -G` does
    #[command(
        name = "ssh-config",
        after_help = "Example:\n  thub debug ssh-config build-server\n  thub debug ssh-config --own -F other_config build-server"
    )]
    SshConfig(SshConfig),
}

#[derive(Args, Debug)]
pub struct Record {
    /// Directory to make, with the bytes in its file 'in' and COLSxROWS in 'size'
    #[arg(short = 'o', long, value_name = "DIR", default_value = "thub-recording")]
    pub output: PathBuf,
    /// Size of the command's terminal; left out = as yours, or 80x24
    #[arg(long, value_name = "COLSxROWS", allow_hyphen_values = true)]
    pub size: Option<String>,
    /// Command and arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub command: Vec<std::ffi::OsString>,
}

#[derive(Args, Debug)]
pub struct Replay {
    /// Directory of a recording, or a file with a program's output
    #[arg(value_name = "DIR|FILE")]
    pub recording: PathBuf,
    /// Size of the screen; left out = as recorded, or 80x24
    #[arg(long, value_name = "COLSxROWS", allow_hyphen_values = true)]
    pub size: Option<String>,
    /// Stop after so many bytes: a full-screen program clears its screen as it ends
    #[arg(long, value_name = "BYTES")]
    pub to: Option<u64>,
    /// With colours
    #[arg(long, conflicts_with = "json")]
    pub ansi: bool,
}

#[derive(Args, Debug)]
pub struct SshConfig {
    /// Read it as thub does where there is no program ssh
    #[arg(long)]
    pub own: bool,
    /// Host: an alias of ssh_config or user@host[:port]
    #[arg(value_name = "HOST")]
    pub dest: String,
}

#[derive(Args, Debug)]
pub struct Config {
    #[command(subcommand)]
    pub verb: ConfigVerb,
}

#[derive(Subcommand, Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigVerb {
    /// Where it is
    Path,
    /// Whether it is right
    Check,
    /// The default one, with comments
    Default,
}

#[derive(Args, Debug)]
pub struct Completions {
    /// Shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}
