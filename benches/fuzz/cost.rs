//! Owns what an input may cost: time on a processor, and memory. Leaves out what it does to the screen.

use crate::clock;
use crate::memory;
use crate::stream;
use crate::terminal::{LINES, vary::Random};
use std::time::Duration;
use thub::proto::ids::Size;
use thub::term::engine::Engine;

/// What a read of a ring gives at most.
pub const INPUT: usize = 64 << 10;
/// A client must not wait longer for one input, on the usual screen.
pub const MOST_TIME: Duration = Duration::from_millis(100);
/// Two screens, some lines of history, a long string, and what was answered: far less than this.
pub const MOST_MEMORY: u64 = 16 << 20;

/// The usual screen: the limits hold here. What a larger one costs is told.
pub const USUAL: Size = Size::new(80, 24);
pub const LARGE: Size = Size::new(200, 50);

#[derive(Clone, Copy, Default)]
pub struct Cost {
    pub time: Duration,
    pub memory: u64,
}

/// A few tokens that, over and over, are an input.
pub fn unit(random: &mut Random) -> Vec<u8> {
    let tokens = random.between(1, 4);
    stream::output(random, tokens)
}

/// What `unit` repeated to 64 KiB costs, an engine's making not counted.
pub fn of(unit: &[u8], size: Size) -> Cost {
    if unit.is_empty() {
        return Cost::default();
    }
    let input: Vec<u8> = unit.iter().copied().cycle().take(INPUT).collect();
    let mut events = Vec::new();
    let (time, memory) = memory::most(|| {
        let mut engine = Engine::with_history(size, LINES);
        let start = clock::cpu();
        // as a session reads it
        for piece in input.chunks(16 << 10) {
            engine.feed(piece, &mut events);
            events.clear();
        }
        clock::cpu() - start
    });
    Cost { time, memory }
}

/// Whether it is too much. Time is measured thrice: once may be the machine's.
pub fn complaint(unit: &[u8], cost: Cost) -> Option<&'static str> {
    if cost.memory > MOST_MEMORY {
        return Some("cost: memory");
    }
    // a debug build is slow as such
    let slow = !cfg!(debug_assertions) && cost.time > MOST_TIME && (0..2).all(|_| of(unit, USUAL).time > MOST_TIME);
    slow.then_some("cost: time")
}
