//! Loops over slices that the compiler turns into SIMD, run with whatever the processor has.
//!
//! Sums keep a fixed number of partial sums and nothing is contracted into fused multiply-adds, so
//! the same numbers come out on every x86 level and with any number of threads.

use rayon::prelude::*;

/// Partial sums of a reduction: one AVX-512 register.
const LANES: usize = 16;

/// Elements that one task of a parallel loop works on, about.
pub(super) const TASK: usize = 1 << 14;

/// Runs `work` compiled for the best instruction set there is.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) fn simd<R>(work: impl FnOnce() -> R) -> R {
    use pulp::x86::{V3, V4};
    use std::sync::LazyLock;
    // AVX-512, AVX2.
    static LEVELS: LazyLock<(Option<V4>, Option<V3>)> =
        LazyLock::new(|| (V4::try_new(), V3::try_new()));
    match *LEVELS {
        (Some(v4), _) => v4.vectorize(work),
        (None, Some(v3)) => v3.vectorize(work),
        (None, None) => work(),
    }
}

/// Runs `work`: elsewhere SIMD is part of what every processor has.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(super) fn simd<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// Rows of `width` elements that one task takes.
pub(super) fn rows_per_task(width: usize) -> usize {
    (TASK / width.max(1)).max(1)
}

/// Fills `out` by chunks of `chunk` elements side by side; `fill` gets the chunk's start.
pub(super) fn by_chunks(out: &mut [f32], chunk: usize, fill: impl Fn(usize, &mut [f32]) + Sync) {
    if out.len() <= chunk {
        return simd(|| fill(0, out));
    }
    out.par_chunks_mut(chunk)
        .enumerate()
        .for_each(|(index, part)| simd(|| fill(index * chunk, part)));
}

/// Σ f(a_i, b_i) over slices of one length.
#[inline(always)]
pub(super) fn sum2(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut sums = [0.0; LANES];
    let (heads_a, tail_a) = a.as_chunks::<LANES>();
    let (heads_b, tail_b) = b.as_chunks::<LANES>();
    for (a, b) in heads_a.iter().zip(heads_b) {
        for lane in 0..LANES {
            sums[lane] += f(a[lane], b[lane]);
        }
    }
    for (lane, (a, b)) in tail_a.iter().zip(tail_b).enumerate() {
        sums[lane] += f(*a, *b);
    }
    fold(sums, |x, y| x + y)
}

/// The largest of `a`; −∞ where there is none.
#[inline(always)]
pub(super) fn max(a: &[f32]) -> f32 {
    let mut top = [f32::NEG_INFINITY; LANES];
    let (heads, tail) = a.as_chunks::<LANES>();
    for a in heads {
        for lane in 0..LANES {
            top[lane] = if a[lane] > top[lane] {
                a[lane]
            } else {
                top[lane]
            };
        }
    }
    for (lane, a) in tail.iter().enumerate() {
        top[lane] = if *a > top[lane] { *a } else { top[lane] };
    }
    fold(top, f32::max)
}

/// Sixteen lanes to one, pairwise.
#[inline(always)]
fn fold(mut lanes: [f32; LANES], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] = f(lanes[lane], lanes[lane + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// eˣ within two units in the last place for x ≤ 88; 0 below −87.
///
/// eˣ = 2ⁿ·eʳ with |r| ≤ ln 2 / 2, eʳ by the polynomial of Cephes' `expf`.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Adding 1.5·2²³ leaves the nearest integer in the low bits.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts, the first with few enough bits that n times it is exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let kept = if x > -87.0 { x } else { -87.0 };
    let shifted = kept * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = kept - n * LN2_HIGH - n * LN2_LOW;
    let mut p = 1.987_569_1e-4;
    for c in [
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        0.5,
    ] {
        p = p * r + c;
    }
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    let value = (p * r * r + r + 1.0) * power;
    if x > -87.0 { value } else { 0.0 }
}

/// σ(x), finite in value and slope for every x.
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    let kept = if x > -80.0 { x } else { -80.0 };
    1.0 / (1.0 + exp(-kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_two_units_in_the_last_place() {
        for i in -8600..8800 {
            let x = i as f32 * 0.01;
            let (found, exact) = (f64::from(exp(x)), f64::from(x).exp());
            let error = (found / exact - 1.0).abs();
            assert!(error < 2.4e-7, "{x}: {found} {exact}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-1e30), 0.0);
        assert_eq!(sigmoid(-1e30), sigmoid(-80.0));
        assert_eq!(sigmoid(1e30), 1.0);
    }

    #[test]
    fn reductions_of_any_length() {
        for length in 0..70 {
            let a: Vec<f32> = (0..length).map(|i| ((i * 7) % 13) as f32 - 6.0).collect();
            let expected = a.iter().map(|a| a * a).sum::<f32>();
            assert_eq!(sum2(&a, &a, |a, b| a * b), expected);
            let expected = a.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            assert_eq!(max(&a), expected);
        }
    }

    #[test]
    fn chunks_are_filled_in_place() {
        let mut out = vec![0.0; 1000];
        by_chunks(&mut out, 64, |start, part| {
            for (i, out) in part.iter_mut().enumerate() {
                *out = (start + i) as f32;
            }
        });
        assert!(out.iter().enumerate().all(|(i, out)| *out == i as f32));
    }
}
