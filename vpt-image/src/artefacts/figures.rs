//! What a backbone was found to be worth.

use crate::metrics::Overlap;
use serde::{Deserialize, Serialize};

/// Figures on one set; what was not measured is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Mean IoU of segmentation, over all pixels of the set.
    #[serde(default)]
    pub miou: Option<f64>,
    /// Share of pixels whose class is right.
    #[serde(default)]
    pub pixel_accuracy: Option<f64>,
    /// Root mean square error of depth in metres, mean over images.
    #[serde(default)]
    pub rmse: Option<f64>,
    /// Relative error of depth, mean over images.
    #[serde(default)]
    pub abs_rel: Option<f64>,
    /// Share of pixels within a factor of 1.25 of the true depth, mean over images.
    #[serde(default)]
    pub delta1: Option<f64>,
    /// Share of pictures whose class a linear probe tells.
    #[serde(default)]
    pub accuracy: Option<f64>,
    /// Share of pictures whose class their neighbours tell.
    #[serde(default)]
    pub knn: Option<f64>,
}

/// The same image by image, so that runs can be compared on the same ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImageResults {
    /// Overlap of labels and predictions by class.
    #[serde(default)]
    pub segmentation: Vec<Vec<Overlap>>,
    /// Root mean square error of depth; none where nothing is known.
    #[serde(default)]
    pub rmse: Vec<Option<f64>>,
    /// Whether the linear probe tells the picture's class.
    #[serde(default)]
    pub accuracy: Vec<bool>,
}

/// Figures with the images behind them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SetResult {
    /// Over the set.
    pub figures: Figures,
    /// By image.
    pub images: ImageResults,
}
