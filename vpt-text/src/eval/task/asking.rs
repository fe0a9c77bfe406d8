//! A split's items put to a model, batch by batch.

use super::TaskError;
use super::definition::{Generate, Task};
use super::items::{Gold, Item, Items};
use super::kept::Kept;
use super::run::{Answers, GenerationSettings, Said, Settings, Written};
use crate::data::Document;
use crate::decoder::{Completion, Decoder, Generation, Strategy, completions_by_batch};
use crate::score::{Continuation, ContinuationScore, continuations, scores_by_batch};
use crate::tokenizer::Tokenizer;
use burn::tensor::backend::Backend;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Items of a split, in tokens: what a model is about to be asked.
pub struct Asking<'a, B: Backend> {
    learner: &'a Decoder<B>,
    tokenizer: &'a Tokenizer,
    requests: Requests,
    count: usize,
    truncated: usize,
    settings: Settings,
}

enum Requests {
    /// To continue prompts.
    Write {
        prompts: Vec<Vec<u32>>,
        options: Generation,
        until: Vec<String>,
    },
    /// To rate choices, each a document.
    Choose {
        documents: Vec<Document>,
        /// Whose they are.
        owners: Vec<Owner>,
    },
}

/// The item of some documents that follow one another.
struct Owner {
    item: usize,
    /// The first document.
    start: usize,
    /// The item's choices.
    options: usize,
    /// All its documents: each choice once for every context.
    documents: usize,
}

/// Items of which all is said, by index.
type Batch = Result<Vec<(usize, Said)>, TaskError>;

impl<'a, B: Backend> Asking<'a, B> {
    /// Makes `items` of `task` ready for `learner`, `batch` prompts or choices at a time; `seed` is
    /// that of the draws.
    ///
    /// # Errors
    /// A text that cannot be tokenised, or a choice that the model cannot take.
    pub fn new(
        learner: &'a Decoder<B>,
        tokenizer: &'a Tokenizer,
        task: &Task,
        items: &Items,
        seed: u64,
        batch: usize,
    ) -> Result<Self, TaskError> {
        let max_length = learner.config().max_position_embeddings;
        let mut settings = Settings {
            batch,
            max_length,
            generation: None,
        };
        let (requests, truncated) = match &task.definition.generate {
            Some(generate) => {
                let how = generation(tokenizer, generate, seed)?;
                let prompts = items.items.iter().map(|item| item.prompt.clone());
                let prompts = tokenizer.encode_texts(prompts.collect())?;
                let room = max_length.saturating_sub(generate.max_new_tokens);
                let truncated = prompts.iter().filter(|prompt| prompt.len() > room).count();
                let options = Generation {
                    strategy: Strategy::new(generate.temperature, generate.top_p, 0, seed)?,
                    samples: generate.samples,
                    max_new_tokens: generate.max_new_tokens,
                    batch_size: batch,
                    truncate: true,
                    ..Generation::of(tokenizer, learner.config())
                };
                let until = how.until.clone();
                settings.generation = Some(how);
                let requests = Requests::Write {
                    prompts,
                    options,
                    until,
                };
                (requests, truncated)
            }
            None => choices(learner, tokenizer, task, items)?,
        };
        Ok(Self {
            learner,
            tokenizer,
            requests,
            count: items.items.len(),
            truncated,
            settings,
        })
    }

    /// How the model is asked.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Asks what `kept` does not hold of split number `split` and keeps it there, a batch at a time. None
    /// where `ends` said so before all was done. What is said is the same to the bit, however often that
    /// happens: batches are made of all items, and one that is done in part is asked again as a whole.
    ///
    /// # Errors
    /// A prompt or choice that the model cannot take; items that cannot be kept.
    pub fn go_on(
        &self,
        kept: &mut Kept,
        split: usize,
        ends: &dyn Fn() -> bool,
    ) -> Result<Option<Answers>, TaskError> {
        let mut said = kept.said(split).clone();
        let wanted = (0..self.count).map(|item| !said.contains_key(&item));
        for batch in self.batches(wanted.collect())? {
            for (item, new) in batch? {
                if let Entry::Vacant(place) = said.entry(item) {
                    kept.keep(split, item, &new)?;
                    place.insert(new);
                }
            }
            if said.len() < self.count && ends() {
                return Ok(None);
            }
        }
        Ok(Some(self.answered(said)))
    }

    /// Asks all at once.
    ///
    /// # Errors
    /// A prompt or choice that the model cannot take.
    pub fn answers(&self) -> Result<Answers, TaskError> {
        let mut said = BTreeMap::new();
        for batch in self.batches(vec![true; self.count])? {
            said.extend(batch?);
        }
        Ok(self.answered(said))
    }

    fn answered(&self, said: BTreeMap<usize, Said>) -> Answers {
        Answers {
            said: said.into_values().collect(),
            truncated: self.truncated,
            settings: self.settings.clone(),
        }
    }

    /// What the model says, a batch at a time. A batch that says nothing of a `wanted` item is left out.
    fn batches(
        &self,
        wanted: Vec<bool>,
    ) -> Result<Box<dyn Iterator<Item = Batch> + '_>, TaskError> {
        match &self.requests {
            Requests::Write {
                prompts,
                options,
                until,
            } => {
                let wanted = move |item: usize| wanted[item];
                let (learner, tokenizer) = (self.learner, self.tokenizer);
                let batches =
                    completions_by_batch(learner, tokenizer, prompts, options, until, wanted)?;
                let written = |completion: Completion| Written {
                    text: completion.text,
                    end: Some(completion.end),
                };
                let said = move |samples: Vec<Completion>| {
                    Said::Completions(samples.into_iter().map(written).collect())
                };
                Ok(Box::new(batches.map(move |batch| {
                    let items = batch?.into_iter();
                    Ok(items.map(|(item, samples)| (item, said(samples))).collect())
                })))
            }
            Requests::Choose { documents, owners } => {
                let owner = |document| {
                    let after = owners.partition_point(|owner| owner.start <= document);
                    &owners[after - 1]
                };
                let wanted = move |document: usize| wanted[owner(document).item];
                let size = self.settings.batch;
                let batches = scores_by_batch(self.learner, documents, size, wanted)?;
                // Choices of one item may lie in several batches.
                let mut begun: BTreeMap<usize, BTreeMap<usize, f64>> = BTreeMap::new();
                Ok(Box::new(batches.map(move |batch| {
                    for (document, scores) in batch? {
                        let score = ContinuationScore::from(scores).log_likelihood;
                        let scores = begun.entry(owner(document).start).or_default();
                        scores.insert(document, score);
                    }
                    let done = begun
                        .extract_if(.., |&start, scores| scores.len() == owner(start).documents);
                    let said = done.map(|(start, scores)| {
                        let owner = owner(start);
                        let mut log_likelihoods: Vec<f64> = scores.into_values().collect();
                        let after_nothing = log_likelihoods.split_off(owner.options);
                        let said = Said::Choices {
                            log_likelihoods,
                            after_nothing,
                        };
                        (owner.item, said)
                    });
                    Ok(said.collect())
                })))
            }
        }
    }
}

fn generation(
    tokenizer: &Tokenizer,
    generate: &Generate,
    seed: u64,
) -> Result<GenerationSettings, TaskError> {
    let mut until = generate.until.clone();
    let end = tokenizer.decode_with_special(&[tokenizer.eos_id()])?;
    if !end.is_empty() && !until.contains(&end) {
        until.push(end);
    }
    Ok(GenerationSettings {
        seed,
        until,
        max_new_tokens: generate.max_new_tokens,
        temperature: generate.temperature,
        top_p: generate.top_p,
        samples: generate.samples,
    })
}

/// The choices of all items, and how many items lose the first tokens of a prompt.
fn choices<B: Backend>(
    learner: &Decoder<B>,
    tokenizer: &Tokenizer,
    task: &Task,
    items: &Items,
) -> Result<(Requests, usize), TaskError> {
    let delimiter = &task.definition.prompt.target_delimiter;
    let encoded = |context: &str, option: &String| {
        let continuation = format!("{delimiter}{option}");
        Continuation::encode(tokenizer, context, &continuation)
    };
    let contexts = match task.needs_choices_alone() {
        true => 2,
        false => 1,
    };
    let max_length = learner.config().max_position_embeddings;
    let too_long = |request: &Continuation| {
        request.context.len() + request.continuation.len() > max_length + 1
    };
    let (mut requests, mut owners, mut truncated) = (Vec::new(), Vec::new(), 0);
    for (index, item) in items.items.iter().enumerate() {
        let (start, options) = (requests.len(), options(item));
        for context in &[item.prompt.as_str(), ""][..contexts] {
            for option in options {
                requests.push(encoded(context, option)?);
            }
        }
        let own = &requests[start..][..options.len()];
        truncated += usize::from(own.iter().any(too_long));
        owners.push(Owner {
            item: index,
            start,
            options: options.len(),
            documents: requests.len() - start,
        });
    }
    let documents = continuations(learner, &requests)?;
    Ok((Requests::Choose { documents, owners }, truncated))
}

fn options(item: &Item) -> &[String] {
    match &item.gold {
        Gold::Choice { options, .. } => options,
        Gold::Text { .. } => &[],
    }
}
