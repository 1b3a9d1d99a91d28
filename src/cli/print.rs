//! Owns how verbs print: as `std`'s macros do, but what can't be written is no panic. Leaves out what is printed.

use std::fmt::Arguments;
use std::io::{self, Write};

/// To standard output. Where nobody reads it any more (`| head`) all that was wanted is done; where it can't be written, that is
/// said, and the process ends with 1.
pub fn out(what: Arguments<'_>) {
    let mut to = io::stdout().lock();
    let Err(e) = to.write_fmt(what) else { return };
    if e.kind() == io::ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    err(format_args!("thub: cannot write to standard output: {e}\n  make room there, or send it elsewhere\n"));
    std::process::exit(1);
}

/// To standard error. There is nowhere to say that it can't be written.
pub fn err(what: Arguments<'_>) {
    let _ = io::stderr().lock().write_fmt(what);
}

macro_rules! print {
    ($($arg:tt)*) => { $crate::cli::print::out(format_args!($($arg)*)) };
}
macro_rules! println {
    () => { $crate::cli::print::out(format_args!("\n")) };
    ($($arg:tt)*) => { $crate::cli::print::out(format_args!("{}\n", format_args!($($arg)*))) };
}
macro_rules! eprintln {
    () => { $crate::cli::print::err(format_args!("\n")) };
    ($($arg:tt)*) => { $crate::cli::print::err(format_args!("{}\n", format_args!($($arg)*))) };
}
