//! Owns connections taken over from files and written into them, in the tree: asked for, looked at, confirmed, told.
//! Leaves out opening files: that is an effect, and its end an event.

use super::{App, Effect, Wish};
use crate::client::book::{Change, Many};
use crate::client::export::{self, To};
use crate::client::host::HostId;
use crate::client::layer::{Choice, Layer};
use crate::proto::control::connections::Listed;
use crate::store::connections::import::plan::{Base, counted, plan};
use crate::store::connections::import::{Format, Imported, thub};
use crate::text::{count, short};
use std::path::Path;

/// What is to be done with a file of this machine; `~/` leads to the person's home.
#[derive(Clone, Debug, PartialEq)]
pub enum FileWish {
    /// What it would bring to a host's folder.
    Read {
        host: HostId,
        folder: Option<String>,
        path: String,
    },
    Write {
        path: String,
        bytes: Vec<u8>,
        said: String,
    },
}

/// How that went; what went wrong is a sentence.
#[derive(Clone, Debug, PartialEq)]
pub enum FileDone {
    Read { host: HostId, folder: Option<String>, path: String, read: Result<(Format, Imported), String> },
    Written(Result<String, String>),
}

impl App {
    /// Asks for the file.
    pub(super) fn ask_for_import(&mut self, host: HostId, folder: Option<String>) {
        match self.book(&host) {
            Some(_) => {
                let title = "take over from: ~/.ssh/config, a .reg, .csv or .json file";
                self.layers.push(Layer::ask(title.into(), "", Wish::ImportFrom(host, folder)));
            }
            None => self.say_no_book(&host, "connections"),
        }
    }

    pub(super) fn ask_for_export(&mut self, host: HostId, folder: Option<String>) {
        if self.book(&host).is_some() {
            let title = "write to: NAME.csv, NAME.conf (ssh_config), NAME.json";
            self.layers.push(Layer::ask(title.into(), "", Wish::ExportTo(host, folder)));
        }
    }

    pub(super) fn import_from(&mut self, host: HostId, folder: Option<String>, path: String, out: &mut Vec<Effect>) {
        if !path.trim().is_empty() {
            out.push(Effect::File(Box::new(FileWish::Read { host, folder, path: path.trim().into() })));
        }
    }

    pub(super) fn export_to(&mut self, host: &HostId, folder: Option<&str>, path: &str, out: &mut Vec<Effect>) {
        let path = path.trim();
        let Some(book) = self.book(host).filter(|_| !path.is_empty()) else { return };
        let all = match folder {
            Some(folder) => thub::within(book, folder),
            None => Listed::clone(&**book),
        };
        let to = match Path::new(path).extension().and_then(|e| e.to_str()) {
            Some("csv") => To::Csv,
            Some("conf") => To::SshConfig,
            _ => To::Thub,
        };
        match export::written(&all, to) {
            Ok(written) => {
                let mut said = format!("{} in {}", count(all.connections.len(), "connection"), short(path, 100));
                if let Some(first) = written.left_out.first() {
                    said.push_str(&format!("; {first}"));
                }
                let wish = FileWish::Write { path: path.into(), bytes: written.bytes, said };
                out.push(Effect::File(Box::new(wish)));
            }
            Err(failure) => self.say_long(failure.what),
        }
    }

    pub(in crate::client::app) fn file_done(&mut self, done: FileDone) {
        self.dirty = true;
        match done {
            FileDone::Written(Ok(said)) => self.say_long(said),
            FileDone::Written(Err(why)) | FileDone::Read { read: Err(why), .. } => self.say_long(why),
            FileDone::Read { host, folder, path, read: Ok((format, imported)) } => {
                let Some(book) = self.book(&host).map(|b| Listed::clone(&**b)) else { return };
                // (a folder that is gone meanwhile is the top)
                let id = folder.filter(|id| book.folders.iter().any(|f| f.id == *id));
                let plan = plan(&book, &Base { id, below: Vec::new() }, imported);
                let mut beside = Vec::new();
                if !plan.already.is_empty() {
                    beside.push(format!("{} already there", plan.already.len()));
                }
                if let Some(first) = plan.left_out.first() {
                    beside.push(match plan.left_out.len() {
                        1 => first.clone(),
                        n => format!("{first} (and {} more; `thub conn import --dry-run` names all)", n - 1),
                    });
                }
                let beside = if beside.is_empty() { String::new() } else { format!(" Beside: {}.", beside.join("; ")) };
                let from = format!("{} ({})", short(&path, 60), format.name());
                if plan.folders.is_empty() && plan.connections.is_empty() {
                    return self.say_long(format!("nothing new in {from}.{beside}"));
                }
                let what = counted(plan.folders.len(), plan.connections.len());
                let text = format!("Take over {what} from {from}?{beside}");
                let many = Many { folders: plan.folders, connections: plan.connections };
                self.layers.push(Layer::confirm(text, Choice::Hub(Box::new(Wish::Add(host, Box::new(many))))));
            }
        }
    }

    pub(super) fn add_many(&mut self, host: HostId, many: Many, out: &mut Vec<Effect>) {
        let said = format!("{} taken over", counted(many.folders.len(), many.connections.len()));
        let tag = self.change(host, Change::Add(Box::new(many)), out);
        self.tree.adding = Some((tag, said));
    }
}
