//! The protocol: all that crosses a wire, and nothing else. Pure. This page is its specification, revision 2.
//!
//! One protocol on every link: client to agent (an SSH channel, or a pipe in memory), agent to session process (a unix
//! socket). What is here is for ever from the first release on: numbers are not used twice, every field has a default,
//! unknown kinds, notices and fields are ignored, unknown methods answer -32601. `tests/wire/` keeps a sample of everything.
//!
//! # Opening
//! The answering side writes the banner `\nthub/1 BUILD\n`; the other looks for it within 64 KiB of noise. `initialize` is
//! the hello: revisions from and to, build, client, capabilities; both ends then speak the highest common revision
//! ([`hello::agree`]). It and the first attaches may be sent before the banner has come. The reply to an attach has the
//! session's own revision and features: they bind that stream, whatever the agent between is.
//!
//! # Revisions
//! 1: as the first builds spoke it. 2: a Screen says all of a terminal's state in private strings (`term::engine::snapshot`),
//! and lines of history have links (OSC 8). To a peer of revision 1, and where an agent of that revision hands on no
//! revision, a session says Screens as those were and leaves the links out.
//!
//! # Frames
//! [`frame`] has header, kinds and limits. Stream 0 is the link itself: calls, answers, notices, Ping, Pong. Clients pick
//! even stream numbers, agents odd ones. An agent copies the frames of an attached stream whole and looks at none.
//!
//! # Calls
//! JSON-RPC 2.0 in Call frames on stream 0, hop by hop: [`control`]. What is large (history, raw output, what a search
//! finds) answers by Data frames on a stream the caller names, and what is large to send (`connections.add`) goes there
//! within the credit of the other side's Acks. Where such a stream ends early because the session has,
//! `session.exited` (or `session.dropped`) comes on it instead of the rest: the call is made again.
//!
//! # Output
//! Data carries the offset of its first byte, counted since the program began. A client attaches with `have`; it gets the
//! missing bytes where they are few, the ring holds them and no size has changed since, else a Screen (in parts, applied at
//! the last) and then Data from there on. It sets limits with Ack{seen, limit}; past its limit the session stops, and may skip
//! ahead to a Screen, of which at most one is unacknowledged. Size says from which offset on a size is in force and is
//! followed by a Screen; Tty says ECHO and ICANON in order with the output.
//!
//! # Input
//! Data towards the session, counted per client and session, applied exactly once: the attach's reply has `input_applied`, what
//! is before it is dropped, what is after it is sent again after the attach. `None` = the session has forgotten this client:
//! nothing may be sent again. An attach also ends what the client had open before: nothing more is taken from there, so a client
//! may go on from `input_applied` with something else than it had sent. Ack towards the client says what was applied and how far it may send.
//!
//! # Files
//! The calls `files.*` ([`control`]) answer on streams with credit in each direction; whole trees travel as a [`bundle`].
//!
//! # Notices
//! [`notice`]: on a session's stream what concerns it, in order with its output; on stream 0 the others. The last one on a
//! stream is `session.exited`, or `session.dropped`: the session lives on and let go of this client, which attaches anew.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]

pub mod bundle;
pub mod control;
pub mod frame;
pub mod gauges;
pub mod hello;
pub mod ids;
pub mod notice;
pub mod pack;
pub mod spawn;
pub mod x11;
