//! Errors of depth in metres.

use crate::images::DepthMap;
use serde::{Deserialize, Serialize};

/// Which pixels count and how predictions are cut.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DepthProtocol {
    /// True depths up to this do not count; predictions below are set to it.
    pub min: f32,
    /// True depths from this on do not count; predictions above are set to it.
    pub max: f32,
    /// Only the part that Eigen et al. evaluate counts: rows 45 to 470 and columns 41 to 600 of
    /// 480 × 640, in proportion for other sizes.
    pub eigen_crop: bool,
}

impl Default for DepthProtocol {
    /// NYUv2's range, without the crop.
    fn default() -> Self {
        Self {
            min: 1e-3,
            max: 10.0,
            eigen_crop: false,
        }
    }
}

/// Errors on the pixels of an image that count, or their means over images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct DepthScores {
    /// Root of the mean square error.
    pub rmse: f64,
    /// Mean of error over truth.
    pub abs_rel: f64,
    /// Mean of squared error over truth.
    pub sq_rel: f64,
    /// Root of the mean squared difference of natural logarithms.
    pub rmse_log: f64,
    /// Mean difference of decimal logarithms.
    pub log10: f64,
    /// 100 times the standard deviation of the difference of natural logarithms.
    pub silog: f64,
    /// Shares of pixels with max(t/p, p/t) below 1.25, 1.25² and 1.25³.
    pub delta: [f64; 3],
}

impl DepthProtocol {
    /// The errors of one image; none if no pixel counts.
    ///
    /// # Shapes
    /// `predicted` and `truth`: `[height, width]`, the same for both.
    ///
    /// # Panics
    /// If the sizes differ.
    pub fn score(&self, predicted: &DepthMap, truth: &DepthMap) -> Option<DepthScores> {
        let (height, width) = (truth.height(), truth.width());
        assert_eq!(
            [predicted.height(), predicted.width()],
            [height, width],
            "predicted and true depths"
        );
        let (rows, columns) = self.window(height, width);
        let pixels = rows.flat_map(|row| columns.clone().map(move |column| (row, column)));
        let mut sums = DepthScores::default();
        let (mut count, mut sum_log) = (0_u64, 0.0);
        for (row, column) in pixels {
            let true_depth = truth.at(row, column);
            // Not a number does not count either.
            if !(true_depth > self.min && true_depth < self.max) {
                continue;
            }
            let depth = self.cut(predicted.at(row, column));
            let (t, p) = (f64::from(true_depth), f64::from(depth));
            let (error, log) = (t - p, t.ln() - p.ln());
            count += 1;
            sum_log += log;
            sums.rmse += error * error;
            sums.abs_rel += error.abs() / t;
            sums.sq_rel += error * error / t;
            sums.rmse_log += log * log;
            sums.log10 += (t.log10() - p.log10()).abs();
            let ratio = (t / p).max(p / t);
            for (power, share) in (1..).zip(&mut sums.delta) {
                *share += f64::from(u8::from(ratio < 1.25_f64.powi(power)));
            }
        }
        if count == 0 {
            return None;
        }
        let mean = sums.scaled(1.0 / count as f64);
        let mean_log = sum_log / count as f64;
        Some(DepthScores {
            rmse: mean.rmse.sqrt(),
            rmse_log: mean.rmse_log.sqrt(),
            // Rounding can put the variance of equal values below 0.
            silog: 100.0 * (mean.rmse_log - mean_log * mean_log).max(0.0).sqrt(),
            ..mean
        })
    }

    /// Within the range; what is not a number stays so.
    fn cut(&self, depth: f32) -> f32 {
        if depth < self.min {
            self.min
        } else if depth > self.max {
            self.max
        } else {
            depth
        }
    }

    fn window(
        &self,
        height: usize,
        width: usize,
    ) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
        if !self.eigen_crop {
            return (0..height, 0..width);
        }
        (
            45 * height / 480..471 * height / 480,
            41 * width / 640..601 * width / 640,
        )
    }
}

impl DepthScores {
    fn scaled(self, factor: f64) -> Self {
        let mut out = self;
        for value in out.values_mut() {
            *value *= factor;
        }
        out
    }

    fn values_mut(&mut self) -> [&mut f64; 9] {
        let [first, second, third] = &mut self.delta;
        [
            &mut self.rmse,
            &mut self.abs_rel,
            &mut self.sq_rel,
            &mut self.rmse_log,
            &mut self.log10,
            &mut self.silog,
            first,
            second,
            third,
        ]
    }
}

/// The mean of images' errors: each image counts once, however many of its pixels do.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DepthMean {
    sums: DepthScores,
    images: u64,
    empty: u64,
}

impl DepthMean {
    /// Adds an image; one without a pixel that counts is only counted.
    pub fn add(&mut self, scores: Option<DepthScores>) {
        let Some(mut scores) = scores else {
            self.empty += 1;
            return;
        };
        self.images += 1;
        for (sum, value) in self.sums.values_mut().into_iter().zip(scores.values_mut()) {
            *sum += *value;
        }
    }

    /// The mean, if there was an image.
    pub fn mean(&self) -> Option<DepthScores> {
        (self.images > 0).then(|| self.sums.scaled(1.0 / self.images as f64))
    }

    /// Images without a pixel that counts.
    pub fn empty(&self) -> u64 {
        self.empty
    }
}

/// The scale-invariant loss that depth heads train on (`SigLoss`): the root of Var g + 0.15
/// (mean g)² with g = ln(p + 0.001) − ln(t + 0.001) over the pixels with 0 < t ≤ `max`, in m.
/// In `warm_up` the variance is left out. None if no pixel counts; the variance of one pixel is 0.
///
/// # Shapes
/// `predicted` and `truth`: `[height, width]`, the same for both.
///
/// # Panics
/// If the sizes differ.
pub fn silog_loss(predicted: &DepthMap, truth: &DepthMap, max: f32, warm_up: bool) -> Option<f64> {
    assert_eq!(
        [predicted.height(), predicted.width()],
        [truth.height(), truth.width()],
        "predicted and true depths"
    );
    let pixels = predicted.values().iter().zip(truth.values());
    let counted = pixels.filter(|(_, truth)| **truth > 0.0 && **truth <= max);
    let log = |depth: f32| (f64::from(depth) + 1e-3).ln();
    let logs: Vec<f64> = counted.map(|(p, t)| log(*p) - log(*t)).collect();
    let count = logs.len() as f64;
    let mean = logs.iter().sum::<f64>() / count;
    let squares: f64 = logs.iter().map(|g| (g - mean) * (g - mean)).sum();
    let variance = match logs.len() {
        0 => return None,
        _ if warm_up => 0.0,
        1 => 0.0,
        _ => squares / (count - 1.0),
    };
    Some((variance + 0.15 * mean * mean).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[f32]) -> DepthMap {
        DepthMap::new(1, values.len(), values.to_vec())
    }

    #[test]
    fn three_pixels_by_hand() {
        let (predicted, truth) = (row(&[1.0, 2.0, 3.0]), row(&[1.1, 1.8, 3.5]));
        let scores = DepthProtocol::default().score(&predicted, &truth).unwrap();
        assert!((scores.rmse - 0.316_228).abs() < 1e-6, "{scores:?}");
        assert!((scores.abs_rel - 0.114_959).abs() < 1e-6);
        assert!((scores.log10 - 0.051_366).abs() < 1e-6);
        assert_eq!(scores.delta, [1.0; 3]);
        let loss = |warm_up| silog_loss(&predicted, &truth, 10.0, warm_up).unwrap();
        assert!((loss(false) - 0.137_261).abs() < 1e-6, "{}", loss(false));
        assert!((loss(true) - 0.018_593).abs() < 1e-6, "{}", loss(true));
    }

    #[test]
    fn what_does_not_count() {
        let protocol = DepthProtocol::default();
        let truth = row(&[0.0, 1e-3, 10.0, f32::NAN, 2.0]);
        let wild = row(&[5.0, 5.0, 5.0, 5.0, 2.0]);
        assert_eq!(protocol.score(&wild, &truth).unwrap().rmse, 0.0);
        // Predictions are cut to the range, not left out.
        let far = protocol
            .score(&row(&[0.0, 0.0, 0.0, 0.0, 99.0]), &truth)
            .unwrap();
        assert_eq!(far.rmse, 8.0);
        let none = row(&[0.0; 5]);
        assert!(protocol.score(&wild, &none).is_none());
        assert!(silog_loss(&wild, &none, 10.0, false).is_none());
        // A prediction that is not a number shows.
        let nan = protocol.score(&row(&[f32::NAN; 5]), &truth).unwrap();
        assert!(nan.rmse.is_nan());
    }

    #[test]
    fn images_count_alike() {
        let protocol = DepthProtocol::default();
        let mut mean = DepthMean::default();
        // One pixel 1 m off, and three pixels 3 m off.
        mean.add(protocol.score(&row(&[2.0, 2.0, 2.0]), &row(&[1.0, 0.0, 0.0])));
        mean.add(protocol.score(&row(&[5.0, 5.0, 5.0]), &row(&[2.0, 2.0, 2.0])));
        mean.add(protocol.score(&row(&[5.0]), &row(&[0.0])));
        assert_eq!(mean.mean().unwrap().rmse, 2.0);
        assert_eq!(mean.empty(), 1);
        assert!(DepthMean::default().mean().is_none());
    }

    #[test]
    fn the_crop_is_eigens() {
        let protocol = DepthProtocol {
            eigen_crop: true,
            ..DepthProtocol::default()
        };
        assert_eq!(protocol.window(480, 640), (45..471, 41..601));
        assert_eq!(protocol.window(240, 320), (22..235, 20..300));
    }
}
