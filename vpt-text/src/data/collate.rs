//! One document a row, for feedback and evaluation.

use super::{Document, PackedBatch};

/// The positions of one document in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its row.
    pub row: usize,
    /// Its first position in that row whose target is an answer token.
    pub answer: usize,
    /// One more than its last position.
    pub end: usize,
}

/// Documents as rows of one batch, padded to the longest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collated {
    /// The rows.
    pub packed: PackedBatch,
    /// Where each document is, in the order given; row i is document i.
    pub spans: Vec<Span>,
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
    let mut spans = Vec::with_capacity(documents.len());
    for (row, document) in documents.into_iter().enumerate() {
        let end = document.positions();
        let answer = end - document.answer_targets();
        // Without a prompt the first answer token is given, not asked about.
        if !document.prompt.is_empty() && answer < end {
            first[row * seq + answer] = true;
        }
        spans.push(Span { row, answer, end });
    }
    Collated {
        packed,
        spans,
        first,
    }
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

    /// Sums per document a value given at every position, over its answer targets: `[batch, seq]`
    /// negative log-likelihoods to the NLL of each document.
    ///
    /// # Panics
    /// If `values` is not `[batch, seq]`.
    pub fn sums(&self, values: &[f32]) -> Vec<f64> {
        assert_eq!(
            values.len(),
            self.packed.inputs.len(),
            "one value a position"
        );
        let seq = self.packed.seq;
        let span = |s: &Span| s.row * seq + s.answer..s.row * seq + s.end;
        let sum = |s| values[span(s)].iter().map(|v| f64::from(*v)).sum();
        self.spans.iter().map(sum).collect()
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
    fn spans_first_tokens_digits_and_sums() {
        let documents = [
            document(&[3, 9], &[4, 9, 1]),
            document(&[], &[9, 9, 1]),
            document(&[9], &[1]),
        ];
        let collated = collate(&documents);
        assert_eq!((collated.packed.batch, collated.packed.seq), (3, 4));
        let spans: Vec<_> = collated
            .spans
            .iter()
            .map(|s| (s.row, s.answer, s.end))
            .collect();
        assert_eq!(spans, [(0, 1, 4), (1, 0, 2), (2, 0, 1)]);
        for span in &collated.spans {
            let cells = span.row * 4..(span.row + 1) * 4;
            let mask: Vec<usize> = cells
                .filter(|i| collated.packed.answer_mask[*i])
                .map(|i| i - span.row * 4)
                .collect();
            assert_eq!(mask, (span.answer..span.end).collect::<Vec<_>>());
        }
        let at = |flags: &[bool]| (0..12).filter(|i| flags[*i]).collect::<Vec<usize>>();
        assert_eq!(at(&collated.first), [1, 8]);
        let mut table = vec![false; 10];
        table[9] = true;
        // Position 0 of row 0 is followed by a 9 too, but in the prompt.
        assert_eq!(at(&collated.digits(&table)), [2, 4]);
        assert!(at(&collated.digits(&[])).is_empty());
        let values: Vec<f32> = (0..12).map(|i| (1 << i) as f32).collect();
        assert_eq!(collated.sums(&values), [14.0, 48.0, 256.0]);
    }

    #[test]
    fn nothing_gives_nothing() {
        let collated = collate([]);
        assert_eq!((collated.packed.batch, collated.packed.seq), (0, 0));
        assert_eq!(collated.packed.padding(), 0.0);
    }
}
