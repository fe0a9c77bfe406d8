//! One text run, and what is told of it.

use super::RunError;
use super::assemble::assemble;
use super::work::TextWork;
use crate::artefacts::RunSummary;
use crate::config::RunConfig;
use crate::data::Counts;
use burn::tensor::backend::Backend;
use serde::Serialize;
use vpt_core::run::{RunOptions, RunOutcome, Schedule, Tell, drive};

/// Records between two words on how far a corpus is tokenised; small ones need none.
const TOLD: usize = 1 << 16;

/// What observers of a run are told.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum RunEvent {
    /// The corpus is being tokenised, which a large one takes a while for.
    Tokenised {
        /// Records so far.
        records: usize,
    },
    /// Everything is open.
    Started {
        /// Learner steps in all.
        steps: usize,
        /// Steps already taken.
        start_step: usize,
        /// The learner's parameters.
        parameters: usize,
        /// The head is tied, yet the model's files store one that differs; `model.head` chooses.
        stored_head_differs: bool,
    },
    /// A learner step was taken.
    Step {
        /// Steps taken.
        step: usize,
        /// NLL of the labels.
        loss: f64,
        /// Unlabelled tokens processed.
        tokens: u64,
    },
    /// The designer was updated.
    Value {
        /// Steps taken.
        step: usize,
        /// V.
        value: f64,
        /// Its share of the oracle's.
        oracle_share: Option<f64>,
    },
    /// A held-out set was measured.
    Evaluation {
        /// Steps taken.
        step: usize,
        /// Which set.
        split: String,
        /// Mean NLL of its answer tokens.
        loss: f64,
        /// Share of right greedy answers.
        pass_at_1: Option<f64>,
    },
    /// A checkpoint was written.
    Checkpoint {
        /// Steps taken.
        step: usize,
    },
}

/// Trains as `config` says, into `options.out`. The observer is told of every event and can end
/// the run after the current step, with a checkpoint.
///
/// # Errors
/// Anything that cannot be read, written or run; see [`RunError`].
pub fn train<I: Backend>(
    config: &RunConfig,
    options: &RunOptions,
    device: &I::Device,
    observer: &mut Tell<'_, RunEvent>,
) -> Result<RunOutcome<RunSummary>, RunError> {
    // At once, since opening everything takes a while, and again with the folder locked.
    options.refuse_to_spoil()?;
    let mut told = |Counts { records, .. }: Counts| {
        if records.is_multiple_of(TOLD) {
            // Whether to stop is asked after a step.
            let _ = observer(&RunEvent::Tokenised { records });
        }
    };
    let init_from = options.init_from.as_deref();
    let parts = assemble::<I>(config, init_from, device, &mut told)?;
    let mut work = TextWork::new(config, device, parts)?;
    let schedule = Schedule {
        steps: config.train.steps,
        eval_every: config.train.eval_every,
        checkpoint_every: config.train.checkpoint_every,
    };
    drive(&mut work, schedule, options, observer)
}
