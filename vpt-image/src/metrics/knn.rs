//! Nearest neighbours' classes, weighted by similarity.

use super::{by_falling, dot, normalised};
use serde::Serialize;

/// DINO's k-NN classifier over labelled features: cosine similarity, each of the k nearest voting
/// for its class with weight exp(similarity / T).
#[derive(Clone, Debug)]
pub struct KnnClassifier {
    dim: usize,
    classes: usize,
    /// Of length 1 each. `[samples, dim]`
    features: Vec<f32>,
    labels: Vec<usize>,
}

/// Shares of queries whose class is right.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct KnnScore {
    /// Neighbours that voted.
    pub k: usize,
    /// The class with the most weight is right.
    pub top1: f64,
    /// One of the five classes with the most weight is (of k, if that is less).
    pub top5: f64,
}

impl KnnClassifier {
    /// The temperature that is usual.
    pub const TEMPERATURE: f64 = 0.07;

    /// A classifier of `classes` classes.
    ///
    /// # Shapes
    /// `features`: `[samples, dim]`; `labels`: `[samples]`
    ///
    /// # Panics
    /// If there are no samples, the shapes do not fit, or a label is out of range.
    pub fn new(features: &[f32], labels: &[usize], dim: usize, classes: usize) -> Self {
        assert!(dim > 0 && !labels.is_empty(), "features to search");
        assert_eq!(features.len(), labels.len() * dim, "features of samples");
        assert!(labels.iter().all(|label| *label < classes), "labels");
        Self {
            dim,
            classes,
            features: features.chunks_exact(dim).flat_map(normalised).collect(),
            labels: labels.to_vec(),
        }
    }

    /// For each of `ks` (at most as many as there are samples) the classes by falling weight, the
    /// lower class first among equals.
    ///
    /// # Shapes
    /// `query`: `[dim]` → `[ks, classes]`
    ///
    /// # Panics
    /// If the query has another length.
    pub fn classify(&self, query: &[f32], ks: &[usize], temperature: f64) -> Vec<Vec<usize>> {
        assert_eq!(query.len(), self.dim, "features of a query");
        let query: Vec<f32> = normalised(query).collect();
        let features = self.features.chunks_exact(self.dim);
        let similarities: Vec<f32> = features.map(|feature| dot(feature, &query)).collect();
        let nearest = by_falling(&similarities);
        let vote = |k: &usize| {
            let mut weights = vec![0.0_f32; self.classes];
            for sample in nearest.iter().take(*k) {
                let weight = (f64::from(similarities[*sample]) / temperature).exp();
                weights[self.labels[*sample]] += weight as f32;
            }
            by_falling(&weights)
        };
        ks.iter().map(vote).collect()
    }

    /// Accuracy over queries for each of `ks`.
    ///
    /// # Shapes
    /// `queries`: `[n, dim]`; `labels`: `[n]`
    ///
    /// # Panics
    /// If there are no queries or the shapes do not fit.
    pub fn score(
        &self,
        queries: &[f32],
        labels: &[usize],
        ks: &[usize],
        temperature: f64,
    ) -> Vec<KnnScore> {
        assert!(!labels.is_empty(), "queries to classify");
        assert_eq!(
            queries.len(),
            labels.len() * self.dim,
            "features of queries"
        );
        let mut right = vec![[0_u32; 2]; ks.len()];
        for (query, label) in queries.chunks_exact(self.dim).zip(labels) {
            let ranked = self.classify(query, ks, temperature);
            for ((right, ranked), k) in right.iter_mut().zip(ranked).zip(ks) {
                let place = ranked.iter().position(|class| class == label);
                let among = |first: usize| u32::from(place.is_some_and(|place| place < first));
                right[0] += among(1);
                right[1] += among(5.min(*k));
            }
        }
        let share = |count: u32| f64::from(count) / labels.len() as f64;
        let score = |(k, [top1, top5]): (&usize, [u32; 2])| KnnScore {
            k: *k,
            top1: share(top1),
            top5: share(top5),
        };
        ks.iter().zip(right).map(score).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearer_neighbours_weigh_more() {
        // One neighbour of class 1 straight ahead, two of class 0 at 45 degrees.
        let features = [2.0, 0.0, 1.0, 1.0, 3.0, -3.0];
        let classifier = KnnClassifier::new(&features, &[1, 0, 0], 2, 2);
        let ahead = |temperature| classifier.classify(&[5.0, 0.0], &[1, 3], temperature);
        assert_eq!(ahead(0.07), [[1, 0], [1, 0]]);
        // With equal weights the two win.
        assert_eq!(ahead(1e6), [[1, 0], [0, 1]]);
    }
}
