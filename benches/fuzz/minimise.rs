//! Owns the making smaller of what breaks something. Leaves out what "breaks" means: that is asked.

use crate::terminal::{Case, Step};
use thub::proto::ids::Size;

/// Zeller's ddmin: takes out ever smaller parts as long as it still `fails`, asking at most `asks` times.
pub fn ddmin<T: Clone>(items: &[T], asks: usize, mut fails: impl FnMut(&[T]) -> bool) -> Vec<T> {
    let mut items = items.to_vec();
    let mut part = items.len().div_ceil(2).max(1);
    let mut asked = 0;
    loop {
        let (mut at, mut less) = (0, false);
        while at < items.len() {
            if asked == asks {
                return items;
            }
            asked += 1;
            let rest = [&items[..at], &items[(at + part).min(items.len())..]].concat();
            if fails(&rest) {
                items = rest;
                less = true;
            } else {
                at += part;
            }
        }
        match (part, less) {
            (1, false) => return items,
            (1, true) => {}
            _ => part = part.div_ceil(2),
        }
    }
}

#[derive(Clone)]
enum Atom {
    Byte(u8),
    Step(Step),
}

/// A smaller case that still fails: fewer bytes and steps, then the smallest screen that will do.
pub fn case(case: &Case, mut fails: impl FnMut(&Case) -> bool) -> Case {
    let mut atoms = Vec::new();
    for step in &case.steps {
        match step {
            Step::Feed(bytes) => atoms.extend(bytes.iter().map(|b| Atom::Byte(*b))),
            other => atoms.push(Atom::Step(other.clone())),
        }
    }
    let atoms = ddmin(&atoms, 2000, |atoms| fails(&joined(case.size, atoms)));
    let mut least = joined(case.size, &atoms);
    for side in [1, 2, 3, 4, 5, 6, 8, 10, 20, 40] {
        for narrower in [true, false] {
            let now = least.size;
            let size = if narrower { Size::new(side, now.rows) } else { Size::new(now.cols, side) };
            let smaller = Case { size, ..least.clone() };
            if (size.cols < now.cols || size.rows < now.rows) && fails(&smaller) {
                least = smaller;
            }
        }
    }
    least
}

fn joined(size: Size, atoms: &[Atom]) -> Case {
    let mut case = Case { size, steps: Vec::new() };
    for atom in atoms {
        match (atom, case.steps.last_mut()) {
            (Atom::Byte(byte), Some(Step::Feed(bytes))) => bytes.push(*byte),
            (Atom::Byte(byte), _) => case.steps.push(Step::Feed(vec![*byte])),
            (Atom::Step(step), _) => case.steps.push(step.clone()),
        }
    }
    case
}
