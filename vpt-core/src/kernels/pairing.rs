//! ⟨x, g⟩ on a tape, and off it.

use super::{primitive, wrapped};
use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::tensor::{Tensor, backend::Backend};

/// Σ a·b of two tensors of one shape. On flex no array of products is made.
///
/// # Panics
/// If the two differ in shape.
pub fn dot<B: Backend, const D: usize>(a: Tensor<B, D>, b: Tensor<B, D>) -> Tensor<B, 1> {
    assert_eq!(a.dims(), b.dims(), "dot: the shapes");
    #[cfg(feature = "flex")]
    let (a, b) = match super::flex::dot::<B>([primitive(a), primitive(b)]) {
        Ok(sum) => return wrapped(sum),
        Err([a, b]) => (wrapped::<B, D>(a), wrapped(b)),
    };
    (a * b).sum()
}

/// c·x. On flex in x's own memory where nobody shares it.
pub(crate) fn scaled<B: Backend, const D: usize>(x: Tensor<B, D>, factor: f64) -> Tensor<B, D> {
    #[cfg(feature = "flex")]
    let x = match super::flex::scaled::<B>(primitive(x), factor as f32) {
        Ok(x) => return wrapped(x),
        Err(x) => wrapped::<B, D>(x),
    };
    x.mul_scalar(factor)
}

/// ⟨x, sg(g)⟩, whose gradient in x is g: how a gradient that was computed by hand is handed to a tape.
/// Right to first order only, as g is a constant in it.
///
/// # Panics
/// If the two differ in shape.
pub fn pairing<I: Backend, const D: usize>(
    x: Tensor<Autodiff<I>, D>,
    g: Tensor<I, D>,
) -> Tensor<Autodiff<I>, 1> {
    #[derive(Debug)]
    struct Pairing<const D: usize>;

    impl<I: Backend, const D: usize> Backward<I, 1> for Pairing<D> {
        type State = I::FloatTensorPrimitive;

        fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
            let upstream = grads.consume::<I>(&ops.node);
            let [parent] = ops.parents;
            let Some(parent) = parent else { return };
            // Nearly always a loss itself is walked back, and then g is the gradient as it is.
            #[cfg(feature = "flex")]
            if super::flex::is_one::<I>(&upstream) {
                return grads.register::<I>(parent.id, ops.state);
            }
            let g: Tensor<I, D> = wrapped(ops.state);
            let factor: Tensor<I, 1> = wrapped(upstream);
            grads.register::<I>(parent.id, primitive(g * factor.reshape([1; D])));
        }
    }

    assert_eq!(x.dims(), g.dims(), "pairing: the shapes");
    let x = primitive(x);
    let node = x.node.clone();
    let sum = primitive(dot(wrapped::<I, D>(x.primitive), g.clone()));
    let prepared = Backward::<I, 1>::prepare::<NoCheckpointing>(Pairing::<D>, [node]);
    wrapped(match prepared.compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(primitive(g), sum),
        OpsKind::UnTracked(prepared) => prepared.finish(sum),
    })
}
