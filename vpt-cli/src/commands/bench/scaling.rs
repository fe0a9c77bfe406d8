//! `vpt bench scaling`

use crate::args::ScalingArgs;
use crate::backend::{BackendName, BackendTask};
use crate::config::TextConfig;
use crate::failure::Failure;
use crate::output;
use burn::tensor::backend::Backend;
use std::fmt::Write;
use vpt_text::run::RunError;
use vpt_text::run::bench::{Axis, Preset, Scaling, scaling};

pub(super) fn run(args: &ScalingArgs) -> Result<(), Failure> {
    let preset = args.preset.preset();
    let config = super::config(&preset, &args.common)?;
    let backend = BackendName::choose(args.common.backend.backend)?;
    let axes = match &args.axes[..] {
        [] => &Axis::ALL,
        named => named,
    };
    // A line or a table as soon as it is there.
    for &axis in axes {
        let found = backend.run(Along {
            preset: &preset,
            config: &config,
            axis,
            rounds: args.rounds,
        })??;
        match args.common.json {
            true => output::json(&found)?,
            false => output::print(&table(&found))?,
        }
    }
    Ok(())
}

struct Along<'a> {
    preset: &'a Preset,
    config: &'a TextConfig,
    axis: Axis,
    rounds: usize,
}

impl BackendTask for Along<'_> {
    type Output = Result<Scaling, RunError>;

    fn run<B: Backend>(self, device: B::Device) -> Self::Output {
        let (preset, config) = (self.preset, self.config.run());
        scaling::<B>(preset, config, self.axis, self.rounds, &device)
    }
}

fn table(found: &Scaling) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:<16} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10}",
        found.axis.name(),
        "step, s",
        "targets, s",
        "update, s",
        "g_down, s",
        "values, s",
        "designer, s"
    );
    for point in &found.points {
        let _ = writeln!(
            text,
            "{:<16} {:>10.4} {:>10.4} {:>10.4} {:>10.4} {:>10.4} {:>10.4}",
            point.size,
            point.step_seconds,
            point.target_seconds,
            point.update_seconds,
            point.direction_seconds,
            point.probe_seconds,
            point.designer_seconds
        );
    }
    let exponents = found.exponents;
    let _ = writeln!(
        text,
        "{:<16} {:>10.2} {:>10.2} {:>10.2}\n",
        "exponent", exponents.step, exponents.target, exponents.update
    );
    text
}
