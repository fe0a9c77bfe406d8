//! A learner on held-out documents: losses by item, and greedy answers.

use super::RunError;
use crate::artefacts::{ItemResult, Measurement, Split};
use crate::data::Document;
use crate::decoder::{Decoder, Generation, complete};
use crate::eval::answer::{final_answer, matches};
use crate::score::answer_scores;
use crate::tokenizer::Tokenizer;
use burn::tensor::backend::Backend;

/// A held-out set, ready to be measured.
#[derive(Clone, Debug)]
pub struct HeldOut {
    /// Which set it is.
    pub split: Split,
    /// Its documents.
    pub documents: Vec<Document>,
    /// The right final answer of each, where it has one.
    pub gold: Vec<Option<String>>,
}

/// A set, measured.
#[derive(Clone, Debug)]
pub struct SplitResult {
    /// Which set it is.
    pub split: Split,
    /// By item, in the set's order.
    pub items: Vec<ItemResult>,
}

impl SplitResult {
    /// The means.
    pub fn measurement(&self) -> Measurement {
        let sum = |of: fn(&ItemResult) -> f64| self.items.iter().map(of).sum::<f64>();
        let mean = |total: f64, count: f64| (count > 0.0).then(|| total / count);
        let decoded: Vec<bool> = self.items.iter().filter_map(|item| item.pass).collect();
        let right = decoded.iter().filter(|pass| **pass).count();
        Measurement {
            loss: mean(sum(|i| i.nll), sum(|i| i.tokens as f64)).unwrap_or(f64::NAN),
            first: mean(sum(|i| i.first), self.items.len() as f64),
            digit: mean(sum(|i| i.digit_nll), sum(|i| i.digits as f64)),
            pass_at_1: mean(right as f64, decoded.len() as f64),
        }
    }
}

/// How to measure.
#[derive(Clone, Copy, Debug)]
pub struct Measuring<'a> {
    /// Documents scored, or prompts decoded, at a time.
    pub batch: usize,
    /// Items to decode, from the first; 0: none.
    pub decoded: usize,
    /// Longest completion.
    pub max_new_tokens: usize,
    /// The learner's tokenizer.
    pub tokenizer: &'a Tokenizer,
    /// Whether each token is a single digit.
    pub is_digit: &'a [bool],
}

/// Measures `learner` on `set`.
///
/// # Errors
/// A document that cannot be scored, or a prompt that cannot be decoded.
pub fn evaluate<B: Backend>(
    learner: &Decoder<B>,
    set: &HeldOut,
    how: &Measuring<'_>,
) -> Result<SplitResult, RunError> {
    let mut items = vec![ItemResult::default(); set.documents.len()];
    let scores = answer_scores(learner, &set.documents, how.batch)?;
    for ((item, document), scores) in items.iter_mut().zip(&set.documents).zip(scores) {
        // Without a prompt the first answer token is given, not asked about.
        let given = document.answer.len() - document.answer_targets();
        let asked = document.answer[given..].iter().zip(scores.log_probability);
        for (at, (&token, log_probability)) in asked.enumerate() {
            let is_digit = how.is_digit.get(token as usize) == Some(&true);
            item.nll -= log_probability;
            item.tokens += 1;
            if at == 0 && given == 0 {
                item.first -= log_probability;
                item.first_is_digit = is_digit;
            }
            if is_digit {
                item.digit_nll -= log_probability;
                item.digits += 1;
            }
        }
    }
    decode(learner, set, how, &mut items)?;
    for (item, gold) in items.iter_mut().zip(&set.gold) {
        item.gold.clone_from(gold);
    }
    Ok(SplitResult {
        split: set.split,
        items,
    })
}

fn decode<B: Backend>(
    learner: &Decoder<B>,
    set: &HeldOut,
    how: &Measuring<'_>,
    items: &mut [ItemResult],
) -> Result<(), RunError> {
    let wanted: Vec<(usize, &String)> = set
        .gold
        .iter()
        .enumerate()
        .filter_map(|(index, gold)| gold.as_ref().map(|gold| (index, gold)))
        .take(how.decoded)
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let prompts: Vec<Vec<u32>> = wanted
        .iter()
        .map(|(index, _)| set.documents[*index].prompt.clone())
        .collect();
    let options = Generation {
        max_new_tokens: how.max_new_tokens,
        batch_size: how.batch,
        ..Generation::of(how.tokenizer, learner.config())
    };
    let completions = complete(learner, how.tokenizer, &prompts, &options, &[])?;
    for ((index, gold), completion) in wanted.into_iter().zip(completions.concat()) {
        let answer = final_answer(&completion.text);
        items[index].pass = Some(answer.is_some_and(|answer| matches(&answer, gold)));
        items[index].completion = Some(completion.text);
    }
    Ok(())
}
