//! A third modality from the public API alone: 1-D signals.
//!
//! The learner fills in what a soft mask hides from noisy waves; a designer learns the mask; the
//! feedback is a few labelled pairs of one pitch, which the learner itself never trains on.
#![allow(
    missing_docs,
    unreachable_pub,
    reason = "an example, also built as a test's module"
)]

use burn::backend::{Autodiff, Flex};
use burn::module::{Module, Param};
use burn::tensor::{Tensor, TensorData, activation, backend::Backend};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use vpt_core::*;

pub const LENGTH: usize = 16;

#[derive(Module, Debug)]
pub struct Mlp<B: Backend> {
    first: Param<Tensor<B, 2>>,
    second: Param<Tensor<B, 2>>,
}

impl<B: Backend> Mlp<B> {
    pub fn new(hidden: usize, rng: &mut ChaCha8Rng, device: &B::Device) -> Self {
        let mut draw = |rows: usize, columns: usize| {
            let scale = (3.0 / rows as f64).sqrt();
            let value = |_| rng.random_range(-scale..scale);
            let values: Vec<f64> = (0..rows * columns).map(value).collect();
            Param::from_data(TensorData::new(values, [rows, columns]), device)
        };
        let (first, second) = (draw(LENGTH, hidden), draw(hidden, LENGTH));
        Self { first, second }
    }

    /// `[batch, LENGTH] → [batch, LENGTH]`
    pub fn forward(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        activation::tanh(x.matmul(self.first.val())).matmul(self.second.val())
    }
}

/// What the learner sees and what it is told, both `[batch, LENGTH]`.
pub struct Masked<B: Backend>(Tensor<B, 2>, Tensor<B, 2>);

pub struct Signals;
impl Modality for Signals {
    type Learner<B: Backend> = Mlp<B>;
    type Batch<B: Backend> = Tensor<B, 2>;
    type Views<B: Backend> = Masked<B>;
    type Prediction<B: Backend> = Tensor<B, 2>;
    type Target<B: Backend> = Tensor<B, 2>;
    fn predict<B: Backend>(learner: &Mlp<B>, views: &Masked<B>) -> Tensor<B, 2> {
        learner.forward(views.0.clone())
    }
}

/// x ⊙ m_φ(x) is shown, x ⊙ (1 − m_φ(x)) is asked for (eq. 6, with a soft mask).
pub struct SoftMask;
impl ViewGenerator<Signals> for SoftMask {
    type Designer<B: Backend> = Mlp<B>;
    fn views<B: Backend>(&self, designer: &Mlp<B>, x: &Tensor<B, 2>) -> Masked<B> {
        let mask = (designer.forward(x.clone()).neg().exp() + 1.0).recip();
        Masked(x.clone() * mask.clone(), x.clone() * (mask.neg() + 1.0))
    }
    fn unshaped_views<B: Backend>(&self, x: &Tensor<B, 2>) -> Masked<B> {
        Masked(x.clone().mul_scalar(0.5), x.clone().mul_scalar(0.5))
    }
}

pub struct Hidden;
impl TargetFn<Signals> for Hidden {
    type Designer<B: Backend> = NoParameters;
    type Reference<B: Backend> = NoParameters;
    fn reference<B: Backend>(&self, _: Tensor<B, 2>, _: &Masked<B>) -> NoParameters {
        NoParameters
    }
    fn target<B: Backend>(
        &self,
        _: &NoParameters,
        views: &Masked<B>,
        _: &NoParameters,
    ) -> Tensor<B, 2> {
        views.1.clone()
    }
    fn unshaped_target<B: Backend>(&self, views: &Masked<B>, _: &NoParameters) -> Tensor<B, 2> {
        views.1.clone()
    }
}

pub struct Squared;
impl PredictiveLoss<Signals, Hidden> for Squared {
    fn loss<B: Backend>(&self, y: Tensor<B, 2>, target: &Tensor<B, 2>, _: &Masked<B>) -> Loss<B> {
        let entries: Tensor<B, 1> = (y - target.clone()).powi_scalar(2).reshape([-1]);
        let weights = entries.ones_like().div_scalar(entries.dims()[0] as f64);
        Loss { entries, weights }
    }
}

pub type SignalTask = Objective<Signals, SoftMask, Hidden, Squared>;

/// Waves of any pitch, or of one, `[batch, LENGTH]`; also the labelled set's own source.
pub struct Waves(pub ChaCha8Rng, pub Option<f64>);
impl Waves {
    pub fn draw<B: Backend>(&mut self, batch: usize) -> Tensor<B, 2> {
        let values = (0..batch).flat_map(|_| {
            let (any, phase) = (self.0.random_range(0.2..1.5), self.0.random_range(0.0..6.3));
            let pitch = self.1.unwrap_or(any);
            (0..LENGTH).map(move |i| (i as f64 * pitch + phase).sin())
        });
        let data = TensorData::new(values.collect::<Vec<f64>>(), [batch, LENGTH]);
        Tensor::from_data(data, &Default::default())
    }
}

impl<I: Backend> Source<SignalTask, I> for Waves {
    fn next_step(&mut self) -> Result<StepData<SignalTask, I>, CoreError> {
        Ok(StepData::single(self.draw(8), 8 * LENGTH as u64))
    }
}

impl<I: Backend> Evaluator<SignalTask, I> for Waves {
    fn name(&self) -> &str {
        "one pitch"
    }
    fn loss(&mut self, mlp: &Mlp<Autodiff<I>>) -> Result<Tensor<Autodiff<I>, 1>, CoreError> {
        let x = self.draw::<Autodiff<I>>(8);
        Ok((mlp.forward(x.clone()) - x).powi_scalar(2).mean())
    }
}

impl Stateful for Waves {
    fn state(&self) -> serde_json::Value {
        to_state(&self.0)
    }
    fn restore(&mut self, state: serde_json::Value) -> Result<(), CoreError> {
        self.0 = from_state(state)?;
        Ok(())
    }
}

fn main() -> Result<(), CoreError> {
    let (mut rng, device) = (ChaCha8Rng::seed_from_u64(0), Default::default());
    let mut mlp = |hidden| Mlp::<Flex>::new(hidden, &mut rng, &device);
    let (learner, designer) = (mlp(32), (mlp(16), NoParameters));
    let wave = |seed, pitch| Waves(ChaCha8Rng::seed_from_u64(seed), pitch);
    let parts = (wave(1, None), Downstream::new(wave(2, Some(0.7))), Nested);
    let task = SignalTask::new(SoftMask, Hidden, Squared);
    let config = TrainerConfig::new(100, 3e-3);
    let mut trainer = Trainer::new(task, learner, designer, parts, config);
    for _ in 0..100 {
        let report = trainer.step()?;
        if let Some(up) = report.value {
            let (step, loss) = (report.step, report.loss);
            println!(
                "step {step:3}  L_pre {loss:.4}  V {:.4}  cosine {:.3}",
                up.value, up.cosine
            );
        }
    }
    Ok(())
}
