//! First values of a designer.

use burn::module::Module;
use burn::tensor::{TensorData, backend::Backend};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use std::convert::Infallible;
use vpt_core::layers::fill;

/// How far the first logits may stray from that of the wanted keep ratio: the standard deviation
/// of the head's weights, times the square root of how many there are.
const HEAD: f64 = 0.05;

/// `module` with gains of 1, biases of 0, other weights normal with variance 2 / fan-in, and a
/// `head` so small that its `bias` decides: logit(keep).
///
/// # Panics
/// If `keep` is not in (0, 1).
pub(super) fn initial<B: Backend, M: Module<B>, R: Rng + ?Sized>(
    module: M,
    keep: f64,
    rng: &mut R,
) -> M {
    assert!(keep > 0.0 && keep < 1.0, "a keep ratio of {keep}");
    let filled = fill(module, |path, shape| {
        let length = shape.iter().product();
        let fan_in: usize = shape.iter().skip(1).product();
        let mut normal = |variance: f64| -> Vec<f64> {
            let draw = |_| -> f64 { StandardNormal.sample(rng) };
            let draws = (0..length).map(draw);
            draws.map(|draw| draw * variance.sqrt()).collect()
        };
        let values = match (path, shape.len()) {
            ("head" | "head.weight", _) => normal(HEAD * HEAD / fan_in as f64),
            ("bias" | "head.bias", _) => vec![(keep / (1.0 - keep)).ln(); length],
            (_, 1) if path.ends_with("weight") => vec![1.0; length],
            (_, 1) => vec![0.0; length],
            _ => normal(2.0 / fan_in as f64),
        };
        Ok::<_, Infallible>(TensorData::new(values, shape.to_vec()))
    });
    match filled {
        Ok(module) => module,
        Err(never) => match never {},
    }
}
