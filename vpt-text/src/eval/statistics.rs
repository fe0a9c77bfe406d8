//! Means of scores over items, their errors and intervals, and Pass@k.

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

/// The standard error of a mean over all items of several groups, as lm-evaluation-harness pools it:
/// √(Σ (nᵢ − 1) · seᵢ² · nᵢ / (N − k) / N) over k groups of nᵢ items, N in all. Differences between
/// groups are no part of it. `None` where every group has one item.
pub fn pooled_stderr(groups: &[(usize, Mean)]) -> Option<f64> {
    let items: usize = groups.iter().map(|(items, _)| items).sum();
    let spare = items.checked_sub(groups.len()).filter(|spare| *spare > 0)?;
    let squares = groups.iter().map(|(items, mean)| {
        let stderr = mean.stderr.unwrap_or(0.0);
        (*items as f64 - 1.0) * stderr.powi(2) * *items as f64
    });
    Some((squares.sum::<f64>() / spare as f64 / items as f64).sqrt())
}

/// Wilson's 95 % interval for the share of right answers among `items`: it stays sensible where a
/// handful of items is right, which mean ± error does not. `None` of none.
pub fn wilson(right: usize, items: usize) -> Option<[f64; 2]> {
    const Z: f64 = 1.959_963_984_540_054;
    if items == 0 || right > items {
        return None;
    }
    let (n, p) = (items as f64, right as f64 / items as f64);
    let centre = p + Z * Z / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    // Both ends are exact where all items agree, which rounding would miss.
    let low = if right == 0 {
        0.0
    } else {
        (centre - half) / scale
    };
    let high = if right == items {
        1.0
    } else {
        (centre + half) / scale
    };
    Some([low, high])
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

    /// The ends of the interval are the p with |p̂ − p| = z · √(p (1 − p) / n).
    #[test]
    fn wilsons_ends_are_where_the_normal_test_just_refuses() {
        for (right, items) in [(0usize, 50usize), (3, 400), (25, 50), (50, 50), (1, 1)] {
            let share = right as f64 / items as f64;
            let ends = wilson(right, items).unwrap();
            for p in ends {
                let z = (share - p).abs() / (p * (1.0 - p) / items as f64).sqrt();
                let at_the_border = (p == 0.0 && right == 0) || (p == 1.0 && right == items);
                assert!(
                    at_the_border || (z - 1.959_964).abs() < 1e-5,
                    "{right} {items}"
                );
            }
            assert!(ends[0] <= share && share <= ends[1]);
        }
        assert_eq!(wilson(0, 0), None);
    }

    #[test]
    fn pooling_forgets_what_is_between_groups() {
        let one = mean(&[1.0, 0.0, 1.0, 0.0]).unwrap();
        // One group: the error itself.
        assert!((pooled_stderr(&[(4, one)]).unwrap() - one.stderr.unwrap()).abs() < 1e-15);
        // Two alike: as many items again, √2 less.
        let both = pooled_stderr(&[(4, one), (4, one)]).unwrap();
        assert!((both - one.stderr.unwrap() / 2f64.sqrt()).abs() < 1e-15);
        // 3 · se² · 4 = 4/3 · 3 = 1 for the first group, 0 for a group that is right throughout.
        let right = mean(&[1.0; 6]).unwrap();
        let found = pooled_stderr(&[(4, one), (6, right)]).unwrap();
        assert!((found - (1.0f64 / 8.0 / 10.0).sqrt()).abs() < 1e-15);
        let lone = mean(&[1.0]).unwrap();
        assert_eq!(pooled_stderr(&[(1, lone), (1, lone)]), None);
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
