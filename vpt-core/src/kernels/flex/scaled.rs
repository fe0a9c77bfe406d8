//! c·x in place.

use super::lanes::{TASK, simd};
use super::{contiguous, same};
use burn::tensor::backend::Backend;
use burn::tensor::{DType, TensorMetadata};
use burn_flex::FlexTensor;
use rayon::prelude::*;

/// c·x in x's own memory where nobody shares it; x again where `B` is not flex or x is not f32.
pub(in crate::kernels) fn scaled<B: Backend>(
    x: B::FloatTensorPrimitive,
    factor: f32,
) -> Result<B::FloatTensorPrimitive, B::FloatTensorPrimitive> {
    if x.dtype() != DType::F32 {
        return Err(x);
    }
    let mut x = contiguous(same::<_, FlexTensor>(x)?);
    x.storage_mut::<f32>()
        .par_chunks_mut(TASK)
        .for_each(|x| simd(|| x.iter_mut().for_each(|x| *x *= factor)));
    same(x).map_err(|_| unreachable!("one backend"))
}
