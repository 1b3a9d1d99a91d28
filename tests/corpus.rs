//! Runs the fuzz targets' bodies on every kept input, and on variations of it that are the same each time.
//! Leaves out the search for new ones: that is cargo-fuzz's (`tests/fuzz/README.md`).

#[path = "fuzz/bodies.rs"]
mod bodies;

use bodies::terminal::vary::{Random, varied};
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
    let mut random = Random::new(0x9e37_79b9_7f4a_7c15);
    for _ in 0..rounds() {
        let (path, data) = &inputs[random.below(inputs.len())];
        let other = &inputs[random.below(inputs.len())].1;
        run(&path.display().to_string(), &varied(data, other, &mut random));
    }
}

#[test]
fn serial() {
    replay("serial", bodies::serial);
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
fn telnet() {
    replay("telnet", bodies::telnet);
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
fn forward() {
    replay("forward", bodies::forward);
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
fn container() {
    replay("container", bodies::container);
}
#[test]
fn config() {
    replay("config", bodies::config);
}
#[test]
fn import() {
    replay("import", bodies::import);
}
#[test]
fn gauges() {
    replay("gauges", bodies::gauges);
}
#[test]
fn deploy() {
    replay("deploy", bodies::deploy);
}
