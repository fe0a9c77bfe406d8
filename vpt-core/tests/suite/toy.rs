//! Soft-target classification: the smallest task that has everything text has.
//!
//! A learner with one hidden layer predicts classes; the target mixes the label with a distribution
//! that the designer tilts from the learner's own; the loss is linear in the target.

use burn::backend::{Autodiff, Flex, NdArray};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{DType, Tensor, TensorData, backend::Backend};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use vpt_core::*;

/// f32.
pub(crate) type F32 = Flex;
/// f64. Nothing here may make a tensor on `NdArray<f32>` before one on this: see
/// `traps::the_default_float_type_is_the_devices`.
pub(crate) type F64 = NdArray<f64>;

pub(crate) const INPUTS: usize = 5;
pub(crate) const HIDDEN: usize = 7;
pub(crate) const CLASSES: usize = 4;

pub(crate) fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// A parameter with entries of ±`scale`.
fn parameter<B: Backend, const D: usize>(
    shape: [usize; D],
    scale: f64,
    rng: &mut ChaCha8Rng,
) -> Param<Tensor<B, D>> {
    let length = shape.iter().product();
    let values: Vec<f64> = (0..length)
        .map(|_| rng.random_range(-scale..scale))
        .collect();
    Param::from_data(TensorData::new(values, shape), &Default::default())
}

/// θ.
#[derive(Module, Debug)]
pub(crate) struct Mlp<B: Backend> {
    first: Param<Tensor<B, 2>>,
    bias: Param<Tensor<B, 1>>,
    second: Param<Tensor<B, 2>>,
}

impl<B: Backend> Mlp<B> {
    pub(crate) fn drawn(seed: u64) -> Self {
        let mut rng = rng(seed);
        Self {
            first: parameter([INPUTS, HIDDEN], 0.8, &mut rng),
            bias: parameter([HIDDEN], 0.3, &mut rng),
            second: parameter([HIDDEN, CLASSES], 0.8, &mut rng),
        }
    }

    /// `[n, INPUTS] → [n, CLASSES]`
    fn logits(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let hidden = x.matmul(self.first.val()) + self.bias.val().unsqueeze();
        hidden.tanh().matmul(self.second.val())
    }
}

/// φ: which way the target leans, and how far.
#[derive(Module, Debug)]
pub(crate) struct Mixer<B: Backend> {
    scores: Param<Tensor<B, 2>>,
    gate: Param<Tensor<B, 2>>,
}

impl<B: Backend> Mixer<B> {
    pub(crate) fn drawn(seed: u64) -> Self {
        let mut rng = rng(seed);
        Self {
            scores: parameter([INPUTS, CLASSES], 0.7, &mut rng),
            gate: parameter([INPUTS, 1], 0.7, &mut rng),
        }
    }

    /// Another φ of the very same targets: a softmax does not see a constant.
    pub(crate) fn same_targets(mut self) -> Self {
        self.scores = self.scores.map(|scores| scores + 0.75);
        self
    }
}

/// x with its labels, one-hot, and the weights of the whole step.
#[derive(Module, Debug)]
pub(crate) struct Examples<B: Backend> {
    x: Tensor<B, 2>,
    y: Tensor<B, 2>,
    weights: Tensor<B, 1>,
}

/// `count` examples labelled by a linear rule of its own number, with weight 1 / `total` each.
fn examples<B: Backend>(
    rng: &mut ChaCha8Rng,
    (count, total): (usize, usize),
    rule: u64,
    dtype: DType,
) -> Examples<B> {
    let mut rule = self::rng(rule);
    let rule: Vec<f64> = (0..INPUTS * CLASSES)
        .map(|_| rule.random_range(-1.0..1.0))
        .collect();
    let (mut x, mut y) = (vec![], vec![]);
    for _ in 0..count {
        let input: Vec<f64> = (0..INPUTS).map(|_| rng.random_range(-1.5..1.5)).collect();
        let score = |class: &usize| -> f64 {
            let column = (0..INPUTS).map(|i| input[i] * rule[i * CLASSES + class]);
            column.sum()
        };
        let best = (0..CLASSES).max_by(|a, b| score(a).total_cmp(&score(b)));
        y.extend((0..CLASSES).map(|class| f64::from(u8::from(Some(class) == best))));
        x.extend(input);
    }
    let options = (&B::Device::default(), dtype);
    Examples {
        x: Tensor::from_data(TensorData::new(x, [count, INPUTS]), options),
        y: Tensor::from_data(TensorData::new(y, [count, CLASSES]), options),
        weights: Tensor::full([count], 1.0 / total as f64, options),
    }
}

/// sg(·) of the learner: its own distribution.
#[derive(Module, Debug)]
pub(crate) struct Seen<B: Backend> {
    log_p: Tensor<B, 2>,
}

pub(crate) struct Classification;

impl Modality for Classification {
    type Learner<B: Backend> = Mlp<B>;
    type Batch<B: Backend> = Examples<B>;
    type Views<B: Backend> = Examples<B>;
    type Prediction<B: Backend> = Tensor<B, 2>;
    type Target<B: Backend> = Tensor<B, 2>;

    fn predict<B: Backend>(learner: &Mlp<B>, views: &Examples<B>) -> Tensor<B, 2> {
        learner.logits(views.x.clone())
    }
}

pub(crate) struct Whole;

impl ViewGenerator<Classification> for Whole {
    type Designer<B: Backend> = NoParameters;

    fn views<B: Backend>(&self, _: &NoParameters, batch: &Examples<B>) -> Examples<B> {
        batch.clone()
    }

    fn unshaped_views<B: Backend>(&self, batch: &Examples<B>) -> Examples<B> {
        batch.clone()
    }
}

/// q = (1 − α) y + α softmax(x·scores + log p_θ), α = σ(x·gate); R = penalty · Σ w q².
pub(crate) struct Mixed {
    penalty: f64,
}

impl TargetFn<Classification> for Mixed {
    type Designer<B: Backend> = Mixer<B>;
    type Reference<B: Backend> = Seen<B>;

    fn reference<B: Backend>(&self, logits: Tensor<B, 2>, _: &Examples<B>) -> Seen<B> {
        Seen {
            log_p: log_softmax(logits, 1),
        }
    }

    fn target<B: Backend>(
        &self,
        mixer: &Mixer<B>,
        views: &Examples<B>,
        seen: &Seen<B>,
    ) -> Tensor<B, 2> {
        let p = softmax(
            views.x.clone().matmul(mixer.scores.val()) + seen.log_p.clone(),
            1,
        );
        let gate = views.x.clone().matmul(mixer.gate.val());
        let alpha = (gate.neg().exp() + 1.0).recip();
        views.y.clone() + (p - views.y.clone()) * alpha
    }

    fn unshaped_target<B: Backend>(&self, views: &Examples<B>, _: &Seen<B>) -> Tensor<B, 2> {
        views.y.clone()
    }

    fn regulariser<B: Backend>(
        &self,
        q: &Tensor<B, 2>,
        views: &Examples<B>,
        _: &Seen<B>,
    ) -> Option<Tensor<B, 1>> {
        let weights: Tensor<B, 2> = views.weights.clone().unsqueeze_dim(1);
        let penalty = (q.clone() * q.clone() * weights).sum();
        (self.penalty > 0.0).then(|| penalty.mul_scalar(self.penalty))
    }
}

pub(crate) struct CrossEntropy;

impl PredictiveLoss<Classification, Mixed> for CrossEntropy {
    fn loss<B: Backend>(
        &self,
        logits: Tensor<B, 2>,
        q: &Tensor<B, 2>,
        views: &Examples<B>,
    ) -> Loss<B> {
        let entries = (log_softmax(logits, 1) * q.clone()).sum_dim(1).neg();
        Loss {
            entries: entries.squeeze_dim(1),
            weights: views.weights.clone(),
        }
    }
}

impl LinearLoss<Classification, Mixed> for CrossEntropy {
    fn coefficients<B: Backend>(
        &self,
        logits: Tensor<B, 2>,
        _: &Examples<B>,
        _: &Seen<B>,
    ) -> Tensor<B, 2> {
        log_softmax(logits, 1).neg()
    }

    fn target_weights<B: Backend>(&self, q: &Tensor<B, 2>, views: &Examples<B>) -> Tensor<B, 2> {
        q.clone() * views.weights.clone().unsqueeze_dim(1)
    }

    fn value_moments<B: Backend>(&self, values: &Tensor<B, 2>, _: &Seen<B>) -> ValueMoments {
        ValueMoments::of(values.clone())
    }

    fn inform<B: Backend>(&self, seen: Seen<B>, _: Tensor<B, 2>, _: f64) -> Seen<B> {
        seen
    }
}

pub(crate) type Toy = Objective<Classification, Whole, Mixed, CrossEntropy>;
pub(crate) type Designer<B> = (NoParameters, Mixer<B>);

/// The task, with R(φ) of weight `penalty`.
pub(crate) fn task(penalty: f64) -> Toy {
    Toy::new(Whole, Mixed { penalty }, CrossEntropy)
}

pub(crate) fn designer<B: Backend>(seed: u64) -> Designer<B> {
    (NoParameters, Mixer::drawn(seed))
}

/// Unlabelled data (the labels in it are what a language model calls the next token).
#[derive(Clone)]
pub(crate) struct Stream {
    pub(crate) rng: ChaCha8Rng,
    /// Micro-batches of a step, and examples in each.
    pub(crate) shape: (usize, usize),
    pub(crate) dtype: DType,
    /// A weight that is not a number, from this many steps on.
    pub(crate) broken_after: usize,
}

impl Stream {
    /// f32 or f64 as `B` is.
    pub(crate) fn new<B: Backend>(seed: u64, shape: (usize, usize)) -> Self {
        Self {
            rng: rng(seed),
            shape,
            dtype: float_type::<B>(),
            broken_after: usize::MAX,
        }
    }

    /// The same examples however they are divided.
    pub(crate) fn draw<B: Backend>(&mut self) -> Vec<Examples<B>> {
        let (batches, size) = self.shape;
        let total = batches * size;
        let draw = |_| examples(&mut self.rng, (size, total), 1, self.dtype);
        (0..batches).map(draw).collect()
    }
}

impl<B: Backend> Source<Toy, B> for Stream {
    fn next_step(&mut self) -> Result<StepData<Toy, B>, CoreError> {
        let mut batches = self.draw::<B>();
        if self.broken_after == 0 {
            batches[0].weights = batches[0].weights.clone().mul_scalar(f64::NAN);
        }
        self.broken_after = self.broken_after.saturating_sub(1);
        let tokens = (self.shape.0 * self.shape.1) as u64;
        Ok(StepData { batches, tokens })
    }
}

impl Stateful for Stream {
    fn state(&self) -> serde_json::Value {
        to_state(&self.rng)
    }

    fn restore(&mut self, state: serde_json::Value) -> Result<(), CoreError> {
        self.rng = from_state(state)?;
        Ok(())
    }
}

/// A labelled set whose rule is another than the stream's, so that g_down is not g_pre.
#[derive(Clone)]
pub(crate) struct Labelled {
    pub(crate) name: String,
    pub(crate) rng: ChaCha8Rng,
    pub(crate) rule: u64,
    pub(crate) dtype: DType,
    /// What every label is multiplied by.
    pub(crate) poison: f64,
    /// Batches asked for.
    pub(crate) asked: Rc<Cell<usize>>,
    /// How many there are to be had.
    pub(crate) left: usize,
}

impl Labelled {
    /// The rule is part of the data, not of the state; the last digit of the seed says which.
    pub(crate) fn new<B: Backend>(name: &str, seed: u64) -> Self {
        Self {
            name: name.into(),
            rng: rng(seed),
            rule: 100 + seed % 10,
            dtype: float_type::<B>(),
            poison: 1.0,
            asked: Rc::default(),
            left: usize::MAX,
        }
    }
}

impl<B: Backend> Evaluator<Toy, B> for Labelled {
    fn name(&self) -> &str {
        &self.name
    }

    fn loss(&mut self, learner: &Mlp<Autodiff<B>>) -> Result<Tensor<Autodiff<B>, 1>, CoreError> {
        self.asked.set(self.asked.get() + 1);
        self.left = self.left.checked_sub(1).ok_or_else(|| CoreError::State {
            message: "no labels are left".into(),
        })?;
        let batch = examples(&mut self.rng, (6, 6), self.rule, self.dtype);
        let labels = batch.y.mul_scalar(self.poison);
        Ok((log_softmax(learner.logits(batch.x), 1) * labels)
            .sum()
            .div_scalar(-6.0))
    }
}

impl Stateful for Labelled {
    fn state(&self) -> serde_json::Value {
        to_state(&self.rng)
    }

    fn restore(&mut self, state: serde_json::Value) -> Result<(), CoreError> {
        self.rng = from_state(state)?;
        Ok(())
    }
}

pub(crate) fn downstream<B: Backend>(seed: u64) -> Downstream<Toy, B> {
    Downstream::new(Labelled::new::<B>("held", seed))
}

fn float_type<B: Backend>() -> DType {
    Tensor::<B, 1>::zeros([1], &Default::default()).dtype()
}

/// One step's L_pre as a function of θ_S and φ, with a direction to contract its gradient with.
pub(crate) struct Setting<B: Backend> {
    pub(crate) task: Toy,
    pub(crate) learner: Mlp<B>,
    pub(crate) designer: Designer<B>,
    pub(crate) batches: Vec<Examples<B>>,
    pub(crate) references: Vec<Seen<B>>,
    pub(crate) subset: ParamSubset,
    pub(crate) g_down: GradVector<B>,
}

impl<B: Backend> Setting<B> {
    /// `shape`: micro-batches and examples in each.
    pub(crate) fn new(seed: u64, shape: (usize, usize), penalty: f64) -> Self {
        let learner = Mlp::<B>::drawn(seed);
        let batches = Stream::new::<B>(seed + 1, shape).draw::<B>();
        Self::of(
            task(penalty),
            learner,
            designer(seed + 3),
            batches,
            seed + 2,
        )
    }

    /// At these θ, φ and data.
    pub(crate) fn of(
        task: Toy,
        learner: Mlp<B>,
        designer: Designer<B>,
        batches: Vec<Examples<B>>,
        feedback: u64,
    ) -> Self {
        let subset = ParamSubset::all(&learner);
        let direction = downstream(feedback).direction(&learner, &subset).unwrap();
        let references = batches
            .iter()
            .map(|batch| task.reference(task.predict(&learner, batch), batch));
        Self {
            references: references.collect(),
            task,
            designer,
            batches,
            g_down: direction.downstream,
            subset,
            learner,
        }
    }

    fn points(&self) -> impl Iterator<Item = Point<'_, Toy, B>> {
        let pairs = self.batches.iter().zip(&self.references);
        pairs.map(|(batch, reference)| Point {
            task: &self.task,
            learner: &self.learner,
            designer: &self.designer,
            batch,
            reference,
            subset: &self.subset,
        })
    }

    /// g_pre with the targets of `designer`, by a plain backward pass.
    pub(crate) fn g_pre(&self, designer: &Designer<B>) -> GradVector<B> {
        let learner: Mlp<Autodiff<B>> = trainable(&self.learner);
        let parts = self.points().map(|at| {
            let loss = self.task.pretraining_loss::<Autodiff<B>>(
                &learner,
                &lift(designer),
                &lift(at.batch),
                &lift(at.reference),
            );
            GradVector::take(&mut loss.total().backward(), &learner, &self.subset)
        });
        let sum = parts.reduce(|sum, part| sum.add_scaled(&part, 1.0));
        sum.expect("a step has batches")
    }

    /// R(φ).
    pub(crate) fn penalty(&self, designer: &Designer<B>) -> f64 {
        let parts = self.points().map(|at| {
            let target = self.task.target(designer, at.batch, at.reference);
            let penalty = self.task.regulariser(&target, at.batch, at.reference);
            penalty.map_or(0.0, |penalty| host(penalty)[0])
        });
        parts.sum()
    }

    /// V, the designer's gradient and the scale, over all micro-batches; `scale` replaces the
    /// estimator's own.
    pub(crate) fn estimate<G: MetaGradient<Toy, B>>(
        &self,
        meta: &mut G,
        direction: &GradVector<B>,
        scale: Option<f64>,
    ) -> Estimate {
        let probes: Vec<_> = self.points().map(|at| meta.probe(&at, direction)).collect();
        let scale = scale.unwrap_or_else(|| meta.scale(&probes));
        let mut estimate = Estimate {
            value: 0.0,
            descent: vec![],
            scale,
        };
        for (at, probe) in self.points().zip(&probes) {
            let part = meta.estimate(&at, direction, probe, scale);
            estimate.value += part.value;
            let part = part.descent.as_vector().to_vec();
            estimate.descent.resize(part.len(), 0.0);
            for (sum, entry) in estimate.descent.iter_mut().zip(part) {
                *sum += entry;
            }
        }
        estimate
    }
}

/// What an estimator says of a whole step, on the host.
pub(crate) struct Estimate {
    pub(crate) value: f64,
    pub(crate) descent: Vec<f64>,
    pub(crate) scale: f64,
}

/// ‖a − b‖ / ‖b‖.
pub(crate) fn relative_error(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let apart: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
    (apart / b.iter().map(|b| b * b).sum::<f64>()).sqrt()
}

/// ∇_φ of `objective` by central differences along every coordinate.
pub(crate) fn gradient_by_differences(
    designer: &Designer<F64>,
    objective: impl Fn(&Designer<F64>) -> f64,
) -> Vec<f64> {
    const STEP: f64 = 1e-5;
    let all = ParamSubset::all(designer);
    let entries = GradVector::of(designer, &all).to_vec().len();
    let along = |entry: usize| {
        let mut seen = 0;
        let axis = GradVector::generate(designer, &all, |length| {
            let part = (seen..seen + length).map(|i| f64::from(u8::from(i == entry)));
            seen += length;
            part.collect()
        });
        let at = |step: f64| objective(&axis.shift(designer.clone(), step));
        (at(STEP) - at(-STEP)) / (2.0 * STEP)
    };
    (0..entries).map(along).collect()
}

/// A schedule in which everything happens within a few steps.
pub(crate) fn config() -> TrainerConfig {
    TrainerConfig {
        cadence: Cadence {
            burn_in: Some(1),
            update_every: Some(2),
        },
        designer_rate: 1e-2,
        designer_steps: 3,
        ..TrainerConfig::new(40, 1e-2)
    }
}

/// A run in which only `seed` says where θ, φ and the stream begin.
pub(crate) fn trainer<B, F, G>(
    seed: u64,
    feedback: F,
    meta: G,
    config: TrainerConfig,
) -> Trainer<Toy, B, Stream, F, G>
where
    B: Backend,
    F: Feedback<Toy, B>,
    G: MetaGradient<Toy, B>,
{
    let source = Stream::new::<B>(seed + 1, (2, 4));
    let (learner, designer) = (Mlp::drawn(seed), designer(seed + 3));
    Trainer::new(
        task(0.1),
        learner,
        designer,
        (source, feedback, meta),
        config,
    )
}

/// A module bit by bit.
pub(crate) fn bits<B: Backend, M: Module<B>>(module: &M) -> BTreeMap<String, Vec<u8>> {
    let values = export(module).into_iter();
    values
        .map(|(path, data)| (path, data.as_bytes().to_vec()))
        .collect()
}

/// The entries of a tensor in f64.
pub(crate) fn host<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Vec<f64> {
    tensor.into_data().iter().collect()
}

/// `module` in f64 on a backend whose default is something else.
pub(crate) fn widened<B: Backend, M: Module<B>>(module: M) -> M {
    struct Widen;
    impl<B: Backend> ModuleMapper<B> for Widen {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
            param.map(|tensor| tensor.cast(DType::F64))
        }
    }
    module.map(&mut Widen)
}
