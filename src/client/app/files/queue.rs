//! Owns the queue's jobs as a person meets them: begun, asked about, cancelled, tried again, and the panel's keys.

use super::{Effect, FileWish, PATH, path_text};
use crate::client::app::App;
use crate::client::browser::edits::Left;
use crate::client::browser::queue::{Asked, Kind, Panel, State, Wanted};
use crate::client::browser::sized;
use crate::client::browser::viewer::Viewer;
use crate::client::errands::{Errand, News};
use crate::client::files::job::Conflict;
use crate::client::keymap::word;
use crate::client::layer::picker::{Item, Picker};
use crate::client::layer::{Choice, Layer};
use crate::proto::control::{FileInfo, FileKind};
use crate::term::input::Key;
use crate::term::keys;
use crate::text::{count, short};
use std::time::Duration;

/// The destination of a job that runs is read again no sooner than after this, and after this more for each entry.
const LOOK: Duration = Duration::from_secs(2);
const LOOK_EACH: Duration = Duration::from_millis(10);

/// What is asked before something that was begun already is done again; escaped.
fn question(wanted: &Wanted) -> String {
    let things = match wanted.names.as_slice() {
        [one] => format!("'{}'", short(&one.to_string(), 60)),
        many => format!("what is left of {}", count(many.len(), "thing")),
    };
    let from = format!("{things} from {} of {}", short(&path_text(&wanted.dir), PATH), short(&wanted.from.label, 60));
    match wanted.kind {
        Kind::Copy => format!("Copy {from}?"),
        Kind::Move => {
            let to = (short(&path_text(&wanted.into), PATH), short(&wanted.to.label, 60));
            format!("Move {from} to {} of {}?", to.0, to.1)
        }
        Kind::Delete => format!("Delete {from}, with all that is in there? It can't be brought back."),
    }
}

impl App {
    /// At the end of the queue; it begins as soon as its pair of hosts is free.
    pub(super) fn start_job(&mut self, wanted: Wanted, out: &mut Vec<Effect>) {
        self.next_tag += 1;
        let doing = match wanted.kind {
            Kind::Copy => "copying",
            Kind::Move => "moving",
            Kind::Delete => "deleting",
        };
        let said = match wanted.names.as_slice() {
            [one] => format!("{doing} '{}'", short(&one.to_string(), 60)),
            many => format!("{doing} {}", count(many.len(), "thing")),
        };
        let waits = self.files.queue.open() > 0;
        self.files.queue.add(self.next_tag, wanted);
        self.run_queue(out);
        let queued = waits && self.files.queue.jobs.last().is_some_and(|j| j.state == State::Queued);
        self.say(if queued { format!("{said}: after what is under way") } else { said });
        if let Some(browser) = &mut self.files.browser
            && self.layers.iter().any(|l| matches!(l, Layer::Browser))
        {
            browser.here_mut().select_none();
        }
    }

    fn run_queue(&mut self, out: &mut Vec<Effect>) {
        for (id, wanted) in self.files.queue.due(self.now) {
            out.push(Effect::Files(id, Errand::Run(Box::new(wanted))));
        }
    }

    pub(super) fn job_news(&mut self, id: u64, news: News, out: &mut Vec<Effect>) {
        let now = self.now;
        let Some(job) = self.files.queue.job(id).filter(|j| !j.is_over()) else { return };
        match news {
            News::Planned { files, bytes } => job.planned = Some((files, bytes)),
            News::Progress { files, bytes, current, speed } => {
                (job.files, job.bytes, job.speed) = (files, bytes, speed);
                job.current = short(&current.to_string(), 200);
                job.state = State::Running;
                self.look_at_destination(id, out);
            }
            News::Waits(why) => job.state = State::Waiting(short(&why, 100)),
            News::Asks(asked) => {
                job.asked = Some(*asked);
                // a question comes only to who looks: nothing is to be answered by what is typed into a program
                if matches!(self.layers.last(), Some(Layer::Browser | Layer::Queue(_))) {
                    self.ask_of_job(id, false);
                }
            }
            News::FailedFor(failed) => job.fail(failed),
            News::Part(path) => job.part = path,
            News::Failed(why) => self.job_over(id, State::Failed(short(&why, 200)), out),
            News::Over { files, bytes, skipped, left, failed, fault } => {
                if let Some(failed) = failed {
                    job.failed = failed;
                }
                (job.files, job.bytes, job.skipped, job.ended) = (files, bytes, skipped, Some(now));
                job.left = left;
                let state = fault.map_or(State::Done, |why| State::Failed(short(&why, 200)));
                self.job_over(id, state, out);
            }
            _ => {}
        }
    }

    /// What a job has brought so far is shown now and then: the longer the list, the rarer it is asked for.
    fn look_at_destination(&mut self, id: u64, out: &mut Vec<Effect>) {
        let now = self.now;
        let Some(job) = self.files.queue.job(id).filter(|j| j.wanted.kind != Kind::Delete) else { return };
        let (to, into) = (job.wanted.to.clone(), job.wanted.into.clone());
        let last = *job.looked.get_or_insert(now);
        let sides = self.sides_at(&to, &into);
        let shown: Vec<_> = sides.iter().filter_map(|side| self.column(*side)).collect();
        let most = shown.iter().map(|column| column.all()).max().unwrap_or(0);
        let rests = LOOK + LOOK_EACH * u32::try_from(most).unwrap_or(u32::MAX);
        let is_busy = shown.iter().any(|column| column.is_listing() || column.trouble.is_some());
        if now < last.saturating_add(rests) || is_busy {
            return;
        }
        if let Some(job) = self.files.queue.job(id) {
            job.looked = Some(now);
        }
        self.refresh_files(&to, &into, None, out);
        for side in sides {
            if let Some(column) = self.column_mut(side) {
                column.hush();
            }
        }
    }

    fn job_over(&mut self, id: u64, state: State, out: &mut Vec<Effect>) {
        let now = self.now;
        let Some(job) = self.files.queue.job(id) else { return };
        let (word, wanted) = (job.wanted.kind.word(), job.wanted.clone());
        job.state = state.clone();
        job.asked = None;
        job.ended = Some(now);
        let failed = job.failed.len();
        let done = format!("{word}: {}, {}", count(job.files as usize, "file"), sized(job.bytes));
        let skipped = if job.skipped > 0 { format!(", {} skipped", job.skipped) } else { String::new() };
        match &state {
            State::Failed(why) => self.say_long(format!("{word} failed: {why}")),
            State::Cancelled => self.say(format!("{word} cancelled; what is done stays")),
            _ if failed > 0 => self.say_long(format!("{done}{skipped}; {failed} failed: the queue says why")),
            _ => self.say(format!("{done}{skipped}: done")),
        }
        self.layers.retain(|l| !matches!(l, Layer::Picker(p) if p.of_job == Some(id)));
        if wanted.kind != Kind::Copy {
            self.refresh_files(&wanted.from, &wanted.dir, None, out);
        }
        if wanted.kind != Kind::Delete {
            let on = wanted.rename.as_ref();
            self.refresh_files(&wanted.to, &wanted.into, on, out);
        }
        self.files.queue.forget_old();
        self.run_queue(out);
    }

    /// The question of a job, as a menu; where nobody opened it, keys on their way are no answer to it.
    fn ask_of_job(&mut self, id: u64, opened: bool) {
        let Some(job) = self.files.queue.job(id) else { return };
        let Some(Asked { id: ask, path, new, old }) = job.asked.clone() else { return };
        let name = path.split().map_or_else(|| path.to_string(), |(_, name)| name.to_string());
        let told = |info: &FileInfo| {
            let size = if info.kind == FileKind::Dir { "a directory".into() } else { sized(info.size) };
            format!("{size} of {}", self.moment(info.mtime_ms))
        };
        let both = vec![format!("new   {}", told(&new)), format!("there {}", told(&old))];
        let item = |text: &str, aside: String, choice: FileWish| Item {
            text: text.into(),
            aside,
            label: None,
            choice: Choice::Files(Box::new(choice)),
        };
        let answer = |what, all| FileWish::Answer(id, ask, what, all);
        let items = vec![
            item("skip: leave what is there", String::new(), answer(Conflict::Skip, false)),
            item("replace it", String::new(), answer(Conflict::Replace, false)),
            item("replace it if it is older", String::new(), answer(Conflict::ReplaceOlder, false)),
            item("keep both: the new one gets another name", String::new(), answer(Conflict::KeepBoth, false)),
            item("skip all that are there", "for all".into(), answer(Conflict::Skip, true)),
            item("replace all", "for all".into(), answer(Conflict::Replace, true)),
            item("replace all that are older", "for all".into(), answer(Conflict::ReplaceOlder, true)),
            item("keep both of all", "for all".into(), answer(Conflict::KeepBoth, true)),
            item("cancel", String::new(), FileWish::Cancel(id)),
        ];
        let title = format!("'{}' is there already", short(&name, 40));
        let picker = Picker::new(title, items).telling(both).of_job(id);
        self.layers.push(Layer::Picker(if opened { picker } else { picker.in_calm(self.now) }));
    }

    pub(super) fn answer_job(&mut self, id: u64, ask: u64, what: Conflict, all: bool, out: &mut Vec<Effect>) {
        let Some(job) = self.files.queue.job(id) else { return };
        if job.asked.take_if(|a| a.id == ask).is_some() {
            out.push(Effect::Files(id, Errand::Answer { ask, what, all }));
        }
    }

    pub(super) fn cancel_job(&mut self, id: u64, out: &mut Vec<Effect>) {
        let Some(job) = self.files.queue.job(id).filter(|j| !j.is_over()) else { return };
        if job.state != State::Queued {
            out.push(Effect::Files(id, Errand::Stop));
        }
        self.job_over(id, State::Cancelled, out);
    }

    pub(in crate::client) fn show_queue(&mut self) {
        // what is under way is what somebody wants to see
        let jobs = &self.files.queue.jobs;
        let chosen = jobs.iter().find(|j| !j.is_over()).or(jobs.last());
        self.layers.push(Layer::Queue(Panel { chosen: chosen.map(|j| j.id) }));
        self.dirty = true;
    }

    pub(in crate::client::app) fn queue_key(&mut self, key: &Key, out: &mut Vec<Effect>) {
        let name = word(&keys::simplified(key));
        let Some(Layer::Queue(panel)) = self.layers.last_mut() else { return };
        let jobs = &self.files.queue.jobs;
        let row = panel.row(jobs);
        let id = jobs.get(row).map(|j| j.id);
        let mut go = |row: usize| panel.chosen = jobs.get(row.min(jobs.len().saturating_sub(1))).map(|j| j.id);
        match name.as_str() {
            "q" | "Q" | "Escape" | "C-c" => {
                self.layers.pop();
            }
            "Up" | "k" | "C-p" => go(row.saturating_sub(1)),
            "Down" | "j" | "C-n" | "Tab" => go(row + 1),
            "Home" | "g" => go(0),
            "End" | "G" => go(usize::MAX),
            "x" => {
                for (whose, path) in self.files.queue.clear_finished() {
                    self.errand(Errand::DropPart { whose, path }, out);
                }
            }
            _ => {
                let Some(id) = id else { return };
                match name.as_str() {
                    "c" | "Delete" => self.cancel_job(id, out),
                    "r" => self.ask_to_try_again(id, out),
                    "Enter" | "o" => self.open_job(id),
                    _ => {}
                }
            }
        }
    }

    /// A copy only adds what is missing; what takes files away is asked about once more, for others may have their names.
    fn ask_to_try_again(&mut self, id: u64, out: &mut Vec<Effect>) {
        let Some(job) = self.files.queue.job(id) else { return };
        match job.wanted.kind {
            _ if !job.is_over() => self.say("it is not over: there is nothing to try again yet"),
            _ if !job.lacks() => self.say("it is done: there is nothing to try again"),
            Kind::Copy => self.try_again(id, out),
            Kind::Move | Kind::Delete => {
                let text = question(&job.wanted);
                self.layers.push(Layer::confirm_by_letter(text, Choice::Files(Box::new(FileWish::Again(id)))));
            }
        }
    }

    pub(super) fn try_again(&mut self, id: u64, out: &mut Vec<Effect>) {
        self.next_tag += 1;
        let new = self.next_tag;
        if !self.files.queue.again(id, new) {
            return;
        }
        if let Some(Layer::Queue(panel)) = self.layers.last_mut() {
            panel.chosen = Some(new);
        }
        self.run_queue(out);
    }

    /// Its question, else what failed, else what it is.
    fn open_job(&mut self, id: u64) {
        let Some(job) = self.files.queue.job(id) else { return };
        if job.asked.is_some() {
            return self.ask_of_job(id, true);
        }
        let w = &job.wanted;
        let mut text = format!("{} from {}: {}\n", w.kind.word(), w.from.label, w.dir);
        if w.kind != Kind::Delete {
            text.push_str(&format!("to {}: {}\n", w.to.label, w.into));
        }
        let skipped = if job.skipped > 0 { format!(", {} skipped", job.skipped) } else { String::new() };
        text.push_str(&format!("{}, {}{skipped}\n", count(job.files as usize, "file"), sized(job.bytes)));
        if let State::Failed(why) = &job.state {
            text.push_str(&format!("ended early: {why}\n"));
        }
        match job.failed.len() {
            0 => text.push_str("\nnothing failed\n\n"),
            n => text.push_str(&format!("\n{n} failed:\n\n")),
        }
        for failed in &job.failed {
            text.push_str(&format!("{}: {}\n", failed.path, crate::text::escape(&failed.why.message)));
        }
        if job.skipped > 0 {
            text.push_str(&format!("\n{} skipped, which stay as they are there:\n\n", job.skipped));
            job.left.iter().for_each(|path| text.push_str(&format!("{path}\n")));
            let more = job.skipped.saturating_sub(job.left.len() as u64);
            if more > 0 {
                text.push_str(&format!("and {more} more\n"));
            }
            text.push('\n');
        }
        if job.failed.is_empty() && job.skipped == 0 {
            w.names.iter().for_each(|name| text.push_str(&format!("{name}\n")));
        }
        let title = format!(
            "{} {}",
            w.kind.word(),
            match w.names.as_slice() {
                [one] => format!("'{}'", short(&one.to_string(), 40)),
                many => count(many.len(), "thing"),
            }
        );
        self.look_at(Viewer::of_text(title, &text));
    }

    /// What is to be said before thub is left; none = nothing goes on.
    pub(in crate::client::app) fn under_way(&self) -> Option<String> {
        let mut said = Vec::new();
        let edits = |which: fn(&Option<Left>) -> bool| self.files.edits.iter().any(|o| which(&o.left));
        if edits(Option::is_none) {
            said.push(
                "A file is being edited: leave? What is saved then stays in its copy on this machine.".to_string(),
            );
        }
        if edits(|left| matches!(left, Some(Left::Going))) {
            said.push(
                "What was edited is being put back still: leave? Then it stays in its copy on this machine.".into(),
            );
        }
        if edits(|left| matches!(left, Some(Left::Differs(_) | Left::Failed(_)))) {
            said.push(
                "What was edited is not put back: leave? It stays in its copy; the file browser asks again.".into(),
            );
        }
        match self.files.queue.open() {
            0 => {}
            1 => said.push("Something is being copied, moved or deleted still: leave, and stop it?".into()),
            n => said.push(format!("{n} copies, moves or deletes are not done: leave, and stop them?")),
        }
        (!said.is_empty()).then(|| said.join(" "))
    }
}
