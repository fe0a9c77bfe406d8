//! Algorithm 1. State lives on the plain backend; each differentiation lifts what it needs.

use super::clock::{Stopwatch, ValueTimes};
use super::{
    AdamW, Cadence, Clip, CosineRamp, CosineSchedule, Freeze, ProbeReport, Progress, Source,
    StepProbe, UpdateGradient,
};
use crate::{
    CoreError, Cut, DesignerOf, Direction, Feedback, FirstOrderLoss, GradVector, LearnerOf,
    MetaGradient, On, ParamSubset, Point, PredictionOf, PredictiveTask, ReferenceOf, TeacherOf,
    lift,
};
use burn::backend::Autodiff;
use burn::module::{AutodiffModule, Module};
use burn::tensor::{ElementConversion, backend::Backend};
use std::time::Duration;

/// The schedule of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainerConfig {
    /// Burn-in and value updates.
    pub cadence: Cadence,
    /// The learner's rate.
    pub schedule: CosineSchedule,
    /// The learner's weight decay over the run; none: the optimiser's own throughout.
    pub weight_decay: Option<CosineRamp>,
    /// How long the learner's gradient may be.
    pub clip: Clip,
    /// The designer's rate.
    pub designer_rate: f64,
    /// Designer updates for each value update, where the estimator allows more than one.
    pub designer_steps: usize,
    /// λ = ηL of Theorem 3.1: φ climbs along g_down − λ·g_pre. 0 is the paper's.
    pub curvature: f64,
    /// Value updates at steps divisible by this are also measured for noise; 0: none.
    pub noise_every: usize,
    /// Further feedback batches for that.
    pub noise_batches: usize,
}

impl TrainerConfig {
    /// `steps` learner steps at the peak rate `rate` with a tenth of them to warm up, clipped to
    /// norm 1; a value update every 5 steps after 20, one designer step at 1e-3 each.
    pub fn new(steps: usize, rate: f64) -> Self {
        Self {
            cadence: Cadence {
                burn_in: Some(20),
                update_every: Some(5),
            },
            schedule: CosineSchedule {
                peak: rate,
                min_ratio: 0.1,
                warmup: steps / 10,
                steps,
            },
            weight_decay: None,
            clip: Clip::Global(1.0),
            designer_rate: 1e-3,
            designer_steps: 1,
            curvature: 0.0,
            noise_every: 0,
            noise_batches: 0,
        }
    }
}

/// One run of Algorithm 1.
pub struct Trainer<T, I, S, F, G>
where
    T: On<Autodiff<I>>,
    I: Backend,
{
    /// (A, τ, ℓ).
    pub task: T,
    /// θ.
    pub learner: LearnerOf<T, I>,
    /// φ.
    pub designer: DesignerOf<T, I>,
    /// S, within `trainable`: of a parameter that does not move, ⟨g_down, g_pre⟩ says nothing.
    pub subset: ParamSubset,
    /// What of θ learns. The rest is fixed: off the tape, without optimiser state, and in
    /// checkpoints as a hash alone.
    pub trainable: ParamSubset,
    /// What of that does not learn yet.
    pub freezes: Vec<Freeze>,
    /// What follows θ without a gradient.
    pub teacher: TeacherOf<T, I>,
    /// The unlabelled stream.
    pub source: S,
    /// The door for labels.
    pub feedback: F,
    /// How ∇_φ V is taken.
    pub meta: G,
    /// What measures whether steps do what V says; it changes nothing that is trained.
    pub probe: Option<StepProbe<T, I>>,
    /// The learner's optimiser.
    pub learner_optimiser: AdamW<I>,
    /// The designer's optimiser.
    pub designer_optimiser: AdamW<I>,
    /// The schedule.
    pub config: TrainerConfig,
    /// Learner steps taken.
    pub step: usize,
    /// Unlabelled tokens processed.
    pub tokens: u64,
    /// Whether times are taken with the device waited for, which holds up one that works ahead.
    pub synchronised: bool,
}

/// What one value update saw.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueReport {
    /// V = ⟨g_down, g_pre⟩ with the targets that the learner then descended (eq. 14).
    pub value: f64,
    /// cos(g_down, g_pre) over S.
    pub cosine: f64,
    /// ‖g_down‖ and ‖g_pre‖ over S.
    pub norms: (f64, f64),
    /// V of the objective along the steered direction before the designer's first step and after
    /// its last but one, as estimated on what φ shapes of the value update's data.
    pub climbed: (f64, f64),
    /// V over several feedback batches, the update's own first; empty where it was not measured.
    pub samples: Vec<f64>,
    /// What V was divided by in the designer's objective.
    pub scale: f64,
    /// L_down on the feedback batch, by evaluator.
    pub losses: Vec<(String, f64)>,
    /// V by evaluator, where there are several.
    pub parts: Vec<(String, f64)>,
    /// Time in the value update, by part.
    pub times: ValueTimes,
}

/// What one learner step saw.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    /// The step's number, from 0.
    pub step: usize,
    /// Unlabelled tokens processed, this step's included.
    pub tokens: u64,
    /// L_pre(θ; φ).
    pub loss: f64,
    /// The learner's rate.
    pub rate: f64,
    /// ‖∇_θ L_pre‖ before clipping.
    pub gradient_norm: f64,
    /// The task's own figures, summed over micro-batches.
    pub measures: Vec<(&'static str, f64)>,
    /// The value update, where one was due.
    pub value: Option<ValueReport>,
    /// What the step did to a held-out loss, where that was due.
    pub probe: Option<ProbeReport>,
    /// Time of the whole step.
    pub elapsed: Duration,
    /// Of that, in making the targets from the references: the designer's forward passes.
    pub target_elapsed: Duration,
}

/// A forward pass that waits for its target.
struct Forward<T: On<Autodiff<I>>, I: Backend> {
    views: T::Views<Autodiff<I>>,
    prediction: PredictionOf<T, Autodiff<I>>,
    cuts: Vec<Cut<I>>,
    reference: ReferenceOf<T, I>,
}

/// What a value update leaves for the rest of the step.
struct Valued<T: PredictiveTask, I: Backend> {
    direction: Direction<I>,
    /// One for each micro-batch, with values in it where the estimator has them; none after an
    /// update on data of its own.
    references: Vec<ReferenceOf<T, I>>,
    climbed: (f64, f64),
    scale: f64,
    times: ValueTimes,
}

impl<T, I, S, F, G> Trainer<T, I, S, F, G>
where
    I: Backend,
    T: On<Autodiff<I>>,
    S: Source<T, I>,
    F: Feedback<T, I>,
    G: MetaGradient<T, I>,
{
    /// A run at its first step: all of θ learns and the value is on all of it, the teacher is the one that the task
    /// makes of θ, AdamW with the betas 0.9 and 0.99 and no weight decay. The fields are open for anything else.
    pub fn new(
        task: T,
        learner: LearnerOf<T, I>,
        designer: DesignerOf<T, I>,
        (source, feedback, meta): (S, F, G),
        config: TrainerConfig,
    ) -> Self {
        Self {
            subset: ParamSubset::all(&learner),
            trainable: ParamSubset::all(&learner),
            freezes: vec![],
            teacher: task.teacher(&learner),
            task,
            learner,
            designer,
            source,
            feedback,
            meta,
            probe: None,
            learner_optimiser: AdamW::new(0.9, 0.99, 1e-8, 0.0),
            designer_optimiser: AdamW::new(0.9, 0.99, 1e-8, 0.0),
            config,
            step: 0,
            tokens: 0,
            synchronised: false,
        }
    }

    /// Lines 3–8 of Algorithm 1.
    ///
    /// # Errors
    /// Data that cannot be read, or a loss, V or gradient that is not finite. θ, φ, the teacher
    /// and both optimisers are then those before the step; the streams have moved on.
    ///
    /// # Panics
    /// If S holds a parameter that does not learn.
    pub fn step(&mut self) -> Result<StepReport, CoreError> {
        assert!(
            self.subset.is_within(&self.trainable),
            "Trainer: the subset of the value holds parameters that do not learn"
        );
        // Handles, no copies. θ and its optimiser move last, when nothing can fail any more.
        let due = self.values();
        let before = due.then(|| (self.designer.clone(), self.designer_optimiser.clone()));
        let result = self.try_step();
        if let (Err(_), Some(before)) = (&result, before) {
            (self.designer, self.designer_optimiser) = before;
        }
        result
    }

    fn try_step(&mut self) -> Result<StepReport, CoreError> {
        let mut whole = self.stopwatch();
        let data = self.source.next_step()?;
        let learning = self.learning();
        let learner: LearnerOf<T, Autodiff<I>> = learning.track(lift(&self.learner));

        // Lines 6–7. With one micro-batch its prediction serves the value and the learner alike,
        // unless the value update changes what the learner is to see.
        let due = self.values();
        let mut held = match &data.batches[..] {
            [batch] if !(due && self.task.shapes_views::<I>(&self.designer)) => {
                Some(self.forward(&learner, batch, None))
            }
            _ => None,
        };
        let mut valued: Option<Valued<T, I>> = None;
        if due {
            let meta = self.source.next_meta()?;
            let batches = meta.as_ref().unwrap_or(&data.batches);
            let references = match (&held, &meta) {
                (Some(forward), None) => vec![forward.reference.clone()],
                _ => batches.iter().map(|b| self.reference(b)).collect(),
            };
            let mut update = self.update_designer(batches, references)?;
            if meta.is_some() {
                update.references.clear();
            }
            valued = Some(update);
        }

        // Lines 4–5 and 8, with φ after line 7.
        let shaped = self.config.cadence.shapes(self.step);
        let designer: DesignerOf<T, Autodiff<I>> = lift(&self.designer);
        let (mut loss, mut target_elapsed) = (0.0, Duration::ZERO);
        let mut measures: Vec<(&'static str, f64)> = vec![];
        let mut total: Option<UpdateGradient<I>> = None;
        let mut kept = vec![];
        let known = valued.as_mut().map(|v| std::mem::take(&mut v.references));
        let mut known = known.into_iter().flatten();
        for batch in &data.batches {
            let Forward {
                views,
                prediction,
                cuts,
                reference,
            } = match (held.take(), known.next()) {
                (Some(held), Some(reference)) => Forward { reference, ..held },
                (Some(held), None) => held,
                (None, known) => self.forward(&learner, batch, known),
            };
            let lifted: ReferenceOf<T, Autodiff<I>> = lift(&reference);
            let mut watch = self.stopwatch();
            let target = if shaped {
                self.task.target(&designer, &views, &lifted)
            } else {
                self.task.unshaped_target(&views, &lifted)
            };
            target_elapsed += watch.lap();
            for (name, figure) in self.task.measures(&target, &views, &lifted) {
                match measures.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, sum)) => *sum += figure,
                    None => measures.push((name, figure)),
                }
            }
            drop(lifted);
            kept.extend(self.task.kept(reference.clone()));
            let FirstOrderLoss { value, surrogate } = self
                .task
                .learner_loss(prediction, &target, &views, reference);
            loss += value.into_scalar().elem::<f64>();
            let gradient = UpdateGradient::through(surrogate, cuts, &learner, &learning);
            total = Some(match total {
                Some(sum) => sum.plus(&gradient),
                None => gradient,
            });
        }
        // It shares θ, which the optimiser changes in place where it can.
        drop(learner);
        require_finite(self.step, loss, "the pretraining loss")?;
        let mut gradient_norm = 0.0;
        let (mut value, mut probe) = (None, None);
        if let Some(gradient) = total {
            value = valued
                .map(|valued| self.value_report(valued, gradient.as_vector()))
                .transpose()?;
            let (gradient, norm) = gradient.clipped(self.config.clip);
            require_finite(self.step, norm, "the learner's gradient")?;
            gradient_norm = norm;
            probe = self.update(&gradient, &learning)?;
            let (teacher, progress) = (self.teacher.clone(), self.progress());
            self.teacher = self.task.follow(teacher, &self.learner, &kept, progress);
        }
        self.tokens += data.tokens;
        let report = StepReport {
            step: self.step,
            tokens: self.tokens,
            loss,
            rate: self.config.schedule.rate(self.step),
            gradient_norm,
            measures,
            value,
            probe,
            elapsed: whole.lap(),
            target_elapsed,
        };
        self.step += 1;
        Ok(report)
    }

    /// The optimiser's step, measured where that is due; none is taken if it cannot be.
    fn update(
        &mut self,
        gradient: &UpdateGradient<I>,
        learning: &ParamSubset,
    ) -> Result<Option<ProbeReport>, CoreError> {
        let rate = self.config.schedule.rate(self.step);
        if let Some(decay) = self.config.weight_decay {
            let decay = decay.at(self.progress());
            self.learner_optimiser.set_weight_decay(decay);
        }
        let Some(probe) = self.probe.as_mut().filter(|p| p.is_due(self.step)) else {
            self.learner_optimiser
                .update(rate, &mut self.learner, gradient);
            return Ok(None);
        };
        let mut optimiser = self.learner_optimiser.clone();
        let after = optimiser.step(rate, self.learner.clone(), gradient);
        let moved = (&self.learner, &after);
        let report = probe.measure(moved, gradient.as_vector(), learning)?;
        (self.learner, self.learner_optimiser) = (after, optimiser);
        Ok(Some(report))
    }

    fn progress(&self) -> Progress {
        Progress {
            step: self.step,
            steps: self.config.schedule.steps,
        }
    }

    /// What learns at this step.
    fn learning(&self) -> ParamSubset {
        let frozen = self.freezes.iter().filter(|f| self.step < f.until);
        frozen.fold(self.trainable.clone(), |learning, freeze| {
            learning.without(&freeze.subset)
        })
    }

    /// S at this step: what is frozen does not move, whatever φ is.
    fn valued(&self) -> ParamSubset {
        self.subset.intersection(&self.learning())
    }

    /// Whether the value is computed at this step: where it is due, and something of S learns.
    fn values(&self) -> bool {
        self.config.cadence.values(self.step) && !self.valued().is_empty()
    }

    /// Lines 3 and 5 up to the target, with the reference that is `known` already, if any.
    fn forward(
        &self,
        learner: &LearnerOf<T, Autodiff<I>>,
        batch: &T::Batch<I>,
        known: Option<ReferenceOf<T, I>>,
    ) -> Forward<T, I> {
        let (views, plain) = if self.config.cadence.shapes(self.step) {
            let designer: DesignerOf<T, Autodiff<I>> = lift(&self.designer);
            let views = self.task.views::<Autodiff<I>>(&designer, &lift(batch));
            (views, self.task.views::<I>(&self.designer, batch))
        } else {
            let views = self.task.unshaped_views::<Autodiff<I>>(&lift(batch));
            (views, self.task.unshaped_views::<I>(batch))
        };
        let (prediction, cuts) = self.task.predict_cut(learner, &views);
        let reference = match known {
            Some(reference) => reference,
            None => self
                .task
                .reference::<I>(&self.teacher, prediction.valid(), &plain),
        };
        Forward {
            views,
            prediction,
            cuts,
            reference,
        }
    }

    fn stopwatch(&self) -> Stopwatch<I> {
        let devices = self.synchronised.then(|| self.learner.devices());
        Stopwatch::start(devices.into_iter().flatten().next())
    }

    /// The reference of a micro-batch without a tape.
    fn reference(&self, batch: &T::Batch<I>) -> ReferenceOf<T, I> {
        let views = self.task.views::<I>(&self.designer, batch);
        let prediction = self.task.predict(&self.learner, &views);
        self.task.reference(&self.teacher, prediction, &views)
    }

    /// Lines 6–7: V over all micro-batches of the step, and φ up along it.
    fn update_designer(
        &mut self,
        batches: &[T::Batch<I>],
        mut references: Vec<ReferenceOf<T, I>>,
    ) -> Result<Valued<T, I>, CoreError> {
        let mut watch = self.stopwatch();
        let mut times = ValueTimes::default();
        let subset = &self.valued();
        let direction = self.feedback.direction(&self.learner, subset)?;
        let steer = self.curved(&direction.steer, batches, subset);
        let batches: Vec<_> = batches
            .iter()
            .map(|b| self.task.shaped_part::<I>(b))
            .collect();
        times.direction = watch.lap();
        let Self {
            task,
            learner,
            designer,
            meta,
            designer_optimiser,
            config,
            step,
            ..
        } = self;
        let mut probes = Vec::with_capacity(batches.len());
        for (batch, reference) in batches.iter().zip(&references) {
            let at = Point {
                task,
                learner,
                designer,
                batch,
                reference,
                subset,
            };
            probes.push(meta.probe(&at, &steer));
        }
        let scale = meta.scale(&probes);
        times.probe = watch.lap();
        let (mut first, mut last) = (0.0, 0.0);
        for round in 0..meta.designer_steps(config.designer_steps) {
            let (mut value, mut descent): (f64, Option<UpdateGradient<I>>) = (0.0, None);
            for ((batch, reference), probe) in batches.iter().zip(&references).zip(&probes) {
                let at = Point {
                    task,
                    learner,
                    designer,
                    batch,
                    reference,
                    subset,
                };
                let estimate = meta.estimate(&at, &steer, probe, scale);
                value += estimate.value;
                descent = Some(match descent {
                    Some(sum) => sum.plus(&estimate.descent),
                    None => estimate.descent,
                });
            }
            if round == 0 {
                first = value;
            }
            last = value;
            require_finite(*step, value, "V")?;
            if let Some(descent) = descent {
                let norm = descent.as_vector().norm();
                require_finite(*step, norm, "the designer's gradient")?;
                *designer =
                    designer_optimiser.step(config.designer_rate, designer.clone(), &descent);
            }
        }
        references = references
            .into_iter()
            .zip(&probes)
            .map(|(reference, probe)| meta.inform(task, reference, probe, scale))
            .collect();
        times.designer = watch.lap();
        Ok(Valued {
            direction,
            references,
            climbed: (first, last),
            scale,
            times,
        })
    }

    /// g_down − λ·sg(g_pre): the direction of Theorem 3.1's bound in place of V's.
    fn curved(
        &self,
        steer: &GradVector<I>,
        batches: &[T::Batch<I>],
        subset: &ParamSubset,
    ) -> GradVector<I> {
        if self.config.curvature == 0.0 {
            return steer.clone();
        }
        let learner: LearnerOf<T, Autodiff<I>> = subset.track(lift(&self.learner));
        let designer: DesignerOf<T, Autodiff<I>> = lift(&self.designer);
        let mut g_pre: Option<UpdateGradient<I>> = None;
        for batch in batches {
            let Forward {
                views,
                prediction,
                cuts,
                reference,
            } = self.forward(&learner, batch, None);
            let target = self.task.target(&designer, &views, &lift(&reference));
            let loss = self
                .task
                .learner_loss(prediction, &target, &views, reference);
            let gradient = UpdateGradient::through(loss.surrogate, cuts, &learner, subset);
            g_pre = Some(match g_pre {
                Some(sum) => sum.plus(&gradient),
                None => gradient,
            });
        }
        match g_pre {
            Some(g_pre) => steer.add_scaled(g_pre.as_vector(), -self.config.curvature),
            None => steer.clone(),
        }
    }

    /// V as the learner's own gradient has it.
    fn value_report(
        &mut self,
        valued: Valued<T, I>,
        g_pre: &GradVector<I>,
    ) -> Result<ValueReport, CoreError> {
        let subset = self.valued();
        let g_pre = g_pre.restricted(&subset);
        let g_down = &valued.direction.downstream;
        let value = crate::value::value(g_down, &g_pre);
        let every = self.config.noise_every;
        let (mut times, mut watch) = (valued.times, self.stopwatch());
        let mut samples = vec![];
        if every > 0 && self.step.is_multiple_of(every) && self.config.noise_batches > 0 {
            samples.push(value);
            for _ in 0..self.config.noise_batches {
                let again = self.feedback.resample(&self.learner, &subset)?;
                samples.push(crate::value::value(&again, &g_pre));
            }
        }
        times.noise = watch.lap();
        let parts = valued.direction.parts.iter();
        let parts = parts.map(|(name, part)| (name.clone(), crate::value::value(part, &g_pre)));
        Ok(ValueReport {
            value,
            cosine: g_down.cosine(&g_pre),
            norms: (g_down.norm(), g_pre.norm()),
            climbed: valued.climbed,
            samples,
            scale: valued.scale,
            parts: parts.collect(),
            losses: valued.direction.losses,
            times,
        })
    }
}

fn require_finite(step: usize, figure: f64, what: &'static str) -> Result<(), CoreError> {
    if figure.is_finite() {
        Ok(())
    } else {
        Err(CoreError::NotFinite { step, what })
    }
}
