//! Owns what becomes of the news of errands: which column, view, job or question they belong to. News of what nobody waits for
//! any more are dropped.

use super::{After, Effect};
use crate::client::app::App;
use crate::client::browser::{amount, mode};
use crate::client::errands::{Errand, News};
use crate::client::layer::Layer;
use crate::proto::control::{FileInfo, FileKind, FilesStatted};
use crate::text::short;

/// Characters of a failure that is told.
const WHY: usize = 200;

impl App {
    pub(in crate::client::app) fn file_news(&mut self, tag: u64, news: News) -> Vec<Effect> {
        let mut out = Vec::new();
        self.dirty = true;
        if self.files.queue.job(tag).is_some() {
            self.job_news(tag, news, &mut out);
            return out;
        }
        let room = crate::client::view::browser::room(self);
        if let Some(browser) = &mut self.files.browser
            && let Some(column) = browser.listing(tag)
        {
            match news {
                News::Listed(real) => column.path = real,
                News::Entries(entries) => column.add(entries),
                News::ListEnd(end) => {
                    let trouble = end.fault.as_ref().map(|f| short(&f.message, WHY));
                    column.ended(end, trouble);
                }
                News::Failed(why) => column.ended(Default::default(), Some(short(&why, WHY))),
                _ => {}
            }
            column.keep_in_sight(room);
            return out;
        }
        let viewer = self.layers.iter_mut().find_map(|l| match l {
            Layer::Viewer(v) if v.tag == Some(tag) => Some(v),
            _ => None,
        });
        if let Some(viewer) = viewer {
            match news {
                News::Size(size) => viewer.size = size,
                News::Bytes(bytes) => viewer.add(&bytes),
                News::Read(whole) => (viewer.whole, viewer.tag) = (whole, None),
                News::Failed(why) => (viewer.trouble, viewer.tag) = (Some(short(&why, WHY)), None),
                _ => {}
            }
            return out;
        }
        let Some(after) = self.files.after.remove(&tag) else {
            // (stopped as it came)
            if let News::Fetched(edit) = news {
                self.errand(Errand::Forget { copy: edit.copy }, &mut out);
            }
            return out;
        };
        match (after, news) {
            (After::PutBack(edit), News::Failed(why)) => self.not_put_back(&edit, &why),
            (After::Refresh(whose, dir, _), News::Failed(why)) => {
                // some of it may be done
                self.refresh_files(&whose, &dir, None, &mut out);
                self.say_long(short(&why, WHY));
            }
            (After::Edit, News::Failed(why)) => {
                self.files.fetching = None;
                self.say_long(short(&why, WHY));
            }
            (_, News::Failed(why)) => self.say_long(short(&why, WHY)),
            (After::Refresh(whose, dir, on), News::Done) => self.refresh_files(&whose, &dir, on.as_ref(), &mut out),
            (After::Facts(title), News::Facts(facts)) if self.looks_at_browser() => {
                let lines = facts_of(&facts, |ms| self.moment(ms));
                self.layers.push(Layer::Facts { title, lines });
            }
            (After::Edit, News::Fetched(edit)) => self.edit_fetched(edit, &mut out),
            (After::PutBack(edit), News::PutBack(said)) => {
                self.edit_is_over(&edit);
                self.refresh_files(&edit.whose, &edit.dir, None, &mut out);
                self.say_long(said);
            }
            (After::PutBack(_), News::Differs(edit, now)) => self.differs(edit, now),
            (After::LeftEdits, News::LeftEdits(edits)) => self.edits_left(edits),
            (After::Bookmarks(whose, path, deeds), News::Bookmarks(paths))
                if self.looks_at_browser() && deeds == self.deeds =>
            {
                self.offer_bookmarks(whose, path, paths)
            }
            (After::Bookmarked(said), News::Bookmarks(_)) => self.say(said),
            (After::Paste(pane, session), News::Pasted { paths, what }) => {
                self.say(what);
                self.paste_paths(pane, session, &paths, &mut out);
            }
            _ => {}
        }
        out
    }

    /// Minutes that the clock of this machine is ahead of UTC, as far as the two it was told of say so.
    fn minutes_ahead(&self) -> i64 {
        let clock =
            self.clock.split_once(':').and_then(|(h, m)| Some((h.parse::<i64>().ok()?, m.parse::<i64>().ok()?)));
        let Some((hour, minute)) = clock else { return 0 };
        let utc = self.unix.div_euclid(60).rem_euclid(24 * 60);
        let ahead = (hour * 60 + minute - utc).rem_euclid(24 * 60);
        if ahead > 14 * 60 { ahead - 24 * 60 } else { ahead }
    }

    /// A time as this machine's clock has it: `2026-11-20 14:02:11`.
    pub fn moment(&self, ms: i64) -> String {
        let local = ms.div_euclid(1000).saturating_add(self.minutes_ahead() * 60);
        let (days, second) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        let (y, m, d) = civil(days);
        format!("{y:04}-{m:02}-{d:02} {:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
    }
}

/// Year, month and day of so many days since 1970.
fn civil(days: i64) -> (i64, i64, i64) {
    // years that begin in March, eras of 400 of them
    let days = days.saturating_add(719_468);
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let (m, d) = (if month < 10 { month + 3 } else { month - 9 }, of_year - (153 * month + 2) / 5 + 1);
    (year + era * 400 + i64::from(m <= 2), m, d)
}

fn kind(info: &FileInfo) -> &'static str {
    match info.kind {
        FileKind::File => "file",
        FileKind::Dir => "directory",
        FileKind::Link => "symbolic link",
        FileKind::Other => "device, socket or the like",
    }
}

/// Names and values, escaped.
fn facts_of(facts: &FilesStatted, moment: impl Fn(i64) -> String) -> Vec<(String, String)> {
    let info = &facts.info;
    let mut lines = vec![("kind".to_string(), kind(info).to_string())];
    let mut add = |name: &str, value: String| lines.push((name.into(), value));
    if let Some(link) = &info.link {
        let leads = match link.kind {
            None => " (nothing there, or nobody knows)",
            Some(FileKind::Dir) => " (a directory)",
            Some(_) => "",
        };
        add("leads to", format!("{}{leads}", short(&link.target.to_string(), WHY)));
    }
    if info.kind == FileKind::File {
        add("size", format!("{} ({} bytes)", amount(info.size), info.size));
    }
    add("mode", format!("{:04o}  {}", info.mode, mode::text(info.mode)));
    let named =
        |name: &str, id: u32| if name.is_empty() { id.to_string() } else { format!("{} ({id})", short(name, 60)) };
    add("owner", named(&info.owner, info.uid));
    add("group", named(&info.group, info.gid));
    add("changed", moment(info.mtime_ms));
    if let Some(real) = &facts.real {
        add("really", short(&real.to_string(), WHY));
    }
    if let Some(space) = &facts.space {
        add("room", format!("{} free of {}", amount(space.free), amount(space.total)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_the_calendar() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(-1), (1969, 12, 31));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(20_777), (2026, 11, 20));
    }
}
