//! Whether a continued backbone still is as good as it was.

use serde::{Deserialize, Serialize};
use vpt_core::{CoreError, Stateful, from_state, to_state};

/// When to stop and when to go back, in k-NN accuracy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuardSettings {
    /// This far below the best is still as good.
    pub tolerance: f64,
    /// So many looks in a row below that end the run.
    pub patience: usize,
    /// This far below the best, the run goes back to the best at once.
    pub ruin: f64,
}

impl Default for GuardSettings {
    fn default() -> Self {
        Self {
            tolerance: 0.02,
            patience: 3,
            ruin: 0.1,
        }
    }
}

/// What to do after a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Nothing; `best`: this is the best so far, whose checkpoint is to be kept.
    GoOn {
        /// Better than all before.
        best: bool,
    },
    /// End the run: the features have been worse for a while.
    Stop,
    /// Go back to the checkpoint of this step: the features are ruined.
    RollBack {
        /// The best so far.
        step: usize,
    },
}

/// Judges a run by the k-NN accuracy of its backbone. The first look is the released backbone
/// itself, before any step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnnGuard {
    settings: GuardSettings,
    /// Step and accuracy.
    best: Option<(usize, f64)>,
    /// Looks in a row below the tolerance.
    below: usize,
}

impl KnnGuard {
    /// Before the first look.
    pub fn new(settings: GuardSettings) -> Self {
        Self {
            settings,
            best: None,
            below: 0,
        }
    }

    /// The best accuracy so far and the step it was seen at.
    pub fn best(&self) -> Option<(usize, f64)> {
        self.best
    }

    /// Judges `accuracy`, in [0, 1], at `step`. An accuracy that is no number is ruin.
    pub fn judge(&mut self, step: usize, accuracy: f64) -> Verdict {
        let Some((at, best)) = self.best else {
            self.best = accuracy.is_finite().then_some((step, accuracy));
            return Verdict::GoOn {
                best: self.best.is_some(),
            };
        };
        let lost = best - accuracy;
        if !lost.is_finite() || lost > self.settings.ruin {
            self.below = 0;
            return Verdict::RollBack { step: at };
        }
        if lost < 0.0 {
            self.best = Some((step, accuracy));
        }
        self.below = if lost > self.settings.tolerance {
            self.below + 1
        } else {
            0
        };
        if self.below >= self.settings.patience.max(1) {
            return Verdict::Stop;
        }
        Verdict::GoOn { best: lost < 0.0 }
    }
}

impl Stateful for KnnGuard {
    fn state(&self) -> serde_json::Value {
        to_state(&(self.best, self.below))
    }

    fn restore(&mut self, state: serde_json::Value) -> Result<(), CoreError> {
        (self.best, self.below) = from_state(state)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(accuracies: &[f64]) -> Vec<Verdict> {
        let mut guard = KnnGuard::new(GuardSettings::default());
        let judged = accuracies.iter().enumerate();
        judged.map(|(look, a)| guard.judge(10 * look, *a)).collect()
    }

    const ON: Verdict = Verdict::GoOn { best: false };
    const BEST: Verdict = Verdict::GoOn { best: true };

    #[test]
    fn small_losses_are_borne_and_lasting_ones_end_the_run() {
        let found = verdicts(&[0.8, 0.81, 0.795, 0.78, 0.78, 0.80, 0.78, 0.77, 0.76]);
        let expected = [BEST, BEST, ON, ON, ON, ON, ON, ON, Verdict::Stop];
        assert_eq!(found, expected);
    }

    /// The public report: 80 % to 10 %.
    #[test]
    fn ruin_goes_back_to_the_best() {
        let back = Verdict::RollBack { step: 10 };
        assert_eq!(verdicts(&[0.79, 0.8, 0.1, 0.8]), [BEST, BEST, back, ON]);
        assert_eq!(verdicts(&[0.79, 0.8, f64::NAN])[2], back);
    }

    #[test]
    fn the_guard_resumes_where_it_was() {
        let mut first = KnnGuard::new(GuardSettings::default());
        for (step, accuracy) in [(0, 0.8), (1, 0.7501), (2, 0.7501)] {
            first.judge(step, accuracy);
        }
        let mut second = KnnGuard::new(GuardSettings::default());
        second.restore(first.state()).unwrap();
        assert_eq!(second, first);
        assert_eq!(second.judge(3, 0.7501), Verdict::Stop);
        assert!(second.restore(serde_json::json!("none")).is_err());
    }
}
