//! `vpt sweep`

use super::{BackendArgs, VerbosityArgs, at_least_one};
use clap::Args;
use std::path::{Path, PathBuf};

pub(crate) const EXAMPLES: &str = "\
Examples:
  vpt sweep configs/headline-image-sweep.toml                   feedback weights and designer, and their front
  vpt sweep configs/headline-image-sweep.toml --trials 4        the first of them
  vpt sweep mine.toml --out runs/mine --json | jq '.trials[] | select(.front == 0)'

Run it again with the same --out to go on after an interruption: finished trials are kept.";

/// `vpt sweep`
#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    /// What is searched: a config, ranges of its keys, the figures sought and who proposes.
    #[arg(value_name = "FILE.toml")]
    pub(crate) file: PathBuf,
    /// Run so many trials in place of the file's number.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) trials: Option<usize>,
    /// Trials side by side, of those that are proposed at a time [default: 2, or 1 on a single core].
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) jobs: Option<usize>,
    /// The sweep's folder [default: runs/ and the file's name].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) verbosity: VerbosityArgs,
    #[command(flatten)]
    pub(crate) backend: BackendArgs,
}

impl SweepArgs {
    /// The sweep's folder.
    pub(crate) fn folder(&self) -> PathBuf {
        let named = Path::new("runs").join(self.file.file_stem().unwrap_or_default());
        self.out.clone().unwrap_or(named)
    }
}
