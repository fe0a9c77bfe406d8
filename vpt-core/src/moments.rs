//! Count, mean and spread of many values that come in parts.

use burn::tensor::{Tensor, backend::Backend};
use std::iter::Sum;

/// The moments of some values, in f64 on the host. The sum of two is the moments of all the values
/// of both, whatever the sizes of the parts.
///
/// Squares are kept about the mean, so that nothing cancels where the mean is far from zero.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ValueMoments {
    count: usize,
    mean: f64,
    /// Σ (value − mean)².
    squares: f64,
}

impl ValueMoments {
    /// Of every entry of `values`.
    pub fn of<B: Backend, const D: usize>(values: Tensor<B, D>) -> Self {
        let values: Vec<f64> = values.into_data().iter().collect();
        if values.is_empty() {
            return Self::default();
        }
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self {
            count: values.len(),
            mean,
            squares,
        }
    }

    /// How many values there were.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Their mean; 0 of none.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Their variance, as a population; 0 of none.
    pub fn variance(&self) -> f64 {
        self.squares / self.count.max(1) as f64
    }

    fn plus(self, other: Self) -> Self {
        let count = self.count + other.count;
        if count == 0 {
            return self;
        }
        let share = other.count as f64 / count as f64;
        let apart = other.mean - self.mean;
        Self {
            count,
            mean: self.mean + share * apart,
            squares: self.squares + other.squares + self.count as f64 * share * apart * apart,
        }
    }
}

impl Sum for ValueMoments {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), Self::plus)
    }
}
