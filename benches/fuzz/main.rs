//! A search for what breaks the terminal engine, at full speed on all processors, without nightly: streams made for it
//! and variations of the kept inputs, against every check of `tests/fuzz/terminal.rs`, with limits of time and memory, and
//! beside other terminals. What breaks something is made small, printed, and written where `FUZZ_INPUT` finds it; as a
//! file of `tests/fuzz/corpus/term` it is a test for ever.
//!
//! ```text
//! FUZZ_SECONDS=10     how long
//! FUZZ_SEED=n         another search; printed at the start, chosen by the clock if not given
//! FUZZ_THREADS=n      one a processor if not given
//! FUZZ_QUICK=1        many short runs on small screens: whole, in pieces, with a change of size
//! FUZZ_INPUT=file     only this input
//! FUZZ_CUTS=folder    instead: a client that attaches at every byte of its recordings (tests/term_ref)
//! FUZZ_STREAMS=n      instead: the same for so many generated outputs
//! ```

#[path = "../support/clock.rs"]
mod clock;
mod cost;
mod differ;
#[path = "../support/engines.rs"]
mod engines;
mod memory;
mod minimise;
mod report;
mod stream;
#[path = "../../tests/fuzz/terminal.rs"]
mod terminal;

use report::Report;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};
use terminal::vary::{Random, varied};
use terminal::{Case, Step, check};
use thub::proto::ids::Size;
use thub::term::engine::Engine;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

thread_local! {
    /// What the last panic of this thread said, and where.
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

fn main() -> ExitCode {
    let var = |name: &str| std::env::var(name).ok();
    let number = |name: &str| var(name).and_then(|n| n.parse::<u64>().ok());
    if let Some(path) = var("FUZZ_INPUT") {
        return one(&std::fs::read(path).expect("a readable input"));
    }
    if let Some(dir) = var("FUZZ_CUTS") {
        return cuts(Path::new(&dir));
    }
    if let Some(count) = number("FUZZ_STREAMS") {
        return streams(count, number("FUZZ_SEED").unwrap_or(1));
    }
    // panics are what is looked for: they are told once, when they are small
    std::panic::set_hook(Box::new(|info| {
        let at = info.location().map(|l| format!("{}:{}", l.file(), l.line())).unwrap_or_default();
        let said = info.payload_as_str().unwrap_or_default();
        PANIC.set(format!("{at}: {said}"));
    }));
    let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(1, |d| d.as_nanos() as u64);
    let seed = number("FUZZ_SEED").unwrap_or(clock);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = number("FUZZ_THREADS").map_or(processors, |n| n as usize).max(1);
    let time = Duration::from_secs(number("FUZZ_SECONDS").unwrap_or(10));
    println!("FUZZ_SEED={seed}, {threads} threads, {} s", time.as_secs());

    let quick = var("FUZZ_QUICK").is_some();
    let report = Report::new(threads);
    let inputs = corpus();
    let end = Instant::now() + time;
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|i| {
                let (report, inputs) = (&report, &inputs);
                let worker = move || {
                    let mut random = Random::new(seed ^ (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
                    while Instant::now() < end {
                        turn(i, &mut random, inputs, report, quick);
                    }
                };
                // deep recursion would be found where the program has as little
                std::thread::Builder::new().stack_size(2 << 20).spawn_scoped(scope, worker).expect("a thread")
            })
            .collect();
        while workers.iter().any(|w| !w.is_finished()) {
            std::thread::sleep(Duration::from_millis(200));
            if report.hang() {
                std::process::exit(1);
            }
        }
    });
    report.tell()
}

fn corpus() -> Vec<Vec<u8>> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/term");
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir).expect("a corpus").flatten().map(|f| f.path()).collect();
    files.sort();
    files.iter().map(|path| std::fs::read(path).expect("a kept input")).collect()
}

/// Wrong ones among the byte cuts of an output: what a client that attaches there is sent makes an engine of another state.
fn wrong_cuts(size: Size, bytes: &[u8]) -> u64 {
    let mut engine = Engine::new(size);
    let wrong = |byte: &[u8]| {
        engine.feed(byte, &mut Vec::new());
        let snapshot = engine.snapshot();
        Engine::restore(size, &snapshot).snapshot() != snapshot
    };
    bytes.chunks(1).map(wrong).map(u64::from).sum()
}

/// All cuts of every recording of a folder (`NAME/in` and `NAME/size`).
fn cuts(dir: &Path) -> ExitCode {
    let (mut all, mut wrong) = (0, 0);
    let mut names: Vec<PathBuf> = std::fs::read_dir(dir).expect("a folder").flatten().map(|f| f.path()).collect();
    names.sort();
    for path in names {
        let (Ok(bytes), Ok(size)) = (std::fs::read(path.join("in")), std::fs::read_to_string(path.join("size"))) else {
            continue;
        };
        let here = wrong_cuts(size.trim().parse().expect("a size"), &bytes);
        println!("{}: {} cuts, {here} wrong", path.display(), bytes.len());
        (all, wrong) = (all + bytes.len(), wrong + here);
    }
    println!("cuts: {all}, wrong: {wrong}");
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All cuts of so many generated outputs, on small screens.
fn streams(count: u64, seed: u64) -> ExitCode {
    let (mut all, mut wrong) = (0, 0);
    let mut random = Random::new(seed);
    for n in 1..=count {
        let case = stream::case(&mut random);
        let size = Size::new(case.size.cols.min(24), case.size.rows.min(8));
        let bytes = case.output();
        let here = wrong_cuts(size, &bytes);
        if here > 0 {
            println!("stream {n}, seed {seed}, {size}: {here} wrong: b\"{}\"", bytes.escape_ascii());
        }
        (all, wrong) = (all + bytes.len(), wrong + here);
    }
    println!("streams: {count}, cuts: {all}, wrong: {wrong}");
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One run of one sort.
fn turn(thread: usize, random: &mut Random, inputs: &[Vec<u8>], report: &Report, quick: bool) {
    if quick {
        return quickly(thread, random, report);
    }
    match random.below(100) {
        0..=64 => checked(thread, &stream::case(random).to_bytes(), "generated", report),
        65..=89 => {
            let (of, other) = (random.below(inputs.len()), random.below(inputs.len()));
            checked(thread, &varied(&inputs[of], &inputs[other], random), "varied", report);
        }
        // 64 KiB twice, and others beside us: each as dear as many of the former
        90 | 91 => costs(thread, random, report),
        _ => differs(thread, random, report),
    }
}

/// A short output, whole and in pieces, with a change of size on the way: the same state comes of both.
fn quickly(thread: usize, random: &mut Random, report: &Report) {
    let case = stream::case(random);
    let output = case.output();
    let bytes = output.get(..output.len().min(160)).unwrap_or_default();
    let side = |random: &mut Random, most: u64| random.below(most as usize) as u16 + 1;
    let size = Size::new(side(random, 40), side(random, 12));
    let other = Size::new(side(random, 40), side(random, 12));
    let (before, after) = bytes.split_at(random.below(bytes.len() + 1));
    report.begin(thread, bytes);
    report.ran("quick");
    let ran = catch_unwind(AssertUnwindSafe(|| {
        let (mut whole, mut cut) = (Engine::with_history(size, 100), Engine::with_history(size, 100));
        whole.feed(before, &mut Vec::new());
        before.chunks(random.below(7) + 1).for_each(|piece| cut.feed(piece, &mut Vec::new()));
        whole.resize(other);
        cut.resize(other);
        whole.feed(after, &mut Vec::new());
        after.chunks(random.below(7) + 1).for_each(|piece| cut.feed(piece, &mut Vec::new()));
        assert_eq!((whole.resets(), cut.resets()), (0, 0), "quick: a panic inside");
        assert_eq!(whole.snapshot(), cut.snapshot(), "quick: in pieces");
        assert_eq!(whole.history().to_bytes(), cut.history().to_bytes(), "quick: history");
    }));
    if ran.is_err() {
        let kind = PANIC.with_borrow(|said| report::kind(said));
        let said = format!("{} {size} {other} {}", PANIC.take(), before.len());
        report.failed(&kind, bytes, &said);
    }
    report.begin(thread, &[]);
}

/// What kind of failure an input is, None if it is none.
fn failure(data: &[u8]) -> Option<String> {
    catch_unwind(AssertUnwindSafe(|| check(data))).err().map(|_| PANIC.with_borrow(|said| report::kind(said)))
}

fn checked(thread: usize, data: &[u8], sort: &'static str, report: &Report) {
    report.begin(thread, data);
    report.ran(sort);
    if let Some(kind) = failure(data) {
        let said = PANIC.take();
        if report.is_new(&kind) {
            // its own time may run out: others go on
            report.begin(thread, &[]);
            let case = Case::parse(data).unwrap_or_else(|| unreachable!("it was parsed before"));
            let least = minimise::case(&case, |case| failure(&case.to_bytes()).as_deref() == Some(&kind));
            let least = least.to_bytes();
            let said = failure(&least).map(|_| PANIC.take()).unwrap_or(said);
            report.failed(&kind, &least, &said);
        }
    }
    report.begin(thread, &[]);
}

fn costs(thread: usize, random: &mut Random, report: &Report) {
    let unit = cost::unit(random);
    report.begin(thread, &written(cost::USUAL, &unit));
    report.ran("cost");
    // what panics here does so when checked, too
    let measured = catch_unwind(|| [cost::USUAL, cost::LARGE].map(|size| cost::of(&unit, size)));
    if let Ok([usual, large]) = measured {
        report.cost(&unit, usual, large);
        if let Some(kind) = cost::complaint(&unit, usual)
            && report.is_new(kind)
        {
            report.begin(thread, &[]);
            let least =
                minimise::ddmin(&unit, 100, |unit| cost::complaint(unit, cost::of(unit, cost::USUAL)) == Some(kind));
            let cost = cost::of(&least, cost::USUAL);
            let said = format!("repeated to 64 KiB: {:?}, {} KiB", cost.time, cost.memory >> 10);
            report.failed(kind, &written(cost::USUAL, &least), &said);
        }
    }
    report.begin(thread, &[]);
}

/// Output alone as an input in the corpus's form.
fn written(size: Size, output: &[u8]) -> Vec<u8> {
    Case { size, steps: vec![Step::Feed(output.to_vec())] }.to_bytes()
}

fn differs(thread: usize, random: &mut Random, report: &Report) {
    let stream = differ::Stream::new(random);
    report.begin(thread, &written(stream.size, &stream.bytes()));
    report.ran("beside others");
    // a panic of thub's is found when checked
    if let Ok(verdict) = catch_unwind(AssertUnwindSafe(|| stream.verdict())) {
        report.verdict(verdict);
        if !matches!(verdict, differ::Verdict::Same | differ::Verdict::Skipped) && report.wants_difference() {
            let least = stream.minimised(verdict);
            report.difference(verdict, least.shape(), || least.told());
        }
    }
    report.begin(thread, &[]);
}

/// All of one input, told as it happens.
fn one(data: &[u8]) -> ExitCode {
    if let Some(case) = Case::parse(data) {
        println!("{case:?}");
        println!("as it was written: b\"{}\"", data.escape_ascii());
        for size in [cost::USUAL, cost::LARGE] {
            let cost = cost::of(&case.output(), size);
            println!("its output repeated to 64 KiB at {size}: {:?}, {} KiB", cost.time, cost.memory >> 10);
        }
    }
    check(data);
    println!("holds");
    ExitCode::SUCCESS
}
