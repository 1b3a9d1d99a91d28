//! Owns `thub debug ssh-config`: the options thub takes from ssh_config, one line each. Leaves out how they are found.

use crate::cli::{Common, SshConfig, call};
use crate::failure::Failure;
use crate::text::escape;
use crate::transport::ssh::config::{self, KEYS};
use serde_json::{Map, Value, json};
use std::io::{self, IsTerminal, Write};

/// Prints the lines of `ssh -G` whose keys thub uses, in its order; byte for byte but on a terminal.
pub(super) fn print(common: &Common, args: &SshConfig) -> Result<(), Failure> {
    let dest = config::parse_dest(&args.dest)?;
    let file = common.ssh_config.as_deref();
    let printed = call::block_on(async {
        match args.own {
            true => config::own::ask(&dest, file).await,
            false => config::printed(&dest, file).await,
        }
    })?;
    let lines = printed.split(|b| *b == b'\n').filter_map(|line| {
        let end = line.iter().position(|b| *b == b' ').unwrap_or(line.len());
        let (key, value) = line.split_at_checked(end)?;
        let key = std::str::from_utf8(key).ok().filter(|k| KEYS.contains(k))?;
        Some((key, value.strip_prefix(b" ").unwrap_or(value)))
    });
    let mut out = io::stdout().lock();
    if common.json {
        let mut all: Map<String, Value> = Map::new();
        for (key, value) in lines {
            let values = all.entry(key).or_insert_with(|| json!([]));
            if let Value::Array(values) = values {
                values.push(String::from_utf8_lossy(value).into());
            }
        }
        writeln!(out, "{}", Value::Object(all))?;
    } else {
        let terminal = out.is_terminal();
        for (key, value) in lines {
            out.write_all(key.as_bytes())?;
            out.write_all(b" ")?;
            match terminal {
                true => out.write_all(escape(&String::from_utf8_lossy(value)).as_bytes())?,
                false => out.write_all(value)?,
            }
            out.write_all(b"\n")?;
        }
    }
    out.flush()?;
    Ok(())
}
