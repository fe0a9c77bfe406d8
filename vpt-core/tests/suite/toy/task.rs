//! (A, τ, ℓ), θ and φ.

use super::{CLASSES, HIDDEN, INPUTS, rng};
use burn::backend::Autodiff;
use burn::module::{Module, Param};
use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{DType, Int, Tensor, TensorData, backend::Backend};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use vpt_core::*;

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
    pub(super) fn logits(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        self.hidden(x).matmul(self.second.val())
    }

    /// `[n, INPUTS] → [n, HIDDEN]`
    fn hidden(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        (x.matmul(self.first.val()) + self.bias.val().unsqueeze()).tanh()
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

    /// x·scores. `[n, CLASSES]`
    pub(crate) fn tilt(&self, views: &Examples<B>) -> Tensor<B, 2> {
        views.x.clone().matmul(self.scores.val())
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
    pub(super) x: Tensor<B, 2>,
    pub(super) y: Tensor<B, 2>,
    pub(super) weights: Tensor<B, 1>,
}

impl<B: Backend> Examples<B> {
    /// `[n]`
    pub(crate) fn weights(&self) -> Tensor<B, 1> {
        self.weights.clone()
    }
}

/// `count` examples labelled by a linear rule of its own number, with weight 1 / `total` each.
pub(super) fn examples<B: Backend>(
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

/// The examples `which` of `all`, as a batch of its own.
pub(crate) fn chosen<B: Backend>(all: &Examples<B>, which: &[i64]) -> Examples<B> {
    let ids = Tensor::<B, 1, Int>::from_data(TensorData::from(which), &Default::default());
    let share = all.weights.clone().select(0, ids.clone()).ones_like();
    Examples {
        x: all.x.clone().select(0, ids.clone()),
        y: all.y.clone().select(0, ids),
        weights: share.div_scalar(which.len() as f64),
    }
}

/// The gradient of the cross-entropy to the labels themselves.
pub(crate) fn hard_gradient<B: Backend>(learner: &Mlp<B>, batch: &Examples<B>) -> GradVector<B> {
    let tracked: Mlp<Autodiff<B>> = trainable(learner);
    let views: Examples<Autodiff<B>> = lift(batch);
    let logits = Classification::predict(&tracked, &views);
    let loss =
        PredictiveLoss::<Classification, Mixed>::loss(&CrossEntropy, logits, &views.y, &views);
    let all = ParamSubset::all(learner);
    GradVector::take(&mut loss.total().backward(), &tracked, &all)
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

/// Cut above the hidden layer, which leaves S the second matrix at most.
impl SplitModality for Classification {
    type Hidden<B: Backend> = Tensor<B, 2>;

    fn lower<B: Backend>(
        learner: &Mlp<B>,
        views: &Examples<B>,
        subset: &ParamSubset,
    ) -> Tensor<B, 2> {
        let below = [learner.first.id, learner.bias.id];
        assert!(!below.into_iter().any(|id| subset.contains(id)));
        learner.hidden(views.x.clone())
    }

    fn upper<B: Backend>(learner: &Mlp<B>, hidden: Tensor<B, 2>, _: &Examples<B>) -> Tensor<B, 2> {
        hidden.matmul(learner.second.val())
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

/// x ⊙ m with m = ½(1 + tanh(x·shade)).
pub(crate) struct Shaded;

/// The part of φ that shades.
#[derive(Module, Debug)]
pub(crate) struct Shade<B: Backend> {
    shade: Param<Tensor<B, 2>>,
}

impl<B: Backend> Shade<B> {
    pub(crate) fn drawn(seed: u64) -> Self {
        Self {
            shade: parameter([INPUTS, INPUTS], 0.7, &mut rng(seed)),
        }
    }
}

impl ViewGenerator<Classification> for Shaded {
    type Designer<B: Backend> = Shade<B>;

    fn views<B: Backend>(&self, designer: &Shade<B>, batch: &Examples<B>) -> Examples<B> {
        let mask = batch.x.clone().matmul(designer.shade.val()).tanh();
        let mask = mask.add_scalar(1.0).mul_scalar(0.5);
        Examples {
            x: batch.x.clone() * mask,
            ..batch.clone()
        }
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
    type Teacher<B: Backend> = NoParameters;
    type Reference<B: Backend> = Seen<B>;

    fn teacher<B: Backend>(&self, _: &Mlp<B>) -> NoParameters {
        NoParameters
    }

    fn reference<B: Backend>(
        &self,
        _: &NoParameters,
        logits: Tensor<B, 2>,
        _: &Examples<B>,
    ) -> Seen<B> {
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

/// φ shapes what the learner sees and what it is told.
pub(crate) type ShadedToy = Objective<Classification, Shaded, Mixed, CrossEntropy>;

pub(crate) fn shaded_task(penalty: f64) -> ShadedToy {
    ShadedToy::new(Shaded, Mixed { penalty }, CrossEntropy)
}

pub(crate) fn shaded_designer<B: Backend>(seed: u64) -> (Shade<B>, Mixer<B>) {
    (Shade::drawn(seed), Mixer::drawn(seed + 1))
}
