//! What a server that means harm can make us hold: a tree without an end, as wide and as deep as it can be, looked through in
//! a process of its own, whose memory is measured.

use super::*;

const READLINK: u8 = 19;
const DIR: u32 = 0o040_755;
const FILE: u32 = 0o100_644;
const LINK: u32 = 0o120_777;
/// Of every file: one request's.
const SIZE: usize = 32 << 10;
/// Of a file that does not say it.
const UNTOLD: u64 = 3 << 20;
/// What a packet may have.
const PACKET: usize = 256 << 10;
/// What issue 6 allows, of which some is left for what a client does besides.
const MOST: usize = 60 << 20;
/// Why a directory is not gone into.
const REFUSED: &[u8] = b"still to be gone into";
/// Says in the child which case it is.
const CASE: &str = "THUB_TEST_HOSTILE_MEMORY";

/// Entries of these kinds in turn until the packet is full, each with a name of its own that is so long.
fn full(kinds: &[u32], name: usize, long: usize, size: usize) -> Vec<u8> {
    let (mut entries, mut count) = (Vec::new(), 0u32);
    let one = 4 + name + 4 + long + 16;
    while entries.len() + one + 9 <= PACKET {
        let kind = kinds[count as usize % kinds.len()];
        // control characters are longer than others once they are told
        let mut called = format!("{count:0>4x}").into_bytes();
        called.resize(name, 1);
        entries.extend([text(&called), text(&vec![b'x'; long])].concat());
        entries.extend([5u32.to_be_bytes().to_vec(), (size as u64).to_be_bytes().to_vec()].concat());
        entries.extend(kind.to_be_bytes());
        count += 1;
    }
    [count.to_be_bytes().to_vec(), entries].concat()
}
/// The high water mark of this process' memory, bytes.
fn high_water() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

struct Case {
    name: &'static str,
    entries: fn() -> Vec<u8>,
    /// What looking at something in the tree is answered by.
    lstat: fn(u32) -> Vec<u8>,
    steps: usize,
}

const CASES: [Case; 5] = [
    // files that say they are empty, and are not
    Case { name: "untold", entries: || full(&[FILE], 8, 0, 0), lstat: |id| attrs(id, FILE, 0), steps: 50 },
    Case { name: "wide", entries: || full(&[DIR], 4, 0, SIZE), lstat: |id| attrs(id, DIR, 0), steps: 1000 },
    Case { name: "deep", entries: || full(&[DIR, FILE], 70, 70, SIZE), lstat: |id| attrs(id, DIR, 0), steps: 1000 },
    Case {
        name: "long",
        entries: || full(&[DIR, LINK, 0, FILE], 1000, 0, SIZE),
        lstat: |id| attrs(id, DIR, 0),
        steps: 200,
    },
    Case {
        name: "wordy",
        entries: || full(&[DIR], 1000, 0, SIZE),
        lstat: |id| packet(101, id, &[&4u32.to_be_bytes()[..], &text(&vec![0x1b; 30_000]), &text(b"")].concat()),
        steps: 1000,
    },
];

async fn look_through(case: &Case) {
    let (entries, lstat) = ((case.entries)(), case.lstat);
    let target = [1u32.to_be_bytes().to_vec(), text(&vec![1; 16 << 10]), text(b""), vec![0; 4]].concat();
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    tokio::spawn(serve_all(theirs, move |kind, id, rest| match kind {
        READDIR => packet(104, id, &entries),
        READLINK => packet(104, id, &target),
        LSTAT => lstat(id),
        FSTAT => attrs(id, FILE, 0),
        READ => {
            let (offset, length) = rest[5..].split_at(8);
            let offset = u64::from_be_bytes(offset.try_into().unwrap());
            let length = u32::from_be_bytes(length.try_into().unwrap());
            if offset < UNTOLD { packet(103, id, &text(&vec![7; length as usize])) } else { status(id, 1) }
        }
        _ => dir_first(kind, id).unwrap_or_else(|| status(id, 4)),
    }));
    let fs = Fs::Sftp(Remote::new(Sftp::start(ours, "host".into()).await.unwrap()));
    let mut pack = Pack::new(fs.dir(&path("d")).await.unwrap(), Vec::new(), true, Have::default());
    let (mut out, mut told, mut refused) = (Vec::new(), 0, false);
    for _ in 0..case.steps {
        assert!(pack.next(&mut out).await, "it has no end");
        told += out.len();
        refused |= out.windows(REFUSED.len()).any(|words| words == REFUSED);
        out.clear();
    }
    assert!(told > 100_000, "nothing was found");
    assert!(refused || case.name != "wide", "it goes into each of them");
}

#[test]
fn a_tree_without_an_end_takes_no_more_than_so_much_memory() {
    if let Ok(name) = std::env::var(CASE) {
        let case = CASES.iter().find(|case| case.name == name).unwrap();
        let before = high_water();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(look_through(case));
        println!("took {}", high_water() - before);
        return;
    }
    for case in CASES {
        let me = std::env::current_exe().unwrap();
        let test = "filesys::tests::hostile::memory::a_tree_without_an_end_takes_no_more_than_so_much_memory";
        let ran = std::process::Command::new(me).args(["--exact", test, "--nocapture"]).env(CASE, case.name).output();
        let ran = ran.unwrap();
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        let took = said.split_once("took ").and_then(|(_, rest)| rest.split_whitespace().next());
        let Some(took) = took.and_then(|n| n.parse::<usize>().ok()).filter(|_| ran.status.success()) else {
            panic!("{}: {said} {}", case.name, String::from_utf8_lossy(&ran.stderr));
        };
        println!("{}: {} KiB", case.name, took >> 10);
        assert!(took < MOST, "{}: {} KiB", case.name, took >> 10);
    }
}
