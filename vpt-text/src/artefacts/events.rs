//! The lines of `metrics.jsonl`.
//!
//! JSON has no NaN: a number that diverged is `null` in the file and NaN here.

use serde::{Deserialize, Serialize};
use vpt_core::run::{LogEvent, Times, number};

/// A line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// One learner update.
    Step(StepEvent),
    /// One look at the value.
    Value(ValueEvent),
    /// One step predicted and taken.
    Probe(ProbeEvent),
    /// One pass over a held-out set.
    Evaluation(EvaluationEvent),
    /// An event that a report does not show.
    #[serde(other)]
    Other,
}

/// One learner update.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepEvent {
    /// Learner updates so far.
    pub step: u64,
    /// Unlabelled tokens seen so far.
    pub tokens: u64,
    /// Mean NLL of the labels on the stream.
    #[serde(deserialize_with = "number")]
    pub loss: f64,
    /// Mean cross-entropy to the target that was trained on.
    #[serde(deserialize_with = "number")]
    pub target_loss: f64,
    /// Norm of the learner's gradient before clipping.
    #[serde(deserialize_with = "number")]
    pub grad_norm: f64,
    /// The learning rate.
    #[serde(deserialize_with = "number")]
    pub lr: f64,
    /// Mean gate: the weight taken from the label; 0 for one-hot targets.
    #[serde(default)]
    pub alpha: Option<f64>,
    /// Mean entropy of the target, in nats.
    #[serde(default)]
    pub entropy: Option<f64>,
    /// Mean KL of the target's soft part to the learner's own, in nats.
    #[serde(default)]
    pub kl: Option<f64>,
    /// Wall time of the step.
    #[serde(deserialize_with = "number")]
    pub seconds: f64,
    /// Of that, in making targets.
    #[serde(default)]
    pub target_seconds: Option<f64>,
}

/// One look at the value (eq. 14).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValueEvent {
    /// Learner updates so far.
    pub step: u64,
    /// Unlabelled tokens seen so far.
    #[serde(default)]
    pub tokens: u64,
    /// V of the targets that were trained on.
    #[serde(deserialize_with = "number")]
    pub value: f64,
    /// V of one-hot targets on the same batch, along the steered direction, as the next three are:
    /// g_down, or what `random` drew in its place.
    #[serde(default)]
    pub value_ntp: Option<f64>,
    /// V of the targets that were trained on, as estimated.
    #[serde(default)]
    pub value_target: Option<f64>,
    /// V of the targets of greatest value.
    #[serde(default)]
    pub value_oracle: Option<f64>,
    /// (V − V_ntp) / (V_oracle − V_ntp).
    #[serde(default)]
    pub oracle_share: Option<f64>,
    /// Standard deviation of c over the batch's candidates.
    #[serde(default)]
    pub scale: Option<f64>,
    /// ‖g_down‖ over S.
    #[serde(default)]
    pub g_down_norm: Option<f64>,
    /// ‖g_pre‖ over S.
    #[serde(default)]
    pub g_pre_norm: Option<f64>,
    /// L_down on the feedback batch.
    #[serde(default)]
    pub feedback_loss: Option<f64>,
    /// cos(g_down, g_pre).
    #[serde(default)]
    pub cosine: Option<f64>,
    /// Standard deviation of V over feedback batches.
    #[serde(default)]
    pub noise: Option<f64>,
    /// Wall time of the value update.
    #[serde(default)]
    pub seconds: Option<f64>,
    /// Of that, in g_down.
    #[serde(default)]
    pub direction_seconds: Option<f64>,
    /// In what of the estimate is free of the designer: the values of tokens.
    #[serde(default)]
    pub probe_seconds: Option<f64>,
    /// In the designer's steps.
    #[serde(default)]
    pub designer_seconds: Option<f64>,
    /// Wall time of measuring the noise, beside the update.
    #[serde(default)]
    pub noise_seconds: Option<f64>,
}

/// One step predicted and taken (A.6): falls of the probe batch's loss, in nats a token.
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

/// Which held-out set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Settings are chosen on it.
    Validation,
    /// Text of other kinds.
    OffTarget,
    /// Reported once.
    Test,
}

impl Split {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::OffTarget => "off_target",
            Self::Test => "test",
        }
    }
}

/// One pass over a held-out set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationEvent {
    /// Learner updates so far.
    pub step: u64,
    /// Unlabelled tokens seen so far.
    pub tokens: u64,
    /// Which set.
    pub split: Split,
    /// Σ NLL / Σ answer tokens.
    #[serde(deserialize_with = "number")]
    pub loss: f64,
    /// Mean NLL of the answers' first tokens.
    #[serde(default)]
    pub first: Option<f64>,
    /// Mean NLL of digit tokens.
    #[serde(default)]
    pub digit: Option<f64>,
    /// Share of items answered right by greedy decoding.
    #[serde(default)]
    pub pass_at_1: Option<f64>,
    /// Items in the set.
    pub items: u64,
    /// Wall time of the pass.
    #[serde(default)]
    pub seconds: Option<f64>,
}

impl LogEvent for Event {
    fn step(&self) -> Option<u64> {
        match self {
            Self::Step(event) => Some(event.step),
            Self::Value(event) => Some(event.step),
            Self::Probe(event) => Some(event.step),
            Self::Evaluation(event) => Some(event.step),
            Self::Other => None,
        }
    }

    fn is_closing(&self, steps: usize) -> bool {
        matches!(self, Self::Evaluation(event) if event.step == steps as u64)
    }

    fn times(&self) -> Times {
        match self {
            Self::Step(event) => Times {
                all: event.seconds,
                target: event.target_seconds.unwrap_or(0.0),
                value: 0.0,
            },
            Self::Value(event) => Times {
                value: event.seconds.unwrap_or(0.0),
                ..Times::default()
            },
            _ => Times::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_diverged_is_nan() {
        let line =
            r#"{"event":"evaluation","step":1,"tokens":9,"split":"test","loss":null,"items":2}"#;
        let Event::Evaluation(event) = serde_json::from_str(line).unwrap() else {
            unreachable!("an evaluation")
        };
        assert!(event.loss.is_nan());
    }
}
