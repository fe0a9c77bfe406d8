//! Sparse products as loops over positions and their slots.

use super::lanes::{simd, sum2};
use super::product::accumulate;
use super::{Elements, Fused, contiguous, same, tensor, width};
use crate::kernels::{Gathered, Picked, Rows, Sampled};
use burn::tensor::backend::Backend;
use burn::tensor::{DType, TensorMetadata};
use burn_flex::FlexTensor;
use rayon::prelude::*;

/// Positions that one task takes.
const POSITIONS: usize = 16;

impl Picked {
    fn positions(&self) -> usize {
        self.ids.len() / self.slots.max(1)
    }

    /// Σ_k q_tk W_k; q is 1 where there is none.
    fn gather(&self, table: &FlexTensor, q: Option<&FlexTensor>) -> FlexTensor {
        let (values, n) = (Elements::of(table), width(table));
        let q = q.map(Elements::of);
        let mut out = vec![0.0; self.positions() * n];
        out.par_chunks_mut((POSITIONS * n).max(1))
            .enumerate()
            .for_each(|(task, out)| {
                simd(|| {
                    for (at, out) in out.chunks_exact_mut(n).enumerate() {
                        let first = (task * POSITIONS + at) * self.slots;
                        for slot in first..first + self.slots {
                            let row = &values[self.ids[slot] * n..][..n];
                            match &q {
                                None => out.copy_from_slice(row),
                                Some(q) => {
                                    let q = q[slot];
                                    out.iter_mut().zip(row).for_each(|(out, w)| *out += q * w);
                                }
                            }
                        }
                    }
                });
            });
        tensor(out, [self.positions(), n])
    }

    /// ⟨W_k, x_t⟩.
    fn sample(&self, table: &FlexTensor, x: &FlexTensor) -> FlexTensor {
        let (values, x, n) = (Elements::of(table), Elements::of(x), width(table));
        let mut out = vec![0.0; self.ids.len()];
        out.par_chunks_mut((POSITIONS * self.slots).max(1))
            .enumerate()
            .for_each(|(task, out)| {
                simd(|| {
                    for (at, out) in out.chunks_exact_mut(self.slots).enumerate() {
                        let position = task * POSITIONS + at;
                        let x = &x[position * n..][..n];
                        let ids = &self.ids[position * self.slots..];
                        for (out, id) in out.iter_mut().zip(ids) {
                            *out = sum2(&values[id * n..][..n], x, |a, b| a * b);
                        }
                    }
                });
            });
        tensor(out, [self.positions(), self.slots])
    }

    /// sum += Qᵀ·X in the order of positions; q is 1 where there is none.
    fn scatter(&self, sum: &mut [f32], q: Option<&FlexTensor>, x: &FlexTensor) {
        let (x, n) = (Elements::of(x), width(x));
        let q = q.map(Elements::of);
        simd(|| {
            for (slot, id) in self.ids.iter().enumerate() {
                let q = q.as_ref().map_or(1.0, |q| q[slot]);
                let x = &x[slot / self.slots * n..][..n];
                let row = sum[id * n..][..n].iter_mut();
                row.zip(x).for_each(|(sum, x)| *sum += q * x);
            }
        });
    }

    /// Qᵀ·X `[count, width]`.
    fn spread(&self, count: usize, q: Option<&FlexTensor>, x: &FlexTensor) -> FlexTensor {
        let n = width(x);
        let mut sum = vec![0.0; count * n];
        self.scatter(&mut sum, q, x);
        tensor(sum, [count, n])
    }
}

impl Fused<1> for Rows {
    /// How many rows the table has.
    type Kept = usize;

    fn forward(&self, [table]: [FlexTensor; 1]) -> (FlexTensor, usize) {
        (self.0.gather(&table, None), table.shape()[0])
    }

    fn backward(
        &self,
        count: usize,
        gradient: FlexTensor,
        _: [bool; 1],
    ) -> [Option<FlexTensor>; 1] {
        [Some(self.0.spread(count, None, &gradient))]
    }
}

impl Fused<2> for Sampled {
    type Kept = [FlexTensor; 2];

    fn forward(&self, inputs: [FlexTensor; 2]) -> (FlexTensor, Self::Kept) {
        (self.0.sample(&inputs[0], &inputs[1]), inputs)
    }

    fn backward(
        &self,
        [table, x]: Self::Kept,
        gradient: FlexTensor,
        [by_table, by_x]: [bool; 2],
    ) -> [Option<FlexTensor>; 2] {
        let count = table.shape()[0];
        [
            by_table.then(|| self.0.spread(count, Some(&gradient), &x)),
            by_x.then(|| self.0.gather(&table, Some(&gradient))),
        ]
    }
}

impl Fused<2> for Gathered {
    type Kept = [FlexTensor; 2];

    fn forward(&self, inputs: [FlexTensor; 2]) -> (FlexTensor, Self::Kept) {
        (self.0.gather(&inputs[0], Some(&inputs[1])), inputs)
    }

    fn backward(
        &self,
        [table, q]: Self::Kept,
        gradient: FlexTensor,
        [by_table, by_q]: [bool; 2],
    ) -> [Option<FlexTensor>; 2] {
        let count = table.shape()[0];
        [
            by_table.then(|| self.0.spread(count, Some(&q), &gradient)),
            by_q.then(|| self.0.sample(&table, &gradient)),
        ]
    }
}

/// sum + Qᵀ·X in place where nobody shares it; the sum again where `B` is not flex or anything is
/// not f32.
pub(in crate::kernels) fn scattered<B: Backend>(
    picked: &Picked,
    sum: B::FloatTensorPrimitive,
    others: [B::FloatTensorPrimitive; 2],
) -> Result<B::FloatTensorPrimitive, B::FloatTensorPrimitive> {
    let (sum, [q, x]) = plain::<B, 2>(sum, others)?;
    let mut sum = contiguous(sum);
    picked.scatter(sum.storage_mut(), Some(&q), &x);
    same(sum).map_err(|_| unreachable!("one backend"))
}

/// sum + aᵀ·b likewise.
pub(in crate::kernels) fn add_product<B: Backend>(
    sum: B::FloatTensorPrimitive,
    factors: [B::FloatTensorPrimitive; 2],
) -> Result<B::FloatTensorPrimitive, B::FloatTensorPrimitive> {
    let (sum, [a, b]) = plain::<B, 2>(sum, factors)?;
    let mut sum = contiguous(sum);
    accumulate(sum.storage_mut(), &a.transpose(0, 1), &b);
    same(sum).map_err(|_| unreachable!("one backend"))
}

/// Tensors of flex in f32 as what they are, or the first again.
fn plain<B: Backend, const N: usize>(
    first: B::FloatTensorPrimitive,
    others: [B::FloatTensorPrimitive; N],
) -> Result<(FlexTensor, [FlexTensor; N]), B::FloatTensorPrimitive> {
    let wide = first.dtype() != DType::F32 || others.iter().any(|x| x.dtype() != DType::F32);
    match same::<_, [FlexTensor; N]>(others) {
        Ok(others) if !wide => Ok((same::<_, FlexTensor>(first)?, others)),
        _ => Err(first),
    }
}
