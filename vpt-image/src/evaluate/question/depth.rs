//! How far away is each pixel?

use super::Question;
use crate::evaluate::{EvaluateError, upsample};
use crate::images::DepthMap;
use burn::tensor::{Tensor, TensorData, backend::Backend};
use serde::{Deserialize, Serialize};

/// ε of the logarithms, in metres.
const EPS: f64 = 1e-3;
/// The weight of the mean in the scale-invariant loss.
const MEAN_WEIGHT: f64 = 0.15;
/// Keeps the root's slope finite where the loss is 0.
const UNDER_ROOT: f64 = 1e-12;

/// How a head says metres.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DepthOutput {
    /// Weights of that many depths, evenly spaced over the range: w = ReLU(x) + 0.1, divided by
    /// their sum. DINOv2's and DINOv3's head has 256.
    Bins(usize),
    /// One map, min + (max − min) · σ(x).
    Sigmoid,
}

/// The scale-invariant loss on depths in metres, which are made at the maps' size and then
/// enlarged to the truth's: √(Var g + 0.15 (mean g)²) with g = ln(p + 0.001) − ln(t + 0.001) over
/// the known pixels of the batch. Only the mean counts in warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Depth {
    /// The head's form.
    pub output: DepthOutput,
    /// The least depth a head can say.
    pub min: f64,
    /// The greatest depth; true depths beyond are taken as not known.
    pub max: f64,
}

impl Default for Depth {
    /// NYUv2's range with 256 bins.
    fn default() -> Self {
        Self {
            output: DepthOutput::Bins(256),
            min: 1e-3,
            max: 10.0,
        }
    }
}

impl Depth {
    /// Metres.
    ///
    /// # Shapes
    /// `[batch, channels, rows, columns] → [batch, 1, size[0], size[1]]`
    pub fn metres<B: Backend>(&self, maps: Tensor<B, 4>, size: [usize; 2]) -> Tensor<B, 4> {
        let depths = match self.output {
            DepthOutput::Bins(bins) => {
                let step = (self.max - self.min) / bins.saturating_sub(1).max(1) as f64;
                let centres = (0..bins).map(|bin| self.min + step * bin as f64);
                let centres = TensorData::new(centres.collect(), [1, bins, 1, 1]);
                let centres = Tensor::from_data(centres, (&maps.device(), maps.dtype()));
                let weights = maps.clamp_min(0.0).add_scalar(0.1);
                (weights.clone() * centres).sum_dim(1) / weights.sum_dim(1)
            }
            DepthOutput::Sigmoid => {
                // e⁻ˣ must not overflow: its gradient would be 0 · ∞.
                let share = maps.clamp_min(-80.0).neg().exp().add_scalar(1.0).recip();
                share.mul_scalar(self.max - self.min).add_scalar(self.min)
            }
        };
        upsample(depths, size)
    }

    /// Depths of one image.
    ///
    /// # Shapes
    /// `[1, channels, rows, columns]` → `[height, width]`
    pub(in crate::evaluate) fn predict<B: Backend>(
        &self,
        maps: Tensor<B, 4>,
        size: [usize; 2],
    ) -> DepthMap {
        let values = self.metres(maps, size).into_data();
        DepthMap::new(size[0], size[1], values.iter::<f32>().collect())
    }

    fn known(&self, depth: f32) -> bool {
        depth > 0.0 && f64::from(depth) <= self.max
    }
}

impl Question for Depth {
    type Truth = DepthMap;

    fn name(&self) -> &'static str {
        "depth"
    }

    fn check_settings(&self) -> Result<(), EvaluateError> {
        if !(self.min > 0.0 && self.max > self.min && self.max.is_finite()) {
            return Err(EvaluateError::OutOfRange {
                key: "min and max",
                range: "in metres, above 0 and in order".into(),
            });
        }
        super::check_count("bins", self.channels(), 1 << 12)
    }

    fn channels(&self) -> usize {
        match self.output {
            DepthOutput::Bins(bins) => bins,
            DepthOutput::Sigmoid => 1,
        }
    }

    /// Depths out of range are as good as not known.
    fn check(&self, _: &DepthMap, _: usize) -> Result<(), EvaluateError> {
        Ok(())
    }

    fn is_labelled(&self, truth: &DepthMap) -> bool {
        truth.values().iter().any(|depth| self.known(*depth))
    }

    fn resized(&self, truth: &DepthMap, [height, width]: [usize; 2]) -> DepthMap {
        truth.resize_nearest(height, width)
    }

    fn loss<B: Backend>(
        &self,
        maps: Tensor<B, 4>,
        truths: &[&DepthMap],
        warm_up: bool,
    ) -> Tensor<B, 1> {
        let options = (&maps.device(), maps.dtype());
        let size = super::common_size(truths.iter().map(|t| [t.height(), t.width()]));
        let [height, width] = size;
        let shape = [truths.len(), 1, height, width];
        let depths = || {
            truths
                .iter()
                .flat_map(|truth| truth.values().iter().copied())
        };
        let known = depths().map(|depth| f64::from(u8::from(self.known(depth))));
        let known: Vec<f64> = known.collect();
        let count = known.iter().sum::<f64>();
        let logs = depths().map(|depth| match self.known(depth) {
            true => (f64::from(depth) + EPS).ln(),
            false => 0.0,
        });
        let logs = Tensor::<B, 4>::from_data(TensorData::new(logs.collect(), shape), options);
        let known = Tensor::<B, 4>::from_data(TensorData::new(known, shape), options);
        let g = self.metres(maps, size).add_scalar(EPS).log() - logs;
        let g = g * known.clone();
        let mean = g.clone().sum().div_scalar(count.max(1.0));
        let squared_mean = mean.clone() * mean.clone();
        let mut squared = squared_mean.mul_scalar(MEAN_WEIGHT);
        if !warm_up {
            let apart = (g - mean.reshape([1, 1, 1, 1])) * known;
            let variance = (apart.clone() * apart).sum();
            squared = squared + variance.div_scalar((count - 1.0).max(1.0));
        }
        squared.add_scalar(UNDER_ROOT).sqrt()
    }
}
