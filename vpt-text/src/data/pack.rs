//! Whole documents into rows of equal length.

use super::Document;
use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::cmp::Reverse;

/// The document id of padding: no document has it, so padding attends to padding alone and nothing
/// attends to padding.
pub const PADDING: i32 = -1;

/// Rows of tokens with their targets, and what attention and the loss must know about them, as
/// arrays: nothing is to be derived from token ids.
///
/// A document of n tokens takes n − 1 positions: its inputs are its tokens but the last, its
/// targets its tokens but the first. So no target crosses a border.
///
/// # Shapes
/// Every array is `[batch, seq]`, row by row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackedBatch {
    /// Rows.
    pub batch: usize,
    /// Positions in a row.
    pub seq: usize,
    /// Token ids; 0 at padding.
    pub inputs: Vec<i32>,
    /// The token after each input, of the same document; 0 at padding.
    pub targets: Vec<i32>,
    /// Position inside the document, from 0; padding counts as a document of its own.
    pub positions: Vec<i32>,
    /// Number of the document inside its row, from 0; [`PADDING`] at padding.
    pub documents: Vec<i32>,
    /// Where the *target* is an answer token, the end-of-text token included.
    pub answer_mask: Vec<bool>,
}

impl PackedBatch {
    /// Lays out rows of documents, each row padded to `seq`.
    ///
    /// # Panics
    /// If a row's documents take more than `seq` positions.
    pub fn from_rows<R>(seq: usize, rows: impl IntoIterator<Item = R>) -> Self
    where
        R: IntoIterator<Item: Borrow<Document>>,
    {
        let mut out = Self {
            batch: 0,
            seq,
            inputs: Vec::new(),
            targets: Vec::new(),
            positions: Vec::new(),
            documents: Vec::new(),
            answer_mask: Vec::new(),
        };
        for row in rows {
            for (number, document) in row.into_iter().enumerate() {
                out.write(number, document.borrow());
            }
            out.batch += 1;
            out.pad();
        }
        out
    }

    fn write(&mut self, number: usize, document: &Document) {
        let length = document.positions();
        self.inputs
            .extend(document.tokens().take(length).map(|token| token as i32));
        self.targets
            .extend(document.tokens().skip(1).map(|token| token as i32));
        self.positions.extend(0..length as i32);
        self.documents
            .extend(std::iter::repeat_n(number as i32, length));
        let asked = length - document.answer_targets();
        self.answer_mask.extend((0..length).map(|at| at >= asked));
    }

    fn pad(&mut self) {
        let (end, filled) = (self.batch * self.seq, self.inputs.len());
        assert!(
            filled <= end,
            "row {} holds {} positions too many for seq = {}",
            self.batch - 1,
            filled - end,
            self.seq
        );
        self.inputs.resize(end, 0);
        self.targets.resize(end, 0);
        self.positions.extend(0..(end - filled) as i32);
        self.documents.resize(end, PADDING);
        self.answer_mask.resize(end, false);
    }

    /// Answer tokens asked about: what the loss is divided by, summed over a step's batches.
    pub fn answer_tokens(&self) -> usize {
        self.answer_mask.iter().filter(|asked| **asked).count()
    }

    /// Positions that hold no document.
    pub fn padded(&self) -> usize {
        self.documents.iter().filter(|id| **id == PADDING).count()
    }

    /// Share of positions that hold no document; 0 for a batch without positions.
    pub fn padding(&self) -> f64 {
        ratio(self.padded(), self.inputs.len())
    }
}

pub(crate) fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// Fills rows with documents. A document goes into the fullest open row that has room for it; where
/// none has, the fullest leaves and the document opens another. With one open row that is one row
/// after another in the order the documents come; with more, less is padding. Documents are named by
/// their index, so that what is left in the packer can be saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packer {
    seq_len: usize,
    open_rows: usize,
    rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    documents: Vec<usize>,
    filled: usize,
}

impl Packer {
    /// An empty packer of rows of `seq_len` positions, up to `open_rows` (at least one) of which
    /// wait for more.
    pub fn new(seq_len: usize, open_rows: usize) -> Self {
        Self {
            seq_len,
            open_rows: open_rows.max(1),
            rows: Vec::new(),
        }
    }

    /// A packer that goes on with rows that were left, each of documents with their positions; none
    /// if they are more than can be open, or longer than a sequence.
    pub(super) fn resume(
        seq_len: usize,
        open_rows: usize,
        left: impl IntoIterator<Item = Vec<(usize, usize)>>,
    ) -> Option<Self> {
        let mut packer = Self::new(seq_len, open_rows);
        packer.rows.extend(left.into_iter().map(|row| Row {
            filled: row.iter().map(|(_, positions)| positions).sum(),
            documents: row.into_iter().map(|(document, _)| document).collect(),
        }));
        let fits = |row: &Row| !row.documents.is_empty() && row.filled <= seq_len;
        let sound = packer.rows.len() <= packer.open_rows && packer.rows.iter().all(fits);
        sound.then_some(packer)
    }

    /// Adds a document that takes `positions`, at most `seq_len`. Returns the row that it
    /// completed, by not fitting in.
    pub fn push(&mut self, document: usize, positions: usize) -> Option<Vec<usize>> {
        let room = self.seq_len.saturating_sub(positions);
        // The first of equals, so that no row is passed over for good.
        let roomy = self.rows.iter_mut().filter(|row| row.filled <= room);
        if let Some(row) = roomy.min_by_key(|row| Reverse(row.filled)) {
            row.documents.push(document);
            row.filled += positions;
            return None;
        }
        let opened = Row {
            documents: vec![document],
            filled: positions,
        };
        let full = self.rows.len() == self.open_rows;
        let fullest = self.rows.iter_mut().min_by_key(|row| Reverse(row.filled));
        match fullest.filter(|_| full) {
            Some(row) => Some(std::mem::replace(row, opened).documents),
            None => {
                self.rows.push(opened);
                None
            }
        }
    }

    /// The documents of the rows that are not complete yet.
    pub fn remainder(&self) -> impl Iterator<Item = &[usize]> {
        self.rows.iter().map(|row| row.documents.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn document(prompt: &[u32], answer: &[u32]) -> Document {
        Document {
            prompt: prompt.into(),
            answer: answer.into(),
        }
    }

    #[test]
    fn by_hand() {
        let a = document(&[5, 6], &[7, 1]);
        let b = document(&[8], &[1]);
        let batch = PackedBatch::from_rows(6, [vec![&a, &b], vec![&b]]);
        assert_eq!(batch.inputs, [5, 6, 7, 8, 0, 0, 8, 0, 0, 0, 0, 0]);
        assert_eq!(batch.targets, [6, 7, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0]);
        assert_eq!(batch.positions, [0, 1, 2, 0, 0, 1, 0, 0, 1, 2, 3, 4]);
        assert_eq!(batch.documents, [0, 0, 0, 1, -1, -1, 0, -1, -1, -1, -1, -1]);
        let asked: Vec<usize> = (0..12).filter(|i| batch.answer_mask[*i]).collect();
        assert_eq!(asked, [1, 2, 3, 6]);
        assert_eq!(batch.answer_tokens(), 4);
        assert_eq!((batch.padded(), batch.padding()), (7, 7.0 / 12.0));
    }

    #[test]
    fn packer_keeps_order_and_whole_documents() {
        let mut packer = Packer::new(10, 1);
        assert_eq!(packer.push(0, 6), None);
        assert_eq!(packer.push(1, 4), None, "exactly full is not over");
        assert_eq!(packer.push(2, 1), Some(vec![0, 1]));
        assert_eq!(packer.push(3, 10), Some(vec![2]));
        assert_eq!(packer.remainder().collect::<Vec<_>>(), [[3]]);
    }

    #[test]
    fn open_rows_take_what_fits_best() {
        let mut packer = Packer::new(10, 2);
        assert_eq!(packer.push(0, 6), None);
        assert_eq!(packer.push(1, 7), None, "a second row");
        assert_eq!(packer.push(2, 3), None, "into the fuller");
        assert_eq!(packer.push(3, 2), None, "into the only one with room");
        assert_eq!(packer.push(4, 5), Some(vec![1, 2]), "the fullest leaves");
        let left: Vec<&[usize]> = packer.remainder().collect();
        assert_eq!(left, [&[0, 3][..], &[4]]);
    }

    #[test]
    #[should_panic(expected = "row 0 holds 1 positions too many for seq = 2")]
    fn too_long_for_the_row() {
        PackedBatch::from_rows(2, [[&document(&[1, 2], &[3, 4])]]);
    }

    pub(crate) fn documents() -> impl Strategy<Value = Vec<Document>> {
        // Ids from a handful, 0 (padding's) and 1 (the end's) among them: a mask derived from ids
        // would be wrong here.
        let tokens = |least| proptest::collection::vec(0u32..4, least..7);
        let document =
            (tokens(0), tokens(2)).prop_map(|(prompt, answer)| Document { prompt, answer });
        proptest::collection::vec(document, 1..30)
    }

    fn pack(
        documents: &[Document],
        seq: usize,
        open_rows: usize,
    ) -> (Vec<Vec<usize>>, PackedBatch) {
        let mut packer = Packer::new(seq, open_rows);
        let mut rows: Vec<Vec<usize>> = documents
            .iter()
            .enumerate()
            .filter_map(|(i, d)| packer.push(i, d.positions()))
            .collect();
        rows.extend(packer.remainder().map(<[usize]>::to_vec));
        let batch =
            PackedBatch::from_rows(seq, rows.iter().map(|r| r.iter().map(|i| &documents[*i])));
        (rows, batch)
    }

    proptest! {
        #[test]
        fn every_document_once_and_whole(
            documents in documents(),
            seq in 12usize..40,
            open_rows in 1usize..5,
        ) {
            let (rows, batch) = pack(&documents, seq, open_rows);
            let mut order = rows.concat();
            if open_rows > 1 {
                order.sort_unstable();
            }
            prop_assert_eq!(order, (0..documents.len()).collect::<Vec<_>>());
            prop_assert_eq!(batch.batch, rows.len());
            for array in [&batch.inputs, &batch.targets, &batch.positions, &batch.documents] {
                prop_assert_eq!(array.len(), batch.batch * batch.seq);
            }
            prop_assert_eq!(batch.answer_mask.len(), batch.batch * batch.seq);

            // Read the documents back out of the arrays alone.
            let mut found = Vec::new();
            for (row, members) in rows.iter().enumerate() {
                let cells = row * seq..(row + 1) * seq;
                for number in 0..members.len() as i32 {
                    let own: Vec<usize> = cells
                        .clone()
                        .filter(|i| batch.documents[*i] == number)
                        .collect();
                    prop_assert!(own.windows(2).all(|w| w[1] == w[0] + 1), "contiguous");
                    let positions: Vec<i32> = own.iter().map(|i| batch.positions[*i]).collect();
                    prop_assert_eq!(positions, (0..own.len() as i32).collect::<Vec<_>>());
                    for pair in own.windows(2) {
                        prop_assert_eq!(batch.targets[pair[0]], batch.inputs[pair[1]]);
                    }
                    let mut tokens = vec![batch.inputs[own[0]] as u32];
                    tokens.extend(own.iter().map(|i| batch.targets[*i] as u32));
                    // Token j + 1 is the target of position j.
                    let asked: Vec<bool> = own.iter().map(|i| batch.answer_mask[*i]).collect();
                    found.push((tokens, asked));
                }
                for i in cells.filter(|i| batch.documents[*i] == PADDING) {
                    prop_assert!(!batch.answer_mask[i]);
                    prop_assert_eq!((batch.inputs[i], batch.targets[i]), (0, 0));
                    prop_assert!((0..seq as i32).contains(&batch.positions[i]));
                }
            }
            let expected: Vec<(Vec<u32>, Vec<bool>)> = rows
                .iter()
                .flatten()
                .map(|i| &documents[*i])
                .map(|d| {
                    let answer = (0..d.prompt.len() + d.answer.len()).map(|j| j >= d.prompt.len());
                    (d.tokens().collect(), answer.skip(1).collect())
                })
                .collect();
            prop_assert_eq!(found, expected);
            let asked: usize = documents.iter().map(Document::answer_targets).sum();
            prop_assert_eq!(batch.answer_tokens(), asked);
            let used: usize = documents.iter().map(Document::positions).sum();
            prop_assert_eq!(batch.padded(), batch.batch * seq - used);
        }

        #[test]
        fn greedy_rows_could_not_take_the_next_document(documents in documents(), seq in 12usize..40) {
            let (rows, _) = pack(&documents, seq, 1);
            for pair in rows.windows(2) {
                let filled: usize = pair[0].iter().map(|i| documents[*i].positions()).sum();
                prop_assert!(filled <= seq);
                prop_assert!(filled + documents[pair[1][0]].positions() > seq);
            }
        }

        #[test]
        fn survives_json(documents in documents()) {
            let (_, batch) = pack(&documents, 16, 1);
            let json = serde_json::to_string(&batch).unwrap();
            prop_assert_eq!(serde_json::from_str::<PackedBatch>(&json).unwrap(), batch);
        }
    }
}
