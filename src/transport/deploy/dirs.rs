//! Owns the word on where an agent may lie on a host: nobody else can write there or swap a part of the way.
//! Leaves out what is put there. Looking makes nothing, so a refusal leaves nothing.

use super::remote::{quote, run, usable_path, words};
use crate::failure::Failure;
use crate::text::short;

/// Lists every directory on the way to a build's place, from the deepest that is there up to the root; where a part of
/// the way is a symlink, the way to that too. `$1` = the build, `$2` = another directory to put it, or nothing. What a
/// cut upload left more than an hour ago is removed: names of ours, plain files, in the builds' own folders. A program that
/// lies there already is listed, too.
pub(super) const LOOK: &str = concat!(
    r#"PATH=/usr/bin:/bin:/usr/sbin:/sbin:$PATH; export PATH; a="$HOME/.local/share/thub/agents"; "#,
    r#"walk() { p=$1; printf "THUB1 dir %s\n" "$p"; while :; do cd "$p" || break; "#,
    r#"printf "THUB1 ls %s\n" "$(ls -ldn . | head -n 1)"; [ "$p" = / ] && break; "#,
    r#"p="${p%/*}"; [ -n "$p" ] || p=/; done; }; "#,
    r#"near() { q=$1; until [ -d "$q" ]; do q="${q%/*}"; [ -n "$q" ] || q=/; done; cd "$q" && walk "$(pwd -P)"; }; "#,
    r#"printf "\nTHUB1 begin\nTHUB1 top %s\n" "$(cd "$HOME" && pwd -P)"; "#,
    r#"printf "THUB1 id %s %s %s %s\n" "$(id -u)" "$(id -g)" "$(id -un)" "$(id -gn)"; "#,
    r#"near "$a/$1"; "#,
    r#"for d in "$HOME" "$HOME/.local" "$HOME/.local/share" "$HOME/.local/share/thub" "$a" "$a/$1"; do "#,
    r#"[ -h "$d" ] && cd "${d%/*}/" && walk "$(pwd -P)"; done; "#,
    r#"for d in "$a"/*; do [ -h "$d" ] && cd "$d" 2>/dev/null && printf "THUB1 moved %s\n" "$(pwd -P)"; done; "#,
    r#"if [ -n "$2" ]; then near "$2"; cd "$q" && q=$(pwd -P)"${2#"$q"}" && printf "THUB1 to %s\n" "$q"; fi; "#,
    r#"f="$a/$1/thub"; [ -f "$f" ] && printf "THUB1 at %s\n" "$f" && "#,
    r#"printf "THUB1 program %s\n" "$(ls -ldn "$f" | head -n 1)"; "#,
    r#"for d in "$a"/*/.thub.????????????????; do [ -f "$d" ] && { [ -h "$d" ] || "#,
    r#"find "$d" -mmin +60 -exec rm -f {} ";" 2>/dev/null; }; done; "#,
    r#"printf "THUB1 end\n""#
);

/// In a directory of the user's choice everything lies in a folder of this name.
pub(super) const FOLDER: &str = "thub-agents";

pub(super) fn look(build: &str, dir: &str) -> String {
    run(LOOK, &[build, dir])
}

/// What was seen, where an agent may be put there.
#[derive(Default, PartialEq, Eq, Debug)]
pub(super) struct Looked {
    /// The directory that was asked for, without symlinks.
    pub to: Option<String>,
    /// A directory that other builds were put to on a person's word.
    pub moved: Option<String>,
}

/// What [`LOOK`] printed; a failure says which directory is not fit.
pub(super) fn judge(host: &str, printed: &[u8]) -> Result<Looked, Failure> {
    let found = safe(host, printed, Use::Put)?;
    let value = |key: &str| found.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
    let moved = found.iter().filter(|(k, _)| k == "moved").find_map(|(_, path)| {
        let (dir, _) = path.rsplit_once('/')?;
        dir.strip_suffix(FOLDER)?.strip_suffix('/').filter(|d| usable_path(d))
    });
    let to = value("to").map(|to| to.trim_end_matches('/')).filter(|to| usable_path(to));
    Ok(Looked { to: to.map(str::to_string), moved: moved.map(str::to_string) })
}

/// Whether it is [`LOOK`] that printed this, and not the probe.
pub(super) fn is_look(printed: &[u8]) -> bool {
    words(printed).is_some_and(|found| found.iter().any(|(key, _)| key == "dir"))
}

/// What [`LOOK`] printed before an agent is started: its path, where nobody else could have put it there.
pub(super) fn judge_start(host: &str, printed: &[u8]) -> Result<String, Failure> {
    let found = safe(host, printed, Use::Run)?;
    let value = |key: &str| found.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
    match value("at") {
        Some(path) if usable_path(path) => Ok(path.to_string()),
        _ => Err(Failure::failed(
            format!("{host}: its agent went away as it was looked at"),
            "put it there anew with `thub deploy HOST`",
        )),
    }
}

/// What a place is looked at for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Put,
    Run,
}

/// The words of [`LOOK`], where nobody else can write to what they tell.
fn safe(host: &str, printed: &[u8], to: Use) -> Result<Vec<(String, String)>, Failure> {
    let failed = |what: String| {
        Failure::failed(
            format!("{host}: {what}"),
            "make room or give yourself the right to write there, then try again",
        )
    };
    let found = words(printed).ok_or_else(|| failed("its shell did not finish looking at its directories".into()))?;
    let value = |key: &str| found.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
    let id: Vec<&str> = value("id").unwrap_or_default().split_whitespace().collect();
    let (uid, gid, private) = match id.as_slice() {
        // a group of one's own: named like the user, or with the user's number
        [uid, gid, user, group] => (*uid, *gid, user == group || uid == gid),
        // nobody there knows the names of this account
        [uid, gid, ..] => (*uid, *gid, uid == gid),
        _ => return Err(failed("it did not say who you are there".into())),
    };
    let me = Me { host, uid, gid, private, top: value("top"), to };
    let mut walks: Vec<(&str, Vec<&str>)> = Vec::new();
    for (key, value) in &found {
        match (key.as_str(), walks.last_mut()) {
            ("dir", _) => walks.push((value, Vec::new())),
            ("ls", Some((_, listed))) => listed.push(value),
            _ => {}
        }
    }
    if walks.is_empty() {
        return Err(failed("the directories above the agent's can't be seen".into()));
    }
    for (dir, listed) in &walks {
        if !usable_path(dir) {
            return Err(failed(format!("its directory {} has no name that can be used", short(dir, 200))));
        }
        if listed.len() != dir.split('/').filter(|p| !p.is_empty()).count() + 1 {
            return Err(failed(format!("the directories above {dir} can't all be seen")));
        }
        me.may_use(dir, listed)?;
    }
    if to == Use::Run {
        let path = value("at").map(|p| short(p, 200)).unwrap_or_default();
        me.may_run(&path, value("program").unwrap_or_default())?;
    }
    Ok(found)
}

struct Me<'a> {
    host: &'a str,
    uid: &'a str,
    gid: &'a str,
    /// The group is the user's alone.
    private: bool,
    top: Option<&'a str>,
    to: Use,
}

impl Me<'_> {
    /// `listed` = what `ls -ldn` says of `dir` and of each directory above it.
    fn may_use(&self, dir: &str, listed: &[&str]) -> Result<(), Failure> {
        // above the home whose a directory is is the admin's affair, as for sshd; who can write to it is not
        let top = self.top.filter(|t| *t == dir || dir.starts_with(&format!("{}/", t.trim_end_matches('/'))));
        let mut above_home =
            self.top.is_some_and(|t| t != dir && t.starts_with(&format!("{}/", dir.trim_end_matches('/'))));
        let mut path = dir.to_string();
        for (depth, line) in listed.iter().enumerate() {
            let of = Listed::of(line).ok_or_else(|| self.unseen(&path))?;
            // sticky: others may add, not swap what is ours
            let sticky = (depth > 0 || above_home) && matches!(of.bit(9), b't' | b'T');
            // (a program of root's is one to run, and its directory none to put one)
            let roots = (depth > 0 || self.to == Use::Run) && of.owner == "0";
            if !(of.owner == self.uid || roots || above_home) {
                return Err(self.not_yours(&path, &of));
            }
            if self.others_write(&of) && !sticky {
                return Err(self.open(&path, &of));
            }
            above_home |= top == Some(path.as_str());
            path = match path.rsplit_once('/') {
                Some(("", _)) | None => "/".into(),
                Some((up, _)) => up.to_string(),
            };
        }
        Ok(())
    }

    /// `line` = what `ls -ldn` says of the program.
    fn may_run(&self, path: &str, line: &str) -> Result<(), Failure> {
        let of = Listed::of(line).ok_or_else(|| self.unseen(path))?;
        if of.bit(0) != b'-' {
            return Err(Failure::refused(
                format!("{}: {path} is no plain file, a symlink perhaps: it is not run", self.host),
                "put the agent in its place with `thub deploy HOST`",
            ));
        }
        if of.owner != self.uid && of.owner != "0" {
            return Err(self.not_yours(path, &of));
        }
        if self.others_write(&of) { Err(self.open(path, &of)) } else { Ok(()) }
    }

    fn others_write(&self, of: &Listed) -> bool {
        let own = (self.private && of.group == self.gid) || (of.group == "0" && of.owner == "0");
        (of.bit(5) == b'w' && !own) || of.bit(8) == b'w'
    }

    fn unseen(&self, path: &str) -> Failure {
        Failure::failed(
            format!("{}: the owner of {path} can't be seen", self.host),
            format!("see what `ls -ldn {}` prints there", quote(path)),
        )
    }

    fn not_yours(&self, path: &str, of: &Listed) -> Failure {
        let (host, seen) = (self.host, of.seen());
        match self.to {
            Use::Put => Failure::refused(
                format!("{host}: {path} is not yours ({seen}): no agent is put below it"),
                "choose a directory of your own there: `thub deploy HOST --dir DIR`",
            ),
            Use::Run => Failure::refused(
                format!("{host}: {path} is not yours ({seen}): the agent there is not run"),
                "have it given to you there, or taken away, then put the agent there with `thub deploy HOST`",
            ),
        }
    }

    fn open(&self, path: &str, of: &Listed) -> Failure {
        let (host, seen) = (self.host, of.seen());
        let right = format!("take that right away (`chmod go-w {}`), then", quote(path));
        match self.to {
            Use::Put => Failure::refused(
                format!("{host}: others can write to {path} ({seen}): no agent is put below it"),
                format!("{right} try again"),
            ),
            Use::Run => Failure::refused(
                format!("{host}: others can write to {path} ({seen}): the agent there is not run"),
                format!("{right} `thub deploy HOST`: it compares what lies there, and replaces what is not its own"),
            ),
        }
    }
}

/// A line of `ls -ldn`: the host's words, which may be anything.
struct Listed<'a> {
    mode: &'a str,
    owner: &'a str,
    group: &'a str,
}

impl Listed<'_> {
    fn of(line: &str) -> Option<Listed<'_>> {
        let mut fields = line.split_whitespace();
        let (mode, _) = (fields.next()?, fields.next()?);
        Some(Listed { mode, owner: fields.next()?, group: fields.next()? })
    }
    /// A letter of the mode; what is missing counts as open.
    fn bit(&self, at: usize) -> u8 {
        self.mode.as_bytes().get(at).copied().unwrap_or(b'w')
    }
    fn seen(&self) -> String {
        format!("{}, owner {}", short(self.mode, 20), short(self.owner, 20))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_others_can_write() {
        let judge = |id: &str, ls: &[&str]| {
            let list: String = ls.iter().map(|l| format!("THUB1 ls {l} 4096 Nov 20 .\n")).collect();
            judge("h", format!("\nTHUB1 top /home/al\nTHUB1 id {id}\nTHUB1 dir /home/al\n{list}THUB1 end\n").as_bytes())
        };
        let (home, root) = ("drwxr-xr-x 2 0 0", "drwxr-xr-x 2 0 0");
        let me = "1000 1000 al al";
        assert_eq!(judge(me, &["drwx------ 2 1000 1000", home, root]).unwrap(), Looked::default());
        assert!(judge(me, &["drwxrwxr-x 2 1000 1000", home, root]).is_ok(), "the private group");
        assert!(judge("1000 100 al users", &["drwxrwxr-x 2 1000 100", home, root]).is_err(), "a shared group");
        assert!(judge(me, &["drwxrwxr-x 2 1000 50", home, root]).is_err(), "another group");
        assert!(judge(me, &["drwxr-xrwx 2 1000 1000", home, root]).is_err(), "everybody");
        assert!(judge(me, &["drwx------ 2 1001 1000", home, root]).is_err(), "somebody else's");
        assert!(judge(me, &["drwxr-xr-x 2 0 0", home, root]).unwrap_err().what.contains("not yours"), "root's own");
        assert!(judge(me, &["drwx------ 2 1000 1000", "drwxrwxrwx 2 0 0", root]).is_err(), "a parent");
        assert!(judge(me, &["drwx------ 2 1000 1000", "drwxrwxrwt 2 0 0", root]).is_ok(), "a sticky parent");
        assert!(judge(me, &["drwxrwxrwt 2 1000 1000", home, root]).is_err(), "itself sticky");
        assert!(judge(me, &["drwx------ 2 1000 1000", "drwxr-xr-x 2 65534 65534", root]).is_ok(), "the admin's affair");
        assert!(judge(me, &["drwx------ 2 1000 1000", home]).is_err(), "one is missing");
        assert!(judge("1000 1000", &["drwx------ 2 1000 1000", home, root]).is_ok(), "an account without a name");
        assert!(judge("", &["drwx------ 2 1000 1000", home, root]).is_err());
        for bad in ["drwx\u{1b}]0;x\u{7} 2 1001 1000", "drwx------ 2 \u{1b}[2J 1000", "d\u{1b}[2Jw\u{9b}1mrw 2 1000 50"]
        {
            let said = judge(me, &[bad, home, root]).unwrap_err().to_string();
            assert!(!said.contains(|c: char| c.is_control() && c != '\n'), "{said:?}");
        }
    }

    #[test]
    fn every_way_is_looked_at() {
        let judge = |more: &str| {
            let way = "THUB1 ls drwx------ 2 7 7 .\nTHUB1 ls drwxr-xr-x 2 0 0 .\nTHUB1 ls drwxr-xr-x 2 0 0 .\n";
            let text = format!(
                "\nTHUB1 begin\nTHUB1 top /home/al\nTHUB1 id 7 7 al al\nTHUB1 dir /home/al\n{way}{more}THUB1 end\n"
            );
            judge("h", text.as_bytes())
        };
        // the home is itself a symlink: what holds it is the admin's affair, unless others can write to it
        let holds = |mode: &str| format!("THUB1 dir /home\nTHUB1 ls {mode} 2 0 0 .\nTHUB1 ls drwxr-xr-x 2 0 0 .\n");
        assert!(judge(&holds("drwxr-xr-x")).is_ok());
        assert!(judge(&holds("drwxrwxrwx")).is_err());
        // somewhere else
        let other = |mode: &str| format!("THUB1 dir /srv\nTHUB1 ls {mode} 2 7 7 .\nTHUB1 ls drwxr-xr-x 2 0 0 .\n");
        assert!(judge(&other("drwx------")).is_ok());
        assert!(judge(&other("drwxrwxrwx")).is_err());
        assert!(judge("THUB1 dir /srv\n").is_err(), "a way nobody looked at");
        let looked = judge("THUB1 moved /srv/al/thub-agents/0.1.0-aa\nTHUB1 to /srv/x/\n").unwrap();
        assert_eq!((looked.moved.as_deref(), looked.to.as_deref()), (Some("/srv/al"), Some("/srv/x")));
        let looked = judge("THUB1 moved /srv/al/0.1.0-aa\nTHUB1 to relative\n").unwrap();
        assert_eq!(looked, Looked::default());
    }
}
