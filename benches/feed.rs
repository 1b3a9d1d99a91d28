//! What the terminal engine takes in: streams of many kinds at two sizes, beside vt100, Alacritty's terminal and the bare
//! vte parser; what history weighs; the screen said and read again.
//!
//! ```text
//! FEED_MB=2           bytes of a load, in millions
//! FEED_REPS=5         each in turns with the others; the median counts
//! FEED_ONLY=scroll    loads whose name has this in it (`memory` and `snapshot` are such names too)
//! ```

#[path = "support/clock.rs"]
mod clock;
#[path = "support/engines.rs"]
mod engines;
#[path = "support/loads.rs"]
mod loads;
#[path = "../tests/fuzz/vary.rs"]
mod vary;

use engines::{ALACRITTY, ENGINES, THUB, VT100};
use std::hint::black_box;
use thub::proto::ids::Size;
use thub::term::engine::{Engine, HISTORY_LINES};

const SIZES: [Size; 2] = [Size::new(80, 24), Size::new(200, 50)];
/// What a busy read of a pseudo terminal gives at most.
const PIECE: usize = 16 << 10;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    // a child of the memory section
    if let Some(at) = args.iter().position(|a| a == "--memory") {
        let number = |i: usize| args.get(at + i).and_then(|a| a.parse().ok()).expect("--memory ENGINE LINES");
        return println!("{}", growth(number(1), number(2)));
    }
    let wanted = Options::read();
    wanted.speed();
    if "snapshot".contains(&wanted.only) {
        snapshots();
    }
    if "memory".contains(&wanted.only) {
        memory();
    }
}

struct Options {
    bytes: usize,
    reps: usize,
    only: String,
}

impl Options {
    fn read() -> Options {
        let var = |name: &str| std::env::var(name).ok();
        let megabytes = var("FEED_MB").and_then(|n| n.parse::<f64>().ok()).unwrap_or(2.0);
        Options {
            bytes: (megabytes.max(0.001) * 1e6) as usize,
            reps: var("FEED_REPS").and_then(|n| n.parse().ok()).unwrap_or(5).max(1),
            only: var("FEED_ONLY").unwrap_or_default(),
        }
    }

    fn speed(&self) {
        if !loads::names().any(|name| name.contains(&self.only)) {
            return;
        }
        print!("{:26}", "MB/s");
        for (name, _) in ENGINES {
            print!("{name:>11}");
        }
        println!("{:>14}{:>14}", "to vt100", "to alacritty");
        let mut ratios = Vec::new();
        for size in SIZES {
            for load in loads::all(size, self.bytes).filter(|load| load.name.contains(&self.only)) {
                let speeds = self.speeds(size, &load.bytes);
                let name = format!("{}_{size}", load.name);
                print!("{name:26}");
                for speed in speeds {
                    print!("{speed:11.1}");
                }
                let ratio = Ratio {
                    name,
                    size,
                    vt100: speeds[THUB] / speeds[VT100],
                    alacritty: speeds[THUB] / speeds[ALACRITTY],
                };
                println!("{:14.2}{:14.2}", ratio.vt100, ratio.alacritty);
                ratios.push(ratio);
            }
        }
        let all = |of: &dyn Fn(&Ratio) -> f64, sizes: &[Size]| {
            mean(ratios.iter().filter(|r| sizes.contains(&r.size)).map(of))
        };
        for (name, sizes) in [("80x24", &SIZES[..1]), ("200x50", &SIZES[1..]), ("all", &SIZES[..])] {
            let (vt100, alacritty) = (all(&|r| r.vt100, sizes), all(&|r| r.alacritty, sizes));
            println!("{:26}{:44}{vt100:14.2}{alacritty:14.2}", format!("geometric mean, {name}"), "");
        }
        ratios.sort_by(|a, b| a.alacritty.total_cmp(&b.alacritty));
        for r in ratios.iter().take(3) {
            println!("MIN ratio to alacritty: {} {:.2}", r.name, r.alacritty);
        }
    }

    /// Megabytes a second of each engine. They take turns, so that a slow minute of the machine is everyone's.
    fn speeds(&self, size: Size, bytes: &[u8]) -> [f64; ENGINES.len()] {
        let mut times = ENGINES.map(|_| Vec::new());
        for _ in 0..self.reps {
            for ((_, make), times) in ENGINES.iter().zip(&mut times) {
                let mut subject = make(size, HISTORY_LINES);
                let start = clock::cpu();
                for piece in bytes.chunks(PIECE) {
                    subject.feed(black_box(piece));
                }
                times.push((clock::cpu() - start).as_secs_f64());
                black_box(subject.rows().len());
            }
        }
        times.map(|times| bytes.len() as f64 / 1e6 / median(times))
    }
}

struct Ratio {
    name: String,
    size: Size,
    vt100: f64,
    alacritty: f64,
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The geometric one: a load at twice the speed and one at half of it are even.
fn mean(ratios: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    for ratio in ratios {
        sum += ratio.ln();
        n += 1.0;
    }
    f64::exp(sum / n)
}

/// A client attaches: the screen said in bytes, and made of them again.
fn snapshots() {
    println!("\n{:26}{:>11}{:>14}{:>14}", "snapshot", "bytes", "said, µs", "read, µs");
    for size in SIZES {
        for load in loads::all(size, 200_000) {
            if !["ascii_log", "dense_cells", "unicode_mix"].contains(&load.name) {
                continue;
            }
            let mut engine = Engine::new(size);
            engine.feed(&load.bytes, &mut Vec::new());
            let snapshot = engine.snapshot();
            let said = micros(|| drop(black_box(engine.snapshot())));
            let read = micros(|| drop(black_box(Engine::restore(size, black_box(&snapshot)))));
            println!("{:26}{:11}{said:14.0}{read:14.0}", format!("{}_{size}", load.name), snapshot.len());
        }
    }
}

fn micros(mut work: impl FnMut()) -> f64 {
    let once = |_| {
        let start = clock::cpu();
        work();
        (clock::cpu() - start).as_secs_f64() * 1e6
    };
    median((0..31).map(once).collect())
}

/// Each case in a process of its own: memory once taken is seldom given back.
fn memory() {
    let me = std::env::current_exe().expect("this program's file");
    println!("\n{:26}{:>11}{:>11}{:>11}", "resident MB, 200 columns", "thub", "vt100", "alacritty");
    for lines in [10_000, 100_000] {
        print!("{:26}", format!("{lines} lines of log"));
        for engine in [THUB, VT100, ALACRITTY] {
            let args = ["--memory".to_string(), engine.to_string(), lines.to_string()];
            let out = std::process::Command::new(&me).args(args).output().expect("a child");
            let bytes = String::from_utf8_lossy(&out.stdout).trim().parse::<f64>();
            print!("{:11.1}", bytes.map_or(f64::NAN, |bytes| bytes / 1e6));
        }
        println!();
    }
}

/// What an engine full of history added to this process.
fn growth(engine: usize, lines: usize) -> u64 {
    let (_, make) = ENGINES[engine];
    let size = SIZES[1];
    let mut random = vary::Random::new(7);
    let mut text = String::with_capacity(1 << 10);
    let before = clock::resident();
    let mut subject = make(size, lines);
    for _ in 0..lines + usize::from(size.rows) {
        text.clear();
        loads::log_line(&mut random, &mut text);
        subject.feed(text.as_bytes());
    }
    let after = clock::resident();
    black_box(subject.rows().len());
    after.saturating_sub(before)
}
