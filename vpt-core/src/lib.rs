//! Value-based pretraining, for any modality.
//!
//! A learner θ trains on unlabelled data; a task designer φ reshapes the pretraining task so that
//! each pretraining gradient aligns with the gradient of a downstream loss. The learner never
//! sees a downstream label: labels enter through [`Feedback`] alone, which returns a
//! [`GradVector`], and no learner's optimiser accepts one.
//!
//! Every equation of the paper has one home here:
//!
//! | paper | home |
//! |---|---|
//! | eq. 1, 8 (views), 2 (prediction), 4, 7, 8 (targets), 3, 9 (L_pre) | [`PredictiveTask`] and the roles of [`Objective`] |
//! | §3.2, "a restricted subset of learner parameters" | [`ParamSubset`] |
//! | eq. 12 (g_down), A.8 (weighted evaluators), Table 4 (random) and its mirror image | [`Evaluator`], [`Feedback`] |
//! | eq. 11, 13, 14, 16–18, 20 (V and what it promises), A.6 (probe) | [`value`] |
//! | eq. 15 (∇_φ V) | [`MetaGradient`]: [`Nested`], [`Tangent`], [`CentralDifference`], [`LinearTarget`], [`Split`] |
//! | Algorithm 1, A.7 (burn-in), A.5 (cadence) | [`Trainer`] |
//!
//! [`forward`] is the forward-mode differentiation that [`Tangent`] runs on, for any model.
//!
//! Beside them lies what published checkpoints need whatever they hold: [`weights`] reads their
//! tensors, `hub` (a feature) finds them by name, [`pretrained`] reads and writes their folders, and
//! [`layers`] are what they compute with.
//!
//! [`run`] carries a trainer through a run folder: the loop, the log, checkpoints, and going on after an
//! interruption. [`experiment`] compares finished runs, `report` (a feature) draws them, and `sweep` (another) searches settings.
//!
//! Libraries return errors and never print; randomness is drawn on the host from generators that
//! checkpoints hold.

mod error;
mod evaluator;
pub mod experiment;
mod feedback;
pub mod forward;
mod grad_vector;
#[cfg(feature = "hub")]
pub mod hub;
pub mod kernels;
pub mod layers;
mod meta;
mod moments;
mod moving_average;
mod parameters;
pub mod pretrained;
#[cfg(feature = "report")]
pub mod report;
pub mod run;
mod stateful;
mod subset;
#[cfg(feature = "sweep")]
pub mod sweep;
mod task;
mod train;
pub mod value;
pub mod weights;

pub use error::CoreError;
pub use evaluator::Evaluator;
pub use feedback::{Direction, Downstream, Feedback, Negated, RandomDirection};
pub use grad_vector::GradVector;
pub use meta::{
    CentralDifference, DifferenceStep, EntryValues, LinearTarget, MetaEstimate, MetaGradient,
    Nested, Point, Split, Tangent, entry_values, exact_entry_values, extrapolated_entry_values,
};
pub use moments::ValueMoments;
pub use moving_average::follow_average;
pub use parameters::{
    NoParameters, ParameterInfo, export, export_subset, import, import_subset, parameters,
};
pub use stateful::{Stateful, from_state, to_state};
pub use subset::ParamSubset;
pub use task::{
    BatchOf, Cut, DesignerOf, FirstOrderLoss, HiddenOf, LearnerOf, LinearInTarget, LinearLoss,
    Loss, Modality, Objective, On, PredictionOf, PredictiveLoss, PredictiveTask, ReferenceOf,
    SplitModality, SplitOn, SplitTask, TargetFn, TeacherOf, ViewGenerator, lift, trainable,
};
pub use train::{
    AdamW, Cadence, Clip, CosineRamp, CosineSchedule, Freeze, Observer, ProbeReport, Progress,
    Source, StepData, StepProbe, StepReport, Trainer, TrainerConfig, UpdateGradient, ValueReport,
    ValueTimes, read_tensors, write_atomically, write_tensors,
};
