//! Passes over the vocabulary in chunks of tokens: no `[tokens, vocab]` tensor is ever held.

use burn::tensor::{DType, Int, Tensor, TensorData, backend::Backend};

/// Logits held at a time.
const CHUNK_LOGITS: usize = 1 << 22;

/// Runs `pass(start, length)` over chunks of `tokens` tokens for a vocabulary of `vocab`.
fn chunks(tokens: usize, vocab: usize) -> impl Iterator<Item = (usize, usize)> {
    let length = (CHUNK_LOGITS / vocab.max(1)).clamp(1, tokens.max(1));
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
) -> Tensor<B, 2> {
    let ([n, _], [vocab, _], [_, slots]) = (hidden.dims(), head.dims(), ids.dims());
    let parts: Vec<Tensor<B, 2>> = chunks(n, vocab)
        .map(|(start, length)| {
            let logits = hidden
                .clone()
                .narrow(0, start, length)
                .matmul(head.clone().transpose());
            let chosen = logits
                .clone()
                .gather(1, ids.clone().narrow(0, start, length));
            chosen - log_sum_exp(&logits).expand([length, slots])
        })
        .collect();
    if parts.is_empty() {
        return Tensor::zeros([0, slots], &hidden.device());
    }
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

/// [`LabelScores`] of `labels [n]` given `hidden [n, width]` and `head [vocab, width]`.
pub fn label_scores<B: Backend>(
    hidden: &Tensor<B, 2>,
    head: &Tensor<B, 2>,
    labels: &Tensor<B, 1, Int>,
) -> LabelScores {
    let ([n, _], [vocab, _]) = (hidden.dims(), head.dims());
    let mut scores = LabelScores::default();
    for (start, length) in chunks(n, vocab) {
        let logits = hidden
            .clone()
            .narrow(0, start, length)
            .matmul(head.clone().transpose());
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
    /// Σ_t w_t p_tv h_t, the dense half of ∂L/∂W. `[vocab, width]`
    pub(super) head_gradient: Tensor<B, 2>,
}

/// The single pass: lse, top K, and the dense halves of the gradients.
///
/// # Shapes
/// `hidden [n, width]`, `head [vocab, width]`, `weights [n]`
pub(super) fn pass<B: Backend>(
    hidden: &Tensor<B, 2>,
    head: &Tensor<B, 2>,
    weights: &Tensor<B, 1>,
    top_k: usize,
) -> Pass<B> {
    let ([n, width], [vocab, _]) = (hidden.dims(), head.dims());
    let device = hidden.device();
    let mut head_gradient = Tensor::<B, 2>::zeros([vocab, width], &device).cast(hidden.dtype());
    let (mut ids, mut top, mut sums, mut expected) = (vec![], vec![], vec![], vec![]);
    for (start, length) in chunks(n, vocab) {
        let h = hidden.clone().narrow(0, start, length);
        let logits = h.clone().matmul(head.clone().transpose());
        let best = best_tokens(&logits, top_k);
        if top_k > 0 {
            top.push(logits.clone().gather(1, best.clone()));
            ids.push(best);
        }
        let sum = log_sum_exp(&logits);
        let p = (logits - sum.clone()).exp();
        expected.push(p.clone().matmul(head.clone()));
        let weighted = h * weights
            .clone()
            .narrow(0, start, length)
            .reshape([length, 1]);
        head_gradient = head_gradient + p.transpose().matmul(weighted);
        sums.push(sum);
    }
    let none = || Tensor::<B, 2>::zeros([n, 0], &device).cast(hidden.dtype());
    Pass {
        ids: if ids.is_empty() {
            Tensor::zeros([n, 0], &device)
        } else {
            Tensor::cat(ids, 0)
        },
        logits: if top.is_empty() {
            none()
        } else {
            Tensor::cat(top, 0)
        },
        log_sum_exp: Tensor::cat(sums, 0).reshape([n]),
        expected: Tensor::cat(expected, 0),
        head_gradient,
    }
}

/// The ids of the `k` largest of each row, largest first, the lower id first among equals: a scan
/// on the host that keeps a small sorted buffer (burn's `topk_with_indices` sorts everything).
fn best_tokens<B: Backend>(logits: &Tensor<B, 2>, k: usize) -> Tensor<B, 2, Int> {
    let [rows, vocab] = logits.dims();
    let data = logits.to_data();
    let mut ids: Vec<i64> = Vec::with_capacity(rows * k);
    match data.dtype {
        DType::F32 => scan(data.as_slice::<f32>().unwrap_or(&[]), vocab, k, &mut ids),
        _ => {
            let wide: Vec<f64> = data.iter::<f64>().collect();
            scan(&wide, vocab, k, &mut ids);
        }
    }
    Tensor::from_data(TensorData::new(ids, [rows, k]), &logits.device())
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

    #[test]
    fn scan_orders_by_logit_then_by_id() {
        let mut ids = vec![];
        scan(&[1.0, 3.0, 2.0, 3.0, 0.0, 2.0, 5.0, 5.0], 4, 3, &mut ids);
        assert_eq!(ids, [1, 3, 2, 2, 3, 1]);
    }

    #[test]
    fn chunks_cover_every_token_once() {
        let all: Vec<_> = chunks(10, CHUNK_LOGITS / 4).collect();
        assert_eq!(all, [(0, 4), (4, 4), (8, 2)]);
        assert_eq!(chunks(0, 5).count(), 0);
    }
}
