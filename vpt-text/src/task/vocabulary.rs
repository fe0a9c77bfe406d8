//! Passes over the vocabulary in chunks of tokens: no `[tokens, vocab]` tensor is ever held.

use crate::decoder::widen;
use burn::tensor::{DType, Int, Tensor, TensorData, backend::Backend};
use vpt_core::kernels::{add_product, linear, softmax};

/// Logits held at a time, 64 MiB in f32: what every pass is given as `chunk` outside of tests. Each
/// chunk reads the head three times and adds to the whole of its gradient, so few are better.
pub(super) const CHUNK_LOGITS: usize = 1 << 24;

/// Start and length of each run of tokens that has at most `chunk` logits over a vocabulary of
/// `vocab`, and at least one token.
fn chunks(tokens: usize, vocab: usize, chunk: usize) -> impl Iterator<Item = (usize, usize)> {
    let length = (chunk / vocab.max(1)).clamp(1, tokens.max(1));
    (0..tokens)
        .step_by(length)
        .map(move |start| (start, length.min(tokens - start)))
}

/// log Σ exp of each row. `[rows, vocab] → [rows, 1]`
fn log_sum_exp<B: Backend>(logits: &Tensor<B, 2>) -> Tensor<B, 2> {
    let top = logits.clone().max_dim(1).detach();
    let sum = (logits.clone() - top.clone()).exp().sum_dim(1);
    sum.log() + top
}

/// log p of the tokens `ids` at each position, differentiable any number of times.
///
/// # Shapes
/// `hidden [n, width]`, `head [vocab, width]`, `ids [n, slots]` → `[n, slots]`
pub(super) fn log_probabilities<B: Backend>(
    hidden: &Tensor<B, 2>,
    head: &Tensor<B, 2>,
    ids: &Tensor<B, 2, Int>,
    chunk: usize,
) -> Tensor<B, 2> {
    let ([n, _], [vocab, _], [_, slots]) = (hidden.dims(), head.dims(), ids.dims());
    if n == 0 {
        return Tensor::zeros([0, slots], (&hidden.device(), hidden.dtype()));
    }
    let parts: Vec<Tensor<B, 2>> = chunks(n, vocab, chunk)
        .map(|(start, length)| {
            let logits = linear(hidden.clone().narrow(0, start, length), head.clone());
            let chosen = logits
                .clone()
                .gather(1, ids.clone().narrow(0, start, length));
            chosen - log_sum_exp(&logits).expand([length, slots])
        })
        .collect();
    Tensor::cat(parts, 0)
}

/// How a model rates the labels, on the host.
#[derive(Clone, Debug, Default)]
pub struct LabelScores {
    /// log p of each label.
    pub log_probability: Vec<f64>,
    /// Whether the label is the most likely token.
    pub is_top: Vec<bool>,
}

/// [`LabelScores`] of `labels [n]` given `hidden [n, width]` and `head [vocab, width]`; the softmax
/// is in f32 at least.
pub fn label_scores<B: Backend>(
    hidden: &Tensor<B, 2>,
    head: &Tensor<B, 2>,
    labels: &Tensor<B, 1, Int>,
) -> LabelScores {
    label_scores_in(hidden, head, labels, CHUNK_LOGITS)
}

fn label_scores_in<B: Backend>(
    hidden: &Tensor<B, 2>,
    head: &Tensor<B, 2>,
    labels: &Tensor<B, 1, Int>,
    chunk: usize,
) -> LabelScores {
    let ([n, _], [vocab, _]) = (hidden.dims(), head.dims());
    let mut scores = LabelScores::default();
    for (start, length) in chunks(n, vocab, chunk) {
        let logits = linear(hidden.clone().narrow(0, start, length), head.clone());
        let logits = widen(logits);
        let ids = labels.clone().narrow(0, start, length).reshape([length, 1]);
        let chosen = logits.clone().gather(1, ids);
        let is_top = chosen.clone().greater_equal(logits.clone().max_dim(1));
        let log_p = chosen - log_sum_exp(&logits);
        scores
            .log_probability
            .extend(log_p.into_data().iter::<f64>());
        scores.is_top.extend(is_top.into_data().iter::<bool>());
    }
    scores
}

/// What one pass over the vocabulary yields; all of it is free of the target.
pub(super) struct Pass<B: Backend> {
    /// The learner's best tokens, best first. `[n, top_k]`
    pub(super) ids: Tensor<B, 2, Int>,
    /// Their logits. `[n, top_k]`
    pub(super) logits: Tensor<B, 2>,
    /// log Σ exp of each position's logits. `[n]`
    pub(super) log_sum_exp: Tensor<B, 1>,
    /// E_t = Σ_v p_tv W_v, the dense half of ∂L/∂h_t. `[n, width]`
    pub(super) expected: Tensor<B, 2>,
    /// Σ_t w_t p_tv h_t, the dense half of ∂L/∂W, where there are weights. `[vocab, width]`
    pub(super) head_gradient: Option<Tensor<B, 2>>,
}

/// The single pass: lse, top K, and the dense halves of the gradients; the head's, which costs as
/// much as the logits, where there are weights.
///
/// # Shapes
/// `hidden [n, width]`, `head [vocab, width]`, `weights [n]`
pub(super) fn pass<B: Backend>(
    hidden: &Tensor<B, 2>,
    head: &Tensor<B, 2>,
    weights: Option<&Tensor<B, 1>>,
    top_k: usize,
    chunk: usize,
) -> Pass<B> {
    let ([n, width], [vocab, _]) = (hidden.dims(), head.dims());
    let device = hidden.device();
    let zeros = |shape: [usize; 2]| Tensor::<B, 2>::zeros(shape, (&device, hidden.dtype()));
    let mut head_gradient = weights.map(|_| zeros([vocab, width]));
    if n == 0 {
        return Pass {
            ids: Tensor::zeros([0, top_k], &device),
            logits: zeros([0, top_k]),
            log_sum_exp: zeros([0, 1]).reshape([0]),
            expected: zeros([0, width]),
            head_gradient,
        };
    }
    let (mut ids, mut top, mut sums, mut expected) = (vec![], vec![], vec![], vec![]);
    for (start, length) in chunks(n, vocab, chunk) {
        let h = hidden.clone().narrow(0, start, length);
        let logits = linear(h.clone(), head.clone());
        if top_k > 0 {
            let best = best_tokens(&logits, &block_maxima(&logits), top_k);
            top.push(logits.clone().gather(1, best.clone()));
            ids.push(best);
        }
        let (p, sum) = softmax(logits);
        expected.push(linear(p.clone(), head.clone().transpose()));
        if let (Some(sum), Some(weights)) = (head_gradient.take(), weights) {
            let weights = weights.clone().narrow(0, start, length);
            let weighted = h * weights.reshape([length, 1]);
            head_gradient = Some(add_product(sum, p, weighted));
        }
        sums.push(sum);
    }
    let (ids, logits) = match top_k {
        0 => (Tensor::zeros([n, 0], &device), zeros([n, 0])),
        _ => (Tensor::cat(ids, 0), Tensor::cat(top, 0)),
    };
    Pass {
        ids,
        logits,
        log_sum_exp: Tensor::cat(sums, 0).reshape([n]),
        expected: Tensor::cat(expected, 0),
        head_gradient,
    }
}

/// Tokens in a block of the vocabulary: the largest power of two up to 64 that divides it.
fn block_length(vocab: usize) -> usize {
    1 << vocab.trailing_zeros().min(6)
}

/// The largest logit of each block. `[rows, vocab] → [rows, blocks]`
fn block_maxima<B: Backend>(logits: &Tensor<B, 2>) -> Tensor<B, 2> {
    let [rows, vocab] = logits.dims();
    let length = block_length(vocab);
    match length {
        1 => logits.clone(),
        _ => logits
            .clone()
            .reshape([rows, vocab / length, length])
            .max_dim(2)
            .reshape([rows, vocab / length]),
    }
}

/// The ids of the `k` largest of each row, largest first, the lower id first among equals.
///
/// They lie in the k blocks of largest maxima, the lower block first among equals: whatever is in
/// another block has k tokens before it. So a 64th of the logits and k blocks of each row are all
/// that the host sees, which finds them with a small sorted buffer (burn's `topk_with_indices`
/// sorts everything).
fn best_tokens<B: Backend>(
    logits: &Tensor<B, 2>,
    maxima: &Tensor<B, 2>,
    k: usize,
) -> Tensor<B, 2, Int> {
    let ([rows, vocab], [_, blocks], device) = (logits.dims(), maxima.dims(), logits.device());
    let ints = |values: Vec<i64>, columns: usize| -> Tensor<B, 2, Int> {
        Tensor::from_data(TensorData::new(values, [rows, columns]), &device)
    };
    let best = largest(maxima, k);
    let length = block_length(vocab);
    if length == 1 {
        return ints(best, k);
    }
    let kept = k.min(blocks);
    let mut within: Vec<i64> = Vec::with_capacity(rows * kept * length);
    for row in best.chunks_exact(kept) {
        // In the order of ids, which decides among equals.
        let mut row = row.to_vec();
        row.sort_unstable();
        let tokens = |block| (block * length as i64)..((block + 1) * length as i64);
        within.extend(row.into_iter().flat_map(tokens));
    }
    let width = kept * length;
    let candidates = logits.clone().gather(1, ints(within.clone(), width));
    let best = largest(&candidates, k);
    let rows = best.chunks_exact(k).zip(within.chunks_exact(width));
    let ids = rows.flat_map(|(best, within)| best.iter().map(|&at| within[at as usize]));
    ints(ids.collect(), k)
}

/// The columns of the `k` largest of each row, or of all if there are fewer, as [`scan`] orders
/// them.
fn largest<B: Backend>(of: &Tensor<B, 2>, k: usize) -> Vec<i64> {
    let [rows, columns] = of.dims();
    let data = of.to_data();
    let mut found = Vec::with_capacity(rows * k);
    match data.dtype {
        DType::F32 => scan(
            data.as_slice::<f32>().unwrap_or(&[]),
            columns,
            k,
            &mut found,
        ),
        _ => {
            let wide: Vec<f64> = data.iter::<f64>().collect();
            scan(&wide, columns, k, &mut found);
        }
    }
    found
}

fn scan<F: PartialOrd + Copy>(logits: &[F], vocab: usize, k: usize, ids: &mut Vec<i64>) {
    if k == 0 {
        return;
    }
    let mut best: Vec<(F, usize)> = Vec::with_capacity(k + 1);
    for row in logits.chunks_exact(vocab) {
        best.clear();
        for (id, &logit) in row.iter().enumerate() {
            // Almost every token fails this one comparison.
            if best.len() == k && logit <= best[k - 1].0 {
                continue;
            }
            let at = best.partition_point(|&(held, _)| held >= logit);
            best.insert(at, (logit, id));
            best.truncate(k);
        }
        ids.extend(best.iter().map(|&(_, id)| id as i64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::backend::{Autodiff, Flex, NdArray};
    use proptest::prelude::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const VOCAB: usize = 11;
    const TOP_K: usize = 3;

    struct Sample<B: Backend> {
        hidden: Tensor<B, 2>,
        head: Tensor<B, 2>,
        weights: Tensor<B, 1>,
        labels: Tensor<B, 1, Int>,
    }

    fn sample<B: Backend>(n: usize) -> Sample<B> {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let device = Default::default();
        let mut floats = |count: usize| -> Vec<f32> {
            (0..count).map(|_| rng.random_range(-1.0..1.0)).collect()
        };
        Sample {
            hidden: Tensor::from_data(TensorData::new(floats(n * 4), [n, 4]), &device),
            head: Tensor::from_data(TensorData::new(floats(VOCAB * 4), [VOCAB, 4]), &device),
            weights: Tensor::from_data(TensorData::new(floats(n), [n]), &device),
            labels: Tensor::from_data(
                TensorData::new((0..n as i64).map(|i| i % 7).collect::<Vec<_>>(), [n]),
                &device,
            ),
        }
    }

    fn close<B: Backend, const D: usize>(found: Tensor<B, D>, expected: Tensor<B, D>) {
        assert_eq!(found.dims(), expected.dims());
        let pairs = found.into_data().iter::<f64>().collect::<Vec<_>>();
        for (found, expected) in pairs.into_iter().zip(expected.into_data().iter::<f64>()) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    fn any_chunk_gives_the_same<B: Backend>() {
        let Sample {
            hidden,
            head,
            weights,
            labels,
        } = sample::<Autodiff<B>>(7);
        let (hidden, head) = (hidden.require_grad(), head.require_grad());
        let plain = (hidden.clone().inner(), head.clone().inner());
        let whole = pass(
            &plain.0,
            &plain.1,
            Some(&weights.clone().inner()),
            TOP_K,
            CHUNK_LOGITS,
        );
        let ids = Tensor::cat(
            vec![labels.clone().reshape([7, 1]).inner(), whole.ids.clone()],
            1,
        );
        let gradients = |chunk: usize| {
            let lifted = Tensor::from_inner(ids.clone());
            let log_p = log_probabilities(&hidden, &head, &lifted, chunk);
            let grads = (log_p.clone() * log_p.clone()).sum().backward();
            let found = [hidden.grad(&grads).unwrap(), head.grad(&grads).unwrap()];
            (log_p.inner(), found)
        };
        let (log_p, [by_hidden, by_head]) = gradients(CHUNK_LOGITS);
        let scores = label_scores(&plain.0, &plain.1, &labels.clone().inner());
        // One token at a time, two and a rest of one, three and a rest of one.
        for chunk in [1, 2 * VOCAB, 4 * VOCAB - 1] {
            let part = pass(
                &plain.0,
                &plain.1,
                Some(&weights.clone().inner()),
                TOP_K,
                chunk,
            );
            part.ids.into_data().assert_eq(&whole.ids.to_data(), true);
            close(part.logits, whole.logits.clone());
            close(part.log_sum_exp, whole.log_sum_exp.clone());
            close(part.expected, whole.expected.clone());
            close(
                part.head_gradient.unwrap(),
                whole.head_gradient.clone().unwrap(),
            );
            let (found, [h, w]) = gradients(chunk);
            close(found, log_p.clone());
            close(h, by_hidden.clone());
            close(w, by_head.clone());
            let found = label_scores_in(&plain.0, &plain.1, &labels.clone().inner(), chunk);
            assert_eq!(found.is_top, scores.is_top);
            let pairs = found.log_probability.iter().zip(&scores.log_probability);
            pairs.for_each(|(a, b)| assert!((a - b).abs() < 1e-6));
        }
    }

    #[test]
    fn the_size_of_a_chunk_changes_nothing() {
        any_chunk_gives_the_same::<Flex>();
        any_chunk_gives_the_same::<NdArray<f32>>();
    }

    fn nothing_asked_gives_nothing<B: Backend>() {
        let Sample {
            hidden,
            head,
            weights,
            labels,
        } = sample::<B>(0);
        for top_k in [0, TOP_K] {
            let pass = pass(&hidden, &head, Some(&weights), top_k, CHUNK_LOGITS);
            assert_eq!(pass.ids.dims(), [0, top_k]);
            assert_eq!(pass.logits.dims(), [0, top_k]);
            assert_eq!(pass.log_sum_exp.dims(), [0]);
            assert_eq!(pass.expected.dims(), [0, 4]);
            close(pass.head_gradient.unwrap(), head.zeros_like());
            let log_p = log_probabilities(&hidden, &head, &pass.ids, CHUNK_LOGITS);
            assert_eq!(log_p.dims(), [0, top_k]);
        }
        let scores = label_scores(&hidden, &head, &labels);
        assert!(scores.log_probability.is_empty() && scores.is_top.is_empty());
    }

    #[test]
    fn a_batch_without_answer_tokens_passes() {
        nothing_asked_gives_nothing::<Flex>();
        nothing_asked_gives_nothing::<NdArray<f32>>();
    }

    /// Ties across and within blocks, fewer blocks than tokens wanted, blocks of every length.
    #[test]
    fn the_best_tokens_are_those_of_a_sort() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for (vocab, k) in [(11, 3), (12, 5), (64, 64), (128, 8), (320, 4), (768, 8)] {
            let logits: Vec<f32> = (0..5 * vocab)
                .map(|_| rng.random_range(0..vocab as i32 / 4) as f32)
                .collect();
            let mut expected = vec![];
            scan(&logits, vocab, k, &mut expected);
            let logits = TensorData::new(logits, [5, vocab]);
            let logits = Tensor::<Flex, 2>::from_data(logits, &Default::default());
            let found = best_tokens(&logits, &block_maxima(&logits), k);
            assert_eq!(found.dims(), [5, k]);
            let found: Vec<i64> = found.into_data().iter().collect();
            assert_eq!(found, expected, "{k} of {vocab}");
        }
    }

    #[test]
    fn chunks_cover_every_token_once() {
        let all: Vec<_> = chunks(10, CHUNK_LOGITS / 4, CHUNK_LOGITS).collect();
        assert_eq!(all, [(0, 4), (4, 4), (8, 2)]);
        assert_eq!(chunks(3, 5, 1).count(), 3, "a token at least");
        assert_eq!(chunks(0, 5, CHUNK_LOGITS).count(), 0);
    }

    #[test]
    fn scan_orders_by_logit_then_by_id() {
        let mut ids = vec![];
        scan(&[1.0, 3.0, 2.0, 3.0, 0.0, 2.0, 5.0, 5.0], 4, 3, &mut ids);
        assert_eq!(ids, [1, 3, 2, 2, 3, 1]);
    }

    proptest! {
        /// Small integers as logits, so that ties are common.
        #[test]
        fn scan_is_a_stable_sort(
            rows in proptest::collection::vec(proptest::collection::vec(-4i8..4, 9), 1..6),
            k in 0usize..=9,
        ) {
            let logits: Vec<f32> = rows.concat().into_iter().map(f32::from).collect();
            let mut found = vec![];
            scan(&logits, 9, k, &mut found);
            let sorted = rows.iter().flat_map(|row| {
                let mut ids: Vec<i64> = (0..9).collect();
                ids.sort_by_key(|&id| std::cmp::Reverse(row[id as usize]));
                ids.truncate(k);
                ids
            });
            prop_assert_eq!(found, sorted.collect::<Vec<_>>());
        }
    }
}
