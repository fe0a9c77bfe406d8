//! An alarm for runs that learn nothing any more.

use serde::Serialize;
use std::ops::ControlFlow;
use thiserror::Error;
use vpt_core::{CoreError, Observer, StepReport};

/// How a DINO run has collapsed, for so many steps in a row.
#[derive(Clone, Copy, Debug, PartialEq, Error, Serialize)]
#[non_exhaustive]
pub enum Collapse {
    /// The student says nothing.
    #[error("step {step}: the loss sits at ln(outputs): {loss:.4}")]
    UniformLoss {
        /// The last of the steps.
        step: usize,
        /// Its loss.
        loss: f64,
    },
    /// The teacher says nothing.
    #[error("step {step}: the teacher's entropy is ln(outputs): {entropy:.4}")]
    UniformTeacher {
        /// The last of the steps.
        step: usize,
        /// The mean entropy of the teacher's distributions, in nats.
        entropy: f64,
    },
    /// The teacher says the same of every image.
    #[error("step {step}: the teacher uses one output for all images: entropy {usage:.4}")]
    ConstantTeacher {
        /// The last of the steps.
        step: usize,
        /// The entropy of the teacher's mean distribution, in nats.
        usage: f64,
    },
}

/// Watches a DINO run for collapse. A fresh head begins near ln(outputs), so a figure has to stay
/// where it is for `patience` steps before it counts.
///
/// As an [`Observer`] it ends the run.
#[derive(Clone, Debug, PartialEq)]
pub struct CollapseWatch {
    /// ln(outputs).
    uniform: f64,
    patience: usize,
    /// Steps in a row of each kind.
    lasted: [usize; 3],
    found: Option<Collapse>,
}

impl CollapseWatch {
    /// The loss and the teacher's entropy count as ln(outputs) within this share of it.
    const NEAR: f64 = 0.005;
    /// The teacher uses one output when the entropy of its mean is below this share of
    /// ln(outputs).
    const FEW: f64 = 0.02;

    /// For a head of `outputs` prototypes.
    pub fn new(outputs: usize, patience: usize) -> Self {
        Self {
            uniform: (outputs as f64).ln(),
            patience,
            lasted: [0; 3],
            found: None,
        }
    }

    /// Looks at one step; says so at every step at which a collapse has lasted long enough. The
    /// teacher's figures are the measures of
    /// [`SelfDistillation`](super::SelfDistillation), and may be missing.
    pub fn look(&mut self, report: &StepReport) -> Option<Collapse> {
        let measure = |name: &str| {
            let mut measures = report.measures.iter();
            measures
                .find(|(known, _)| *known == name)
                .map(|found| found.1)
        };
        let teacher = ["teacher_entropy", "teacher_usage"].map(measure);
        self.count(report.step, report.loss, teacher)
    }

    /// [`look`](Self::look) at a step that a log tells of: its loss, the teacher's entropy and its
    /// usage.
    pub fn count(
        &mut self,
        step: usize,
        loss: f64,
        [entropy, usage]: [Option<f64>; 2],
    ) -> Option<Collapse> {
        let near = |figure: f64| (figure / self.uniform - 1.0).abs() < Self::NEAR;
        let now = [
            near(loss),
            entropy.is_some_and(near),
            usage.is_some_and(|usage| usage < Self::FEW * self.uniform),
        ];
        for (lasted, now) in self.lasted.iter_mut().zip(now) {
            *lasted = if now { *lasted + 1 } else { 0 };
        }
        let long = self.lasted.map(|lasted| lasted >= self.patience.max(1));
        self.found = match (long, entropy, usage) {
            ([_, true, _], Some(entropy), _) => Some(Collapse::UniformTeacher { step, entropy }),
            ([_, _, true], _, Some(usage)) => Some(Collapse::ConstantTeacher { step, usage }),
            ([true, _, _], _, _) => Some(Collapse::UniformLoss { step, loss }),
            _ => None,
        };
        self.found
    }

    /// What the last step that was looked at showed.
    pub fn found(&self) -> Option<Collapse> {
        self.found
    }
}

impl Observer for CollapseWatch {
    fn observe(&mut self, report: &StepReport) -> Result<ControlFlow<()>, CoreError> {
        Ok(match self.look(report) {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn report(step: usize, loss: f64, entropy: f64, usage: f64) -> StepReport {
        StepReport {
            step,
            tokens: 0,
            loss,
            rate: 0.0,
            gradient_norm: 1.0,
            measures: vec![("teacher_entropy", entropy), ("teacher_usage", usage)],
            value: None,
            probe: None,
            elapsed: Duration::ZERO,
            target_elapsed: Duration::ZERO,
        }
    }

    /// The step at which an alarm comes.
    fn alarm(figures: impl Fn(usize) -> [f64; 3]) -> Option<Collapse> {
        let mut watch = CollapseWatch::new(8192, 3);
        (0..9).find_map(|step| {
            let [loss, entropy, usage] = figures(step);
            let found = watch.look(&report(step, loss, entropy, usage));
            assert_eq!(watch.found(), found);
            found
        })
    }

    #[test]
    fn each_collapse_has_its_alarm() {
        let uniform = 8192_f64.ln();
        assert_eq!(alarm(|_| [6.0, 3.0, 5.0]), None);
        assert_eq!(
            alarm(|_| [uniform, 3.0, 5.0]),
            Some(Collapse::UniformLoss {
                step: 2,
                loss: uniform
            })
        );
        let spoken = Collapse::UniformTeacher {
            step: 4,
            entropy: uniform,
        };
        assert_eq!(
            alarm(
                |step| [uniform, if step < 2 { 8.0 } else { uniform }, uniform]
                    .map(|f| { if step < 2 { f.min(8.0) } else { f } })
            ),
            Some(spoken)
        );
        assert_eq!(
            alarm(|_| [0.01, 0.0, 0.01]),
            Some(Collapse::ConstantTeacher {
                step: 2,
                usage: 0.01
            })
        );
        assert!(
            spoken
                .to_string()
                .starts_with("step 4: the teacher's entropy")
        );
    }

    /// One step elsewhere, and the count begins anew.
    #[test]
    fn passing_by_is_no_collapse() {
        let uniform = 8192_f64.ln();
        let passing = |step: usize| [if step % 3 == 2 { 8.0 } else { uniform }, 3.0, 5.0];
        assert_eq!(alarm(passing), None);
    }

    #[test]
    fn a_collapse_ends_the_run() {
        let mut watch = CollapseWatch::new(10, 2);
        let uniform = 10_f64.ln();
        let mut see = |step, loss| watch.observe(&report(step, loss, 1.0, 2.0)).unwrap();
        assert!(see(0, uniform).is_continue());
        assert!(see(1, 1.5).is_continue());
        assert!(see(2, uniform).is_continue());
        assert!(see(3, uniform).is_break());
    }
}
