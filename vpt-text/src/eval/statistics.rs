//! Means of scores over items, and Pass@k.

use serde::Serialize;

/// A mean over items.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// Its standard error: sample standard deviation / √n, over items, as lm-evaluation-harness
    /// has it; `None` for fewer than two.
    pub stderr: Option<f64>,
}

/// The mean of `scores`; `None` of none.
pub fn mean(scores: &[f64]) -> Option<Mean> {
    let n = scores.len() as f64;
    if scores.is_empty() {
        return None;
    }
    let mean = scores.iter().sum::<f64>() / n;
    let squares: f64 = scores.iter().map(|score| (score - mean).powi(2)).sum();
    Some(Mean {
        mean,
        stderr: (n > 1.0).then(|| (squares / (n - 1.0) / n).sqrt()),
    })
}

/// The unbiased estimate of Pass@k from `samples` answers to one problem of which `right` are
/// right: 1 − C(n − c, k) / C(n, k) (Chen et al. 2021), the chance that k drawn without
/// replacement hold one. `None` where fewer than k were sampled.
pub fn pass_at_k(samples: usize, right: usize, k: usize) -> Option<f64> {
    if k > samples || right > samples {
        return None;
    }
    if samples - right < k {
        return Some(1.0);
    }
    // As a product, since the binomials overflow.
    let missed = (samples - right + 1..=samples).map(|i| 1.0 - k as f64 / i as f64);
    Some(1.0 - missed.product::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every subset of k of n answers, the first c of which are right.
    fn by_enumeration(n: u32, c: u32, k: u32) -> f64 {
        let drawn: Vec<u32> = (0..1_u32 << n)
            .filter(|set| set.count_ones() == k)
            .collect();
        let right = (1_u32 << c) - 1;
        let hits = drawn.iter().filter(|set| **set & right != 0).count();
        hits as f64 / drawn.len() as f64
    }

    #[test]
    fn pass_at_k_is_the_share_of_draws_with_a_right_answer() {
        for n in 1..9 {
            for c in 0..=n {
                for k in 1..=n {
                    let found = pass_at_k(n as usize, c as usize, k as usize).unwrap();
                    let expected = by_enumeration(n, c, k);
                    assert!((found - expected).abs() < 1e-12, "{n} {c} {k}: {found}");
                }
            }
        }
        assert_eq!(pass_at_k(4, 1, 5), None);
        assert_eq!(pass_at_k(4, 5, 1), None);
        // Where C(n, k) is beyond any float.
        let large = pass_at_k(4000, 1, 2000).unwrap();
        assert!((large - 0.5).abs() < 1e-12);
    }

    #[test]
    fn the_error_of_a_share_is_that_of_a_sample() {
        let scores = [1.0, 0.0, 0.0, 1.0, 1.0];
        let Mean { mean: p, stderr } = mean(&scores).unwrap();
        assert!((p - 0.6).abs() < 1e-15);
        assert!((stderr.unwrap() - (p * (1.0 - p) / 4.0).sqrt()).abs() < 1e-15);
        assert_eq!(mean(&[]), None);
        assert_eq!(mean(&[1.0]).unwrap().stderr, None);
    }
}
