//! Vision.

use super::{Modality, RunKeys};
use crate::config::Keys;
use crate::failure::{Failure, failed};
use crate::progress::Progress;
use burn::tensor::backend::Backend;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as NameError;
use std::path::Path;
use vpt_core::run::{ConfigError, RunOptions, RunOutcome, Tell};
use vpt_image::artefacts::{Figures, RunSummary};
use vpt_image::config::{DEFAULT_TOML, Method, RunConfig};
use vpt_image::experiment::{Summary, read_runs, summarise};
use vpt_image::report;
use vpt_image::run::{RunError, RunEvent, train};

/// Runs over images.
pub(crate) enum Image {}

impl Keys for RunConfig {
    const DEFAULT_TOML: &'static str = DEFAULT_TOML;

    fn check(&self) -> Result<(), ConfigError> {
        self.check()
    }
}

impl Modality for Image {
    type Config = RunConfig;
    type Told = RunEvent;
    type Summary = RunSummary;
    type Error = RunError;

    const COMPARED: &'static [&'static str] = &["baseline", "value", "random-masks", "negated"];
    const OPTIONAL: &'static [&'static str] = &["random", "negated"];
    const SEEDS: usize = 2;
    type Comparison = Summary;

    fn of(config: &RunConfig) -> RunKeys {
        RunKeys {
            method: config.method.name(),
            seed: config.seed,
            steps: config.train.steps,
        }
    }

    fn described(config: &RunConfig) -> String {
        let images = config.train.batch_size * config.train.grad_accum;
        format!("{images} images")
    }

    fn train<B: Backend>(
        config: &RunConfig,
        options: &RunOptions,
        device: &B::Device,
        tell: &mut Tell<'_, RunEvent>,
    ) -> Result<RunOutcome<RunSummary>, RunError> {
        train::<B>(config, options, device, tell)
    }

    fn show(event: &RunEvent, progress: &mut Progress) {
        match event {
            RunEvent::Started { start_step, .. } => progress.skip(*start_step),
            RunEvent::Step { loss, .. } => progress.advance(&format!("loss {loss:.4}")),
            RunEvent::Evaluation {
                step,
                split,
                figures,
            } => progress.note(&format!("step {step}  {split}{}", line(figures))),
            RunEvent::Alarm { step, message } => progress.note(&format!("step {step}  {message}")),
            RunEvent::Checkpoint { .. } if progress.is_complete() => progress.say("measuring"),
            RunEvent::Checkpoint { .. } | RunEvent::Value { .. } => {}
        }
    }

    fn figures(summary: &RunSummary) -> String {
        let sets = [("validation", &summary.validation), ("test", &summary.test)];
        let lines = sets.map(|(name, figures)| format!("  {name:<12}{}\n", line(figures)));
        lines.concat()
    }

    fn check_method(name: &str) -> Result<(), String> {
        let method: Result<Method, NameError> = Method::deserialize(name.into_deserializer());
        method.map(drop).map_err(|error| error.to_string())
    }

    /// The test images are always there.
    fn check_comparable(_: &RunConfig) -> Result<(), Failure> {
        Ok(())
    }

    fn report(
        folder: &Path,
        methods: &[String],
        seeds: &[u64],
    ) -> Result<(Summary, String), Failure> {
        let summary = summarise(folder, methods, seeds).map_err(failed)?;
        let runs = read_runs(folder, methods, seeds).map_err(failed)?;
        report::write(folder, &summary, &runs).map_err(failed)?;
        let table = summary.table();
        Ok((summary, table))
    }
}

/// What was measured, in a row.
fn line(figures: &Figures) -> String {
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let metres = |error: f64| format!("{error:.3} m");
    let parts = [
        ("mIoU", figures.miou.map(percent)),
        ("RMSE", figures.rmse.map(metres)),
        ("accuracy", figures.accuracy.map(percent)),
        ("k-NN", figures.knn.map(percent)),
    ];
    let told = parts
        .into_iter()
        .filter_map(|(name, figure)| Some(format!("  {name} {}", figure?)));
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_is_not_said() {
        let figures = Figures {
            miou: Some(0.331),
            rmse: Some(0.412),
            ..Figures::default()
        };
        assert_eq!(line(&figures), "  mIoU 33.1 %  RMSE 0.412 m");
        assert_eq!(line(&Figures::default()), "");
    }
}
