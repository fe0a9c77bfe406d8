//! One document a row, for feedback and evaluation.

use super::{Document, PackedBatch};

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
    fn nothing_gives_nothing() {
        let collated = collate([]);
        assert_eq!((collated.packed.batch, collated.packed.seq), (0, 0));
        assert_eq!(collated.packed.padding(), 0.0);
    }
}
