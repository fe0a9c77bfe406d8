//! A pattern and a comparison.

use super::Scorer;
use crate::eval::{answer, gsm8k};
use regex::Regex;
use serde::Deserialize;

/// What lm-evaluation-harness puts in place of an answer that is not there.
pub const INVALID: &str = "[invalid]";

/// Which of several matches counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Select {
    /// The first: the harness's `group_select: 0`.
    #[default]
    First,
    /// The last: `group_select: -1`.
    Last,
}

/// When two answers are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compare {
    /// The same characters.
    Exact,
    /// The same characters, upper and lower case alike.
    IgnoreCase,
    /// The harness's `exact_match` for GSM8K.
    Gsm8k,
    /// The same number, or else the same normalised text.
    Number,
}

/// The harness's `regex` filter and a comparison.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// What to look for; its first group that matched something counts, where it has groups.
    pub regex: Regex,
    /// Which match counts.
    pub select: Select,
    /// When the match is right.
    pub compare: Compare,
}

impl Scorer for Pattern {
    /// The match without surrounding whitespace, or [`INVALID`]: what the harness compares.
    fn extract(&self, completion: &str) -> Option<String> {
        let mut matches = self.regex.captures_iter(completion);
        let found = match self.select {
            Select::First => matches.next(),
            Select::Last => matches.last(),
        };
        let text = found.and_then(|groups| {
            let mut all = groups.iter().flatten().map(|group| group.as_str());
            match self.regex.captures_len() {
                1 => all.next(),
                // A single group is taken even where it is empty.
                2 => all.nth(1).or(Some("")),
                _ => all.skip(1).find(|group| !group.is_empty()),
            }
        });
        Some(text.unwrap_or(INVALID).trim().to_owned())
    }

    fn is_right(&self, answer: &str, gold: &str) -> bool {
        match self.compare {
            Compare::Exact => answer == gold,
            Compare::IgnoreCase => answer.to_lowercase() == gold.to_lowercase(),
            Compare::Gsm8k => gsm8k::exact_match(answer, gold),
            Compare::Number => answer::matches(answer, gold),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extracted(pattern: &str, select: Select, text: &str) -> String {
        let scorer = Pattern {
            regex: Regex::new(pattern).unwrap(),
            select,
            compare: Compare::Exact,
        };
        scorer.extract(text).unwrap()
    }

    #[test]
    fn groups_are_taken_as_findall_gives_them() {
        let text = "a1 b22 c";
        assert_eq!(extracted("[0-9]+", Select::First, text), "1");
        assert_eq!(extracted("[0-9]+", Select::Last, text), "22");
        assert_eq!(extracted("b([0-9]+)", Select::First, text), "22");
        assert_eq!(extracted("(x)?b", Select::First, text), "");
        assert_eq!(extracted("(x)?(b)", Select::First, text), "b");
        assert_eq!(extracted("(x)?(y)?b", Select::First, text), INVALID);
        assert_eq!(extracted("z", Select::First, text), INVALID);
        assert_eq!(extracted("b.. ", Select::First, text), "b22");
    }
}
