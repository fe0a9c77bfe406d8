//! How far to shift θ for a difference.

use crate::GradVector;
use burn::tensor::{ElementConversion, Tensor, backend::Backend};
use serde::{Deserialize, Serialize};

/// ε chosen so that the entries move by a wanted amount, adapting from one update to the next.
///
/// The length of θ_S misleads (embeddings inflate it, a fresh adapter is zero), so what is held is
/// the length of the shift that moved the entries as wanted the last time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DifferenceStep {
    /// Wanted root mean square of the difference of an entry between θ + εv and θ − εv.
    pub movement: f64,
    length: Option<f64>,
}

impl Default for DifferenceStep {
    /// A compromise of curvature, whose error grows with the square of the movement, and rounding
    /// in f32, whose error falls with it. The test `the_default_movement_is_near_the_best_in_f32`
    /// measures both on small nonlinear learners and prints the table: between 5e-3 and 1.5e-2 the
    /// worst relative error of ∇_φ V is about 1e-4, below 1e-3 and above 3e-2 over 5e-4.
    fn default() -> Self {
        Self::new(7e-3)
    }
}

impl DifferenceStep {
    /// Entries should move by `movement`.
    pub fn new(movement: f64) -> Self {
        Self {
            movement,
            length: None,
        }
    }

    /// Calls `moved(ε)`, which returns its result with the movement it saw, until the movement is
    /// within a factor of three of the wanted one; returns the last result with its ε.
    pub(super) fn search<B: Backend, R>(
        &mut self,
        v: &GradVector<B>,
        mut moved: impl FnMut(f64) -> (R, f64),
    ) -> (R, f64) {
        const TRIES: usize = 6;
        let norm = v.norm();
        let mut length = self.length.unwrap_or(0.1 * self.movement);
        let mut tries = 0;
        loop {
            let epsilon = if norm > 0.0 { length / norm } else { 1.0 };
            let (result, movement) = moved(epsilon);
            tries += 1;
            let ratio = self.movement / movement;
            let usable = ratio.is_finite() && norm > 0.0;
            if usable {
                // A cautious factor: the movement of one batch is a noisy measure.
                self.length = Some(length * ratio.clamp(1e-3, 1e3));
            }
            if !usable || tries == TRIES || (1.0 / 3.0..3.0).contains(&ratio) {
                return (result, epsilon);
            }
            length = self.length.unwrap_or(length);
        }
    }
}

/// How much the entries moved; 0 where there are none, whose mean is no number.
pub(super) fn root_mean_square<B: Backend, const D: usize>(difference: Tensor<B, D>) -> f64 {
    let count = difference.shape().num_elements();
    if count == 0 {
        return 0.0;
    }
    let sum = (difference.clone() * difference).sum();
    let sum: f64 = sum.into_scalar().elem();
    (sum / count as f64).sqrt()
}
