//! Owns what systems' own texts say: /proc of Linux, and what the commands of a [`script`] print elsewhere. Pure and total: what
//! is not understood is left out, and no text, however wrong, is more than a look that knows nothing. Leaves out differences
//! between two looks (`look`).
//!
//! A text is sections, each begun by a line `@NAME`.

pub mod bsd;
pub mod darwin;
pub mod linux;
pub mod script;
mod tables;

use super::look::Look;

/// Bytes of one look's text at most.
pub const MOST: usize = 1 << 20;

/// The first number of a word, `12.5%` and `12,` among them.
fn number(word: &str) -> Option<f64> {
    let end = word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len());
    word.get(..end)?.parse().ok().filter(|n: &f64| n.is_finite())
}

fn whole(word: &str) -> Option<u64> {
    let end = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    word.get(..end)?.parse().ok()
}

/// What the words of a section are to become part of.
struct Building {
    look: Look,
    /// As `uname -s` says.
    system: String,
    /// Bytes.
    page: u64,
    linux: linux::Kept,
    bsd: bsd::Kept,
}

/// A look of what a host printed. The fault says what makes it of no use.
pub fn look(text: &str) -> Look {
    let text = text.get(..text.floor_char_boundary(MOST)).unwrap_or_default();
    let mut sections: Vec<(&str, &str)> = Vec::new();
    let mut from = 0;
    let mut name = "";
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if let Some(head) = line.strip_prefix('@') {
            sections.push((name, text.get(from..at).unwrap_or_default()));
            name = head.trim();
            from = at + line.len();
        }
        at += line.len();
    }
    sections.push((name, text.get(from..).unwrap_or_default()));
    let mut b = Building {
        look: Look::default(),
        system: String::new(),
        page: 4096,
        linux: linux::Kept::default(),
        bsd: bsd::Kept::default(),
    };
    for (name, body) in sections {
        let (name, rest) = name.split_once(' ').unwrap_or((name, ""));
        match name {
            "system" => {
                let mut words = rest.split(' ');
                b.system = words.next().unwrap_or_default().to_string();
                b.page = words.next().and_then(whole).filter(|p| (512..=1 << 20).contains(p)).unwrap_or(4096);
            }
            "df" => b.look.disks = Some(tables::df(body)),
            "ps" => b.look.running = tables::ps(body),
            "uptime" if b.system != "Linux" => {
                b.look.uptime = b.look.uptime.or_else(|| tables::uptime(body));
                b.look.load = b.look.load.or_else(|| tables::load(body));
            }
            "netstat" => b.look.nets = tables::netstat(body),
            _ if b.system == "Linux" => linux::section(&mut b.look, &mut b.linux, b.page, name, rest, body),
            _ if b.system == "Darwin" => darwin::section(&mut b.look, name, body),
            _ => bsd::section(&mut b.look, &mut b.bsd, name, body),
        }
    }
    linux::finish(&mut b.look, b.linux);
    bsd::finish(&mut b.look, b.bsd);
    missing(&mut b.look);
    b.look
}

/// Says what every system has and this one did not tell.
pub(super) fn missing(look: &mut Look) {
    let lacks = [("CPU", look.cpu.is_none() && look.cpu_percent.is_none()), ("memory", look.mem.is_none())];
    for (what, _) in lacks.iter().filter(|(_, lacks)| *lacks) {
        look.faults.push(format!("{what}: can't be read there"));
    }
}

#[cfg(test)]
mod tests;
