//! Owns the verbs that print what thub knows of itself: config, keys, themes. Leaves out changing it.

use super::{Common, ConfigVerb};
use crate::client::browser::keys::DEEDS;
use crate::client::command::COMMANDS;
use crate::client::keymap::{Keymap, shown};
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
        let browser: Vec<_> = DEEDS.iter().map(|d| json!({"doc": d.doc, "keys": d.keys})).collect();
        let tree: Vec<_> = deeds::DEEDS.iter().map(|d| json!({"doc": d.doc, "keys": d.keys})).collect();
        println!("{}", json!({"prefix": map.prefix_word(), "commands": all, "tree": tree, "browser": browser}));
        return Ok(());
    }
    println!("prefix: {}", map.prefix_word());
    for c in COMMANDS {
        let keys: Vec<String> = map.keys_of(c).iter().map(|k| shown(k)).collect();
        println!("{:18} {:22} {}", keys.join("  "), c.name, c.doc);
    }
    println!("in the tree:");
    for d in deeds::DEEDS {
        println!("{:18} {}", deeds::keys_of(d).replace(' ', "  "), d.doc);
    }
    println!("in the file browser:");
    for d in DEEDS {
        let keys: Vec<String> = d.keys.iter().map(|k| shown(k)).collect();
        println!("{:18} {}", keys.join("  "), d.doc);
    }
    Ok(())
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
