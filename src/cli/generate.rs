//! Owns what is made from the clap tree: completions and man pages. Leaves out where they are put.

use super::Cli;
use clap::CommandFactory;
use clap_complete::Shell;
use std::path::PathBuf;

/// Shells for which a completion file is kept in the tree.
pub const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

pub fn completions(shell: Shell) -> Vec<u8> {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "thub", &mut out);
    out
}

/// Every generated file: path in the project, content. The tree's copies are checked against it by a test.
pub fn files() -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<(PathBuf, Vec<u8>)> = SHELLS
        .iter()
        .map(|shell| {
            let name = match shell {
                Shell::Zsh => "_thub".to_string(),
                Shell::Fish => "thub.fish".to_string(),
                _ => "thub.bash".to_string(),
            };
            (PathBuf::from("completions").join(name), completions(*shell))
        })
        .collect();
    // the target named in --version is this build's own: not part of a page
    let mut command = Cli::command().version(env!("CARGO_PKG_VERSION"));
    // gives the verbs the options they share
    command.build();
    page(&command, "thub", &mut files);
    for verb in command.get_subcommands().filter(|v| !v.is_hide_set()) {
        let name = format!("thub-{}", verb.get_name());
        page(&verb.clone().name(name.clone()).version(env!("CARGO_PKG_VERSION")), &name, &mut files);
        // those with words of their own
        let own = |c: &&clap::Command| c.get_arguments().any(|a| !a.is_global_set() && a.get_id() != "help");
        for sub in verb.get_subcommands().filter(own) {
            let name = format!("{name}-{}", sub.get_name());
            page(&sub.clone().name(name.clone()).version(env!("CARGO_PKG_VERSION")), &name, &mut files);
        }
    }
    files
}

fn page(command: &clap::Command, name: &str, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    let mut out = Vec::new();
    if clap_mangen::Man::new(command.clone()).date("").render(&mut out).is_ok() {
        files.push((PathBuf::from("man").join(format!("{name}.1")), out));
    }
}
