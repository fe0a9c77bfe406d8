//! y = silu(g)·u, and its gradients: ∂g = ∂y·u·σ(1 + g(1 − σ)), ∂u = ∂y·g·σ.

use super::lanes::{by_chunks, rows_per_task, sigmoid, simd};
use super::{Elements, Fused, tensor};
use crate::kernels::SwiGlu;
use burn::tensor::TensorMetadata;
use burn_flex::FlexTensor;
use rayon::prelude::*;

impl Fused<2> for SwiGlu {
    type Kept = [FlexTensor; 2];

    fn forward(&self, inputs: [FlexTensor; 2]) -> (FlexTensor, Self::Kept) {
        let [gate, up] = inputs.each_ref().map(Elements::of);
        let mut out = vec![0.0; gate.len()];
        by_chunks(&mut out, rows_per_task(1), |start, out| {
            let pairs = gate[start..].iter().zip(&up[start..]);
            for (out, (g, u)) in out.iter_mut().zip(pairs) {
                *out = g * sigmoid(*g) * u;
            }
        });
        (tensor(out, inputs[0].shape()), inputs)
    }

    fn backward(
        &self,
        inputs: Self::Kept,
        gradient: FlexTensor,
        wanted: [bool; 2],
    ) -> [Option<FlexTensor>; 2] {
        let [gate, up] = inputs.each_ref().map(Elements::of);
        let gradient = Elements::of(&gradient);
        let mut by_gate = vec![0.0; gate.len()];
        let mut by_up = vec![0.0; gate.len()];
        // Both are made of one σ, whether or not both are wanted: one that is not costs little.
        let task = rows_per_task(1);
        let pairs = by_gate.par_chunks_mut(task).zip(by_up.par_chunks_mut(task));
        pairs.enumerate().for_each(|(index, (by_gate, by_up))| {
            let start = index * task;
            let inputs = gate[start..].iter().zip(&up[start..]);
            let inputs = inputs.zip(&gradient[start..]);
            let outs = by_gate.iter_mut().zip(by_up);
            simd(|| {
                for ((by_gate, by_up), ((g, u), d)) in outs.zip(inputs) {
                    let s = sigmoid(*g);
                    *by_gate = d * u * (s * (1.0 + g * (1.0 - s)));
                    *by_up = d * (g * s);
                }
            });
        });
        let [for_gate, for_up] = wanted;
        [
            for_gate.then(|| tensor(by_gate, inputs[0].shape())),
            for_up.then(|| tensor(by_up, inputs[1].shape())),
        ]
    }
}
