//! Owns the end of what a test runs on a host behind a real sshd. Leaves out how it came there.

use super::home::{sweep, wait_for};
use super::sshd::Sshd;
use super::{Home, PATIENCE, signal, state_of, with_variable};
use rustix::process::Signal;
use std::process::Stdio;

/// Ends what runs on a host with this sshd (sessions, agents, then the sshd): what stays fails the test.
pub fn end(home: &Home, sshd: &Sshd) {
    let there = || with_variable("HOME", &sshd.home());
    for pid in there().into_iter().filter(|p| state_of(*p) == 'T') {
        signal(pid, Signal::CONT);
    }
    let mut kill = home.thub_command(&["kill", "--all"]);
    kill.env("HOME", sshd.home());
    for name in ["THUB_RUN_DIR", "THUB_STATE_DIR", "THUB_CONFIG_DIR"] {
        kill.env_remove(name);
    }
    kill.stdout(Stdio::null()).stderr(Stdio::null());
    if let Ok(mut child) = kill.spawn() {
        wait_for(&mut child, PATIENCE);
    }
    sshd.crash();
    sweep(there);
}
