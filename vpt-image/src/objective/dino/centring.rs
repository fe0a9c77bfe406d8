//! What keeps a teacher from saying the same of every image.

use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Tensor, backend::Backend};
use serde::{Deserialize, Serialize};

/// How a teacher's logits are balanced before they are its distribution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Centring {
    /// Less the moving average of their mean, of this momentum: DINO's, and the paper's.
    Ema {
        /// The average's share that stays at each step.
        momentum: f64,
    },
    /// Every prototype gets the same share of each micro-batch: DINOv2's and DINOv3's.
    Sinkhorn {
        /// How often prototypes and images take turns.
        iterations: usize,
    },
}

/// Sinkhorn and Knopp's balancing of exp(logits / temperature): in turn the prototypes are brought
/// to equal shares and the rows to sums of one, `iterations` times; in logarithms, in which the
/// two are softmaxes along either axis.
///
/// # Shapes
/// `logits`: `[rows, prototypes]`; `temperature`: `[1]` → `[rows, prototypes]`
pub fn sinkhorn<B: Backend>(
    logits: Tensor<B, 2>,
    temperature: Tensor<B, 1>,
    iterations: usize,
) -> Tensor<B, 2> {
    let scaled = logits / temperature.unsqueeze();
    let balance = |log_q, _| log_softmax(log_softmax(log_q, 0), 1);
    softmax((0..iterations).fold(scaled, balance), 1)
}
