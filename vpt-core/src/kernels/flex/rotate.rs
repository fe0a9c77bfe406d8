//! Halves (a, b) of each head become (a·cos − b·sin, b·cos + a·sin); backward turns the other way.

use super::lanes::{by_chunks, rows_per_task};
use super::{Elements, Fused, tensor, width};
use crate::kernels::Rotate;
use burn::tensor::TensorMetadata;
use burn_flex::FlexTensor;

impl Fused<3> for Rotate {
    /// Cosines and sines.
    type Kept = [FlexTensor; 2];

    fn forward(&self, [x, cos, sin]: [FlexTensor; 3]) -> (FlexTensor, Self::Kept) {
        (turned(&x, [&cos, &sin], 1.0), [cos, sin])
    }

    /// The angles are constants.
    fn backward(
        &self,
        [cos, sin]: Self::Kept,
        gradient: FlexTensor,
        [by_x, ..]: [bool; 3],
    ) -> [Option<FlexTensor>; 3] {
        let by_x = by_x.then(|| turned(&gradient, [&cos, &sin], -1.0));
        [by_x, None, None]
    }
}

/// x `[.., heads · 2 · half]`, angles `[rows, half]`, turned by `sign` times the angles.
fn turned(x: &FlexTensor, angles: [&FlexTensor; 2], sign: f32) -> FlexTensor {
    let (n, half) = (width(x), width(angles[0]));
    let [cos, sin] = angles.map(Elements::of);
    let values = Elements::of(x);
    let mut out = vec![0.0; values.len()];
    by_chunks(&mut out, rows_per_task(n) * n, |start, out| {
        let angles = cos[start / n * half..]
            .chunks_exact(half)
            .zip(sin[start / n * half..].chunks_exact(half));
        let rows = values[start..].chunks_exact(n).zip(angles);
        for (out, (row, (cos, sin))) in out.chunks_exact_mut(n).zip(rows) {
            let heads = row.chunks_exact(2 * half);
            for (out, head) in out.chunks_exact_mut(2 * half).zip(heads) {
                let ((out_a, out_b), (a, b)) = (out.split_at_mut(half), head.split_at(half));
                for j in 0..half {
                    let s = sign * sin[j];
                    out_a[j] = a[j] * cos[j] - b[j] * s;
                    out_b[j] = b[j] * cos[j] + a[j] * s;
                }
            }
        }
    });
    tensor(out, x.shape())
}
