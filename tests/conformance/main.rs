//! What others say a terminal does, held against the engine: esctest2, alacritty's recordings, and recordings of real
//! programs that tmux has shown. Each has a list of what is accepted as different, in `tests/term_ref`, and fails of what
//! is not in it; `UPDATE=1` writes the lists anew. `tests/term_ref/README.md` says how each is run.

#[path = "../support/mod.rs"]
mod support;

mod accepted;
mod alacritty;
mod esctest;
mod look;
mod recordings;
