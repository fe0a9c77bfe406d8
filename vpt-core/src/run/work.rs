//! What a modality does in a run.

use super::{Fingerprint, Log, LogEvent, Schedule, Times};
use crate::CoreError;
use serde::Serialize;
use std::ops::ControlFlow;
use std::path::Path;

/// An observer of a run; `Break` asks it to end.
pub type Tell<'a, T> = dyn FnMut(&T) -> ControlFlow<()> + 'a;

/// What the measurements so far ask of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    GoOn,
    /// End here, as at the last step.
    Stop,
    /// End with the state of this step, which [`Work::kept`] named.
    RollBack {
        /// The step.
        step: usize,
    },
}

/// A run's own part: a trainer, what it is measured on and what it leaves. [`drive`](super::drive) calls
/// it.
pub trait Work {
    /// A line of `metrics.jsonl`.
    type Event: LogEvent;
    /// What observers are told.
    type Told;
    /// `summary.json`.
    type Summary: Serialize;
    /// What can go wrong.
    type Error: From<CoreError>;

    /// What the run is made from.
    fn fingerprint(&self) -> &Fingerprint;

    /// Learner steps taken.
    fn step(&self) -> usize;

    /// Writes a checkpoint; its state holds [`fingerprint`](Self::fingerprint).
    ///
    /// # Errors
    /// A file that cannot be written.
    fn save(&self, checkpoint: &Path) -> Result<(), Self::Error>;

    /// Puts a checkpoint back.
    ///
    /// # Errors
    /// A file that cannot be read, or another run's.
    fn load(&mut self, checkpoint: &Path) -> Result<(), Self::Error>;

    /// Looks at the log of a run that goes on, after [`load`](Self::load): what earlier measurements said
    /// and no checkpoint holds.
    fn recall(&mut self, events: &[Self::Event]) {
        let _ = events;
    }

    /// What observers are told before the first step.
    fn started(&self, schedule: &Schedule) -> Self::Told;

    /// What observers are told of a checkpoint that was written.
    fn saved(&self) -> Self::Told;

    /// Takes steps until `until`, or until an observer asks to end.
    ///
    /// # Errors
    /// A step or the log fails.
    fn advance(
        &mut self,
        until: usize,
        log: &mut Log,
        tell: &mut Tell<'_, Self::Told>,
    ) -> Result<ControlFlow<()>, Self::Error>;

    /// Measures the learner, on everything if it is the `last` time. `Break` is an observer's wish to end;
    /// of the last measurement it says that it was not completed. One along the way is always completed,
    /// since it belongs to a step that will not be measured again.
    ///
    /// # Errors
    /// A measurement or the log fails.
    fn measure(
        &mut self,
        last: bool,
        log: &mut Log,
        tell: &mut Tell<'_, Self::Told>,
    ) -> Result<ControlFlow<()>, Self::Error>;

    /// What the measurements so far ask for.
    fn verdict(&self) -> Verdict {
        Verdict::GoOn
    }

    /// The step that a verdict may go back to. A checkpoint is written there, and stays.
    fn kept(&self) -> Option<usize> {
        None
    }

    /// Writes what a finished run leaves to its `folder`, all but `summary.json`, and returns that.
    ///
    /// # Errors
    /// A file that cannot be written.
    fn finish(&mut self, folder: &Path, times: Times) -> Result<Self::Summary, Self::Error>;
}
