//! A look at the stream that a config names: packed sequences as a run would get them, and totals.

use super::RunError;
use super::assemble::stream;
use super::origin::Origin;
use super::places::locate_model;
use crate::config::RunConfig;
use crate::data::{Corpus, Counts, Formatter, PADDING, PackedBatch, Template};
use crate::tokenizer::{Tokenizer, TokenizerError};
use serde::Serialize;
use std::sync::Arc;

/// What a stretch of a sequence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpanKind {
    /// Tokens that are given and never asked about.
    Prompt,
    /// Tokens that the loss is on.
    Answer,
    /// Positions without a document.
    Padding,
}

/// Tokens of one kind, of one document, side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// What they are.
    pub kind: SpanKind,
    /// Number of the document inside its sequence, from 0; none for padding.
    pub document: Option<usize>,
    /// Tokens. A document's last token is only ever a target, so a sequence shows one token more
    /// for each document than it has positions.
    pub tokens: usize,
    /// Their text, special tokens by name.
    pub text: String,
}

/// The stream's first sequences and what the whole of it holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StreamSample {
    /// Where the records went.
    pub counts: Counts,
    /// Tokens of all prompts, which the loss leaves out.
    pub prompt_tokens: u64,
    /// Tokens of all answers, the end-of-text tokens included.
    pub answer_tokens: u64,
    /// Share of positions that will be padding in the first epoch.
    pub padding: f64,
    /// The first sequences, each as its spans in order.
    pub sequences: Vec<Vec<Span>>,
}

impl StreamSample {
    /// Takes the first `sequences` of the stream that a run with `config` begins with. No model is
    /// loaded but its tokenizer.
    ///
    /// # Errors
    /// A corpus or tokenizer that cannot be read.
    pub fn take(config: &RunConfig, sequences: usize) -> Result<Self, RunError> {
        config.check()?;
        let origin = Origin::at(&locate_model(&config.model.path)?)?;
        let tokenizer = origin.tokenizer(&config.model.end_of_text)?;
        let template = Template::new(&config.data.prompt, &config.data.answer)?;
        let formatter = Formatter {
            tokenizer: &tokenizer,
            template: &template,
            seq_len: config.data.seq_len,
        };
        let corpus = Arc::new(super::corpus::open(config, &formatter, &mut |_| ())?);
        let (prompt_tokens, answer_tokens) = tokens(&corpus)?;
        let mut stream = stream(config, corpus.clone());
        let padding = stream.padding_ahead()?;
        let batch = stream.next_batch(sequences)?;
        let rows = (0..batch.batch).map(|row| spans(&batch, row, &tokenizer));
        Ok(Self {
            counts: corpus.counts(),
            prompt_tokens,
            answer_tokens,
            padding,
            sequences: rows.collect::<Result<_, _>>()?,
        })
    }
}

fn tokens(corpus: &Corpus) -> Result<(u64, u64), RunError> {
    let mut sums = (0, 0);
    for index in 0..corpus.len() {
        let (prompt, answer) = corpus.lengths(index)?;
        sums.0 += prompt as u64;
        sums.1 += answer as u64;
    }
    Ok(sums)
}

/// One sequence as spans, read from the arrays that the learner gets.
fn spans(
    batch: &PackedBatch,
    row: usize,
    tokenizer: &Tokenizer,
) -> Result<Vec<Span>, TokenizerError> {
    let cells = row * batch.seq..(row + 1) * batch.seq;
    let mut spans = vec![];
    let mut rest = &batch.documents[cells.clone()];
    let mut at = cells.start;
    while let Some(document) = rest.first().copied() {
        let length = rest.iter().take_while(|id| **id == document).count();
        let own = at..at + length;
        (rest, at) = (&rest[length..], at + length);
        if document == PADDING {
            spans.push(Span {
                kind: SpanKind::Padding,
                document: None,
                tokens: length,
                text: String::new(),
            });
            continue;
        }
        let asked = own.clone().filter(|i| batch.answer_mask[*i]).count();
        let first = batch.inputs[own.start];
        let targets = batch.targets[own].iter().copied();
        let ids: Vec<u32> = std::iter::once(first)
            .chain(targets)
            .map(|id| id as u32)
            .collect();
        // Within a document the answer is what comes last.
        let (prompt, answer) = ids.split_at(ids.len() - asked);
        for (kind, part) in [(SpanKind::Prompt, prompt), (SpanKind::Answer, answer)] {
            if !part.is_empty() {
                spans.push(Span {
                    kind,
                    document: usize::try_from(document).ok(),
                    tokens: part.len(),
                    text: tokenizer.decode_with_special(part)?,
                });
            }
        }
    }
    Ok(spans)
}
