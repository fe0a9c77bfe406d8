//! MATH as lm-evaluation-harness's `minerva_math` (version 3.1) scores it, by strings.
//!
//! The harness then asks a computer algebra system about answers that differ as strings (`\frac12`
//! against `0.5`); that part is not here, so a share scored by this rule is at most the harness's.

use super::Scorer;
use super::math::boxed_answer;
use regex::{Captures, Regex};
use std::sync::LazyLock;

const INVALID: &str = "[invalidanswer]";
/// Closes the phrase in a completion that was cut short.
const END: &str = "I hope it is correct.";

/// The answer in `Final Answer: The final answer is … . I hope it is correct.`, normalised.
#[derive(Clone, Copy, Debug)]
pub struct Minerva;

impl Scorer for Minerva {
    /// The boxed answer of a whole solution, normalised.
    fn gold(&self, text: &str) -> Option<String> {
        boxed_answer(text).map(normalise)
    }

    fn extract(&self, completion: &str) -> Option<String> {
        let text = format!("{completion}{END}");
        let found = PHRASE.captures(&text).and_then(|groups| groups.get(1));
        Some(normalise(
            found.map_or(INVALID, |answer| answer.as_str().trim()),
        ))
    }

    fn is_right(&self, answer: &str, gold: &str) -> bool {
        // The harness takes two empty answers to the algebra system, which refuses them.
        !answer.is_empty() && answer == gold
    }
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is a constant")
}

static PHRASE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"Final Answer: The final answer is(.*?). I hope it is correct."));
static COMMAND: LazyLock<Regex> = LazyLock::new(|| pattern(r"\\[a-zA-Z]+"));
static THOUSANDS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\A-?\d{1,3}(,\d{3})+\z"));

/// Appendix D of Lewkowycz et al. (2022), before what [`REMOVED`] takes away.
const REPLACED: [(&str, &str); 10] = [
    ("an ", ""),
    ("a ", ""),
    (".$", "$"),
    (r"\$", ""),
    (r"\ ", ""),
    (" ", ""),
    ("mbox", "text"),
    (r",\text{and}", ","),
    (r"\text{and}", ","),
    (r"\text{m}", r"\text{}"),
];

/// Units and ornaments. Words go where they stand alone, and again wherever they stand outside a
/// command once the spaces are gone.
#[rustfmt::skip]
const REMOVED: [&str; 42] = [
    "square", "ways", "integers", "dollars", "mph", "inches", "ft", "hours", "km", "units",
    r"\ldots", "sue", "points", "feet", "minutes", "digits", "cents", "degrees", "cm", "gm",
    "pounds", "meters", "meals", "edges", "students", "childrentickets", "multiples", r"\text{s}",
    r"\text{.}", "\\text{\ns}", r"\text{}^2", r"\text{}^3", "\\text{\n}", r"\text{}",
    r"\mathrm{th}", r"^\circ", r"^{\circ}", r"\;", r",\!", "{,}", "\"", r"\dots",
];

/// What is unwrapped and spelled out in the end.
static REWRITTEN: LazyLock<[(Regex, &str); 8]> = LazyLock::new(|| {
    [
        (pattern(r"(.*?)(\$)(.*?)(\$)(.*)"), "$$${3}$$"),
        (pattern(r"(\\text\{)(.*?)(\})"), "${2}"),
        (pattern(r"(\\textbf\{)(.*?)(\})"), "${2}"),
        (pattern(r"(\\overline\{)(.*?)(\})"), "${2}"),
        (pattern(r"(\\boxed\{)(.*)(\})"), "${2}"),
        (pattern(r"(frac)([^{])(.)"), "frac{${2}}{${3}}"),
        (pattern(r"(sqrt)(\[[^\]]*\])(\w)"), "${1}${2}{${3}}"),
        (pattern(r"(sqrt)([^{\[])"), "sqrt{${2}}"),
    ]
});

static WORDS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let words = REMOVED.iter().filter(|text| is_word(text));
    words.map(|word| pattern(&format!(r"\b{word}\b"))).collect()
});

fn is_word(text: &str) -> bool {
    text.chars().all(char::is_alphabetic)
}

/// An answer in the form in which the harness compares it.
fn normalise(answer: &str) -> String {
    let mut text = answer.rsplit('=').next().unwrap_or(answer).to_owned();
    for word in WORDS.iter() {
        text = without_word(&text, word);
    }
    for (before, after) in REPLACED {
        text = text.replace(before, after);
    }
    for removed in REMOVED {
        text = match is_word(removed) {
            true => outside_commands(&text, removed),
            false => text.replace(removed, ""),
        };
    }
    for (found, written) in REWRITTEN.iter() {
        text = found.replace_all(&text, *written).into_owned();
    }
    text = text.replace('$', "");
    match THOUSANDS.is_match(&text) {
        true => text.replace(',', ""),
        false => text,
    }
}

/// `text` without `word` where it stands alone and no command starts with it.
fn without_word(text: &str, word: &Regex) -> String {
    let kept = |found: &Captures<'_>| {
        let whole = found.get_match();
        match text[..whole.start()].ends_with('\\') {
            true => whole.as_str().to_owned(),
            false => String::new(),
        }
    };
    word.replace_all(text, kept).into_owned()
}

/// `text` without `word` between its commands.
fn outside_commands(text: &str, word: &str) -> String {
    let (mut kept, mut from) = (String::new(), 0);
    for command in COMMAND.find_iter(text) {
        kept += &text[from..command.start()].replace(word, "");
        kept += command.as_str();
        from = command.end();
    }
    kept + &text[from..].replace(word, "")
}
