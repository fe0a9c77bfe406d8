//! What a head is asked about an image, and the loss of its answer.

mod classification;
mod depth;
mod segmentation;

pub use classification::{Classification, Pooling};
pub use depth::{Depth, DepthOutput};
pub use segmentation::Segmentation;

use super::{EvaluateError, Tokens};
use crate::vit::Features;
use burn::tensor::{Tensor, backend::Backend};

/// A downstream task on features of a backbone: what its head reads and says, and L_down.
pub trait Question: Clone + Send + Sync + 'static {
    /// The truth about one image.
    type Truth: Clone + 'static;

    /// Its name in logs.
    fn name(&self) -> &'static str;

    /// Refuses settings that no head can be trained by.
    ///
    /// # Errors
    /// The first setting that is out of range.
    fn check_settings(&self) -> Result<(), EvaluateError>;

    /// Maps that its head makes.
    fn channels(&self) -> usize;

    /// Width of its tokens, of a backbone of width `hidden`.
    fn width(&self, hidden: usize) -> usize {
        hidden
    }

    /// What its head reads.
    fn tokens<B: Backend>(&self, features: Features<B>) -> Tokens<B> {
        Tokens {
            values: features.patches,
            grid: features.grid,
        }
    }

    /// Refuses a truth that the head could not be right about.
    ///
    /// # Errors
    /// A label that is no class; `index` is the sample's.
    fn check(&self, truth: &Self::Truth, index: usize) -> Result<(), EvaluateError>;

    /// Whether there is anything to learn from a truth: a pixel that is labelled, or of known
    /// depth.
    fn is_labelled(&self, truth: &Self::Truth) -> bool;

    /// The truth at another size, by the nearest pixel.
    fn resized(&self, truth: &Self::Truth, size: [usize; 2]) -> Self::Truth;

    /// L_down of maps, averaged over the batch. `warm_up` is true in the first steps of a head's
    /// own training alone. `[1]`
    ///
    /// # Shapes
    /// `maps`: `[batch, channels, rows, columns]`; truths of one size.
    ///
    /// # Panics
    /// If there is another number of truths than of maps, or they differ in size.
    fn loss<B: Backend>(
        &self,
        maps: Tensor<B, 4>,
        truths: &[&Self::Truth],
        warm_up: bool,
    ) -> Tensor<B, 1>;
}

/// Refuses a number of classes or bins out of 1 to `most`.
fn check_count(key: &'static str, count: usize, most: usize) -> Result<(), EvaluateError> {
    if (1..=most).contains(&count) {
        return Ok(());
    }
    let range = format!("between 1 and {most}");
    Err(EvaluateError::OutOfRange { key, range })
}

/// The size that all truths of a batch have.
fn common_size(sizes: impl Iterator<Item = [usize; 2]>) -> [usize; 2] {
    let common = sizes.reduce(|first, size| {
        assert_eq!(first, size, "sizes of a batch's truths");
        first
    });
    common.expect("truths of a batch")
}
