//! Locality-sensitive hashing of signatures by bands.

use serde::Serialize;
use std::collections::HashMap;
use xxhash_rust::xxh3::{Xxh3DefaultBuilder, xxh3_64_with_seed};

/// Steps of Simpson's rule; the integrand is a polynomial that rises over about 1/rows.
const STEPS: u32 = 256;

/// How a signature is divided: two sets are candidates if all rows of one band agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bands {
    /// Bands in a signature.
    pub bands: usize,
    /// Values in a band.
    pub rows: usize,
}

impl Bands {
    /// The division of at most `permutations` values with the least weighted error around
    /// `threshold`: w ∫ₜ¹ (1 − P) + (1 − w) ∫₀ᵗ P, P being [`probability`](Self::probability) and w
    /// `miss_weight`. This is datasketch's and text-dedup's rule, whose weights are halves unless
    /// told otherwise.
    pub fn optimal(threshold: f64, permutations: usize, miss_weight: f64) -> Self {
        let mut best = (f64::INFINITY, Self { bands: 1, rows: 1 });
        for bands in 1..=permutations {
            for rows in 1..=permutations / bands {
                let division = Self { bands, rows };
                let needless = integral(0.0, threshold, |s| division.probability(s));
                let missed = integral(threshold, 1.0, |s| 1.0 - division.probability(s));
                let error = miss_weight * missed + (1.0 - miss_weight) * needless;
                if error < best.0 {
                    best = (error, division);
                }
            }
        }
        best.1
    }

    /// The probability 1 − (1 − sʳ)ᵇ that two sets of Jaccard similarity s are candidates.
    pub fn probability(self, similarity: f64) -> f64 {
        let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
        1.0 - (1.0 - similarity.powi(count(self.rows))).powi(count(self.bands))
    }

    /// A key for each band of a signature.
    fn keys(self, signature: &[u32]) -> impl Iterator<Item = u64> {
        let bands = signature.chunks_exact(self.rows).take(self.bands);
        let mut bytes = Vec::with_capacity(4 * self.rows);
        bands.zip(0u64..).map(move |(band, index)| {
            bytes.clear();
            bytes.extend(band.iter().flat_map(|value| value.to_le_bytes()));
            xxh3_64_with_seed(&bytes, index)
        })
    }
}

/// Simpson's rule.
fn integral(from: f64, to: f64, f: impl Fn(f64) -> f64) -> f64 {
    let width = (to - from) / f64::from(STEPS);
    let inner = (1..STEPS).map(|i| {
        let weight = if i % 2 == 1 { 4.0 } else { 2.0 };
        weight * f(from + width * f64::from(i))
    });
    (f(from) + inner.sum::<f64>() + f(to)) * width / 3.0
}

/// Finds the signatures that agree with a given one in a band.
#[derive(Clone, Debug)]
pub struct LshIndex {
    division: Bands,
    buckets: HashMap<u64, Vec<u32>, Xxh3DefaultBuilder>,
}

impl LshIndex {
    /// An empty one.
    pub fn new(division: Bands) -> Self {
        Self {
            division,
            buckets: HashMap::default(),
        }
    }

    /// How signatures are divided.
    pub fn division(&self) -> Bands {
        self.division
    }

    /// Adds `item` under its signature.
    pub fn insert(&mut self, item: u32, signature: &[u32]) {
        for key in self.division.keys(signature) {
            self.buckets.entry(key).or_default().push(item);
        }
    }

    /// The items that agree with `signature` in a band, ascending.
    pub fn candidates(&self, signature: &[u32]) -> Vec<u32> {
        let buckets = self.division.keys(signature);
        let mut items: Vec<u32> = buckets
            .filter_map(|key| self.buckets.get(&key))
            .flatten()
            .copied()
            .collect();
        items.sort_unstable();
        items.dedup();
        items
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_divisions() {
        // The last is text-dedup's documented example.
        for (permutations, threshold, expected) in [
            (128, 0.5, (25, 5)),
            (128, 0.7, (14, 9)),
            (128, 0.8, (9, 13)),
            (256, 0.7, (25, 10)),
            (256, 0.8, (17, 15)),
            (256, 0.75, (21, 12)),
        ] {
            let Bands { bands, rows } = Bands::optimal(threshold, permutations, 0.5);
            assert_eq!((bands, rows), expected, "{permutations} at {threshold}");
        }
    }

    #[test]
    fn probability_as_fineweb_states_it() {
        let division = Bands { bands: 14, rows: 8 };
        assert!((division.probability(0.8) - 0.924).abs() < 5e-4);
        assert_eq!(division.probability(0.0), 0.0);
        assert_eq!(division.probability(1.0), 1.0);
    }

    #[test]
    fn one_agreeing_band_is_enough_and_its_place_matters() {
        let mut index = LshIndex::new(Bands { bands: 2, rows: 2 });
        index.insert(7, &[1, 2, 3, 4]);
        index.insert(8, &[9, 9, 3, 4]);
        assert_eq!(index.candidates(&[1, 2, 3, 4]), [7, 8]);
        assert_eq!(index.candidates(&[1, 2, 0, 0]), [7]);
        assert!(index.candidates(&[3, 4, 1, 2]).is_empty());
        assert!(index.candidates(&[1, 0, 3, 0]).is_empty());
    }
}
