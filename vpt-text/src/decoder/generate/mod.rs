//! Batched continuation: the most likely token, or draws that no batch changes.
//!
//! | file | holds |
//! |---|---|
//! | `strategy` | which token comes next: the best one, or one drawn |
//! | `batch` | the loop over the tokens of one batch |
//! | `complete` | text out: stop strings, and what ended each completion |

mod batch;
mod complete;
mod strategy;

pub(crate) use complete::completions_by_batch;
pub use complete::{Completion, complete};
pub use strategy::{Sampling, SamplingError, Strategy};

use super::config::DecoderConfig;
use super::model::Decoder;
use crate::batching::batches;
use crate::tokenizer::{Tokenizer, TokenizerError};
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How to continue.
#[derive(Clone, Debug)]
pub struct Generation {
    /// Which token comes next.
    pub strategy: Strategy,
    /// Continuations of each prompt.
    pub samples: usize,
    /// At most this many tokens are added.
    pub max_new_tokens: usize,
    /// A text ends when one of these is chosen.
    pub eos: Vec<u32>,
    /// Only ids below this can be chosen: the tokenizer's size, where the embedding has rows
    /// above it that stand for nothing.
    pub vocab_limit: Option<usize>,
    /// Texts that run together.
    pub batch_size: usize,
    /// Keep the last `max_position_embeddings − max_new_tokens` tokens of a longer prompt (A.4), so
    /// that a whole continuation always fits. Otherwise a prompt is kept whole, and its
    /// continuation ends where the positions do.
    pub truncate: bool,
}

impl Default for Generation {
    fn default() -> Self {
        Self {
            strategy: Strategy::Greedy,
            samples: 1,
            max_new_tokens: 256,
            eos: Vec::new(),
            vocab_limit: None,
            batch_size: 32,
            truncate: false,
        }
    }
}

impl Generation {
    /// The default for texts of `tokenizer` from a model of `config`: its end-of-text token and
    /// those that the model names end a text, and no row above the vocabulary is chosen.
    pub fn of(tokenizer: &Tokenizer, config: &DecoderConfig) -> Self {
        Self {
            eos: [&[tokenizer.eos_id()], &config.eos_token_id[..]].concat(),
            vocab_limit: Some(tokenizer.vocab_size()),
            ..Self::default()
        }
    }
}

/// What ended a continuation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// An end-of-text token was chosen; it is not part of the continuation.
    EndOfText,
    /// A stop string was there.
    StopString,
    /// `max_new_tokens`, or the last of the model's positions.
    Length,
}

/// A continuation in tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// The tokens added.
    pub tokens: Vec<u32>,
    /// What ended them.
    pub end: End,
}

/// A prompt that cannot be continued; `prompt` is its index.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// There is no token to continue from.
    #[error("prompt {prompt} is empty")]
    Empty {
        /// Its index.
        prompt: usize,
    },
    /// It does not fit.
    #[error("prompt {prompt} has {tokens} tokens, the model takes {limit}")]
    TooLong {
        /// Its index.
        prompt: usize,
        /// Its length.
        tokens: usize,
        /// The model's `max_position_embeddings`.
        limit: usize,
    },
    /// Prompts are to be cut to make room for the continuation, which takes all there is.
    #[error("{max_new_tokens} new tokens leave no room for a prompt in {limit} positions")]
    NoRoom {
        /// The longest continuation asked for.
        max_new_tokens: usize,
        /// The model's `max_position_embeddings`.
        limit: usize,
    },
    /// A token that the embedding has no row for.
    #[error("prompt {prompt} holds token {token}, the model has {vocab} rows")]
    UnknownToken {
        /// Its index.
        prompt: usize,
        /// The token.
        token: u32,
        /// The model's `vocab_size`.
        vocab: usize,
    },
    /// The model's logits are not numbers.
    #[error("the logits after prompt {prompt} are not numbers")]
    NotANumber {
        /// Its index.
        prompt: usize,
    },
    /// `vocab_limit` leaves no token to choose.
    #[error("vocab_limit is 0: no token can be chosen")]
    NothingToChoose,
    /// Tokens that cannot be decoded.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

/// Continues every prompt `options.samples` times until a token of `options.eos` is chosen,
/// `max_new_tokens` are there, or the model's positions are used up. By prompt, then by sample.
///
/// Texts run in batches of similar length, of long ones fewer, padded on the left; padding changes nothing a text can
/// see, and a text that is drawn has a generator of its own, made of the seed, the prompt's index
/// and the sample's. So the result does not depend on how texts are batched (beyond the rounding of
/// the backend's matrix products).
///
/// Run it on a plain backend: under autodiff every step would stay on the tape.
///
/// # Errors
/// [`GenerateError`] names the prompt at fault, before anything runs where that can be known.
pub fn generate<B: Backend>(
    decoder: &Decoder<B>,
    prompts: &[Vec<u32>],
    options: &Generation,
) -> Result<Vec<Vec<Generated>>, GenerateError> {
    let mut results = vec![Vec::new(); prompts.len()];
    for batch in by_batch(decoder, prompts, options, |_| true, |_| Ok(false))? {
        for (prompt, samples) in batch? {
            results[prompt] = samples;
        }
    }
    Ok(results)
}

/// Whether the tokens of a continuation so far hold its end.
type Stop<'a> = dyn Fn(&[u32]) -> Result<bool, TokenizerError> + 'a;

/// Prompts of which all continuations are there, by index.
type Continued<T> = Result<Vec<(usize, Vec<T>)>, GenerateError>;

/// [`generate`] a batch at a time, each with the prompts that it completes: who reads them may stop
/// between two. A batch without a prompt that is `wanted` is left out; the others are what they are
/// without it. A continuation ends where `stop` says so, too.
fn by_batch<'a, B: Backend>(
    decoder: &'a Decoder<B>,
    prompts: &'a [Vec<u32>],
    options: &'a Generation,
    wanted: impl Fn(usize) -> bool + 'a,
    stop: impl Fn(&[u32]) -> Result<bool, TokenizerError> + 'a,
) -> Result<impl Iterator<Item = Continued<Generated>> + 'a, GenerateError> {
    let prompts = fitted(decoder, prompts, options)?;
    let mut order: Vec<usize> = (0..prompts.len()).collect();
    order.sort_by_key(|&prompt| prompts[prompt].len());
    let texts = order.into_iter();
    let texts = texts.flat_map(|prompt| (0..options.samples).map(move |sample| (prompt, sample)));
    let texts: Vec<(usize, usize)> = texts.collect();
    let positions = |(prompt, _): &(usize, usize)| prompts[*prompt].len() + options.max_new_tokens;
    let batches = batches(&texts, options.batch_size, positions).into_iter();
    let batches: Vec<Vec<(usize, usize)>> = batches.map(<[_]>::to_vec).collect();
    // Samples of one prompt may lie in several batches.
    let mut begun: BTreeMap<usize, BTreeMap<usize, Generated>> = BTreeMap::new();
    let batches = batches.into_iter();
    let batches = batches.filter(move |batch| batch.iter().any(|(prompt, _)| wanted(*prompt)));
    Ok(batches.map(move |batch| {
        for row in batch::run(decoder, &prompts, &batch, options, &stop)? {
            let (tokens, end) = (row.tokens, row.end.unwrap_or(End::Length));
            let samples = begun.entry(row.prompt).or_default();
            samples.insert(row.sample, Generated { tokens, end });
        }
        let whole = |_: &usize, samples: &mut BTreeMap<_, _>| samples.len() == options.samples;
        let done = begun.extract_if(.., whole);
        Ok(done
            .map(|(prompt, samples)| (prompt, samples.into_values().collect()))
            .collect())
    }))
}

/// The prompts, cut where that is asked for, each of which can be continued.
fn fitted<'a, B: Backend>(
    decoder: &Decoder<B>,
    prompts: &'a [Vec<u32>],
    options: &Generation,
) -> Result<Vec<&'a [u32]>, GenerateError> {
    let (vocab, limit) = (
        decoder.config().vocab_size,
        decoder.config().max_position_embeddings,
    );
    if options.vocab_limit == Some(0) {
        return Err(GenerateError::NothingToChoose);
    }
    let room = match options.truncate {
        true => limit.saturating_sub(options.max_new_tokens),
        false => usize::MAX,
    };
    if room == 0 {
        let max_new_tokens = options.max_new_tokens;
        return Err(GenerateError::NoRoom {
            max_new_tokens,
            limit,
        });
    }
    let fit = |(prompt, tokens): (usize, &'a Vec<u32>)| {
        let tokens = &tokens[tokens.len().saturating_sub(room)..];
        if tokens.is_empty() {
            return Err(GenerateError::Empty { prompt });
        }
        if tokens.len() > limit {
            return Err(GenerateError::TooLong {
                prompt,
                tokens: tokens.len(),
                limit,
            });
        }
        match tokens.iter().find(|&&token| token as usize >= vocab) {
            Some(&token) => Err(GenerateError::UnknownToken {
                prompt,
                token,
                vocab,
            }),
            None => Ok(tokens),
        }
    };
    prompts.iter().enumerate().map(fit).collect()
}
