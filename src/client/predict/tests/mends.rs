//! What real programs have taught, each as a short play of its own: these need no program.

use super::super::tty;
use super::player::{Figures, PLAIN, Way, film, play};
use super::record::{Act, Recording, Said};

const COOKED: u8 = tty::ECHO | tty::ICANON;

fn out(text: &str) -> Vec<Said> {
    vec![Said::Output(text.as_bytes().to_vec())]
}
fn act(key: &str, said: Vec<Said>) -> Act {
    Act { bytes: key.as_bytes().to_vec(), secret: false, said }
}
/// Letters that are echoed.
fn echoed(text: &str) -> Vec<Act> {
    text.chars().map(|c| act(&c.to_string(), out(&c.to_string()))).collect()
}
/// A secret, shown as `star` each.
fn hidden(text: &str, star: &str) -> Vec<Act> {
    text.chars().map(|c| Act { secret: true, ..act(&c.to_string(), out(star)) }).collect()
}

fn seen(flags: u8, start: &str, acts: &[Vec<Act>]) -> Figures {
    let start = [vec![Said::Tty(flags)], out(start)].concat();
    let film = film(Recording { name: "made up".into(), start, acts: acts.concat(), last: Vec::new() });
    let mut all = Figures::default();
    for seed in 0..10 {
        for rtt in [40, 200, 500] {
            all.add(&play(&film, Way { rtt, seed, ragged: seed % 2 == 1, pauses: seed % 3 == 0, ..PLAIN }));
        }
    }
    all
}

#[test]
fn a_star_is_no_echo_of_a_star() {
    let f = seen(0, "word: ", &[hidden("*QJ*Z", "*")]);
    assert_eq!(f.leaks, 0, "{f}\n{}", f.told.join("\n"));
}

#[test]
fn the_same_question_may_ask_for_a_secret() {
    let f = seen(0, "same: ", &[echoed("me and you"), vec![act("\r", out("\r\nsame: "))], hidden("QJQZ", "*")]);
    assert_eq!(f.leaks, 0, "{f}\n{}", f.told.join("\n"));
}

#[test]
fn lines_read_are_trusted_by_their_own_echo_alone() {
    let next = || vec![act("\r", out("\r\nValue: "))];
    let dark = vec![act("\r", [out("\r\nValue: "), vec![Said::Tty(tty::ICANON)]].concat())];
    let secret: Vec<Act> = hidden("QJQZ", "").into_iter().map(|a| Act { said: Vec::new(), ..a }).collect();
    let acts = [echoed("one line"), next(), echoed("two lines"), next(), echoed("and three"), dark, secret];
    let f = seen(COOKED, "Value: ", &acts);
    assert_eq!(f.leaks, 0, "{f}\n{}", f.told.join("\n"));
}

#[test]
fn a_field_beside_the_word_password_waits_for_its_echo() {
    let start = "\x1b[?1049h\x1b[H\x1b[2J\x1b[7;30HPassword above\x1b[5;20H";
    let f = seen(0, start, &[echoed("me and you"), vec![act("\r", out("\x1b[6;20H"))], hidden("QJQZ", "*")]);
    assert_eq!(f.leaks, 0, "{f}\n{}", f.told.join("\n"));
}

#[test]
fn half_an_answer_moves_nothing() {
    let back = |n: usize| "\x08".repeat(n);
    let insert = |c: &str| act(c, out(&format!("{c}brown fox{}", back(9))));
    let acts = [
        echoed("the brown fox"),
        (0..9).map(|_| act("\x1b[D", out("\x08"))).collect(),
        ["o", "l", "d", " "].map(insert).to_vec(),
    ];
    let f = seen(0, "~ ", &acts);
    assert!(f.flickers == 0 && f.wrong == 0, "{f}\n{}", f.told.join("\n"));
    assert!(f.share() > 60.0, "{f}");
}

#[test]
fn commands_behind_a_known_prompt_are_no_text() {
    let next = || vec![act("\r", out("\r\n~ "))];
    let commands = ["\x1b", "i", "w", "b"].map(|k| act(k, Vec::new())).to_vec();
    let f = seen(0, "~ ", &[echoed("one line"), next(), echoed("two lines"), next(), echoed("ab"), next(), commands]);
    assert!(f.wrong == 0 && f.longest == 0, "{f}\n{}", f.told.join("\n"));
}

#[test]
fn what_stands_at_the_right_edge_stays() {
    let right = "\x1b[1;75Hright\x1b[1;3H";
    let insert = |c: &str| act(c, out(&format!("{c}the end\x1b[7D")));
    let acts =
        [echoed("the end"), (0..7).map(|_| act("\x1b[D", out("\x08"))).collect(), ["a", "t", " "].map(insert).to_vec()];
    let f = seen(0, &format!("~ {right}"), &acts);
    assert!(f.wrong == 0 && f.flickers == 0, "{f}\n{}", f.told.join("\n"));
}

#[test]
fn a_suggestion_is_no_text() {
    let type_over = |c: &str| act(c, out(&format!("{c}\x1b[K")));
    let acts = [echoed("the end"), vec![act("\r", out("\r\n~ "))], vec![act("t", out("t\x1b[90mhe end\x1b[m\x1b[6D"))]];
    let acts = [acts.concat(), ["o", "m"].map(type_over).to_vec(), echoed("orrow")];
    let f = seen(0, "~ ", &acts);
    assert!(f.wrong == 0 && f.flickers == 0, "{f}\n{}", f.told.join("\n"));
}

#[test]
fn arrows_are_shown_by_a_terminal_that_reads_lines() {
    let acts = [echoed("some text"), vec![act("\x1b[D", out("^[[D"))], echoed("more")];
    let f = seen(COOKED, "", &acts);
    assert!(f.wrong == 0 && f.flickers == 0, "{f}\n{}", f.told.join("\n"));
}

#[test]
fn a_line_goes_on_in_the_next_row() {
    let long = "the quick brown fox jumps over lazy dogs while seven wizards mix strange potions ";
    let wraps = |text: &str| -> Vec<Act> {
        let mut acts = echoed(text);
        // readline goes on there and then
        acts[77].said = out(&format!("{} \r", &text[77..78]));
        acts
    };
    let acts = [wraps(long), vec![act("\r", out("\r\n~ "))], wraps(long), vec![act("\r", out("\r\n~ "))], wraps(long)];
    let f = seen(0, "~ ", &acts);
    assert!(f.wrong == 0 && f.flickers == 0, "{f}\n{}", f.told.join("\n"));
    assert!(f.share() > 90.0, "{f}");
}
