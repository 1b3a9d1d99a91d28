//! Commands: read, cut anywhere, kept small, measured, in chunks.

use super::super::tests::{apc, command, noise};
use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn commands_may_be_cut_and_taken_up_anywhere(
        letter in prop_oneof![9 => Just(&b"G"[..]), 1 => Just(&b""[..]), 1 => Just(&b"q"[..])],
        rest in noise(b"aTdifsvz==,,;-0123AZ", 150),
    ) {
        let body = [letter, &rest].concat();
        let whole = apc(&body);
        for at in 0..=body.len() {
            let (head, tail) = body.split_at(at);
            let mut cut = apc(head);
            let mut taken_up = apc(&cut.unfinished());
            prop_assert_eq!(taken_up.unfinished(), cut.unfinished());
            cut.feed(tail);
            taken_up.feed(tail);
            for other in [cut, taken_up] {
                prop_assert_eq!(other.unfinished(), whole.unfinished());
                prop_assert_eq!(other.finish(), whole.clone().finish());
            }
        }
    }

    #[test]
    fn transfers_may_be_taken_up_anywhere(
        bodies in proptest::collection::vec("G(a=[tTqfdp],?)?([ifsvcp]=[0-9],){0,3}(z=-?[0-9],|o=z,|t=[df],|d=[aA],)?(q=[012],)?m=[01];[A-Z]{0,80}", 0..8),
    ) {
        let mut one = Transfer::default();
        for body in bodies {
            let mut other = Transfer::default();
            let unfinished = one.unfinished();
            if let Some(first) = apc(&unfinished).finish() {
                prop_assert_eq!(other.take(first), None);
            }
            prop_assert_eq!(&other, &one);
            if let Some(command) = apc(body.as_bytes()).finish() {
                prop_assert_eq!(other.take(command), one.take(command));
                prop_assert_eq!(&other, &one);
            }
        }
    }
}

#[test]
fn commands_are_read() {
    let c =
        command("Ga=T,f=24,s=10,v=20,i=4294967295,p=7,x=1,y=2,w=3,h=4,c=5,r=6,X=7,Y=8,z=-9,C=1,U=1,q=2,o=z,P=3;AAAA");
    let want = Command {
        action: Action::TransmitAndPut,
        format: 24,
        width: 10,
        height: 20,
        id: u32::MAX,
        placement: 7,
        x: 1,
        y: 2,
        w: 3,
        h: 4,
        cols: 5,
        rows: 6,
        offset_x: 7,
        offset_y: 8,
        z: -9,
        cursor: 1,
        unicode: 1,
        quiet: 2,
        compressed: true,
        parent: 3,
        head: c.head,
        ..Command::default()
    };
    assert_eq!(c, want);
    assert_eq!(c.head.as_slice(), b"AAAA");
    assert_eq!((command("G").action, command("G;").delete), (Action::Transmit, 0));
    assert_eq!((command("Ga=d,d=Z,,").action, command("Gd=Z").delete), (Action::Delete, b'Z'));
    assert!(command("Gt=f,f=100;L3RtcC94").elsewhere);
    // keys of tomorrow
    assert_eq!(command("Gi=3,k=what,N=1").id, 3);
    for bad in [
        "",
        "q",
        "Gi",
        "Gi=",
        "Gi=x",
        "Gi=-1",
        "Gi=+1",
        "Gi=4294967296",
        "Ga=",
        "Ga=x",
        "Gii=1",
        "Gz=2147483648",
        "Gz=--1",
        "G i=1",
    ] {
        assert_eq!(apc(bad.as_bytes()).finish(), None, "{bad}");
    }
}

#[test]
fn commands_are_kept_small() {
    let fits = format!("G{}i=1", ",".repeat(MOST_CONTROL - 3));
    assert_eq!(command(&fits).id, 1);
    let mut long = apc(fits.as_bytes());
    long.feed(b",");
    assert_eq!((long.control.capacity(), long.clone().finish()), (0, None));
    let mut payload = apc(b"Gi=1;");
    for _ in 0..1000 {
        payload.feed(&[b'A'; 1000]);
    }
    assert_eq!(payload.unfinished().len(), 5 + MOST_HEAD);
    assert_eq!(payload.finish().unwrap().head.as_slice(), [b'A'; MOST_HEAD]);
}

/// The beginning of a PNG of 3 x 258 pixels.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAMAAAECCAYAAAAfFcSJAAAADUlEQVR42mNk";

#[test]
fn images_are_measured() {
    assert_eq!(command("Gf=24,s=10,v=20").size(), Some((10, 20)));
    assert_eq!(command("Gs=10,v=99999").size(), Some((10, MOST_PX)));
    assert_eq!(command("Gs=10").size(), None);
    assert_eq!(command(&format!("Gf=100;{PNG}")).size(), Some((3, 258)));
    assert_eq!(command(&format!("Gf=100,o=z;{PNG}")).size(), None);
    assert_eq!(command(&format!("Gf=100,t=s;{PNG}")).size(), None);
    assert_eq!(command(&format!("Gf=100;{}", &PNG[..31])).size(), None);
    assert_eq!(command(&format!("Gf=100;{}", PNG.replace("SUhE", "SUhF"))).size(), None);
}

#[test]
fn images_take_cells() {
    assert_eq!(cells(1, 1, (10, 20)), (1, 1));
    assert_eq!(cells(10, 21, (10, 20)), (1, 2));
    assert_eq!(cells(0, 20, (10, 20)), (0, 1));
    assert_eq!(cells(u32::MAX, 7, (0, 0)), (u16::MAX, 7));
    let cells = |keys: &str| command(keys).cells((100, 50), (10, 20));
    assert_eq!(cells("G"), (10, 3));
    assert_eq!(cells("GX=5,Y=11"), (11, 4));
    assert_eq!(cells("GX=5000"), (11, 3));
    assert_eq!(cells("Gx=90,y=10,w=50,h=20"), (1, 1));
    assert_eq!(cells("Gx=100"), (0, 0));
    assert_eq!(cells("Gc=7,r=9"), (7, 9));
    assert_eq!(cells("Gc=20"), (20, 5));
    assert_eq!(cells("Gr=5"), (20, 5));
    assert_eq!(cells("Gr=4294967295"), (u16::MAX, u16::MAX));
}

#[test]
fn chunks_are_put_together() {
    let mut transfer = Transfer::default();
    let (start, rest) = PNG.split_at(20);
    assert_eq!(transfer.take(command(&format!("Ga=T,f=100,i=5,c=4,m=1;{start}"))), None);
    // other commands may come between
    assert_eq!(transfer.take(command("Ga=p,i=1")).map(|c| c.action), Some(Action::Put));
    assert_eq!(transfer.take(command(&format!("Gm=1;{rest}"))), None);
    let whole = transfer.take(command("Gq=2,m=0;AAAA")).unwrap();
    assert_eq!((whole.action, whole.id, whole.cols, whole.quiet, whole.more), (Action::TransmitAndPut, 5, 4, 2, 0));
    assert_eq!((whole.size(), transfer.unfinished()), (Some((3, 258)), Vec::new()));
    // a program that says all of it each time
    assert_eq!(transfer.take(command("Ga=t,i=5,s=1,v=1,m=1;AAAA")), None);
    assert_eq!(transfer.take(command("Ga=t,i=5,s=1,v=1,m=0;AAAA")).unwrap().head.as_slice(), b"AAAAAAAA");
    // another image: the first one's program was interrupted
    assert_eq!(transfer.take(command("Gi=5,s=1,v=1,m=1;AAAA")), None);
    assert_eq!(transfer.take(command("Gi=6,s=2,v=2;BBBB")).unwrap().head.as_slice(), b"BBBB");
    // a delete gives it up
    assert_eq!(transfer.take(command("Gi=5,s=1,v=1,m=1;AAAA")), None);
    assert!(transfer.take(command("Ga=d")).is_some());
    assert_eq!(transfer, Transfer::default());
}
