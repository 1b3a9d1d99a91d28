//! What the ring takes in and gives out, once it is full.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use thub::session::ring::Ring;

fn ring(c: &mut Criterion) {
    let mut group = c.benchmark_group("ring");
    for capacity in [1 << 20, 16 << 20] {
        for piece in [64, 4096, 65536] {
            let bytes = vec![b'x'; piece];
            let mut ring = Ring::new(capacity);
            while ring.end() < capacity {
                ring.push(&bytes);
            }
            group.throughput(Throughput::Bytes(piece as u64));
            let name = format!("{} MiB, {piece} B", capacity >> 20);
            group.bench_function(format!("push {name}"), |b| b.iter(|| ring.push(black_box(&bytes))));
            let from = ring.start() + capacity / 2;
            group.bench_function(format!("slices {name}"), |b| {
                b.iter(|| black_box(ring.slices(black_box(from), from + piece as u64)))
            });
        }
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(20); targets = ring }
criterion_main!(benches);
