//! `vpt experiment`

use super::{BackendArgs, ConfigArgs, VerbosityArgs, at_least_one};
use clap::Args;
use std::path::{Path, PathBuf};

pub(crate) const EXAMPLES: &str = "\
Examples:
  vpt experiment headline                                   what value feedback does, in minutes
  vpt experiment headline --seeds 5 --methods ntp,value     more seeds, fewer methods
  vpt experiment headline --set train.steps=400 --out runs/longer
  vpt experiment configs/smollm2.toml --minutes 0           a released model, on sets that scripts/fetch-smollm2 brings

Run it again with the same --out to go on after an interruption: finished runs are kept.";

/// What an experiment's runs are like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Experiment {
    /// The defaults: value feedback on the data in the repository.
    Headline,
    /// The config in this file.
    File(PathBuf),
}

/// `vpt experiment`
#[derive(Debug, Args)]
pub(crate) struct ExperimentArgs {
    /// headline, or the config that the runs share.
    #[arg(value_name = "headline|FILE.toml", value_parser = experiment)]
    pub(crate) name: Experiment,
    /// Seeds 0, 1, ... N - 1 of each method [default: 3].
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) seeds: Option<usize>,
    /// The methods to compare [default: ntp,value,random].
    #[arg(long, value_name = "METHODS", value_delimiter = ',')]
    pub(crate) methods: Vec<String>,
    /// Runs side by side [default: 2, or 1 on a single core].
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) jobs: Option<usize>,
    /// Leave out runs of `random`, the control, that would end after this many minutes; 0: none.
    #[arg(long, value_name = "N", default_value = "10")]
    pub(crate) minutes: u64,
    /// The experiment's folder [default: runs/headline, or runs/ and the file's name].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) verbosity: VerbosityArgs,
    #[command(flatten)]
    pub(crate) backend: BackendArgs,
    #[command(flatten)]
    pub(crate) layers: ConfigArgs,
}

impl ExperimentArgs {
    /// The experiment's folder.
    pub(crate) fn folder(&self) -> PathBuf {
        let name = match &self.name {
            Experiment::Headline => None,
            Experiment::File(file) => file.file_stem(),
        };
        let named = Path::new("runs").join(name.unwrap_or("headline".as_ref()));
        self.out.clone().unwrap_or(named)
    }
}

fn experiment(text: &str) -> Result<Experiment, String> {
    match text {
        "headline" => Ok(Experiment::Headline),
        file if file.ends_with(".toml") => Ok(Experiment::File(file.into())),
        _ => Err("neither 'headline' nor a TOML file".into()),
    }
}
