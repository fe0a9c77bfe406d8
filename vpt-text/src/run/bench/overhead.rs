//! Table 3 by the protocol of A.5.

use super::meter::{PeakMemory, machine, processor_seconds};
use super::setting::{BenchTrainer, Setting};
use super::{Preset, PresetName};
use crate::config::{Method, RunConfig};
use crate::run::RunError;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};
use std::time::Instant;
use vpt_core::StepReport;

/// How long is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct OverheadOptions {
    /// Value updates in a window; its steps are as many times `value.update_every`.
    pub updates: usize,
    /// Windows that are measured.
    pub windows: usize,
    /// Value updates before the first window.
    pub warmup: usize,
    /// Whether batches stay on the device, so that the stream is not part of a step.
    pub resident: bool,
}

/// Which of the two loops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arm {
    /// Next-token prediction.
    Baseline,
    /// V-Pretraining.
    Value,
}

impl Arm {
    fn method(self) -> Method {
        match self {
            Self::Baseline => Method::Ntp,
            Self::Value => Method::Value,
        }
    }
}

/// One loop's steps, as medians over windows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pace {
    /// Wall time of a window over its steps.
    pub step_seconds: f64,
    /// Unlabelled tokens a second.
    pub tokens_per_second: f64,
    /// Processor time of a step over all threads, where the system tells.
    pub processor_seconds: Option<f64>,
    /// Peak of resident memory over a window, in a process of its own.
    pub peak_memory_bytes: Option<u64>,
}

/// A figure beside what is wanted of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Target {
    /// The figure's name.
    pub name: &'static str,
    /// What was measured; none where it could not be.
    pub found: Option<f64>,
    /// What it should not exceed.
    pub at_most: f64,
    /// What the paper's Table 3 has.
    pub paper: f64,
}

/// What V-Pretraining costs beside the same steps without it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Overhead {
    /// The shapes.
    pub preset: PresetName,
    /// The backend.
    pub backend: String,
    /// The processor.
    pub machine: String,
    /// How long was measured.
    pub options: OverheadOptions,
    /// Unlabelled tokens a step.
    pub tokens_per_step: u64,
    /// Learner steps from one value update to the next.
    pub update_every: usize,
    /// Positions of the feedback batch.
    pub feedback_positions: usize,
    /// The plain loop.
    pub baseline: Pace,
    /// V-Pretraining.
    pub value: Pace,
    /// Step times, V-Pretraining over plain: the median over windows.
    pub step_time_ratio: f64,
    /// The least and the greatest of the windows' ratios.
    pub step_time_ratio_range: (f64, f64),
    /// Tokens a second, V-Pretraining over plain.
    pub tokens_per_second_ratio: f64,
    /// Processor time, V-Pretraining over plain.
    pub processor_time_ratio: Option<f64>,
    /// Peak memory, V-Pretraining over plain.
    pub peak_memory_ratio: Option<f64>,
    /// Value updates over the whole time of their window (A.5's GPU fraction).
    pub value_update_fraction: f64,
    /// What a step without a value update takes beyond a plain one, over a plain one.
    pub target_fraction: f64,
    /// The designer's forward passes over the whole time of their window.
    pub designer_forward_fraction: f64,
    /// Parts of a value update, in seconds: g_down, the values of tokens, the designer's steps.
    pub update_seconds: [f64; 3],
}

impl Overhead {
    /// The figures that are to be small.
    pub fn targets(&self) -> Vec<Target> {
        let target = |name, found, at_most, paper| Target {
            name,
            found,
            at_most,
            paper,
        };
        vec![
            target("step_time_ratio", Some(self.step_time_ratio), 1.05, 1.189),
            target("target_fraction", Some(self.target_fraction), 0.03, 0.164),
            target(
                "value_update_fraction",
                Some(self.value_update_fraction),
                0.01,
                0.0216,
            ),
            target("peak_memory_ratio", self.peak_memory_ratio, 1.01, 1.043),
        ]
    }

    /// With the peaks of both loops, which need a process each.
    #[must_use]
    pub fn with_peaks(mut self, baseline: Option<u64>, value: Option<u64>) -> Self {
        self.baseline.peak_memory_bytes = baseline;
        self.value.peak_memory_bytes = value;
        let pair = baseline.zip(value);
        self.peak_memory_ratio = pair.map(|(baseline, value)| value as f64 / baseline as f64);
        self
    }
}

/// The steps of one loop in one window.
#[derive(Default)]
struct Window {
    seconds: f64,
    processor: Option<f64>,
    /// Of each step without a value update.
    between: Vec<f64>,
    update: f64,
    parts: [f64; 3],
    updates: usize,
    forward: f64,
    tokens: u64,
}

impl Window {
    fn new() -> Self {
        Self {
            processor: Some(0.0),
            ..Self::default()
        }
    }

    fn count(&mut self, report: &StepReport, seconds: f64, processor: Option<f64>) {
        self.seconds += seconds;
        self.processor = self.processor.zip(processor).map(|(sum, more)| sum + more);
        self.forward += report.target_elapsed.as_secs_f64();
        match &report.value {
            None => self.between.push(seconds),
            Some(value) => {
                let times = value.times;
                self.updates += 1;
                self.update += times.update().as_secs_f64();
                let parts = [times.direction, times.probe, times.designer];
                for (sum, part) in self.parts.iter_mut().zip(parts) {
                    *sum += part.as_secs_f64();
                }
            }
        }
    }
}

/// One loop.
struct Lane<'a, I: Backend> {
    trainer: BenchTrainer<I>,
    device: &'a I::Device,
}

impl<I: Backend> Lane<'_, I> {
    /// One step on a clock that is synchronised at both ends.
    fn step(&mut self, window: &mut Window) -> Result<(), RunError> {
        let _ = I::sync(self.device);
        let (processor, start) = (processor_seconds(), Instant::now());
        let before = self.trainer.tokens;
        let report = self.trainer.step()?;
        let _ = I::sync(self.device);
        let seconds = start.elapsed().as_secs_f64();
        let used = processor_seconds().zip(processor);
        window.tokens += self.trainer.tokens - before;
        window.count(&report, seconds, used.map(|(after, before)| after - before));
        Ok(())
    }
}

/// Measures both loops side by side, step by step in turn, so that whatever else the machine does
/// hits them alike; a window is the sum of its steps. Peaks of memory are left out: both loops are in
/// memory here. `told` hears of each window measured.
///
/// # Errors
/// A config that cannot be run on these shapes, or a step that fails.
pub fn overhead<I: Backend>(
    preset: &Preset,
    config: &RunConfig,
    options: OverheadOptions,
    device: &I::Device,
    told: &mut dyn FnMut(usize),
) -> Result<Overhead, RunError> {
    let setting = Setting::<I>::new(preset, config, options.resident, device)?;
    let lane = |arm: Arm| -> Result<Lane<'_, I>, RunError> {
        let trainer = setting.trainer(arm.method())?;
        Ok(Lane { trainer, device })
    };
    let mut lanes = [lane(Arm::Baseline)?, lane(Arm::Value)?];
    let every = config.value.update_every;
    let mut windows: Vec<[Window; 2]> = vec![];
    let mut pass = |updates: usize| -> Result<[Window; 2], RunError> {
        let mut pair = [Window::new(), Window::new()];
        for step in 0..updates * every {
            // Neither is always the one that finds the other's data in the caches.
            for which in [step % 2, 1 - step % 2] {
                lanes[which].step(&mut pair[which])?;
            }
        }
        Ok(pair)
    };
    pass(options.warmup)?;
    for window in 0..options.windows.max(1) {
        windows.push(pass(options.updates.max(1))?);
        told(window + 1);
    }
    Ok(summary::<I>(
        &setting, preset, config, options, &windows, device,
    ))
}

fn summary<I: Backend>(
    setting: &Setting<I>,
    preset: &Preset,
    config: &RunConfig,
    options: OverheadOptions,
    windows: &[[Window; 2]],
    device: &I::Device,
) -> Overhead {
    let steps = (options.updates.max(1) * config.value.update_every) as f64;
    let over = |figure: &dyn Fn(&[Window; 2]) -> f64| median(windows.iter().map(figure));
    let pace = |which: usize| {
        let seconds = over(&|pair| pair[which].seconds / steps);
        let tokens = windows[0][which].tokens as f64 / steps;
        let told = windows.iter().all(|pair| pair[which].processor.is_some());
        Pace {
            step_seconds: seconds,
            tokens_per_second: tokens / seconds,
            processor_seconds: told
                .then(|| over(&|pair| pair[which].processor.unwrap_or_default() / steps)),
            peak_memory_bytes: None,
        }
    };
    let ratio = |pair: &[Window; 2]| pair[1].seconds / pair[0].seconds;
    let ratios = || windows.iter().map(ratio);
    let between = |which: usize| {
        let all = windows.iter().flat_map(|pair| &pair[which].between);
        median(all.copied())
    };
    let (baseline, value) = (pace(0), pace(1));
    let updates: usize = windows.iter().map(|pair| pair[1].updates).sum();
    let part = |index: usize| -> f64 {
        let sum: f64 = windows.iter().map(|pair| pair[1].parts[index]).sum();
        sum / updates.max(1) as f64
    };
    Overhead {
        preset: preset.name,
        backend: I::name(device),
        machine: machine(),
        options,
        tokens_per_step: (windows[0][0].tokens as f64 / steps) as u64,
        update_every: config.value.update_every,
        feedback_positions: setting.feedback_positions(),
        step_time_ratio: over(&ratio),
        step_time_ratio_range: (
            ratios().fold(f64::INFINITY, f64::min),
            ratios().fold(0.0, f64::max),
        ),
        tokens_per_second_ratio: over(&|pair| {
            let rate = |window: &Window| window.tokens as f64 / window.seconds;
            rate(&pair[1]) / rate(&pair[0])
        }),
        processor_time_ratio: baseline
            .processor_seconds
            .zip(value.processor_seconds)
            .filter(|(baseline, _)| *baseline > 0.0)
            .map(|(baseline, value)| value / baseline),
        peak_memory_ratio: None,
        value_update_fraction: over(&|pair| pair[1].update / pair[1].seconds),
        target_fraction: between(1) / between(0) - 1.0,
        designer_forward_fraction: over(&|pair| pair[1].forward / pair[1].seconds),
        update_seconds: [part(0), part(1), part(2)],
        baseline,
        value,
    }
}

/// The peak of resident memory of one loop after its warm-up, over one window; none where the system
/// does not tell. A process that has done anything else before may hold that too.
///
/// # Errors
/// As [`overhead`].
pub fn peak_memory<I: Backend>(
    preset: &Preset,
    config: &RunConfig,
    options: OverheadOptions,
    arm: Arm,
    device: &I::Device,
) -> Result<Option<u64>, RunError> {
    let setting = Setting::<I>::new(preset, config, options.resident, device)?;
    let trainer = setting.trainer(arm.method())?;
    let (mut lane, mut unused) = (Lane { trainer, device }, Window::new());
    let every = config.value.update_every;
    // Optimisers have their moments after one step, and the designer after one value update.
    for _ in 0..options.warmup.min(1) * every {
        lane.step(&mut unused)?;
    }
    let peak = PeakMemory::from_now();
    for _ in 0..every {
        lane.step(&mut unused)?;
    }
    Ok(peak.and_then(|peak| peak.bytes()))
}

/// The middle of `values`; 0 if there are none.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        length if length % 2 == 1 => values[middle],
        _ => 0.5 * (values[middle - 1] + values[middle]),
    }
}
