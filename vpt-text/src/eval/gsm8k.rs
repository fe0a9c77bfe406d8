//! GSM8K as lm-evaluation-harness scores it (its task `gsm8k`, version 3.0).
//!
//! Strings are compared, not numbers: 18.00 is not 18 here. [`answer`](super::answer) is the kinder
//! reading that the paper's words suggest.

use regex::Regex;
use std::sync::LazyLock;

/// What the harness puts in place of an answer that is not there.
pub const INVALID: &str = "[invalid]";

/// One of the task's two filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// `strict-match`: the first number after `#### `.
    Strict,
    /// `flexible-extract`: the last number, or whatever two characters of one look like it.
    Flexible,
}

static STRICT: LazyLock<Regex> = LazyLock::new(|| pattern(r"#### (-?[0-9.,]+)"));
static FLEXIBLE: LazyLock<Regex> = LazyLock::new(|| pattern(r"-?[$0-9.,]{2,}|-?[0-9]+"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is a constant")
}

impl Filter {
    /// What the filter finds in a response, or [`INVALID`].
    pub fn extract(self, response: &str) -> &str {
        let found = match self {
            Self::Strict => STRICT.captures(response).and_then(|groups| groups.get(1)),
            Self::Flexible => FLEXIBLE.find_iter(response).last(),
        };
        found.map_or(INVALID, |found| found.as_str())
    }

    /// Whether what it finds in `response` is what `gold` (an answer, or a whole solution) ends in.
    pub fn is_right(self, response: &str, gold: &str) -> bool {
        normalise(self.extract(response)) == normalise(gold)
    }
}

/// `exact_match` with the task's `regexes_to_ignore`: without commas, dollar signs, all up to the
/// last `#### ` and a final dot; in lower case.
fn normalise(text: &str) -> String {
    // NumPy's strings, which the harness compares, end before their final NULs.
    let plain: String = text.chars().filter(|c| !matches!(c, ',' | '$')).collect();
    let plain = plain.trim_end_matches('\0');
    let answer = plain
        .rsplit_once("#### ")
        .map_or(plain, |(_, answer)| answer);
    let (line, end) = match answer.strip_suffix('\n') {
        Some(line) => (line, "\n"),
        None => (answer, ""),
    };
    // Python's `$` also stands before a final line end.
    let dotless = match answer.strip_suffix('.') {
        Some(dotless) => dotless.to_owned(),
        None => format!("{}{end}", line.strip_suffix('.').unwrap_or(line)),
    };
    dotless.trim_end_matches('\0').to_lowercase()
}
