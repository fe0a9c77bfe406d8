//! What a model said to a task's prompts, and how it was asked.

use super::TaskError;
use super::asking::Asking;
use super::definition::Task;
use super::items::Items;
use crate::decoder::{Decoder, End};
use crate::tokenizer::Tokenizer;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

/// What a model said to one item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// Completions, in the order of samples.
    Completions(Vec<Written>),
    /// How it rates each choice, in nats.
    Choices {
        /// After the prompt.
        log_likelihoods: Vec<f64>,
        /// After nothing; empty where no metric asks for it.
        after_nothing: Vec<f64>,
    },
}

/// A completion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Written {
    /// The text before the first stop string.
    pub text: String,
    /// What ended it; none where it was made elsewhere.
    pub end: Option<End>,
}

/// What a model said to a split, and how it was asked.
#[derive(Clone, Debug)]
pub struct Answers {
    /// By item.
    pub said: Vec<Said>,
    /// Prompts that lost their first tokens, to fit.
    pub truncated: usize,
    /// The settings.
    pub settings: Settings,
}

/// How a model was asked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Settings {
    /// Prompts or choices that ran together. No verdict depends on it.
    pub batch: usize,
    /// The model's positions: prompts are cut on the left to what the completion leaves of them.
    pub max_length: usize,
    /// For completions.
    #[serde(flatten)]
    pub generation: Option<GenerationSettings>,
}

/// How completions were made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GenerationSettings {
    /// Seed of the draws.
    pub seed: u64,
    /// Stop strings, the end-of-text token's name included.
    pub until: Vec<String>,
    /// The longest completion, in tokens.
    pub max_new_tokens: usize,
    /// 0: the most likely token, always.
    pub temperature: f64,
    /// The probability that tokens were drawn from.
    pub top_p: f64,
    /// Completions of each prompt.
    pub samples: usize,
}

/// Asks `learner` all `items`, `batch` prompts at a time; `seed` is that of the draws.
///
/// # Errors
/// A text that cannot be tokenised, a prompt or choice that the model cannot take.
pub fn ask<B: Backend>(
    learner: &Decoder<B>,
    tokenizer: &Tokenizer,
    task: &Task,
    items: &Items,
    seed: u64,
    batch: usize,
) -> Result<Answers, TaskError> {
    Asking::new(learner, tokenizer, task, items, seed, batch)?.answers()
}
