//! `vpt bench overhead`

use crate::args::OverheadArgs;
use crate::backend::{BackendName, BackendTask};
use crate::config::TextConfig;
use crate::failure::Failure;
use crate::output;
use burn::tensor::backend::Backend;
use serde_json::json;
use std::fmt::Write;
use std::process::Command;
use vpt_text::run::RunError;
use vpt_text::run::bench::{Arm, Overhead, OverheadOptions, Pace, Preset, overhead, peak_memory};

pub(super) fn run(args: &OverheadArgs) -> Result<(), Failure> {
    let preset = args.preset.preset();
    let config = super::config(&preset, &args.common)?;
    let backend = BackendName::choose(args.common.backend.backend)?;
    let options = OverheadOptions {
        updates: args.updates,
        windows: args.windows,
        warmup: args.warmup,
        resident: args.resident,
    };
    let measure = Measure {
        preset: &preset,
        config: &config,
        options,
    };
    if let Some(arm) = args.peak_of {
        let bytes = backend.run(Peak { measure, arm })??;
        return output::json(&json!({ "peak_memory_bytes": bytes }));
    }
    // First, while nothing else is in memory here.
    let peaks = [Arm::Baseline, Arm::Value].map(|arm| peak(args, backend, arm));
    let [baseline, value] = peaks;
    let found = backend.run(measure)??.with_peaks(baseline?, value?);
    match args.common.json {
        true => output::json(&found),
        false => output::print(&table(&found)),
    }
}

/// The peak of one loop in a process of its own. A device's memory is not the process's.
fn peak(args: &OverheadArgs, backend: BackendName, arm: Arm) -> Result<Option<u64>, Failure> {
    if !matches!(backend, BackendName::Flex | BackendName::Ndarray) {
        return Ok(None);
    }
    let failed = |message: String| Failure::Run(format!("measuring memory: {message}"));
    let name = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let mut child = Command::new(program);
    child
        .args(["bench", "overhead", "--preset", &name(json!(args.preset))])
        .args(["--peak-of", &name(json!(arm))])
        .args(["--backend", &backend.to_string()])
        .args(["--warmup", &args.warmup.to_string()]);
    if args.resident {
        child.arg("--resident");
    }
    for setting in &args.common.set {
        child.args(["--set", setting]);
    }
    let output = child.output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failed(said.trim().to_owned()));
    }
    let found: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))?;
    Ok(found["peak_memory_bytes"].as_u64())
}

#[derive(Clone, Copy)]
struct Measure<'a> {
    preset: &'a Preset,
    config: &'a TextConfig,
    options: OverheadOptions,
}

impl BackendTask for Measure<'_> {
    type Output = Result<Overhead, RunError>;

    fn run<B: Backend>(self, device: B::Device) -> Self::Output {
        let all = self.options.windows;
        let mut told = |window| output::remark(&format_args!("window {window} of {all}"));
        overhead::<B>(
            self.preset,
            self.config.run(),
            self.options,
            &device,
            &mut told,
        )
    }
}

struct Peak<'a> {
    measure: Measure<'a>,
    arm: Arm,
}

impl BackendTask for Peak<'_> {
    type Output = Result<Option<u64>, RunError>;

    fn run<B: Backend>(self, device: B::Device) -> Self::Output {
        let Measure {
            preset,
            config,
            options,
        } = self.measure;
        peak_memory::<B>(preset, config.run(), options, self.arm, &device)
    }
}

/// Table 3, then the figures beside what is wanted of them.
fn table(found: &Overhead) -> String {
    let mut text = String::new();
    let mut line = |args: std::fmt::Arguments<'_>| {
        let _ = writeln!(text, "{args}");
    };
    line(format_args!(
        "{}, {}: {} tokens a step, a value update every {} steps on {} positions of feedback",
        found.machine,
        found.backend,
        found.tokens_per_step,
        found.update_every,
        found.feedback_positions
    ));
    line(format_args!(
        "{:<10} {:>12} {:>10} {:>12} {:>12}",
        "", "tokens/s", "step, s", "processor, s", "peak, MB"
    ));
    for (name, pace) in [("baseline", &found.baseline), ("value", &found.value)] {
        let Pace {
            step_seconds,
            tokens_per_second,
            processor_seconds,
            peak_memory_bytes,
        } = pace;
        line(format_args!(
            "{name:<10} {tokens_per_second:>12.0} {step_seconds:>10.4} {:>12} {:>12}",
            or_dash(*processor_seconds, 4),
            or_dash(peak_memory_bytes.map(|bytes| bytes as f64 / 1e6), 0)
        ));
    }
    let (least, most) = found.step_time_ratio_range;
    line(format_args!(
        "step time ratios of the windows: {least:.3} to {most:.3}; of processor time: {}",
        or_dash(found.processor_time_ratio, 3)
    ));
    let [direction, probe, designer] = found.update_seconds;
    line(format_args!(
        "a value update: g_down {direction:.4} s, values of tokens {probe:.4} s, designer {designer:.4} s"
    ));
    line(format_args!(
        "the designer's forward passes: {:.2} % of the time\n",
        100.0 * found.designer_forward_fraction
    ));
    line(format_args!(
        "{:<22} {:>9} {:>9} {:>9}",
        "", "found", "wanted", "paper"
    ));
    for target in found.targets() {
        let met = match target.found {
            Some(found) if found <= target.at_most => "met",
            Some(_) => "not met",
            None => "not measured",
        };
        line(format_args!(
            "{:<22} {:>9} {:>9} {:>9}  {met}",
            target.name,
            or_dash(target.found, 4),
            format!("≤ {}", target.at_most),
            target.paper
        ));
    }
    text
}

fn or_dash(figure: Option<f64>, places: usize) -> String {
    figure.map_or("–".into(), |figure| format!("{figure:.places$}"))
}
