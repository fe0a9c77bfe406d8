//! y = r·x·w with r = 1/√(mean(x²) + ε), and its gradients:
//! ∂x = r·(w·g) − x·r³·mean(w·g·x), ∂w = Σ_rows r·g·x.

use super::lanes::{by_chunks, rows_per_task, simd, sum2};
use super::{Elements, Fused, tensor, width};
use crate::kernels::RmsNorm;
use burn::tensor::TensorMetadata;
use burn_flex::FlexTensor;
use rayon::prelude::*;
use std::sync::Arc;

impl Fused<2> for RmsNorm {
    /// x, w, and r of every row.
    type Kept = (FlexTensor, FlexTensor, Arc<Vec<f32>>);

    fn forward(&self, [x, weight]: [FlexTensor; 2]) -> (FlexTensor, Self::Kept) {
        let (values, gain, n) = (Elements::of(&x), Elements::of(&weight), width(&weight));
        let mut scales = vec![0.0; values.len() / n.max(1)];
        by_chunks(&mut scales, rows_per_task(n), |start, scales| {
            let rows = values[start * n..].chunks_exact(n);
            for (scale, row) in scales.iter_mut().zip(rows) {
                let mean = sum2(row, row, |a, b| a * b) / n as f32;
                *scale = 1.0 / (mean + self.eps as f32).sqrt();
            }
        });
        let mut out = vec![0.0; values.len()];
        by_chunks(&mut out, rows_per_task(n) * n, |start, out| {
            let rows = values[start..].chunks_exact(n).zip(&scales[start / n..]);
            for (out, (row, &scale)) in out.chunks_exact_mut(n).zip(rows) {
                for ((out, x), w) in out.iter_mut().zip(row).zip(&gain[..]) {
                    *out = x * scale * w;
                }
            }
        });
        let shape = x.shape();
        (tensor(out, shape), (x, weight, Arc::new(scales)))
    }

    fn backward(
        &self,
        (x, weight, scales): Self::Kept,
        gradient: FlexTensor,
        [by_x, by_weight]: [bool; 2],
    ) -> [Option<FlexTensor>; 2] {
        let (values, gain, n) = (Elements::of(&x), Elements::of(&weight), width(&weight));
        let gradient = Elements::of(&gradient);
        let for_x = by_x.then(|| {
            let mut out = vec![0.0; values.len()];
            by_chunks(&mut out, rows_per_task(n) * n, |start, out| {
                let rows = values[start..]
                    .chunks_exact(n)
                    .zip(gradient[start..].chunks_exact(n))
                    .zip(&scales[start / n..]);
                for (out, ((x, g), &scale)) in out.chunks_exact_mut(n).zip(rows) {
                    for ((out, g), w) in out.iter_mut().zip(g).zip(&gain[..]) {
                        *out = g * w;
                    }
                    let mean = sum2(out, x, |a, b| a * b) / n as f32;
                    let back = mean * scale * scale * scale;
                    for (out, x) in out.iter_mut().zip(x) {
                        *out = *out * scale - x * back;
                    }
                }
            });
            tensor(out, x.shape())
        });
        let for_weight = by_weight.then(|| {
            // Partial sums over runs of rows whose length does not depend on the threads.
            let rows = rows_per_task(n);
            let parts: Vec<Vec<f32>> = (0..scales.len().div_ceil(rows))
                .into_par_iter()
                .map(|part| {
                    let at = part * rows..scales.len().min((part + 1) * rows);
                    let mut sums = vec![0.0; n];
                    simd(|| {
                        for row in at {
                            let (scale, row) = (scales[row], row * n..(row + 1) * n);
                            let pairs = values[row.clone()].iter().zip(&gradient[row]);
                            for (sum, (x, g)) in sums.iter_mut().zip(pairs) {
                                *sum += x * scale * g;
                            }
                        }
                    });
                    sums
                })
                .collect();
            let mut sums = vec![0.0; n];
            for part in parts {
                sums.iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
            }
            tensor(sums, weight.shape())
        });
        [for_x, for_weight]
    }
}
