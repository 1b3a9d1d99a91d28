//! What the tests of all parts use, and that nothing a program says of an image panics.

use super::kitty::Command;
use super::placement::tests::fields;
use super::*;
use proptest::prelude::*;

/// Bytes of which most mean something to one of the parsers.
pub fn noise(letters: &'static [u8], most: usize) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![9 => proptest::sample::select(letters), 1 => any::<u8>()];
    proptest::collection::vec(byte, 0..most)
}

pub fn apc(body: &[u8]) -> Apc {
    let mut apc = Apc::default();
    apc.feed(body);
    apc
}

pub fn command(body: &str) -> Command {
    apc(body.as_bytes()).finish().unwrap()
}

proptest! {
    #[test]
    fn nothing_said_of_an_image_panics(
        bodies in proptest::collection::vec(
            ("[tTpdqfac]", "[aAiInNcCpPqQrRxXyYzZfF]", proptest::collection::vec(("[iIpfsvxywhcrXYz]", any::<u32>()), 0..9)),
            1..4,
        ),
        cell in any::<(u16, u16)>(),
        cursor in any::<(u16, u16)>(),
        scroll in any::<(u16, u16, i32, bool)>(),
    ) {
        let mut placements = Placements::default();
        let mut transfer = Transfer::default();
        for (a, d, numbers) in bodies {
            let numbers: String = numbers.iter().map(|(key, n)| format!(",{key}={n}")).collect();
            let Some(c) = apc(format!("Ga={a},d={d}{numbers};").as_bytes()).finish() else { continue };
            let Some(mut c) = transfer.take(c) else { continue };
            placements.delete(&c, cursor);
            let (width_px, height_px) = c.size().unwrap_or((u32::MAX, 1));
            let (cols, rows) = c.cells((width_px, height_px), cell);
            let (id, row, col) = (c.id, i64::from(cursor.0), cursor.1);
            placements.add(Placement { kind: Kind::Kitty, id, row, col, cols, rows, width_px, height_px, ..Placement::default() });
            c.action = Action::Delete;
            placements.delete(&c, cursor);
            placements.scroll(scroll.0, scroll.1, scroll.2, scroll.3);
            prop_assert_eq!(Placements::from_fields(&fields(&placements)), Some(placements.clone()));
        }
    }
}
