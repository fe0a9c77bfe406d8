//! Tokens that are computed once for each sample, while what computes them stays as it is.

use super::backbone::stacked;
use super::draws::Draws;
use super::{EvaluateError, Labelled, Question, Tokens};
use burn::tensor::{Tensor, backend::Backend};
use std::collections::HashMap;

/// What was computed so far, by sample.
pub(super) struct Kept<Y, I: Backend> {
    seen: HashMap<usize, Seen<Y, I>>,
    /// Patch of the backbone.
    patch: usize,
    device: I::Device,
}

struct Seen<Y, I: Backend> {
    /// `[1, tokens, width]`
    values: Tensor<I, 3>,
    grid: [usize; 2],
    /// Height and width of the pixels.
    size: [usize; 2],
    truth: Y,
}

impl<Y: Clone + 'static, I: Backend> Kept<Y, I> {
    pub(super) fn new(patch: usize, device: I::Device) -> Self {
        Self {
            seen: HashMap::new(),
            patch,
            device,
        }
    }

    /// The next `count` samples of `draws`: what `compute` makes of their pixels, which is asked
    /// for those alone that were not seen yet, and their truths.
    ///
    /// # Errors
    /// A sample that cannot be used, unless such ones are left out; images of several sizes.
    pub(super) fn batch<Q: Question<Truth = Y>>(
        &mut self,
        (draws, count): (&mut Draws, usize),
        question: &Q,
        set: &Labelled<Y>,
        compute: impl FnOnce(Tensor<I, 4>) -> Tokens<I>,
    ) -> Result<(Tokens<I>, Vec<&Y>), EvaluateError> {
        let load = |index| match self.seen.contains_key(&index) {
            true => Ok((index, None)),
            false => set
                .lesson(question, index, self.patch)
                .map(|new| (index, Some(new))),
        };
        let drawn = draws.take(count, load, |error| set.skips(error))?;
        one_size(drawn.iter().map(|(index, new)| {
            let size = new.as_ref().map(|new| new.pixels.size());
            (*index, size.unwrap_or_else(|| self.seen[index].size))
        }))?;
        let new = drawn
            .iter()
            .filter_map(|(index, new)| Some((*index, new.as_ref()?)));
        let new: Vec<_> = new.collect();
        if !new.is_empty() {
            let pixels: Vec<_> = new.iter().map(|(_, sample)| &sample.pixels).collect();
            let tokens = compute(stacked(&pixels, &self.device));
            for (place, (index, sample)) in new.into_iter().enumerate() {
                let seen = Seen {
                    values: tokens.values.clone().narrow(0, place, 1),
                    grid: tokens.grid,
                    size: sample.pixels.size(),
                    truth: sample.truth.clone(),
                };
                self.seen.insert(index, seen);
            }
        }
        let batch: Vec<&Seen<Y, I>> = drawn.iter().map(|(index, _)| &self.seen[index]).collect();
        let values = batch.iter().map(|seen| seen.values.clone()).collect();
        let tokens = Tokens {
            values: Tensor::cat(values, 0),
            grid: batch[0].grid,
        };
        Ok((tokens, batch.iter().map(|seen| &seen.truth).collect()))
    }
}

/// Refuses images of several sizes, by sample.
pub(super) fn one_size(
    mut sizes: impl Iterator<Item = (usize, [usize; 2])>,
) -> Result<(), EvaluateError> {
    let Some((_, [rows, columns])) = sizes.next() else {
        return Ok(());
    };
    match sizes.find(|(_, size)| *size != [rows, columns]) {
        None => Ok(()),
        Some((index, [height, width])) => Err(EvaluateError::Size {
            index,
            height,
            width,
            needed: format!(
                "its batch has {rows} x {columns}; with a size in the processor all are equal"
            ),
        }),
    }
}
