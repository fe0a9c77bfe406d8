//! What was removed, and why.

use super::{Reason, TestIndex, Verdict};
use crate::data::Record;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Characters of a text that a report shows.
const EXCERPT: usize = 200;

/// One removed record, with the strongest match.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Removed {
    /// Which record of the stream, from 1.
    pub record: usize,
    /// The file that it came from.
    pub file: PathBuf,
    /// Its line or row there, from 1.
    pub line: usize,
    /// Why.
    pub reason: Reason,
    /// The test set.
    pub set: String,
    /// The item's line in it, from 1.
    pub item: usize,
    /// |A ∩ B| / |A ∪ B| of problem and item.
    pub jaccard: f64,
    /// |A ∩ B| / |A|, A being the item's n-grams.
    pub containment: f64,
    /// |A ∩ B| of the containment.
    pub shared: usize,
    /// |A|.
    pub ngrams: usize,
    /// Items of all sets that the record is a near-duplicate of.
    pub matches: usize,
    /// A few of the n-grams in common.
    pub common: Vec<String>,
    /// How the record's problem begins, or its text where it has no problem.
    pub record_excerpt: String,
    /// How the item begins.
    pub item_excerpt: String,
}

impl Removed {
    /// Record number `number` of the stream, read from `file`.
    pub(super) fn new(
        index: &TestIndex,
        number: usize,
        file: &Path,
        record: &Record,
        verdict: &Verdict,
    ) -> Self {
        let best = &verdict.best;
        let set = index.sets().get(best.set);
        let item = set.and_then(|set| set.items.get(best.item));
        let text = if record.problem.is_empty() {
            &record.solution
        } else {
            &record.problem
        };
        Self {
            record: number,
            file: file.into(),
            line: record.line,
            reason: best.reason,
            set: set.map(|set| set.name.clone()).unwrap_or_default(),
            item: item.map_or(0, |item| item.line),
            jaccard: best.jaccard,
            containment: best.containment,
            shared: best.shared,
            ngrams: best.ngrams,
            matches: verdict.items.len(),
            common: verdict.common.clone(),
            record_excerpt: excerpt(text),
            item_excerpt: item.map(|item| excerpt(&item.problem)).unwrap_or_default(),
        }
    }
}

fn excerpt(text: &str) -> String {
    match text.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// How much was removed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Records read, but for those a filter left out.
    pub records: usize,
    /// Records left out by a filter.
    pub filtered: usize,
    /// Records kept.
    pub kept: usize,
    /// Records removed.
    pub removed: usize,
    /// For each test set, in the order given.
    pub sets: Vec<SetSummary>,
}

/// How much was removed for one test set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SetSummary {
    /// The set.
    pub name: String,
    /// Its file.
    pub file: PathBuf,
    /// Its items.
    pub items: usize,
    /// Items among them without a word, which match nothing.
    pub without_words: usize,
    /// Items that at least one record is a near-duplicate of.
    pub items_found: usize,
    /// Records that are a near-duplicate of one of its items.
    pub records_found: usize,
    /// Removed records whose strongest match is with it, a copy.
    pub copy: usize,
    /// The same, by Jaccard similarity.
    pub jaccard: usize,
    /// The same, by containment.
    pub containment: usize,
    #[serde(skip)]
    found: BTreeSet<usize>,
}

impl SetSummary {
    /// Removed records whose strongest match is with it.
    pub fn removed(&self) -> usize {
        self.copy + self.jaccard + self.containment
    }
}

impl Summary {
    /// Nothing read yet.
    pub(super) fn new(index: &TestIndex) -> Self {
        let sets = index.sets().iter().enumerate();
        Self {
            records: 0,
            filtered: 0,
            kept: 0,
            removed: 0,
            sets: sets
                .map(|(number, set)| SetSummary {
                    name: set.name.clone(),
                    file: set.path.clone(),
                    items: set.items.len(),
                    without_words: index.without_words(number),
                    items_found: 0,
                    records_found: 0,
                    copy: 0,
                    jaccard: 0,
                    containment: 0,
                    found: BTreeSet::new(),
                })
                .collect(),
        }
    }

    /// Counts one record.
    pub(super) fn count(&mut self, verdict: Option<&Verdict>) {
        self.records += 1;
        let Some(verdict) = verdict else {
            self.kept += 1;
            return;
        };
        self.removed += 1;
        for (number, set) in self.sets.iter_mut().enumerate() {
            let before = verdict.items.iter().filter(|(of, _)| *of == number);
            let mut any = false;
            for (_, item) in before {
                any = true;
                set.found.insert(*item);
            }
            set.records_found += usize::from(any);
            set.items_found = set.found.len();
            if verdict.best.set == number {
                match verdict.best.reason {
                    Reason::Copy => set.copy += 1,
                    Reason::Jaccard => set.jaccard += 1,
                    Reason::Containment => set.containment += 1,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpts_end_between_characters() {
        assert_eq!(excerpt("short"), "short");
        let long = "é".repeat(EXCERPT + 1);
        assert_eq!(excerpt(&long), format!("{}…", "é".repeat(EXCERPT)));
        assert_eq!(excerpt(&"é".repeat(EXCERPT)), "é".repeat(EXCERPT));
    }
}
