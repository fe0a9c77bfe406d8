//! What a model says to a task's prompts.

use super::TaskError;
use super::definition::{Generate, Task};
use super::items::{Gold, Item, Items};
use crate::decoder::{Completion, Decoder, End, Generation, Strategy, complete};
use crate::score::{Continuation, continuation_log_likelihood};
use crate::tokenizer::Tokenizer;
use burn::tensor::backend::Backend;
use serde::Serialize;

/// What a model said to one item.
#[derive(Clone, Debug, PartialEq)]
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
#[derive(Clone, Debug, PartialEq)]
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
    match &task.definition.generate {
        Some(generate) => write(learner, tokenizer, generate, items, seed, batch),
        None => choose(learner, tokenizer, task, items, batch),
    }
}

fn write<B: Backend>(
    learner: &Decoder<B>,
    tokenizer: &Tokenizer,
    generate: &Generate,
    items: &Items,
    seed: u64,
    batch: usize,
) -> Result<Answers, TaskError> {
    let max_length = learner.config().max_position_embeddings;
    let mut until = generate.until.clone();
    let end = tokenizer.decode_with_special(&[tokenizer.eos_id()])?;
    if !end.is_empty() && !until.contains(&end) {
        until.push(end);
    }
    let texts = items.items.iter().map(|item| item.prompt.clone()).collect();
    let prompts = tokenizer.encode_all(texts)?;
    let options = Generation {
        strategy: Strategy::new(generate.temperature, generate.top_p, 0, seed)?,
        samples: generate.samples,
        max_new_tokens: generate.max_new_tokens,
        batch_size: batch,
        truncate: true,
        ..Generation::of(tokenizer, learner.config())
    };
    let room = max_length.saturating_sub(generate.max_new_tokens);
    let written = |completion: Completion| Written {
        text: completion.text,
        end: Some(completion.end),
    };
    let completions = complete(learner, tokenizer, &prompts, &options, &until)?;
    let said = completions
        .into_iter()
        .map(|samples| Said::Completions(samples.into_iter().map(written).collect()));
    Ok(Answers {
        said: said.collect(),
        truncated: prompts.iter().filter(|prompt| prompt.len() > room).count(),
        settings: Settings {
            batch,
            max_length,
            generation: Some(GenerationSettings {
                seed,
                until,
                max_new_tokens: generate.max_new_tokens,
                temperature: generate.temperature,
                top_p: generate.top_p,
                samples: generate.samples,
            }),
        },
    })
}

fn choose<B: Backend>(
    learner: &Decoder<B>,
    tokenizer: &Tokenizer,
    task: &Task,
    items: &Items,
    batch: usize,
) -> Result<Answers, TaskError> {
    let delimiter = &task.definition.prompt.target_delimiter;
    let encoded = |context: &str, option: &String| {
        let continuation = format!("{delimiter}{option}");
        Continuation::encode(tokenizer, tokenizer.eos_id(), context, &continuation)
    };
    let contexts = match task.needs_choices_alone() {
        true => 2,
        false => 1,
    };
    let mut requests = Vec::new();
    for item in &items.items {
        for context in &[item.prompt.as_str(), ""][..contexts] {
            for option in options(item) {
                requests.push(encoded(context, option)?);
            }
        }
    }
    let max_length = learner.config().max_position_embeddings;
    let scores = continuation_log_likelihood(learner, &requests, batch)?;
    let mut scores = scores.iter().map(|score| score.log_likelihood);
    let mut said = Vec::new();
    for item in &items.items {
        let mut next = |count: usize| scores.by_ref().take(count).collect();
        said.push(Said::Choices {
            log_likelihoods: next(options(item).len()),
            after_nothing: next((contexts - 1) * options(item).len()),
        });
    }
    let mut start = 0;
    let truncated = |item: &&Item| {
        let own = &requests[start..][..options(item).len()];
        start += contexts * own.len();
        let length = |r: &Continuation| r.context.len() + r.continuation.len();
        own.iter().any(|request| length(request) > max_length + 1)
    };
    Ok(Answers {
        truncated: items.items.iter().filter(truncated).count(),
        said,
        settings: Settings {
            batch,
            max_length,
            generation: None,
        },
    })
}

fn options(item: &Item) -> &[String] {
    match &item.gold {
        Gold::Choice { options, .. } => options,
        Gold::Text { .. } => &[],
    }
}
