//! The JSON files of a finished run, and the whole folder read back.
//!
//! Fields that are not named here are ignored, so that a run may record more than is reported.

use super::{EvaluationEvent, Event, Figures, ProbeEvent, SetResult, StepEvent, Strip, ValueEvent};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use vpt_core::experiment::Arm;
use vpt_core::run::{ArtefactError, number, read_json, read_lines, read_text};

/// `evaluation.json`: the finished learner on labelled images, and what it is to be compared with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The images that are reported.
    pub test: SetResult,
    /// The images that settings are chosen on.
    #[serde(default)]
    pub validation: SetResult,
    /// The backbone that the run began with, on the test images.
    #[serde(default)]
    pub start: Option<SetResult>,
    /// A backbone of fresh weights, on the test images.
    #[serde(default)]
    pub fresh: Option<SetResult>,
}

/// How a run came to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum Ending {
    /// After its last step.
    Complete,
    /// The k-NN guard ended it, since the features had been worse for a while.
    GuardStop,
    /// The k-NN guard went back to the best checkpoint.
    GuardRollBack {
        /// That checkpoint's step.
        step: u64,
    },
    /// The alarm ended it.
    Collapse {
        /// What had happened.
        message: String,
    },
}

/// `summary.json` of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// What its crops carried.
    pub method: String,
    /// Its seed.
    pub seed: u64,
    /// Learner updates.
    pub steps: u64,
    /// How it ended.
    pub ending: Ending,
    /// Patches of all crops seen.
    pub tokens: u64,
    /// Parameters of the learner, heads included.
    pub learner_parameters: u64,
    /// Parameters of the designer; none where there is none.
    #[serde(default)]
    pub designer_parameters: Option<u64>,
    /// Wall time of the run's steps.
    #[serde(deserialize_with = "number")]
    pub wall_seconds: f64,
    /// The part of it that went into the value.
    #[serde(deserialize_with = "number")]
    pub value_seconds: f64,
    /// Hash of the resolved config.
    pub config_hash: String,
    /// Images of the unlabelled stream that were left out.
    pub skipped: u64,
    /// The version that ran.
    pub version: String,
    /// The finished learner on the validation images.
    pub validation: Figures,
    /// The finished learner on the test images.
    pub test: Figures,
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
    /// Figures, as PNG.
    pub strips: Vec<(Strip, Vec<u8>)>,
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
        let config = folder.join("config.toml");
        Ok(Self {
            summary: read_json(&folder.join("summary.json"))?,
            events: read_lines(&folder.join("metrics.jsonl"))?,
            evaluation: read_json(&folder.join("evaluation.json"))?,
            strips: Strip::read_all(folder)?,
            config: config.exists().then(|| read_text(&config)).transpose()?,
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

    /// The value updates, in order.
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

    /// The passes over labelled images, in order.
    pub fn evaluations(&self) -> impl Iterator<Item = &EvaluationEvent> {
        self.events.iter().filter_map(|event| match event {
            Event::Evaluation(evaluation) => Some(evaluation),
            _ => None,
        })
    }
}
