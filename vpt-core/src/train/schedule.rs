//! Rates over time.

use serde::{Deserialize, Serialize};

/// Linear warm-up, then half a cosine from `peak` to `peak · min_ratio`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CosineSchedule {
    /// The highest rate.
    pub peak: f64,
    /// The last rate over the highest.
    pub min_ratio: f64,
    /// Steps of warm-up; step 0 has `peak / warmup`.
    pub warmup: usize,
    /// Steps in all.
    pub steps: usize,
}

impl CosineSchedule {
    /// The rate of step `step`, counted from 0.
    pub fn rate(&self, step: usize) -> f64 {
        if step < self.warmup {
            return self.peak * (step + 1) as f64 / self.warmup as f64;
        }
        let left = self.steps.saturating_sub(self.warmup).max(1);
        let done = (step - self.warmup).min(left) as f64 / left as f64;
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
        self.peak * (self.min_ratio + (1.0 - self.min_ratio) * cosine)
    }
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The step's number, from 0.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
}

/// Half a cosine from one value to another over a run, without a warm-up: DINO's weight decay and
/// its teacher's momentum.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CosineRamp {
    /// The value of step 0.
    pub from: f64,
    /// The value that is held from the last step on.
    pub to: f64,
}

impl CosineRamp {
    /// to + ½ (from − to) (1 + cos(π · step / steps)).
    pub fn at(&self, progress: Progress) -> f64 {
        let steps = progress.steps.max(1);
        let done = progress.step.min(steps) as f64 / steps as f64;
        self.to + 0.5 * (self.from - self.to) * (1.0 + (std::f64::consts::PI * done).cos())
    }
}

/// When targets are shaped and the designer learns (A.5, A.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cadence {
    /// Learner steps before the targets are anything but plain; `None`: all of them.
    pub burn_in: Option<usize>,
    /// Learner steps from one value update to the next; `None`: no value updates, for fixed
    /// targets that no feedback shapes.
    pub update_every: Option<usize>,
}

impl Cadence {
    /// The compute-matched baseline: plain targets for ever.
    pub fn never() -> Self {
        Self {
            burn_in: None,
            update_every: None,
        }
    }

    /// Whether targets are shaped at `step`.
    pub fn shapes(&self, step: usize) -> bool {
        self.burn_in.is_some_and(|burn_in| step >= burn_in)
    }

    /// Whether the value is computed at `step`.
    pub fn values(&self, step: usize) -> bool {
        match (self.burn_in, self.update_every) {
            (Some(burn_in), Some(every)) => {
                step >= burn_in && (step - burn_in).is_multiple_of(every)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosine_ends_where_it_should() {
        let schedule = CosineSchedule {
            peak: 2.0,
            min_ratio: 0.1,
            warmup: 4,
            steps: 104,
        };
        assert_eq!(schedule.rate(0), 0.5);
        assert_eq!(schedule.rate(3), 2.0);
        assert_eq!(schedule.rate(4), 2.0);
        assert!((schedule.rate(54) - 1.1).abs() < 1e-12);
        assert!((schedule.rate(104) - 0.2).abs() < 1e-12);
    }

    /// DINO's `cosine_scheduler` over four steps.
    #[test]
    fn ramps_are_dinos() {
        let law = |from: f64, to: f64, expected: [f64; 4]| {
            for (step, expected) in expected.into_iter().enumerate() {
                let found = CosineRamp { from, to }.at(Progress { step, steps: 4 });
                assert!((found - expected).abs() < 5e-7, "{found} {expected}");
            }
        };
        law(0.996, 1.0, [0.996, 0.996586, 0.998, 0.999414]);
        law(0.04, 0.4, [0.04, 0.092721, 0.22, 0.347279]);
        let over = Progress { step: 9, steps: 4 };
        assert_eq!(CosineRamp { from: 0.1, to: 0.7 }.at(over), 0.7);
    }

    #[test]
    fn cadence_counts_from_the_end_of_burn_in() {
        let cadence = Cadence {
            burn_in: Some(3),
            update_every: Some(2),
        };
        let due: Vec<usize> = (0..9).filter(|&step| cadence.values(step)).collect();
        assert_eq!(due, [3, 5, 7]);
        assert!(!cadence.shapes(2) && cadence.shapes(3));
        assert!((0..9).all(|step| !Cadence::never().shapes(step)));
    }
}
