//! `vpt experiment`

use super::{BackendArgs, ConfigArgs, VerbosityArgs, at_least_one};
use crate::modality::ModalityName;
use clap::Args;
use std::path::{Path, PathBuf};

pub(crate) const EXAMPLES: &str = "\
Examples:
  vpt experiment headline                                   what value feedback does, in minutes
  vpt experiment headline --seeds 5 --methods ntp,value     more seeds, fewer methods
  vpt experiment headline --set train.steps=400 --out runs/longer
  vpt experiment headline-image                             learned views of drawn scenes, in minutes
  vpt experiment configs/smollm2.toml --minutes 0           a released model, on sets that scripts/fetch-smollm2 brings

Run it again with the same --out to go on after an interruption: finished runs are kept.";

const HEADLINE: &str = "headline";
const HEADLINE_IMAGE: &str = "headline-image";

/// What an experiment's runs are like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Experiment {
    /// The defaults of a modality, on the data in the repository.
    Headline(ModalityName),
    /// The config in this file.
    File(PathBuf),
}

/// `vpt experiment`
#[derive(Debug, Args)]
pub(crate) struct ExperimentArgs {
    /// headline, headline-image, or the config that the runs share.
    #[arg(value_name = "headline|headline-image|FILE.toml", value_parser = experiment)]
    pub(crate) name: Experiment,
    /// Seeds 0, 1, ... N - 1 of each method [default: 3, of images 2].
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) seeds: Option<usize>,
    /// The methods to compare [default: ntp,value,random; of images
    /// baseline,value,random-masks,negated].
    #[arg(long, value_name = "METHODS", value_delimiter = ',')]
    pub(crate) methods: Vec<String>,
    /// Runs side by side [default: 2, or 1 on a single core].
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) jobs: Option<usize>,
    /// Leave out runs of controls (random, negated) that would end after this many minutes; 0: none.
    #[arg(long, value_name = "N", default_value = "10")]
    pub(crate) minutes: u64,
    /// The experiment's folder [default: runs/ and the experiment's name].
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
            Experiment::Headline(ModalityName::Text) => HEADLINE.as_ref(),
            Experiment::Headline(ModalityName::Image) => HEADLINE_IMAGE.as_ref(),
            Experiment::File(file) => file.file_stem().unwrap_or_default(),
        };
        let named = Path::new("runs").join(name);
        self.out.clone().unwrap_or(named)
    }
}

fn experiment(text: &str) -> Result<Experiment, String> {
    match text {
        HEADLINE => Ok(Experiment::Headline(ModalityName::Text)),
        HEADLINE_IMAGE => Ok(Experiment::Headline(ModalityName::Image)),
        file if file.ends_with(".toml") => Ok(Experiment::File(file.into())),
        _ => Err("neither 'headline' nor 'headline-image' nor a TOML file".into()),
    }
}
