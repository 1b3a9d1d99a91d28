//! What a large tree costs: 2,000 connections in 200 folders on 20 hosts, from a key to the frame drawn into a buffer.
//! To be there: 100 ms to open it, 16 ms (a frame) for each key of the filter.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::{Value, json};
use std::hint::black_box;
use std::sync::Arc;
use thub::client::app::{App, Event, Inside, Setup};
use thub::client::host::{HostEvent, HostId, HostState};
use thub::client::view;
use thub::config::Config;
use thub::proto::control::connections::Listed;
use thub::proto::ids::Size;
use thub::term::keys;
use thub::theme::Theme;

const SIZE: Size = Size::new(160, 48);
const HOSTS: usize = 20;
/// Of each host.
const FOLDERS: usize = 10;
const CONNECTIONS: usize = 100;

/// What a host keeps: folders, every other one within the one before, and as many connections in each.
fn listed(host: usize) -> Arc<Listed> {
    let folders: Vec<Value> = (0..FOLDERS)
        .map(|n| {
            let parent = (n % 2 == 1).then(|| format!("f-{}", n - 1));
            json!({ "id": format!("f-{n}"), "name": format!("Folder {n}"), "parentId": parent, "isExpanded": true })
        })
        .collect();
    let connections: Vec<Value> = (0..CONNECTIONS)
        .map(|n| {
            let config = json!({ "host": format!("10.{host}.0.{n}"), "port": 22, "username": "pi", "keyPath": "/k" });
            json!({ "id": format!("c-{host}-{n}"), "name": format!("sensor {host} {n}"), "tags": ["lab", "eu"],
                "folderId": format!("f-{}", n % FOLDERS), "config": { "type": "ssh", "config": config } })
        })
        .collect();
    let all = json!({ "folders": folders, "connections": connections });
    Arc::new(serde_json::from_value(all).expect("a book"))
}

/// With the hosts there, the tree not looked at.
fn client(books: &[Arc<Listed>]) -> App {
    let setup = Setup {
        settings: Config { tree: true, ..Config::default() },
        size: SIZE,
        solo: None,
        open_host: None,
        known: Vec::new(),
        ssh_config: None,
        saved: None,
        inside: Inside::default(),
    };
    let (mut app, _) = App::new(setup);
    for (n, book) in books.iter().enumerate() {
        let host = if n == 0 { HostId::local() } else { HostId::new(format!("host-{n}")) };
        let online = HostState::Online { build: "1".into(), hostname: "box".into() };
        for event in [HostEvent::State(online), HostEvent::Connections(Some(book.clone()))] {
            app.update(Event::Host(host.clone(), event));
        }
    }
    app
}

fn press(app: &mut App, names: &str) {
    for name in names.split(' ') {
        app.update(Event::Key(keys::parse_name(name).expect("a key")));
    }
}

fn draw(app: &App, buf: &mut Buffer) {
    buf.reset();
    black_box(view::draw(app, &Theme::default(), buf));
}

fn tree(c: &mut Criterion) {
    let books: Vec<Arc<Listed>> = (0..HOSTS).map(listed).collect();
    let mut buf = Buffer::empty(Rect::new(0, 0, SIZE.cols, SIZE.rows));
    c.bench_function("tree/it comes and is opened", |b| {
        b.iter(|| {
            let mut app = client(&books);
            press(&mut app, "C-b b");
            draw(&app, &mut buf);
        })
    });
    let mut app = client(&books);
    press(&mut app, "C-b b");
    c.bench_function("tree/a key down", |b| {
        b.iter(|| {
            press(&mut app, "Down");
            draw(&app, &mut buf);
        })
    });
    for (name, before) in [("first", "g /"), ("third", "g / s e")] {
        let mut app = client(&books);
        press(&mut app, "C-b b");
        press(&mut app, before);
        c.bench_function(&format!("tree/the filter's {name} key"), |b| {
            b.iter(|| {
                press(&mut app, "n");
                draw(&app, &mut buf);
                press(&mut app, "Backspace");
                draw(&app, &mut buf);
            })
        });
    }
    c.bench_function("tree/where to move", |b| {
        b.iter_batched(
            || {
                let mut app = client(&books[..2]);
                press(&mut app, "C-b b G");
                app
            },
            |mut app| {
                press(&mut app, "m");
                draw(&app, &mut buf);
            },
            BatchSize::SmallInput,
        )
    });
}

criterion_group! { name = benches; config = Criterion::default().sample_size(10); targets = tree }
criterion_main!(benches);
