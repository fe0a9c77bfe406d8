//! What a text run does: its steps, measurements and artefacts.

use super::assemble::{Assembled, TextTrainer};
use super::evaluate::{Measuring, SplitResult, evaluate};
use super::folder::save_model;
use super::recorder::Recorder;
use super::{RunError, RunEvent, example};
use crate::artefacts::{Evaluation, EvaluationEvent, Event, RunSummary, Split};
use crate::config::RunConfig;
use crate::tokenizer::digit_tokens;
use burn::tensor::backend::Backend;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;
use vpt_core::parameters;
use vpt_core::run::{Fingerprint, Log, Schedule, Tell, Times, Work, write_json};

/// A text run, assembled.
pub(super) struct TextWork<'a, I: Backend> {
    config: &'a RunConfig,
    device: &'a I::Device,
    parts: Assembled<I>,
    is_digit: Vec<bool>,
    /// Of the last measurement.
    results: Vec<SplitResult>,
}

impl<'a, I: Backend> TextWork<'a, I> {
    pub(super) fn new(
        config: &'a RunConfig,
        device: &'a I::Device,
        parts: Assembled<I>,
    ) -> Result<Self, RunError> {
        Ok(Self {
            is_digit: digit_tokens(&parts.tokenizer)?,
            config,
            device,
            parts,
            results: vec![],
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

    /// `evaluation.json`, of the last measurement.
    fn evaluation(&self) -> Evaluation {
        let items = |split| {
            let found = self.results.iter().find(|result| result.split == split);
            found.map(|result| result.items.clone()).unwrap_or_default()
        };
        Evaluation {
            test: items(Split::Test),
            off_target: items(Split::OffTarget),
            validation: items(Split::Validation),
        }
    }
}

impl<I: Backend> Work for TextWork<'_, I> {
    type Event = Event;
    type Told = RunEvent;
    type Summary = RunSummary;
    type Error = RunError;

    fn fingerprint(&self) -> &Fingerprint {
        &self.parts.fingerprint
    }

    fn step(&self) -> usize {
        self.parts.trainer.step
    }

    fn save(&self, checkpoint: &Path) -> Result<(), RunError> {
        let fingerprint = self.parts.fingerprint.to_string();
        Ok(self.parts.trainer.save(checkpoint, &fingerprint)?)
    }

    fn load(&mut self, checkpoint: &Path) -> Result<(), RunError> {
        let fingerprint = self.parts.fingerprint.to_string();
        let trainer = &mut self.parts.trainer;
        Ok(trainer.load(checkpoint, &fingerprint, self.device)?)
    }

    fn started(&self, schedule: &Schedule) -> RunEvent {
        RunEvent::Started {
            steps: schedule.steps,
            start_step: self.parts.trainer.step,
            parameters: count(&parameters(&self.parts.trainer.learner)),
            stored_head_differs: self.parts.notes.stored_head_differs,
        }
    }

    fn saved(&self) -> RunEvent {
        RunEvent::Checkpoint {
            step: self.parts.trainer.step,
        }
    }

    fn advance(
        &mut self,
        until: usize,
        log: &mut Log,
        tell: &mut Tell<'_, RunEvent>,
    ) -> Result<ControlFlow<()>, RunError> {
        let alpha_max = self.config.designer.alpha_max;
        let mut recorder = Recorder {
            log,
            alpha_max,
            tell,
        };
        Ok(self.parts.trainer.run(until, &mut recorder)?)
    }

    /// The held-out sets: the test set at the very end only.
    fn measure(
        &mut self,
        last: bool,
        log: &mut Log,
        tell: &mut Tell<'_, RunEvent>,
    ) -> Result<ControlFlow<()>, RunError> {
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
        let due = |split| last || split != Split::Test;
        let sets = self.parts.held_out.iter().filter(|set| due(set.split));
        let sets: Vec<_> = sets.collect();
        let mut flow = ControlFlow::Continue(());
        self.results.clear();
        for set in &sets {
            // The end can be measured again.
            if last && flow.is_break() {
                return Ok(flow);
            }
            let start = Instant::now();
            let decoded = match set.split {
                Split::Test => eval.final_pass_items,
                _ => eval.pass_items,
            };
            let result = evaluate(learner, set, &Measuring { decoded, ..how })?;
            let means = result.measurement();
            log.write(&Event::Evaluation(EvaluationEvent {
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
            let told = tell(&RunEvent::Evaluation {
                step: *step,
                split: set.split.name().to_owned(),
                loss: means.loss,
                pass_at_1: means.pass_at_1,
            });
            self.results.push(result);
            if told.is_break() {
                flow = told;
            }
        }
        Ok(if last {
            ControlFlow::Continue(())
        } else {
            flow
        })
    }

    fn finish(&mut self, out: &Path, times: Times) -> Result<RunSummary, RunError> {
        let trainer = &self.parts.trainer;
        save_model(&trainer.learner, &self.parts.origin, &out.join("model"))?;
        let base = Some(self.config.model.path.as_str());
        trainer.learner.save_lora(&out.join("adapter"), base)?;
        let designer_parameters = self.save_designer(&out.join("designer"))?;
        write_json(&out.join("evaluation.json"), &self.evaluation())?;
        if let Some(example) = example::example(&mut self.parts, self.device)? {
            write_json(&out.join("example.json"), &example)?;
        }
        let trainer = &self.parts.trainer;
        let fed = self.parts.feedback_items.is_some();
        let measured = self.results.iter().map(|r| (r.split, r.measurement()));
        Ok(RunSummary {
            method: self.config.method.name().to_owned(),
            seed: self.config.seed,
            steps: trainer.step as u64,
            tokens: trainer.tokens,
            learner_parameters: count(&parameters(&trainer.learner)) as u64,
            designer_parameters: (designer_parameters > 0).then_some(designer_parameters as u64),
            wall_seconds: times.all,
            value_seconds: Some(times.value),
            target_seconds: Some(times.target),
            config_hash: Some(self.parts.fingerprint.config().to_owned()),
            corpus: Some(self.config.data.corpus.clone()),
            feedback: fed.then(|| self.config.data.feedback.clone()),
            feedback_items: self.parts.feedback_items,
            documents: Some(self.parts.counts),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            evaluation: measured.collect(),
        })
    }
}

fn count(parameters: &[vpt_core::ParameterInfo]) -> usize {
    let sizes = parameters
        .iter()
        .map(|info| info.shape.iter().product::<usize>());
    sizes.sum()
}
