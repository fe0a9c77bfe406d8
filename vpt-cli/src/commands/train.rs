//! `vpt train`

use crate::args::TrainArgs;
use crate::backend::{BackendName, BackendTask};
use crate::config::{Config, differing_key, modality};
use crate::failure::Failure;
use crate::modality::{Image, Modality, ModalityName, Text};
use crate::output;
use crate::progress::Progress;
use crate::signals::StopRequest;
use burn::tensor::backend::Backend;
use serde_json::json;
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use vpt_core::experiment::run_name;
use vpt_core::run::{RunOptions, RunOutcome, Tell};

/// One run, new or gone on with.
pub(crate) fn run(args: &TrainArgs) -> Result<(), Failure> {
    let kept = args
        .resume
        .as_ref()
        .map(|folder| folder.join("config.toml"));
    match modality(kept.as_deref(), &args.layers)? {
        ModalityName::Text => train::<Text>(args, kept.as_deref()),
        ModalityName::Image => train::<Image>(args, kept.as_deref()),
    }
}

fn train<M: Modality>(args: &TrainArgs, kept: Option<&Path>) -> Result<(), Failure> {
    let config = Config::<M::Config>::load(kept, &args.layers)?;
    if let (Some(folder), Some(kept)) = (&args.resume, kept)
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
        (None, None) => default_folder::<M>(config.run()),
    };
    let options = RunOptions {
        out,
        resume: args.resume.is_some(),
        stop_after: args.stop_after,
        init_from: args.init_from.clone(),
        config_text: config.resolved(),
    };
    let stop = StopRequest::listen().map_err(|error| Failure::Run(format!("signals: {error}")))?;
    let mut watch = Watch::<M>::new(
        M::of(config.run()).steps,
        args.verbosity.quiet,
        args.verbosity.json,
        stop,
    );
    let outcome = backend.run(Train::<M> {
        config: config.run(),
        options: &options,
        observer: &mut |event| watch.observe(event),
    })?;
    watch.end(outcome.map_err(Into::into)?, &options.out)
}

fn default_folder<M: Modality>(config: &M::Config) -> PathBuf {
    let keys = M::of(config);
    Path::new("runs").join(run_name(keys.method, keys.seed))
}

struct Train<'a, M: Modality> {
    config: &'a M::Config,
    options: &'a RunOptions,
    observer: &'a mut Tell<'a, M::Told>,
}

impl<M: Modality> BackendTask for Train<'_, M> {
    type Output = Result<RunOutcome<M::Summary>, M::Error>;

    fn run<B: Backend>(self, device: B::Device) -> Self::Output {
        M::train::<B>(self.config, self.options, &device, self.observer)
    }
}

/// Shows a run as it goes, and ends it between two steps when it should.
struct Watch<M> {
    modality: PhantomData<M>,
    progress: Progress,
    json: bool,
    stop: StopRequest,
    failure: Option<Failure>,
}

impl<M: Modality> Watch<M> {
    fn new(steps: usize, quiet: bool, json: bool, stop: StopRequest) -> Self {
        Self {
            modality: PhantomData,
            progress: Progress::new(steps, quiet || json),
            json,
            stop,
            failure: None,
        }
    }

    fn observe(&mut self, event: &M::Told) -> ControlFlow<()> {
        if self.json
            && let Err(failure) = output::json(event)
        {
            self.failure = Some(failure);
            return ControlFlow::Break(());
        }
        M::show(event, &mut self.progress);
        match self.stop.signal() {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    }

    /// Says how the run ended.
    fn end(self, outcome: RunOutcome<M::Summary>, folder: &Path) -> Result<(), Failure> {
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
            if let Some(summary) = &outcome.summary {
                output::print(&M::figures(summary))?;
            }
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
