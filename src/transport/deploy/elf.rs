//! Owns what a program file says about where it runs: [`Program`], from its ELF header. Leaves out running it.

/// What a program needs of its host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    /// As `uname -s` says it.
    pub os: &'static str,
    /// As `uname -m` says it first, then its other names.
    pub machine: &'static [&'static str],
    pub libc: Needs,
}

/// The C library it needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Needs {
    /// Static: none.
    Nothing,
    /// glibc, this version or newer.
    Glibc(u32, u32),
    Musl,
    /// The system's own (macOS).
    System,
}

const MACHINES: &[(u16, &[&str])] = &[
    (62, &["x86_64", "amd64"]),
    (183, &["aarch64", "arm64"]),
    (40, &["armv7l", "armv6l", "armv8l", "arm"]),
    (3, &["i686", "i586", "i486", "i386", "x86"]),
    (243, &["riscv64"]),
    (21, &["ppc64le", "ppc64"]),
    (22, &["s390x"]),
    (258, &["loongarch64"]),
];

/// `None` = no program thub knows.
pub fn read(file: &[u8]) -> Option<Program> {
    if let Some(mach) = read_macho(file) {
        return Some(mach);
    }
    if file.get(..4)? != b"\x7fELF" {
        return None;
    }
    let wide = match file.get(4)? {
        1 => false,
        2 => true,
        _ => return None,
    };
    let little = *file.get(5)? == 1;
    let number = |at: usize, len: usize| -> Option<u64> {
        let bytes = file.get(at..at.checked_add(len)?)?;
        let add = |n: u64, b: &u8| n << 8 | u64::from(*b);
        Some(if little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    };
    let code = number(18, 2)? as u16;
    let machine = MACHINES.iter().find(|(n, _)| *n == code)?.1;
    let (table, size, count) = if wide {
        (number(32, 8)?, number(54, 2)?, number(56, 2)?)
    } else {
        (number(28, 4)?, number(42, 2)?, number(44, 2)?)
    };
    let mut interpreter = None;
    for i in 0..count {
        let at = usize::try_from(table.checked_add(i.checked_mul(size)?)?).ok()?;
        const PT_INTERP: u64 = 3;
        if number(at, 4)? == PT_INTERP {
            let (from, len) = if wide {
                (number(at + 8, 8)?, number(at + 32, 8)?)
            } else {
                (number(at + 4, 4)?, number(at + 16, 4)?)
            };
            let from = usize::try_from(from).ok()?;
            interpreter = file.get(from..from.checked_add(usize::try_from(len).ok()?)?);
        }
    }
    let libc = match interpreter {
        None => Needs::Nothing,
        Some(path) if path.windows(7).any(|w| w == b"ld-musl") => Needs::Musl,
        Some(_) => glibc(file).map_or(Needs::Glibc(2, 0), |(a, b)| Needs::Glibc(a, b)),
    };
    Some(Program { os: "Linux", machine, libc })
}

fn read_macho(file: &[u8]) -> Option<Program> {
    if file.get(..4)? != b"\xcf\xfa\xed\xfe" {
        return None;
    }
    let machine: &[&str] = match u32::from_le_bytes(file.get(4..8)?.try_into().ok()?) {
        0x0100_0007 => &["x86_64"],
        0x0100_000c => &["arm64", "aarch64"],
        _ => return None,
    };
    Some(Program { os: "Darwin", machine, libc: Needs::System })
}

/// The highest `GLIBC_2.x` a program needs: its version needs stand as such strings in its string table, each between
/// two NULs. (Text that only looks so, as in this program itself, is none.)
fn glibc(file: &[u8]) -> Option<(u32, u32)> {
    const MARK: &[u8] = b"GLIBC_2.";
    let mut most = None;
    let mut rest = file;
    while let Some(at) = find(rest, MARK) {
        let begins = at == 0 || rest.get(at - 1) == Some(&0);
        rest = rest.get(at + MARK.len()..)?;
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        if !begins || !(1..=3).contains(&digits) || !matches!(rest.get(digits), None | Some(0 | b'.')) {
            continue;
        }
        let minor = rest.iter().take(digits).fold(0, |n, b| n * 10 + u32::from(b - b'0'));
        most = most.max(Some(minor));
    }
    most.map(|minor| (2, minor))
}

pub(super) fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    let first = *what.first()?;
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.iter().position(|b| *b == first)?;
        if text.get(at..).is_some_and(|t| t.starts_with(what)) {
            return Some(at);
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(machine: u16, interp: Option<&str>, strings: &str) -> Vec<u8> {
        let mut f = vec![0u8; 64 + 56];
        f[..6].copy_from_slice(b"\x7fELF\x02\x01");
        f[18..20].copy_from_slice(&machine.to_le_bytes());
        f[32..40].copy_from_slice(&64u64.to_le_bytes());
        f[54..56].copy_from_slice(&56u16.to_le_bytes());
        f[56..58].copy_from_slice(&1u16.to_le_bytes());
        if let Some(interp) = interp {
            f[64..68].copy_from_slice(&3u32.to_le_bytes());
            f[72..80].copy_from_slice(&120u64.to_le_bytes());
            f[96..104].copy_from_slice(&(interp.len() as u64).to_le_bytes());
            f.extend_from_slice(interp.as_bytes());
        }
        f.extend_from_slice(strings.as_bytes());
        f
    }

    #[test]
    fn needs() {
        let ld = Some("/lib64/ld-linux-x86-64.so.2\0");
        let p = read(&elf(
            62,
            ld,
            "GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_2.9\0GLIBC_PRIVATE\0GLIBC_2.\0xGLIBC_2.40\0GLIBC_2.5379\0GLIBC_2.41E6\0",
        ))
        .unwrap();
        assert_eq!((p.os, p.machine[0], p.libc), ("Linux", "x86_64", Needs::Glibc(2, 34)));
        assert_eq!(read(&elf(183, None, "GLIBC_2.34")).unwrap().libc, Needs::Nothing);
        assert_eq!(read(&elf(62, Some("/lib/ld-musl-x86_64.so.1\0"), "")).unwrap().libc, Needs::Musl);
        assert_eq!(read(&elf(9999, None, "")), None);
        assert_eq!(read(b"#!/bin/sh\n"), None);
    }

    #[test]
    fn cut_short_never_panics() {
        let whole = elf(62, Some("/lib64/ld-linux-x86-64.so.2\0"), "GLIBC_2.34");
        for len in 0..whole.len() {
            read(&whole[..len]);
        }
        let mut wild = whole.clone();
        for at in 0..120 {
            wild[at] ^= 0xff;
            read(&wild);
        }
    }

    #[test]
    fn this_very_program() {
        let me = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let p = read(&me).unwrap();
        assert!(p.machine.contains(&std::env::consts::ARCH) || std::env::consts::ARCH == "arm");
    }
}
