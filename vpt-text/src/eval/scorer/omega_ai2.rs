//! OMEGA as Ai2's own evaluation code scores it (allenai/olmo-eval), for comparison with A.4's.

use super::Scorer;
use regex::Regex;
use std::sync::LazyLock;

const TOLERANCE: f64 = 1e-6;

/// The first box (up to its first closing brace), else the whole completion.
#[derive(Clone, Copy, Debug)]
pub struct OmegaAi2;

impl Scorer for OmegaAi2 {
    fn extract(&self, completion: &str) -> Option<String> {
        let mut text = completion.to_owned();
        for (found, written) in REWRITTEN.iter() {
            text = found.replace_all(&text, *written).trim().to_owned();
        }
        let found = BOXED.captures(&text).and_then(|groups| groups.get(1));
        let answer = found.map_or(text.as_str(), |inside| inside.as_str());
        Some(answer.trim().to_owned()).filter(|_| !completion.is_empty())
    }

    fn is_right(&self, answer: &str, gold: &str) -> bool {
        let lower = |text: &str| text.trim().to_lowercase();
        let (answer, gold) = (lower(answer), lower(gold));
        let number = |text: &str| text.replace(',', "").trim().parse::<f64>().ok();
        answer == gold
            || match (number(&answer), number(&gold)) {
                (Some(answer), Some(gold)) => (answer - gold).abs() < TOLERANCE,
                _ => false,
            }
    }
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is a constant")
}

static BOXED: LazyLock<Regex> = LazyLock::new(|| pattern(r"\\boxed\{([^}]+)\}"));
/// Commas between digits, a final dot, and delimiters wherever a line has a pair of them.
static REWRITTEN: LazyLock<[(Regex, &str); 7]> = LazyLock::new(|| {
    [
        (pattern(r"(\d),(\d)"), "${1}${2}"),
        (pattern(r"\.\s*\z"), ""),
        (pattern(r"\$(.*)\$"), "${1}"),
        (pattern(r"\\\((.*)\\\)"), "${1}"),
        (pattern(r"\*\*(.*)\*\*"), "${1}"),
        (pattern(r"\*\*\*(.*)\*\*\*"), "${1}"),
        (pattern(r"\\\[(.*)\\\]"), "${1}"),
    ]
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_and_whole_texts() {
        for (completion, expected) in [
            (r"so \boxed{42}, not \boxed{41}", "42"),
            (r"\boxed{\frac{1}{2}}", r"\frac{1"),
            ("$1,234$.", "1234"),
            ("It is **5**", "It is 5"),
            (r"\[ x \]", "x"),
            ("1,2,3", "12,3"),
        ] {
            assert_eq!(
                OmegaAi2.extract(completion).unwrap(),
                expected,
                "{completion}"
            );
        }
        assert_eq!(OmegaAi2.extract(""), None);
    }

    #[test]
    fn verdicts() {
        assert!(OmegaAi2.is_right("TRUE", "true"));
        assert!(OmegaAi2.is_right("1,234", "1234.0"));
        assert!(OmegaAi2.is_right("0.3333334", "0.3333333"));
        assert!(!OmegaAi2.is_right("0.3333", "0.333333"));
        assert!(!OmegaAi2.is_right("1/2", "0.5"));
        assert!(!OmegaAi2.is_right("nan", "inf"));
    }
}
