//! The trainers that are compared, and their data.

use super::Preset;
use crate::config::{Method, RunConfig};
use crate::data::{Corpus, Counts, Document, Documents, FeedbackSet, Prefetch};
use crate::decoder::Decoder;
use crate::run::RunError;
use crate::run::assemble::{self, Learned, Purpose, generator};
use crate::run::learns::Learning;
use crate::run::source::PackedSource;
use crate::task::{TextBatch, TextTask};
use burn::tensor::backend::Backend;
use rand::Rng;
use std::path::PathBuf;
use std::sync::Arc;
use vpt_core::{CoreError, Source, Stateful, StepData};

/// Documents in the stream: more than the longest run here reads would change nothing.
const DOCUMENTS: usize = 512;
/// Steps whose batches are made beforehand where the stream is not part of what is measured.
const RESIDENT: usize = 4;

/// Where batches come from.
pub(super) enum BenchSource<I: Backend> {
    /// The stream of a run: packing, prefetch and transfer are part of a step.
    Stream(Box<PackedSource<I>>),
    /// A few batches that stay on the device, over and over (A.5's compute-only variant).
    Resident(Vec<(Vec<TextBatch<I>>, u64)>, usize),
}

impl<I: Backend> Source<TextTask, I> for BenchSource<I> {
    fn next_step(&mut self) -> Result<StepData<TextTask, I>, CoreError> {
        match self {
            Self::Stream(stream) => stream.next_step(),
            Self::Resident(steps, next) => {
                let (batches, tokens) = steps[*next % steps.len()].clone();
                *next += 1;
                Ok(StepData { batches, tokens })
            }
        }
    }
}

impl<I: Backend> Stateful for BenchSource<I> {
    fn state(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    fn restore(&mut self, _: serde_json::Value) -> Result<(), CoreError> {
        Ok(())
    }
}

pub(super) type BenchTrainer<I> = assemble::TrainerOver<I, BenchSource<I>>;

/// A learner of random weights with everything that a trainer needs.
pub(super) struct Setting<I: Backend> {
    config: RunConfig,
    learned: Learned<I>,
    corpus: Arc<Corpus>,
    feedback: Vec<Document>,
    resident: bool,
    device: I::Device,
}

impl<I: Backend> Setting<I> {
    pub(super) fn new(
        preset: &Preset,
        config: &RunConfig,
        resident: bool,
        device: &I::Device,
    ) -> Result<Self, RunError> {
        config.check()?;
        let (seed, vocab) = (config.seed, preset.learner.vocab_size as u32);
        let draws = &mut generator(seed, Purpose::Learner);
        let refused = |source| RunError::ModelConfig {
            path: PathBuf::from(format!("preset {:?}", preset.name)),
            source,
        };
        let learner = Decoder::init(&preset.learner, draws, device).map_err(refused)?;
        let (learning, learner) = Learning::of(config, learner)?;
        let mut draws = generator(seed, Purpose::Stream);
        let mut document = |prompt: usize, answer: usize| {
            let mut tokens = |count: usize| -> Vec<u32> {
                (0..count).map(|_| draws.random_range(0..vocab)).collect()
            };
            Document {
                prompt: tokens(prompt),
                answer: tokens(answer),
            }
        };
        let (prompt, answer) = preset.feedback;
        let examples = 4 * config.value.feedback_batch;
        let feedback = (0..examples).map(|_| document(prompt, answer)).collect();
        let mut lengths = generator(seed, Purpose::Feedback);
        // Half to one and a half times the mean.
        let mut around = |mean: usize| lengths.random_range(mean.div_ceil(2)..=mean + mean / 2);
        let (prompt, answer) = preset.document;
        let documents = (0..DOCUMENTS).map(|_| {
            let prompt = around(prompt).min(config.data.seq_len / 2);
            let room = config.data.seq_len + 1 - prompt;
            document(prompt, around(answer).min(room))
        });
        let documents = Documents {
            documents: documents.collect(),
            sources: (0..DOCUMENTS).collect(),
            counts: Counts {
                records: DOCUMENTS,
                documents: DOCUMENTS,
                ..Counts::default()
            },
        };
        Ok(Self {
            corpus: Arc::new(Corpus::new(&PathBuf::from("random documents"), documents)?),
            config: config.clone(),
            learned: (learner, learning),
            feedback,
            resident,
            device: device.clone(),
        })
    }

    /// Positions of the feedback batches, padding included.
    pub(super) fn feedback_positions(&self) -> usize {
        let examples = self.feedback.iter().take(self.config.value.feedback_batch);
        examples.map(Document::positions).sum()
    }

    /// A trainer by `method` with a clock that waits for the device, and the same start and stream
    /// whatever the method.
    pub(super) fn trainer(&self, method: Method) -> Result<BenchTrainer<I>, RunError> {
        let config = RunConfig {
            method,
            ..self.config.clone()
        };
        let set = FeedbackSet::of(
            self.feedback.clone(),
            generator(config.seed, Purpose::Feedback),
        );
        let feedback = config
            .method
            .needs_feedback()
            .then(|| assemble::direction::<I>(set, &config, &self.device));
        let (learner, learning) = &self.learned;
        let learned = (learner.clone(), learning.clone());
        let source = self.source()?;
        let mut trainer = assemble::trainer(&config, learned, source, feedback, &self.device);
        trainer.synchronised = true;
        Ok(trainer)
    }

    fn source(&self) -> Result<BenchSource<I>, RunError> {
        let config = &self.config;
        let stream = assemble::stream(config, self.corpus.clone());
        let ahead = if self.resident {
            0
        } else {
            config.data.prefetch
        };
        let mut stream = PackedSource {
            stream: Prefetch::new(stream, config.train.batch_size, ahead),
            accumulation: config.train.grad_accum,
            device: self.device.clone(),
        };
        if !self.resident {
            return Ok(BenchSource::Stream(Box::new(stream)));
        }
        let steps = (0..RESIDENT).map(|_| {
            let step = stream.next_step()?;
            Ok((step.batches, step.tokens))
        });
        let steps: Result<_, CoreError> = steps.collect();
        Ok(BenchSource::Resident(steps?, 0))
    }
}
