//! Labelled documents as batches: one a row for evaluation, as few rows as they fit into for feedback.

use super::{Document, PackedBatch};
use std::cmp::Reverse;

/// Documents as rows of one batch, padded to the longest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collated {
    /// The rows, one for each document in the order given.
    pub packed: PackedBatch,
    /// Where the target is the first token of an answer, where what is to come is chosen: form, not
    /// arithmetic. `[batch, seq]`
    pub first: Vec<bool>,
}

/// Puts each document in a row of its own.
pub fn collate<'a>(documents: impl IntoIterator<Item = &'a Document>) -> Collated {
    let documents: Vec<&Document> = documents.into_iter().collect();
    let seq = documents.iter().map(|d| d.positions()).max().unwrap_or(0);
    let packed = PackedBatch::from_rows(seq, documents.iter().map(|d| [*d]));
    let mut first = vec![false; packed.inputs.len()];
    for (row, document) in documents.into_iter().enumerate() {
        let end = document.positions();
        let answer = end - document.answer_targets();
        // Without a prompt the first answer token is given, not asked about.
        if !document.prompt.is_empty() && answer < end {
            first[row * seq + answer] = true;
        }
    }
    Collated { packed, first }
}

/// Puts documents into rows that several may share, longest first, each into the first with room for
/// it. Of row lengths up to twice the longest document, the one with the fewest positions. The loss of
/// every document is what it is in a row of its own, and padding costs a learner what documents do.
pub fn fold<'a>(documents: impl IntoIterator<Item = &'a Document>) -> PackedBatch {
    let mut documents: Vec<&Document> = documents.into_iter().collect();
    documents.sort_by_key(|document| Reverse(document.positions()));
    let longest = documents.first().map_or(0, |document| document.positions());
    let lengths = (longest..=2 * longest).step_by((longest / 8).max(1));
    let folded = lengths.map(|seq| (seq, rows(&documents, seq)));
    let best = folded.min_by_key(|(seq, rows)| seq * rows.len());
    let (seq, rows) = best.unwrap_or_default();
    PackedBatch::from_rows(seq, rows)
}

/// First fit: each document goes into the first row of length `seq` with room for it.
fn rows<'a>(documents: &[&'a Document], seq: usize) -> Vec<Vec<&'a Document>> {
    let mut rows: Vec<(usize, Vec<&Document>)> = vec![];
    for &document in documents {
        let length = document.positions();
        match rows.iter_mut().find(|(used, _)| used + length <= seq) {
            Some((used, row)) => {
                *used += length;
                row.push(document);
            }
            None => rows.push((length, vec![document])),
        }
    }
    rows.into_iter().map(|(_, row)| row).collect()
}

impl Collated {
    /// Where the target is an answer token that is a single digit, by the table of
    /// [`digit_tokens`](crate::tokenizer::digit_tokens). `[batch, seq]`
    pub fn digits(&self, table: &[bool]) -> Vec<bool> {
        let digit = |target: i32| {
            let target = usize::try_from(target).ok();
            target.and_then(|t| table.get(t)).copied().unwrap_or(false)
        };
        let asked = self.packed.targets.iter().zip(&self.packed.answer_mask);
        asked
            .map(|(target, asked)| *asked && digit(*target))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(prompt: &[u32], answer: &[u32]) -> Document {
        Document {
            prompt: prompt.into(),
            answer: answer.into(),
        }
    }

    #[test]
    fn answers_first_tokens_and_digits() {
        let documents = [
            document(&[3, 9], &[4, 9, 1]),
            document(&[], &[9, 9, 1]),
            document(&[9], &[1]),
        ];
        let collated = collate(&documents);
        assert_eq!((collated.packed.batch, collated.packed.seq), (3, 4));
        let at = |flags: &[bool]| (0..12).filter(|i| flags[*i]).collect::<Vec<usize>>();
        assert_eq!(at(&collated.packed.answer_mask), [1, 2, 3, 4, 5, 8]);
        assert_eq!(at(&collated.first), [1, 8]);
        let mut table = vec![false; 10];
        table[9] = true;
        // Position 0 of row 0 is followed by a 9 too, but in the prompt.
        assert_eq!(at(&collated.digits(&table)), [2, 4]);
        assert!(at(&collated.digits(&[])).is_empty());
    }

    #[test]
    fn folded_documents_share_rows() {
        let of = |length: u32| document(&[100 + length], &vec![length; length as usize]);
        let documents = [of(3), of(8), of(5), of(4), of(2)];
        let folded = fold(&documents);
        // 8 + 3 and 5 + 4 + 2; rows of 8 to 10 would be three.
        assert_eq!((folded.batch, folded.seq, folded.padded()), (2, 11, 0));
        let mut asked = vec![];
        for (target, is_asked) in folded.targets.iter().zip(&folded.answer_mask) {
            asked.extend(is_asked.then_some(*target));
        }
        asked.sort_unstable();
        let expected = [3, 8, 5, 4, 2].map(|n| vec![n; n as usize]).concat();
        let mut expected: Vec<i32> = expected;
        expected.sort_unstable();
        assert_eq!(asked, expected);
        // Alone, and alike, they are as they were.
        assert_eq!(fold(&documents[1..2]), collate(&documents[1..2]).packed);
    }

    #[test]
    fn nothing_gives_nothing() {
        assert_eq!((fold([]).batch, fold([]).seq), (0, 0));
        let collated = collate([]);
        assert_eq!((collated.packed.batch, collated.packed.seq), (0, 0));
        assert_eq!(collated.packed.padding(), 0.0);
    }
}
