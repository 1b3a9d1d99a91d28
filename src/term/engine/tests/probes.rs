//! What programs ask, and what they are told: nothing they have said themselves comes back but numbers (places, modes,
//! ids, colours). A terminal that says a program's words has them typed into a shell.

use super::*;

/// What must not come back, in no spelling.
const MARK: &str = "Zqxj";

/// What is sent (MARK stands for itself) and the very answer.
const PROBES: &[(&str, &str)] = &[
    // titles, icon names, folders
    ("\x1b]0;MARK\x07\x1b[21t", "\x1b]l\x1b\\"),
    ("\x1b]0;MARK\x07\x1b[20t", "\x1b]L\x1b\\"),
    ("\x1b]1;MARK\x1b\\\x1b[20t", "\x1b]L\x1b\\"),
    ("\x1b]2;MARK\x07\x1b[22t\x1b[23t\x1b[21t\x1b[20t", "\x1b]l\x1b\\\x1b]L\x1b\\"),
    ("\x1bkMARK\x1b\\\x1b[21t", "\x1b]l\x1b\\"),
    ("\x1b]7;file:///MARK\x07\x1b]7;?\x07", ""),
    ("\x1b]0;?\x07\x1b]1;?\x07\x1b]2;?\x07", ""),
    ("\x1b]3;MARK=MARK\x07\x1b]3;?MARK\x07", ""),
    ("\x1b]l;MARK\x07\x1b]L;MARK\x07", ""),
    // DECRQSS of what nobody knows
    ("\x1bP$qMARK\x1b\\", "\x1bP0$r\x1b\\"),
    ("\x1bP$qmMARK\x1b\\", "\x1bP0$r\x1b\\"),
    ("\x1bP$q\x1b\\", "\x1bP0$r\x1b\\"),
    ("\x1bP1$qMARK\x1b\\", ""),
    ("\x1bP$q\nMARK\n\x1b\\", "\x1bP0$r\x1b\\"),
    ("\x1b[38:2:MARK;1m\x1bP$qm\x1b\\", "\x1bP1$r0m\x1b\\"),
    ("\x1b[7 q\x1bP$q q\x1b\\", "\x1bP1$r0 q\x1b\\"),
    // XTGETTCAP, XTSETTCAP
    ("\x1bP+qMARK\x1b\\", "\x1bP0+r\x1b\\"),
    ("\x1bP+q5A71786A\x1b\\", "\x1bP0+r\x1b\\"),
    ("\x1bP+q5A71786A;544E\x1b\\", "\x1bP0+r\x1b\\"),
    ("\x1bP+q436f;5A71786A\x1b\\", "\x1bP1+r436F=323536\x1b\\\x1bP0+r\x1b\\"),
    ("\x1bP+p5A71786A\x1b\\\x1bP+q544e\x1b\\", "\x1bP1+r544E=787465726D2D323536636F6C6F72\x1b\\"),
    // colours: asked by a name, or with more than numbers
    ("\x1b]4;MARK;?\x07", ""),
    ("\x1b]4;1;MARK\x07\x1b]4;1;?\x07", "\x1b]4;1;rgb:cdcd/0000/0000\x1b\\"),
    ("\x1b]4;1;?MARK\x07", ""),
    ("\x1b]5;0;MARK\x07\x1b]5;0;?\x07", "\x1b]5;0;rgb:d0d0/d0d0/d0d0\x1b\\"),
    ("\x1b]10;MARK\x07\x1b]10;?\x07", "\x1b]10;rgb:d0d0/d0d0/d0d0\x1b\\"),
    ("\x1b]11;?;MARK\x07", "\x1b]11;rgb:0000/0000/0000\x1b\\"),
    ("\x1b]12;rgb:MARK\x07\x1b]12;?\x07", "\x1b]12;rgb:d0d0/d0d0/d0d0\x1b\\"),
    ("\x1b]13;MARK;?\x07", "\x1b]14;rgb:0000/0000/0000\x1b\\"),
    ("\x1b]21;MARK=?\x07\x1b]21;foreground=?\x07", ""),
    // answerback
    ("MARK\x05", ""),
    ("\x1b]50;?MARK\x07\x1b]50;MARK\x07\x1b]50;?\x07", ""),
    ("\x1b]51;MARK\x07\x1b]60\x07\x1b]61;MARK\x07", ""),
    // clipboard
    ("\x1b]52;c;WnF4ag==\x07\x1b]52;c;?\x07", ""),
    ("\x1b]52;MARK;?\x07\x1b]52;;?\x07\x1b]52;p;?\x1b\\", ""),
    ("\x1b]5522;type=read;MARK\x1b\\", ""),
    // what is on the screen, said again
    ("MARK\x1b[i\x1b[?1i\x1b[0i\x1b[5iMARK\x1b[4i", ""),
    ("MARK\x1b[1;1H\x1b[?15n", "\x1b[?13n"),
    ("MARK\x1b[1;1;1;1;1;4*y", "\x1bP1!~FE53\x1b\\"),
    ("\x1b]8;id=MARK;http://MARK\x07x\x1b[6n", "\x1b[1;2R"),
    // macros, user's keys, fonts and their like, that a VT420 has
    ("\x1bP1|17/5a71786a\x1b\\\x1b[?26n\x1b[?25n", "\x1b[?27;1;0;0n\x1b[?20n"),
    ("\x1bP1;1;1!z5A71786A\x1b\\\x1b[1*z\x1b[?62n", "\x1b[0*{"),
    ("\x1bP1;1;1!zMARK\x1b\\\x1b[?63;7n", "\x1bP7!~0000\x1b\\"),
    ("\x1bP0;0;0{MARK\x1b\\\x1b[1$w", "\x1bP1$u1;1;1;@;@;@;0;2;@;BBBB\x1b\\"),
    ("\x1b(\"MARK\x1b[2J\x1b[H\x1b[1$w", "\x1bP1$u1;1;1;@;@;@;0;2;@;BBBB\x1b\\"),
    ("\x1b[2$w\x1bP2$tMARK\x1b\\", "\x1bP2$u1/9/17/25/33/41/49/57/65/73\x1b\\"),
    ("\x1bP1$tMARK\x1b\\\x1b[6n", "\x1b[1;1R"),
    // marks, notes, pictures
    ("\x1b]133;A;MARK\x07\x1b]133;D;MARK\x07", ""),
    ("\x1b]9;MARK\x07\x1b]777;notify;MARK;MARK\x07\x1b]99;i=MARK:p=?;\x1b\\", ""),
    ("\x1b]1337;File=name=MARK:AAAA\x07\x1b]1337;ReportVariable=MARK\x07\x1b]1337;ReportCellSize\x07", ""),
    ("\x1b_Gi=7,a=q,s=1,v=1,MARK;AAAA\x1b\\\x1b_Ga=q,t=f;MARK\x1b\\", ""),
    ("\x1b_MARK\x1b\\\x1b^MARK\x1b\\\x1bXMARK\x1b\\", ""),
    ("\x1bP1000pMARK\x1b\\\x1bPtmux;\x1b\x1b]0;MARK\x07\x1b\\", ""),
    // the snapshot's own string is no program's
    ("\x1bP>thub;T;5a71786a;\x1b\\\x1bP>thub;u;MARK\x1b\\\x1b[21t", "\x1b]l\x1b\\"),
    ("\x1bP>|MARK\x1b\\\x1bP!|MARK\x1b\\\x1b[=c", "\x1bP!|00000000\x1b\\"),
    // sequences with letters where numbers belong
    ("\x1b[MARKn\x1b[?MARKn", ""),
    ("\x1b[>MARKq\x1b[>MARKc", ""),
    ("\x1b[?1;MARK$p", ""),
];

#[test]
fn nothing_said_comes_back() {
    let spellings = [MARK.to_lowercase(), "5a71786a".into(), "wnf4ag".into()];
    for (probe, answer) in PROBES {
        let sent = probe.replace("MARK", MARK);
        let got = replies(&sent);
        // the version is of no weight: the rest is told to the byte
        assert_eq!(got, *answer, "{probe:?}");
        for spelling in &spellings {
            assert!(!got.to_lowercase().contains(spelling), "{probe:?} {got:?}");
        }
    }
    assert!(PROBES.len() >= 40);
}

#[test]
fn nor_after_a_restore() {
    for (probe, _) in PROBES {
        let (one, _) = fed(Size::new(80, 24), probe.replace("MARK", MARK).as_bytes());
        let mut two = Engine::restore(one.size(), &one.snapshot());
        let mut events = Vec::new();
        two.feed(
            b"\x18\x1b[21t\x1b[20t\x1bP$qm\x1b\\\x1b[1$w\x1b[2$w\x1b[?u\x05\x1b]52;c;?\x07\x1b]7;?\x07",
            &mut events,
        );
        let said: Vec<u8> =
            events.into_iter().flat_map(|e| if let Event::Reply(r) = e { r } else { Vec::new() }).collect();
        assert!(!said.is_empty());
        assert!(!String::from_utf8_lossy(&said).contains(MARK), "{probe:?}");
    }
}

#[test]
fn a_flood_of_questions_is_answered_up_to_a_mebibyte() {
    let mut engine = Engine::new(Size::new(4096, 2));
    let stops = "\x1bH\x1b[C".repeat(4096);
    engine.feed(stops.as_bytes(), &mut Vec::new());
    let mut events = Vec::new();
    engine.feed(&b"\x1b[2$w".repeat(10_000), &mut events);
    let said: usize = events.iter().map(|e| if let Event::Reply(r) = e { r.len() } else { 0 }).sum();
    assert!((1 << 19..=1 << 20).contains(&said), "{said}");
    events.clear();
    engine.feed(b"\x1b[5n", &mut events);
    assert_eq!(events, [Event::Reply(b"\x1b[0n".to_vec())], "the next piece is answered");
}
