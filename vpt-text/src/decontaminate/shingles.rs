//! Sets of n-grams.

use super::Words;
use xxhash_rust::xxh3::xxh3_64;

/// The 64-bit xxh3 of an n-gram's text. Two n-grams that differ are taken for one with probability
/// 2⁻⁶⁴.
pub(super) fn hash(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}

/// The set of a text's word n-grams, as hashes. Texts of fewer than n words have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shingles(Vec<u64>);

impl Shingles {
    /// The n-grams of `words`.
    pub fn new(words: &Words, n: usize) -> Self {
        words.ngrams(n).map(hash).collect()
    }

    /// How many different ones there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The hashes, ascending.
    pub fn hashes(&self) -> &[u64] {
        &self.0
    }

    /// Whether an n-gram is among them.
    pub fn contains(&self, ngram: &str) -> bool {
        self.0.binary_search(&hash(ngram)).is_ok()
    }

    /// |A ∩ B|.
    pub fn shared(&self, other: &Self) -> usize {
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut shared = 0;
        while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
            match a.cmp(b) {
                std::cmp::Ordering::Less => _ = left.next(),
                std::cmp::Ordering::Greater => _ = right.next(),
                std::cmp::Ordering::Equal => {
                    shared += 1;
                    left.next();
                    right.next();
                }
            }
        }
        shared
    }
}

impl FromIterator<u64> for Shingles {
    fn from_iter<I: IntoIterator<Item = u64>>(hashes: I) -> Self {
        let mut hashes: Vec<u64> = hashes.into_iter().collect();
        hashes.sort_unstable();
        hashes.dedup();
        Self(hashes)
    }
}

/// |A ∩ B| / |A ∪ B| from |A ∩ B|, |A| and |B|; 0 for two empty sets.
pub(super) fn jaccard(shared: usize, a: usize, b: usize) -> f64 {
    ratio(shared, a + b - shared)
}

/// |A ∩ B| / |A| from |A ∩ B| and |A|; 0 for an empty set.
#[allow(clippy::cast_precision_loss, reason = "counts of words")]
pub(super) fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

#[cfg(test)]
mod tests {
    use super::super::Normalisation;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn shingles(text: &str, n: usize) -> Shingles {
        Shingles::new(&Words::new(text, Normalisation::default()), n)
    }

    #[test]
    fn measures_by_hand() {
        // ab bc cd de against bc cd dx: two of five.
        let (a, b) = (shingles("a b c d e", 2), shingles("b c d x", 2));
        let shared = a.shared(&b);
        assert_eq!((shared, a.len(), b.len()), (2, 4, 3));
        assert!((jaccard(shared, 4, 3) - 0.4).abs() < 1e-12);
        assert!((ratio(shared, 4) - 0.5).abs() < 1e-12);
        assert!(a.contains("c d") && !a.contains("d x"));
    }

    #[test]
    fn repeated_ngrams_count_once_and_short_texts_have_none() {
        assert_eq!(shingles("a b a b a b", 2).len(), 2);
        assert!(shingles("a b", 3).is_empty());
        assert_eq!(jaccard(0, 0, 0), 0.0);
    }

    proptest! {
        #[test]
        fn shared_is_the_size_of_the_intersection(
            a in prop::collection::vec(0u64..40, 0..30),
            b in prop::collection::vec(0u64..40, 0..30),
        ) {
            let (left, right): (BTreeSet<_>, BTreeSet<_>) =
                (a.iter().collect(), b.iter().collect());
            let expected = left.intersection(&right).count();
            let (a, b): (Shingles, Shingles) = (a.into_iter().collect(), b.into_iter().collect());
            prop_assert_eq!(a.shared(&b), expected);
            prop_assert_eq!(b.shared(&a), expected);
        }
    }
}
