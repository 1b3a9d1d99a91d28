//! Starting something new: keys in, effects and screens out.

use super::super::tests::{Bench, info};
use super::*;
use crate::client::book::Change;
use crate::client::host::{HostEvent, HostState};
use crate::term::input::{Button, Mods, Mouse, MouseKind};

fn created(s: &mut Bench) -> (HostId, u64, SessionCreate, bool) {
    let all = s.take();
    let found = all.into_iter().find_map(|e| match e {
        Effect::Host(host, HostCommand::Create { tag, create, asks }) => Some((host, tag, *create, asks)),
        _ => None,
    });
    found.expect("something to be started")
}

#[test]
fn a_telnet_host_is_opened_once() {
    let mut s = Bench::full(100, 30);
    s.take();
    s.keys("C-b C");
    assert!(s.has("new on this machine") && s.has("serial port") && s.has("telnet host"), "{}", s.screen());
    s.keys("n '10.0.0.2 Down '2323 C-o");
    let (host, tag, create, asks) = created(&mut s);
    let made = create.definition.unwrap();
    assert_eq!((host.is_local(), made.config.kind.as_str(), asks), (true, "telnet", false));
    assert_eq!(made.config.config["port"], 2323);
    assert!(create.connection.is_none() && s.has("it is being opened"), "{}", s.screen());
    // it can't be: that is said in the form, and nothing is lost
    let (tabs, panes) = (s.app.tabs.list.len(), s.app.panes.len());
    s.host("local", HostEvent::Created { tag, result: Err("10.0.0.2 port 2323 can't be reached".into()) });
    assert!(s.has("can't be reached") && s.has("10.0.0.2"), "{}", s.screen());
    assert_eq!((s.app.tabs.list.len(), s.app.panes.len()), (tabs, panes));
    // beside the focused pane
    s.keys("Down Down Right Enter");
    let (_, tag, ..) = created(&mut s);
    s.host("local", HostEvent::Created { tag, result: Ok(Box::new(info("s7", 80, 24))) });
    assert_eq!((s.app.tabs.list.len(), s.app.panes.len(), s.app.layers.len()), (tabs, panes + 1, 0));
    assert_eq!(s.app.focused().unwrap().session.as_ref().unwrap().as_str(), "s7");
}

#[test]
fn one_that_is_kept_is_opened_as_well() {
    let mut s = Bench::full(100, 30);
    s.host("local", HostEvent::Connections(Some(std::sync::Arc::default())));
    s.take();
    s.keys("C-b + t 'web");
    let at = match s.app.layers.last() {
        Some(Layer::Form(form)) => form.lines.iter().position(|l| l.field == "name").unwrap(),
        _ => panic!(),
    };
    s.keys(&["Down"; 20][..at - 1].join(" "));
    s.keys("'frontend C-s");
    let all = s.take();
    let book = all.into_iter().find_map(|e| match e {
        Effect::Host(_, HostCommand::Book { tag, change }) => Some((tag, *change)),
        _ => None,
    });
    let (tag, Change::Create(made)) = book.unwrap() else { panic!() };
    assert_eq!((made.name.as_str(), made.config.kind.as_str()), ("frontend", "ssh"));
    let tabs = s.app.tabs.list.len();
    s.host("local", HostEvent::Booked { tag, result: Ok("c-1".into()) });
    let (_, _, create, asks) = created(&mut s);
    assert_eq!((create.connection.as_deref(), asks), (Some("c-1"), true), "it may have to ask");
    assert_eq!((s.app.layers.len(), s.app.tabs.list.len()), (0, tabs + 1));
}

#[test]
fn what_a_host_has_is_chosen_from() {
    let mut s = Bench::full(100, 30);
    s.take();
    let ask = |s: &mut Bench| {
        s.take().into_iter().find_map(|e| match e {
            Effect::Host(_, HostCommand::Offer { tag, what, .. }) => Some((tag, what)),
            _ => None,
        })
    };
    s.keys("C-b C p 'x F2");
    let (tag, what) = ask(&mut s).unwrap();
    assert_eq!(what, Listing::Ports);
    s.host("local", HostEvent::Offered { tag, result: Err("the agent there is older".into()) });
    assert!(s.has("agent there is older") && s.app.layers.len() == 1);
    s.keys("F2");
    let (tag, _) = ask(&mut s).unwrap();
    // (news of an earlier wish are none)
    s.host("local", HostEvent::Offered { tag: tag - 1, result: Ok(vec![("/dev/old".into(), String::new())]) });
    let ports = vec![("/dev/ttyUSB0".to_string(), "FT232R".to_string()), ("/dev/tty\u{1b}[31m".into(), String::new())];
    s.host("local", HostEvent::Offered { tag, result: Ok(ports) });
    assert!(s.has("/dev/ttyUSB0") && s.has("FT232R") && !s.has("\u{1b}"), "{}", s.screen());
    s.keys("Enter Enter");
    let (.., create, _) = created(&mut s);
    assert_eq!(create.definition.unwrap().config.config["port"], "/dev/ttyUSB0");
    // containers are those of the engine that the form names
    let mut s = Bench::full(100, 30);
    s.keys("C-b C d");
    while !s.app.layers.last().is_some_and(|l| matches!(l, Layer::Form(f) if f.lines[f.at].field == "socket")) {
        s.keys("Tab");
    }
    s.keys("'/run/other.sock");
    while !s.app.layers.last().is_some_and(|l| matches!(l, Layer::Form(f) if f.lines[f.at].field == "container")) {
        s.keys("BTab");
    }
    s.take();
    s.keys("F2");
    let asks = |e: &Effect| matches!(e, Effect::Host(_, HostCommand::Offer { what: Listing::Containers, socket: Some(s), .. }) if s == "/run/other.sock");
    assert!(s.take().iter().any(asks));
}

#[test]
fn on_another_host_which_is_connected_first() {
    let mut s = Bench::full(100, 30);
    s.take();
    s.keys("C-b C h 'build Enter");
    assert!(s.has("new on build-server"), "{}", s.screen());
    s.keys("n 'switch Enter");
    let all = s.take();
    let wants = |e: &Effect, f: fn(&HostCommand) -> bool| matches!(e, Effect::Host(h, c) if h.as_str() == "build-server" && f(c));
    assert!(all.iter().any(|e| wants(e, |c| matches!(c, HostCommand::Connect))), "{all:?}");
    assert!(all.iter().any(|e| wants(e, |c| matches!(c, HostCommand::Create { .. }))), "{all:?}");
    s.host("build-server", HostEvent::State(HostState::Connecting));
    // left meanwhile: what was started all the same is not left running unseen
    s.keys("Escape Escape");
    assert!(s.app.layers.is_empty());
    assert!(s.take().iter().any(|e| wants(e, |c| matches!(c, HostCommand::Forget { .. }))));
    s.host("build-server", HostEvent::Created { tag: s.app.next_tag, result: Ok(Box::new(info("s9", 80, 24))) });
    assert!(s.take().iter().any(|e| wants(e, |c| matches!(c, HostCommand::Close { .. }))));
}

#[test]
fn the_sign_behind_the_tabs() {
    let mut s = Bench::full(100, 30);
    let row = s.screen().lines().next().unwrap().to_string();
    let col = row.chars().position(|c| c == '+').expect("a sign") as u16;
    let kind = MouseKind::Press;
    s.event(super::super::Event::Mouse(Mouse { kind, button: Button::Left, row: 0, col, mods: Mods::default() }));
    assert!(s.has("new on this machine"), "{}", s.screen());
    // a shell needs no form
    s.take();
    s.keys("s");
    assert!(s.app.layers.is_empty() && created(&mut s).2.definition.is_none());
    // and from the tree
    s.keys("C-b b g +");
    assert!(s.has("new on this machine"));
}
