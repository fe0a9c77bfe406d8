//! Operations for the flex backend and one tape over it, forward and backward by hand.
//!
//! Nothing in a public signature says so: [`fused`] looks at what a backend's tensors are, at run
//! time, and hands back those it has no kernel for.

mod adamw;
mod attention;
mod dot;
mod lanes;
mod linear;
mod product;
mod rms_norm;
mod rotate;
mod scaled;
mod softmax;
mod sparse;
mod swiglu;

pub(super) use adamw::adamw;
pub(super) use dot::{dot, is_one};
pub(super) use scaled::scaled;
pub(super) use softmax::softmax;
pub(super) use sparse::{add_product, scattered};

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::{Autodiff, Flex};
use burn::tensor::backend::{Backend, BackendTypes};
use burn::tensor::{DType, Shape, TensorData, TensorMetadata};
use burn_flex::FlexTensor;
use std::any::Any;
use std::fmt::Debug;

/// What a tape over flex holds.
type Taped = <Autodiff<Flex> as BackendTypes>::FloatTensorPrimitive;

/// An operation on `N` float tensors of f32.
pub(super) trait Fused<const N: usize>: Clone + Debug + Send + 'static {
    /// What the backward pass needs.
    type Kept: Clone + Debug + Send + 'static;

    /// The result, and what the backward pass needs of it.
    fn forward(&self, inputs: [FlexTensor; N]) -> (FlexTensor, Self::Kept);

    /// The gradients of those inputs that are `wanted`; of the others anything.
    fn backward(
        &self,
        kept: Self::Kept,
        gradient: FlexTensor,
        wanted: [bool; N],
    ) -> [Option<FlexTensor>; N];
}

/// `op` of `inputs` where `B` is flex or one tape over it and all of them are f32; otherwise the
/// inputs again.
pub(super) fn fused<B: Backend, O: Fused<N>, const N: usize>(
    op: O,
    inputs: [B::FloatTensorPrimitive; N],
) -> Result<B::FloatTensorPrimitive, [B::FloatTensorPrimitive; N]> {
    if inputs.iter().any(|input| input.dtype() != DType::F32) {
        return Err(inputs);
    }
    let inputs = match same::<_, [FlexTensor; N]>(inputs) {
        Ok(inputs) => return same(op.forward(inputs).0).map_err(|_| unreachable!("one backend")),
        Err(inputs) => inputs,
    };
    let inputs = same::<_, [Taped; N]>(inputs)?;
    same(taped(op, inputs)).map_err(|_| unreachable!("one backend"))
}

/// Whether [`fused`] takes f32 tensors of `B`.
pub(super) fn takes<B: Backend>() -> bool {
    use std::any::TypeId;
    let primitive = TypeId::of::<B::FloatTensorPrimitive>();
    primitive == TypeId::of::<FlexTensor>() || primitive == TypeId::of::<Taped>()
}

/// `value` as a `T`, where that is what it is.
fn same<A: 'static, T: 'static>(value: A) -> Result<T, A> {
    let mut slot = Some(value);
    let found = (&mut slot as &mut dyn Any).downcast_mut::<Option<T>>();
    match found.and_then(Option::take) {
        Some(value) => Ok(value),
        None => Err(slot.expect("only a T is taken out")),
    }
}

/// `op` on a tape.
fn taped<O: Fused<N>, const N: usize>(op: O, inputs: [Taped; N]) -> Taped {
    #[derive(Debug)]
    struct Step<O>(O);

    impl<O: Fused<N>, const N: usize> Backward<Flex, N> for Step<O> {
        type State = O::Kept;

        fn backward(self, ops: Ops<O::Kept, N>, grads: &mut Gradients, _: &mut Checkpointer) {
            let gradient = grads.consume::<Flex>(&ops.node);
            let wanted = std::array::from_fn(|i| ops.parents[i].is_some());
            let found = self.0.backward(ops.state, gradient, wanted);
            for (parent, gradient) in ops.parents.into_iter().zip(found) {
                if let (Some(parent), Some(gradient)) = (parent, gradient) {
                    grads.register::<Flex>(parent.id, gradient);
                }
            }
        }
    }

    let nodes = std::array::from_fn(|i| inputs[i].node.clone());
    let (output, kept) = op.forward(inputs.map(|input| input.primitive));
    let prepared = Step(op).prepare::<NoCheckpointing>(nodes).compute_bound();
    match prepared.stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(kept, output),
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    }
}

/// A new tensor of `values`.
fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// A tensor whose storage can be written as a slice: its own where nobody else holds it.
fn contiguous(tensor: FlexTensor) -> FlexTensor {
    // By value: a second handle would make the first write copy everything.
    tensor.to_contiguous()
}

/// The elements of a tensor in order; of a contiguous one they are not copied.
struct Elements(FlexTensor);

impl Elements {
    fn of(tensor: &FlexTensor) -> Self {
        match tensor.layout().contiguous_offsets() {
            Some(_) => Self(tensor.clone()),
            None => Self(tensor.to_contiguous()),
        }
    }
}

impl std::ops::Deref for Elements {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        self.0.as_slice().expect("f32, contiguous")
    }
}

/// The last dimension.
fn width(tensor: &FlexTensor) -> usize {
    tensor.layout().shape().iter().last().copied().unwrap_or(1)
}
