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
    // tools of the system first: what a shell's rc files put before them is not asked
    r#"PATH=/usr/bin:/bin:/usr/sbin:/sbin:$PATH; export PATH; printf "\nTHUB1 begin\n"; "#,
    r#"printf "THUB1 sys %s %s\n" "$(uname -s)" "$(uname -m)"; "#,
    r#"printf "THUB1 home %s\n" "$HOME"; "#,
    r#"g=$(getconf GNU_LIBC_VERSION 2>/dev/null) || g=; "#,
    r#"[ -n "$g" ] || g=$(ldd --version 2>&1 | head -n 1); "#,
    r#"printf "THUB1 libc %s\n" "$g"; "#,
    r#"a="$HOME/.local/share/thub/agents"; f="$a/$1/thub"; "#,
    r#"if [ -f "$f" ] && [ -x "$f" ]; then "#,
    r#"h=$( (sha256sum < "$f" || shasum -a 256 < "$f" || openssl dgst -sha256 < "$f" || sha256 -q < "$f") 2>/dev/null ); "#,
    r#"printf "THUB1 have %s\n" "$h"; fi; "#,
    // the newest file first
    r#"cd "$a" 2>/dev/null && ls -1tL -- */thub 2>/dev/null | while read -r d; do printf "THUB1 build %s\n" "$d"; done; "#,
    r#"printf "THUB1 end\n""#
);

pub(super) fn probe(build: &str) -> String {
    run(PROBE, &[build])
}
/// The agent where it is there and nobody else can write to it, else what is in doubt or what the probe tells.
pub(super) fn start_or_probe(build: &str, first: &[u8]) -> String {
    super::start::command(build, PROBE, first)
}

/// A command line for any login shell: the script for sh, with its arguments.
pub(super) fn run(script: &str, args: &[&str]) -> String {
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
        if said.is_empty() {
            return Err(Failure::refused(
                format!("{host} runs no commands for this account (an SFTP-only one, perhaps): it printed nothing"),
                "ask its admin for a login shell, or use an account that has one",
            ));
        }
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
        for script in [PROBE, super::super::start::START, super::super::dirs::LOOK, super::super::upload::PUT] {
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

    proptest::proptest! {
        #[test]
        fn no_answer_makes_it_panic(raw: Vec<u8>, text in "(\nTHUB1 (begin|end|sys|home|libc|have|dir|id|ls|top|build)[ -~]{0,30}){0,12}\n") {
            for printed in [&raw[..], text.as_bytes()] {
                let _ = parse("h", printed);
                let _ = super::super::dirs::judge("h", printed);
                probe_begins(printed);
            }
        }
    }
}
