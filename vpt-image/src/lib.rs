//! Value-based pretraining for vision.
//!
//! Data flows one way: [`config`] → images and labels → a task → [`run`] (a trainer of `vpt-core` with its
//! files) → [`artefacts`] → [`experiment`] and [`report`]. The learner is [`vit`], with [`features`] of image
//! files. The host's side is plain arrays without a tensor library: [`images`] and how they change size,
//! [`augment`], the views that DINO is trained on, a [`loader`] on threads, [`sets`] as they are published,
//! [`scenes`] that are drawn with exact labels, and [`metrics`].
//!
//! # Learner
//!
//! DINOv3's vision transformer ([`vit`]), chosen by configuration, with fields named as in the
//! checkpoint's `config.json`.
//!
//! # Objectives
//!
//! [`objective`]: DINO, latent regression and masked reconstruction, each a triple (A, τ, ℓ) of
//! `vpt-core` over one vision modality. An EMA teacher is read when the reference is made, without
//! a tape, and follows after the learner's step. The draws of crops and masks come from the host
//! and are stored in the batch, so that the learner's step and the value see the same ones.
//!
//! # Designers
//!
//! [`designer`]: φ shapes the views by a mask m_φ(x) in [0, 1] for each image, applied at pixel
//! resolution (A.2). In the learner's step the mask is a constant; in the value step it is on the
//! tape.
//!
//! As φ enters through the views, L_pre is not linear in what φ makes, and ∇_φ V is of second
//! order. Only the blocks in S need it: below them an ordinary backward pass carries the gradient
//! on to the mask (`vpt_core::Split`).
//!
//! # Evaluators
//!
//! [`evaluate`]: semantic segmentation and depth on frozen features, each with a light head that is
//! trained on labelled images other than those that g_down is taken on. They are combined as
//! g_down = α_seg g_seg + α_depth g_depth (A.8), which is `vpt_core`'s weighted feedback. The same
//! module measures a backbone: mean IoU, depth errors, linear and nearest-neighbour classification,
//! partial fine-tuning, retrieval.

pub mod artefacts;
pub mod augment;
pub mod config;
pub mod designer;
pub mod evaluate;
pub mod experiment;
pub mod features;
pub mod images;
pub mod loader;
pub mod metrics;
pub mod objective;
pub mod report;
pub mod run;
pub mod scenes;
pub mod sets;
pub mod vit;

mod random;
