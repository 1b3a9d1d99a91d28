//! Owns `thub conn import`: sends what a file brings, says what came and what did not. Leaves out reading it
//! (`client::import`).

use super::Book;
use crate::cli::{ConnImport, ImportFormat};
use crate::client::host::add_connections;
use crate::client::import;
use crate::failure::Failure;
use crate::proto::control::Fault;
use crate::proto::control::connections::*;
use crate::store::connections::import::plan::{Base, Plan, counted, plan};
use crate::store::connections::import::{Format, Imported};
use crate::text::{escape, short};
use serde_json::json;

/// Lines of what is left out, has another name, or is there already; the rest is counted.
const MOST_TOLD: usize = 50;

impl ImportFormat {
    fn format(self) -> Format {
        match self {
            ImportFormat::SshConfig => Format::SshConfig,
            ImportFormat::Thub => Format::Thub,
            ImportFormat::Termihub => Format::Termihub,
            ImportFormat::Putty => Format::Putty,
            ImportFormat::Csv => Format::Csv,
        }
    }
}

pub async fn read(import: &ConnImport) -> Result<(Format, Imported), Failure> {
    let (path, format) = (import.file.clone(), import.from.map(ImportFormat::format));
    let reading = tokio::task::spawn_blocking(move || import::read(&path, format));
    reading.await.map_err(|e| Failure::failed(e.to_string(), "report this"))?
}

impl Book {
    pub async fn import(
        &self,
        import: &ConnImport,
        (format, imported): (Format, Imported),
        json: bool,
    ) -> Result<(), Failure> {
        let base = match &import.folder {
            None => Base::default(),
            Some(path) => self.base(path)?,
        };
        let plan = plan(&self.listed, &base, imported);
        // (with --json they are in the answer)
        if !json {
            tell(&plan);
        }
        let (folders, connections) = (plan.folders.len(), plan.connections.len());
        if !import.dry_run && folders + connections > 0 {
            let added = add_connections(
                self.client.link(),
                self.client.stream(),
                plan.folders.clone(),
                plan.connections.clone(),
            );
            added.await.map_err(|f| match f.code {
                Fault::BAD_PARAMS => {
                    Failure::usage(escape(&f.message), "nothing was added: put that right in the file")
                }
                _ => self.client.fault(f),
            })?;
        }
        if json {
            let names = |all: &[Connection]| all.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
            let renamed: Vec<_> = plan.renamed.iter().map(|(was, is)| json!({ "name": was, "as": is })).collect();
            let said = json!({
                "format": format.name(), "dry_run": import.dry_run, "folders": folders,
                "connections": names(&plan.connections), "already_there": plan.already, "renamed": renamed,
                "left_out": plan.left_out,
            });
            println!("{said}");
            return Ok(());
        }
        if import.dry_run {
            self.show_plan(&plan);
        }
        let verb = if import.dry_run { "would be added" } else { "added" };
        let mut said = format!("{} {verb}", counted(folders, connections));
        if !plan.already.is_empty() {
            said.push_str(&format!(", {} already there", plan.already.len()));
        }
        println!("{said} ({})", format.name());
        Ok(())
    }

    /// What would come, as `thub conn ls` shows it.
    fn show_plan(&self, plan: &Plan) {
        let there = self.listed.folders.iter().chain(&plan.folders).cloned().collect();
        let all = Listed { folders: there, connections: plan.connections.clone(), told: None };
        let rows = all.connections.iter().map(|c| {
            [
                short(&c.config.kind, 20),
                escape(&all.path(find::Found::Connection(c))),
                c.leads_to(),
                short(&c.tags.join(","), 60),
            ]
        });
        let rows: Vec<_> =
            std::iter::once(["TYPE", "NAME", "LEADS TO", "TAGS"].map(String::from)).chain(rows).collect();
        print!("{}", crate::cli::sessions::table(&rows));
    }

    /// A folder that is there by that word, or the names of those to make.
    fn base(&self, path: &str) -> Result<Base, Failure> {
        if let Ok(folder) = self.listed.find_folder(path) {
            return Ok(Base { id: Some(folder.id.clone()), below: Vec::new() });
        }
        let below: Vec<String> = path.split('/').filter(|n| !n.trim().is_empty()).map(str::to_string).collect();
        let wrong = below.iter().find_map(|name| check::check_name(name).err());
        match wrong {
            None if !below.is_empty() => Ok(Base { id: None, below }),
            why => Err(Failure::usage(
                why.unwrap_or_else(|| "a folder needs a name".into()),
                "for example --in Lab/Boards",
            )),
        }
    }
}

fn tell(plan: &Plan) {
    let some = |lines: Vec<String>| {
        lines.iter().take(MOST_TOLD).for_each(|line| eprintln!("thub: {line}"));
        match lines.len().saturating_sub(MOST_TOLD) {
            0 => {}
            more => eprintln!("thub: and {more} more; --json names all"),
        }
    };
    some(plan.left_out.clone());
    let renamed = plan.renamed.iter();
    some(
        renamed
            .map(|(was, is)| format!("{}: comes as {}: another one has that name", short(was, 60), short(is, 60)))
            .collect(),
    );
    some(plan.already.iter().map(|name| format!("{}: already there", short(name, 60))).collect());
}
