//! `vpt merge`

use crate::args::MergeArgs;
use crate::backend::{BackendName, BackendTask};
use crate::config::TextConfig;
use crate::failure::Failure;
use crate::output;
use burn::tensor::backend::Backend;
use std::path::Path;
use vpt_text::config::RunConfig;
use vpt_text::run::{RunError, merge};

/// Merges adapters into their model.
pub(crate) fn run(args: &MergeArgs) -> Result<(), Failure> {
    let config = TextConfig::load(None, &args.layers)?;
    let backend = BackendName::choose(args.backend.backend)?;
    if config.run().model.adapter.is_empty() {
        return Err(Failure::Usage(
            "model.adapter: names no adapters; give them with --adapter".into(),
        ));
    }
    let merged = backend.run(Merge {
        config: config.run(),
        out: &args.out,
    })??;
    output::line(&format_args!(
        "{}: {merged} weights with their adapters merged",
        args.out.display()
    ))
}

struct Merge<'a> {
    config: &'a RunConfig,
    out: &'a Path,
}

impl BackendTask for Merge<'_> {
    type Output = Result<usize, RunError>;

    fn run<B: Backend>(self, device: B::Device) -> Self::Output {
        merge::<B>(self.config, self.out, &device)
    }
}
