//! What frozen features are judged by, as the reference evaluations compute it.

mod depth;
mod knn;
mod retrieval;
mod segmentation;

pub use self::depth::{DepthMean, DepthProtocol, DepthScores, silog_loss};
pub use self::knn::{KnnClassifier, KnnScore};
pub use self::retrieval::{
    Protocol, ProtocolScore, Relevance, RevisitedScores, average_precision, rank, revisited,
};
pub use self::segmentation::{Confusion, Overlap, SegmentationScores};

/// A vector of length 1, or as it is where its length is 0.
fn normalised(vector: &[f32]) -> impl Iterator<Item = f32> + '_ {
    let norm = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
    let scale = if norm > 0.0 { 1.0 / norm } else { 1.0 };
    vector.iter().map(move |value| value * scale)
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Indices by falling value; equal values keep their order.
fn by_falling(values: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
    order
}
