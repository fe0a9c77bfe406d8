//! φ for language: scores over the learner's candidates and a gate (A.1).

use super::{Candidates, TextBatch};
use crate::decoder::{Block, DecoderConfig, DecoderInput, Linear, RmsNorm, Rotary};
use burn::module::Module;
use burn::tensor::{Tensor, TensorData, backend::Backend};
use rand::Rng;
use rand_distr::StandardNormal;
use vpt_core::kernels::{rows, sampled};

/// The size of a designer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DesignerSize {
    /// Blocks.
    pub layers: usize,
    /// Width.
    pub width: usize,
    /// Attention heads.
    pub heads: usize,
}

/// What the designer says of each position that is asked about.
#[derive(Clone, Debug)]
pub struct Proposal<B: Backend> {
    /// Scores of the candidates. `[n, k]`
    pub scores: Tensor<B, 2>,
    /// The gate's logit z; α = α_max · σ(z). `[n, 1]`
    pub gate: Tensor<B, 2>,
}

/// A small decoder that reads the context and the embedding of the true next token (A.1).
///
/// It reads the learner's embeddings, detached, normalised and projected: a table of its own would
/// cost more than all the rest for a large vocabulary. Score and gate heads start at zero, so a
/// fresh designer scores every candidate alike.
#[derive(Module, Debug)]
pub struct SoftTargetDesigner<B: Backend> {
    context: Linear<B>,
    next: Linear<B>,
    layers: Vec<Block<B>>,
    norm: RmsNorm<B>,
    query: Linear<B>,
    key: Linear<B>,
    gate: Linear<B>,
    rotary: Rotary<B>,
}

impl<B: Backend> SoftTargetDesigner<B> {
    /// For a learner of width `learner_width` and sequences of up to `seq_len` tokens, drawn from
    /// `rng` on the host.
    pub fn init<R: Rng + ?Sized>(
        size: DesignerSize,
        learner_width: usize,
        seq_len: usize,
        rng: &mut R,
        device: &B::Device,
    ) -> Self {
        let config = DecoderConfig::trunk(size.layers, size.width, size.heads, seq_len);
        let width = size.width;
        let skeleton = Self {
            context: Linear::unfilled(learner_width, width, false, device),
            next: Linear::unfilled(learner_width, width, false, device),
            layers: (0..size.layers)
                .map(|_| Block::unfilled(&config, device))
                .collect(),
            norm: RmsNorm::unfilled(width, config.rms_norm_eps, device),
            query: Linear::unfilled(width, width, false, device),
            key: Linear::unfilled(learner_width, width, false, device),
            gate: Linear::unfilled(width, 1, true, device),
            rotary: Rotary::new(&config, device),
        };
        let filled: Result<Self, std::convert::Infallible> =
            crate::decoder::fill(skeleton, |path, shape| {
                let count: usize = shape.iter().product();
                let zero = path.starts_with("query") || path.starts_with("gate");
                let values = if path.ends_with("norm.weight") {
                    vec![1.0; count]
                } else if zero {
                    vec![0.0; count]
                } else {
                    let std = (1.0 / shape[shape.len() - 1] as f64).sqrt();
                    (0..count)
                        .map(|_| std * rng.sample::<f64, _>(StandardNormal))
                        .collect()
                };
                Ok(TensorData::new(values, shape.to_vec()))
            });
        match filled {
            Ok(designer) => designer,
            Err(never) => match never {},
        }
    }

    /// Scores and gate at the positions that `views` asks about.
    pub fn forward(&self, views: &TextBatch<B>, reference: &Candidates<B>) -> Proposal<B> {
        // Only the rows that are read are normalised: the table may be the largest tensor there is.
        let read = |ids| unit_rms(rows(reference.embedding.clone(), ids));
        let [batch, seq] = views.next.dims();
        let tokens = views.input.tokens.clone().reshape([batch * seq]);
        let next = views.next.clone().reshape([batch * seq]);
        let x = self.context.forward(read(tokens)) + self.next.forward(read(next));
        let [_, width] = x.dims();
        let x = x.reshape([batch, seq, width]);
        let h = self.trunk(x, &views.input).reshape([batch * seq, width]);
        let h = h.select(0, views.rows.clone());

        let ([n, slots], k) = (reference.ids.dims(), reference.count());
        let ids = reference.ids.clone().narrow(1, 1, slots - 1);
        // ⟨key(e), query⟩ with the key's matrix on the side that has one row for each k, and the norm
        // of e taken out of the product.
        let query = self.query.forward(h.clone());
        let query = query.matmul(self.key.weight.val());
        let scale = inverse_rms(rows(
            reference.embedding.clone(),
            ids.clone().reshape([n * k]),
        ));
        let scores = sampled(reference.embedding.clone(), &ids, query)
            * scale.reshape([n, k]).div_scalar((width as f64).sqrt());
        Proposal {
            scores,
            gate: self.gate.forward(h),
        }
    }

    fn trunk(&self, x: Tensor<B, 3>, input: &DecoderInput<B>) -> Tensor<B, 3> {
        let context = crate::decoder::context(&self.rotary, input, &x);
        self.norm
            .forward(crate::decoder::run(&self.layers, x, &context))
    }
}

/// Rows of mean square 1: embeddings of different learners differ by orders of magnitude.
fn unit_rms<B: Backend>(rows: Tensor<B, 2>) -> Tensor<B, 2> {
    let scale = inverse_rms(rows.clone());
    rows * scale
}

/// 1/√(mean of squares) of each row. `[n, width] → [n, 1]`
fn inverse_rms<B: Backend>(rows: Tensor<B, 2>) -> Tensor<B, 2> {
    let mean = (rows.clone() * rows).mean_dim(1);
    mean.add_scalar(1e-12).sqrt().recip()
}
