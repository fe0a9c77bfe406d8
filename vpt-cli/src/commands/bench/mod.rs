//! `vpt bench`

mod overhead;
mod scaling;
mod soak;

use crate::args::{BenchArgs, BenchCommand, BenchCommonArgs, ConfigArgs};
use crate::config::TextConfig;
use crate::failure::Failure;
use vpt_text::run::bench::Preset;

/// Measures, and prints a table or JSON.
pub(crate) fn run(args: &BenchArgs) -> Result<(), Failure> {
    match &args.command {
        BenchCommand::Overhead(args) => overhead::run(args),
        BenchCommand::Scaling(args) => scaling::run(args),
        BenchCommand::Soak(args) => soak::run(args),
    }
}

/// The config of the runs that are measured: the preset's settings, and those of the command line over
/// them.
fn config(preset: &Preset, args: &BenchCommonArgs) -> Result<TextConfig, Failure> {
    let set = preset.settings.iter().chain(&args.set);
    Ok(TextConfig::load(
        None,
        &ConfigArgs {
            set: set.cloned().collect(),
            ..ConfigArgs::default()
        },
    )?)
}
