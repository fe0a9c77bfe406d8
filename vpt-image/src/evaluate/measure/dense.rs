//! Segmentation and depth, at the size of the labels.

use super::{Counts, Estimate, walk};
use crate::evaluate::backbone::{features, stacked};
use crate::evaluate::{Depth, EvaluateError, Head, Labelled, Question, Segmentation};
use crate::images::{DepthMap, IGNORE, LabelMap, RgbImage};
use crate::metrics::{
    Confusion, DepthMean, DepthProtocol, DepthScores, Overlap, SegmentationScores,
};
use crate::vit::Vit;
use burn::tensor::{Tensor, backend::Backend};
use serde::Serialize;

/// How well a head segments.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SegmentationResult {
    /// Over all pixels of the set.
    #[serde(flatten)]
    pub scores: SegmentationScores,
    /// The samples.
    #[serde(flatten)]
    pub counts: Counts,
    /// Pixels that are labelled.
    pub pixels: u64,
    /// Each image's overlaps by class, to compare backbones image by image.
    #[serde(skip)]
    pub images: Vec<Vec<Overlap>>,
}

/// Mean IoU and pixel accuracy of a head's classes at the labels' own size: logits are enlarged
/// first, then the greatest one is taken. `batch` images go through the backbone at a time.
///
/// # Errors
/// A sample that cannot be used, unless such ones are left out; and then none left.
pub fn segmentation<I: Backend>(
    backbone: &Vit<I>,
    (question, head): (&Segmentation, &Head<I>),
    set: &Labelled<LabelMap>,
    batch: usize,
) -> Result<SegmentationResult, EvaluateError> {
    let mut confusion = Confusion::new(question.classes);
    let (mut pixels, mut images) = (0, vec![]);
    let counts = walk(question, backbone, set, batch, |features, truths| {
        let maps = head.forward(question.tokens(features));
        for (map, labels) in each(maps).zip(&truths) {
            let predicted = question.predict(map, [labels.height(), labels.width()]);
            let mut image = Confusion::new(question.classes);
            image.add(&predicted, labels);
            images.push(image.overlaps());
            confusion.merge(&image);
            let labelled = labels.values().iter().filter(|label| **label != IGNORE);
            pixels += labelled.count() as u64;
        }
    })?;
    Ok(SegmentationResult {
        scores: confusion.scores(),
        counts,
        pixels,
        images,
    })
}

/// How well a head tells depths.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DepthResult {
    /// Which pixels counted.
    pub protocol: DepthProtocol,
    /// Means of images' errors.
    pub scores: Option<DepthScores>,
    /// Root mean square error in metres, mean over images.
    pub rmse: Estimate,
    /// Relative error, mean over images.
    pub abs_rel: Estimate,
    /// Share of pixels within a factor of 1.25, mean over images.
    pub delta1: Estimate,
    /// The samples.
    #[serde(flatten)]
    pub counts: Counts,
    /// Images without a pixel that counts; they are in no mean.
    pub empty: u64,
    /// Each image's errors; none where no pixel counts.
    #[serde(skip)]
    pub images: Vec<Option<DepthScores>>,
}

/// Depth errors at the truth's own size, by image, then averaged over images.
///
/// # Errors
/// As [`segmentation`].
pub fn depth<I: Backend>(
    backbone: &Vit<I>,
    (question, head): (&Depth, &Head<I>),
    set: &Labelled<DepthMap>,
    protocol: DepthProtocol,
    batch: usize,
) -> Result<DepthResult, EvaluateError> {
    let mut mean = DepthMean::default();
    let mut images: Vec<Option<DepthScores>> = vec![];
    let counts = walk(question, backbone, set, batch, |features, truths| {
        let maps = head.forward(question.tokens(features));
        for (map, truth) in each(maps).zip(&truths) {
            let predicted = question.predict(map, [truth.height(), truth.width()]);
            let scores = protocol.score(&predicted, truth);
            mean.add(scores);
            images.push(scores);
        }
    })?;
    let estimate = |figure: fn(&DepthScores) -> f64| {
        Estimate::of(&images.iter().flatten().map(figure).collect::<Vec<_>>())
    };
    Ok(DepthResult {
        protocol,
        scores: mean.mean(),
        rmse: estimate(|scores| scores.rmse),
        abs_rel: estimate(|scores| scores.abs_rel),
        delta1: estimate(|scores| scores.delta[0]),
        counts,
        empty: mean.empty(),
        images,
    })
}

/// The maps of each image. `[batch, …]` → batch × `[1, …]`
fn each<I: Backend>(maps: Tensor<I, 4>) -> impl Iterator<Item = Tensor<I, 4>> {
    let [batch, _, _, _] = maps.dims();
    (0..batch).map(move |place| maps.clone().narrow(0, place, 1))
}

/// An image, the truth about it, and what a head says.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown<Y> {
    /// The image as the set has it.
    pub image: RgbImage,
    /// The truth.
    pub truth: Y,
    /// The prediction, of the truth's size.
    pub predicted: Y,
}

/// What a head says of the first `count` images of a set that can be used, to be looked at.
///
/// # Errors
/// A sample that cannot be used, unless such ones are left out.
pub fn show_segmentation<I: Backend>(
    backbone: &Vit<I>,
    (question, head): (&Segmentation, &Head<I>),
    set: &Labelled<LabelMap>,
    count: usize,
) -> Result<Vec<Shown<LabelMap>>, EvaluateError> {
    show(backbone, (question, head), set, count, |map, truth| {
        question.predict(map, [truth.height(), truth.width()])
    })
}

/// As [`show_segmentation`].
///
/// # Errors
/// As [`show_segmentation`].
pub fn show_depth<I: Backend>(
    backbone: &Vit<I>,
    (question, head): (&Depth, &Head<I>),
    set: &Labelled<DepthMap>,
    count: usize,
) -> Result<Vec<Shown<DepthMap>>, EvaluateError> {
    show(backbone, (question, head), set, count, |map, truth| {
        question.predict(map, [truth.height(), truth.width()])
    })
}

fn show<Q: Question, I: Backend>(
    backbone: &Vit<I>,
    (question, head): (&Q, &Head<I>),
    set: &Labelled<Q::Truth>,
    count: usize,
    predict: impl Fn(Tensor<I, 4>, &Q::Truth) -> Q::Truth,
) -> Result<Vec<Shown<Q::Truth>>, EvaluateError> {
    let patch = backbone.config().patch_size;
    let shown = |index| {
        let sample = set.sample(question, index, patch)?;
        let pixels = stacked(&[&sample.pixels], &backbone.device());
        let map = head.forward(question.tokens(features(backbone, pixels)));
        Ok(Shown {
            image: set.image(index)?,
            predicted: predict(map, &sample.truth),
            truth: sample.truth,
        })
    };
    let first = set.first(question, count, patch)?;
    first.into_iter().map(shown).collect()
}
