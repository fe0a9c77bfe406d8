//! `vpt train`

use crate::args::TrainArgs;
use crate::backend::{BackendName, BackendTask};
use crate::config::{Config, differing_key};
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::signals::StopRequest;
use burn::tensor::backend::Backend;
use serde_json::json;
use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use vpt_text::artefacts::RunSummary;
use vpt_text::config::RunConfig;
use vpt_text::run::{self, RunError, RunEvent, RunOptions, RunOutcome};

/// One run, new or gone on with.
pub(crate) fn run(args: &TrainArgs) -> Result<(), Failure> {
    let kept = args
        .resume
        .as_ref()
        .map(|folder| folder.join("config.toml"));
    let config = Config::load(kept.as_deref(), &args.layers)?;
    if let (Some(folder), Some(kept)) = (&args.resume, &kept)
        && let Some(key) = differing_key(&Config::read(kept)?, &config)
    {
        return Err(Failure::Usage(format!(
            "{}: this run was made with another `{key}`, and goes on with its own config",
            folder.display()
        )));
    }
    let backend = BackendName::choose(args.backend.backend)?;
    let out = match (&args.resume, &args.out) {
        (Some(folder), _) | (None, Some(folder)) => folder.clone(),
        (None, None) => default_folder(config.run()),
    };
    let options = RunOptions {
        out,
        resume: args.resume.is_some(),
        stop_after: args.stop_after,
        init_from: args.init_from.clone(),
        config_text: config.resolved(),
    };
    let stop = StopRequest::listen().map_err(|error| Failure::Run(format!("signals: {error}")))?;
    let mut watch = Watch::new(
        config.run().train.steps,
        args.verbosity.quiet,
        args.verbosity.json,
        stop,
    );
    let outcome = backend.run(Train {
        config: config.run(),
        options: &options,
        observer: &mut |event| watch.observe(event),
    })?;
    watch.end(outcome?, &options.out)
}

fn default_folder(config: &RunConfig) -> PathBuf {
    PathBuf::from(format!("runs/{}-s{}", config.method.name(), config.seed))
}

struct Train<'a> {
    config: &'a RunConfig,
    options: &'a RunOptions,
    observer: &'a mut dyn FnMut(&RunEvent) -> ControlFlow<()>,
}

impl BackendTask for Train<'_> {
    type Output = Result<RunOutcome, RunError>;

    fn run<B: Backend>(self, device: B::Device) -> Self::Output {
        run::train::<B>(self.config, self.options, &device, self.observer)
    }
}

/// Shows a run as it goes, and ends it between two steps when it should.
struct Watch {
    steps: usize,
    progress: Progress,
    json: bool,
    stop: StopRequest,
    failure: Option<Failure>,
}

impl Watch {
    fn new(steps: usize, quiet: bool, json: bool, stop: StopRequest) -> Self {
        Self {
            steps,
            progress: Progress::new(steps, quiet || json),
            json,
            stop,
            failure: None,
        }
    }

    fn observe(&mut self, event: &RunEvent) -> ControlFlow<()> {
        if self.json
            && let Err(failure) = output::json(event)
        {
            self.failure = Some(failure);
            return ControlFlow::Break(());
        }
        match event {
            RunEvent::Tokenised { records } => {
                self.progress.say(&format!("tokenising: {records} records"));
            }
            RunEvent::Started {
                start_step,
                stored_head_differs,
                ..
            } => {
                self.progress.skip(*start_step);
                if *stored_head_differs {
                    self.progress.note(output::STORED_HEAD_DIFFERS);
                }
            }
            RunEvent::Step { loss, .. } => self.progress.advance(&format!("loss {loss:.4}")),
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
                self.progress.note(&line);
            }
            RunEvent::Checkpoint { step } if *step == self.steps => {
                self.progress.say("measuring");
            }
            _ => {}
        }
        match self.stop.signal() {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    }

    /// Says how the run ended.
    fn end(self, outcome: RunOutcome, folder: &Path) -> Result<(), Failure> {
        self.progress.end();
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let finished = outcome.summary.is_some();
        let state = if finished { "finished" } else { "stopped" };
        if self.json {
            output::json(&json!({
                "event": state,
                "step": outcome.step,
                "folder": folder.display().to_string(),
                "summary": outcome.summary,
            }))?;
        } else {
            output::line(&format_args!(
                "{}: {state} at step {}",
                folder.display(),
                outcome.step
            ))?;
            output::print(&figures(outcome.summary.as_ref()))?;
            if !finished {
                output::line(&format_args!(
                    "to go on: vpt train --resume {}",
                    folder.display()
                ))?;
            }
        }
        match self.stop.signal() {
            Some(signal) if !finished => Err(Failure::Signal(signal)),
            _ => Ok(()),
        }
    }
}

/// How the finished learner did on each held-out set, a line a set.
fn figures(summary: Option<&RunSummary>) -> String {
    let mut text = String::new();
    for (split, result) in summary.iter().flat_map(|summary| &summary.evaluation) {
        let _ = write!(text, "  {:<12}  loss {:.4}", split.name(), result.loss);
        if let Some(share) = result.pass_at_1 {
            let _ = write!(text, "  Pass@1 {:.1} %", 100.0 * share);
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_each_held_out_set() {
        let summary: RunSummary = serde_json::from_value(json!({
            "method": "ntp", "seed": 0, "steps": 9, "tokens": 90, "learner_parameters": 5,
            "wall_seconds": 1.0, "evaluation": {
                "test": {"loss": 1.25, "first": null, "digit": 0.5, "pass_at_1": 0.125},
                "off_target": {"loss": 2.0, "first": null, "digit": null, "pass_at_1": null},
        }}))
        .unwrap();
        let text = figures(Some(&summary));
        assert!(
            text.contains("  test          loss 1.2500  Pass@1 12.5 %\n"),
            "{text}"
        );
        assert!(text.contains("  off_target    loss 2.0000\n"), "{text}");
        assert_eq!(figures(None), "");
    }
}
