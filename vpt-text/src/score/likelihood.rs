//! Log-probabilities of tokens given the ones before them.
//!
//! Texts run in batches of like length, one a row, of long ones fewer; padding is a document of its own that nothing
//! attends to, so batches change a log-probability by rounding alone (below 1e-5 nats in f32). The
//! softmax is over all rows of the head, as in Transformers, in f32 at least.

use crate::batching::batches;
use crate::data::{Document, collate};
use crate::decoder::Decoder;
use crate::task::{LabelScores, Text, TextBatch, label_scores};
use crate::tokenizer::{Tokenizer, TokenizerError};
use burn::tensor::backend::Backend;
use thiserror::Error;
use vpt_core::Modality;

/// A sequence that cannot be scored; `index` is its place among those given.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum LikelihoodError {
    /// There is nothing to score, or nothing to score it from.
    #[error("sequence {index}: its {part} is empty")]
    Empty {
        /// Its index.
        index: usize,
        /// `context` or `continuation`.
        part: &'static str,
    },
    /// It needs more positions than the model has.
    #[error("sequence {index} takes {positions} positions, the model has {limit}")]
    TooLong {
        /// Its index.
        index: usize,
        /// The positions: one less than its tokens.
        positions: usize,
        /// The model's `max_position_embeddings`.
        limit: usize,
    },
    /// A token that the embedding has no row for.
    #[error("sequence {index} holds token {token}, the model has {vocab} rows")]
    UnknownToken {
        /// Its index.
        index: usize,
        /// The token.
        token: u32,
        /// The model's `vocab_size`.
        vocab: usize,
    },
    /// The model's logits are not numbers.
    #[error("the log-probabilities of sequence {index} are not numbers")]
    NotANumber {
        /// Its index.
        index: usize,
    },
}

/// How `learner` rates the answer tokens of each document, `batch_size` documents at a time. A
/// document without a prompt is asked about all its tokens but the first; one without any token
/// that is asked about gets empty scores.
///
/// Run it on a plain backend: under autodiff every batch would stay on the tape.
///
/// # Errors
/// [`LikelihoodError`] names the document at fault.
pub fn answer_scores<B: Backend>(
    learner: &Decoder<B>,
    documents: &[Document],
    batch_size: usize,
) -> Result<Vec<LabelScores>, LikelihoodError> {
    let mut scores = vec![LabelScores::default(); documents.len()];
    for batch in scores_by_batch(learner, documents, batch_size, |_| true)? {
        for (index, score) in batch? {
            scores[index] = score;
        }
    }
    Ok(scores)
}

/// [`answer_scores`] a batch at a time, each with the indices of its documents: who reads them may stop
/// between two. A batch without a document that is `wanted` is left out; the others are what they are
/// without it.
///
/// # Errors
/// As for [`answer_scores`]; whether the model can take the documents is looked at before anything
/// runs.
pub(crate) fn scores_by_batch<'a, B: Backend>(
    learner: &'a Decoder<B>,
    documents: &'a [Document],
    batch_size: usize,
    wanted: impl Fn(usize) -> bool + 'a,
) -> Result<impl Iterator<Item = BatchScores> + 'a, LikelihoodError> {
    for (index, document) in documents.iter().enumerate() {
        check(learner, index, document)?;
    }
    let batches = by_length(documents, batch_size).into_iter();
    let batches = batches.filter(move |batch| batch.iter().any(|&index| wanted(index)));
    Ok(batches.map(|batch| batch_scores(learner, documents, batch)))
}

/// Documents of a batch, by index, with their scores.
type BatchScores = Result<Vec<(usize, LabelScores)>, LikelihoodError>;

fn batch_scores<B: Backend>(
    learner: &Decoder<B>,
    documents: &[Document],
    batch: Vec<usize>,
) -> BatchScores {
    let packed = collate(batch.iter().map(|&index| &documents[index])).packed;
    let views = TextBatch::<B>::new(&packed, 1.0, &learner.device());
    let prediction = Text::predict(learner, &views);
    let found = label_scores(&prediction.hidden, &prediction.head, &views.labels);
    let mut log_p = found.log_probability.into_iter();
    let mut is_top = found.is_top.into_iter();
    let scores = batch.into_iter().map(|index| {
        let count = documents[index].answer_targets();
        let score = LabelScores {
            log_probability: log_p.by_ref().take(count).collect(),
            is_top: is_top.by_ref().take(count).collect(),
        };
        match score.log_probability.iter().any(|log_p| log_p.is_nan()) {
            true => Err(LikelihoodError::NotANumber { index }),
            false => Ok((index, score)),
        }
    });
    scores.collect()
}

/// The documents that ask about something, in batches of like length: less padding, the same values.
pub(super) fn by_length(documents: &[Document], batch_size: usize) -> Vec<Vec<usize>> {
    let positions = |index: &usize| documents[*index].positions();
    let mut order: Vec<usize> = (0..documents.len()).collect();
    order.retain(|&index| documents[index].answer_targets() > 0);
    order.sort_by_key(positions);
    let batches = batches(&order, batch_size, positions).into_iter();
    batches.map(<[usize]>::to_vec).collect()
}

/// Refuses a document that the model cannot take.
pub(super) fn check<B: Backend>(
    learner: &Decoder<B>,
    index: usize,
    document: &Document,
) -> Result<(), LikelihoodError> {
    let (positions, limit) = (
        document.positions(),
        learner.config().max_position_embeddings,
    );
    if positions > limit {
        return Err(LikelihoodError::TooLong {
            index,
            positions,
            limit,
        });
    }
    let vocab = learner.config().vocab_size;
    match document.tokens().find(|&token| token as usize >= vocab) {
        Some(token) => Err(LikelihoodError::UnknownToken {
            index,
            token,
            vocab,
        }),
        None => Ok(()),
    }
}

/// log p in nats of every token of each sequence given the ones before it: one value less than
/// tokens, since the first has nothing before it.
///
/// # Errors
/// As for [`answer_scores`].
pub fn log_probabilities<B: Backend>(
    learner: &Decoder<B>,
    sequences: &[Vec<u32>],
    batch_size: usize,
) -> Result<Vec<Vec<f64>>, LikelihoodError> {
    let whole = |tokens: &Vec<u32>| Document {
        prompt: vec![],
        answer: tokens.clone(),
    };
    let documents: Vec<Document> = sequences.iter().map(whole).collect();
    let scores = answer_scores(learner, &documents, batch_size)?;
    Ok(scores.into_iter().map(|s| s.log_probability).collect())
}

/// A context and a continuation of it, in tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continuation {
    /// What is given. Where there is no text before the continuation, the last of the tokens that
    /// the tokenizer sets before every text, or else its end-of-text token.
    pub context: Vec<u32>,
    /// What is scored.
    pub continuation: Vec<u32>,
}

impl Continuation {
    /// Tokens of `context` and `continuation` as lm-evaluation-harness makes them: blanks at the
    /// context's end go to the continuation, the two are encoded as one text, and what lies beyond
    /// as many tokens as the context has by itself is the continuation.
    ///
    /// # Errors
    /// A text that cannot be encoded.
    pub fn encode(
        tokenizer: &Tokenizer,
        context: &str,
        continuation: &str,
    ) -> Result<Self, TokenizerError> {
        if context.is_empty() {
            return Ok(Self {
                context: vec![*tokenizer.beginning().last().unwrap_or(&tokenizer.eos_id())],
                continuation: tokenizer.encode(continuation)?,
            });
        }
        // Python takes the four separators U+001C to U+001F for blanks, too.
        let blank = |c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c);
        let whole = tokenizer.encode_text(&format!("{context}{continuation}"))?;
        let context = tokenizer.encode_text(context.trim_end_matches(blank))?;
        let continuation = whole.get(context.len()..).unwrap_or_default().to_vec();
        Ok(Self {
            context,
            continuation,
        })
    }
}

/// How a model rates a continuation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ContinuationScore {
    /// Σ log p of its tokens, in nats.
    pub log_likelihood: f64,
    /// Whether each of its tokens is a most likely one.
    pub is_greedy: bool,
}

impl From<LabelScores> for ContinuationScore {
    fn from(scores: LabelScores) -> Self {
        Self {
            log_likelihood: scores.log_probability.iter().sum(),
            is_greedy: scores.is_top.iter().all(|top| *top),
        }
    }
}

/// Scores continuations as lm-evaluation-harness does: of a request that is longer than the
/// model's positions and one token, the context's first tokens are dropped.
///
/// # Errors
/// An empty context or continuation, a continuation that does not fit by itself, and as for
/// [`answer_scores`].
pub fn continuation_log_likelihood<B: Backend>(
    learner: &Decoder<B>,
    requests: &[Continuation],
    batch_size: usize,
) -> Result<Vec<ContinuationScore>, LikelihoodError> {
    let documents = continuations(learner, requests)?;
    let scores = answer_scores(learner, &documents, batch_size)?;
    Ok(scores.into_iter().map(ContinuationScore::from).collect())
}

/// Requests as documents that the model can take.
///
/// # Errors
/// An empty context or continuation, or a continuation that does not fit by itself.
pub(crate) fn continuations<B: Backend>(
    learner: &Decoder<B>,
    requests: &[Continuation],
) -> Result<Vec<Document>, LikelihoodError> {
    let limit = learner.config().max_position_embeddings;
    let document = |(index, request): (usize, &Continuation)| {
        let (context, continuation) = (&request.context, &request.continuation);
        for (part, tokens) in [("context", context), ("continuation", continuation)] {
            if tokens.is_empty() {
                return Err(LikelihoodError::Empty { index, part });
            }
        }
        if continuation.len() > limit {
            let positions = continuation.len();
            return Err(LikelihoodError::TooLong {
                index,
                positions,
                limit,
            });
        }
        let room = limit + 1 - continuation.len();
        Ok(Document {
            prompt: context[context.len().saturating_sub(room)..].to_vec(),
            answer: continuation.clone(),
        })
    };
    requests.iter().enumerate().map(document).collect()
}
