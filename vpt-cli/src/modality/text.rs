//! Language.

use super::{Modality, RunKeys};
use crate::config::Keys;
use crate::failure::{Failure, failed};
use crate::output;
use crate::progress::Progress;
use burn::tensor::backend::Backend;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as NameError;
use std::fmt::Write;
use std::path::Path;
use vpt_core::run::{ConfigError, RunOptions, RunOutcome, Tell};
use vpt_text::artefacts::RunSummary;
use vpt_text::config::{DEFAULT_TOML, Method, RunConfig};
use vpt_text::experiment::{Summary, read_runs, summarise};
use vpt_text::report;
use vpt_text::run::{RunError, RunEvent, train};

/// Runs over text.
pub(crate) enum Text {}

impl Keys for RunConfig {
    const DEFAULT_TOML: &'static str = DEFAULT_TOML;

    fn check(&self) -> Result<(), ConfigError> {
        self.check()
    }
}

impl Modality for Text {
    type Config = RunConfig;
    type Told = RunEvent;
    type Summary = RunSummary;
    type Error = RunError;

    const COMPARED: &'static [&'static str] = &["ntp", "value", "random"];
    const OPTIONAL: &'static [&'static str] = &["random"];
    const SEEDS: usize = 3;
    type Comparison = Summary;

    fn of(config: &RunConfig) -> RunKeys {
        RunKeys {
            method: config.method.name(),
            seed: config.seed,
            steps: config.train.steps,
        }
    }

    fn described(config: &RunConfig) -> String {
        format!(
            "{} sequences of {} tokens",
            config.train.batch_size * config.train.grad_accum,
            config.data.seq_len
        )
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
            RunEvent::Tokenised { records } => {
                progress.say(&format!("tokenising: {records} records"));
            }
            RunEvent::Started {
                start_step,
                stored_head_differs,
                ..
            } => {
                progress.skip(*start_step);
                if *stored_head_differs {
                    progress.note(output::STORED_HEAD_DIFFERS);
                }
            }
            RunEvent::Step { loss, .. } => progress.advance(&format!("loss {loss:.4}")),
            RunEvent::Evaluation {
                step,
                split,
                loss,
                pass_at_1,
            } => {
                let mut line = format!("step {step}  {split} loss {loss:.4}");
                if let Some(share) = pass_at_1 {
                    let _ = write!(line, "  Pass@1 {:.1} %", 100.0 * share);
                }
                progress.note(&line);
            }
            RunEvent::Checkpoint { .. } if progress.is_complete() => progress.say("measuring"),
            RunEvent::Checkpoint { .. } | RunEvent::Value { .. } => {}
        }
    }

    fn figures(summary: &RunSummary) -> String {
        let mut text = String::new();
        for (split, result) in &summary.evaluation {
            let _ = write!(text, "  {:<12}  loss {:.4}", split.name(), result.loss);
            if let Some(share) = result.pass_at_1 {
                let _ = write!(text, "  Pass@1 {:.1} %", 100.0 * share);
            }
            text.push('\n');
        }
        text
    }

    fn check_method(name: &str) -> Result<(), String> {
        let method: Result<Method, NameError> = Method::deserialize(name.into_deserializer());
        method.map(drop).map_err(|error| error.to_string())
    }

    fn check_comparable(config: &RunConfig) -> Result<(), Failure> {
        if config.data.test.is_empty() {
            return Err(Failure::Usage(
                "data.test: names no file, and an experiment compares methods on it".into(),
            ));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_for_each_held_out_set() {
        let summary: RunSummary = serde_json::from_value(json!({
            "method": "ntp", "seed": 0, "steps": 9, "tokens": 90, "learner_parameters": 5,
            "wall_seconds": 1.0, "evaluation": {
                "test": {"loss": 1.25, "first": null, "digit": 0.5, "pass_at_1": 0.125},
                "off_target": {"loss": 2.0, "first": null, "digit": null, "pass_at_1": null},
        }}))
        .unwrap();
        let text = Text::figures(&summary);
        assert!(
            text.contains("  test          loss 1.2500  Pass@1 12.5 %\n"),
            "{text}"
        );
        assert!(text.contains("  off_target    loss 2.0000\n"), "{text}");
    }
}
