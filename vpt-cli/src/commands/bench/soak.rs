//! `vpt bench soak`

use crate::args::SoakArgs;
use crate::backend::{BackendName, BackendTask};
use crate::config::TextConfig;
use crate::failure::Failure;
use crate::output;
use burn::tensor::backend::Backend;
use std::fmt::Write;
use vpt_text::run::RunError;
use vpt_text::run::bench::{Preset, Resident, Soak, soak};

pub(super) fn run(args: &SoakArgs) -> Result<(), Failure> {
    let preset = args.preset.preset();
    let config = super::config(&preset, &args.common)?;
    let backend = BackendName::choose(args.common.backend.backend)?;
    let found = backend.run(Long {
        preset: &preset,
        config: &config,
        steps: args.steps,
        looks: args.looks,
    })??;
    match args.common.json {
        true => output::json(&found),
        false => output::print(&table(&found)),
    }
}

struct Long<'a> {
    preset: &'a Preset,
    config: &'a TextConfig,
    steps: usize,
    looks: usize,
}

impl BackendTask for Long<'_> {
    type Output = Result<Soak, RunError>;

    fn run<B: Backend>(self, device: B::Device) -> Self::Output {
        let (preset, config) = (self.preset, self.config.run());
        let mut told = |point: Resident| {
            output::remark(&format_args!("step {} of {}", point.steps, self.steps));
        };
        soak::<B>(preset, config, self.steps, self.looks, &device, &mut told)
    }
}

fn table(found: &Soak) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{}, {}", found.machine, found.backend);
    let _ = writeln!(text, "{:>10} {:>14}", "steps", "resident, MB");
    for Resident { steps, bytes } in &found.points {
        let bytes = bytes.map_or("–".into(), |bytes| format!("{:.2}", bytes as f64 / 1e6));
        let _ = writeln!(text, "{steps:>10} {bytes:>14}");
    }
    let growth = found.growth.map_or("–".into(), |growth| {
        format!("{:.1} kB a thousand steps", growth / 1e3)
    });
    let _ = writeln!(text, "growth over the second half: {growth}");
    text
}
