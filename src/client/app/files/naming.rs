//! Owns names, paths, patterns and permissions being typed: what they are for, whether they can be, and what comes of them.

use super::{After, Effect, typed_path};
use crate::client::app::App;
use crate::client::browser::mode;
use crate::client::browser::queue::Wanted;
use crate::client::errands::Errand;
use crate::client::files::Whose;
use crate::proto::control::{FileName, FilePath};
use crate::text::count;

/// What a name (or the like) being typed is for.
#[derive(Clone)]
pub enum Naming {
    MakeDir(Whose, FilePath),
    Rename(Whose, FilePath, FileName),
    /// A copy beside what it is of.
    CopyAs(Wanted),
    Mode(Whose, FilePath, Vec<FileName>),
    GoTo(Whose, FilePath),
    Pattern,
}

impl Naming {
    /// What the text means, in words (empty = it says itself); or why it can't be.
    pub fn check(&self, text: &str) -> Result<String, String> {
        match self {
            Naming::MakeDir(..) | Naming::CopyAs(_) | Naming::Rename(..) => match FileName::new(text) {
                Err(_) if text.is_empty() => Err("a name".into()),
                Ok(_) => Ok(String::new()),
                Err(why) => Err(why.to_string()),
            },
            Naming::Mode(..) => mode::parse(text).map(|m| format!("{m:04o}  {}", mode::text(m))).map_err(Into::into),
            Naming::GoTo(..) if text.is_empty() => Err("/path, ~/path, or a path from here".into()),
            Naming::GoTo(..) => FilePath::new(text).map(|_| String::new()).map_err(|e| e.to_string()),
            Naming::Pattern if text.is_empty() => Err("*.log, data-??.csv".into()),
            Naming::Pattern => Ok(String::new()),
        }
    }
}

impl App {
    pub(in crate::client::app) fn entered(&mut self, naming: Naming, text: String, out: &mut Vec<Effect>) {
        match naming {
            Naming::MakeDir(whose, dir) => {
                let Ok(name) = FileName::new(text) else { return };
                let errand = Errand::MakeDir { whose: whose.clone(), path: dir.join(&name) };
                self.errand_then(errand, After::Refresh(whose, dir, Some(name)), out);
            }
            Naming::Rename(whose, dir, from) => {
                let Ok(to) = FileName::new(text) else { return };
                if to == from {
                    return;
                }
                let errand = Errand::Rename { whose: whose.clone(), dir: dir.clone(), from, to: to.clone() };
                self.errand_then(errand, After::Refresh(whose, dir, Some(to)), out);
            }
            Naming::CopyAs(wanted) => match FileName::new(text) {
                Ok(name) if Some(&name) != wanted.names.first() => {
                    self.start_job(Wanted { rename: Some(name), ..wanted }, out);
                }
                _ => self.say("that is its own name: nothing was copied"),
            },
            Naming::Mode(whose, dir, names) => {
                let Ok(mode) = mode::parse(&text) else { return };
                let errand = Errand::Mode { whose: whose.clone(), dir: dir.clone(), names, mode };
                self.errand_then(errand, After::Refresh(whose, dir, None), out);
            }
            Naming::GoTo(whose, dir) => {
                let side = self.files.browser.as_ref().map_or(0, |b| b.active);
                // (home, before it is known which directory that is, has no path)
                let path = match dir.is_empty() || text.starts_with('/') || text == "~" || text.starts_with("~/") {
                    true => typed_path(&text),
                    false => match FilePath::new([dir.as_bytes(), b"/", text.as_bytes()].concat()) {
                        Ok(path) => path,
                        Err(why) => return self.say(why.to_string()),
                    },
                };
                self.enter(side, whose, path, None, out);
            }
            Naming::Pattern => {
                let Some(browser) = &mut self.files.browser else { return };
                let new = browser.here_mut().select_matching(&text);
                self.say(format!("{} more selected", count(new, "thing")));
            }
        }
    }
}
