//! Owns the scripts that work on files in a container: constants, for any POSIX shell, with the tools of busybox or coreutils.
//! Leaves out running them and reading what they say.
//!
//! Arguments are data, never code: a path comes as `\0ooo` where it is more than letters (`argument`), and `path` undoes that.
//! A mark of random digits begins each line that is ours, so that no file's name or contents can be taken for one.

/// What every script begins with: `$1` is the mark, `$2` a path: relative ones begin at the home directory, or as it says.
/// `path` puts a decoded argument into `p`; `into` goes to a directory or says why not, in the kernel's words.
pub const HEAD: &str = r#"
m=$1; shift
path() { case $1 in *\\*) p=$(printf '%bx' "$1"); p=${p%x};; *) p=$1;; esac; }
into() {
  cd -- "$1" 2>/dev/null && return 0
  if [ -d "$1" ]; then echo 'Permission denied' >&2; else stat -L "$1" >/dev/null && echo 'Not a directory' >&2; fi
  exit 10
}
look='%f %s %Y %u %g %U %G'
cd "${HOME:-/}" 2>/dev/null || cd /
"#;

/// Whether there is all that the others need.
pub const PROBE: &str = r#"
for t in find stat dd mv rm ln mkdir rmdir chmod touch readlink head; do command -v "$t" >/dev/null 2>&1 || { echo "$t" >&2; exit 1; }; done
stat -c "$look" / >/dev/null && find / -mindepth 0 -maxdepth 0 -exec true {} + && printf '%s ' "$m" && id -u && command -v tar >/dev/null 2>&1 && echo tar
exit 0
"#;

/// DIR: its path without links.
pub const REAL_DIR: &str = r#"path "$1"; into "$p"; printf '%s ' "$m"; pwd -P"#;

/// PATH: the path without links, of what is there.
pub const REAL: &str = r#"
path "$1"; if [ -d "$p" ]; then into "$p"; printf '%s ' "$m"; pwd -P; exit; fi
stat "$p" >/dev/null || exit 10; printf '%s ' "$m"; readlink -f "$p""#;

/// DIR LEVELS: entries.
pub const LIST: &str =
    r#"path "$1"; into "$p"; exec find . -mindepth 1 -maxdepth "$2" -exec stat -c "$m $look %n" {} +"#;

/// DIR NAME...: where links lead: the kind there, and the words.
pub const LINKS: &str = r#"
path "$1"; into "$p"; shift
for a; do path "$a"; k=$(stat -L -c %f "./$p" 2>/dev/null) || k=-; printf '%s %s ' "$m" "$k"; readlink "./$p" || echo; done"#;

/// PATH: what is there, a link not followed.
pub const STAT: &str = r#"path "$1"; exec stat -c "$m $look" "$p""#;

/// PATH: room on its disk.
pub const SPACE: &str = r#"path "$1"; exec stat -f -c "$m %S %b %a" "$p""#;

/// PATH FOLLOW SKIP COUNT: what it is, then its bytes, from so many times 64 KiB on.
pub const READ: &str = r#"
path "$1"; if [ "$2" = 0 ] && [ -L "$p" ]; then echo 'Too many levels of symbolic links' >&2; exit 10; fi
stat -L -c "$m $look" "$p" || exit 10
[ -f "$p" ] || exit 0
if [ ! -r "$p" ]; then echo 'Permission denied' >&2; exit 10; fi
if [ "$4" = 0 ]; then exec dd if="$p" bs=65536 skip="$3"; else exec dd if="$p" bs=65536 skip="$3" count="$4"; fi"#;

/// {DIR NAME BYTES}...: files, each with its mark.
pub const GET: &str = r#"
while [ $# -gt 0 ]; do path "$1"; d=$p; path "$2"; p=$d/$p; n=$3; shift 3
  if [ -L "$p" ]; then printf '%s -\nToo many levels of symbolic links\n' "$m"
  elif [ -d "$p" ]; then printf '%s -\nIs a directory\n' "$m"
  elif [ ! -f "$p" ]; then printf '%s -\nNo such file or directory\n' "$m"
  elif [ ! -r "$p" ]; then printf '%s -\nPermission denied\n' "$m"
  else printf '%s +\n' "$m"; head -c "$n" "$p"; echo; fi
done"#;

/// Names a part, whole by now: PART NAME REPLACE. Says what went wrong.
const NAMED: &str = r#"
named() {
  if [ -d "$2" ] && [ ! -L "$2" ]; then echo 'Is a directory'; return 1; fi
  if [ "$3" = 1 ]; then
    if [ -L "$2" ] && [ -d "$2" ]; then rm -f "$2" 2>&1 || return 1; fi
    mv -f "$1" "$2" 2>&1
  elif [ -e "$2" ] || [ -L "$2" ]; then echo 'File exists'; return 1
  elif ln "$1" "$2" 2>/dev/null; then rm -f "$1"
  else mv "$1" "$2" 2>&1; fi
}
"#;

/// DIR {PART NAME REPLACE}...: parts come as a tar archive; each gets its name.
pub fn put() -> String {
    format!(
        r#"{NAMED}
path "$1"; into "$p"; shift
tar -x -o -p -f - || {{ while [ $# -gt 0 ]; do path "./$1"; rm -f "$p"; shift 3; done; exit 11; }}
while [ $# -gt 0 ]; do path "./$1"; part=$p; path "./$2"; if w=$(named "$part" "$p" "$3"); then printf '%s +\n' "$m"; else rm -f "$part"; printf '%s -\n%s\n' "$m" "$w"; fi; shift 3; done"#
    )
}

/// DIR PART: how much is there of it; a link and what is no file is refused.
pub const PART: &str = r#"
path "$1"; into "$p"
if [ -L "./$2" ]; then echo 'Too many levels of symbolic links' >&2; exit 10; fi
if [ ! -e "./$2" ]; then if [ -w . ]; then printf '%s -1\n' "$m"; exit 0; fi; echo 'Permission denied' >&2; exit 10; fi
if [ ! -f "./$2" ]; then echo 'File exists' >&2; exit 10; fi
printf '%s ' "$m"; stat -c %s "./$2""#;

/// DIR PART SEEK: writes what comes, from so many times 64 KiB on; what was there behind it is cut off.
pub const WRITE: &str = r#"path "$1"; into "$p"; umask 077; exec dd of="./$2" bs=65536 seek="$3""#;

/// DIR PART NAME REPLACE MODE SECONDS SIZE: mode and time, then its name; says what it is then.
pub fn finish() -> String {
    format!(
        r#"{NAMED}
path "$1"; into "$p"; shift
s=$(stat -c %s "./$1") || exit 10
if [ "$s" != "$6" ]; then echo "$s bytes are there of $6" >&2; exit 10; fi
chmod "$4" "./$1" || exit 10
[ "$5" = - ] || touch -d "@$5" "./$1" || exit 10
path "./$2"; w=$(named "./$1" "$p" "$3") || {{ printf '%s\n' "$w" >&2; exit 10; }}
exec stat -c "$m $look" "$p""#
    )
}

/// DIR NAME MODE (or -).
pub const MKDIR: &str = r#"
path "$1"; into "$p"; path "./$2"
if [ "$3" = - ]; then exec mkdir "$p"; fi
mkdir "$p" && exec chmod "$3" "$p""#;

/// DIR NAME...: files and links.
pub const REMOVE: &str = r#"
path "$1"; into "$p"; shift
for a; do path "./$a"
  if [ -d "$p" ] && [ ! -L "$p" ]; then printf '%s -\nIs a directory\n' "$m"
  elif [ ! -e "$p" ] && [ ! -L "$p" ]; then printf '%s -\nNo such file or directory\n' "$m"
  elif w=$(rm -f "$p" 2>&1); then printf '%s +\n' "$m"; else printf '%s -\n%s\n' "$m" "$w"; fi
done"#;

/// DIR NAME: an empty directory.
pub const RMDIR: &str = r#"path "$1"; into "$p"; path "./$2"; exec rmdir "$p""#;

/// FROM TO REPLACE, paths.
pub const RENAME: &str = r#"
path "$1"; a=$p; path "$2"; b=$p
if [ ! -e "$a" ] && [ ! -L "$a" ]; then echo 'No such file or directory' >&2; exit 10; fi
if [ -e "$b" ] || [ -L "$b" ]; then
  if [ "$3" = 0 ]; then echo 'File exists' >&2; exit 10; fi
  if [ -d "$b" ] && [ ! -L "$b" ]; then
    if [ -d "$a" ] && [ ! -L "$a" ]; then rmdir "$b" || exit 10; else echo 'Is a directory' >&2; exit 10; fi
  elif [ -L "$b" ]; then rm -f "$b" || exit 10; fi
fi
exec mv -f "$a" "$b""#;

/// PATH MODE, no link.
pub const CHMOD: &str = r#"
path "$1"; if [ -L "$p" ]; then echo 'Too many levels of symbolic links' >&2; exit 10; fi
exec chmod "$2" "$p""#;

/// MODE DIR...: directories that get theirs once they are filled, the uppermost first.
pub const MKDIRS: &str = r#"
mode=$1; shift
for a; do path "$a"; if [ -d "$p" ] && [ ! -L "$p" ]; then continue; fi; mkdir "$p" && chmod "$mode" "$p" || exit 10; done
printf '%s ' "$m""#;

/// {DIR MODE SECONDS}...: of directories that have been filled.
pub const FILLED: &str = r#"
while [ $# -gt 0 ]; do path "$1"
  if w=$( (into "$p" && touch -d "@$3" . && chmod "$2" .) 2>&1 ); then printf '%s +\n' "$m"; else printf '%s -\n%s\n' "$m" "$w"; fi
  shift 3
done"#;

/// PATH: where a link leads.
pub const READLINK: &str = r#"
path "$1"; if [ ! -L "$p" ]; then stat "$p" >/dev/null && echo 'Invalid argument' >&2; exit 10; fi
printf '%s ' "$m"; readlink "$p""#;

/// DIR NAME TARGET REPLACE.
pub const SYMLINK: &str = r#"
path "$3"; t=$p; path "$1"; into "$p"; path "./$2"
if [ -e "$p" ] || [ -L "$p" ]; then
  if [ "$4" = 0 ]; then echo 'File exists' >&2; exit 10; fi
  if [ -d "$p" ] && [ ! -L "$p" ]; then echo 'Is a directory' >&2; exit 10; fi
  rm -f "$p" || exit 10
fi
exec ln -s -- "$t" "$p""#;

/// DIR NAME: a file that is there no more, or never was.
pub const DROP: &str = r#"path "$1"; into "$p"; path "./$2"; exec rm -f "$p""#;

/// A path or name as an argument of a script.
pub fn argument(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &b in bytes {
        if b.is_ascii_graphic() && b != b'\\' {
            out.push(b as char);
        } else {
            out.push_str(&format!("\\0{b:03o}"));
        }
    }
    out
}
