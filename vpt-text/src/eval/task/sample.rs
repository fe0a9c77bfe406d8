//! Python's `random.Random(seed).sample`, which lm-evaluation-harness draws few-shot examples with.

use rand_mt::Mt;
use std::collections::HashSet;

/// Python's generator: MT19937, seeded as Python seeds it with an integer.
#[derive(Clone, Debug)]
pub(super) struct PythonRandom(Mt);

impl PythonRandom {
    /// `random.Random(seed)`.
    pub(super) fn new(seed: u64) -> Self {
        // The key is the integer in 32-bit words, the lowest first and no more than it needs.
        let (low, high) = (seed as u32, (seed >> 32) as u32);
        let words = if high == 0 { 1 } else { 2 };
        Self(Mt::new_with_key([low, high].into_iter().take(words)))
    }

    /// `sample(range(n), k)`: k different numbers below n, in the order drawn.
    ///
    /// # Panics
    /// If k is more than n.
    pub(super) fn sample(&mut self, n: usize, k: usize) -> Vec<usize> {
        assert!(k <= n, "{k} of {n} cannot be drawn");
        // Python's choice between two methods, which draw differently.
        let set_size = match k {
            0..=5 => 21,
            _ => 21 + power_of_four(3 * k),
        };
        if n <= set_size {
            let mut pool: Vec<usize> = (0..n).collect();
            let draw = |i| pool.swap_remove(self.below(n - i));
            (0..k).map(draw).collect()
        } else {
            let mut seen = HashSet::new();
            let mut draw = || loop {
                let index = self.below(n);
                if seen.insert(index) {
                    return index;
                }
            };
            (0..k).map(|_| draw()).collect()
        }
    }

    /// A number below `n`: as many top bits of a draw as `n` has, drawn again until it fits.
    fn below(&mut self, n: usize) -> usize {
        let bits = usize::BITS - n.leading_zeros();
        loop {
            let drawn = self.bits(bits);
            if drawn < n as u64 {
                return drawn as usize;
            }
        }
    }

    /// `getrandbits` of 1 to 64 bits.
    fn bits(&mut self, count: u32) -> u64 {
        let mut word = |bits: u32| u64::from(self.0.next_u32() >> (32 - bits));
        match count {
            0..=32 => word(count),
            _ => word(32) | word(count - 32) << 32,
        }
    }
}

/// The smallest power of four that is at least `number`.
fn power_of_four(number: usize) -> usize {
    let mut power = 1usize;
    while power < number {
        power = power.saturating_mul(4);
    }
    power
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[test]
    fn first_draws_of_gsm8k() {
        let mut random = PythonRandom::new(1234);
        let draws: Vec<_> = (0..3).map(|_| random.sample(7473, 5)).collect();
        assert_eq!(
            draws,
            [
                [6374, 3610, 957, 61, 742],
                [7462, 6610, 4769, 286, 5501],
                [5677, 687, 806, 6279, 2905]
            ]
        );
    }

    /// One line of Python's own draws (`tests/golden/make_eval.py`): seed, n, k and two samples.
    #[derive(Deserialize)]
    struct Golden {
        cases: Vec<(u64, usize, usize, [Vec<usize>; 2])>,
    }

    #[test]
    fn draws_are_pythons() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../tests/golden/eval/draws.json"
        );
        let golden: Golden = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert!(golden.cases.len() > 300);
        for (seed, n, k, samples) in golden.cases {
            let mut random = PythonRandom::new(seed);
            for expected in samples {
                assert_eq!(random.sample(n, k), expected, "seed {seed}: {k} of {n}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_sample_holds_different_numbers(n in 1usize..200, share in 0.0..=1.0, seed: u64) {
            let k = (n as f64 * share) as usize;
            let drawn = PythonRandom::new(seed).sample(n, k);
            let different: HashSet<_> = drawn.iter().collect();
            prop_assert_eq!(different.len(), k);
            prop_assert!(drawn.iter().all(|index| *index < n));
        }
    }
}
