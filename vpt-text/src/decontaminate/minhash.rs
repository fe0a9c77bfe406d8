//! MinHash signatures.

use super::Shingles;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// 2⁶¹ − 1, a Mersenne prime.
const PRIME: u64 = (1 << 61) - 1;

/// Hash functions h ↦ ((a·h + b) mod 2⁶¹ − 1) mod 2³² over 64-bit hashes. Two sets have the same
/// least value under one of them with a probability that is their Jaccard similarity.
///
/// The arithmetic is exact. datasketch's `legacy` scheme and text-dedup let a·h + b wrap at 2⁶⁴
/// before the first modulus, so their signatures are others with the same property.
#[derive(Clone, Debug)]
pub struct MinHash {
    /// Pairs of a in 1..2⁶¹ − 1 and b in 0..2⁶¹ − 1.
    functions: Vec<(u64, u64)>,
}

impl MinHash {
    /// Draws `permutations` functions.
    pub fn new(permutations: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let functions = (0..permutations)
            .map(|_| (rng.random_range(1..PRIME), rng.random_range(0..PRIME)))
            .collect();
        Self::with(functions)
    }

    /// Takes functions as pairs of a in 1..2⁶¹ − 1 and b in 0..2⁶¹ − 1.
    pub fn with(functions: Vec<(u64, u64)>) -> Self {
        Self { functions }
    }

    /// The least value of each function over the set; all ones for an empty one.
    pub fn signature(&self, shingles: &Shingles) -> Vec<u32> {
        let least = |(a, b): &(u64, u64)| {
            let values = shingles.hashes().iter().map(|h| permuted(*a, *b, *h));
            values.min().unwrap_or(u32::MAX)
        };
        self.functions.iter().map(least).collect()
    }
}

fn permuted(a: u64, b: u64, hash: u64) -> u32 {
    let sum = u128::from(a) * u128::from(hash) + u128::from(b);
    // 2⁶¹ ≡ 1, so the digits to base 2⁶¹ add up to the remainder; sum < 2¹²⁶ has three of them.
    let digit = |shift: u32| low(sum >> shift) & PRIME;
    let folded = (digit(0) + digit(61) + digit(122)) % PRIME;
    #[allow(clippy::cast_possible_truncation, reason = "the lower half is kept")]
    let kept = folded as u32;
    kept
}

/// The lower 64 bits.
#[allow(clippy::cast_possible_truncation, reason = "that is what it is for")]
fn low(number: u128) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn folding_is_the_remainder(a in 1..PRIME, b in 0..PRIME, hash: u64) {
            let plain = (u128::from(a) * u128::from(hash) + u128::from(b)) % u128::from(PRIME);
            prop_assert_eq!(u128::from(permuted(a, b, hash)), plain & u128::from(u32::MAX));
        }
    }

    #[test]
    fn functions_differ_and_come_from_the_seed() {
        let shingles: Shingles = (0..50).map(|i| i * 7919).collect();
        let signature = MinHash::new(64, 3).signature(&shingles);
        assert_eq!(signature, MinHash::new(64, 3).signature(&shingles));
        assert_ne!(signature, MinHash::new(64, 4).signature(&shingles));
        let different: std::collections::BTreeSet<_> = signature.iter().collect();
        assert!(different.len() > 60);
        assert_eq!(
            MinHash::new(2, 3).signature(&Shingles::default()),
            [u32::MAX; 2]
        );
    }

    #[test]
    fn agreement_estimates_the_jaccard_similarity() {
        // 60 of 100 in common; the standard error over 1,024 functions is 0.0153.
        let hash = |i: u64| super::super::shingles::hash(&i.to_string());
        let a: Shingles = (0..80).map(hash).collect();
        let b: Shingles = (20..100).map(hash).collect();
        let minhash = MinHash::new(1024, 1);
        let agreeing = minhash.signature(&a).into_iter().zip(minhash.signature(&b));
        let agreeing = agreeing.filter(|(a, b)| a == b).count();
        let estimate = super::super::shingles::ratio(agreeing, 1024);
        assert!((estimate - 0.6).abs() < 0.06, "{estimate}");
    }
}
