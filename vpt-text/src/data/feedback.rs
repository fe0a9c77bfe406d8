//! The labelled set that the value's gradient is taken on.

use super::document::fingerprint;
use super::{Columns, Counts, DataError, Document, Formatter, Record, StateError, read_records};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::path::Path;

const WHAT: &str = "feedback order";

/// A small labelled set (A.1: 1,024 items of GSM8K), drawn in minibatches. Its labels define L_down
/// (§3.1) and nothing else: the learner is never trained on them.
#[derive(Clone, Debug)]
pub struct FeedbackSet {
    records: Vec<Record>,
    documents: Vec<Document>,
    counts: Counts,
    fingerprint: String,
    epoch: u64,
    order: Vec<usize>,
    next: usize,
    rng: ChaCha8Rng,
}

/// All that a feedback set's next minibatch depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedbackState {
    /// SHA-256 over the documents' tokens.
    pub fingerprint: String,
    /// Epochs begun before this one.
    pub epoch: u64,
    /// This epoch's order.
    pub order: Vec<usize>,
    /// How many of it are drawn.
    pub next: usize,
    /// The generator that shuffles.
    pub rng: ChaCha8Rng,
}

impl FeedbackSet {
    /// Reads a labelled file.
    ///
    /// # Errors
    /// As [`read_records`] and [`FeedbackSet::new`].
    pub fn read(
        path: &Path,
        columns: &Columns,
        formatter: &Formatter<'_>,
        rng: ChaCha8Rng,
    ) -> Result<Self, DataError> {
        Self::new(path, read_records(path, columns)?, formatter, rng)
    }

    /// The set of `records`, which came from `path`. Items too long for a sequence are cut or left
    /// out, as [`counts`](Self::counts) says.
    ///
    /// # Errors
    /// No records, none that fits, or one with an empty solution (by its line).
    pub fn new(
        path: &Path,
        records: Vec<Record>,
        formatter: &Formatter<'_>,
        rng: ChaCha8Rng,
    ) -> Result<Self, DataError> {
        if records.is_empty() {
            return Err(DataError::NoRecords { path: path.into() });
        }
        if let Some(record) = records.iter().find(|r| r.solution.trim().is_empty()) {
            return Err(DataError::EmptyAnswer {
                path: path.into(),
                line: record.line,
            });
        }
        let made = formatter
            .format(&records)
            .map_err(|source| DataError::Tokenizer {
                path: path.into(),
                source,
            })?;
        if made.documents.is_empty() {
            return Err(DataError::NoDocuments {
                path: path.into(),
                counts: made.counts,
            });
        }
        let records = made.sources.iter().map(|i| records[*i].clone()).collect();
        Ok(Self {
            records,
            counts: made.counts,
            ..Self::of(made.documents, rng)
        })
    }

    /// The set of `documents` without their text.
    pub(crate) fn of(documents: Vec<Document>, mut rng: ChaCha8Rng) -> Self {
        let mut order: Vec<usize> = (0..documents.len()).collect();
        order.shuffle(&mut rng);
        Self {
            records: vec![],
            fingerprint: fingerprint(&documents),
            counts: Counts {
                records: documents.len(),
                documents: documents.len(),
                ..Counts::default()
            },
            documents,
            epoch: 0,
            order,
            next: 0,
            rng,
        }
    }

    /// The items as tokens.
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }

    /// The items as text; entry i belongs to document i.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// What was cut or left out.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The next `n` items, by index into [`documents`](Self::documents), or all if there are fewer.
    ///
    /// Each epoch is a random permutation. A minibatch that ends one goes on into the next, but
    /// holds no item twice.
    pub fn next_batch(&mut self, n: usize) -> Vec<usize> {
        let n = n.min(self.order.len());
        let end = (self.next + n).min(self.order.len());
        let mut batch = self.order[self.next..end].to_vec();
        self.next = end;
        if batch.len() < n {
            self.epoch += 1;
            self.order.shuffle(&mut self.rng);
            // What this minibatch already holds goes last in the new epoch (the sort is stable).
            self.order.sort_by_key(|item| batch.contains(item));
            self.next = n - batch.len();
            batch.extend(&self.order[..self.next]);
        }
        batch
    }

    /// Where the draws are.
    pub fn state(&self) -> FeedbackState {
        FeedbackState {
            fingerprint: self.fingerprint.clone(),
            epoch: self.epoch,
            order: self.order.clone(),
            next: self.next,
            rng: self.rng.clone(),
        }
    }

    /// Goes on where `state` was taken. On an error nothing changes.
    ///
    /// # Errors
    /// A state over other items, or one that contradicts itself.
    pub fn restore(&mut self, state: FeedbackState) -> Result<(), StateError> {
        if state.fingerprint != self.fingerprint {
            return Err(StateError::OtherData {
                what: WHAT,
                saved: state.fingerprint,
                found: self.fingerprint.clone(),
            });
        }
        let mut sorted = state.order.clone();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..self.documents.len()) || state.next > state.order.len() {
            return Err(StateError::Damaged {
                what: WHAT,
                detail: "the order is no permutation of the items".into(),
            });
        }
        self.epoch = state.epoch;
        self.order = state.order;
        self.next = state.next;
        self.rng = state.rng;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Template;
    use crate::tokenizer::tests::bytes;
    use proptest::prelude::*;
    use rand::SeedableRng;

    fn records(count: usize) -> Vec<Record> {
        let record = |i| Record {
            problem: format!("p{i}"),
            solution: format!("s{i}"),
            line: i + 1,
            ..Record::default()
        };
        (0..count).map(record).collect()
    }

    fn set(records: Vec<Record>, seed: u64) -> Result<FeedbackSet, DataError> {
        let formatter = Formatter {
            tokenizer: &bytes(),
            template: &Template::default(),
            seq_len: 64,
        };
        let rng = ChaCha8Rng::seed_from_u64(seed);
        FeedbackSet::new(Path::new("feedback.jsonl"), records, &formatter, rng)
    }

    #[test]
    fn epochs_are_permutations_where_batches_divide_them() {
        let mut set = set(records(12), 1).unwrap();
        let epoch = |set: &mut FeedbackSet| -> Vec<usize> {
            (0..3).flat_map(|_| set.next_batch(4)).collect()
        };
        let (first, second) = (epoch(&mut set), epoch(&mut set));
        assert_ne!(first, second);
        for mut order in [first, second] {
            order.sort_unstable();
            assert_eq!(order, (0..12).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_batch_is_at_most_the_set() {
        let mut set = set(records(3), 1).unwrap();
        for _ in 0..3 {
            let mut batch = set.next_batch(10);
            batch.sort_unstable();
            assert_eq!(batch, [0, 1, 2]);
        }
        assert!(set.next_batch(0).is_empty());
    }

    #[test]
    fn items_without_an_answer_and_empty_sets_are_refused() {
        let mut items = records(4);
        items[2].solution = " \n".into();
        let error = set(items, 0).unwrap_err().to_string();
        assert!(
            error.starts_with("feedback.jsonl:3: the solution is empty"),
            "{error}"
        );

        assert!(matches!(set(vec![], 0), Err(DataError::NoRecords { .. })));
        let mut items = records(1);
        items[0].problem = "long ".repeat(40);
        let error = set(items, 0).unwrap_err().to_string();
        assert!(error.contains("1 too long"), "{error}");
    }

    #[test]
    fn records_stay_beside_their_documents() {
        let mut items = records(4);
        items[1].problem = "long ".repeat(40);
        let set = set(items, 0).unwrap();
        assert_eq!(set.counts().dropped_long, 1);
        let lines: Vec<usize> = set.records().iter().map(|r| r.line).collect();
        assert_eq!(lines, [1, 3, 4]);
        let tokenizer = bytes();
        for (record, document) in set.records().iter().zip(set.documents()) {
            let text = tokenizer.decode(&document.prompt).unwrap();
            assert!(text.contains(&record.problem));
        }
    }

    #[test]
    fn foreign_and_damaged_states_are_refused() {
        let mut here = set(records(5), 0).unwrap();
        let error = here
            .restore(set(records(6), 0).unwrap().state())
            .unwrap_err();
        assert!(matches!(error, StateError::OtherData { .. }));
        let damages: [fn(&mut FeedbackState); 4] = [
            |s| s.order[0] = 5,
            |s| s.order[0] = s.order[1],
            |s| s.order.truncate(3),
            |s| s.next = 6,
        ];
        for damage in damages {
            let mut state = here.state();
            damage(&mut state);
            let error = here.restore(state).unwrap_err();
            assert!(matches!(error, StateError::Damaged { .. }));
        }
    }

    proptest! {
        #[test]
        fn no_item_twice_in_a_batch_and_once_an_epoch(
            count in 1usize..20, n in 1usize..25, seed: u64,
        ) {
            let mut set = set(records(count), seed).unwrap();
            let mut drawn = Vec::new();
            for _ in 0..30 {
                let batch = set.next_batch(n);
                prop_assert_eq!(batch.len(), n.min(count));
                let mut unique = batch.clone();
                unique.sort_unstable();
                unique.dedup();
                prop_assert_eq!(unique.len(), batch.len());
                drawn.extend(batch);
            }
            for epoch in drawn.chunks_exact(count) {
                let mut sorted = epoch.to_vec();
                sorted.sort_unstable();
                prop_assert_eq!(sorted, (0..count).collect::<Vec<_>>());
            }
        }

        #[test]
        fn n_and_m_batches_are_n_saved_restored_and_m(
            count in 1usize..20, n in 0usize..9, m in 1usize..9, size in 1usize..25, seed: u64,
        ) {
            let mut whole = set(records(count), seed).unwrap();
            let all: Vec<Vec<usize>> = (0..n + m).map(|_| whole.next_batch(size)).collect();

            let mut first = set(records(count), seed).unwrap();
            let mut parts: Vec<Vec<usize>> = (0..n).map(|_| first.next_batch(size)).collect();
            let saved = serde_json::to_value(first.state()).unwrap().to_string();
            let mut second = set(records(count), seed.wrapping_add(1)).unwrap();
            second.next_batch(size);
            second.restore(serde_json::from_str(&saved).unwrap()).unwrap();
            parts.extend((0..m).map(|_| second.next_batch(size)));
            prop_assert_eq!(parts, all);
        }
    }
}
