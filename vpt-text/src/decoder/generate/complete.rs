//! Completions as text, ended by stop strings.

use super::{Continued, End, GenerateError, Generated, Generation, by_batch};
use crate::decoder::model::Decoder;
use crate::tokenizer::{Tokenizer, TokenizerError};
use burn::tensor::backend::Backend;

/// A completion in text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The text before the first stop string; special tokens leave nothing.
    pub text: String,
    /// All tokens that were added, those of a stop string included.
    pub tokens: Vec<u32>,
    /// What ended it.
    pub end: End,
}

/// [`generate`](super::generate) with stop strings, as lm-evaluation-harness has them (`until`): a
/// text ends as soon as one of `stop` is in it, whatever tokens spell it (special ones by name),
/// and is then cut at the first occurrence of each of them in turn. Empty strings stop nothing.
///
/// # Errors
/// As for [`generate`](super::generate), and tokens that cannot be decoded.
pub fn complete<B: Backend>(
    decoder: &Decoder<B>,
    tokenizer: &Tokenizer,
    prompts: &[Vec<u32>],
    options: &Generation,
    stop: &[String],
) -> Result<Vec<Vec<Completion>>, GenerateError> {
    let mut completions = vec![Vec::new(); prompts.len()];
    for batch in completions_by_batch(decoder, tokenizer, prompts, options, stop, |_| true)? {
        for (prompt, samples) in batch? {
            completions[prompt] = samples;
        }
    }
    Ok(completions)
}

/// [`complete`] a batch at a time, each with the prompts that it completes: who reads them may stop
/// between two. A batch without a prompt that is `wanted` is left out; the others are what they are
/// without it.
///
/// # Errors
/// As for [`complete`]; whether prompts can be continued is looked at before anything runs.
pub(crate) fn completions_by_batch<'a, B: Backend>(
    decoder: &'a Decoder<B>,
    tokenizer: &'a Tokenizer,
    prompts: &'a [Vec<u32>],
    options: &'a Generation,
    stop: &'a [String],
    wanted: impl Fn(usize) -> bool + 'a,
) -> Result<impl Iterator<Item = Continued<Completion>> + 'a, GenerateError> {
    let stop = StopStrings::new(stop);
    let ends = stop.clone();
    let ended = move |tokens: &[u32]| ends.ended(tokens, tokenizer);
    let completion = move |generated: Generated| {
        let text = tokenizer.decode(&generated.tokens)?;
        Ok(Completion {
            text: stop.cut(&text).to_owned(),
            tokens: generated.tokens,
            end: generated.end,
        })
    };
    let batches = by_batch(decoder, prompts, options, wanted, ended)?;
    Ok(batches.map(move |batch| {
        let prompts = batch?.into_iter().map(|(prompt, samples)| {
            let samples = samples.into_iter().map(&completion);
            Ok((prompt, samples.collect::<Result<_, GenerateError>>()?))
        });
        prompts.collect()
    }))
}

#[derive(Clone)]
struct StopStrings<'a> {
    strings: Vec<&'a str>,
    /// Tokens that the longest of them can take, each of which spells a byte at least, and one
    /// more: some decoders treat the first token of a text otherwise.
    longest: usize,
}

impl<'a> StopStrings<'a> {
    fn new(strings: &'a [String]) -> Self {
        let strings = strings.iter().map(String::as_str);
        let strings: Vec<&str> = strings.filter(|string| !string.is_empty()).collect();
        let longest = strings.iter().map(|string| string.len()).max();
        Self {
            strings,
            longest: longest.map_or(0, |longest| longest + 1),
        }
    }

    /// Whether the end of `tokens` holds one of the strings.
    fn ended(&self, tokens: &[u32], tokenizer: &Tokenizer) -> Result<bool, TokenizerError> {
        if self.strings.is_empty() {
            return Ok(false);
        }
        let tail = &tokens[tokens.len().saturating_sub(self.longest)..];
        let tail = tokenizer.decode_with_special(tail)?;
        Ok(self.strings.iter().any(|string| tail.contains(string)))
    }

    /// `text` up to the first occurrence of each string in turn.
    fn cut<'t>(&self, text: &'t str) -> &'t str {
        self.strings.iter().fold(text, |text, string| {
            text.split_once(string).map_or(text, |(before, _)| before)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::tests::bytes;

    fn owned(strings: &[&str]) -> Vec<String> {
        strings.iter().map(|string| (*string).to_owned()).collect()
    }

    #[test]
    fn a_text_is_cut_at_each_string_in_turn() {
        let cut =
            |strings: &[&str], text: &str| StopStrings::new(&owned(strings)).cut(text).to_owned();
        assert_eq!(cut(&["Q:", "\n\n"], "a\n\nb Q: c"), "a");
        assert_eq!(cut(&["", "x"], "axbx"), "a");
        assert_eq!(cut(&[], "ab"), "ab");
        // As Python's `split` in a loop: once "bc" is cut off, "ab" is no longer there.
        assert_eq!(cut(&["bc", "ab"], "abc"), "a");
        assert_eq!(cut(&["ab", "bc"], "abc"), "");
        assert_eq!(cut(&["é"], "caféé"), "caf");
    }

    #[test]
    fn a_string_is_seen_when_its_last_token_comes_and_not_before() {
        let tokenizer = bytes();
        let strings = owned(&["</s>", "\n\n", "é", " 77"]);
        let stop = StopStrings::new(&strings);
        for (text, at) in [
            ("a </s> b", 6),
            ("x\n\ny", 3),
            ("x\n \ny", usize::MAX),
            // Two bytes each, one token a byte.
            ("aéb", 3),
            // ` 7` is one token.
            ("5 77", 3),
        ] {
            let tokens = tokenizer.encode(text).unwrap();
            let ended = |n: &usize| stop.ended(&tokens[..*n], &tokenizer).unwrap();
            let first = (1..=tokens.len()).find(ended);
            assert_eq!(first.unwrap_or(usize::MAX), at, "{text}");
        }
        // A special token stops by its name, and is no text.
        let strings = owned(&["<eos>"]);
        assert!(
            StopStrings::new(&strings)
                .ended(&[5, 1], &tokenizer)
                .unwrap()
        );
        assert_eq!(tokenizer.decode(&[1]).unwrap(), "");
    }
}
