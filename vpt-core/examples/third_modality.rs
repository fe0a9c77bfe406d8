//! A third modality from the public API alone: 1-D signals.
//!
//! The learner fills in what a soft mask hides of waves; a designer learns the mask; the
//! feedback is a few labelled pairs of one pitch, which the learner itself never trains on.
#![allow(missing_docs, unreachable_pub, reason = "a test runs it as a module")]

use burn::backend::{Autodiff, Flex};
use burn::module::{Module, Param};
use burn::tensor::{Tensor, TensorData, activation, backend::Backend};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use vpt_core::*;

const LENGTH: usize = 16;

#[derive(Module, Debug)]
pub struct Mlp<B: Backend> {
    first: Param<Tensor<B, 2>>,
    second: Param<Tensor<B, 2>>,
}

impl<B: Backend> Mlp<B> {
    fn new(hidden: usize, rng: &mut ChaCha8Rng) -> Self {
        let mut draw = |from: usize, to: usize| {
            let entry = |_| rng.random_range(-1.0..1.0) * (3.0 / from as f64).sqrt();
            let values: Vec<f64> = (0..from * to).map(entry).collect();
            Param::from_data(TensorData::new(values, [from, to]), &Default::default())
        };
        let (first, second) = (draw(LENGTH, hidden), draw(hidden, LENGTH));
        Self { first, second }
    }
    fn forward(&self, x: Signal<B>) -> Signal<B> {
        activation::tanh(x.matmul(self.first.val())).matmul(self.second.val())
    }
}

/// `[batch, LENGTH]`, and what of it the learner sees and what it is told.
pub type Signal<B> = Tensor<B, 2>;
pub type Masked<B> = (Signal<B>, Signal<B>);

pub struct Signals;
impl Modality for Signals {
    type Learner<B: Backend> = Mlp<B>;
    type Batch<B: Backend> = Signal<B>;
    type Views<B: Backend> = Masked<B>;
    type Prediction<B: Backend> = Signal<B>;
    type Target<B: Backend> = Signal<B>;
    fn predict<B: Backend>(learner: &Mlp<B>, (seen, _): &Masked<B>) -> Signal<B> {
        learner.forward(seen.clone())
    }
}

/// x ⊙ m_φ(x) is shown, x ⊙ (1 − m_φ(x)) is asked for (eq. 6, with a soft mask).
pub struct SoftMask;
impl ViewGenerator<Signals> for SoftMask {
    type Designer<B: Backend> = Mlp<B>;
    fn views<B: Backend>(&self, designer: &Mlp<B>, x: &Signal<B>) -> Masked<B> {
        let mask = (designer.forward(x.clone()).neg().exp() + 1.0).recip();
        (x.clone() * mask.clone(), x.clone() * (mask.neg() + 1.0))
    }
    fn unshaped_views<B: Backend>(&self, x: &Signal<B>) -> Masked<B> {
        (x.clone().mul_scalar(0.5), x.clone().mul_scalar(0.5))
    }
}

/// The target is what was hidden: nothing to learn, nothing of the learner to know.
pub struct Hidden;
type No = NoParameters;
impl TargetFn<Signals> for Hidden {
    type Designer<B: Backend> = No;
    type Teacher<B: Backend> = No;
    type Reference<B: Backend> = No;
    fn teacher<B: Backend>(&self, _: &Mlp<B>) -> No {
        NoParameters
    }
    fn reference<B: Backend>(&self, _: &No, _: Signal<B>, _: &Masked<B>) -> No {
        NoParameters
    }
    fn target<B: Backend>(&self, _: &No, (_, hidden): &Masked<B>, _: &No) -> Signal<B> {
        hidden.clone()
    }
    fn unshaped_target<B: Backend>(&self, (_, hidden): &Masked<B>, _: &No) -> Signal<B> {
        hidden.clone()
    }
}

pub struct Squared;
impl PredictiveLoss<Signals, Hidden> for Squared {
    fn loss<B: Backend>(&self, y: Signal<B>, target: &Signal<B>, _: &Masked<B>) -> Loss<B> {
        let entries: Tensor<B, 1> = (y - target.clone()).powi_scalar(2).reshape([-1]);
        let weights = entries.ones_like().div_scalar(entries.dims()[0] as f64);
        Loss { entries, weights }
    }
}

/// Waves of any pitch, or of one: the stream, and the labelled set.
pub struct Waves(ChaCha8Rng, Option<f64>);
impl Waves {
    pub fn draw<B: Backend>(&mut self, batch: usize) -> Signal<B> {
        let wave = |_| {
            let pitch = self.1.unwrap_or(self.0.random_range(0.2..1.5));
            let phase = self.0.random_range(0.0..6.3);
            (0..LENGTH).map(move |i| (i as f64 * pitch + phase).sin())
        };
        let waves: Vec<f64> = (0..batch).flat_map(wave).collect();
        Tensor::from_data(TensorData::new(waves, [batch, LENGTH]), &Default::default())
    }
}
impl Stateful for Waves {
    fn state(&self) -> serde_json::Value {
        to_state(&self.0)
    }
    fn restore(&mut self, state: serde_json::Value) -> Result<(), CoreError> {
        from_state(state).map(|generator| self.0 = generator)
    }
}
impl Source<SignalTask, Flex> for Waves {
    fn next_step(&mut self) -> Result<StepData<SignalTask, Flex>, CoreError> {
        Ok(StepData::single(self.draw(8), 8 * LENGTH as u64))
    }
}
impl Evaluator<SignalTask, Flex> for Waves {
    fn name(&self) -> &str {
        "one pitch"
    }
    fn loss(&mut self, mlp: &Mlp<Autodiff<Flex>>) -> Result<Tensor<Autodiff<Flex>, 1>, CoreError> {
        let x = self.draw(8);
        Ok((mlp.forward(x.clone()) - x).powi_scalar(2).mean())
    }
}

pub type SignalTask = Objective<Signals, SoftMask, Hidden, Squared>;
pub type SignalTrainer = Trainer<SignalTask, Flex, Waves, Downstream<SignalTask, Flex>, Nested>;

pub fn trainer(steps: usize) -> SignalTrainer {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let (learner, mask) = (Mlp::new(32, &mut rng), Mlp::new(16, &mut rng));
    let held = Downstream::new(Waves(ChaCha8Rng::seed_from_u64(1), Some(0.7)));
    let task = Objective::new(SoftMask, Hidden, Squared);
    let config = TrainerConfig::new(steps, 3e-3);
    let parts = (Waves(rng, None), held, Nested);
    Trainer::new(task, learner, (mask, NoParameters), parts, config)
}

fn main() -> Result<(), CoreError> {
    let mut trainer = trainer(100);
    for step in 0..100 {
        let report = trainer.step()?;
        let Some(up) = report.value else { continue };
        println!("{step:3}  L_pre {:.4}  V {:.4}", report.loss, up.value);
    }
    Ok(())
}
