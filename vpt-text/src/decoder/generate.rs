//! Batched greedy continuation.

use super::cache::KvCache;
use super::model::{Decoder, DecoderInput};
use burn::tensor::{Int, Tensor, TensorData, backend::Backend};

/// Document ids during generation: padding sees only padding, real tokens only real ones.
const PADDING: i64 = 0;
const TEXT: i64 = 1;

/// How to continue.
#[derive(Clone, Debug)]
pub struct Greedy {
    /// At most this many tokens are added.
    pub max_new_tokens: usize,
    /// A text ends when one of these is chosen.
    pub eos: Vec<u32>,
    /// Only ids below this can be chosen: the tokenizer's size, where the embedding has rows
    /// above it that stand for nothing.
    pub vocab_limit: Option<usize>,
    /// Prompts that run together.
    pub batch_size: usize,
}

impl Default for Greedy {
    fn default() -> Self {
        Self {
            max_new_tokens: 256,
            eos: Vec::new(),
            vocab_limit: None,
            batch_size: 32,
        }
    }
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
}

/// Continues every prompt with the most likely token, again and again, until a token of
/// `options.eos` is chosen (it is not part of the result), `max_new_tokens` are there, or the
/// model's positions are used up. Of equally likely tokens the lowest id is chosen.
///
/// Prompts run in batches of similar length, padded on the left; padding changes nothing a text
/// can see, so that the result does not depend on how prompts are batched (beyond the rounding of
/// the backend's matrix products). Results come in the order of `prompts`.
///
/// Run it on a plain backend: under autodiff every step would stay on the tape.
///
/// # Errors
/// [`GenerateError`] names the prompt at fault, before anything runs where that can be known.
pub fn generate<B: Backend>(
    decoder: &Decoder<B>,
    prompts: &[Vec<u32>],
    options: &Greedy,
) -> Result<Vec<Vec<u32>>, GenerateError> {
    check(decoder, prompts, options)?;
    let mut order: Vec<usize> = (0..prompts.len()).collect();
    order.sort_by_key(|&i| prompts[i].len());
    let mut results = vec![Vec::new(); prompts.len()];
    if options.max_new_tokens == 0 {
        return Ok(results);
    }
    for batch in order.chunks(options.batch_size.max(1)) {
        for row in run_batch(decoder, prompts, batch, options)? {
            results[row.prompt] = row.tokens;
        }
    }
    Ok(results)
}

fn check<B: Backend>(
    decoder: &Decoder<B>,
    prompts: &[Vec<u32>],
    options: &Greedy,
) -> Result<(), GenerateError> {
    let (vocab, limit) = (
        decoder.config().vocab_size,
        decoder.config().max_position_embeddings,
    );
    if options.vocab_limit == Some(0) {
        return Err(GenerateError::NothingToChoose);
    }
    for (prompt, tokens) in prompts.iter().enumerate() {
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
        if let Some(&token) = tokens.iter().find(|&&token| token as usize >= vocab) {
            return Err(GenerateError::UnknownToken {
                prompt,
                token,
                vocab,
            });
        }
    }
    Ok(())
}

/// One text under way.
struct Row {
    prompt: usize,
    /// Position of the next token.
    position: usize,
    /// How many more tokens may be added.
    left: usize,
    tokens: Vec<u32>,
    done: bool,
}

fn run_batch<B: Backend>(
    decoder: &Decoder<B>,
    prompts: &[Vec<u32>],
    batch: &[usize],
    options: &Greedy,
) -> Result<Vec<Row>, GenerateError> {
    let limit = decoder.config().max_position_embeddings;
    let row = |&prompt: &usize| {
        let position = prompts[prompt].len();
        let left = options.max_new_tokens.min(limit - position + 1);
        Row {
            prompt,
            position,
            left,
            tokens: Vec::new(),
            done: false,
        }
    };
    let mut live: Vec<Row> = batch.iter().map(row).collect();
    let mut finished = Vec::new();
    let mut cache = KvCache::new(decoder);
    let mut hidden = decoder.extend(&padded(decoder, prompts, batch), &mut cache);
    loop {
        let logits = last_logits(decoder, hidden);
        for (row, logits) in live
            .iter_mut()
            .zip(logits.chunks(decoder.config().vocab_size))
        {
            if row.done {
                continue;
            }
            let choices = &logits[..options
                .vocab_limit
                .unwrap_or(logits.len())
                .min(logits.len())];
            let best = argmax(choices).ok_or(GenerateError::NotANumber { prompt: row.prompt })?;
            if options.eos.contains(&best) {
                row.done = true;
                continue;
            }
            row.tokens.push(best);
            row.done = row.tokens.len() == row.left;
        }
        let going: Vec<i64> = (0..live.len())
            .filter(|&i| !live[i].done)
            .map(|i| i as i64)
            .collect();
        if going.is_empty() {
            finished.append(&mut live);
            return Ok(finished);
        }
        // Finished rows run along until half of the batch is done, then they are dropped.
        if going.len() * 2 <= live.len() {
            let rows = TensorData::new(going.clone(), [going.len()]);
            cache.keep_rows(&Tensor::from_data(rows, &decoder.device()));
            let (done, rest) = live.into_iter().partition(|row: &Row| row.done);
            finished.extend::<Vec<Row>>(done);
            live = rest;
        }
        hidden = decoder.extend(&next_input(decoder, &mut live), &mut cache);
    }
}

/// The prompts of a batch, padded on the left to the longest. `[rows, longest]`
fn padded<B: Backend>(
    decoder: &Decoder<B>,
    prompts: &[Vec<u32>],
    batch: &[usize],
) -> DecoderInput<B> {
    let longest = batch.iter().map(|&i| prompts[i].len()).max().unwrap_or(0);
    let (mut tokens, mut positions, mut documents) = (Vec::new(), Vec::new(), Vec::new());
    for &i in batch {
        let (text, pad) = (&prompts[i], longest - prompts[i].len());
        tokens.extend(
            (0..pad)
                .map(|_| 0)
                .chain(text.iter().map(|&token| i64::from(token))),
        );
        positions.extend((0..pad).map(|_| 0).chain(0..text.len() as i64));
        documents.extend((0..longest).map(|i| if i < pad { PADDING } else { TEXT }));
    }
    input(
        decoder,
        [batch.len(), longest],
        tokens,
        positions,
        documents,
    )
}

/// The tokens just chosen, one a row; a finished row repeats its last position. `[rows, 1]`
fn next_input<B: Backend>(decoder: &Decoder<B>, live: &mut [Row]) -> DecoderInput<B> {
    let rows = live.len();
    let (mut tokens, mut positions) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    for row in live {
        match row.tokens.last() {
            Some(&token) if !row.done => {
                tokens.push(i64::from(token));
                positions.push(row.position as i64);
                row.position += 1;
            }
            _ => {
                tokens.push(0);
                positions.push(0);
            }
        }
    }
    input(decoder, [rows, 1], tokens, positions, vec![TEXT; rows])
}

fn input<B: Backend>(
    decoder: &Decoder<B>,
    shape: [usize; 2],
    tokens: Vec<i64>,
    positions: Vec<i64>,
    documents: Vec<i64>,
) -> DecoderInput<B> {
    let device = decoder.device();
    let tensor = |values| Tensor::<B, 2, Int>::from_data(TensorData::new(values, shape), &device);
    DecoderInput {
        tokens: tensor(tokens),
        positions: tensor(positions),
        documents: tensor(documents),
    }
}

/// Logits after the last token of every row, on the host, `rows · vocab` values.
fn last_logits<B: Backend>(decoder: &Decoder<B>, hidden: Tensor<B, 3>) -> Vec<f32> {
    let [rows, seq, width] = hidden.dims();
    let last = hidden.narrow(1, seq - 1, 1).reshape([rows, width]);
    decoder.logits(last).into_data().iter::<f32>().collect()
}

/// The index of the largest value, the first of equals; NaN is never it.
fn argmax(values: &[f32]) -> Option<u32> {
    let mut best: Option<(usize, f32)> = None;
    for (i, &value) in values.iter().enumerate() {
        if !value.is_nan() && best.is_none_or(|(_, largest)| value > largest) {
            best = Some((i, value));
        }
    }
    best.map(|(i, _)| i as u32)
}

#[cfg(test)]
mod tests {
    use super::argmax;

    #[test]
    fn ties_go_to_the_lowest_id_and_nan_is_never_chosen() {
        assert_eq!(argmax(&[1.0, 3.0, 3.0, 2.0]), Some(1));
        assert_eq!(argmax(&[f32::NAN, f32::NEG_INFINITY, -1.0]), Some(2));
        assert_eq!(argmax(&[f32::NAN, f32::NEG_INFINITY]), Some(1));
        assert_eq!(argmax(&[f32::NAN]), None);
    }
}
