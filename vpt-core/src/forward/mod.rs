//! Forward-mode differentiation as a backend decorator, the mirror of `Autodiff<B>`.
//!
//! A float tensor on [`Forward<B>`] is a dual number x + ε·ẋ with ε² = 0: its value, and the
//! derivative of that value along one direction. Whatever runs on a backend runs here, so a model
//! written once gets its directional derivative from one forward pass, with no tape and no memory
//! that grows with depth:
//!
//! ```
//! use burn::backend::NdArray;
//! use burn::tensor::Tensor;
//! use vpt_core::forward::jvp;
//!
//! let x = Tensor::<NdArray, 1>::from_floats([1.0, 2.0], &Default::default());
//! let v = Tensor::from_floats([1.0, -1.0], &Default::default());
//! let (y, derivative) = jvp(|x| (x.clone() * x).sum(), x, v);
//! assert_eq!(y.into_scalar(), 5.0);
//! assert_eq!(derivative.into_scalar(), -2.0);
//! ```
//!
//! A tensor without a tangent costs what it costs on `B`: everything below the first parameter that
//! moves is plain work. Values are those of `B` bit for bit, tangent or none, since every operation
//! calls `B`'s own for them.
//!
//! # Composition
//! - `Forward<Autodiff<I>>`: the tangent is on `I`'s tape, so one `backward` through it gives the
//!   gradient of a directional derivative.
//! - `Autodiff<Forward<I>>`: the gradient is a dual number, and its tangent is a Hessian-vector
//!   product.
//! - `Forward<Forward<B>>`: second derivatives along two directions.
//!
//! # What is refused
//! No operation drops a tangent in silence. Those that are constant almost everywhere (rounding,
//! signs, comparisons, arguments of extremes, casts to integers) have none to give, and `detach`
//! is asked to stop it. Where there is no rule, a tangent is refused by a panic that names the
//! operation: quantisation; `scatter_nd` by product, minimum or maximum; the offsets of
//! `deform_conv2d`, and its backward pass; a grid's tangent in `grid_sample_2d` unless the sampling
//! is bilinear. `backward` belongs to `B`, and panics here.
//!
//! The module depends on nothing else in this crate.

mod activation;
mod boolean;
mod dual;
mod float;
mod int;
mod lift;
mod module;
mod pick;
mod quantized;

pub use dual::Dual;
pub use lift::{dual, jvp, parts, perturb, tangent};

use burn_backend::ops::{TransactionOps, TransactionPrimitive, TransactionPrimitiveData};
use burn_backend::tensor::{BoolTensor, FloatTensor, IntTensor, QuantizedTensor};
use burn_backend::{
    AutodiffBackend, Backend, BackendTypes, DType, DTypeUsageSet, ExecutionError, TensorData,
};
use std::marker::PhantomData;

/// Backend decorator that computes tangents along with values.
#[derive(Clone, Copy, Debug, Default)]
pub struct Forward<B>(PhantomData<B>);

impl<B: Backend> BackendTypes for Forward<B> {
    type Device = B::Device;
    type FloatTensorPrimitive = Dual<B>;
    type FloatElem = B::FloatElem;
    type IntTensorPrimitive = B::IntTensorPrimitive;
    type IntElem = B::IntElem;
    type BoolTensorPrimitive = B::BoolTensorPrimitive;
    type BoolElem = B::BoolElem;
    type QuantizedTensorPrimitive = B::QuantizedTensorPrimitive;
}

impl<B: Backend> Backend for Forward<B> {
    fn ad_enabled(device: &Self::Device) -> bool {
        B::ad_enabled(device)
    }

    fn memory_persistent_allocations<
        Output: Send,
        Input: Send,
        Func: Fn(Input) -> Output + Send,
    >(
        device: &Self::Device,
        input: Input,
        func: Func,
    ) -> Output {
        B::memory_persistent_allocations(device, input, func)
    }

    fn memory_cleanup(device: &Self::Device) {
        B::memory_cleanup(device);
    }

    fn name(device: &Self::Device) -> String {
        format!("forward<{}>", B::name(device))
    }

    fn seed(device: &Self::Device, seed: u64) {
        B::seed(device, seed);
    }

    fn sync(device: &Self::Device) -> Result<(), ExecutionError> {
        B::sync(device)
    }

    fn staging<'a, Iter>(data: Iter, device: &Self::Device)
    where
        Iter: Iterator<Item = &'a mut TensorData>,
    {
        B::staging(data, device);
    }

    fn supports_dtype(device: &Self::Device, dtype: DType) -> bool {
        B::supports_dtype(device, dtype)
    }

    fn dtype_usage(device: &Self::Device, dtype: DType) -> DTypeUsageSet {
        B::dtype_usage(device, dtype)
    }

    fn device_count(type_id: u16) -> usize {
        B::device_count(type_id)
    }
}

/// The way between `B` and `Forward<B>` for tensors and derived modules: `from_inner` makes
/// constants, `inner` and `valid` leave the tangent behind.
///
/// There is no tape here. What is on `B`'s stays on it, and `require_grad` changes nothing: a leaf
/// is put on `B`'s tape before it is lifted.
impl<B: Backend> AutodiffBackend for Forward<B> {
    type InnerBackend = B;
    type Gradients = ();

    fn backward(_: Dual<B>) {
        panic!("Forward<B> has no tape: take the tangent, and call backward on B");
    }

    fn grad(_: &Dual<B>, (): &()) -> Option<FloatTensor<B>> {
        None
    }

    fn grad_remove(_: &Dual<B>, (): &mut ()) -> Option<FloatTensor<B>> {
        None
    }

    fn grad_replace(_: &Dual<B>, (): &mut (), _: FloatTensor<B>) {}

    fn inner(tensor: Dual<B>) -> FloatTensor<B> {
        tensor.primal
    }

    fn from_inner(tensor: FloatTensor<B>) -> Dual<B> {
        Dual::constant(tensor)
    }

    fn int_inner(tensor: IntTensor<B>) -> IntTensor<B> {
        tensor
    }

    fn bool_inner(tensor: BoolTensor<B>) -> BoolTensor<B> {
        tensor
    }

    fn q_inner(tensor: QuantizedTensor<B>) -> QuantizedTensor<B> {
        tensor
    }

    fn int_from_inner(tensor: IntTensor<B>) -> IntTensor<B> {
        tensor
    }

    fn bool_from_inner(tensor: BoolTensor<B>) -> BoolTensor<B> {
        tensor
    }

    fn q_from_inner(tensor: QuantizedTensor<B>) -> QuantizedTensor<B> {
        tensor
    }
}

impl<B: Backend> TransactionOps<Self> for Forward<B> {
    async fn tr_execute(
        transaction: TransactionPrimitive<Self>,
    ) -> Result<TransactionPrimitiveData, ExecutionError> {
        let floats = transaction.read_floats.into_iter();
        B::tr_execute(TransactionPrimitive::new(
            floats.map(|tensor| tensor.primal).collect(),
            transaction.read_qfloats,
            transaction.read_ints,
            transaction.read_bools,
        ))
        .await
    }
}

/// Associated functions that `B` answers as they are.
macro_rules! pass {
    ($($name:ident($($arg:ident: $type:ty),*) -> $out:ty;)*) => {
        $(fn $name($($arg: $type),*) -> $out {
            B::$name($($arg),*)
        })*
    };
}
use pass;
