//! The final answer of a worked solution, and when two answers are the same.
//!
//! A.1 scores GSM8K by "exact match on the final numeric answer after normalization" and says no
//! more. This is our reading of it, a cascade that takes an answer in whichever form a learner has
//! come to give it (NuminaMath's solutions end in a box, GSM8K's in `####`).

use crate::data::Record;
use regex::Regex;
use std::sync::LazyLock;

/// A number as it stands in text: thousands commas only in threes, ASCII digits only. Whether a
/// sign before it is a minus is decided by what stands before the sign.
static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:[0-9]{1,3}(?:,[0-9]{3})+\b|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+")
        .expect("the pattern is a constant")
});

/// The answer that a response ends in, normalised: the number that follows `####`, else what is
/// boxed last, else whatever follows `####`, else the last number.
///
/// Of several `####` with a number the *first* counts: working comes before the mark, and after it
/// comes at most what a learner adds when it fails to stop. Of boxes and numbers it is the last,
/// since those also occur in the working. A `####` without a number may be a heading (`#### Step
/// one`), so a box goes before it.
pub fn final_answer(response: &str) -> Option<String> {
    let marks: Vec<String> = marked(response).collect();
    let number = marks.iter().find(|mark| decimal(mark).is_some());
    number
        .cloned()
        .or_else(|| boxed(response))
        .or_else(|| marks.into_iter().next())
        .or_else(|| last_number(response))
}

/// The answer a record is scored against, normalised: its `answer` column, else what its solution
/// marks with `####` or a box. None for a solution without either: its last number may be anything.
///
/// Of several `####` the *last* counts here, as in GSM8K's own files: a solution is complete. An
/// `answer` column that holds a whole solution (GSM8K's does) is read as one.
pub fn gold_answer(record: &Record) -> Option<String> {
    let solved = |text: &str| {
        let mark = marked(text).last();
        match mark {
            Some(mark) if decimal(&mark).is_some() => Some(mark),
            mark => boxed(text).or(mark),
        }
    };
    let column = record.answer.as_deref().and_then(|answer| {
        solved(answer).or_else(|| Some(normalise(answer)).filter(|text| !text.is_empty()))
    });
    column.or_else(|| solved(&record.solution))
}

/// Whether two answers are the same: equal as decimal numbers, exactly (18.00 is 18), or else as
/// normalised text, upper and lower case alike.
pub fn matches(answer: &str, gold: &str) -> bool {
    let (answer, gold) = (normalise(answer), normalise(gold));
    match (decimal(&answer), decimal(&gold)) {
        (Some(answer), Some(gold)) => answer == gold,
        _ => answer.to_lowercase() == gold.to_lowercase(),
    }
}

/// The content of the last `\boxed{…}`, or where there is none of the last `\fbox{…}`, braces
/// balanced; of `\boxed …` without braces, what stands before the next `$` or line end. None if the
/// last box never closes.
pub fn last_boxed(text: &str) -> Option<&str> {
    let after = [r"\boxed", r"\fbox"]
        .into_iter()
        .find_map(|command| text.rsplit_once(command))?
        .1;
    box_content(after)
}

/// The content of the first `\boxed` that closes, read as [`last_boxed`] reads the last.
pub fn first_boxed(text: &str) -> Option<&str> {
    let command = r"\boxed";
    text.match_indices(command)
        .find_map(|(at, _)| box_content(&text[at + command.len()..]))
}

/// What a box holds whose command `after` follows.
fn box_content(after: &str) -> Option<&str> {
    let Some(inside) = after.trim_start().strip_prefix('{') else {
        let open = after.strip_prefix(char::is_whitespace)?;
        return open.split(['$', '\n']).next().map(str::trim);
    };
    let mut depth = 1usize;
    let mut escaped = false;
    for (at, character) in inside.char_indices() {
        match character {
            _ if escaped => {}
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(&inside[..at]);
        }
        escaped = character == '\\' && !escaped;
    }
    None
}

/// The content of the last box, normalised, if there is any.
fn boxed(text: &str) -> Option<String> {
    last_boxed(text)
        .map(normalise)
        .filter(|answer| !answer.is_empty())
}

/// What each `####` introduces, normalised, where it introduces anything.
fn marked(text: &str) -> impl Iterator<Item = String> {
    text.split("####")
        .skip(1)
        .map(line_answer)
        .filter(|answer| !answer.is_empty())
}

/// The answer at the start of a text: the number it starts with, where words or nothing follow
/// (`18 dollars`), else its whole first line (`3/4`, `blue`).
fn line_answer(text: &str) -> String {
    let line = text.trim_start_matches([' ', '\t', '#']);
    let line = line.lines().next().unwrap_or_default();
    let whole = normalise(line);
    let word = line.split_whitespace().next().map(normalise);
    match word {
        Some(word) if decimal(&word).is_some() && !continues(line) => word,
        _ => whole,
    }
}

/// Whether the line's second word makes its first a part of something larger.
fn continues(line: &str) -> bool {
    let second = line.split_whitespace().nth(1).unwrap_or_default();
    second.starts_with(['/', '*', '+', '=', '^', '×', '÷'])
}

/// The last number of a text, normalised. A minus counts as a sign unless it stands after a digit,
/// letter or bracket, where it subtracts: `10-3` ends in 3.
fn last_number(text: &str) -> Option<String> {
    let text = text.replace('\u{2212}', "-");
    let found = NUMBER.find_iter(&text).last()?;
    let before = text[..found.start()].trim_end_matches(['$', '\\']);
    let negative = before.strip_suffix('-').is_some_and(|before| {
        !before.ends_with(|c: char| c.is_alphanumeric() || ")]}".contains(c))
    });
    let sign = if negative { "-" } else { "" };
    Some(normalise(&format!("{sign}{}", found.as_str())))
}

/// Without spaces, dollar signs, thousands commas and a final dot; a typographic minus as a plain
/// one. Commas between other than groups of three stay: `(1,2)` is not `(12)`.
fn normalise(answer: &str) -> String {
    let text: String = answer
        .replace("\\$", "")
        .replace("{,}", ",")
        .replace("\\!", "")
        .replace('\u{2212}', "-")
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '$')
        .collect();
    let text = text.strip_suffix('.').unwrap_or(&text);
    let characters: Vec<char> = text.chars().collect();
    let digit = |at: usize| characters.get(at).is_some_and(char::is_ascii_digit);
    let separates =
        |at: usize| at > 0 && digit(at - 1) && (1..=3).all(|i| digit(at + i)) && !digit(at + 4);
    let kept = (0..characters.len()).filter(|at| characters[*at] != ',' || !separates(*at));
    kept.map(|at| characters[at]).collect()
}

/// A plain decimal number in one spelling: sign, digits without leading zeros, fraction without
/// trailing ones. Exact at any length, which floating point is not. A percent sign is a unit like
/// another and left away.
fn decimal(text: &str) -> Option<(bool, String, String)> {
    let text = text.strip_suffix('%').unwrap_or(text);
    let text = text.strip_suffix('\\').unwrap_or(text);
    let unsigned = text.strip_prefix('-');
    let digits = unsigned.or(text.strip_prefix('+')).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !plain(whole) || !plain(fraction) {
        return None;
    }
    let whole = whole.trim_start_matches('0').to_owned();
    let fraction = fraction.trim_end_matches('0').to_owned();
    let zero = whole.is_empty() && fraction.is_empty();
    Some((unsigned.is_some() && !zero, whole, fraction))
}

#[cfg(test)]
mod tests {
    use super::{final_answer as answer, *};
    use proptest::prelude::*;

    /// Strings on which extractors are known to disagree. Where the cascade differs from lm-eval's
    /// filters, it does so on purpose.
    #[test]
    fn tricky_strings() {
        let cases = [
            ("..$<<9*2=18>>18 every day.\n#### 18", "18"),
            ("#### 1,234", "1234"),
            ("#### $18", "18"),
            ("####18", "18"),
            ("#### 18.", "18"),
            ("#### 18.00", "18.00"),
            ("#### 7\n\nThis cost $12.50", "7"),
            ("18\n#### 18\n#### 19", "18"),
            ("The answer is 33.", "33"),
            ("The answer is 33", "33"),
            ("The answer is $33.", "33"),
            ("The answer is 12, not 13.", "13"),
            ("Total: $1,234.50.", "1234.50"),
            ("It is 7 ... well", "7"),
            ("It is 7...", "7"),
            ("10-3=7", "7"),
            ("3/4", "4"),
            ("- 5", "5"),
        ];
        for (response, expected) in cases {
            assert_eq!(answer(response).as_deref(), Some(expected), "{response}");
        }
        for response in [
            "no digits here",
            "",
            "####",
            "#### \n",
            "...",
            "$,.-",
            "\\boxed{}",
        ] {
            assert_eq!(answer(response), None, "{response}");
        }
    }

    #[test]
    fn order_of_the_cascade() {
        assert_eq!(answer(r"\boxed{3} then #### 4 or 5").unwrap(), "4");
        assert_eq!(answer("\\boxed{3}\n#### 4\nor 5").unwrap(), "4");
        assert_eq!(answer(r"so \boxed{3}, not 5").unwrap(), "3");
        assert_eq!(answer(r"\boxed{3 but cut at 5").unwrap(), "5");
        assert_eq!(
            answer("#### \nso it is 5").unwrap(),
            "5",
            "an empty mark marks nothing"
        );
        assert_eq!(answer("#### Step one\n2+2=4\n#### 4").unwrap(), "4");
        assert_eq!(answer("#### blue").unwrap(), "blue");
        assert_eq!(answer("#### Step 1\nso \\boxed{\\pi}").unwrap(), "\\pi");
    }

    #[test]
    fn after_the_mark() {
        for (response, expected) in [
            ("#### 18 dollars", "18"),
            ("#### 3/4", "3/4"),
            ("#### 18% of it", "18%"),
            ("#### 3 / 4", "3/4"),
            ("#### -5", "-5"),
            ("#### -$5", "-5"),
            ("#### \u{2212}5", "-5"),
            ("##### 5", "5"),
            ("#### 1,234,567 and", "1234567"),
            ("#### 12:30", "12:30"),
            ("#### 5\r\nQuestion: 6", "5"),
        ] {
            assert_eq!(answer(response).unwrap(), expected, "{response}");
        }
    }

    #[test]
    fn last_numbers() {
        for (response, expected) in [
            ("from 5-10", "10"),
            ("it fell to -4 degrees", "-4"),
            ("a loss of -$1,200.50 in all", "-1200.50"),
            ("x = \u{2212}3", "-3"),
            ("(2)-3", "3"),
            ("about .5", ".5"),
            ("1,2,3", "3"),
            ("12,34567", "34567"),
            ("costs 5%.", "5"),
            ("arabic \u{0663} and 2", "2"),
        ] {
            assert_eq!(answer(response).unwrap(), expected, "{response}");
        }
    }

    #[test]
    fn boxes() {
        assert_eq!(
            last_boxed(r"so $\boxed{\frac{1}{2}}$ and \boxed{7}."),
            Some("7")
        );
        assert_eq!(last_boxed(r"$\boxed{\frac{1}{2}}$"), Some(r"\frac{1}{2}"));
        assert_eq!(last_boxed(r"\boxed 5$ ok"), Some("5"));
        assert_eq!(last_boxed(r"\boxed {5}"), Some("5"));
        assert_eq!(last_boxed(r"\fbox{6}"), Some("6"));
        assert_eq!(last_boxed(r"\boxed{3"), None);
        assert_eq!(last_boxed(r"\boxed{1} \boxed{3"), None);
        assert_eq!(last_boxed(r"\boxed{\{1, 2\}}"), Some(r"\{1, 2\}"));
        assert_eq!(last_boxed(r"\boxed{\}}"), Some(r"\}"));
        assert_eq!(last_boxed(r"\boxed"), None);
        assert_eq!(last_boxed(r"\boxed{é}"), Some("é"));
        assert_eq!(
            first_boxed(r"\boxed{\frac{1}{2}} \boxed{3}"),
            Some(r"\frac{1}{2}")
        );
        assert_eq!(first_boxed(r"\boxed{1 and \boxed{2}"), Some("2"));
        assert_eq!(first_boxed(r"none \fbox{1}"), None);
        assert_eq!(answer(r"\boxed{1{,}080}").unwrap(), "1080");
        assert_eq!(answer(r"\boxed{\$12.50}").unwrap(), "12.50");
    }

    #[test]
    fn same_and_not_the_same() {
        for (a, b) in [
            ("18.00", "18"),
            ("018", "18"),
            ("-0", "0"),
            (".5", "0.50"),
            ("+3", "3"),
            ("1,234", "1234"),
            ("$ 1,234.50.", "1234.5"),
            ("Blue", "blue"),
            ("18%", "18"),
            (r"10\%", "10"),
            (r"\frac{1}{2}", r"\frac {1} {2}"),
            ("9007199254740993", "9,007,199,254,740,993.0"),
        ] {
            assert!(matches(a, b) && matches(b, a), "{a} {b}");
        }
        for (a, b) in [
            ("18", "180"),
            ("-5", "5"),
            ("9007199254740993", "9007199254740992"),
            ("(1,2)", "(12)"),
            ("1e1", "10"),
            ("nan", "inf"),
            ("50%", "0.5"),
            ("%", "0"),
            ("3/4", "0.75"),
            ("", "0"),
            (".", "0"),
            ("-", "0"),
        ] {
            assert!(!matches(a, b) && !matches(b, a), "{a} {b}");
        }
    }

    #[test]
    fn gold_answers() {
        let record = |solution: &str, answer: Option<&str>| Record {
            solution: solution.into(),
            answer: answer.map(Into::into),
            ..Record::default()
        };
        let gold = |solution, answer| gold_answer(&record(solution, answer));
        assert_eq!(gold("#### 5", Some("6")).unwrap(), "6");
        assert_eq!(gold("#### 1,080", None).unwrap(), "1080");
        assert_eq!(gold("#### Step 1\nx\n#### 5", None).unwrap(), "5");
        assert_eq!(
            gold("#### 4\n#### 5", None).unwrap(),
            "5",
            "the last in a gold solution"
        );
        assert_eq!(gold(r"so \boxed{5}", None).unwrap(), "5");
        assert_eq!(gold("#### Step 1\nso \\boxed{5}", None).unwrap(), "5");
        assert_eq!(gold("#### blue", None).unwrap(), "blue");
        assert_eq!(gold("so it is 5", None), None);
        assert_eq!(gold("#### 5", Some(" ")).unwrap(), "5");
        let whole = "48/2 = <<48/2=24>>24\n#### 1,024";
        assert_eq!(
            gold(whole, Some(whole)).unwrap(),
            "1024",
            "GSM8K's `answer` column"
        );
        assert_eq!(gold("x", Some("3/4")).unwrap(), "3/4");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "\\PC*", mark in "(####|\\\\boxed\\{|\\\\fbox |)") {
            let text = format!("{mark}{text}");
            if let Some(found) = final_answer(&text) {
                prop_assert!(!found.is_empty());
                prop_assert!(matches(&found, &found));
            }
        }

        #[test]
        fn every_number_is_found_in_every_form(n in -1_000_000_000i64..1_000_000_000, filler in "[a-z ]{0,12}") {
            let digits = n.unsigned_abs().to_string();
            let grouped: Vec<&str> = digits
                .as_bytes()
                .rchunks(3)
                .rev()
                .map(|chunk| std::str::from_utf8(chunk).unwrap())
                .collect();
            let grouped = format!("{}{}", if n < 0 { "-" } else { "" }, grouped.join(","));
            for text in [
                format!("{filler}\n#### {n}"),
                format!("{filler} #### ${grouped}."),
                format!("{filler} \\boxed{{{grouped}}} {filler}"),
                format!("{filler} {grouped}. {filler}"),
                format!("{filler} {n}.00 {filler}"),
            ] {
                let found = final_answer(&text);
                prop_assert!(found.is_some_and(|f| matches(&f, &n.to_string())), "{}", text);
            }
        }
    }
}
