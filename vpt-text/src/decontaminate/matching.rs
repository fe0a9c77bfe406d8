//! Why a record is a near-duplicate.

use serde::Serialize;
use std::cmp::Ordering;

/// Why a record is removed, from the strongest reason to the weakest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// The problem has the very words of the item.
    Copy,
    /// The problem's n-grams are nearly the item's.
    Jaccard,
    /// The item's n-grams are found in the record.
    Containment,
}

/// A record and an item of a test set that are near-duplicates.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// Index of the test set.
    pub set: usize,
    /// Index of the item in it.
    pub item: usize,
    /// The strongest reason.
    pub reason: Reason,
    /// |A ∩ B| / |A ∪ B| of the problem's n-grams and the item's; 1 for a copy.
    pub jaccard: f64,
    /// |A ∩ B| / |A|, A being the item's n-grams and B those of the text it is looked for in; 1 for
    /// a copy.
    pub containment: f64,
    /// |A ∩ B| of the containment.
    pub shared: usize,
    /// |A|; 1 for an item shorter than an n-gram that is looked for as a whole, 0 for one that is
    /// not looked for.
    pub ngrams: usize,
}

impl Match {
    /// The stronger of two matches is the less.
    pub(super) fn strength(&self, other: &Self) -> Ordering {
        let measure = |m: &Self| match m.reason {
            Reason::Copy => 1.0,
            Reason::Jaccard => m.jaccard,
            Reason::Containment => m.containment,
        };
        self.reason
            .cmp(&other.reason)
            .then(measure(other).total_cmp(&measure(self)))
            .then(other.shared.cmp(&self.shared))
            .then((self.set, self.item).cmp(&(other.set, other.item)))
    }
}

/// All that speaks against one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The strongest match; of equals, the first item of the first set.
    pub best: Match,
    /// A few n-grams that the best match's item and the record have in common.
    pub common: Vec<String>,
    /// Every item that the record is a near-duplicate of, as index of its set and in its set.
    pub items: Vec<(usize, usize)>,
}
