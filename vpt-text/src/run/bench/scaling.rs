//! Cost against one size at a time.

use super::overhead::median;
use super::setting::Setting;
use super::{Preset, PresetName, machine};
use crate::config::{Method, RunConfig, SubsetSpec};
use crate::run::RunError;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

/// What is varied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Axis {
    /// `data.seq_len`, with as many sequences.
    SequenceLength,
    /// `designer.top_k`.
    TopK,
    /// `value.feedback_batch`.
    FeedbackBatch,
    /// K of `value.subset = "last:K"`.
    SubsetDepth,
    /// The learner's vocabulary.
    Vocabulary,
}

impl Axis {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::SequenceLength,
        Self::TopK,
        Self::FeedbackBatch,
        Self::SubsetDepth,
        Self::Vocabulary,
    ];

    /// Its name in tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::SequenceLength => "sequence-length",
            Self::TopK => "top-k",
            Self::FeedbackBatch => "feedback-batch",
            Self::SubsetDepth => "subset-depth",
            Self::Vocabulary => "vocabulary",
        }
    }

    /// The sizes that are measured, those of `preset` and multiples of it.
    fn sizes(self, preset: &Preset, config: &RunConfig) -> Vec<usize> {
        let from = |size: usize| (0..4).map(|power| size << power).collect();
        match self {
            Self::SequenceLength => from(config.data.seq_len.div_ceil(2)),
            Self::TopK => from(
                config
                    .designer
                    .top_k
                    .min(preset.learner.vocab_size / 8)
                    .max(1),
            ),
            Self::FeedbackBatch => from(config.value.feedback_batch),
            Self::SubsetDepth => {
                let layers = preset.learner.num_hidden_layers;
                let depths = (0..4).map(|power| 1 << power);
                depths.filter(|depth| *depth <= layers).collect()
            }
            Self::Vocabulary => from(preset.learner.vocab_size),
        }
    }

    fn set(self, size: usize, preset: &mut Preset, config: &mut RunConfig) {
        match self {
            Self::SequenceLength => config.data.seq_len = size,
            Self::TopK => config.designer.top_k = size,
            Self::FeedbackBatch => config.value.feedback_batch = size,
            Self::SubsetDepth => config.value.subset = SubsetSpec::Last(size),
            Self::Vocabulary => preset.learner.vocab_size = size,
        }
    }
}

/// Medians of times at one size, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// The size.
    pub size: usize,
    /// A step without targets and value update.
    pub step_seconds: f64,
    /// Making the targets of a step.
    pub target_seconds: f64,
    /// A value update.
    pub update_seconds: f64,
    /// Of that, g_down.
    pub direction_seconds: f64,
    /// The values of tokens.
    pub probe_seconds: f64,
    /// The designer's step.
    pub designer_seconds: f64,
}

/// The slopes of log time against log size, by least squares: 0 is free, 1 is linear.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Exponents {
    /// Of a plain step.
    pub step: f64,
    /// Of making targets.
    pub target: f64,
    /// Of a value update.
    pub update: f64,
}

/// Cost along one axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scaling {
    /// The shapes that it starts from.
    pub preset: PresetName,
    /// The backend.
    pub backend: String,
    /// The processor.
    pub machine: String,
    /// What is varied.
    pub axis: Axis,
    /// By size.
    pub points: Vec<Point>,
    /// How fast it grows.
    pub exponents: Exponents,
}

/// Measures `axis` with `rounds` value updates at each size, after one that is not counted.
///
/// # Errors
/// A config that cannot be run on these shapes, or a step that fails.
pub fn scaling<I: Backend>(
    preset: &Preset,
    config: &RunConfig,
    axis: Axis,
    rounds: usize,
    device: &I::Device,
) -> Result<Scaling, RunError> {
    let mut points = vec![];
    for size in axis.sizes(preset, config) {
        let (mut preset, mut config) = (preset.clone(), config.clone());
        // A step with a value update and one without, in turn.
        config.value.update_every = 2;
        axis.set(size, &mut preset, &mut config);
        points.push(point::<I>(&preset, &config, size, rounds, device)?);
    }
    let slope =
        |figure: fn(&Point) -> f64| slope(points.iter().map(|p| (p.size as f64, figure(p))));
    Ok(Scaling {
        preset: preset.name,
        backend: I::name(device),
        machine: machine(),
        axis,
        exponents: Exponents {
            step: slope(|point| point.step_seconds),
            target: slope(|point| point.target_seconds),
            update: slope(|point| point.update_seconds),
        },
        points,
    })
}

fn point<I: Backend>(
    preset: &Preset,
    config: &RunConfig,
    size: usize,
    rounds: usize,
    device: &I::Device,
) -> Result<Point, RunError> {
    let mut trainer = Setting::<I>::new(preset, config, true, device)?.trainer(Method::Value)?;
    for _ in 0..2 {
        trainer.step()?;
    }
    let (mut steps, mut targets) = (vec![], vec![]);
    let mut parts: [Vec<f64>; 4] = Default::default();
    for _ in 0..2 * rounds.max(1) {
        let report = trainer.step()?;
        let target = report.target_elapsed;
        targets.push(target.as_secs_f64());
        match report.value {
            None => steps.push((report.elapsed - target).as_secs_f64()),
            Some(value) => {
                let times = value.times;
                let found = [times.update(), times.direction, times.probe, times.designer];
                for (all, found) in parts.iter_mut().zip(found) {
                    all.push(found.as_secs_f64());
                }
            }
        }
    }
    let [update, direction, probe, designer] = parts.map(|part| median(part.into_iter()));
    Ok(Point {
        size,
        step_seconds: median(steps.into_iter()),
        target_seconds: median(targets.into_iter()),
        update_seconds: update,
        direction_seconds: direction,
        probe_seconds: probe,
        designer_seconds: designer,
    })
}

/// The slope of log y over log x by least squares.
fn slope(points: impl Iterator<Item = (f64, f64)>) -> f64 {
    let logs: Vec<(f64, f64)> = points.map(|(x, y)| (x.ln(), y.ln())).collect();
    let n = logs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let products = logs.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>();
    products / logs.iter().map(|p| (p.0 - x).powi(2)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::slope;

    #[test]
    fn the_slope_of_a_power_is_its_exponent() {
        let points = [1.0, 2.0, 4.0, 8.0].map(|x: f64| (x, 3.0 * x.powf(1.5)));
        assert!((slope(points.into_iter()) - 1.5).abs() < 1e-12);
        assert!(slope([(1.0, 2.0), (8.0, 2.0)].into_iter()).abs() < 1e-12);
    }
}
