//! Softmax attention by blocks of queries: the scores of one block are held at a time, forward and
//! backward, and what is kept is one number a row, lse = log Σ exp of its scores.
//!
//! With P = exp(S − lse), S = s·QKᵀ + mask, O = PV:
//! ∂V = Pᵀ∂O, ∂S = P ∘ (∂O·Vᵀ − rowsum(∂O ∘ O)), ∂Q = s·∂S·K, ∂K = s·∂Sᵀ·Q.
//!
//! A block's matrix products are gemm's; keys that no query of a block can see are left out.

use super::lanes::{exp, simd, sum2};
use super::product::{accumulate, product};
use super::softmax::normalise;
use super::{Elements, Fused, tensor};
use crate::kernels::Attention;
use burn::tensor::TensorMetadata;
use burn_flex::{FlexTensor, Layout};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// Queries whose scores are held at a time.
const BLOCK: usize = 64;

/// The sizes of one call.
#[derive(Clone, Copy)]
struct Sizes {
    batch: usize,
    seq: usize,
    seen: usize,
    heads: usize,
    kv_heads: usize,
    width: usize,
}

/// One block of queries of one row of the batch, and the keys that it may see.
struct Block {
    queries: Range<usize>,
    keys: Range<usize>,
}

impl Fused<3> for Attention {
    /// q, k, v, the output, and lse `[batch, heads, seq]`.
    type Kept = ([FlexTensor; 4], Arc<Vec<f32>>);

    fn forward(&self, inputs: [FlexTensor; 3]) -> (FlexTensor, Self::Kept) {
        let sizes = self.sizes(&inputs);
        let Sizes {
            seq, heads, width, ..
        } = sizes;
        let [q, k, v] = &inputs;
        let found: Vec<_> = (0..sizes.batch * heads)
            .into_par_iter()
            .map(|task| {
                let (row, head) = (task / heads, task % heads);
                let q = sizes.queries(q, row, head);
                let [k, v] = [k, v].map(|x| sizes.keys(x, row, sizes.group_of(head)));
                let (mut out, mut sums) = (vec![0.0; seq * width], vec![0.0; seq]);
                for block in self.blocks(sizes, row) {
                    let [k, v] = [&k, &v].map(|x| part(x, &block.keys));
                    let mut scores = product(&part(&q, &block.queries), &k.transpose(0, 1));
                    let weights: &mut [f32] = scores.storage_mut();
                    let lse = &mut sums[block.queries.clone()];
                    simd(|| self.softmax(weights, lse, row, &block, sizes));
                    let mixed = product(&scores, &v);
                    out[block.queries.start * width..block.queries.end * width]
                        .copy_from_slice(mixed.storage());
                }
                (out, sums)
            })
            .collect();
        let (outs, sums): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        let out = beside(&outs, sizes.batch, seq, heads, width);
        let [q, k, v] = inputs;
        let kept = ([q, k, v, out.clone()], Arc::new(sums.concat()));
        (out, kept)
    }

    fn backward(
        &self,
        ([q, k, v, out], sums): Self::Kept,
        gradient: FlexTensor,
        [by_q, by_k, by_v]: [bool; 3],
    ) -> [Option<FlexTensor>; 3] {
        let sizes = self.sizes(&[q.clone(), k.clone(), v.clone()]);
        let Sizes {
            seq,
            seen,
            heads,
            kv_heads,
            width,
            ..
        } = sizes;
        let group = heads / kv_heads;
        let (mut for_q, mut for_k, mut for_v) = (vec![], vec![], vec![]);
        // One task a key/value head: its queries' shares of ∂K and ∂V are added in one order.
        let found: Vec<_> = (0..sizes.batch * kv_heads)
            .into_par_iter()
            .map(|task| {
                let (row, shared) = (task / kv_heads, task % kv_heads);
                let [k, v] = [&k, &v].map(|x| sizes.keys(x, row, shared));
                let (mut by_k, mut by_v) = (vec![0.0; seen * width], vec![0.0; seen * width]);
                let mut by_q = vec![vec![0.0; seq * width]; group];
                for (head, by_q) in (shared * group..).zip(&mut by_q) {
                    let [q, out, gradient] =
                        [&q, &out, &gradient].map(|x| sizes.queries(x, row, head));
                    let sums = &sums[(row * heads + head) * seq..][..seq];
                    for block in self.blocks(sizes, row) {
                        let [q, out, gradient] =
                            [&q, &out, &gradient].map(|x| part(x, &block.queries));
                        let [k, v] = [&k, &v].map(|x| part(x, &block.keys));
                        let mut weights = product(&q, &k.transpose(0, 1));
                        let mut slopes = product(&gradient, &v.transpose(0, 1));
                        let shares = {
                            let (out, gradient) = (Elements::of(&out), Elements::of(&gradient));
                            let pairs = out.chunks_exact(width).zip(gradient.chunks_exact(width));
                            let shares = pairs.map(|(o, g)| simd(|| sum2(o, g, |o, g| o * g)));
                            shares.collect::<Vec<f32>>()
                        };
                        let lse = &sums[block.queries.clone()];
                        simd(|| {
                            self.weights_and_slopes(
                                weights.storage_mut(),
                                slopes.storage_mut(),
                                (lse, &shares),
                                row,
                                &block,
                                sizes,
                            )
                        });
                        by_q[block.queries.start * width..block.queries.end * width]
                            .copy_from_slice(product(&slopes, &k).storage());
                        let keys = block.keys.start * width..block.keys.end * width;
                        accumulate(&mut by_k[keys.clone()], &slopes.transpose(0, 1), &q);
                        accumulate(&mut by_v[keys], &weights.transpose(0, 1), &gradient);
                    }
                }
                (by_q, by_k, by_v)
            })
            .collect();
        for (q, k, v) in found {
            for_q.extend(q);
            for_k.push(k);
            for_v.push(v);
        }
        let Sizes { batch, .. } = sizes;
        [
            by_q.then(|| beside(&for_q, batch, seq, heads, width)),
            by_k.then(|| beside(&for_k, batch, seen, kv_heads, width)),
            by_v.then(|| beside(&for_v, batch, seen, kv_heads, width)),
        ]
    }
}

impl Attention {
    fn sizes(&self, [q, k, _]: &[FlexTensor; 3]) -> Sizes {
        let (q, k) = (q.shape(), k.shape());
        Sizes {
            batch: q[0],
            seq: q[1],
            seen: k[1],
            heads: self.heads,
            kv_heads: self.kv_heads,
            width: q[2] / self.heads,
        }
    }

    /// The blocks of one row of the batch.
    fn blocks(&self, sizes: Sizes, row: usize) -> impl Iterator<Item = Block> {
        let Sizes { seq, seen, .. } = sizes;
        (0..seq).step_by(BLOCK).map(move |start| {
            let queries = start..seq.min(start + BLOCK);
            let keys = match &self.visible {
                None => 0..seen,
                Some(visible) => {
                    let keys = &visible.documents[row * seen..][..seen];
                    let past = seen - seq;
                    let own = &keys[past + queries.start..past + queries.end];
                    let end = past + queries.end;
                    let first = keys[..end].iter().position(|key| own.contains(key));
                    first.unwrap_or(end)..end
                }
            };
            Block { queries, keys }
        })
    }

    /// Scores to weights that sum to one in each row, and lse.
    #[inline(always)]
    fn softmax(
        &self,
        scores: &mut [f32],
        lse: &mut [f32],
        row: usize,
        block: &Block,
        sizes: Sizes,
    ) {
        let keys = block.keys.len();
        for (index, (scores, lse)) in scores.chunks_exact_mut(keys).zip(lse).enumerate() {
            self.mask(scores, row, block.queries.start + index, block, sizes);
            *lse = normalise(scores);
        }
    }

    /// Scores to weights, and the weights' gradients to the scores' (scaled).
    #[inline(always)]
    fn weights_and_slopes(
        &self,
        scores: &mut [f32],
        slopes: &mut [f32],
        (lse, shares): (&[f32], &[f32]),
        row: usize,
        block: &Block,
        sizes: Sizes,
    ) {
        let keys = block.keys.len();
        let rows = scores
            .chunks_exact_mut(keys)
            .zip(slopes.chunks_exact_mut(keys))
            .zip(lse.iter().zip(shares));
        for (index, ((scores, slopes), (&lse, &share))) in rows.enumerate() {
            self.mask(scores, row, block.queries.start + index, block, sizes);
            for (score, slope) in scores.iter_mut().zip(slopes) {
                *score = exp(*score - lse);
                *slope = *score * (*slope - share) * self.scale;
            }
        }
    }

    /// Scales one query's scores, and puts those out of the running that it does not see.
    #[inline(always)]
    fn mask(&self, scores: &mut [f32], row: usize, query: usize, block: &Block, sizes: Sizes) {
        let Sizes { seq, seen, .. } = sizes;
        let Some(visible) = &self.visible else {
            scores.iter_mut().for_each(|score| *score *= self.scale);
            return;
        };
        // The query among the keys of its block, and those up to it.
        let last = seen - seq + query - block.keys.start;
        let keys = &visible.documents[row * seen + block.keys.start..];
        let own = keys[last];
        let (before, after) = scores.split_at_mut(last + 1);
        for (score, key) in before.iter_mut().zip(keys) {
            *score = if *key == own {
                *score * self.scale
            } else {
                MASKED
            };
        }
        after.fill(MASKED);
    }
}

/// A score whose weight is exactly 0.
const MASKED: f32 = -1e30;

impl Sizes {
    fn group_of(self, head: usize) -> usize {
        head / (self.heads / self.kv_heads)
    }

    /// `[batch, seq, heads · width]` → a view `[seq, width]`
    fn queries(self, x: &FlexTensor, row: usize, head: usize) -> FlexTensor {
        view(x, row, self.seq, head, self.width)
    }

    /// `[batch, seen, kv heads · width]` → a view `[seen, width]`
    fn keys(self, x: &FlexTensor, row: usize, head: usize) -> FlexTensor {
        view(x, row, self.seen, head, self.width)
    }
}

fn view(x: &FlexTensor, row: usize, length: usize, head: usize, width: usize) -> FlexTensor {
    let part = x.narrow(0, row, 1).narrow(2, head * width, width);
    let (strides, start) = (
        part.layout().strides()[1..].to_vec(),
        part.layout().start_offset(),
    );
    part.with_layout(Layout::new([length, width].into(), strides, start))
}

fn part(x: &FlexTensor, rows: &Range<usize>) -> FlexTensor {
    x.narrow(0, rows.start, rows.len())
}

/// Heads `[length, width]` of each row beside each other: `[batch, length, heads · width]`.
fn beside(
    parts: &[Vec<f32>],
    batch: usize,
    length: usize,
    heads: usize,
    width: usize,
) -> FlexTensor {
    let mut out = vec![0.0; batch * length * heads * width];
    out.par_chunks_mut((heads * width).max(1))
        .enumerate()
        .for_each(|(at, out)| {
            let (row, position) = (at / length, at % length);
            let parts = &parts[row * heads..];
            for (out, part) in out.chunks_exact_mut(width).zip(parts) {
                out.copy_from_slice(&part[position * width..][..width]);
            }
        });
    tensor(out, [batch, length, heads * width])
}
