//! Downstream tasks on a backbone: heads, the losses that g_down is taken of, and what a backbone
//! is worth.
//!
//! | file | holds |
//! |---|---|
//! | `norm`, `upsample`, `head` | batch norm, bilinear maps, [`Head`]: a linear probe or a small decoder |
//! | `question` | [`Question`]: [`Segmentation`], [`Depth`], [`Classification`], each with its loss |
//! | `labelled`, `drawn`, `draws` | labelled sets, read or drawn; which samples come next |
//! | `fit`, `kept` | [`HeadFit`]: heads are trained with the backbone frozen |
//! | `feedback` | [`HeadFeedback`]: L_down of labelled meta batches, as `vpt_core`'s evaluator |
//! | `fine_tune` | the last blocks and a head, trained on a copy |
//! | `measure` | figures of a backbone: IoU, depth errors, accuracy, neighbours, retrieval |
//!
//! A head's training sees features as constants, so it never moves the backbone. In L_down the head
//! is a constant and its norms use their running statistics, so L_down is a function of the
//! backbone alone.

mod backbone;
mod drawn;
mod draws;
mod error;
mod feedback;
mod fine_tune;
mod fit;
mod head;
mod kept;
mod labelled;
mod measure;
mod norm;
mod question;
mod report;
mod state;
mod upsample;

pub use backbone::HasBackbone;
pub use drawn::{DrawnSet, SceneSet};
pub use error::EvaluateError;
pub use feedback::{FeedbackConfig, HeadFeedback};
pub use fine_tune::{Tuned, fine_tune, last_blocks};
pub use fit::{FitConfig, HeadFit};
pub use head::{Block, Head, HeadConfig, Tokens};
pub use labelled::{Labelled, LabelledSet, Part, disjoint_parts};
pub use measure::{
    ClassificationResult, Counts, DepthResult, Estimate, NearestResult, RetrievalResult,
    SegmentationResult, Shown, classification, depth, nearest_neighbours, retrieval, segmentation,
    show_depth, show_segmentation,
};
pub use norm::{BatchNorm, Moments};
pub use question::{Classification, Depth, DepthOutput, Pooling, Question, Segmentation};
pub use report::Evaluation;
pub use upsample::upsample;
