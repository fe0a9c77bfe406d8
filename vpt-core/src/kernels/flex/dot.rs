//! Σ a·b in one pass over memory.

use super::lanes::{TASK, simd, sum2};
use super::{Elements, same, tensor};
use burn::tensor::backend::Backend;
use burn::tensor::{DType, TensorMetadata};
use burn_flex::FlexTensor;
use rayon::prelude::*;

/// Σ a·b `[1]`; the two again where `B` is not flex or they are not f32. Tasks are summed in f64 and
/// in order.
pub(in crate::kernels) fn dot<B: Backend>(
    pair: [B::FloatTensorPrimitive; 2],
) -> Result<B::FloatTensorPrimitive, [B::FloatTensorPrimitive; 2]> {
    if pair.iter().any(|x| x.dtype() != DType::F32) {
        return Err(pair);
    }
    let [a, b] = same::<_, [FlexTensor; 2]>(pair)?;
    let (a, b) = (Elements::of(&a), Elements::of(&b));
    let sums: Vec<f32> = a
        .par_chunks(TASK)
        .zip(b.par_chunks(TASK))
        .map(|(a, b)| simd(|| sum2(a, b, |a, b| a * b)))
        .collect();
    let sum = sums.into_iter().map(f64::from).sum::<f64>() as f32;
    same(tensor(vec![sum], [1])).map_err(|_| unreachable!("one backend"))
}

/// Whether a scalar of flex is 1; of other backends it is not known.
pub(in crate::kernels) fn is_one<B: Backend>(scalar: &B::FloatTensorPrimitive) -> bool {
    let known = scalar.dtype() == DType::F32;
    let scalar = known.then(|| same::<_, FlexTensor>(scalar.clone()).ok());
    scalar
        .flatten()
        .is_some_and(|x| Elements::of(&x)[..] == [1.0])
}
