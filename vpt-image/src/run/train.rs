//! One vision run, and what is told of it.

use super::RunError;
use super::assemble::assemble;
use super::work::VisionWork;
use crate::artefacts::{Figures, RunSummary};
use crate::config::RunConfig;
use burn::tensor::backend::Backend;
use serde::Serialize;
use vpt_core::run::{RunOptions, RunOutcome, Schedule, Tell, drive};

/// What observers of a run are told.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum RunEvent {
    /// Everything is open.
    Started {
        /// Learner steps in all.
        steps: usize,
        /// Steps already taken.
        start_step: usize,
        /// The learner's parameters.
        parameters: usize,
    },
    /// A learner step was taken.
    Step {
        /// Steps taken.
        step: usize,
        /// L_pre.
        loss: f64,
    },
    /// The designer was updated.
    Value {
        /// Steps taken.
        step: usize,
        /// V.
        value: f64,
        /// cos(g_down, g_pre).
        cosine: f64,
    },
    /// Labelled images were looked at.
    Evaluation {
        /// Steps taken.
        step: usize,
        /// Which images, and where it is not the learner's, which backbone.
        split: String,
        /// What was found.
        figures: Figures,
    },
    /// The run has collapsed, and ends.
    Alarm {
        /// Steps taken.
        step: usize,
        /// What has happened.
        message: String,
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
    let parts = assemble::<I>(config, options.init_from.as_deref(), device)?;
    let mut work = VisionWork::new(config, &options.out, parts)?;
    let schedule = Schedule {
        steps: config.train.steps,
        eval_every: config.train.eval_every,
        checkpoint_every: config.train.checkpoint_every,
    };
    drive(&mut work, schedule, options, observer)
}
