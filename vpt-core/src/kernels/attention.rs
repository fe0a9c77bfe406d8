//! Softmax attention with grouped heads, causal inside documents or without a mask.

use super::{fused, primitive, takes, wrapped};
use crate::layers::{narrow, widen};
use burn::tensor::{DType, FloatDType, Int, Tensor, backend::Backend};
use std::collections::HashMap;
use std::sync::Arc;

/// Added to a score that must not count: after the softmax its weight is exactly 0.
const MASKED: f64 = -1e30;

/// What attention depends on beside its inputs.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "flex"), allow(dead_code))]
pub(super) struct Attention {
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    /// Of the scores.
    pub(super) scale: f32,
    /// What queries see; everything where there is none.
    pub(super) visible: Option<Visible>,
}

/// Which keys each query sees, on the host: those of its own document that are not after it, where
/// queries are the last of the keys.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "flex"), allow(dead_code))]
pub(super) struct Visible {
    /// Of each key a number that its document alone has, `[batch, seen]`.
    pub(super) documents: Arc<Vec<u32>>,
}

/// Which keys each query sees, made once for all blocks.
#[derive(Clone, Debug)]
pub struct AttentionMask<B: Backend>(Kind<B>);

#[derive(Clone, Debug)]
enum Kind<B: Backend> {
    Open,
    Listed(Visible),
    /// 0 where attention is allowed, −1e30 elsewhere, `[1, batch · group · seq · seen]`: one row,
    /// added to the scores of every key/value head.
    Added(Tensor<B, 2>),
}

impl<B: Backend> AttentionMask<B> {
    /// Every query sees every key.
    pub fn open() -> Self {
        Self(Kind::Open)
    }

    /// Query i sees key j iff j is not later and both are in the same document. The queries are the
    /// last `seq` of the keys; `group` query heads share one key/value head, and scores will be of
    /// the type of `like`.
    ///
    /// # Shapes
    /// documents `[batch, seen]`
    pub fn causal<const D: usize>(
        documents: &Tensor<B, 2, Int>,
        seq: usize,
        group: usize,
        like: &Tensor<B, D>,
    ) -> Self {
        if takes::<B>() && like.dtype() == DType::F32 {
            return Self(Kind::Listed(listed(documents)));
        }
        Self::composed(documents, seq, group, like)
    }

    pub(super) fn composed<const D: usize>(
        documents: &Tensor<B, 2, Int>,
        seq: usize,
        group: usize,
        like: &Tensor<B, D>,
    ) -> Self {
        let ([batch, seen], device) = (documents.dims(), documents.device());
        let index = |from: usize| Tensor::<B, 1, Int>::arange(from as i64..seen as i64, &device);
        let later = index(0)
            .reshape([1, 1, seen])
            .expand([batch, seq, seen])
            .greater(
                index(seen - seq)
                    .reshape([1, seq, 1])
                    .expand([batch, seq, seen]),
            );
        let queries = documents.clone().narrow(1, seen - seq, seq);
        let elsewhere = queries
            .reshape([batch, seq, 1])
            .expand([batch, seq, seen])
            .not_equal(
                documents
                    .clone()
                    .reshape([batch, 1, seen])
                    .expand([batch, seq, seen]),
            );
        let dtype = match like.dtype().into() {
            FloatDType::F64 => FloatDType::F64,
            _ => FloatDType::F32,
        };
        let zeros = Tensor::<B, 3>::zeros([batch, seq, seen], &device).cast(dtype);
        let added = zeros
            .mask_fill(later.bool_or(elsewhere), MASKED)
            .reshape([batch, 1, seq * seen])
            .expand([batch, group, seq * seen])
            .reshape([1, batch * group * seq * seen]);
        Self(Kind::Added(added))
    }
}

/// Documents numbered in the order of their first key.
fn listed<B: Backend>(documents: &Tensor<B, 2, Int>) -> Visible {
    let [_, seen] = documents.dims();
    let ids: Vec<i64> = documents.to_data().iter().collect();
    let rows = ids.chunks(seen.max(1)).flat_map(|row| {
        let mut known = HashMap::new();
        let number = |id: &i64| {
            let next = known.len() as u32;
            *known.entry(*id).or_insert(next)
        };
        row.iter().map(number).collect::<Vec<_>>()
    });
    Visible {
        documents: Arc::new(rows.collect()),
    }
}

/// softmax(s·q·kᵀ + mask)·v with s = 1/√head_dim; query head h reads key/value head
/// h / (heads / kv heads). The softmax is in f32 at least.
///
/// # Shapes
/// q `[batch, seq, heads · head_dim]`, k and v `[batch, seen, kv heads · head_dim]` →
/// `[batch, seq, heads · head_dim]`
///
/// # Panics
/// If the sizes do not fit together or the mask was made for others.
pub fn attention<B: Backend>(
    [q, k, v]: [Tensor<B, 3>; 3],
    [heads, kv_heads]: [usize; 2],
    mask: &AttentionMask<B>,
) -> Tensor<B, 3> {
    let ([batch, seq, all], [_, seen, shared]) = (q.dims(), k.dims());
    assert_eq!(k.dims(), v.dims(), "attention: keys and values");
    assert_eq!(batch, k.dims()[0], "attention: the batch");
    assert_eq!(heads % kv_heads, 0, "attention: the groups of heads");
    assert_eq!(
        all * kv_heads,
        shared * heads,
        "attention: the heads' width"
    );
    let width = all / heads;
    let visible = match &mask.0 {
        Kind::Open => None,
        Kind::Listed(visible) => {
            let known = visible.documents.len();
            assert_eq!(known, batch * seen, "attention: the mask's keys");
            assert!(seq <= seen, "attention: more queries than keys");
            Some(visible.clone())
        }
        Kind::Added(_) => return composed([q, k, v], [heads, kv_heads], mask),
    };
    let op = Attention {
        heads,
        kv_heads,
        scale: (width as f64).powf(-0.5) as f32,
        visible,
    };
    match fused::<B, _, 3>(op, [q, k, v].map(primitive)) {
        Ok(mixed) => wrapped(mixed),
        Err(inputs) => composed(inputs.map(wrapped), [heads, kv_heads], mask),
    }
}

pub(super) fn composed<B: Backend>(
    [q, k, v]: [Tensor<B, 3>; 3],
    [heads, kv]: [usize; 2],
    mask: &AttentionMask<B>,
) -> Tensor<B, 3> {
    let ([batch, seq, all], [_, seen, _]) = (q.dims(), k.dims());
    let (group, width) = (heads / kv, all / heads);
    // Key/value heads come first, so that the mask is one row that all of them share, and the
    // query heads of one group are stacked as more rows against their keys: nothing is
    // repeated (burn's `repeat_dim` has a wrong gradient, and copies).
    let split = |x: Tensor<B, 3>| x.reshape([batch, seen, kv, width]).permute([2, 0, 1, 3]);
    let (k, v) = (split(k), split(v));
    let q = q
        .mul_scalar((width as f64).powf(-0.5))
        .reshape([batch, seq, kv, group, width])
        .permute([2, 0, 3, 1, 4])
        .reshape([kv, batch, group * seq, width]);
    let dtype = q.dtype();
    let scores = widen(q.matmul(k.swap_dims(2, 3)));
    let scores = match &mask.0 {
        Kind::Open => scores,
        Kind::Listed(_) => panic!("attention: the mask was made for another element type"),
        Kind::Added(added) => {
            let flat = scores.reshape([kv, batch * group * seq * seen]) + added.clone();
            flat.reshape([kv, batch, group * seq, seen])
        }
    };
    // The softmax divides last, after the product with the values, where rows are shorter.
    let top = scores.clone().detach().max_dim(3);
    let weights = (scores - top).exp();
    let total = narrow(weights.clone().sum_dim(3), dtype);
    let mixed = narrow(weights, dtype).matmul(v) * total.recip();
    mixed
        .reshape([kv, batch, group, seq, width])
        .permute([1, 3, 0, 2, 4])
        .reshape([batch, seq, heads * width])
}
