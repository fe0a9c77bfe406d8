//! Where a run goes, and when what is due.

use super::folder::holds_run;
use crate::CoreError;
use std::path::PathBuf;

/// Where a run goes and how it begins and ends; no part of what it computes.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The run folder.
    pub out: PathBuf,
    /// Go on from the folder's newest checkpoint.
    pub resume: bool,
    /// Stop after this many learner steps in all, with a checkpoint.
    pub stop_after: Option<usize>,
    /// Take the learner's weights (and nothing else) from this model or run folder.
    pub init_from: Option<PathBuf>,
    /// The resolved, annotated config, kept as `config.toml`.
    pub config_text: String,
}

impl RunOptions {
    /// Refuses a new run where there is one already.
    ///
    /// # Errors
    /// The folder holds a run, or cannot be read.
    pub fn refuse_to_spoil(&self) -> Result<(), CoreError> {
        if !self.resume && holds_run(&self.out)? {
            return Err(CoreError::folder(
                &self.out,
                "holds a run already; choose another --out, or --resume it",
            ));
        }
        Ok(())
    }
}

/// A run's length, and what is due along it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Learner steps in all.
    pub steps: usize,
    /// Steps between measurements; 0: only before the first and after the last.
    pub eval_every: usize,
    /// Steps between checkpoints; 0: only after the last.
    pub checkpoint_every: usize,
}

impl Schedule {
    /// The next step after `taken` at which something other than a step is due.
    pub(super) fn next_stop(&self, taken: usize) -> usize {
        let next = |every: usize| match every {
            0 => self.steps,
            _ => (taken / every + 1) * every,
        };
        next(self.eval_every)
            .min(next(self.checkpoint_every))
            .min(self.steps)
    }

    /// Whether what happens every so many steps is due at `step`; at the last, [`drive`](super::drive) does
    /// everything anyway.
    pub(super) fn is_due(&self, every: usize, step: usize) -> bool {
        every > 0 && step.is_multiple_of(every) && step < self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_are_where_something_is_due() {
        let schedule = Schedule {
            steps: 12,
            eval_every: 5,
            checkpoint_every: 4,
        };
        let mut stops = vec![];
        let mut taken = 0;
        while taken < 12 {
            taken = schedule.next_stop(taken);
            stops.push(taken);
        }
        assert_eq!(stops, [4, 5, 8, 10, 12]);
        assert!(schedule.is_due(4, 8) && !schedule.is_due(5, 8) && !schedule.is_due(4, 12));
        let never = Schedule {
            eval_every: 0,
            checkpoint_every: 0,
            ..schedule
        };
        assert_eq!(never.next_stop(0), 12);
        assert!(!never.is_due(0, 0));
    }
}
