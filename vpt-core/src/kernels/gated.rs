//! The gate of SwiGLU.

use super::{fused, primitive, wrapped};
use crate::layers::silu;
use burn::tensor::{Tensor, backend::Backend};

/// silu(gate) · up.
#[derive(Clone, Debug)]
pub(super) struct SwiGlu;

/// silu(gate) · up.
///
/// # Shapes
/// Both and the result alike.
///
/// # Panics
/// If the two differ in shape.
pub fn swiglu<B: Backend, const D: usize>(gate: Tensor<B, D>, up: Tensor<B, D>) -> Tensor<B, D> {
    assert_eq!(gate.dims(), up.dims(), "swiglu: the shapes");
    match fused::<B, _, 2>(SwiGlu, [primitive(gate), primitive(up)]) {
        Ok(y) => wrapped(y),
        Err([gate, up]) => composed(wrapped::<B, D>(gate), wrapped(up)),
    }
}

pub(super) fn composed<B: Backend, const D: usize>(
    gate: Tensor<B, D>,
    up: Tensor<B, D>,
) -> Tensor<B, D> {
    silu(gate) * up
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::swiglu;
    use crate::layers::silu;
    use burn::backend::{Autodiff, Flex};
    use burn::tensor::Tensor;

    type Taped = Tensor<Autodiff<Flex>, 1>;

    #[test]
    fn the_gate_and_its_gradient_stay_finite() {
        // σ(x)·(1 + x·(1 − σ(x))) in f64.
        let expected = [0.0, 0.0, 0.0, 0.0, 0.072_329_5, 0.5, 1.090_784_2, 1.0];
        let at = [-1e4, -200.0, -89.0, -50.0, -1.0, 0.0, 2.0, 300.0];
        let by_hand = |x: Taped| swiglu(x.clone(), x.ones_like());
        for law in [silu as fn(Taped) -> Taped, by_hand] {
            let x = Taped::from_floats(at, &Default::default()).require_grad();
            let slope = x.grad(&law(x.clone()).sum().backward()).unwrap();
            for (found, expected) in slope.into_data().iter::<f32>().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{found} {expected}");
            }
        }
    }
}
