//! What a run learns from. The commands that serve every modality see one through [`Modality`].

mod image;
mod text;

pub(crate) use image::Image;
pub(crate) use text::Text;

use crate::config::Keys;
use crate::failure::Failure;
use crate::progress::Progress;
use burn::tensor::backend::Backend;
use clap::ValueEnum;
use serde::Serialize;
use std::path::Path;
use vpt_core::run::{RunOptions, RunOutcome, Tell};

/// The modalities, as the key `modality` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModalityName {
    /// Language.
    Text,
    /// Vision.
    Image,
}

/// A modality's runs.
pub(crate) trait Modality {
    /// What a run is told.
    type Config: Keys;
    /// What observers of a run are told.
    type Told: Serialize;
    /// `summary.json` of a run.
    type Summary: Serialize;
    /// Why a run failed.
    type Error: Into<Failure>;

    /// The methods that an experiment compares unless told.
    const COMPARED: &'static [&'static str];
    /// Controls, which an experiment that is short of time leaves out.
    const OPTIONAL: &'static [&'static str];
    /// The seeds of each method unless told.
    const SEEDS: usize;
    /// `summary.json` of an experiment.
    type Comparison: Serialize;

    /// The run's method, seed and learner steps.
    fn of(config: &Self::Config) -> RunKeys;

    /// What a run will do, for `vpt config --check`.
    fn described(config: &Self::Config) -> String;

    /// Trains as `config` says, into `options.out`.
    ///
    /// # Errors
    /// The library's.
    fn train<B: Backend>(
        config: &Self::Config,
        options: &RunOptions,
        device: &B::Device,
        tell: &mut Tell<'_, Self::Told>,
    ) -> Result<RunOutcome<Self::Summary>, Self::Error>;

    /// Shows an event of a run as it goes.
    fn show(event: &Self::Told, progress: &mut Progress);

    /// How the finished learner did, a line for each set.
    fn figures(summary: &Self::Summary) -> String;

    /// Whether there is a method of this name.
    ///
    /// # Errors
    /// There is none; says which there are.
    fn check_method(name: &str) -> Result<(), String>;

    /// Refuses a run that could not be compared with others.
    ///
    /// # Errors
    /// It could not; says why.
    fn check_comparable(config: &Self::Config) -> Result<(), Failure>;

    /// Writes `summary.json` and `report.html` of the experiment in `folder`; returns the summary and its
    /// table.
    ///
    /// # Errors
    /// A run that cannot be read or compared, or a file that cannot be written.
    fn report(
        folder: &Path,
        methods: &[String],
        seeds: &[u64],
    ) -> Result<(Self::Comparison, String), Failure>;
}

/// What every config has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunKeys {
    pub(crate) method: &'static str,
    pub(crate) seed: u64,
    /// Learner steps.
    pub(crate) steps: usize,
}
