//! What the terminal engine takes in: programs' output of several kinds, and the screen said and read again.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use thub::proto::ids::Size;
use thub::term::engine::Engine;

const SIZE: Size = Size::new(120, 40);

/// About 256 KiB of each kind, made here.
fn streams() -> [(&'static str, String); 5] {
    let make = |line: &dyn Fn(usize) -> String| {
        let mut text = String::new();
        for i in 0.. {
            text.push_str(&line(i));
            if text.len() > 256 << 10 {
                break;
            }
        }
        text
    };
    [
        ("lines", make(&|i| format!("{i:6} the quick brown fox jumps over the lazy dog\r\n"))),
        ("colour", make(&|i| format!("\x1b[1;3{}m{i:6}\x1b[0m: \x1b[38;5;{}mwarning\x1b[m\r\n", i % 8, i % 256))),
        ("screen", make(&|i| format!("\x1b[{};{}H\x1b[7m{i:8}\x1b[27m\x1b[K", i % 40 + 1, i % 110 + 1))),
        ("scroll", make(&|i| format!("\x1b[2;39r\x1b[39H\n\x1b[2Kline {i}\x1b[r\x1b[40Hstatus {i}"))),
        ("unicode", make(&|i| format!("{i} größe 漢字 e\u{301} → ✓ ─┼─\r\n"))),
    ]
}

fn feed(c: &mut Criterion) {
    let mut group = c.benchmark_group("feed");
    for (name, text) in streams() {
        group.throughput(Throughput::Bytes(text.len() as u64));
        let mut engine = Engine::new(SIZE);
        let mut events = Vec::new();
        group.bench_function(name, |b| {
            b.iter(|| {
                // pieces as a PTY gives them
                for piece in text.as_bytes().chunks(4096) {
                    engine.feed(black_box(piece), &mut events);
                }
                events.clear();
            })
        });
    }
    group.finish();

    let mut engine = Engine::new(SIZE);
    engine.feed(streams()[1].1.as_bytes(), &mut Vec::new());
    c.bench_function("snapshot", |b| b.iter(|| black_box(engine.snapshot())));
    let snapshot = engine.snapshot();
    c.bench_function("restore", |b| b.iter(|| black_box(Engine::restore(SIZE, black_box(&snapshot)))));
}

criterion_group! { name = benches; config = Criterion::default().sample_size(20); targets = feed }
criterion_main!(benches);
