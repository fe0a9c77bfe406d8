//! Classes of whole pictures by their nearest neighbours.

use super::{Counts, walk};
use crate::evaluate::{Classification, EvaluateError, Labelled};
use crate::metrics::{KnnClassifier, KnnScore};
use crate::vit::Vit;
use burn::tensor::backend::Backend;
use serde::Serialize;

/// How well neighbours tell classes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NearestResult {
    /// For each number of neighbours.
    pub scores: Vec<KnnScore>,
    /// Standard error of `top1`, in the same order: √(p(1 − p)/n).
    pub standard_errors: Vec<f64>,
    /// Samples that were classified.
    #[serde(flatten)]
    pub counts: Counts,
    /// Samples that voted.
    pub neighbours: Counts,
}

/// DINO's k-NN classifier on pooled features: `neighbours` vote on each sample of `set`.
///
/// # Errors
/// As [`segmentation`](super::segmentation), and no `k` or one that is 0 or more than there are
/// neighbours.
pub fn nearest_neighbours<I: Backend>(
    backbone: &Vit<I>,
    question: &Classification,
    (neighbours, set): (&Labelled<usize>, &Labelled<usize>),
    ks: &[usize],
    batch: usize,
) -> Result<NearestResult, EvaluateError> {
    let known = vectors(backbone, question, neighbours, batch)?;
    let most = known.labels.len();
    if ks.is_empty() || ks.iter().any(|k| !(1..=most).contains(k)) {
        return Err(EvaluateError::OutOfRange {
            key: "k",
            range: format!("between 1 and {most}, the neighbours there are"),
        });
    }
    let asked = vectors(backbone, question, set, batch)?;
    let dim = known.values.len() / most;
    let classifier = KnnClassifier::new(&known.values, &known.labels, dim, question.classes);
    let temperature = KnnClassifier::TEMPERATURE;
    let scores = classifier.score(&asked.values, &asked.labels, ks, temperature);
    let count = asked.labels.len() as f64;
    let error = |score: &KnnScore| (score.top1 * (1.0 - score.top1) / count).sqrt();
    Ok(NearestResult {
        standard_errors: scores.iter().map(error).collect(),
        scores,
        counts: asked.counts,
        neighbours: known.counts,
    })
}

/// Pooled features on the host.
struct Vectors {
    /// `[samples, dim]`
    values: Vec<f32>,
    labels: Vec<usize>,
    counts: Counts,
}

fn vectors<I: Backend>(
    backbone: &Vit<I>,
    question: &Classification,
    set: &Labelled<usize>,
    batch: usize,
) -> Result<Vectors, EvaluateError> {
    let (mut values, mut labels) = (vec![], vec![]);
    let counts = walk(question, backbone, set, batch, |features, truths| {
        let pooled = question.pooling.pool(features).into_data();
        values.extend(pooled.iter::<f32>());
        labels.extend(truths);
    })?;
    Ok(Vectors {
        values,
        labels,
        counts,
    })
}
