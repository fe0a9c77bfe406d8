//! Classes of whole pictures by a head.

use super::{Counts, Estimate, walk};
use crate::evaluate::{Classification, EvaluateError, Head, Labelled, Question};
use crate::vit::Vit;
use burn::tensor::backend::Backend;
use serde::Serialize;

/// How well a head tells classes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassificationResult {
    /// Share of pictures whose class has the greatest logit.
    pub top1: Estimate,
    /// Share of pictures whose class is among the five greatest.
    pub top5: Estimate,
    /// The samples.
    #[serde(flatten)]
    pub counts: Counts,
    /// Classes that no picture is of.
    pub empty_classes: usize,
    /// Whether each picture's class has the greatest logit.
    #[serde(skip)]
    pub images: Vec<bool>,
}

/// Accuracy of a head on pooled features.
///
/// # Errors
/// As [`segmentation`](super::segmentation).
pub fn classification<I: Backend>(
    backbone: &Vit<I>,
    (question, head): (&Classification, &Head<I>),
    set: &Labelled<usize>,
    batch: usize,
) -> Result<ClassificationResult, EvaluateError> {
    let (mut top1, mut top5) = (vec![], vec![]);
    let mut seen = vec![false; question.classes];
    let counts = walk(question, backbone, set, batch, |features, truths| {
        let logits = head.forward(question.tokens(features)).into_data();
        let logits: Vec<f32> = logits.iter::<f32>().collect();
        for (logits, class) in logits.chunks_exact(question.classes).zip(truths) {
            // Of equal logits the lower class is first.
            let before = logits[..class].iter().filter(|l| **l >= logits[class]);
            let after = logits[class..].iter().filter(|l| **l > logits[class]);
            let place = before.count() + after.count();
            let number = !logits[class].is_nan();
            top1.push(number && place < 1);
            top5.push(number && place < 5);
            seen[class] = true;
        }
    })?;
    Ok(ClassificationResult {
        top1: Estimate::share(&top1),
        top5: Estimate::share(&top5),
        counts,
        empty_classes: seen.iter().filter(|seen| !**seen).count(),
        images: top1,
    })
}
