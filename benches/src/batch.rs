//! Random tokens.

use burn::backend::Flex;
use burn::tensor::{Int, Tensor, TensorData};
use rand::Rng;
use vpt_text::DecoderInput;
use vpt_text::task::TextBatch;

/// The size of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Rows.
    pub batch: usize,
    /// Tokens of a row.
    pub seq: usize,
    /// Tokens to draw from.
    pub vocab: usize,
    /// Whether a row holds two documents, the first of two fifths of its tokens.
    pub two_documents: bool,
}

/// Random tokens on the host; two of three positions are asked about.
#[derive(Clone, Debug)]
pub struct Batch {
    shape: [usize; 2],
    tokens: Vec<i64>,
    next: Vec<i64>,
    positions: Vec<i64>,
    documents: Vec<i64>,
    rows: Vec<i64>,
}

impl Batch {
    /// Drawn from `rng`.
    pub fn draw<R: Rng>(plan: Plan, rng: &mut R) -> Self {
        let Plan {
            batch, seq, vocab, ..
        } = plan;
        let mut ids = || -> Vec<i64> {
            let all = 0..batch * seq;
            all.map(|_| rng.random_range(0..vocab as i64)).collect()
        };
        let border = if plan.two_documents { 2 * seq / 5 } else { 0 };
        let places = || (0..batch * seq).map(|at| at % seq);
        Self {
            shape: [batch, seq],
            tokens: ids(),
            next: ids(),
            positions: places()
                .map(|at| if at < border { at } else { at - border } as i64)
                .collect(),
            documents: places().map(|at| i64::from(at >= border)).collect(),
            rows: (0..(batch * seq) as i64).filter(|r| r % 3 != 0).collect(),
        }
    }

    /// The tokens after the positions that are asked about.
    fn labels(&self) -> Vec<i64> {
        self.rows.iter().map(|&r| self.next[r as usize]).collect()
    }

    /// On the device.
    pub fn tensors(&self) -> TextBatch<Flex> {
        let device = Default::default();
        let grid = |values: &[i64]| -> Tensor<Flex, 2, Int> {
            Tensor::from_data(TensorData::new(values.to_vec(), self.shape), &device)
        };
        let n = self.rows.len();
        let line = |values: Vec<i64>| -> Tensor<Flex, 1, Int> {
            Tensor::from_data(TensorData::new(values, [n]), &device)
        };
        TextBatch {
            input: DecoderInput {
                tokens: grid(&self.tokens),
                positions: grid(&self.positions),
                documents: grid(&self.documents),
            },
            next: grid(&self.next),
            rows: line(self.rows.clone()),
            labels: line(self.labels()),
            weights: Tensor::full([n], 1.0 / n as f64, &device),
            dropout: None,
        }
    }

    /// As one JSON object.
    pub fn json(&self) -> String {
        let [_, seq] = self.shape;
        let grid = |values: &[i64]| format!("{:?}", values.chunks(seq).collect::<Vec<_>>());
        format!(
            r#"{{"tokens": {}, "next": {}, "positions": {}, "documents": {}, "rows": {:?}, "labels": {:?}}}"#,
            grid(&self.tokens),
            grid(&self.next),
            grid(&self.positions),
            grid(&self.documents),
            self.rows,
            self.labels()
        )
    }
}
