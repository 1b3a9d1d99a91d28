//! Owns what a host is like for an agent: [`Remote`], the scripts that tell, and the one quoting function.
//! Leaves out what is done about it. Scripts are constants for POSIX sh; what varies goes in as arguments.

use crate::failure::Failure;
use crate::text::{Untrusted, short};

/// Before each word of ours, so that what rc files print is told apart.
const MARK: &str = "THUB1 ";
/// Ends the words; without it the script did not run to its end.
const END: &str = "end";
const PATH_MOST: usize = 1000;
const OTHERS_MOST: usize = 50;

/// The C library of a host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Libc {
    Glibc(u32, u32),
    Musl,
    Unknown,
}

/// This build's agent as it lies there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Have {
    /// Lower-case hex; `None` = nothing there computes it.
    pub sha256: Option<String>,
}

/// What a host is like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remote {
    pub os: Untrusted,
    pub machine: Untrusted,
    /// Absolute, printable.
    pub home: String,
    pub libc: Libc,
    pub have: Option<Have>,
    /// Builds that lie there, the newest file first.
    pub builds: Vec<Untrusted>,
}

impl Remote {
    /// Where a build's agent lies there.
    pub fn agent_path(&self, build: &str) -> String {
        format!("{}/.local/share/thub/agents/{build}/thub", self.home.trim_end_matches('/'))
    }
}

/// Reports what the host is like; `$1` = the build. One line, no single quote, no `!`, no newline: so it can be quoted
/// for csh and fish as well.
const PROBE: &str = concat!(
    r#"printf "\nTHUB1 begin\n"; "#,
    r#"printf "THUB1 sys %s %s\n" "$(uname -s)" "$(uname -m)"; "#,
    r#"printf "THUB1 home %s\n" "$HOME"; "#,
    r#"g=$(getconf GNU_LIBC_VERSION 2>/dev/null) || g=; "#,
    r#"[ -n "$g" ] || g=$(ldd --version 2>&1 | head -n 1); "#,
    r#"printf "THUB1 libc %s\n" "$g"; "#,
    r#"a="$HOME/.local/share/thub/agents"; f="$a/$1/thub"; "#,
    r#"if [ -f "$f" ] && [ -x "$f" ]; then "#,
    r#"h=$( (sha256sum < "$f" || shasum -a 256 < "$f" || openssl dgst -sha256 < "$f") 2>/dev/null ); "#,
    r#"printf "THUB1 have %s\n" "$h"; fi; "#,
    // the newest file first
    r#"cd "$a" 2>/dev/null && ls -1tL -- */thub 2>/dev/null | while read -r d; do printf "THUB1 build %s\n" "$d"; done; "#,
    r#"printf "THUB1 end\n""#
);

/// The agent where this build's is there, else what the probe tells.
const START: &str = r#"f="$HOME/.local/share/thub/agents/$1/thub"; [ -x "$f" ] && exec "$f" agent --stdio; "#;

/// Makes the directory of a build and lists it with all that lies above it, for [`judge_dirs`]; `$1` = the build.
const PREPARE: &str = concat!(
    r#"umask 077; a="$HOME/.local/share/thub/agents"; "#,
    r#"if e=$(mkdir -p "$a/$1" 2>&1) && cd "$a/$1"; then "#,
    r#"p=$(pwd -P); printf "\nTHUB1 top %s\nTHUB1 dir %s\n" "$(cd "$HOME" && pwd -P)" "$p"; "#,
    r#"printf "THUB1 id %s %s %s %s\n" "$(id -u)" "$(id -g)" "$(id -un)" "$(id -gn)"; "#,
    r#"while :; do cd "$p" || break; printf "THUB1 ls %s\n" "$(ls -ldn . | head -n 1)"; "#,
    r#"[ "$p" = / ] && break; p="${p%/*}"; [ -n "$p" ] || p=/; done; printf "THUB1 end\n"; "#,
    r#"else printf "\nTHUB1 error %s\nTHUB1 end\n" "$e"; fi"#
);

/// Makes a file a program, hashes it, runs it; `$1` = the file.
const CHECK: &str = concat!(
    r#"printf "\n"; e=$(chmod 755 "$1" 2>&1) || printf "THUB1 error %s\n" "$e"; "#,
    r#"h=$( (sha256sum < "$1" || shasum -a 256 < "$1" || openssl dgst -sha256 < "$1") 2>/dev/null ); "#,
    r#"printf "THUB1 hash %s\n" "$h"; "#,
    r#"v=$("$1" --version 2>&1 < /dev/null | head -c 400 | head -n 1); printf "THUB1 ran %s\nTHUB1 end\n" "$v""#
);

/// The temp `$1` becomes `$2`.
const PLACE: &str = concat!(
    r#"if e=$(mv -f "$1" "$2" 2>&1); then printf "\nTHUB1 placed\n"; "#,
    r#"else printf "\nTHUB1 error %s\n" "$e"; fi; printf "THUB1 end\n""#
);

const REMOVE: &str = r#"rm -f "$1""#;

pub(super) fn probe(build: &str) -> String {
    run(PROBE, &[build])
}
pub(super) fn start_or_probe(build: &str) -> String {
    run(&format!("{START}{PROBE}"), &[build])
}
pub(super) fn prepare(build: &str) -> String {
    run(PREPARE, &[build])
}
pub(super) fn check(temp: &str) -> String {
    run(CHECK, &[temp])
}
pub(super) fn place(temp: &str, to: &str) -> String {
    run(PLACE, &[temp, to])
}
pub(super) fn remove(temp: &str) -> String {
    run(REMOVE, &[temp])
}
pub(super) fn start(path: &str) -> String {
    format!("exec {} agent --stdio", quote(path))
}

fn run(script: &str, args: &[&str]) -> String {
    let args: String = args.iter().map(|a| format!(" {}", quote(a))).collect();
    format!("exec sh -c {} thub{args}", quote(script))
}

/// One word that sh, bash, zsh, dash, fish, csh and tcsh all read as `word`: single quotes, and around them with a
/// backslash what one of them takes for more inside (`'` all, `\` fish, `!` csh). No newline: csh has no way to say it.
pub fn quote(word: &str) -> String {
    let mut out = String::with_capacity(word.len() + 2);
    let mut open = false;
    for c in word.chars().filter(|c| *c != '\n' && *c != '\0') {
        // fish keeps a backslash before any other character, as the others do
        if matches!(c, '\'' | '!') {
            if std::mem::take(&mut open) {
                out.push('\'');
            }
            out.push('\\');
            out.push(c);
        } else if c == '\\' {
            if std::mem::take(&mut open) {
                out.push('\'');
            }
            out.push_str("\\\\");
        } else {
            if !std::mem::replace(&mut open, true) {
                out.push('\'');
            }
            out.push(c);
        }
    }
    if open {
        out.push('\'');
    }
    if out.is_empty() { "''".into() } else { out }
}

/// The words of a script's output; `None` = it did not come to its end.
pub(super) fn words(printed: &[u8]) -> Option<Vec<(String, String)>> {
    let text = String::from_utf8_lossy(printed);
    let mut out = Vec::new();
    for line in text.lines() {
        let Some(word) = line.strip_prefix(MARK) else { continue };
        let (key, value) = word.split_once(' ').unwrap_or((word, ""));
        match key {
            "begin" => out.clear(),
            END => return Some(out),
            _ => out.push((key.to_string(), value.trim().to_string())),
        }
    }
    None
}

/// Where the probe's words begin, if they do.
pub(super) fn probe_begins(printed: &[u8]) -> bool {
    const BEGIN: &[u8] = b"\nTHUB1 begin\n";
    printed.windows(BEGIN.len()).any(|w| w == BEGIN)
}

/// What the probe told.
pub(super) fn parse(host: &str, printed: &[u8]) -> Result<Remote, Failure> {
    let odd = |what: &str| {
        Failure::failed(
            format!("{host}: {what}"),
            format!("see what `ssh {host} \"uname -sm; echo \\$HOME\"` prints: thub needs a POSIX sh there"),
        )
    };
    let Some(found) = words(printed) else {
        let said = short(String::from_utf8_lossy(printed).trim(), 200);
        let said = if said.is_empty() { "nothing".into() } else { said };
        return Err(odd(&format!("it did not say what it is; its shell printed: {said}")));
    };
    let value = |key: &str| found.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
    let sys = value("sys").unwrap_or_default();
    let (os, machine) = sys.split_once(' ').unwrap_or((sys, ""));
    let home = value("home").unwrap_or_default();
    if !usable_path(home) {
        return Err(odd(&format!("its home directory can't be used: \"{}\"", short(home, 200))));
    }
    let builds = found.iter().filter(|(k, _)| k == "build").take(OTHERS_MOST).filter_map(|(_, path)| {
        let dir = path.strip_suffix("/thub")?.rsplit('/').next()?;
        Some(Untrusted::new(dir))
    });
    Ok(Remote {
        os: Untrusted::new(os),
        machine: Untrusted::new(machine),
        home: home.to_string(),
        libc: parse_libc(value("libc").unwrap_or_default()),
        have: value("have").map(|h| Have { sha256: hash(h) }),
        builds: builds.collect(),
    })
}

/// Absolute, printable, of a sane length: it goes into a command and onto the screen.
pub(super) fn usable_path(path: &str) -> bool {
    path.starts_with('/') && path.len() <= PATH_MOST && crate::text::escape(path) == path
}

/// `glibc 2.36`, `ldd (Debian GLIBC 2.36-9) 2.36`, `musl libc (x86_64)`.
fn parse_libc(text: &str) -> Libc {
    let lower = text.to_ascii_lowercase();
    if lower.contains("musl") {
        return Libc::Musl;
    }
    if !(lower.contains("glibc") || lower.contains("gnu libc") || lower.starts_with("ldd")) {
        return Libc::Unknown;
    }
    let version = text.split_whitespace().next_back().and_then(|v| {
        let (major, minor) = v.split_once('.')?;
        let minor = minor.split(|c: char| !c.is_ascii_digit()).next()?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    });
    version.map_or(Libc::Unknown, |(a, b)| Libc::Glibc(a, b))
}

/// The hash in what sha256sum, shasum or openssl printed.
pub(super) fn hash(printed: &str) -> Option<String> {
    printed
        .split_whitespace()
        .find(|w| w.len() == 64 && w.bytes().all(|b| b.is_ascii_hexdigit()))
        .map(str::to_ascii_lowercase)
}

/// The directory made by [`PREPARE`], if nobody else can write to it or swap a part of its path.
pub(super) fn judge_dirs(host: &str, printed: &[u8]) -> Result<String, Failure> {
    let failed = |what: String| {
        Failure::failed(
            format!("{host}: {what}"),
            "make room or give yourself the right to write there, then try again",
        )
    };
    let found = words(printed).ok_or_else(|| failed("its shell did not finish making the agent's directory".into()))?;
    let value = |key: &str| found.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
    if let Some(e) = value("error") {
        return Err(failed(format!("the agent's directory can't be made: {}", short(e, 200))));
    }
    let dir =
        value("dir").filter(|d| usable_path(d)).ok_or_else(|| failed("the agent's directory has no name".into()))?;
    let id: Vec<&str> = value("id").unwrap_or_default().split_whitespace().collect();
    let [uid, gid, user, group] = id.as_slice() else {
        return Err(failed("it did not say who you are there".into()));
    };
    // a group of one's own: named like the user, or with the user's number
    let private = user == group || uid == gid;
    // above the home whose a directory is is the admin's affair, as for sshd; who can write to it is not
    let top = value("top").filter(|t| *t == dir || dir.starts_with(&format!("{}/", t.trim_end_matches('/'))));
    let mut above_home = false;
    let mut path = dir.to_string();
    let listed: Vec<&str> = found.iter().filter(|(k, _)| k == "ls").map(|(_, v)| v.as_str()).collect();
    if listed.len() != dir.split('/').filter(|p| !p.is_empty()).count() + 1 {
        return Err(failed("the directories above the agent's can't all be seen".into()));
    }
    for (depth, line) in listed.iter().enumerate() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (Some(mode), Some(owner), Some(of_group)) = (fields.first(), fields.get(2), fields.get(3)) else {
            return Err(failed(format!("the owner of {path} can't be seen")));
        };
        let bit = |at: usize| mode.as_bytes().get(at).copied().unwrap_or(b'w');
        let mine = owner == uid || (depth > 0 && *owner == "0");
        // sticky: others may add, not swap what is ours
        let sticky = depth > 0 && matches!(bit(9), b't' | b'T');
        let by_group = bit(5) == b'w' && !(private && of_group == gid) && !(*of_group == "0" && *owner == "0");
        let by_others = bit(8) == b'w';
        if !(mine || above_home) || ((by_group || by_others) && !sticky) {
            return Err(Failure::refused(
                format!("{host}: others can write to {path} ({mode}, owner {owner}): no agent is put below it"),
                format!("take that right away (`chmod go-w {}`), then try again", quote(&path)),
            ));
        }
        above_home |= top == Some(path.as_str());
        path = match path.rsplit_once('/') {
            Some(("", _)) | None => "/".into(),
            Some((up, _)) => up.to_string(),
        };
    }
    Ok(dir.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_quoting_for_all_shells() {
        let words = [
            "",
            "plain",
            "a b",
            "it's",
            "back\\slash",
            "\\'",
            "\\\\",
            "a!b",
            "!!",
            "$HOME",
            "`id`",
            "\"q\"",
            "*",
            "~",
            "#",
            ";|&<>(){}[]",
            "ümläut",
            "%s\\n",
            "-n",
            "'",
            "''",
            "\\",
            "a\\!'b",
            "^x",
            "{a,b}",
            "tab\there",
        ];
        let mut shells = 0;
        for shell in ["sh", "dash", "bash", "zsh", "fish", "tcsh", "csh", "busybox"] {
            for word in words {
                let mut c = std::process::Command::new(shell);
                if shell == "busybox" {
                    c.arg("sh");
                }
                c.arg("-c").arg(format!("printf %s: {} {}", quote(word), quote("x")));
                let Ok(ran) = c.output() else { break };
                shells += 1;
                let got = String::from_utf8_lossy(&ran.stdout).into_owned();
                assert_eq!(got, format!("{word}:x:"), "{shell}: {}", quote(word));
            }
        }
        assert!(shells >= words.len(), "sh at least");
    }

    #[test]
    fn scripts_fit_every_login_shell() {
        for script in [PROBE, START, PREPARE, CHECK, PLACE, REMOVE] {
            assert!(!script.contains(['\'', '!', '\n']), "{script}");
            assert!(!script.contains("\\\\"), "fish reads two backslashes as one: {script}");
        }
    }

    #[test]
    fn probes_this_machine_through_every_shell() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join(".local/share/thub/agents/0.1-abc");
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::copy("/bin/sh", dir.join("thub")).unwrap();
        let mut seen = 0;
        for shell in ["sh", "bash", "fish", "tcsh"] {
            let ran =
                std::process::Command::new(shell).arg("-c").arg(probe("0.1-abc")).env("HOME", home.path()).output();
            let Ok(ran) = ran else { continue };
            seen += 1;
            let mut noisy = b"Welcome!\nTHUB1 have nothing\n".to_vec();
            noisy.extend(ran.stdout);
            let r = parse("h", &noisy).unwrap_or_else(|e| panic!("{shell}: {e}"));
            assert_eq!(r.home, home.path().to_str().unwrap());
            assert_eq!(r.os.raw(), "Linux");
            assert!(r.have.as_ref().is_some_and(|h| h.sha256.is_some()), "{shell}: {r:?}");
            assert_eq!(r.builds, [Untrusted::new("0.1-abc")]);
            assert_ne!(r.libc, Libc::Unknown);
            assert!(probe_begins(&noisy));
        }
        assert!(seen > 0);
    }

    #[test]
    fn odd_answers() {
        let f = parse("h", b"This account is currently not available.\n\x1b[31m").unwrap_err();
        assert!(f.what.contains("not available") && !f.what.contains('\x1b'), "{f}");
        assert!(parse("h", b"").is_err());
        for home in ["", "relative", "/a\x1b[0m", "/a\u{202e}"] {
            let text = format!("THUB1 begin\nTHUB1 sys Linux x86_64\nTHUB1 home {home}\nTHUB1 end\n");
            assert!(parse("h", text.as_bytes()).is_err(), "{home:?}");
        }
        let half = b"THUB1 begin\nTHUB1 sys Linux x86_64\nTHUB1 home /root\n";
        assert!(parse("h", half).is_err(), "no end");
    }

    #[test]
    fn libcs() {
        for (text, want) in [
            ("glibc 2.36", Libc::Glibc(2, 36)),
            ("ldd (Debian GLIBC 2.36-9+deb12u10) 2.36", Libc::Glibc(2, 36)),
            ("ldd (GNU libc) 2.17", Libc::Glibc(2, 17)),
            ("musl libc (x86_64)", Libc::Musl),
            ("", Libc::Unknown),
            ("sh: ldd: not found", Libc::Unknown),
        ] {
            assert_eq!(parse_libc(text), want, "{text}");
        }
        let h = "a".repeat(64);
        assert_eq!(hash(&format!("SHA2-256(stdin)= {h}")), Some(h.clone()));
        assert_eq!(hash(&format!("{h}  -")), Some(h));
        assert_eq!(hash("sha256sum: not found"), None);
    }

    #[test]
    fn directories_others_can_write() {
        let judge = |id: &str, ls: &[&str]| {
            let list: String = ls.iter().map(|l| format!("THUB1 ls {l} 4096 Nov 20 .\n")).collect();
            judge_dirs(
                "h",
                format!("\nTHUB1 top /home/al\nTHUB1 dir /home/al\nTHUB1 id {id}\n{list}THUB1 end\n").as_bytes(),
            )
        };
        let (home, root) = ("drwxr-xr-x 2 0 0", "drwxr-xr-x 2 0 0");
        let me = "1000 1000 al al";
        assert_eq!(judge(me, &["drwx------ 2 1000 1000", home, root]).unwrap(), "/home/al");
        assert!(judge(me, &["drwxrwxr-x 2 1000 1000", home, root]).is_ok(), "the private group");
        assert!(judge("1000 100 al users", &["drwxrwxr-x 2 1000 100", home, root]).is_err(), "a shared group");
        assert!(judge(me, &["drwxrwxr-x 2 1000 50", home, root]).is_err(), "another group");
        assert!(judge(me, &["drwxr-xrwx 2 1000 1000", home, root]).is_err(), "everybody");
        assert!(judge(me, &["drwx------ 2 1001 1000", home, root]).is_err(), "somebody else's");
        assert!(judge(me, &["drwxr-xr-x 2 0 0", home, root]).is_err(), "root's own is not mine");
        assert!(judge(me, &["drwx------ 2 1000 1000", "drwxrwxrwx 2 0 0", root]).is_err(), "a parent");
        assert!(judge(me, &["drwx------ 2 1000 1000", "drwxrwxrwt 2 0 0", root]).is_ok(), "a sticky parent");
        assert!(judge(me, &["drwxrwxrwt 2 1000 1000", home, root]).is_err(), "itself sticky");
        assert!(judge(me, &["drwx------ 2 1000 1000", "drwxr-xr-x 2 65534 65534", root]).is_ok(), "the admin's affair");
        assert!(judge(me, &["drwx------ 2 1000 1000", home]).is_err(), "one is missing");
        assert!(judge_dirs("h", b"\nTHUB1 error mkdir: no space\nTHUB1 end\n").unwrap_err().what.contains("no space"));
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_it_panic(raw: Vec<u8>, text in "(\nTHUB1 (begin|end|sys|home|libc|have|dir|id|ls|top|build)[ -~]{0,30}){0,12}\n") {
            for printed in [&raw[..], text.as_bytes()] {
                let _ = parse("h", printed);
                let _ = judge_dirs("h", printed);
                probe_begins(printed);
            }
        }
    }
}
