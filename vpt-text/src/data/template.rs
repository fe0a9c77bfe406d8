//! How a record becomes a prompt and an answer.

use super::Record;
use thiserror::Error;

/// The two texts of a document, with `{problem}` and `{solution}` in them.
///
/// The default is A.1's `Question: {problem}\n Answer: {solution}`, cut so that the space after
/// the colon belongs to the answer, and without the space that A.1 prints after the line break:
/// prompt and answer are tokenised apart, and most tokenizers write a space with the word that
/// follows it. Braces are doubled to be taken as they are: `\boxed{{ }}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    prompt: Vec<Piece>,
    answer: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field,
}

/// A template that cannot be filled.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TemplateError {
    /// A name in braces that this part has no text for.
    #[error("{part}: {{{found}}} is no placeholder here; only {{{expected}}} is")]
    UnknownPlaceholder {
        /// `prompt` or `answer`.
        part: &'static str,
        /// The name in braces.
        found: String,
        /// The one there could be.
        expected: &'static str,
    },
    /// The placeholder that the part is for does not occur.
    #[error("{part}: must hold {{{expected}}}")]
    MissingPlaceholder {
        /// `prompt` or `answer`.
        part: &'static str,
        /// The name that should stand in braces.
        expected: &'static str,
    },
    /// A brace without its partner.
    #[error("{part}: single brace at byte {at}; double it to mean the character")]
    LoneBrace {
        /// `prompt` or `answer`.
        part: &'static str,
        /// Where, in bytes from 0.
        at: usize,
    },
}

impl Template {
    /// The prompt that A.1's learner is given.
    pub const PROMPT: &str = "Question: {problem}\nAnswer:";
    /// The answer that A.1's loss is on, to which the end-of-text token is added.
    pub const ANSWER: &str = " {solution}";

    /// A template of the two parts.
    ///
    /// # Errors
    /// A prompt without `{problem}`, an answer without `{solution}`, or anything else in braces
    /// (a prompt with `{solution}` would show the learner what it is asked).
    pub fn new(prompt: &str, answer: &str) -> Result<Self, TemplateError> {
        Ok(Self {
            prompt: parse("prompt", prompt, "problem")?,
            answer: parse("answer", answer, "solution")?,
        })
    }

    /// The text before the answer; none before plain text.
    pub fn prompt(&self, record: &Record) -> String {
        match record.plain {
            true => String::new(),
            false => fill(&self.prompt, &record.problem),
        }
    }

    /// The text that is learned, without the end-of-text token.
    pub fn answer(&self, record: &Record) -> String {
        match record.plain {
            true => record.solution.clone(),
            false => fill(&self.answer, &record.solution),
        }
    }
}

impl Default for Template {
    fn default() -> Self {
        let text = |text: &str| Piece::Text(text.into());
        Self {
            prompt: vec![text("Question: "), Piece::Field, text("\nAnswer:")],
            answer: vec![text(" "), Piece::Field],
        }
    }
}

fn fill(pieces: &[Piece], field: &str) -> String {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.as_str(),
            Piece::Field => field,
        })
        .collect()
}

fn parse(
    part: &'static str,
    template: &str,
    expected: &'static str,
) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        if let Some(after) = from.strip_prefix("{{") {
            text.push('{');
            rest = after;
        } else if let Some(after) = from.strip_prefix("}}") {
            text.push('}');
            rest = after;
        } else {
            let named = from.strip_prefix('{').and_then(|name| name.split_once('}'));
            let Some((name, after)) = named else {
                let at = template.len() - from.len();
                return Err(TemplateError::LoneBrace { part, at });
            };
            if name != expected {
                return Err(TemplateError::UnknownPlaceholder {
                    part,
                    found: name.into(),
                    expected,
                });
            }
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
            }
            pieces.push(Piece::Field);
            rest = after;
        }
    }
    text.push_str(rest);
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    if pieces.contains(&Piece::Field) {
        Ok(pieces)
    } else {
        Err(TemplateError::MissingPlaceholder { part, expected })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(problem: &str, solution: &str) -> Record {
        Record {
            problem: problem.into(),
            solution: solution.into(),
            ..Record::default()
        }
    }

    #[test]
    fn default_is_the_papers() {
        let template = Template::default();
        assert_eq!(
            Template::new(Template::PROMPT, Template::ANSWER).unwrap(),
            template
        );
        let record = record("1+1?", "2");
        assert_eq!(template.prompt(&record), "Question: 1+1?\nAnswer:");
        assert_eq!(template.answer(&record), " 2");
    }

    #[test]
    fn text_of_a_record_is_never_a_template() {
        let record = record("what is {solution} and {problem}?", "{{x}} {problem}");
        let template = Template::default();
        assert_eq!(
            template.prompt(&record),
            "Question: what is {solution} and {problem}?\nAnswer:"
        );
        assert_eq!(template.answer(&record), " {{x}} {problem}");
    }

    #[test]
    fn plain_text_is_all_answer() {
        let text = Record {
            plain: true,
            ..record("", "as it is")
        };
        let template = Template::default();
        assert_eq!(template.prompt(&text), "");
        assert_eq!(template.answer(&text), "as it is");
    }

    #[test]
    fn doubled_braces_and_repeats() {
        let template =
            Template::new("{{{problem}}} again: {problem}", "\\boxed{{{solution}}}").unwrap();
        let record = record("p", "s");
        assert_eq!(template.prompt(&record), "{p} again: p");
        assert_eq!(template.answer(&record), "\\boxed{s}");
    }

    #[test]
    fn refusals() {
        let refused = |prompt, answer| Template::new(prompt, answer).unwrap_err().to_string();
        assert_eq!(
            refused("Q: {question}", "{solution}"),
            "prompt: {question} is no placeholder here; only {problem} is"
        );
        assert_eq!(
            refused("{problem} {solution}", "{solution}"),
            "prompt: {solution} is no placeholder here; only {problem} is"
        );
        assert_eq!(refused("Q:", "{solution}"), "prompt: must hold {problem}");
        assert_eq!(refused("{problem}", ""), "answer: must hold {solution}");
        assert_eq!(
            refused("{problem", "{solution}"),
            "prompt: single brace at byte 0; double it to mean the character"
        );
        assert_eq!(
            refused("{problem}", "{solution} }"),
            "answer: single brace at byte 11; double it to mean the character"
        );
    }
}
