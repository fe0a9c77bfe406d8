//! The lines of `metrics.jsonl`.
//!
//! JSON has no NaN: a number that diverged is `null` in the file and NaN here.

use super::Figures;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vpt_core::run::{LogEvent, Times, number};

/// A line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// One learner update.
    Step(StepEvent),
    /// One value update.
    Value(ValueEvent),
    /// One step predicted and taken.
    Probe(ProbeEvent),
    /// One pass over labelled images.
    Evaluation(EvaluationEvent),
    /// The run has collapsed, and ends.
    Alarm(AlarmEvent),
    /// An event that a report does not show.
    #[serde(other)]
    Other,
}

/// One learner update.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepEvent {
    /// Learner updates so far.
    pub step: u64,
    /// Patches of all crops seen so far.
    pub tokens: u64,
    /// L_pre of the step.
    #[serde(deserialize_with = "number")]
    pub loss: f64,
    /// Norm of the learner's gradient before clipping.
    #[serde(deserialize_with = "number")]
    pub grad_norm: f64,
    /// The learning rate.
    #[serde(deserialize_with = "number")]
    pub lr: f64,
    /// What else the task says of the step: `mask_kept`, `mask_tv`, `teacher_entropy`,
    /// `teacher_usage`, `teacher_spread`.
    #[serde(default)]
    pub measures: BTreeMap<String, Option<f64>>,
    /// Wall time of the step.
    #[serde(deserialize_with = "number")]
    pub seconds: f64,
}

impl StepEvent {
    /// One of the task's figures.
    pub fn measure(&self, name: &str) -> Option<f64> {
        self.measures.get(name).copied().flatten()
    }
}

/// One value update (eq. 14).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValueEvent {
    /// Learner updates so far.
    pub step: u64,
    /// V of the crops that were trained on, along g_down.
    #[serde(deserialize_with = "number")]
    pub value: f64,
    /// cos(g_down, g_pre) over S.
    #[serde(deserialize_with = "number")]
    pub cosine: f64,
    /// ‖g_down‖ over S.
    #[serde(deserialize_with = "number")]
    pub g_down_norm: f64,
    /// ‖g_pre‖ over S.
    #[serde(deserialize_with = "number")]
    pub g_pre_norm: f64,
    /// V by kind of feedback, where there are several.
    #[serde(default)]
    pub parts: BTreeMap<String, Option<f64>>,
    /// L_down by kind of feedback.
    #[serde(default)]
    pub losses: BTreeMap<String, Option<f64>>,
    /// Standard deviation of V over feedback batches.
    #[serde(default)]
    pub noise: Option<f64>,
    /// Wall time of the value update.
    #[serde(deserialize_with = "number")]
    pub seconds: f64,
    /// Of that, in g_down, heads included.
    #[serde(deserialize_with = "number")]
    pub direction_seconds: f64,
}

/// One step predicted and taken (A.6): falls of the probe batch's loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeEvent {
    /// Learner updates so far.
    pub step: u64,
    /// The probe batch's loss before the step.
    #[serde(deserialize_with = "number")]
    pub loss: f64,
    /// ηV of a step along −g_pre, as long as the optimiser's.
    #[serde(deserialize_with = "number")]
    pub sgd_predicted: f64,
    /// What that step brought.
    #[serde(deserialize_with = "number")]
    pub sgd_realised: f64,
    /// −⟨g_down, Δθ⟩ of the optimiser's own step.
    #[serde(deserialize_with = "number")]
    pub update_predicted: f64,
    /// What that step brought.
    #[serde(deserialize_with = "number")]
    pub update_realised: f64,
    /// cos(−g_pre, Δθ).
    #[serde(deserialize_with = "number")]
    pub cosine: f64,
}

/// Which labelled images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Settings are chosen on them.
    Validation,
    /// Reported once.
    Test,
}

impl Split {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// Which backbone was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// The run's own.
    Learner,
    /// The one that the run began with.
    Start,
    /// One of fresh weights.
    Fresh,
}

/// One pass over labelled images, by heads that were trained for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationEvent {
    /// Learner updates so far.
    pub step: u64,
    /// Which images.
    pub split: Split,
    /// Which backbone.
    pub subject: Subject,
    /// Whether it is of the end of the run, which a resumed run measures again.
    pub last: bool,
    /// What was found.
    pub figures: Figures,
    /// Wall time of the pass, heads included.
    #[serde(deserialize_with = "number")]
    pub seconds: f64,
}

/// The alarm of a run that learns nothing any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlarmEvent {
    /// Learner updates so far.
    pub step: u64,
    /// What has happened.
    pub message: String,
}

impl LogEvent for Event {
    fn step(&self) -> Option<u64> {
        match self {
            Self::Step(event) => Some(event.step),
            Self::Value(event) => Some(event.step),
            Self::Probe(event) => Some(event.step),
            Self::Evaluation(event) => Some(event.step),
            Self::Alarm(event) => Some(event.step),
            Self::Other => None,
        }
    }

    fn is_closing(&self, _: usize) -> bool {
        matches!(self, Self::Evaluation(event) if event.last)
    }

    fn times(&self) -> Times {
        match self {
            Self::Step(event) => Times {
                all: event.seconds,
                ..Times::default()
            },
            Self::Value(event) => Times {
                value: event.seconds,
                ..Times::default()
            },
            _ => Times::default(),
        }
    }
}
