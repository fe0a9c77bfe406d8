//! y = silu(g)·u, and its gradients: ∂g = ∂y·u·σ(1 + g(1 − σ)), ∂u = ∂y·g·σ.

use super::lanes::{by_chunks, rows_per_task, sigmoid};
use super::{Elements, Fused, tensor};
use crate::kernels::SwiGlu;
use burn::tensor::TensorMetadata;
use burn_flex::FlexTensor;

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
        let by_gate = |start: usize, out: &mut [f32]| {
            let inputs = gate[start..].iter().zip(&up[start..]);
            for (out, ((g, u), d)) in out.iter_mut().zip(inputs.zip(&gradient[start..])) {
                let s = sigmoid(*g);
                *out = d * u * (s * (1.0 + g * (1.0 - s)));
            }
        };
        let by_up = |start: usize, out: &mut [f32]| {
            let pairs = gate[start..].iter().zip(&gradient[start..]);
            for (out, (g, d)) in out.iter_mut().zip(pairs) {
                *out = d * (g * sigmoid(*g));
            }
        };
        let filled = |fill: &(dyn Fn(usize, &mut [f32]) + Sync)| {
            let mut out = vec![0.0; gate.len()];
            by_chunks(&mut out, rows_per_task(1), fill);
            tensor(out, inputs[0].shape())
        };
        [
            wanted[0].then(|| filled(&by_gate)),
            wanted[1].then(|| filled(&by_up)),
        ]
    }
}
