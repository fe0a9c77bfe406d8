//! What a backbone is worth on sets that nothing was trained on.

mod dense;
mod nearest;
mod picture;
mod retrieval;

pub use dense::{
    DepthResult, SegmentationResult, Shown, depth, segmentation, show_depth, show_segmentation,
};
pub use nearest::{NearestResult, nearest_neighbours};
pub use picture::{ClassificationResult, classification};
pub use retrieval::{RetrievalResult, retrieval};

use super::backbone::{features, stacked};
use super::labelled::Sample;
use super::{EvaluateError, Labelled, Question};
use crate::vit::{Features, Vit};
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

/// Samples behind a figure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Images that were looked at.
    pub images: u64,
    /// Images left out because they could not be used.
    pub skipped: u64,
}

/// A mean over independent samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean; NaN, null in JSON, of no samples.
    pub mean: f64,
    /// Its standard error: the samples' standard deviation (n − 1) over √n; none of fewer than two.
    pub standard_error: Option<f64>,
}

impl Estimate {
    fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let error = (squares / (count - 1.0) / count).sqrt();
        Self {
            mean,
            standard_error: (values.len() > 1).then_some(error),
        }
    }

    /// Of right answers.
    fn share(right: &[bool]) -> Self {
        let values: Vec<f64> = right.iter().map(|r| f64::from(u8::from(*r))).collect();
        Self::of(&values)
    }
}

/// Takes the features of every sample of `set` in turn, up to `batch` images of one size at a
/// time.
fn walk<Q: Question, I: Backend>(
    question: &Q,
    backbone: &Vit<I>,
    set: &Labelled<Q::Truth>,
    batch: usize,
    mut take: impl FnMut(Features<I>, Vec<Q::Truth>),
) -> Result<Counts, EvaluateError> {
    let device = backbone.device();
    let patch = backbone.config().patch_size;
    let mut counts = Counts::default();
    let mut waiting: Vec<Sample<Q::Truth>> = vec![];
    let mut last = None;
    let mut flush = |waiting: &mut Vec<Sample<Q::Truth>>| {
        if waiting.is_empty() {
            return;
        }
        let (pixels, truths): (Vec<_>, Vec<_>) =
            waiting.drain(..).map(|s| (s.pixels, s.truth)).unzip();
        let pixels = stacked(&pixels.iter().collect::<Vec<_>>(), &device);
        take(features(backbone, pixels), truths);
    };
    for index in 0..set.len() {
        let sample = match set.sample(question, index, patch) {
            Err(error) if set.skips(&error) => {
                counts.skipped += 1;
                last = Some(Box::new(error));
                continue;
            }
            sample => sample?,
        };
        counts.images += 1;
        let fits = |first: &Sample<_>| first.pixels.shape() == sample.pixels.shape();
        if waiting.len() >= batch.max(1) || !waiting.first().is_none_or(fits) {
            flush(&mut waiting);
        }
        waiting.push(sample);
    }
    flush(&mut waiting);
    if counts.images == 0 {
        return Err(EvaluateError::NothingUsable {
            samples: set.len(),
            last,
        });
    }
    Ok(counts)
}
