//! A text as the words that are compared.

use super::{Normalisation, Numbers, Punctuation};
use regex::Regex;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// `7`, `1,000`, `3.14`.
static NUMBER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\d+(?:[.,]\d+)*").expect("the pattern is a constant"));

/// The words of a text, normalised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// Joined by single spaces, so that each n-gram is a slice.
    joined: String,
    /// Where in `joined` each word lies, in bytes.
    spans: Vec<Range<usize>>,
}

impl Words {
    /// Cuts `text` into words by `rule`.
    pub fn new(text: &str, rule: Normalisation) -> Self {
        let mut words = Self::default();
        words.extend(text, rule);
        words
    }

    /// Adds the words of `text`.
    pub fn extend(&mut self, text: &str, rule: Normalisation) {
        match rule.punctuation {
            Punctuation::Separate => self.separated(text, rule.numbers, |_| None),
            Punctuation::Operators => self.separated(text, rule.numbers, operator),
            Punctuation::Delete => {
                let text = without_numbers(text, rule.numbers);
                for word in text.split_whitespace() {
                    let kept = word.chars().filter(|c| !c.is_ascii_punctuation());
                    self.push(kept.map(|c| c.to_ascii_lowercase()));
                }
            }
        }
    }

    /// Words are runs of letters and digits, after NFKD without combining marks and in lower case,
    /// and what `symbol` makes of other characters.
    fn separated(&mut self, text: &str, numbers: Numbers, symbol: impl Fn(char) -> Option<char>) {
        let plain: String = text
            .nfkd()
            .filter(|c| !is_combining_mark(*c))
            .flat_map(char::to_lowercase)
            .collect();
        let plain = without_numbers(&plain, numbers);
        let pieces = plain.split_inclusive(|c: char| !c.is_alphanumeric());
        for piece in pieces {
            let word = piece.trim_end_matches(|c: char| !c.is_alphanumeric());
            self.push(word.chars());
            self.push(piece[word.len()..].chars().filter_map(&symbol));
        }
    }

    /// Adds one word, unless it is empty.
    fn push(&mut self, word: impl Iterator<Item = char>) {
        let before = self.joined.len();
        if before > 0 {
            self.joined.push(' ');
        }
        let start = self.joined.len();
        self.joined.extend(word);
        if self.joined.len() == start {
            self.joined.truncate(before);
        } else {
            self.spans.push(start..self.joined.len());
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// All of them, joined by single spaces.
    pub fn joined(&self) -> &str {
        &self.joined
    }

    /// Every run of `n` successive words, joined by single spaces; none where there are fewer.
    pub fn ngrams(&self, n: usize) -> impl Iterator<Item = &str> {
        let runs = self.spans.windows(n.max(1));
        runs.filter_map(|run| match run {
            [only] => self.joined.get(only.clone()),
            [first, .., last] => self.joined.get(first.start..last.end),
            [] => None,
        })
    }
}

fn without_numbers(text: &str, numbers: Numbers) -> Cow<'_, str> {
    match numbers {
        Numbers::Zero => NUMBER.replace_all(text, "0"),
        Numbers::Keep => Cow::Borrowed(text),
    }
}

/// The operators of arithmetic, each in one form.
fn operator(c: char) -> Option<char> {
    match c {
        '+' | '*' | '/' | '=' | '<' | '>' | '^' | '%' => Some(c),
        '-' | '\u{2212}' | '\u{2013}' => Some('-'),
        '×' | '·' | '⋅' | '∙' => Some('*'),
        '÷' | '\u{2044}' | '\u{2215}' => Some('/'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str, punctuation: Punctuation, numbers: Numbers) -> String {
        let rule = Normalisation {
            punctuation,
            numbers,
        };
        let words = Words::new(text, rule);
        assert_eq!(words.len(), words.joined().split_whitespace().count());
        words.joined().to_owned()
    }

    #[test]
    fn case_accents_width_and_punctuation_make_no_difference() {
        let separated = |text| words(text, Punctuation::Separate, Numbers::Keep);
        for text in [
            "Zoe\u{301}’s café: 12 cups!",
            "ZOÉ'S  CAFE\u{301} \n 12 cups",
            "zoé s café １２ cups",
            "¿Zoé‑s 𝐜𝐚𝐟𝐞́ «12» cups?",
        ] {
            assert_eq!(separated(text), "zoe s cafe 12 cups");
        }
        assert_eq!(separated(" .,!? \n"), "");
        assert_eq!(separated("小明有3个苹果。"), "小明有3个苹果");
    }

    #[test]
    fn operators_are_words_on_request() {
        let sum = "9−3+5 = 11, or 2×4÷8";
        assert_eq!(
            words(sum, Punctuation::Separate, Numbers::Keep),
            "9 3 5 11 or 2 4 8"
        );
        assert_eq!(
            words(sum, Punctuation::Operators, Numbers::Keep),
            "9 - 3 + 5 = 11 or 2 * 4 / 8"
        );
    }

    #[test]
    fn numbers_may_become_zero() {
        assert_eq!(
            words(
                "1,000 apples at $2.50 in 3.",
                Punctuation::Separate,
                Numbers::Zero
            ),
            "0 apples at 0 in 0"
        );
        assert_eq!(
            words("1,000 at $2.50", Punctuation::Delete, Numbers::Zero),
            "0 at 0"
        );
    }

    #[test]
    fn deletion_joins_what_punctuation_parted() {
        assert_eq!(
            words("Tom's 3-4 = É", Punctuation::Delete, Numbers::Keep),
            "toms 34 É"
        );
    }

    #[test]
    fn ngrams_are_runs_of_words() {
        let words = Words::new("a b c d", Normalisation::default());
        let ngrams = |n| words.ngrams(n).collect::<Vec<_>>();
        assert_eq!(ngrams(1), ["a", "b", "c", "d"]);
        assert_eq!(ngrams(3), ["a b c", "b c d"]);
        assert_eq!(ngrams(4), ["a b c d"]);
        assert!(ngrams(5).is_empty());
    }

    #[test]
    fn texts_are_joined_at_a_word_border() {
        let mut words = Words::new("one two", Normalisation::default());
        words.extend("three", Normalisation::default());
        assert_eq!(words.joined(), "one two three");
    }
}
