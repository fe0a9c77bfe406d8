//! Which class is each pixel of?

use super::Question;
use crate::evaluate::{EvaluateError, upsample};
use crate::images::{IGNORE, LabelMap};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor, TensorData, backend::Backend};
use serde::{Deserialize, Serialize};

/// Cross-entropy of logits that are enlarged to the labels' size.
///
/// The mean is over all pixels and [`IGNORE`]d ones add 0, as in mmseg and DINOv3's heads; so an
/// image with few labels weighs less, not as much as one with many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segmentation {
    /// How many classes there are, at most 255.
    pub classes: usize,
}

impl Segmentation {
    /// The class with the greatest logit for each pixel of `size`.
    ///
    /// # Shapes
    /// `[1, classes, rows, columns]` → `[height, width]`
    pub(in crate::evaluate) fn predict<B: Backend>(
        &self,
        maps: Tensor<B, 4>,
        size: [usize; 2],
    ) -> LabelMap {
        let classes = upsample(maps, size).argmax(1).into_data();
        // Classes are at most 255.
        let values = classes.iter::<i64>().map(|class| class as u8).collect();
        LabelMap::new(size[0], size[1], values)
    }
}

impl Question for Segmentation {
    type Truth = LabelMap;

    fn name(&self) -> &'static str {
        "segmentation"
    }

    fn check_settings(&self) -> Result<(), EvaluateError> {
        super::check_count("classes", self.classes, usize::from(IGNORE))
    }

    fn channels(&self) -> usize {
        self.classes
    }

    fn check(&self, truth: &LabelMap, index: usize) -> Result<(), EvaluateError> {
        let mut labels = truth.values().iter().zip(0..);
        let classes = self.classes;
        match labels.find(|(label, _)| **label != IGNORE && usize::from(**label) >= classes) {
            None => Ok(()),
            Some((label, place)) => Err(EvaluateError::Label {
                index,
                label: *label,
                row: place / truth.width(),
                column: place % truth.width(),
                classes,
            }),
        }
    }

    fn is_labelled(&self, truth: &LabelMap) -> bool {
        truth.values().iter().any(|label| *label != IGNORE)
    }

    fn resized(&self, truth: &LabelMap, [height, width]: [usize; 2]) -> LabelMap {
        truth.resize_nearest(height, width)
    }

    fn loss<B: Backend>(
        &self,
        maps: Tensor<B, 4>,
        truths: &[&LabelMap],
        _warm_up: bool,
    ) -> Tensor<B, 1> {
        let (device, dtype) = (maps.device(), maps.dtype());
        let size = super::common_size(truths.iter().map(|t| [t.height(), t.width()]));
        let [height, width] = size;
        let log_p = log_softmax(upsample(maps, size), 1);
        let labels = || truths.iter().flat_map(|truth| truth.values());
        let counted = labels().map(|label| f64::from(u8::from(*label != IGNORE)));
        let counted: Vec<f64> = counted.collect();
        let pixels = counted.len() as f64;
        let classes = labels().map(|label| match *label {
            IGNORE => 0,
            label => i64::from(label),
        });
        let shape = [truths.len(), 1, height, width];
        let classes = TensorData::new(classes.collect(), shape);
        let classes = Tensor::<B, 4, Int>::from_data(classes, &device);
        let counted = Tensor::from_data(TensorData::new(counted, shape), (&device, dtype));
        let picked = log_p.gather(1, classes) * counted;
        picked.sum().div_scalar(-pixels)
    }
}
