//! Which class is the picture of?

use super::Question;
use crate::evaluate::{EvaluateError, Tokens};
use crate::vit::Features;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor, TensorData, backend::Backend};
use serde::{Deserialize, Serialize};

/// What stands for a whole picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The class token.
    #[default]
    Cls,
    /// The mean of the patch tokens.
    Mean,
    /// The class token, then the mean of the patch tokens.
    ClsMean,
}

impl Pooling {
    /// # Shapes
    /// → `[batch, hidden]`, twice as wide for [`ClsMean`](Self::ClsMean)
    pub fn pool<B: Backend>(self, features: Features<B>) -> Tensor<B, 2> {
        let Features { cls, patches, .. } = features;
        let [batch, _, hidden] = patches.dims();
        let mean = || patches.mean_dim(1).reshape([batch, hidden]);
        match self {
            Self::Cls => cls,
            Self::Mean => mean(),
            Self::ClsMean => Tensor::cat(vec![cls, mean()], 1),
        }
    }
}

/// Cross-entropy of a head on one vector a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classification {
    /// How many classes there are.
    pub classes: usize,
    /// The vector.
    #[serde(default)]
    pub pooling: Pooling,
}

impl Question for Classification {
    type Truth = usize;

    fn name(&self) -> &'static str {
        "classification"
    }

    fn check_settings(&self) -> Result<(), EvaluateError> {
        super::check_count("classes", self.classes, 1 << 20)
    }

    fn channels(&self) -> usize {
        self.classes
    }

    fn width(&self, hidden: usize) -> usize {
        match self.pooling {
            Pooling::Cls | Pooling::Mean => hidden,
            Pooling::ClsMean => 2 * hidden,
        }
    }

    fn tokens<B: Backend>(&self, features: Features<B>) -> Tokens<B> {
        let pooled = self.pooling.pool(features);
        let [batch, width] = pooled.dims();
        Tokens {
            values: pooled.reshape([batch, 1, width]),
            grid: [1, 1],
        }
    }

    fn check(&self, truth: &usize, index: usize) -> Result<(), EvaluateError> {
        if *truth < self.classes {
            return Ok(());
        }
        Err(EvaluateError::Class {
            index,
            class: *truth,
            classes: self.classes,
        })
    }

    fn is_labelled(&self, _: &usize) -> bool {
        true
    }

    fn resized(&self, truth: &usize, _: [usize; 2]) -> usize {
        *truth
    }

    fn loss<B: Backend>(
        &self,
        maps: Tensor<B, 4>,
        truths: &[&usize],
        _warm_up: bool,
    ) -> Tensor<B, 1> {
        let [batch, classes, _, _] = maps.dims();
        assert_eq!(batch, truths.len(), "truths of a batch");
        let device = maps.device();
        let log_p = log_softmax(maps.reshape([batch, classes]), 1);
        let labels = truths.iter().map(|class| **class as i64).collect();
        let labels = TensorData::new::<i64, _>(labels, [batch, 1]);
        let labels = Tensor::<B, 2, Int>::from_data(labels, &device);
        log_p.gather(1, labels).mean().neg()
    }
}
