//! MATH as lm-evaluation-harness's `hendrycks_math` (version 1.0) scores it.

use super::Scorer;
use super::math::boxed_answer;
use regex::Regex;
use std::sync::LazyLock;

/// What stands between the first and the last `$`, compared after `strip_string`.
#[derive(Clone, Copy, Debug)]
pub struct Hendrycks;

impl Scorer for Hendrycks {
    /// The boxed answer of a whole solution.
    fn gold(&self, text: &str) -> Option<String> {
        boxed_answer(text).map(str::to_owned)
    }

    /// The whole completion where it has fewer than two `$`.
    fn extract(&self, completion: &str) -> Option<String> {
        let inside = completion
            .split_once('$')
            .and_then(|(_, after)| after.rsplit_once('$'));
        Some(inside.map_or(completion, |(inside, _)| inside).to_owned())
    }

    /// Equal when stripped; as they stand where either cannot be stripped.
    fn is_right(&self, answer: &str, gold: &str) -> bool {
        match (strip_string(answer), strip_string(gold)) {
            (Some(answer), Some(gold)) => answer == gold,
            _ => answer == gold,
        }
    }
}

/// An answer in the harness's one spelling; none where its own function raises an exception.
pub(super) fn strip_string(text: &str) -> Option<String> {
    let mut text = text.to_owned();
    for (before, after) in [
        ("\n", ""),
        (r"\!", ""),
        (r"\\", r"\"),
        ("tfrac", "frac"),
        ("dfrac", "frac"),
        (r"\left", ""),
        (r"\right", ""),
        (r"^{\circ}", ""),
        (r"^\circ", ""),
        (r"\$", ""),
    ] {
        text = text.replace(before, after);
    }
    text = without_units(&text)?.to_owned();
    for (before, after) in [(r"\%", ""), (" .", " 0."), ("{.", "{0.")] {
        text = text.replace(before, after);
    }
    if text.is_empty() {
        return Some(text);
    }
    if text.starts_with('.') {
        text.insert(0, '0');
    }
    let sides: Vec<&str> = text.split('=').collect();
    if let [left, right] = sides[..]
        && left.chars().count() <= 2
    {
        text = right.to_owned();
    }
    text = braced_roots(&text)?.replace(' ', "");
    text = braced_fractions(&text)?;
    if text == "0.5" {
        text = r"\frac{1}{2}".to_owned();
    }
    plain_fraction(text)
}

/// What stands before `\text{ `, which starts a unit; none if it occurs more than once.
fn without_units(text: &str) -> Option<&str> {
    let mut parts = text.split(r"\text{ ");
    match (parts.next(), parts.next(), parts.next()) {
        (Some(before), _, None) => Some(before),
        _ => None,
    }
}

/// `\sqrt3` as `\sqrt{3}`; none for a root of nothing.
fn braced_roots(text: &str) -> Option<String> {
    let mut parts = text.split(r"\sqrt");
    let mut braced = parts.next()?.to_owned();
    for part in parts {
        let first = part.chars().next()?;
        let rest = &part[first.len_utf8()..];
        braced += r"\sqrt";
        match first {
            '{' => braced += part,
            _ => braced += &format!("{{{first}}}{rest}"),
        }
    }
    Some(braced)
}

/// `\frac12` as `\frac{1}{2}` and `\frac1{72}` as `\frac{1}{72}`; the text as it is where a fraction
/// has but one character, none where it has nothing.
fn braced_fractions(text: &str) -> Option<String> {
    let mut parts = text.split(r"\frac");
    let mut braced = parts.next()?.to_owned();
    for part in parts {
        braced += r"\frac";
        let mut characters = part.chars();
        let above = characters.next()?;
        if above == '{' {
            braced += part;
            continue;
        }
        let Some(below) = characters.next() else {
            return Some(text.to_owned());
        };
        let rest = characters.as_str();
        match below {
            '{' => braced += &format!("{{{above}}}{{{rest}"),
            _ => braced += &format!("{{{above}}}{{{below}}}{rest}"),
        }
    }
    Some(braced)
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is a constant")
}

/// What Python's `int` reads.
static INTEGER: LazyLock<Regex> = LazyLock::new(|| pattern(r"\A\s*[+-]?\d(?:_?\d)*\s*\z"));
/// What Python's `str` of an integer gives.
static WRITTEN: LazyLock<Regex> = LazyLock::new(|| pattern(r"\A(?:0|-?[1-9][0-9]*)\z"));

/// `a/b` of two integers as `\frac{a}{b}`; none for a slash between other things.
fn plain_fraction(text: String) -> Option<String> {
    let Some((above, below)) = text
        .split_once('/')
        .filter(|(_, below)| !below.contains('/'))
    else {
        return Some(text);
    };
    let both = |pattern: &Regex| pattern.is_match(above) && pattern.is_match(below);
    if !both(&INTEGER) {
        return None;
    }
    match both(&WRITTEN) {
        true => Some(format!(r"\frac{{{above}}}{{{below}}}")),
        false => Some(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_half() {
        for text in [r"\dfrac{1}{2}", "0.5", ".5", "1/2", r"\frac12", "x=1/2"] {
            assert_eq!(strip_string(text).unwrap(), r"\frac{1}{2}", "{text}");
        }
        assert_eq!(strip_string(r"10\%").unwrap(), "10");
        assert_eq!(strip_string("1,000").unwrap(), "1,000");
        let pair = r"\left(3,\frac{\pi}{2}\right)";
        assert_eq!(strip_string(pair).unwrap(), r"(3,\frac{\pi}{2})");
    }

    #[test]
    fn what_cannot_be_stripped_is_compared_as_it_stands() {
        for text in ["x/2", r"\sqrt", r"\frac", r"5\text{ m}\text{ s}"] {
            assert_eq!(strip_string(text), None, "{text}");
            assert!(Hendrycks.is_right(text, text));
        }
    }
}
