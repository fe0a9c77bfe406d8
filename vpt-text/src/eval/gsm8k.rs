//! When lm-evaluation-harness takes an answer to a GSM8K problem for right.
//!
//! Strings are compared, not numbers: 18.00 is not 18 here. [`answer`](super::answer) is the kinder
//! reading that the paper's words suggest. How an answer is found is in `configs/tasks/gsm8k.toml`.

/// `exact_match` with the harness's `regexes_to_ignore` of GSM8K: whether `answer` is what `gold`
/// (an answer, or a whole solution) ends in.
pub fn exact_match(answer: &str, gold: &str) -> bool {
    normalise(answer) == normalise(gold)
}

/// Without commas, dollar signs, all up to the last `#### ` and a final dot; in lower case.
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
