//! What a transformer's layers spend their time on beside matrix products, each as one operation.
//!
//! Every function here is a composition of tensor operations that any backend runs and that can be
//! differentiated any number of times. On flex in f32, and on one tape over it, the same function
//! is a kernel with a backward pass by hand (feature `flex`): fewer passes over memory, nothing
//! kept that can be made again. Which of the two runs is decided by the type of the tensors.
//!
//! | file | holds |
//! |---|---|
//! | `norm` | [`rms_norm`] |
//! | `gated` | [`swiglu`] |
//! | `rotation` | [`Rotation`], rotary positions |
//! | `attention` | [`attention`] and the [`AttentionMask`] that all blocks share |
//! | `linear` | [`linear`], a product with a weight as checkpoints store it |
//! | `softmax` | [`softmax`] of logits that are on no tape, with their log Σ exp |
//! | `sparse` | [`rows`], [`sampled`], [`gathered`], [`scattered`]: a few rows of a table a position; [`add_product`] |
//! | `pairing` | [`dot`], and [`pairing`], which hands a tape a gradient |
//! | `optimiser` | AdamW's update |
//! | `workers` | [`on_worker`], where a program should run |

mod attention;
#[cfg(feature = "flex")]
mod flex;
mod gated;
mod linear;
mod norm;
mod optimiser;
mod pairing;
mod rotation;
mod softmax;
mod sparse;
#[cfg(all(test, feature = "flex"))]
mod tests;
mod workers;

pub use attention::{AttentionMask, attention};
pub use gated::swiglu;
pub use linear::linear;
pub use norm::rms_norm;
pub use pairing::{dot, pairing};
pub use rotation::Rotation;
pub use softmax::softmax;
pub use sparse::{add_product, gathered, rows, sampled, scattered};
pub use workers::on_worker;

pub(crate) use optimiser::{AdamWUpdate, adamw};
pub(crate) use pairing::scaled;

use attention::Attention;
use burn::tensor::{Tensor, TensorPrimitive, backend::Backend};
#[cfg(feature = "flex")]
use flex::{fused, takes};
use gated::SwiGlu;
use linear::Linear;
use norm::RmsNorm;
use rotation::Rotate;
use sparse::{Gathered, Picked, Rows, Sampled};

/// Without kernels every operation is composed.
#[cfg(not(feature = "flex"))]
fn fused<B: Backend, O, const N: usize>(
    _: O,
    inputs: [B::FloatTensorPrimitive; N],
) -> Result<B::FloatTensorPrimitive, [B::FloatTensorPrimitive; N]> {
    Err(inputs)
}

#[cfg(not(feature = "flex"))]
fn takes<B: Backend>() -> bool {
    false
}

fn primitive<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> B::FloatTensorPrimitive {
    tensor.into_primitive().tensor()
}

fn wrapped<B: Backend, const D: usize>(primitive: B::FloatTensorPrimitive) -> Tensor<B, D> {
    Tensor::from_primitive(TensorPrimitive::Float(primitive))
}
