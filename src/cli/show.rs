//! Owns the verbs that print what thub knows of itself: config, keys, themes. Leaves out changing it.

use super::{Common, ConfigVerb};
use crate::client::browser;
use crate::client::command::COMMANDS;
use crate::client::keymap::{Deed, Keymap, shown};
use crate::client::tree::deeds;
use crate::config::{self, Config};
use crate::failure::Failure;
use crate::paths::Paths;
use crate::text::escape;
use crate::theme::Theme;
use serde_json::json;

pub fn config(paths: &Paths, verb: ConfigVerb) -> Result<(), Failure> {
    match verb {
        ConfigVerb::Path => println!("{}", paths.config_file().display()),
        ConfigVerb::Default => print!("{}", Config::default_toml()),
        ConfigVerb::Check => {
            let Some(text) = Config::read(paths)? else {
                println!("{} is not there: all is as by default", escape(&paths.config_file().to_string_lossy()));
                return Ok(());
            };
            let mut problems = config::check(&text);
            let (config, _) = Config::parse_what_can_be(&text);
            let (_, wrong) = Keymap::new(config.preset, config.prefix.as_deref(), &config.keys);
            problems.extend(wrong.into_iter().map(|what| config::Problem {
                line: 0,
                what,
                hint: "`thub keys` lists commands".into(),
            }));
            if let Err(e) = Theme::load(&config.theme, paths.config_dir()) {
                problems.push(config::Problem { line: 0, what: e.what, hint: e.hints.join("; ") });
            }
            if problems.is_empty() {
                println!("{} is right", escape(&paths.config_file().to_string_lossy()));
                return Ok(());
            }
            return Err(config::Problem::failure(&escape(&paths.config_file().to_string_lossy()), &problems));
        }
    }
    Ok(())
}

pub fn keys(common: &Common, paths: &Paths) -> Result<(), Failure> {
    let config = Config::load(paths)?;
    let (map, wrong) = Keymap::new(config.preset, config.prefix.as_deref(), &config.keys);
    for w in wrong {
        eprintln!("thub: {w}");
    }
    if common.json {
        let all: Vec<_> =
            COMMANDS.iter().map(|c| json!({"command": c.name, "doc": c.doc, "keys": map.keys_of(c)})).collect();
        let (tree, browser) = (rows(deeds::DEEDS), rows(browser::keys::DEEDS));
        println!("{}", json!({"prefix": map.prefix_word(), "commands": all, "tree": tree, "browser": browser}));
        return Ok(());
    }
    println!("prefix: {}", map.prefix_word());
    for c in COMMANDS {
        let keys: Vec<String> = map.keys_of(c).iter().map(|k| shown(k)).collect();
        println!("{:18} {:22} {}", keys.join("  "), c.name, c.doc);
    }
    println!("in the tree:");
    print_deeds(deeds::DEEDS);
    println!("in the file browser:");
    print_deeds(browser::keys::DEEDS);
    Ok(())
}

fn rows<A>(deeds: &[Deed<A>]) -> Vec<serde_json::Value> {
    deeds.iter().map(|d| json!({"doc": d.doc, "keys": d.keys})).collect()
}

fn print_deeds<A>(deeds: &[Deed<A>]) {
    for d in deeds {
        println!("{:18} {}", d.shown().replace(' ', "  "), d.doc);
    }
}

pub fn themes(common: &Common, paths: &Paths) {
    let names = Theme::names(paths.config_dir());
    if common.json {
        println!("{}", json!(names));
    } else {
        for name in names {
            println!("{}", escape(&name));
        }
    }
}
