//! One batch of texts, a token at a time.

use super::{End, GenerateError, Generation, Stop};
use crate::decoder::cache::KvCache;
use crate::decoder::model::{Decoder, DecoderInput};
use burn::tensor::{Int, Tensor, TensorData, backend::Backend};
use rand_chacha::ChaCha8Rng;

/// Document ids during generation: padding sees only padding, real tokens only real ones.
const PADDING: i64 = 0;
const TEXT: i64 = 1;

/// One text under way.
pub(super) struct Row {
    pub(super) prompt: usize,
    pub(super) sample: usize,
    /// Position of the next token.
    position: usize,
    /// How many tokens may be added.
    room: usize,
    /// Its own draws.
    rng: Option<ChaCha8Rng>,
    pub(super) tokens: Vec<u32>,
    /// None while it goes on.
    pub(super) end: Option<End>,
}

impl Row {
    /// Adds the token that `logits` give, or ends.
    fn choose(
        &mut self,
        logits: &[f32],
        options: &Generation,
        stop: &Stop<'_>,
    ) -> Result<(), GenerateError> {
        let limit = options.vocab_limit.unwrap_or(logits.len());
        let choices = &logits[..limit.min(logits.len())];
        let chosen = options.strategy.choose(choices, self.rng.as_mut());
        let token = chosen.ok_or(GenerateError::NotANumber {
            prompt: self.prompt,
        })?;
        if options.eos.contains(&token) {
            self.end = Some(End::EndOfText);
            return Ok(());
        }
        self.tokens.push(token);
        if stop(&self.tokens)? {
            self.end = Some(End::StopString);
        } else if self.tokens.len() == self.room {
            self.end = Some(End::Length);
        }
        Ok(())
    }
}

/// Continues the texts of `batch`, pairs of prompt and sample in the order of prompts: a prompt
/// runs once however many samples it has here.
pub(super) fn run<B: Backend>(
    decoder: &Decoder<B>,
    prompts: &[&[u32]],
    batch: &[(usize, usize)],
    options: &Generation,
    stop: &Stop<'_>,
) -> Result<Vec<Row>, GenerateError> {
    let limit = decoder.config().max_position_embeddings;
    let row = |&(prompt, sample): &(usize, usize)| {
        let position = prompts[prompt].len();
        let room = options.max_new_tokens.min(limit - position + 1);
        Row {
            prompt,
            sample,
            position,
            room,
            rng: options.strategy.generator(prompt, sample),
            tokens: Vec::new(),
            end: (room == 0).then_some(End::Length),
        }
    };
    let mut live: Vec<Row> = batch.iter().map(row).collect();
    let mut finished = Vec::new();
    let (distinct, copies) = distinct(batch);
    let mut cache = KvCache::new(decoder);
    let mut hidden = last(decoder.extend(&padded(decoder, prompts, &distinct), &mut cache));
    if distinct.len() < batch.len() {
        let copies = rows(decoder, copies);
        cache.keep_rows(&copies);
        hidden = hidden.select(0, copies);
    }
    loop {
        let logits: Vec<f32> = decoder.logits(hidden).into_data().iter().collect();
        let logits = logits.chunks(decoder.config().vocab_size);
        for (row, logits) in live.iter_mut().zip(logits) {
            if row.end.is_none() {
                row.choose(logits, options, stop)?;
            }
        }
        let going = (0..).zip(&live).filter(|(_, row)| row.end.is_none());
        let going: Vec<i64> = going.map(|(at, _)| at).collect();
        if going.is_empty() {
            finished.append(&mut live);
            return Ok(finished);
        }
        // Finished rows run along until half of the batch is done, then they are dropped.
        if going.len() * 2 <= live.len() {
            cache.keep_rows(&rows(decoder, going));
            let (done, rest) = live.into_iter().partition(|row: &Row| row.end.is_some());
            finished.extend::<Vec<Row>>(done);
            live = rest;
        }
        hidden = last(decoder.extend(&next_input(decoder, &mut live), &mut cache));
    }
}

/// The prompts of a batch, each once, and for each text the place of its prompt among them.
fn distinct(batch: &[(usize, usize)]) -> (Vec<usize>, Vec<i64>) {
    let (mut prompts, mut places): (Vec<usize>, Vec<i64>) = (vec![], vec![]);
    for &(prompt, _) in batch {
        if prompts.last() != Some(&prompt) {
            prompts.push(prompt);
        }
        places.push(prompts.len() as i64 - 1);
    }
    (prompts, places)
}

/// The prompts, padded on the left to the longest. `[rows, longest]`
fn padded<B: Backend>(
    decoder: &Decoder<B>,
    prompts: &[&[u32]],
    batch: &[usize],
) -> DecoderInput<B> {
    let longest = batch.iter().map(|&i| prompts[i].len()).max().unwrap_or(0);
    let (mut tokens, mut positions, mut documents) = (Vec::new(), Vec::new(), Vec::new());
    for &i in batch {
        let (text, pad) = (prompts[i], longest - prompts[i].len());
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
            Some(&token) if row.end.is_none() => {
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

fn rows<B: Backend>(decoder: &Decoder<B>, indices: Vec<i64>) -> Tensor<B, 1, Int> {
    let count = indices.len();
    Tensor::from_data(TensorData::new(indices, [count]), &decoder.device())
}

/// The states of the last tokens. `[rows, seq, width] → [rows, width]`
fn last<B: Backend>(hidden: Tensor<B, 3>) -> Tensor<B, 2> {
    let [rows, seq, width] = hidden.dims();
    hidden.narrow(1, seq - 1, 1).reshape([rows, width])
}
