//! AdamW in one pass over memory, in the order in which burn's operations round.

use super::lanes::simd;
use super::{Elements, contiguous, same};
use crate::kernels::AdamWUpdate;
use burn::tensor::backend::Backend;
use burn::tensor::{DType, TensorMetadata};
use burn_flex::FlexTensor;
use rayon::prelude::*;

/// Elements that one task updates.
const CHUNK: usize = 1 << 15;

/// θ, m and v after `update`, in place where nobody shares them; the same tensors again where `B`
/// is not flex or they are not f32.
pub(in crate::kernels) fn adamw<B: Backend>(
    update: &AdamWUpdate,
    state: [B::FloatTensorPrimitive; 3],
    gradient: &B::FloatTensorPrimitive,
) -> Result<[B::FloatTensorPrimitive; 3], [B::FloatTensorPrimitive; 3]> {
    let f32s = state.iter().all(|tensor| tensor.dtype() == DType::F32);
    if !f32s || gradient.dtype() != DType::F32 {
        return Err(state);
    }
    let gradient = match same::<_, FlexTensor>(gradient.clone()) {
        Ok(gradient) => gradient,
        Err(_) => return Err(state),
    };
    let state = same::<_, [FlexTensor; 3]>(state)?;
    same(moved(update, state, &Elements::of(&gradient))).map_err(|_| unreachable!("one backend"))
}

fn moved(update: &AdamWUpdate, state: [FlexTensor; 3], gradient: &[f32]) -> [FlexTensor; 3] {
    let mut state = state.map(contiguous);
    let [theta, m, v] = state.each_mut().map(|tensor| tensor.storage_mut::<f32>());
    theta
        .par_chunks_mut(CHUNK)
        .zip(m.par_chunks_mut(CHUNK))
        .zip(v.par_chunks_mut(CHUNK))
        .zip(gradient.par_chunks(CHUNK))
        .for_each(|(((theta, m), v), g)| simd(|| chunk(update, theta, m, v, g)));
    state
}

#[inline(always)]
fn chunk(update: &AdamWUpdate, theta: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32]) {
    let AdamWUpdate {
        betas: [beta_1, beta_2],
        corrections: [correct_1, correct_2],
        epsilon,
        kept,
        rate,
    } = *update;
    let (rest_1, rest_2) = (1.0 - beta_1, 1.0 - beta_2);
    for (((theta, m), v), g) in theta.iter_mut().zip(m).zip(v).zip(g) {
        *m = *m * beta_1 + g * rest_1;
        *v = *v * beta_2 + (g * g) * rest_2;
        let delta = (*m / correct_1) / ((*v / correct_2).sqrt() + epsilon);
        *theta = *theta * kept - delta * rate;
    }
}
