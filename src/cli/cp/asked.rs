//! Owns what `thub cp` asks where a name is taken: the words, and what an answer means. Leaves out the terminal (`cli::ask`),
//! and what becomes of the file.

use super::told::bytes;
use crate::client::files::job::{Choice, What};
use crate::proto::control::{FileInfo, FilePath};
use crate::text::short;

const PROMPT: &str = "(r)eplace it, replace it if it is (o)lder, (s)kip it, (k)eep both, (c)ancel? A capital letter is for all that follow:";

/// What is said before it is asked.
fn line(path: &FilePath, theirs: &FileInfo, ours: &FileInfo) -> String {
    let age = match theirs.mtime_ms.cmp(&ours.mtime_ms) {
        std::cmp::Ordering::Less => "older than what comes",
        std::cmp::Ordering::Equal => "of the same time as what comes",
        std::cmp::Ordering::Greater => "newer than what comes",
    };
    let path = short(&path.to_string(), 200);
    format!("thub: '{path}' is there already, and is another one: {}, {age} ({})", bytes(theirs.size), bytes(ours.size))
}

/// What a word means; none = nothing.
fn meant(word: &str) -> Option<Choice> {
    let all = word.starts_with(char::is_uppercase);
    let what = match word.to_lowercase().as_str() {
        "r" | "replace" => What::Replace,
        "o" | "older" => What::ReplaceOlder,
        "s" | "skip" => What::Skip,
        "k" | "keep" | "keep both" => What::KeepBoth,
        "c" | "cancel" => What::Cancel,
        _ => return None,
    };
    Some(Choice { what, all })
}

/// Asks; where nobody answers, nothing goes on.
pub async fn ask(path: FilePath, theirs: Box<FileInfo>, ours: Box<FileInfo>) -> Choice {
    let chosen = crate::cli::ask::quietly().choose(&[line(&path, &theirs, &ours)], PROMPT, meant).await;
    chosen.unwrap_or(Choice { what: What::Cancel, all: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_what_they_mean() {
        let one = |what| Some(Choice { what, all: false });
        assert_eq!(meant("r"), one(What::Replace));
        assert_eq!(meant("older"), one(What::ReplaceOlder));
        assert_eq!(meant("S"), Some(Choice { what: What::Skip, all: true }));
        assert_eq!(meant("Keep both"), Some(Choice { what: What::KeepBoth, all: true }));
        assert_eq!(meant("c"), one(What::Cancel));
        for none in ["", "y", "yes", "rm", "replaceall"] {
            assert_eq!(meant(none), None, "{none}");
        }
    }

    #[test]
    fn a_question_says_what_is_there() {
        let info = |size, mtime_ms| FileInfo { size, mtime_ms, ..FileInfo::default() };
        let path = FilePath::new("a/b\u{1b}").unwrap();
        let said = line(&path, &info(1536, 1), &info(3, 2));
        assert_eq!(
            said,
            "thub: 'a/b\\u{1b}' is there already, and is another one: 1.5 KiB, older than what comes (3 B)"
        );
    }
}
