//! Activation checkpointing by segments of blocks.

use super::model::{Decoder, DecoderInput, run};
use burn::backend::Autodiff;
use burn::module::AutodiffModule;
use burn::tensor::{Tensor, backend::Backend};
use vpt_core::Cut;

/// Final states, those that enter the lowest block that the value is on, and the cuts.
type CutHidden<I> = (
    Tensor<Autodiff<I>, 3>,
    Option<Tensor<Autodiff<I>, 3>>,
    Vec<Cut<I>>,
);

impl<B: Backend> Decoder<B> {
    /// With the tape of the learner's step cut into `segments` parts of about as many blocks: the
    /// states that enter each part are kept, what lies between them is computed again when it is
    /// walked back. 1: the tape is whole.
    #[must_use]
    pub fn with_segments(mut self, segments: usize) -> Self {
        self.segments = segments;
        self
    }

    pub(crate) fn segments(&self) -> usize {
        self.segments
    }
}

impl<I: Backend> Decoder<Autodiff<I>> {
    /// [`hidden_keeping`](Decoder::hidden_keeping) with cuts. What is below everything that learns is
    /// run once and kept by no tape at all.
    ///
    /// # Shapes
    /// `[batch, seq] → [batch, seq, hidden]`, all
    pub(crate) fn hidden_cut(
        &self,
        input: &DecoderInput<Autodiff<I>>,
        seed: Option<u64>,
    ) -> CutHidden<I> {
        let embeds = self.embed_tokens.weight.val().is_require_grad();
        let blocks = self.layers.len();
        let lowest = match embeds {
            true => 0,
            false => (self.layers.iter().position(|block| block.is_tracked())).unwrap_or(blocks),
        };
        let borders = self.borders(lowest);
        let (plain, plain_input) = (self.valid(), input.valid());
        let x = plain.embed(&plain_input);
        let context = plain.context(&plain_input, &x, seed);
        // The states that enter block `lowest`, and those at the borders above it.
        let mut x = run(&plain.layers[..lowest], x, &context);
        let bottom = x.clone();
        let mut states = vec![];
        let mut from = lowest;
        for &border in &borders {
            x = run(&plain.layers[from..border], x, &context);
            states.push(x.clone());
            from = border;
        }
        let leaves: Vec<Tensor<Autodiff<I>, 3>> = states
            .into_iter()
            .map(|state| Tensor::from_inner(state).require_grad())
            .collect();
        let entering = match self.reach.from {
            Some(from) if from == lowest => Some(Tensor::from_inner(bottom.clone())),
            from => {
                let at = borders.iter().position(|border| Some(*border) == from);
                at.map(|at| leaves[at].clone())
            }
        };

        let starts = std::iter::once(lowest).chain(borders.iter().copied());
        let mut cuts: Vec<Cut<I>> = vec![];
        for (index, (start, &border)) in starts.zip(&borders).enumerate() {
            let part = self.layers[start..border].to_vec();
            let entry = match index {
                0 if embeds => None,
                0 => Some(Tensor::from_inner(bottom.clone())),
                _ => Some(leaves[index - 1].clone()),
            };
            let (whole, input) = (self.clone(), input.clone());
            cuts.push(Cut {
                above: leaves[index].clone(),
                below: Box::new(move || {
                    let x = entry.unwrap_or_else(|| whole.embed(&input));
                    let context = whole.context(&input, &x, seed);
                    run(&part, x, &context)
                }),
            });
        }
        cuts.reverse();
        let (top, from) = match (leaves.last(), borders.last()) {
            (Some(leaf), Some(&border)) => (leaf.clone(), border),
            _ if embeds => (self.embed(input), 0),
            _ => (Tensor::from_inner(bottom), lowest),
        };
        let context = self.context(input, &top, seed);
        let top = run(&self.layers[from..], top, &context);
        (self.norm.forward(top), entering, cuts)
    }

    /// The blocks above `lowest` that the tape is cut below, rising; where the value begins among
    /// them, so that the states that enter there are kept anyway.
    fn borders(&self, lowest: usize) -> Vec<usize> {
        let blocks = self.layers.len();
        let length = (blocks - lowest).div_ceil(self.segments.max(1)).max(1);
        let mut borders: Vec<usize> = (lowest..blocks).step_by(length).skip(1).collect();
        borders.extend(
            self.reach
                .from
                .filter(|from| (lowest + 1..blocks).contains(from)),
        );
        borders.sort_unstable();
        borders.dedup();
        borders
    }
}
