//! The endless pretraining stream.

use super::pack::ratio;
use super::{Corpus, DataError, PackedBatch, Packer, StateError};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::sync::Arc;

const WHAT: &str = "stream position";

/// How documents are ordered and packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamOptions {
    /// Positions in a packed sequence (A.1: 1,024).
    pub seq_len: usize,
    /// Documents held by the shuffle buffer (A.1: 10,000). With as many as the corpus holds, each
    /// epoch is a uniform permutation; with 0 or 1 it is the order of the file.
    pub shuffle_buffer: usize,
    /// Sequences that are filled side by side; see [`Packer`].
    pub open_rows: usize,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            seq_len: 1024,
            shuffle_buffer: 10_000,
            open_rows: 1,
        }
    }
}

/// Documents in random order, packed, epoch after epoch (A.1).
///
/// The buffer is filled with the first documents of the epoch; each draw takes a random slot of it
/// and puts the next document there. It runs empty at the end of an epoch, so each document occurs
/// once in each. The rows that a batch leaves unfinished go on in the next one, across epochs too.
///
/// All of it is done with the documents' numbers; their tokens are fetched when a row is complete. A
/// clone is a copy of the position over the same corpus.
#[derive(Clone, Debug)]
pub struct TextStream {
    corpus: Arc<Corpus>,
    options: StreamOptions,
    epoch: u64,
    position: usize,
    buffer: Vec<usize>,
    packer: Packer,
    rng: ChaCha8Rng,
    positions: u64,
    padded: u64,
}

/// All that a stream's next batch depends on, documents by their index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamState {
    /// SHA-256 over the documents' tokens.
    pub fingerprint: String,
    /// The stream's options.
    pub options: StreamOptions,
    /// Epochs finished.
    pub epoch: u64,
    /// Documents of this epoch that have entered the buffer.
    pub position: usize,
    /// The shuffle buffer.
    pub buffer: Vec<usize>,
    /// The packer's unfinished rows.
    pub rows: Vec<Vec<usize>>,
    /// The generator that draws slots.
    pub rng: ChaCha8Rng,
    /// Positions given out.
    pub positions: u64,
    /// Padding among them.
    pub padded: u64,
}

impl TextStream {
    /// A stream from the start. No document of `corpus` may be longer than a sequence, which is so
    /// if [`Formatter`](super::Formatter) made them for the same length.
    pub fn new(corpus: Arc<Corpus>, options: StreamOptions, rng: ChaCha8Rng) -> Self {
        Self {
            corpus,
            options,
            epoch: 0,
            position: 0,
            buffer: Vec::new(),
            packer: Packer::new(options.seq_len, options.open_rows),
            rng,
            positions: 0,
            padded: 0,
        }
    }

    /// The next `sequences` rows.
    ///
    /// # Shapes
    /// `[sequences, seq_len]`
    ///
    /// # Errors
    /// A file of kept tokens that is damaged.
    ///
    /// # Panics
    /// If a document is longer than a sequence.
    pub fn next_batch(&mut self, sequences: usize) -> Result<PackedBatch, DataError> {
        let mut rows = Vec::with_capacity(sequences);
        while rows.len() < sequences {
            rows.extend(self.next_row()?);
        }
        let fetched = rows.iter().map(|row| {
            let documents = row.iter().map(|index| self.corpus.document(*index));
            documents.collect::<Result<Vec<_>, _>>()
        });
        let fetched = fetched.collect::<Result<Vec<_>, _>>()?;
        let batch = PackedBatch::from_rows(self.options.seq_len, fetched);
        self.positions += batch.inputs.len() as u64;
        self.padded += batch.padded() as u64;
        Ok(batch)
    }

    /// Draws one more document; returns the row that it completed.
    fn next_row(&mut self) -> Result<Option<Vec<usize>>, DataError> {
        let index = self.draw();
        let positions = self.positions_of(index)?;
        Ok(self.packer.push(index, positions))
    }

    fn positions_of(&self, index: usize) -> Result<usize, DataError> {
        let (prompt, answer) = self.corpus.lengths(index)?;
        Ok((prompt + answer).saturating_sub(1))
    }

    fn draw(&mut self) -> usize {
        let (count, size) = (self.corpus.len(), self.options.shuffle_buffer.max(1));
        if self.buffer.is_empty() && self.position == count {
            self.epoch += 1;
            self.position = 0;
        }
        if self.buffer.is_empty() {
            self.position = size.min(count);
            self.buffer = (0..self.position).collect();
        }
        let slot = self.rng.random_range(0..self.buffer.len());
        if self.position < count {
            self.position += 1;
            std::mem::replace(&mut self.buffer[slot], self.position - 1)
        } else {
            self.buffer.swap_remove(slot)
        }
    }

    /// Share of padding in the rows that this epoch completes from here on; 0 if it completes none.
    /// No token is fetched.
    ///
    /// # Errors
    /// As for [`next_batch`](Self::next_batch).
    pub fn padding_ahead(&self) -> Result<f64, DataError> {
        let mut ahead = self.clone();
        let (mut rows, mut filled) = (0, 0);
        while ahead.epoch == self.epoch {
            if let Some(row) = ahead.next_row()? {
                rows += 1;
                for index in row {
                    filled += self.positions_of(index)?;
                }
            }
        }
        let all = rows * self.options.seq_len;
        Ok(ratio(all - filled, all))
    }

    /// Times that every document has been drawn.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Share of the positions given out so far that were padding.
    pub fn padding(&self) -> f64 {
        ratio(self.padded as usize, self.positions as usize)
    }

    /// Where the stream is.
    pub fn state(&self) -> StreamState {
        StreamState {
            fingerprint: self.corpus.fingerprint().into(),
            options: self.options,
            epoch: self.epoch,
            position: self.position,
            buffer: self.buffer.clone(),
            rows: self.packer.remainder().map(<[usize]>::to_vec).collect(),
            rng: self.rng.clone(),
            positions: self.positions,
            padded: self.padded,
        }
    }

    /// Goes on where `state` was taken, in a time that does not depend on where that is. On an error
    /// the stream stays where it is.
    ///
    /// # Errors
    /// A state over other documents or with other options, or one that contradicts itself.
    pub fn restore(&mut self, state: StreamState) -> Result<(), StateError> {
        let other = |saved: String, found: String| StateError::OtherData {
            what: WHAT,
            saved,
            found,
        };
        if state.fingerprint != self.corpus.fingerprint() {
            let found = self.corpus.fingerprint().into();
            return Err(other(state.fingerprint, found));
        }
        if state.options != self.options {
            let show = |options| format!("{options:?}");
            return Err(other(show(state.options), show(self.options)));
        }
        let packer = self
            .check(&state)
            .map_err(|detail| StateError::Damaged { what: WHAT, detail })?;
        self.epoch = state.epoch;
        self.position = state.position;
        self.buffer = state.buffer;
        self.packer = packer;
        self.rng = state.rng;
        self.positions = state.positions;
        self.padded = state.padded;
        Ok(())
    }

    /// Finds what no stream could have saved, and refills the packer.
    fn check(&self, state: &StreamState) -> Result<Packer, String> {
        let count = self.corpus.len();
        if state.position > count {
            return Err(format!("position {} of {count}", state.position));
        }
        let mut waiting = HashSet::new();
        for index in &state.buffer {
            if *index >= state.position || !waiting.insert(*index) {
                return Err(format!("document {index} waits twice or too early"));
            }
        }
        let size = self.options.shuffle_buffer.max(1);
        if state.buffer.len() > size
            || state.position < count && state.buffer.len() < size.min(state.position)
        {
            return Err(format!("{} documents in the buffer", state.buffer.len()));
        }
        let mut rows = Vec::with_capacity(state.rows.len());
        for row in &state.rows {
            let mut lengths = Vec::with_capacity(row.len());
            for index in row {
                if *index >= count {
                    return Err(format!("document {index} of {count} in a row"));
                }
                let positions = self.positions_of(*index);
                lengths.push((*index, positions.map_err(|error| error.to_string())?));
            }
            rows.push(lengths);
        }
        let StreamOptions {
            seq_len, open_rows, ..
        } = self.options;
        Packer::resume(seq_len, open_rows, rows)
            .ok_or_else(|| "the unfinished rows are more or longer than can be".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Document, Documents, Prefetch};
    use proptest::prelude::*;
    use rand::SeedableRng;
    use std::path::Path;

    /// Document i's first token is i.
    fn corpus(count: usize) -> Arc<Corpus> {
        let document = |i: usize| Document {
            prompt: vec![i as u32; 1 + i % 3],
            answer: vec![2; 1 + i % 5],
        };
        let documents = Documents {
            documents: (0..count).map(document).collect(),
            ..Documents::default()
        };
        Arc::new(Corpus::new(Path::new("stream.jsonl"), documents).unwrap())
    }

    fn stream(count: usize, seq_len: usize, shuffle_buffer: usize, seed: u64) -> TextStream {
        let options = StreamOptions {
            seq_len,
            shuffle_buffer,
            open_rows: 1,
        };
        let rng = ChaCha8Rng::seed_from_u64(seed);
        TextStream::new(corpus(count), options, rng)
    }

    /// First tokens of the documents in a batch, in order.
    fn order(batch: &PackedBatch) -> Vec<usize> {
        (0..batch.inputs.len())
            .filter(|i| batch.positions[*i] == 0 && batch.documents[*i] >= 0)
            .map(|i| batch.inputs[i] as usize)
            .collect()
    }

    #[test]
    fn each_epoch_holds_each_document_once_in_another_order() {
        for buffer in [2, 7, 23, 100] {
            let mut stream = stream(23, 8, buffer, 1);
            let mut seen = Vec::new();
            while seen.len() < 3 * 23 {
                seen.extend(order(&stream.next_batch(1).unwrap()));
            }
            let epochs: Vec<&[usize]> = seen.chunks_exact(23).collect();
            for epoch in &epochs {
                let mut sorted = epoch.to_vec();
                sorted.sort_unstable();
                assert_eq!(sorted, (0..23).collect::<Vec<_>>());
                for (at, index) in epoch.iter().enumerate() {
                    assert!(
                        *index < at + buffer,
                        "no document before it is in the buffer"
                    );
                }
            }
            assert_ne!(epochs[0], epochs[1]);
            assert!(stream.epoch() >= 2);
        }
    }

    #[test]
    fn without_a_buffer_in_file_order() {
        for buffer in [0, 1] {
            let mut stream = stream(5, 8, buffer, 1);
            let mut seen = Vec::new();
            while seen.len() < 10 {
                seen.extend(order(&stream.next_batch(1).unwrap()));
            }
            assert_eq!(seen[..10], [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
        }
    }

    #[test]
    fn a_large_buffer_is_a_uniform_permutation() {
        // Every document is first about equally often: 4,000 draws of 4, standard deviation 27.
        let mut first = [0usize; 4];
        for seed in 0..4000 {
            first[stream(4, 8, 100, seed).draw()] += 1;
        }
        assert!(first.iter().all(|n| n.abs_diff(1000) < 140), "{first:?}");
    }

    #[test]
    fn seeds_decide() {
        let batch = |seed| stream(50, 16, 20, seed).next_batch(4).unwrap();
        assert_eq!(batch(1), batch(1));
        assert_ne!(batch(1), batch(2));
    }

    #[test]
    fn padding_is_summed_over_batches() {
        let mut stream = stream(11, 9, 4, 3);
        let padded: usize = (0..5).map(|_| stream.next_batch(3).unwrap().padded()).sum();
        assert_eq!(stream.padding(), padded as f64 / (5.0 * 27.0));
        assert_eq!(self::stream(11, 9, 4, 3).padding(), 0.0);
    }

    #[test]
    fn padding_ahead_is_what_the_epoch_will_pad() {
        let mut stream = stream(40, 9, 16, 3);
        stream.next_batch(1).unwrap();
        let ahead = stream.padding_ahead().unwrap();
        let (mut padded, mut rows) = (0, 0);
        while stream.epoch() == 0 {
            let batch = stream.next_batch(1).unwrap();
            // The row that the next epoch's first document completes counts too.
            padded += batch.padded();
            rows += 1;
        }
        assert_eq!(ahead, padded as f64 / (9 * rows) as f64);
    }

    #[test]
    fn foreign_and_damaged_states_are_refused_and_change_nothing() {
        let mut there = stream(20, 8, 5, 1);
        there.next_batch(2).unwrap();
        let good = there.state();

        let mut here = stream(20, 8, 5, 2);
        let before = here.state();
        for mut other in [
            stream(21, 8, 5, 1),
            stream(20, 9, 5, 1),
            stream(20, 8, 6, 1),
        ] {
            let error = other.restore(good.clone()).unwrap_err();
            assert!(matches!(error, StateError::OtherData { .. }), "{error}");
        }
        let damages: [fn(&mut StreamState); 9] = [
            |s| s.position = 21,
            |s| s.position = 0,
            |s| s.buffer[0] = 20,
            |s| s.buffer[0] = s.buffer[1],
            |s| s.buffer.clear(),
            |s| s.rows = vec![vec![20]],
            |s| s.rows = vec![vec![]],
            |s| s.rows = vec![vec![1], vec![2]],
            |s| s.rows = vec![vec![19; 9]],
        ];
        for damage in damages {
            let mut state = good.clone();
            damage(&mut state);
            let error = here.restore(state).unwrap_err();
            assert!(matches!(error, StateError::Damaged { .. }), "{error}");
        }
        assert_eq!(here.state(), before);
        here.restore(good.clone()).unwrap();
        assert_eq!(here.state(), good);
    }

    proptest! {
        #[test]
        fn n_and_m_batches_are_n_saved_restored_and_m(
            count in 1usize..40,
            seq_len in 7usize..20,
            buffer in 0usize..50,
            seed: u64,
            n in 0usize..12,
            m in 1usize..12,
            rows in 1usize..4,
            open_rows in 1usize..4,
            ahead in 0usize..4,
        ) {
            let stream = |seed| {
                let mut stream = stream(count, seq_len, buffer, seed);
                stream.options.open_rows = open_rows;
                stream.packer = Packer::new(seq_len, open_rows);
                stream
            };
            let mut whole = stream(seed);
            let all: Vec<PackedBatch> = (0..n + m).map(|_| whole.next_batch(rows).unwrap()).collect();

            let mut first = Prefetch::new(stream(seed), rows, ahead);
            let mut parts: Vec<PackedBatch> = (0..n).map(|_| first.next_batch().unwrap()).collect();
            let saved = serde_json::to_value(first.state()).unwrap().to_string();

            let mut second = Prefetch::new(stream(seed.wrapping_add(1)), rows, ahead);
            second.next_batch().unwrap();
            second.restore(serde_json::from_str(&saved).unwrap()).unwrap();
            parts.extend((0..m).map(|_| second.next_batch().unwrap()));
            prop_assert_eq!(parts, all);
            prop_assert_eq!(second.state(), whole.state());
        }

        #[test]
        fn rows_do_not_depend_on_the_batch_size(seed: u64, rows in 1usize..5) {
            let mut large = stream(30, 12, 9, seed);
            let mut small = stream(30, 12, 9, seed);
            let once = large.next_batch(6 * rows).unwrap();
            let inputs: Vec<i32> = (0..6).flat_map(|_| small.next_batch(rows).unwrap().inputs).collect();
            prop_assert_eq!(once.inputs, inputs);
            prop_assert_eq!(large.state(), small.state());
        }
    }
}
