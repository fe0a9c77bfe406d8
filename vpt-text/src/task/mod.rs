//! Language: next-token prediction to a soft target that a designer shapes (§3.3, A.1).
//!
//! | file | holds |
//! |---|---|
//! | `batch` | packed tokens on the device: what the learner sees and is asked |
//! | `modality` | [`Text`]: learner, views, prediction; views are never altered |
//! | `vocabulary` | passes over the vocabulary in chunks of tokens |
//! | `reference` | what a target may know of the learner: top K, and the dense half of the gradient |
//! | `designer` | φ: scores over the candidates and the gate |
//! | `target` | τ: one-hot, learned, uniform, self-distilled, oracle |
//! | `loss` | ℓ: cross-entropy to a sparse soft target, linear in it |
//! | `estimator` | which ∇_φ V, with the token values beside it |

mod batch;
mod designer;
mod estimator;
mod loss;
mod modality;
mod reference;
mod target;
mod vocabulary;

pub use batch::TextBatch;
pub use designer::{DesignerSize, Proposal, SoftTargetDesigner};
pub use estimator::{TextEstimator, TextProbe};
pub use loss::{SoftCrossEntropy, label_loss};
pub use modality::{Hidden, Text, Unaltered};
pub use reference::Candidates;
pub use target::{SoftTarget, SoftTargets, TargetRule};
pub use vocabulary::{LabelScores, label_scores};

/// Next-token prediction with the targets of one method.
pub type TextTask = vpt_core::Objective<Text, Unaltered, SoftTargets, SoftCrossEntropy>;

/// The task of `targets`.
pub fn text_task(targets: SoftTargets) -> TextTask {
    TextTask::new(Unaltered, targets, SoftCrossEntropy)
}
