//! The loop: steps, evaluations, checkpoints, artefacts.

use super::assemble::{Assembled, TextTrainer, assemble};
use super::evaluate::{Measuring, SplitResult, evaluate};
use super::folder::{
    checkpoint, holds_run, latest_checkpoint, lock, prune, save_model, saved_fingerprint,
    write_json,
};
use super::metrics::{Metrics, Times};
use super::recorder::Recorder;
use super::{RunError, example};
use crate::artefacts::{Evaluation, EvaluationEvent, Event, RunSummary, Split};
use crate::config::RunConfig;
use crate::data::Counts;
use crate::tokenizer::digit_tokens;
use burn::tensor::backend::Backend;
use serde::Serialize;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;
use vpt_core::parameters;

/// Records between two words on how far a corpus is tokenised; small ones need none.
const TOLD: usize = 1 << 16;

/// Where a run goes and how it begins and ends; no part of what it computes.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The run folder.
    pub out: PathBuf,
    /// Go on from the folder's newest checkpoint.
    pub resume: bool,
    /// Stop after this many learner steps in all, with a checkpoint.
    pub stop_after: Option<usize>,
    /// Take the learner's weights (and nothing else) from this model or run folder.
    pub init_from: Option<PathBuf>,
    /// The resolved, annotated config, kept as `config.toml`.
    pub config_text: String,
}

/// What observers of a run are told.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum RunEvent {
    /// The corpus is being tokenised, which a large one takes a while for.
    Tokenised {
        /// Records so far.
        records: usize,
    },
    /// Everything is open.
    Started {
        /// Learner steps in all.
        steps: usize,
        /// Steps already taken.
        start_step: usize,
        /// The learner's parameters.
        parameters: usize,
        /// The head is tied, yet the model's files store one that differs; `model.head` chooses.
        stored_head_differs: bool,
    },
    /// A learner step was taken.
    Step {
        /// Steps taken.
        step: usize,
        /// NLL of the labels.
        loss: f64,
        /// Unlabelled tokens processed.
        tokens: u64,
    },
    /// The designer was updated.
    Value {
        /// Steps taken.
        step: usize,
        /// V.
        value: f64,
        /// Its share of the oracle's.
        oracle_share: Option<f64>,
    },
    /// A held-out set was measured.
    Evaluation {
        /// Steps taken.
        step: usize,
        /// Which set.
        split: String,
        /// Mean NLL of its answer tokens.
        loss: f64,
        /// Share of right greedy answers.
        pass_at_1: Option<f64>,
    },
    /// A checkpoint was written.
    Checkpoint {
        /// Steps taken.
        step: usize,
    },
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct RunOutcome {
    /// Steps taken.
    pub step: usize,
    /// What `summary.json` holds; `None` for a run that was stopped.
    pub summary: Option<RunSummary>,
}

/// Trains as `config` says, into `options.out`. The observer is told of every event and can end
/// the run after the current step, with a checkpoint.
///
/// # Errors
/// Anything that cannot be read, written or run; see [`RunError`].
pub fn train<I: Backend>(
    config: &RunConfig,
    options: &RunOptions,
    device: &I::Device,
    observer: &mut dyn FnMut(&RunEvent) -> ControlFlow<()>,
) -> Result<RunOutcome, RunError> {
    // At once, since opening everything takes a while, and again with the folder locked.
    refuse_to_spoil(options)?;
    let mut told = |Counts { records, .. }: Counts| {
        if records.is_multiple_of(TOLD) {
            // Whether to stop is asked after a step.
            let _ = observer(&RunEvent::Tokenised { records });
        }
    };
    let init_from = options.init_from.as_deref();
    let assembled = assemble::<I>(config, init_from, device, &mut told)?;
    let mut run = Run::open(config, options, device, assembled)?;
    run.drive(observer)
}

fn refuse_to_spoil(options: &RunOptions) -> Result<(), RunError> {
    if !options.resume && holds_run(&options.out)? {
        return Err(RunError::folder(
            &options.out,
            "holds a run already; choose another --out, or --resume it",
        ));
    }
    Ok(())
}

struct Run<'a, I: Backend> {
    config: &'a RunConfig,
    options: &'a RunOptions,
    device: &'a I::Device,
    parts: Assembled<I>,
    metrics: Metrics,
    is_digit: Vec<bool>,
    times: Times,
    /// Keeps other processes from this folder for as long as it is open.
    _lock: File,
}

impl<'a, I: Backend> Run<'a, I> {
    fn open(
        config: &'a RunConfig,
        options: &'a RunOptions,
        device: &'a I::Device,
        mut parts: Assembled<I>,
    ) -> Result<Self, RunError> {
        let out = &options.out;
        let lock = lock(out)?;
        refuse_to_spoil(options)?;
        let log = out.join("metrics.jsonl");
        let (metrics, times) = if options.resume {
            let folder = latest_checkpoint(out)?;
            let now = &parts.fingerprint;
            let saved = saved_fingerprint(&folder);
            if let Some(part) = saved.as_deref().and_then(|saved| now.changed(saved)) {
                let message = format!("`{part}` is not what the run was made with");
                return Err(RunError::folder(out, message));
            }
            parts.trainer.load(&folder, &now.to_string(), device)?;
            Metrics::go_on(&log, parts.trainer.step, config.train.steps)?
        } else {
            (Metrics::new(&log)?, Times::default())
        };
        vpt_core::write_atomically(&out.join("config.toml"), options.config_text.as_bytes())?;
        Ok(Self {
            is_digit: digit_tokens(&parts.tokenizer)?,
            config,
            options,
            device,
            parts,
            metrics,
            times,
            _lock: lock,
        })
    }

    fn drive(
        &mut self,
        observer: &mut dyn FnMut(&RunEvent) -> ControlFlow<()>,
    ) -> Result<RunOutcome, RunError> {
        let steps = self.config.train.steps;
        let mut flow = observer(&RunEvent::Started {
            steps,
            start_step: self.parts.trainer.step,
            parameters: count(&parameters(&self.parts.trainer.learner)),
            stored_head_differs: self.parts.notes.stored_head_differs,
        });
        // A run that goes on from step 0 has been measured there.
        if self.parts.trainer.step == 0 && !self.options.resume {
            flow = self.measure(false, observer)?.1;
        }
        loop {
            let taken = self.parts.trainer.step;
            if taken == steps {
                break;
            }
            let limit = self.options.stop_after.unwrap_or(steps);
            if flow.is_break() || taken >= limit {
                self.save(observer)?;
                return Ok(self.stopped());
            }
            flow = self.advance(self.next_stop(taken).min(limit), observer)?;
        }
        self.finish(observer)
    }

    /// The outcome of a run that has a checkpoint to go on from.
    fn stopped(&self) -> RunOutcome {
        RunOutcome {
            step: self.parts.trainer.step,
            summary: None,
        }
    }

    /// The next step after `taken` at which something other than a step is due.
    fn next_stop(&self, taken: usize) -> usize {
        let train = &self.config.train;
        let next = |every: usize| match every {
            0 => train.steps,
            _ => (taken / every + 1) * every,
        };
        next(train.eval_every)
            .min(next(train.checkpoint_every))
            .min(train.steps)
    }

    /// Learner steps until `until`, then what is due there.
    fn advance(
        &mut self,
        until: usize,
        observer: &mut dyn FnMut(&RunEvent) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, RunError> {
        let mut recorder = Recorder {
            metrics: &mut self.metrics,
            alpha_max: self.config.designer.alpha_max,
            times: &mut self.times,
            tell: observer,
        };
        let mut flow = self.parts.trainer.run(until, &mut recorder)?;
        let (step, train) = (self.parts.trainer.step, &self.config.train);
        let due = |every: usize| every > 0 && step.is_multiple_of(every) && step < train.steps;
        let (evaluation, saving) = (due(train.eval_every), due(train.checkpoint_every));
        if evaluation && self.measure(false, observer)?.1.is_break() {
            flow = ControlFlow::Break(());
        }
        if saving {
            self.save(observer)?;
        }
        Ok(flow)
    }

    /// Measures the held-out sets: the test set at the very end only.
    fn measure(
        &mut self,
        last: bool,
        observer: &mut dyn FnMut(&RunEvent) -> ControlFlow<()>,
    ) -> Result<(Vec<SplitResult>, ControlFlow<()>), RunError> {
        let eval = &self.config.eval;
        let how = Measuring {
            batch: eval.batch,
            decoded: eval.pass_items,
            max_new_tokens: eval.max_new_tokens,
            tokenizer: &self.parts.tokenizer,
            is_digit: &self.is_digit,
        };
        let TextTrainer {
            learner,
            step,
            tokens,
            ..
        } = &self.parts.trainer;
        let (mut results, mut flow) = (vec![], ControlFlow::Continue(()));
        for set in &self.parts.held_out {
            if set.split == Split::Test && !last {
                continue;
            }
            let start = Instant::now();
            let decoded = match set.split {
                Split::Test => eval.final_pass_items,
                _ => eval.pass_items,
            };
            let result = evaluate(learner, set, &Measuring { decoded, ..how })?;
            let means = result.measurement();
            self.metrics.write(&Event::Evaluation(EvaluationEvent {
                step: *step as u64,
                tokens: *tokens,
                split: set.split,
                loss: means.loss,
                first: means.first,
                digit: means.digit,
                pass_at_1: means.pass_at_1,
                items: result.items.len() as u64,
                seconds: Some(start.elapsed().as_secs_f64()),
            }))?;
            let told = observer(&RunEvent::Evaluation {
                step: *step,
                split: set.split.name().to_owned(),
                loss: means.loss,
                pass_at_1: means.pass_at_1,
            });
            results.push(result);
            if told.is_break() {
                flow = told;
                // What is measured along the way belongs to a step that will not be measured
                // again; the end can be.
                if last {
                    break;
                }
            }
        }
        Ok((results, flow))
    }

    fn save(
        &mut self,
        observer: &mut dyn FnMut(&RunEvent) -> ControlFlow<()>,
    ) -> Result<(), RunError> {
        let step = self.parts.trainer.step;
        let folder = checkpoint(&self.options.out, step);
        let fingerprint = self.parts.fingerprint.to_string();
        self.parts.trainer.save(&folder, &fingerprint)?;
        prune(&self.options.out)?;
        // Whether to stop is asked after the next step.
        let _ = observer(&RunEvent::Checkpoint { step });
        Ok(())
    }

    fn finish(
        &mut self,
        observer: &mut dyn FnMut(&RunEvent) -> ControlFlow<()>,
    ) -> Result<RunOutcome, RunError> {
        // Saved first: a run that dies while it is measured is measured again, not trained again.
        self.save(observer)?;
        let (results, flow) = self.measure(true, observer)?;
        if flow.is_break() && results.len() < self.parts.held_out.len() {
            return Ok(self.stopped());
        }
        let out = &self.options.out;
        let trainer = &self.parts.trainer;
        save_model(&trainer.learner, &self.parts.origin, &out.join("model"))?;
        let base = Some(self.config.model.path.as_str());
        trainer.learner.save_lora(&out.join("adapter"), base)?;
        let designer_parameters = self.save_designer(&out.join("designer"))?;
        let items = |split| {
            let found = results.iter().find(|result| result.split == split);
            found.map(|result| result.items.clone()).unwrap_or_default()
        };
        let evaluation = Evaluation {
            test: items(Split::Test),
            off_target: items(Split::OffTarget),
            validation: items(Split::Validation),
        };
        write_json(&out.join("evaluation.json"), &evaluation)?;
        if let Some(example) = example::example(&mut self.parts, self.device)? {
            write_json(&out.join("example.json"), &example)?;
        }
        let trainer = &self.parts.trainer;
        let fed = self.parts.feedback_items.is_some();
        let summary = RunSummary {
            method: self.config.method.name().to_owned(),
            seed: self.config.seed,
            steps: trainer.step as u64,
            tokens: trainer.tokens,
            learner_parameters: count(&parameters(&trainer.learner)) as u64,
            designer_parameters: (designer_parameters > 0).then_some(designer_parameters as u64),
            wall_seconds: self.times.all,
            value_seconds: Some(self.times.value),
            target_seconds: Some(self.times.target),
            config_hash: Some(self.parts.fingerprint.config().to_owned()),
            corpus: Some(self.config.data.corpus.clone()),
            feedback: fed.then(|| self.config.data.feedback.clone()),
            feedback_items: self.parts.feedback_items,
            documents: Some(self.parts.counts),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            evaluation: results.iter().map(|r| (r.split, r.measurement())).collect(),
        };
        // Last, since its presence says that the run is complete.
        write_json(&out.join("summary.json"), &summary)?;
        Ok(RunOutcome {
            step: trainer.step,
            summary: Some(summary),
        })
    }

    /// φ as `designer.safetensors`; returns its parameters.
    fn save_designer(&self, folder: &Path) -> Result<usize, RunError> {
        let Some(designer) = &self.parts.trainer.designer.1 else {
            return Ok(0);
        };
        let file = folder.join("designer.safetensors");
        vpt_core::write_tensors(&file, vpt_core::export(designer))?;
        write_json(&folder.join("config.json"), &self.config.designer)?;
        Ok(count(&parameters(designer)))
    }
}

fn count(parameters: &[vpt_core::ParameterInfo]) -> usize {
    let sizes = parameters
        .iter()
        .map(|info| info.shape.iter().product::<usize>());
    sizes.sum()
}
