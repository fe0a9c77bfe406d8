//! What a vision learner is trained on: triples (A, τ, ℓ) of `vpt-core` over one modality.
//!
//! | task | A | τ | ℓ | paper |
//! |---|---|---|---|---|
//! | [`dino`]: a student predicts a teacher | global and local crops; masks, where a designer makes them | the EMA teacher on the unmasked global crops, centred and sharpened | cross-entropy | eq. 7, A.2 |
//! | [`latent`]: the same for a vector | as above | the EMA teacher's projection | 1 − cosine | eq. 7 |
//! | [`reconstruction`]: a masked image is filled in | x_c = x ⊙ m, x_t = x ⊙ (1 − m) | pixels | squared error | eq. 6 |
//!
//! All three see [`CropBatch`]es through a [`Vit`](crate::vit::Vit): [`Vision`] is their modality,
//! a [`Network`] says what lies on top of the backbone, and a view generator over
//! `Vision<N>` for every `N` serves them all. Crops and masks that are not learned are drawn on
//! the host and stored in the batch.
//!
//! A released backbone comes without head, optimiser and teacher, and naive continuation ruins its
//! features. So the teacher begins as a copy of the student, [`head_burn_in`] keeps the backbone
//! where it is while a fresh head settles, [`CollapseWatch`] says when a run has collapsed and
//! [`KnnGuard`] when its features got worse.

mod collapse;
mod crops;
mod dino;
mod guard;
mod latent;
mod layers;
mod network;
mod pairs;
mod reconstruction;
mod split;

pub use collapse::{Collapse, CollapseWatch};
pub use crops::{CropBatch, Crops};
pub use dino::{
    Centring, Dino, DinoHead, DinoHeadConfig, DinoLearner, DinoLoss, DinoSettings, DinoTask,
    DinoTeacher, Prototypes, SelfDistillation, TeacherAnswer, TemperatureWarmup, dino, sinkhorn,
};
pub use guard::{GuardSettings, KnnGuard, Verdict};
pub use latent::{
    CosineDistance, Latent, LatentAnswer, LatentLearner, LatentSettings, LatentTarget, LatentTask,
    LatentTeacher, latent,
};
pub use layers::{BatchNorm, Mlp};
pub use network::{CropFeatures, Drawn, Network, Vision, Whole, head_burn_in};
pub use reconstruction::{
    PixelTarget, Reconstruction, ReconstructionLearner, ReconstructionTask, SquaredError,
    TargetForm, patches, reconstruction,
};
pub use split::CropTokens;
