//! The unlabelled stream and the labelled set.

use super::{Examples, Mlp, Toy, examples, rng};
use burn::backend::Autodiff;
use burn::tensor::activation::log_softmax;
use burn::tensor::{DType, Tensor, backend::Backend};
use rand_chacha::ChaCha8Rng;
use std::cell::Cell;
use std::rc::Rc;
use vpt_core::*;

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

pub(super) fn float_type<B: Backend>() -> DType {
    Tensor::<B, 1>::zeros([1], &Default::default()).dtype()
}
