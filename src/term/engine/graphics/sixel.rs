//! Owns the size of a sixel image. Leaves out its pixels and colours.
//! Source: DEC STD 070 chapter 9 and VT330/VT340 chapter 14.

use super::MOST_PX;
use std::fmt::Write as _;

/// Rows of pixels in one sixel.
const BAND: u32 = 6;
/// The first band that lies below the last pixel row.
const LAST_BAND: u32 = MOST_PX / BAND + 1;

/// What the next bytes of a sixel body belong to. `#` needs no state: numbers outside of a command are passed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reading {
    Data,
    /// `!Pn`: the count so far.
    Repeat(u32),
    /// `"Pan;Pad;Ph;Pv`: the numbers so far, and which one is being read (4: beyond the last).
    Raster([u32; 4], usize),
}

/// A sixel image of which only the size is read. The size is that of the box from the origin to the last set pixels,
/// and at least the `Ph` by `Pv` of the raster attributes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sixel {
    /// Pan and Pad as P1 of the DCS has them.
    aspect: (u32, u32),
    /// The raster attributes in force.
    raster: Option<[u32; 4]>,
    /// There was data: raster attributes that come now are too late.
    started: bool,
    x: u32,
    band: u32,
    width: u32,
    height: u32,
    reading: Reading,
}

impl Sixel {
    /// `params` = those of the DCS. P1 decides the shape of a pixel where there are no raster attributes;
    /// P2 (background) and P3 (grid) do not change the size.
    pub fn new(params: &[u16]) -> Sixel {
        let tall = match params.first() {
            Some(2) => 5,
            Some(3 | 4) => 3,
            Some(7..=9) => 1,
            _ => 2,
        };
        let reading = Reading::Data;
        Sixel { aspect: (tall, 1), raster: None, started: false, x: 0, band: 0, width: 0, height: 0, reading }
    }

    /// Takes bytes after `q`, cut anywhere.
    pub fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.byte(byte);
        }
    }

    fn byte(&mut self, byte: u8) {
        match (byte, &mut self.reading) {
            // controls, spaces and what is not ASCII are no part of anything, not even in a number
            (..=b' ' | 0x7f.., _) => return,
            (b'0'..=b'9', Reading::Repeat(n)) => return digit(n, byte),
            (b'0'..=b'9', Reading::Raster(numbers, at)) => {
                if let Some(n) = numbers.get_mut(*at) {
                    digit(n, byte);
                }
                return;
            }
            (b';', Reading::Raster(numbers, at)) => {
                *at = (*at + 1).min(numbers.len());
                return;
            }
            _ => {}
        }
        let count = self.end_command();
        match byte {
            b'"' => self.reading = Reading::Raster([0; 4], 0),
            b'!' => self.reading = Reading::Repeat(0),
            b'$' => self.x = 0,
            b'-' => {
                self.x = 0;
                self.band = (self.band + 1).min(LAST_BAND);
            }
            b'?'..=b'~' => self.draw(byte - b'?', count),
            _ => {}
        }
    }

    /// Ends the command being read; the result is how often the next sixel is meant.
    fn end_command(&mut self) -> u32 {
        match std::mem::replace(&mut self.reading, Reading::Data) {
            Reading::Data => 1,
            Reading::Repeat(n) => n.max(1),
            Reading::Raster(numbers, _) => {
                if !self.started {
                    self.raster = Some(numbers);
                }
                1
            }
        }
    }

    fn draw(&mut self, bits: u8, count: u32) {
        self.started = true;
        self.x = (self.x + count).min(MOST_PX);
        if bits != 0 {
            self.width = self.width.max(self.x);
            let rows = self.band * BAND + (u8::BITS - bits.leading_zeros());
            self.height = self.height.max(rows.min(MOST_PX));
        }
    }

    /// Width and height in pixels of the screen, 1 to 16384 each; None if nothing is shown.
    pub fn finish(mut self) -> Option<(u32, u32)> {
        self.end_command();
        let [pan, pad, ph, pv] = self.raster.unwrap_or([self.aspect.0, self.aspect.1, 0, 0]);
        // a VT340 draws a pixel as so many whole ones; Ph and Pv are pixels of the screen already
        let (pan, pad) = (pan.max(1), pad.max(1));
        let (wide, tall) = (pad / pan.min(pad), pan / pan.min(pad));
        let width = (self.width * wide).min(MOST_PX).max(ph);
        let height = (self.height * tall).min(MOST_PX).max(pv);
        (width > 0 && height > 0).then_some((width, height))
    }

    /// A body that brings a new Sixel of the same params into this state; about 3 KiB at most.
    pub fn unfinished(&self) -> Vec<u8> {
        let mut out = String::new();
        if let Some([pan, pad, ph, pv]) = self.raster {
            // `#` ends it and does nothing else
            out = format!("\"{pan};{pad};{ph};{pv}#");
        }
        let mut band = 0;
        let mut down = |out: &mut String, to: u32| {
            while band < to {
                out.push('-');
                band += 1;
            }
        };
        if let Some(last) = self.height.checked_sub(1) {
            // a line as wide as the image, then a pixel in its last row
            let _ = write!(out, "!{}@$", self.width);
            down(&mut out, last / BAND);
            out.push(char::from(b'?' + (1 << (last % BAND))));
            out.push('$');
        } else if self.started {
            out.push_str("?$");
        }
        down(&mut out, self.band);
        if self.x > 0 {
            let _ = write!(out, "!{}?", self.x);
        }
        match self.reading {
            Reading::Data => {}
            Reading::Repeat(n) => {
                let _ = write!(out, "!{n}");
            }
            Reading::Raster(numbers, at) => {
                out.push('"');
                for (i, n) in numbers.iter().enumerate().take(at + 1) {
                    let _ = write!(out, "{}{n}", if i > 0 { ";" } else { "" });
                }
                if at == numbers.len() {
                    out.push(';');
                }
            }
        }
        out.into_bytes()
    }
}

/// One more digit; a number stays at [`MOST_PX`].
fn digit(n: &mut u32, byte: u8) {
    *n = (*n * 10 + u32::from(byte - b'0')).min(MOST_PX);
}

#[cfg(test)]
mod tests {
    use super::super::tests::noise;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn sixel(params: &[u16], body: &[u8]) -> Sixel {
        let mut sixel = Sixel::new(params);
        sixel.feed(body);
        sixel
    }

    fn size(body: &str) -> Option<(u32, u32)> {
        sixel(&[7], body.as_bytes()).finish()
    }

    #[test]
    fn sixels_are_measured() {
        assert_eq!(size(""), None);
        assert_eq!(size("???"), None);
        assert_eq!(size("@"), (1, 1).into());
        assert_eq!(size("~~$~"), (2, 6).into());
        // the VT330/VT340 manual's "HI" is 16 wide in two bands
        assert_eq!(size("#0;2;0;0;0#1;2;100;100;0#1~~@@vv@@~~@@~~$#2??}}GG}}??}}??-#1!14@"), (14, 7).into());
        assert_eq!(size("!10?@--!3C"), (11, 15).into());
        // a count of 0 is 1, a repeated count is taken anew, another command drops it
        assert_eq!(size("!0~!~"), (2, 6).into());
        assert_eq!(size("!9!3~"), (3, 6).into());
        assert_eq!(size("!9$~"), (1, 6).into());
        assert_eq!(size("!1\n2\r~"), (12, 6).into());
        // a colour's numbers are no counts
        assert_eq!(size("!3~#12;2;99;99;99~"), (4, 6).into());
    }

    #[test]
    fn raster_attributes() {
        assert_eq!(size("\"1;1;640;480"), (640, 480).into());
        assert_eq!(size("\"1;1;640;480#0!700~"), (700, 480).into());
        assert_eq!(size("\";;3;4"), (3, 4).into());
        assert_eq!(size("\"1;1;3;4;5;6~"), (3, 6).into());
        // too late
        assert_eq!(size("~\"1;1;640;480"), (1, 6).into());
        // Pan/Pad are the shape of a pixel; Ph and Pv are not scaled
        assert_eq!(size("\"2;1~"), (1, 12).into());
        assert_eq!(size("\"1;3~"), (3, 6).into());
        assert_eq!(size("\"2;1;10;10~"), (10, 12).into());
        let tall = |params: &[u16]| sixel(params, b"~").finish();
        assert_eq!([tall(&[]), tall(&[2]), tall(&[4, 1]), tall(&[9])].map(|s| s.unwrap().1), [12, 30, 18, 6]);
    }

    #[test]
    fn sixels_have_a_largest_size() {
        assert_eq!(size("!99999999999~"), (MOST_PX, 6).into());
        assert_eq!(size("\"1;1;99999;99999999999"), (MOST_PX, MOST_PX).into());
        assert_eq!(size(&"!9999~".repeat(3)), (MOST_PX, 6).into());
        assert_eq!(size(&format!("{}~", "-".repeat(5000))), (1, MOST_PX).into());
        let tall = format!("!9999~!9999~{}~{}", "-".repeat(2730), "-".repeat(9999));
        assert_eq!(size(&format!("\"9;1{tall}")), (MOST_PX, MOST_PX).into());
        let whole = sixel(&[], tall.as_bytes());
        let short = whole.unfinished();
        assert!(short.len() < 3 * 1024);
        assert_eq!(sixel(&[], &short), whole);
    }

    #[derive(Clone, Debug)]
    enum Op {
        Draw(u32, u8),
        Return,
        Line,
        Color,
    }

    fn ops() -> impl Strategy<Value = Vec<Op>> {
        let op = prop_oneof![
            4 => (1u32..5, 0u8..64).prop_map(|(n, bits)| Op::Draw(n, bits)),
            1 => Just(Op::Return),
            1 => Just(Op::Line),
            1 => Just(Op::Color),
        ];
        proptest::collection::vec(op, 0..40)
    }

    proptest! {
        #[test]
        fn sixels_are_as_large_as_painted(ops in ops()) {
            let (mut body, mut pixels, mut x, mut y) = (String::new(), BTreeSet::new(), 0, 0);
            for op in ops {
                match op {
                    Op::Draw(n, bits) => {
                        let byte = char::from(bits + b'?');
                        body += &if n == 1 { byte.to_string() } else { format!("!{n}{byte}") };
                        for _ in 0..n {
                            pixels.extend((0..6u32).filter(|i| bits & (1 << i) != 0).map(|i| (x, y + i)));
                            x += 1;
                        }
                    }
                    Op::Return => {
                        body += "$";
                        x = 0;
                    }
                    Op::Line => {
                        body += "-";
                        (x, y) = (0, y + 6);
                    }
                    Op::Color => body += "#4;2;10;20;30",
                }
            }
            let side = |of: fn(&(u32, u32)) -> u32| pixels.iter().map(of).max().map(|last| last + 1);
            prop_assert_eq!(size(&body), side(|p| p.0).zip(side(|p| p.1)));
        }

        #[test]
        fn sixels_may_be_cut_and_taken_up_anywhere(
            body in noise(b"\"\"#!!$-;;0129?@A~", 80),
            params in proptest::collection::vec(0u16..12, 0..4),
        ) {
            let whole = sixel(&params, &body);
            for at in 0..=body.len() {
                let (head, tail) = body.split_at(at);
                let mut cut = sixel(&params, head);
                let mut taken_up = sixel(&params, &cut.unfinished());
                prop_assert_eq!(&taken_up, &cut);
                cut.feed(tail);
                taken_up.feed(tail);
                prop_assert_eq!(&cut, &whole);
                prop_assert_eq!(&taken_up, &whole);
            }
            if let Some((width, height)) = whole.finish() {
                prop_assert!((1..=MOST_PX).contains(&width) && (1..=MOST_PX).contains(&height));
            }
        }
    }
}
