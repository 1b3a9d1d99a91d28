//! Runs the fuzz targets' bodies on every kept input, and on variations of it that are the same each time.
//! Leaves out the search for new ones: that is cargo-fuzz's (`tests/fuzz/README.md`).

#[path = "fuzz/bodies.rs"]
mod bodies;

use std::path::PathBuf;

/// `CORPUS_ROUNDS=100000 cargo test --release --test corpus` looks further.
fn rounds() -> u64 {
    std::env::var("CORPUS_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(1000)
}

fn replay(target: &str, body: fn(&[u8])) {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut inputs: Vec<(PathBuf, Vec<u8>)> =
        std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).map(|p| (p.clone(), bodies::load(&p))).collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "{target} has no corpus");
    body(b"");
    let run = |name: &str, data: &[u8]| {
        if std::panic::catch_unwind(|| body(data)).is_err() {
            let kept = std::env::temp_dir().join(format!("thub-{target}-crash"));
            std::fs::write(&kept, data).unwrap();
            panic!("{target}: a variation of {name} breaks it; it is in {}", kept.display());
        }
    };
    for (path, data) in &inputs {
        run(&path.display().to_string(), data);
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..rounds() {
        let (path, data) = &inputs[random.below(inputs.len())];
        let other = &inputs[random.below(inputs.len())].1;
        run(&path.display().to_string(), &varied(data, other, &mut random));
    }
}

struct Random(u64);

impl Random {
    /// xorshift64*
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
    fn below(&mut self, n: usize) -> usize {
        if n == 0 { 0 } else { ((self.next() >> 33) % n as u64) as usize }
    }
}

fn varied(data: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    const SPICE: &[u8] =
        b"\0\x01\x07\x0d\x0a\x1b\x18\x1a[]?;:0123456789hlmJKHr\\\xff\xfe\x7f\x80\x9b\xc3\xe2{}\",'%$*!@| ";
    let mut out = data.to_vec();
    for _ in 0..=random.below(6) {
        let at = random.below(out.len() + 1);
        match random.below(6) {
            0 => out.truncate(at),
            1 if at < out.len() => out[at] ^= 1 << random.below(8),
            2 if at < out.len() => drop(out.remove(at)),
            3 => {
                let from = random.below(other.len());
                let piece = other[from..(from + random.below(40)).min(other.len())].to_vec();
                out.splice(at..at, piece);
            }
            4 => {
                let piece = out[at..(at + random.below(20)).min(out.len())].repeat(random.below(5));
                out.splice(at..at, piece);
            }
            _ => out.insert(at, SPICE[random.below(SPICE.len())]),
        }
    }
    out
}

#[test]
fn frame() {
    replay("frame", bodies::frame);
}
#[test]
fn term() {
    replay("term", bodies::term);
}
#[test]
fn known_hosts() {
    replay("known_hosts", bodies::known_hosts);
}
#[test]
fn ssh_config() {
    replay("ssh_config", bodies::ssh_config);
}
#[test]
fn store() {
    replay("store", bodies::store);
}
#[test]
fn input() {
    replay("input", bodies::input);
}
#[test]
fn sftp() {
    replay("sftp", bodies::sftp);
}
#[test]
fn config() {
    replay("config", bodies::config);
}
#[test]
fn deploy() {
    replay("deploy", bodies::deploy);
}
