//! OMEGA as in A.4.
//!
//! A.4 says of the tolerance only that it is 10⁻³ "with a relative component". Here two numbers are
//! the same where |a − b| ≤ 10⁻³ · max(1, |b|), b being the gold one.

use super::Scorer;
use crate::eval::answer::first_boxed;
use regex::Regex;
use std::sync::LazyLock;

const TOLERANCE: f64 = 1e-3;

/// The first box, else what follows the last `Answer:`, else the last line that is not empty.
#[derive(Clone, Copy, Debug)]
pub struct Omega;

impl Scorer for Omega {
    fn gold(&self, text: &str) -> Option<String> {
        found(text)
    }

    fn extract(&self, completion: &str) -> Option<String> {
        let tagged = || {
            let (_, after) = completion.rsplit_once("Answer:")?;
            found(after)
        };
        let line = || completion.lines().rev().find_map(found);
        first_boxed(completion)
            .and_then(found)
            .or_else(tagged)
            .or_else(line)
    }

    fn is_right(&self, answer: &str, gold: &str) -> bool {
        let spaceless = |text: &str| -> String { text.split_whitespace().collect() };
        let (answer, gold) = (spaceless(answer), spaceless(gold));
        answer == gold
            || match (number(&answer), number(&gold)) {
                (Some(answer), Some(gold)) => {
                    (answer - gold).abs() <= TOLERANCE * gold.abs().max(1.0)
                }
                _ => false,
            }
    }
}

/// An answer without wrappers, whitespace collapsed, where anything is left.
fn found(text: &str) -> Option<String> {
    Some(unwrapped(text)).filter(|text| !text.is_empty())
}

/// Pairs that stand around a whole answer and mean nothing.
const WRAPPERS: [(&str, &str); 8] = [
    ("$$", "$$"),
    ("$", "$"),
    (r"\(", r"\)"),
    (r"\[", r"\]"),
    (r"\text{", "}"),
    (r"\mathrm{", "}"),
    (r"\boxed{", "}"),
    ("**", "**"),
];

/// `text` without the wrappers around it, a final dot, and LaTeX's sizes and spaces.
fn unwrapped(text: &str) -> String {
    let mut plain = text.to_owned();
    for command in [r"\left", r"\right", r"\,", r"\!", r"\;", r"\ "] {
        plain = without_command(&plain, command);
    }
    let mut inside = plain.trim();
    loop {
        let dotless = inside.strip_suffix('.').unwrap_or(inside).trim();
        let bare = WRAPPERS
            .iter()
            .find_map(|(left, right)| enclosed(dotless, left, right))
            .unwrap_or(dotless);
        if bare == inside {
            break;
        }
        inside = bare;
    }
    inside.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `text` without `command`, which may not be the start of a longer one (`\leftarrow`).
fn without_command(text: &str, command: &str) -> String {
    let word = command.ends_with(|c: char| c.is_ascii_alphabetic());
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(command) {
        kept += before;
        if word && after.starts_with(|c: char| c.is_ascii_alphabetic()) {
            kept += command;
        }
        rest = after;
    }
    kept + rest
}

/// What stands between `left` and `right`, where they are a pair that encloses the whole text.
fn enclosed<'a>(text: &'a str, left: &str, right: &str) -> Option<&'a str> {
    let inside = text.strip_prefix(left)?.strip_suffix(right)?;
    let balanced = match right {
        "}" => {
            let mut depth = 0i64;
            inside.chars().all(|character| {
                match character {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                depth >= 0
            }) && depth == 0
        }
        _ => !inside.contains(left) && !inside.contains(right),
    };
    balanced.then(|| inside.trim())
}

static DECIMAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\A[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)?(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?\z")
        .expect("the pattern is a constant")
});
static FRACTION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\A([+-]?)\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}\z")
        .expect("the pattern is a constant")
});

/// A decimal number, or a fraction of two: `0.25`, `1,000`, `1/4`, `-\frac{1}{4}`.
fn number(text: &str) -> Option<f64> {
    if let Some(groups) = FRACTION.captures(text) {
        let sign = if &groups[1] == "-" { -1.0 } else { 1.0 };
        return quotient(&groups[2], &groups[3]).map(|value| sign * value);
    }
    match text.split_once('/') {
        Some((above, below)) => quotient(above, below),
        None => decimal(text),
    }
}

fn quotient(above: &str, below: &str) -> Option<f64> {
    let value = decimal(above)? / decimal(below)?;
    value.is_finite().then_some(value)
}

fn decimal(text: &str) -> Option<f64> {
    if !DECIMAL.is_match(text) {
        return None;
    }
    let value: f64 = text.replace(',', "").parse().ok()?;
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(completion: &str) -> Option<String> {
        Omega.extract(completion)
    }

    #[test]
    fn order_of_extraction() {
        let all = "\\boxed{1} then \\boxed{2}\nAnswer: 3\n4";
        assert_eq!(answer(all).unwrap(), "1", "the first box");
        assert_eq!(answer("Answer: 3\nAnswer: 4").unwrap(), "4", "the last tag");
        assert_eq!(
            answer("one\n\ntwo 5 \n \n").unwrap(),
            "two 5",
            "the last line"
        );
        assert_eq!(answer("\\boxed{} Answer: 7").unwrap(), "7", "an empty box");
        assert_eq!(answer("6\nAnswer:\n").unwrap(), "Answer:", "an empty tag");
        assert_eq!(answer("\\boxed{\\frac{1}{2}}").unwrap(), "\\frac{1}{2}");
        assert_eq!(answer("\\boxed{3 cut").unwrap(), "\\boxed{3 cut");
        assert_eq!(answer(" \n "), None);
    }

    #[test]
    fn wrappers() {
        for (text, expected) in [
            ("$5$", "5"),
            ("$$ 5 $$.", "5"),
            (r"\( (1,\ 2) \)", "(1, 2)".replace(' ', "").as_str()),
            (r"\text{ blue  sky }", "blue sky"),
            (r"\left(1, 2\right]", "(1, 2]"),
            (r"a \leftarrow b", r"a \leftarrow b"),
            ("**12**", "12"),
            (r"$\text{A}$", "A"),
            (r"\text{a} + \text{b}", r"\text{a} + \text{b}"),
            ("$1$ and $2$", "$1$ and $2$"),
            ("$", "$"),
            ("3.", "3"),
        ] {
            assert_eq!(unwrapped(text), expected, "{text}");
        }
    }

    #[test]
    fn same_and_not_the_same() {
        for (a, b) in [
            ("5", "5.0"),
            ("1/3", "0.333"),
            (r"\frac{1}{3}", "0.3335"),
            (r"-\dfrac{1}{2}", "-0.5"),
            ("1,000", "1000.9"),
            ("1000", "999.1"),
            ("(1, 2)", "(1,2)"),
            ("[[1, 0], [0, 1]]", "[[1,0],[0,1]]"),
            ("x + 1", "x+1"),
            ("1e3", "1000"),
            (".5", "1/2"),
        ] {
            assert!(Omega.is_right(a, b), "{a} {b}");
        }
        for (a, b) in [
            ("5", "5.01"),
            ("0", "0.0011"),
            ("1/0", "0"),
            ("Blue", "blue"),
            ("1e999", "2e999"),
            ("nan", "NaN"),
            ("", "0"),
            (".", "0"),
            ("-", "0"),
            ("1/2/3", "0.5"),
            ("12,34", "1234"),
            ("e5", "0"),
        ] {
            assert!(!Omega.is_right(a, b), "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "\\PC*", mark in "(Answer:|\\\\boxed\\{|\\$|)") {
            if let Some(found) = answer(&format!("{mark}{text}")) {
                prop_assert!(Omega.is_right(&found, &found));
            }
        }
    }
}
