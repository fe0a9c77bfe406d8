//! What a vision run does: its steps, measurements and artefacts.

use super::assemble::Assembled;
use super::labels::Use;
use super::measure::{Heads, measure, neighbours};
use super::recorder::Recorder;
use super::strips::{fixed_images, write_masks, write_probes};
use super::{RunError, RunEvent};
use crate::artefacts::{
    Ending, Evaluation, EvaluationEvent, Event, Figures, RunSummary, SetResult, Split, Subject,
};
use crate::config::{Method, ObjectiveKind, RunConfig};
use crate::images::RgbImage;
use crate::objective::{Collapse, CollapseWatch, KnnGuard, Verdict as Judgement};
use crate::vit::Vit;
use burn::tensor::backend::Backend;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;
use vpt_core::parameters;
use vpt_core::run::{Fingerprint, Log, Schedule, Tell, Times, Verdict, Work, write_json};

/// What a measurement found: its heads, the figures of each set, and whether to go on.
type Look<I> = (Heads<I>, Vec<SetResult>, ControlFlow<()>);

/// A vision run, assembled.
pub(super) struct VisionWork<'a, I: Backend> {
    config: &'a RunConfig,
    out: PathBuf,
    parts: Assembled<I>,
    /// Whose masks and labels are drawn.
    fixed: Vec<RgbImage>,
    guard: Option<KnnGuard>,
    /// What guard and alarm ask for.
    ending: Ending,
    watch: Option<CollapseWatch>,
    /// Of the last measurement.
    evaluation: Evaluation,
    heads: Option<Heads<I>>,
}

impl<'a, I: Backend> VisionWork<'a, I> {
    pub(super) fn new(
        config: &'a RunConfig,
        out: &Path,
        parts: Assembled<I>,
    ) -> Result<Self, RunError> {
        let patch = parts.start.config().patch_size;
        let guard = &config.guard;
        let alarm = guard.collapse > 0 && config.objective.kind == ObjectiveKind::Dino;
        Ok(Self {
            fixed: fixed_images(&parts.labels, config.eval.figures, patch)?,
            guard: guard.watch.then(|| KnnGuard::new(config.guard())),
            ending: Ending::Complete,
            watch: alarm.then(|| CollapseWatch::new(config.objective.outputs, guard.collapse)),
            evaluation: Evaluation::default(),
            heads: None,
            config,
            out: out.to_owned(),
            parts,
        })
    }

    /// Heads on `backbone`, measured on the images of each of `splits`.
    fn look(
        &self,
        (subject, backbone): (Subject, &Vit<I>),
        splits: &[Split],
        last: bool,
        log: &mut Log,
        tell: &mut Tell<'_, RunEvent>,
    ) -> Result<Look<I>, RunError> {
        let (labels, step) = (&self.parts.labels, self.parts.trainer.step());
        let mut start = Instant::now();
        let heads = Heads::fit(self.config, labels, backbone)?;
        let (mut results, mut flow) = (vec![], ControlFlow::Continue(()));
        for split in splits {
            let which = match split {
                Split::Validation => Use::Validation,
                Split::Test => Use::Test,
            };
            let result = measure(self.config, labels, (backbone, &heads), which)?;
            log.write(&Event::Evaluation(EvaluationEvent {
                step: step as u64,
                split: *split,
                subject,
                last,
                figures: result.figures,
                seconds: start.elapsed().as_secs_f64(),
            }))?;
            start = Instant::now();
            let told = tell(&RunEvent::Evaluation {
                step,
                split: match subject {
                    Subject::Learner => split.name().to_owned(),
                    Subject::Start => format!("{} before", split.name()),
                    Subject::Fresh => format!("{} fresh weights", split.name()),
                },
                figures: result.figures,
            });
            flow = if told.is_break() { told } else { flow };
            results.push(result);
        }
        Ok((heads, results, flow))
    }

    fn write_masks(&self) -> Result<(), RunError> {
        let Some(designer) = self.parts.trainer.designer() else {
            return Ok(());
        };
        let images = (self.fixed.as_slice(), &self.parts.processor);
        let device = self.parts.trainer.backbone().device();
        write_masks(&self.out, self.step(), designer, images, &device)
    }

    fn alarm(&mut self, found: Option<Collapse>) {
        if let Some(collapse) = found {
            let message = collapse.to_string();
            self.ending = Ending::Collapse { message };
        }
    }

    /// What the guard says of `accuracy`; a word to end the run stands.
    fn judge(&mut self, step: usize, accuracy: f64) {
        if let (Some(guard), Ending::Complete) = (&mut self.guard, self.ending.clone()) {
            self.ending = match guard.judge(step, accuracy) {
                Judgement::GoOn { .. } => Ending::Complete,
                Judgement::Stop => Ending::GuardStop,
                Judgement::RollBack { step } => Ending::GuardRollBack { step: step as u64 },
            };
        }
    }

    /// The guard's look, before any head is trained: features that are ruined may not even be numbers.
    /// Returns whether they are.
    fn guard_looks(&mut self, last: bool, log: &mut Log) -> Result<bool, RunError> {
        let (step, start) = (self.step(), Instant::now());
        let asked = self.parts.labels.pictures.as_ref();
        let Some(asked) = asked.filter(|_| self.guard.is_some()) else {
            return Ok(false);
        };
        let backbone = self.parts.trainer.backbone();
        let accuracy = neighbours(self.config, asked, backbone, Use::Validation)?;
        let before = self.ending.clone();
        self.judge(step, accuracy);
        let ruined = self.ending != before && matches!(self.ending, Ending::GuardRollBack { .. });
        if ruined {
            log.write(&Event::Evaluation(EvaluationEvent {
                step: step as u64,
                split: Split::Validation,
                subject: Subject::Learner,
                last,
                figures: Figures {
                    knn: Some(accuracy),
                    ..Figures::default()
                },
                seconds: start.elapsed().as_secs_f64(),
            }))?;
        }
        Ok(ruined)
    }

    /// φ as `designer.safetensors`; returns its parameters.
    fn save_designer(&self, folder: &Path) -> Result<Option<u64>, RunError> {
        let Some(designer) = self.parts.trainer.designer() else {
            return Ok(None);
        };
        let file = folder.join("designer.safetensors");
        vpt_core::write_tensors(&file, vpt_core::export(designer))?;
        write_json(&folder.join("config.json"), &self.config.designer)?;
        let sizes = parameters(designer).into_iter();
        let count = sizes.map(|info| info.shape.iter().product::<usize>() as u64);
        Ok(Some(count.sum()))
    }

    /// The evaluation's heads, by question.
    fn save_heads(&self, folder: &Path) -> Result<(), RunError> {
        let Some(heads) = &self.heads else {
            return Ok(());
        };
        for (name, head) in [
            ("segmentation", &heads.segmentation),
            ("depth", &heads.depth),
            ("pictures", &heads.pictures),
        ] {
            if let Some(head) = head {
                let file = folder.join(name).with_extension("safetensors");
                vpt_core::write_tensors(&file, vpt_core::export(head))?;
            }
        }
        Ok(())
    }
}

impl<I: Backend> Work for VisionWork<'_, I> {
    type Event = Event;
    type Told = RunEvent;
    type Summary = RunSummary;
    type Error = RunError;

    fn fingerprint(&self) -> &Fingerprint {
        &self.parts.fingerprint
    }

    fn step(&self) -> usize {
        self.parts.trainer.step()
    }

    fn save(&self, checkpoint: &Path) -> Result<(), RunError> {
        let fingerprint = self.parts.fingerprint.to_string();
        Ok(self.parts.trainer.save(checkpoint, &fingerprint)?)
    }

    fn load(&mut self, checkpoint: &Path) -> Result<(), RunError> {
        let fingerprint = self.parts.fingerprint.to_string();
        Ok(self.parts.trainer.load(checkpoint, &fingerprint)?)
    }

    /// What guard and alarm have seen.
    fn recall(&mut self, events: &[Event]) {
        for event in events {
            match event {
                Event::Step(step) => {
                    if let Some(watch) = &mut self.watch {
                        let teacher = ["teacher_entropy", "teacher_usage"];
                        let teacher = teacher.map(|name| step.measure(name));
                        let found = watch.count(step.step as usize - 1, step.loss, teacher);
                        self.alarm(found);
                    }
                }
                Event::Evaluation(event) if event.subject == Subject::Learner => {
                    if let Some(accuracy) = event.figures.knn {
                        self.judge(event.step as usize, accuracy);
                    }
                }
                _ => {}
            }
        }
    }

    fn started(&self, schedule: &Schedule) -> RunEvent {
        RunEvent::Started {
            steps: schedule.steps,
            start_step: self.step(),
            parameters: self.parts.trainer.learner_parameters(),
        }
    }

    fn saved(&self) -> RunEvent {
        RunEvent::Checkpoint { step: self.step() }
    }

    fn advance(
        &mut self,
        until: usize,
        log: &mut Log,
        tell: &mut Tell<'_, RunEvent>,
    ) -> Result<ControlFlow<()>, RunError> {
        let watch = self.watch.as_mut();
        let mut recorder = Recorder { log, tell, watch };
        let flow = self.parts.trainer.run(until, &mut recorder)?;
        // The alarm ends a run as its last step would; an observer leaves it to be gone on with.
        let found = self.watch.as_ref().and_then(CollapseWatch::found);
        self.alarm(found);
        Ok(match found {
            Some(_) => ControlFlow::Continue(()),
            None => flow,
        })
    }

    /// The validation images; at the end the test images too, by the baseline also with the backbone that it
    /// began with and with fresh weights.
    fn measure(
        &mut self,
        last: bool,
        log: &mut Log,
        tell: &mut Tell<'_, RunEvent>,
    ) -> Result<ControlFlow<()>, RunError> {
        self.write_masks()?;
        if self.guard_looks(last, log)? {
            return Ok(ControlFlow::Continue(()));
        }
        let splits: &[Split] = match last {
            true => &[Split::Validation, Split::Test],
            false => &[Split::Validation],
        };
        let learner = (Subject::Learner, self.parts.trainer.backbone());
        let (heads, results, mut flow) = self.look(learner, splits, last, log, tell)?;
        let mut results = results.into_iter();
        self.evaluation.validation = results.next().unwrap_or_default();
        self.heads = Some(heads);
        if !last {
            return Ok(flow);
        }
        self.evaluation.test = results.next().unwrap_or_default();
        if self.config.eval.references && self.config.method == Method::Baseline {
            let (start, fresh) = (&self.parts.start, &self.parts.fresh);
            let references = [(Subject::Start, start), (Subject::Fresh, fresh)];
            let mut found = vec![];
            for reference in references {
                // The end can be measured again.
                if flow.is_break() {
                    return Ok(flow);
                }
                let (_, results, told) = self.look(reference, &[Split::Test], last, log, tell)?;
                flow = told;
                found.extend(results);
            }
            let mut found = found.into_iter();
            (self.evaluation.start, self.evaluation.fresh) = (found.next(), found.next());
        }
        Ok(ControlFlow::Continue(()))
    }

    fn verdict(&self) -> Verdict {
        match self.ending {
            Ending::Complete => Verdict::GoOn,
            Ending::GuardStop | Ending::Collapse { .. } => Verdict::Stop,
            Ending::GuardRollBack { step } => Verdict::RollBack {
                step: step as usize,
            },
        }
    }

    fn kept(&self) -> Option<usize> {
        let best = self.guard.as_ref().and_then(KnnGuard::best);
        best.map(|(step, _)| step)
    }

    fn finish(&mut self, out: &Path, times: Times) -> Result<RunSummary, RunError> {
        let trainer = &self.parts.trainer;
        let model = out.join("model");
        trainer.backbone().save(&model)?;
        self.parts.processor.save(&model)?;
        let designer_parameters = self.save_designer(&out.join("designer"))?;
        self.save_heads(&out.join("heads"))?;
        if let Some(heads) = &self.heads {
            let probed = (trainer.backbone(), heads);
            write_probes(out, &self.parts.labels, probed, &self.fixed)?;
        }
        write_json(&out.join("evaluation.json"), &self.evaluation)?;
        Ok(RunSummary {
            method: self.config.method.name().to_owned(),
            seed: self.config.seed,
            steps: trainer.step() as u64,
            ending: self.ending.clone(),
            tokens: trainer.tokens(),
            learner_parameters: trainer.learner_parameters() as u64,
            designer_parameters,
            wall_seconds: times.all,
            value_seconds: times.value,
            config_hash: self.parts.fingerprint.config().to_owned(),
            skipped: trainer.skipped(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            validation: self.evaluation.validation.figures,
            test: self.evaluation.test.figures,
        })
    }
}
