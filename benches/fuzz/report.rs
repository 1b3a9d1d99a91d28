//! Owns what a search has found, from all threads, and how it is told. Leaves out the search.

use crate::clock::{self, Thread};
use crate::cost::{self, Cost};
use crate::differ::Verdict;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A run that takes longer, of its thread's processor time where that can be seen, hangs. (A machine shared with others
/// may stand still for as long.)
const PATIENCE: Duration = Duration::from_secs(20);
/// Shapes of differences kept; made small at most so many times.
const MOST_SHAPES: usize = 30;
const MOST_DIFFERENCES: u64 = 2000;

#[derive(Default)]
struct Found {
    runs: BTreeMap<&'static str, u64>,
    failures: BTreeMap<String, u64>,
    verdicts: BTreeMap<Verdict, u64>,
    minimised: u64,
    /// By verdict and shape: how often, and one of them.
    differences: BTreeMap<(Verdict, String), (u64, String)>,
    slowest: Worst,
    slowest_large: Worst,
    heaviest: Worst,
}

#[derive(Default)]
struct Worst {
    cost: Cost,
    unit: Vec<u8>,
}

struct Work {
    since: Instant,
    thread: Thread,
    spent: Duration,
    input: Vec<u8>,
}

pub struct Report {
    found: Mutex<Found>,
    /// What each thread is at.
    now: Vec<Mutex<Option<Work>>>,
}

/// What is the same for two inputs that break the same thing: where it broke, and what was said up to its first detail.
pub fn kind(said: &str) -> String {
    let said = said.replace("assertion `left == right` failed: ", "");
    let line = said.lines().next().unwrap_or_default();
    // in an engine the place says it all, in a check the name does
    match line.split_once("terminal.rs:") {
        Some((before, rest)) if before.ends_with("tests/fuzz/") || before.ends_with("fuzz/../../tests/fuzz/") => {
            let name = rest.split(": ").skip(1).take(2).collect::<Vec<_>>().join(": ");
            name.chars().take_while(|c| !c.is_ascii_digit() && *c != '{').collect::<String>().trim().to_owned()
        }
        _ => line.split(": ").next().unwrap_or_default().to_owned(),
    }
}

fn folder() -> PathBuf {
    std::env::temp_dir().join("thub-fuzz")
}

/// Where it was written, or why not.
fn keep(kind: &str, input: &[u8]) -> String {
    let name: String = kind.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let path = folder().join(name);
    match std::fs::create_dir_all(folder()).and_then(|()| std::fs::write(&path, input)) {
        Ok(()) => path.display().to_string(),
        Err(e) => format!("{}: {e}", path.display()),
    }
}

impl Report {
    pub fn new(threads: usize) -> Report {
        Report { found: Mutex::default(), now: (0..threads).map(|_| Mutex::default()).collect() }
    }

    fn found(&self) -> std::sync::MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn at(&self, thread: usize) -> std::sync::MutexGuard<'_, Option<Work>> {
        self.now[thread].lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The thread is at this from now on; at nothing, if it is empty.
    pub fn begin(&self, thread: usize, input: &[u8]) {
        *self.at(thread) = (!input.is_empty()).then(|| Work {
            since: Instant::now(),
            thread: clock::this_thread(),
            spent: clock::cpu(),
            input: input.to_vec(),
        });
    }

    /// Tells of a thread that does not come back from its input.
    pub fn hang(&self) -> bool {
        for thread in 0..self.now.len() {
            if let Some(Work { since, thread, spent, input }) = &*self.at(thread)
                && since.elapsed() > PATIENCE
                && thread.cpu().is_none_or(|now| now.saturating_sub(*spent) > PATIENCE)
            {
                let kept = keep("hang", input);
                println!("FAILED hang: no end after {PATIENCE:?}\n    b\"{}\"\n    {kept}", input.escape_ascii());
                return true;
            }
        }
        false
    }

    pub fn ran(&self, sort: &'static str) {
        *self.found().runs.entry(sort).or_default() += 1;
    }

    /// Counts it; true the first time.
    pub fn is_new(&self, kind: &str) -> bool {
        let mut found = self.found();
        let count = found.failures.entry(kind.to_owned()).or_default();
        *count += 1;
        *count == 1
    }

    pub fn failed(&self, kind: &str, input: &[u8], said: &str) {
        let kept = keep(kind, input);
        println!("FAILED {kind}\n    b\"{}\"\n    {}\n    {kept}", input.escape_ascii(), said.replace('\n', "\n    "));
    }

    pub fn cost(&self, unit: &[u8], usual: Cost, large: Cost) {
        let mut found = self.found();
        let found = &mut *found;
        let worst = |worst: &mut Worst, cost: Cost, more: fn(Cost, Cost) -> bool| {
            if more(cost, worst.cost) {
                *worst = Worst { cost, unit: unit.to_vec() };
            }
        };
        worst(&mut found.slowest, usual, |new, old| new.time > old.time);
        worst(&mut found.slowest_large, large, |new, old| new.time > old.time);
        worst(&mut found.heaviest, usual, |new, old| new.memory > old.memory);
    }

    pub fn verdict(&self, verdict: Verdict) {
        *self.found().verdicts.entry(verdict).or_default() += 1;
    }

    /// Whether another one is to be made small.
    pub fn wants_difference(&self) -> bool {
        let mut found = self.found();
        found.minimised += 1;
        found.minimised <= MOST_DIFFERENCES
    }

    pub fn difference(&self, verdict: Verdict, shape: String, told: impl FnOnce() -> String) {
        let mut found = self.found();
        let known = found.differences.len();
        match found.differences.entry((verdict, shape)) {
            std::collections::btree_map::Entry::Occupied(mut entry) => entry.get_mut().0 += 1,
            std::collections::btree_map::Entry::Vacant(entry) if known < 20 * MOST_SHAPES => {
                entry.insert((1, told()));
            }
            std::collections::btree_map::Entry::Vacant(_) => {}
        }
    }

    /// All of it; failure if anything broke.
    pub fn tell(&self) -> ExitCode {
        let found = self.found();
        let mut verdicts: Vec<Verdict> = found.verdicts.keys().copied().collect();
        verdicts.retain(|v| *v != Verdict::Same);
        println!("\nbeside other terminals: {:?}", found.verdicts);
        for verdict in verdicts {
            let mut of: Vec<_> = found.differences.iter().filter(|((v, _), _)| *v == verdict).collect();
            of.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
            for ((_, shape), (count, told)) in of.iter().take(MOST_SHAPES / 4) {
                println!("DIFFERS {verdict:?}, {count} times: {shape}\n    {told}");
            }
        }
        println!("\n64 KiB cost at most");
        let units = [
            (cost::USUAL, "slowest", &found.slowest),
            (cost::LARGE, "slowest", &found.slowest_large),
            (cost::USUAL, "heaviest", &found.heaviest),
        ];
        for (size, what, worst) in units {
            let short = worst.unit.get(..200).unwrap_or(&worst.unit).escape_ascii();
            let (time, memory) = (worst.cost.time, worst.cost.memory >> 10);
            println!("    {what} at {size}: {time:?}, {memory} KiB: b\"{short}\"");
        }
        println!("\nruns: {} {:?}", found.runs.values().sum::<u64>(), found.runs);
        println!("failures: {} {:?}", found.failures.values().sum::<u64>(), found.failures);
        if found.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
