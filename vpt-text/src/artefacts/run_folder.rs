//! The JSON files of a finished run, and the whole folder read back.
//!
//! Fields that are not named here are ignored, so that a run may record more than is reported.
//! JSON has no NaN: a number that diverged is `null` in the file and NaN here.

use super::events::{EvaluationEvent, Event, ProbeEvent, Split, StepEvent, ValueEvent};
use crate::data::Counts;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vpt_core::experiment::Arm;
use vpt_core::run::{ArtefactError, number, read_json, read_lines, read_text};

/// `evaluation.json`: the finished learner on every held-out item.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The set that is reported.
    #[serde(default)]
    pub test: Vec<ItemResult>,
    /// Text of other kinds.
    #[serde(default)]
    pub off_target: Vec<ItemResult>,
    /// The set that settings are chosen on.
    #[serde(default)]
    pub validation: Vec<ItemResult>,
}

/// One held-out item.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ItemResult {
    /// Sum over its answer tokens.
    #[serde(deserialize_with = "number")]
    pub nll: f64,
    /// Its answer tokens.
    pub tokens: u64,
    /// NLL of its first answer token.
    #[serde(deserialize_with = "number")]
    pub first: f64,
    /// Whether that first token is among the digits below.
    #[serde(default)]
    pub first_is_digit: bool,
    /// Sum over its digit tokens.
    #[serde(deserialize_with = "number")]
    pub digit_nll: f64,
    /// Its digit tokens.
    pub digits: u64,
    /// Whether greedy decoding ended in the right number; `None` where it was not decoded.
    #[serde(default)]
    pub pass: Option<bool>,
    /// What greedy decoding said.
    #[serde(default)]
    pub completion: Option<String>,
    /// The right answer.
    #[serde(default)]
    pub gold: Option<String>,
}

/// The means of a held-out set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Σ NLL / Σ answer tokens.
    #[serde(deserialize_with = "number")]
    pub loss: f64,
    /// Mean NLL of first answer tokens.
    pub first: Option<f64>,
    /// Mean NLL of digits.
    pub digit: Option<f64>,
    /// Share of right greedy answers among those decoded.
    pub pass_at_1: Option<f64>,
}

/// `example.json`: one held-out example, with the designer's targets beside the labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// What the learner is given.
    pub prompt: String,
    /// The answer it is scored on.
    pub tokens: Vec<ExampleToken>,
}

/// One label of the example.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExampleToken {
    /// The label.
    pub text: String,
    /// c of the label: positive where a downstream step makes it likelier.
    #[serde(deserialize_with = "number")]
    pub value: f64,
    /// c / σ.
    #[serde(deserialize_with = "number")]
    pub value_scaled: f64,
    /// The gate.
    #[serde(deserialize_with = "number")]
    pub alpha: f64,
    /// The learner's probability of the label.
    #[serde(deserialize_with = "number")]
    pub learner_p: f64,
    /// The learner's top K, and the label.
    #[serde(default)]
    pub candidates: Vec<Candidate>,
}

/// One token the target may put weight on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The token.
    pub text: String,
    /// The learner's probability.
    #[serde(deserialize_with = "number")]
    pub p: f64,
    /// The target's.
    #[serde(deserialize_with = "number")]
    pub q: f64,
    /// c / σ.
    #[serde(deserialize_with = "number")]
    pub value_scaled: f64,
    /// Whether it is the label.
    #[serde(default)]
    pub label: bool,
}

/// `summary.json` of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// How its targets were made.
    pub method: String,
    /// Its seed.
    pub seed: u64,
    /// Learner updates.
    pub steps: u64,
    /// Unlabelled tokens.
    pub tokens: u64,
    /// Parameters of the learner.
    pub learner_parameters: u64,
    /// Parameters of the designer; none where there is none.
    #[serde(default)]
    pub designer_parameters: Option<u64>,
    /// Wall time of the run.
    #[serde(deserialize_with = "number")]
    pub wall_seconds: f64,
    /// The part of it that went into the value.
    #[serde(default)]
    pub value_seconds: Option<f64>,
    /// The part of it that went into making targets.
    #[serde(default)]
    pub target_seconds: Option<f64>,
    /// Hash of the resolved config.
    #[serde(default)]
    pub config_hash: Option<String>,
    /// The unlabelled stream, as the config names it.
    #[serde(default)]
    pub corpus: Option<String>,
    /// The feedback set, as the config names it.
    #[serde(default)]
    pub feedback: Option<String>,
    /// Labelled examples in the feedback set.
    #[serde(default)]
    pub feedback_items: Option<u64>,
    /// What became of the corpus's records.
    #[serde(default)]
    pub documents: Option<Counts>,
    /// The version that ran.
    #[serde(default)]
    pub version: Option<String>,
    /// The finished learner on each held-out set.
    #[serde(default)]
    pub evaluation: BTreeMap<Split, Measurement>,
}

/// A run folder, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The folder.
    pub folder: PathBuf,
    /// `summary.json`.
    pub summary: RunSummary,
    /// `metrics.jsonl`.
    pub events: Vec<Event>,
    /// `evaluation.json`.
    pub evaluation: Evaluation,
    /// `example.json`, where there is one.
    pub example: Option<Example>,
    /// `config.toml` as it stands, where there is one.
    pub config: Option<String>,
}

impl Arm for Run {
    fn method(&self) -> &str {
        &self.summary.method
    }

    fn seed(&self) -> u64 {
        self.summary.seed
    }
}

impl Run {
    /// Reads a run folder.
    ///
    /// # Errors
    /// A file that is missing or malformed, by its name and line.
    pub fn read(folder: &Path) -> Result<Self, ArtefactError> {
        Ok(Self {
            summary: read_json(&folder.join("summary.json"))?,
            events: read_lines(&folder.join("metrics.jsonl"))?,
            evaluation: read_json(&folder.join("evaluation.json"))?,
            example: match folder.join("example.json") {
                path if path.exists() => Some(read_json(&path)?),
                _ => None,
            },
            config: match folder.join("config.toml") {
                path if path.exists() => Some(read_text(&path)?),
                _ => None,
            },
            folder: folder.to_path_buf(),
        })
    }

    /// The learner updates, in order.
    pub fn steps(&self) -> impl Iterator<Item = &StepEvent> {
        self.events.iter().filter_map(|event| match event {
            Event::Step(step) => Some(step),
            _ => None,
        })
    }

    /// The looks at the value, in order.
    pub fn values(&self) -> impl Iterator<Item = &ValueEvent> {
        self.events.iter().filter_map(|event| match event {
            Event::Value(value) => Some(value),
            _ => None,
        })
    }

    /// The steps that were probed, in order.
    pub fn probes(&self) -> impl Iterator<Item = &ProbeEvent> {
        self.events.iter().filter_map(|event| match event {
            Event::Probe(probe) => Some(probe),
            _ => None,
        })
    }

    /// The passes over one held-out set, in order.
    pub fn evaluations(&self, split: Split) -> impl Iterator<Item = &EvaluationEvent> {
        self.events.iter().filter_map(move |event| match event {
            Event::Evaluation(evaluation) if evaluation.split == split => Some(evaluation),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::synthetic;
    use vpt_core::experiment::run_name;

    fn broken(file: &str, text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        synthetic::write_run(folder.path(), "ntp", 0);
        let run = folder.path().join("runs").join(run_name("ntp", 0));
        std::fs::write(run.join(file), text).unwrap();
        Run::read(&run).unwrap_err().to_string()
    }

    #[test]
    fn a_run_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        synthetic::write_run(folder.path(), "value", 1);
        let run = Run::read(&folder.path().join("runs/value-s1")).unwrap();
        assert_eq!(run.summary.method, "value");
        assert_eq!(run.steps().count(), synthetic::STEPS as usize);
        assert!(run.values().count() > 0);
        assert!(run.evaluations(Split::OffTarget).count() > 1);
        assert!(run.example.is_some());
    }

    #[test]
    fn errors_name_file_and_line() {
        let good = r#"{"event":"note","text":"skipped"}"#;
        let message = broken(
            "metrics.jsonl",
            &format!("{good}\n\n{{\"event\":\"step\"}}\n"),
        );
        assert!(
            message.contains("metrics.jsonl:3: missing field"),
            "{message}"
        );
        let message = broken("metrics.jsonl", "{\"event\":\"st");
        assert!(message.contains("metrics.jsonl:1: "), "{message}");
        let message = broken("evaluation.json", "{\n\"test\": [{\"nll\": 1}\n]}");
        assert!(message.contains("evaluation.json:2: "), "{message}");
        let message = broken("example.json", "[]");
        assert!(message.contains("example.json:1: "), "{message}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        synthetic::write_run(folder.path(), "ntp", 0);
        let run = folder.path().join("runs/ntp-s0");
        std::fs::remove_file(run.join("evaluation.json")).unwrap();
        let message = Run::read(&run).unwrap_err().to_string();
        assert!(
            message.contains("evaluation.json: cannot be read"),
            "{message}"
        );
    }
}
