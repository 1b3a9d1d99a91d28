//! Owns what is on this machine's clipboard as files on a host: an image, or files that were copied. It is asked for by the
//! tools there are (wl-paste, xclip, pngpaste), which know what a terminal can't tell. Leaves out typing the paths.

use super::News;
use super::run::{Means, Teller};
use crate::client::files::{End, Whose};
use crate::proto::control::{Fault, FileKind, FileName, FilePath};
use crate::proto::ids::{hex, random_bytes};
use crate::store::copies;
use crate::text::count;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::AsyncReadExt;

/// Bytes of an image, or of files that were copied, at most: 64 MiB. More is a matter for the file browser.
const MOST: u64 = 64 << 20;
/// Files pasted at once.
const FILES: usize = 100;
/// A tool has so long.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where they come to, from home.
const INTO: &[u8] = b".cache/thub/pasted";
/// What was pasted longer ago goes when something is pasted next: a week, in seconds.
const OLD: u64 = 7 * 24 * 3600;
/// Files that are looked at for it.
const LOOKED_AT: usize = 10_000;

fn none(why: impl Into<String>) -> Fault {
    Fault::new(Fault::INVALID, why)
}

/// A way to ask the clipboard: what lists its types, and what gives one of them (in the place of `%`).
struct Tool {
    list: &'static [&'static str],
    give: &'static [&'static str],
}

/// Those that may be there, the likeliest first.
fn tools(var: impl Fn(&str) -> bool) -> Vec<Tool> {
    let wayland = Tool { list: &["wl-paste", "--list-types"], give: &["wl-paste", "--no-newline", "--type", "%"] };
    let x11 = Tool {
        list: &["xclip", "-selection", "clipboard", "-out", "-target", "TARGETS"],
        give: &["xclip", "-selection", "clipboard", "-out", "-target", "%"],
    };
    // (it gives a PNG or fails: it lists nothing)
    let mac = Tool { list: &["pngpaste", "-b"], give: &["pngpaste", "-"] };
    let mut all = Vec::new();
    if var("WAYLAND_DISPLAY") {
        all.push(wayland);
    }
    if var("DISPLAY") {
        all.push(x11);
    }
    if cfg!(target_os = "macos") {
        all.push(mac);
    }
    all
}

/// What a tool writes; none = it is not there, or has nothing.
async fn output(words: &[&str], kind: &str) -> Result<Vec<u8>, std::io::Error> {
    let (name, rest) = words.split_first().unwrap_or((&"false", &[]));
    let mut command = tokio::process::Command::new(name);
    command.args(rest.iter().map(|w| if *w == "%" { kind } else { w }));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let mut out = Vec::new();
    let read = async {
        if let Some(from) = child.stdout.take() {
            from.take(MOST + 1).read_to_end(&mut out).await?;
        }
        if out.len() as u64 > MOST {
            return Err(std::io::Error::other("more than 64M is on the clipboard"));
        }
        child.wait().await
    };
    let ended = tokio::time::timeout(PATIENCE, read).await;
    match ended.map_err(|_| std::io::Error::other(format!("{name} does not answer")))?? {
        status if status.success() => Ok(out),
        _ => Err(std::io::Error::other(format!("{name} gave nothing"))),
    }
}

/// The local paths of a list of URIs: those that are files of this machine.
fn local_files(list: &[u8]) -> Vec<PathBuf> {
    let lines = list.split(|b| matches!(b, b'\n' | b'\r')).filter(|l| !l.is_empty() && !l.starts_with(b"#"));
    lines
        .filter_map(|line| Some(PathBuf::from(OsStr::from_bytes(&unescaped(line.strip_prefix(b"file://")?)?))))
        .collect()
}

/// `%20` and the like as bytes, behind a host that is none or this one; none = it is no such path.
fn unescaped(rest: &[u8]) -> Option<Vec<u8>> {
    let path = rest.strip_prefix(b"localhost").unwrap_or(rest);
    let mut out = Vec::with_capacity(path.len());
    let mut at = path.iter();
    while let Some(b) = at.next() {
        out.push(match b {
            b'%' => {
                let two = [*at.next()?, *at.next()?];
                u8::from_str_radix(std::str::from_utf8(&two).ok()?, 16).ok()?
            }
            b => *b,
        });
    }
    (out.starts_with(b"/") && !out.contains(&0)).then_some(out)
}

enum Found {
    Image(Vec<u8>, &'static str),
    Files(Vec<PathBuf>),
}

const IMAGES: &[(&str, &str)] = &[
    ("image/png", "png"),
    ("image/jpeg", "jpg"),
    ("image/webp", "webp"),
    ("image/gif", "gif"),
    ("image/bmp", "bmp"),
    ("image/tiff", "tiff"),
];

async fn found() -> Result<Found, Fault> {
    let tools = tools(|name| std::env::var_os(name).is_some_and(|v| !v.is_empty()));
    if tools.is_empty() {
        return Err(none(
            "this machine has no clipboard that could be asked: neither WAYLAND_DISPLAY nor DISPLAY is set",
        ));
    }
    let mut missing = Vec::new();
    for tool in &tools {
        let name = tool.list.first().copied().unwrap_or_default();
        let types = match output(tool.list, "").await {
            Ok(types) => types,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                missing.push(name);
                continue;
            }
            Err(_) => continue,
        };
        let types = String::from_utf8_lossy(&types).into_owned();
        let has = |kind: &str| name == "pngpaste" && kind == "image/png" || types.lines().any(|t| t.trim() == kind);
        let given = |e: std::io::Error| none(format!("what is on the clipboard can't be had: {e}"));
        // (copied files come with an image of their icons on some desktops)
        if has("text/uri-list") {
            let files = local_files(&output(tool.give, "text/uri-list").await.map_err(given)?);
            if !files.is_empty() {
                return Ok(Found::Files(files));
            }
        }
        if let Some((kind, ending)) = IMAGES.iter().find(|(kind, _)| has(kind)) {
            return Ok(Found::Image(output(tool.give, kind).await.map_err(given)?, ending));
        }
    }
    if missing.len() == tools.len() {
        let name = match missing.first() {
            Some(&"wl-paste") => "wl-clipboard",
            Some(other) => other,
            None => "xclip",
        };
        return Err(none(format!("nothing here can read the clipboard: install {name}")));
    }
    Err(none("the clipboard has neither an image nor files: text is pasted as ever"))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// What a name begins with: the second it is pasted in (a file keeps its own time), and digits that nothing else has.
fn mark() -> String {
    format!("{:08x}-{}", now(), hex(&random_bytes::<4>()))
}

/// Whether a name says that it was pasted by us, and longer ago than a week.
fn is_old(name: &FileName, now: u64) -> bool {
    let name = String::from_utf8_lossy(name.as_bytes());
    let Some((at, rest)) = name.split_once('-') else { return false };
    let is_hex = |digits: &str| digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let ours =
        is_hex(at) && rest.get(..8).is_some_and(is_hex) && rest.get(8..).is_some_and(|r| r.starts_with(['.', '-']));
    ours && u64::from_str_radix(at, 16).is_ok_and(|at| at.saturating_add(OLD) < now)
}

/// Takes away what was pasted long ago: plain files that carry our names.
async fn clean(end: &End, dir: &FilePath, now: u64) -> Result<(), Fault> {
    let (mut listing, mut seen, mut old) = (end.list(dir).await?, 0, Vec::new());
    while let Some(entries) = listing.next().await?.filter(|_| seen < LOOKED_AT) {
        seen += entries.len();
        let plain = entries.into_iter().filter(|e| e.kind == FileKind::File && is_old(&e.name, now));
        old.extend(plain.map(|e| e.name));
    }
    drop(listing);
    for name in old {
        end.delete(&dir.join(&name), false, |_| {}).await?;
    }
    Ok(())
}

/// The directory for what is pasted, the host's person's alone; without links.
async fn into(end: &End) -> Result<FilePath, Fault> {
    let path = FilePath::new(INTO).map_err(|e| none(e.to_string()))?;
    end.mkdir(&path, true, Some(0o700)).await?;
    end.stat(&path, true, false).await?.real.ok_or_else(|| none("the host does not say where its home is"))
}

pub(super) async fn paste(means: &Means, whose: Whose, teller: &Teller) -> Result<(), Fault> {
    let end = means.ups.end(whose.clone());
    let here = whose.host.is_local() && whose.place.is_here();
    let found = found().await?;
    let mut used = None;
    let (paths, what) = match found {
        Found::Files(files) if here => {
            let paths = files.iter().filter_map(|f| FilePath::new(f.as_os_str().as_bytes()).ok()).collect();
            (paths, format!("{} of this machine", count(files.len(), "file")))
        }
        Found::Files(files) => {
            let mut size = 0;
            for file in files.iter().take(FILES) {
                let meta = std::fs::metadata(file).map_err(|e| none(format!("{}: {e}", file.display())))?;
                if !meta.is_file() {
                    return Err(none(format!("{} is no file: the file browser copies directories", file.display())));
                }
                size += meta.len();
            }
            if size > MOST || files.len() > FILES {
                return Err(none("that is much to be pasted (64M, 100 files at most): the file browser copies it"));
            }
            let dir = into(&end).await?;
            let mut paths = Vec::new();
            for file in &files {
                let name = copies::plain(&file.file_name().unwrap_or_default().to_string_lossy());
                let name = FileName::new(format!("{}-{name}", mark())).map_err(|e| none(e.to_string()))?;
                super::copy::send(means, file, &whose, &dir, &name).await?;
                let path = dir.join(&name);
                end.chmod(&path, 0o600).await?;
                paths.push(path);
            }
            used = Some(dir);
            (paths, count(files.len(), "file"))
        }
        Found::Image(bytes, ending) => {
            let name = format!("{}.{ending}", mark());
            let (mut file, copy, _held) = copies::create(&means.paths, &name).map_err(|f| none(f.line()))?;
            let sent = async {
                std::io::Write::write_all(&mut file, &bytes).map_err(|e| none(e.to_string()))?;
                let dir = into(&end).await?;
                let name = FileName::new(name).map_err(|e| none(e.to_string()))?;
                super::copy::send(means, &copy, &whose, &dir, &name).await?;
                Ok((dir.join(&name), dir))
            };
            let sent = sent.await;
            copies::forget(&means.paths, &copy);
            let (path, dir) = sent?;
            used = Some(dir);
            (vec![path], format!("an image of {} KiB", bytes.len().div_ceil(1024)))
        }
    };
    teller.tell(News::Pasted { paths, what });
    if let Some(dir) = used
        && let Err(fault) = clean(&end, &dir, now()).await
    {
        tracing::debug!(code = fault.code, "what was pasted long ago stays");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::files::tests::{Host, with};

    #[test]
    fn files_of_a_list_are_those_of_this_machine() {
        let list =
            b"# copied\r\nfile:///a%20b/c.png\r\nfile://localhost/d\r\nhttp://x/y\r\nfile://other/e\r\nfile:///f%0\r\n";
        let expected: Vec<PathBuf> = ["/a b/c.png", "/d"].map(PathBuf::from).to_vec();
        assert_eq!(local_files(list), expected);
        assert_eq!(local_files(b"file:///%00"), Vec::<PathBuf>::new());
    }

    #[test]
    fn tools_are_those_of_the_desktop() {
        let names = |vars: &[&str]| tools(|v| vars.contains(&v)).iter().map(|t| t.list[0]).collect::<Vec<_>>();
        assert_eq!(names(&["DISPLAY", "WAYLAND_DISPLAY"])[..2], ["wl-paste", "xclip"]);
        assert_eq!(names(&["DISPLAY"])[0], "xclip");
    }
    #[test]
    fn what_was_pasted_long_ago_goes() {
        let name = |text: &str| FileName::new(text).unwrap();
        assert!(is_old(&name(&format!("{}.png", mark())), now() + OLD + 5) && !is_old(&name(&mark()), now()));
        let (now, fresh) = (0x6920_0000 + OLD + 1, format!("{:08x}-1234abcd.png", 0x6920_0001));
        for kept in
            [fresh.as_str(), "69200000.png", "69200000-1234abcdx", "69200000-1234abc.png", "6920000-1234abcd-a", "mine"]
        {
            assert!(!is_old(&name(kept), now), "{kept}");
        }
        with(|ups| async move {
            let host = Host::new(&ups, "far");
            let end = host.end();
            let dir = into(&end).await.unwrap();
            let at = |name: &str| host.home.join(".cache/thub/pasted").join(name);
            let old = "69200000-1234abcd-a b.txt";
            for name in [old, &fresh, "mine"] {
                std::fs::write(at(name), "x").unwrap();
            }
            std::fs::create_dir(at("69200000-1234abcd.d")).unwrap();
            std::os::unix::fs::symlink("mine", at("69200000-1234abcd.png")).unwrap();
            clean(&end, &dir, now).await.unwrap();
            assert!(!at(old).exists());
            for kept in [&fresh, "mine", "69200000-1234abcd.d", "69200000-1234abcd.png"] {
                assert!(std::fs::symlink_metadata(at(kept)).is_ok(), "{kept}");
            }
        });
    }
}
