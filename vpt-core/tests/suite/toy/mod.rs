//! Soft-target classification: the smallest task that has everything text has.
//!
//! A learner with one hidden layer predicts classes; the target mixes the label with a distribution
//! that the designer tilts from the learner's own; the loss is linear in the target.

mod data;
mod setting;
mod task;

pub(crate) use data::*;
pub(crate) use setting::*;
pub(crate) use task::*;

use burn::backend::{Flex, NdArray};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

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
