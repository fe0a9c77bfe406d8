//! The endless pretraining stream.

use super::document::fingerprint;
use super::pack::ratio;
use super::{DataError, Document, Documents, PackedBatch, Packer, StateError};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::path::Path;
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
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            seq_len: 1024,
            shuffle_buffer: 10_000,
        }
    }
}

/// Documents in random order, packed, epoch after epoch (A.1).
///
/// The buffer is filled with the first documents of the epoch; each draw takes a random slot of it
/// and puts the next document there. It runs empty at the end of an epoch, so each document occurs
/// once in each. The row that a batch leaves unfinished goes on in the next one, across epochs too.
#[derive(Clone, Debug)]
pub struct TextStream {
    documents: Arc<Vec<Document>>,
    options: StreamOptions,
    fingerprint: String,
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
    /// The packer's unfinished row.
    pub row: Vec<usize>,
    /// The generator that draws slots.
    pub rng: ChaCha8Rng,
    /// Positions given out.
    pub positions: u64,
    /// Padding among them.
    pub padded: u64,
}

impl TextStream {
    /// A stream from the start; `path` is where the documents were read, for the error.
    ///
    /// # Errors
    /// [`DataError::NoDocuments`] if there is none, or one does not fit a sequence (which
    /// [`Formatter`](super::Formatter) with the same length never makes).
    pub fn new(
        path: &Path,
        documents: Documents,
        options: StreamOptions,
        rng: ChaCha8Rng,
    ) -> Result<Self, DataError> {
        let fits = |d: &Document| (1..=options.seq_len).contains(&d.positions());
        if documents.documents.is_empty() || !documents.documents.iter().all(fits) {
            return Err(DataError::NoDocuments {
                path: path.into(),
                counts: documents.counts,
            });
        }
        Ok(Self {
            fingerprint: fingerprint(&documents.documents),
            documents: Arc::new(documents.documents),
            options,
            epoch: 0,
            position: 0,
            buffer: Vec::new(),
            packer: Packer::new(options.seq_len),
            rng,
            positions: 0,
            padded: 0,
        })
    }

    /// The next `sequences` rows.
    ///
    /// # Shapes
    /// `[sequences, seq_len]`
    pub fn next_batch(&mut self, sequences: usize) -> PackedBatch {
        let mut rows = Vec::with_capacity(sequences);
        while rows.len() < sequences {
            let index = self.draw();
            rows.extend(self.packer.push(index, self.documents[index].positions()));
        }
        let documents = |row: &Vec<usize>| -> Vec<&Document> {
            row.iter().map(|i| &self.documents[*i]).collect()
        };
        let batch = PackedBatch::from_rows(self.options.seq_len, rows.iter().map(documents));
        self.positions += batch.inputs.len() as u64;
        self.padded += batch.padded() as u64;
        batch
    }

    fn draw(&mut self) -> usize {
        let (count, size) = (self.documents.len(), self.options.shuffle_buffer.max(1));
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

    /// The documents, in the order of the file.
    pub fn documents(&self) -> &[Document] {
        &self.documents
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
            fingerprint: self.fingerprint.clone(),
            options: self.options,
            epoch: self.epoch,
            position: self.position,
            buffer: self.buffer.clone(),
            row: self.packer.remainder().to_vec(),
            rng: self.rng.clone(),
            positions: self.positions,
            padded: self.padded,
        }
    }

    /// Goes on where `state` was taken. On an error the stream stays where it is.
    ///
    /// # Errors
    /// A state over other documents or with other options, or one that contradicts itself.
    pub fn restore(&mut self, state: StreamState) -> Result<(), StateError> {
        let other = |saved: String, found: String| StateError::OtherData {
            what: WHAT,
            saved,
            found,
        };
        if state.fingerprint != self.fingerprint {
            return Err(other(state.fingerprint, self.fingerprint.clone()));
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
        let count = self.documents.len();
        if state.position > count {
            return Err(format!("position {} of {count}", state.position));
        }
        let mut waiting = vec![false; state.position];
        for index in &state.buffer {
            match waiting.get_mut(*index) {
                Some(seen) if !*seen => *seen = true,
                _ => return Err(format!("document {index} waits twice or too early")),
            }
        }
        let size = self.options.shuffle_buffer.max(1);
        if state.buffer.len() > size
            || state.position < count && state.buffer.len() < size.min(state.position)
        {
            return Err(format!("{} documents in the buffer", state.buffer.len()));
        }
        let mut packer = Packer::new(self.options.seq_len);
        for index in &state.row {
            let Some(document) = self.documents.get(*index) else {
                return Err(format!("document {index} of {count} in the row"));
            };
            if packer.push(*index, document.positions()).is_some() {
                return Err("the unfinished row is longer than a sequence".into());
            }
        }
        Ok(packer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;

    /// Document i's first token is i.
    fn corpus(count: usize) -> Documents {
        let document = |i: usize| Document {
            prompt: vec![i as u32; 1 + i % 3],
            answer: vec![2; 1 + i % 5],
        };
        Documents {
            documents: (0..count).map(document).collect(),
            ..Documents::default()
        }
    }

    fn stream(count: usize, seq_len: usize, shuffle_buffer: usize, seed: u64) -> TextStream {
        let options = StreamOptions {
            seq_len,
            shuffle_buffer,
        };
        let rng = ChaCha8Rng::seed_from_u64(seed);
        TextStream::new(Path::new("stream.jsonl"), corpus(count), options, rng).unwrap()
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
                seen.extend(order(&stream.next_batch(1)));
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
                seen.extend(order(&stream.next_batch(1)));
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
        let batch = |seed| stream(50, 16, 20, seed).next_batch(4);
        assert_eq!(batch(1), batch(1));
        assert_ne!(batch(1), batch(2));
    }

    #[test]
    fn padding_is_summed_over_batches() {
        let mut stream = stream(11, 9, 4, 3);
        let padded: usize = (0..5).map(|_| stream.next_batch(3).padded()).sum();
        assert_eq!(stream.padding(), padded as f64 / (5.0 * 27.0));
        assert_eq!(self::stream(11, 9, 4, 3).padding(), 0.0);
    }

    #[test]
    fn nothing_to_stream_is_refused() {
        let options = StreamOptions {
            seq_len: 8,
            shuffle_buffer: 4,
        };
        let build = |documents, seq_len| {
            let options = StreamOptions { seq_len, ..options };
            let rng = ChaCha8Rng::seed_from_u64(0);
            TextStream::new(Path::new("stream.jsonl"), documents, options, rng)
        };
        for (documents, seq_len) in [(corpus(0), 8), (corpus(3), 0), (corpus(9), 2)] {
            let error = build(documents, seq_len).unwrap_err();
            assert!(error.to_string().starts_with("stream.jsonl: "), "{error}");
        }
        assert!(build(corpus(9), 7).is_ok());
    }

    #[test]
    fn foreign_and_damaged_states_are_refused_and_change_nothing() {
        let mut there = stream(20, 8, 5, 1);
        there.next_batch(2);
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
        let damages: [fn(&mut StreamState); 6] = [
            |s| s.position = 21,
            |s| s.position = 0,
            |s| s.buffer[0] = 20,
            |s| s.buffer[0] = s.buffer[1],
            |s| s.buffer.clear(),
            |s| s.row = vec![19; 9],
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
        ) {
            let mut whole = stream(count, seq_len, buffer, seed);
            let all: Vec<PackedBatch> = (0..n + m).map(|_| whole.next_batch(rows)).collect();

            let mut first = stream(count, seq_len, buffer, seed);
            let mut parts: Vec<PackedBatch> = (0..n).map(|_| first.next_batch(rows)).collect();
            let saved = serde_json::to_value(first.state()).unwrap().to_string();

            let mut second = stream(count, seq_len, buffer, seed.wrapping_add(1));
            second.next_batch(2);
            second.restore(serde_json::from_str(&saved).unwrap()).unwrap();
            parts.extend((0..m).map(|_| second.next_batch(rows)));
            prop_assert_eq!(parts, all);
            prop_assert_eq!(second.state(), whole.state());
        }

        #[test]
        fn rows_do_not_depend_on_the_batch_size(seed: u64, rows in 1usize..5) {
            let mut large = stream(30, 12, 9, seed);
            let mut small = stream(30, 12, 9, seed);
            let once = large.next_batch(6 * rows);
            let inputs: Vec<i32> = (0..6).flat_map(|_| small.next_batch(rows).inputs).collect();
            prop_assert_eq!(once.inputs, inputs);
            prop_assert_eq!(large.state(), small.state());
        }
    }
}
