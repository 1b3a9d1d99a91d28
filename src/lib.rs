//! thub: a terminal multiplexer for all of a person's machines. One binary that plays several roles, in processes of
//! their own, which meet only on the wire.
//!
//! # Layout
//!
//! ```text
//! 3 roof    main       parse, run the role, turn a failure into message and exit code
//!           cli        the clap tree; one file a verb
//! 2 roles   client     the TUI, and the client's side of every link
//!           agent      one a link, disposable: finds sessions, copies frames
//!           session    one a session: its program's terminal, ring, screen; must not die
//!           target     one an SSH target without an agent: holds the connection, serves its channels
//! 1 ports   backend    ways to get a byte stream: a program on a pseudo terminal, a channel of a target
//!           filesys    files of this machine, and of a host over SFTP
//!           transport  reach a machine: SSH, the agent's upload
//!           link       frames over a byte stream: calls, streams, two lanes
//!           store      records and JSON on disk, the run dir
//!           config     config.toml
//!           log        a file, where THUB_LOG is set
//!           safedir    directories held by handle
//!           sys        what differs between systems, what needs `unsafe`
//! 0 words   proto      all that crosses a wire
//!           term       what a terminal is: engine, history, input, keys
//!           theme      named styles
//!           paths      where every file and socket lies
//!           failure    how a failure is worded
//!           text       what came from outside, escaped
//!           secret     what is wiped when it is let go of
//! ```
//!
//! Imports go down, and roles never import each other: `tests/floors.rs` holds the table. ARCHITECTURE.md has the rest.

pub mod agent;
pub mod backend;
pub mod cli;
pub mod client;
pub mod config;
pub mod failure;
pub mod filesys;
pub mod link;
pub mod log;
pub mod paths;
pub mod proto;
pub mod safedir;
pub mod secret;
pub mod session;
pub mod store;
pub mod sys;
pub mod target;
pub mod term;
pub mod text;
pub mod theme;
pub mod transport;
