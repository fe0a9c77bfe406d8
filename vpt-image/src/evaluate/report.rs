//! All figures of one backbone.

use super::{
    ClassificationResult, DepthResult, NearestResult, RetrievalResult, SegmentationResult,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// What was measured of a backbone, by the name of the set or the setting; what was not measured
/// is absent. Figures of nothing are null.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Evaluation {
    /// Mean IoU and pixel accuracy.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub segmentation: BTreeMap<String, SegmentationResult>,
    /// Depth errors.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub depth: BTreeMap<String, DepthResult>,
    /// Accuracy of linear probes, and of fine-tuned blocks.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub classification: BTreeMap<String, ClassificationResult>,
    /// Accuracy of nearest neighbours.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub nearest_neighbours: BTreeMap<String, NearestResult>,
    /// Mean average precision.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub retrieval: BTreeMap<String, RetrievalResult>,
}
