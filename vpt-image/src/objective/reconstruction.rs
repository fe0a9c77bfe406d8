//! Reconstruction of what a mask hides (eq. 6).
//!
//! Hidden patches are not dropped: they go through the backbone as the mean colour, as far as the
//! mask hides them. A mask that drops patches has no gradient, and a learned one is soft.

use super::layers::Mlp;
use super::{CropBatch, CropFeatures, Network, Vision};
use crate::vit::Vit;
use burn::module::Module;
use burn::tensor::{Tensor, backend::Backend};
use rand::Rng;
use serde::{Deserialize, Serialize};
use vpt_core::layers::widen;
use vpt_core::{Loss, NoParameters, Objective, PredictiveLoss, TargetFn};

/// What is asked for, and of whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum TargetForm {
    /// The masked autoencoder's: the pixels of the hidden patches, each patch counting as far as it
    /// is hidden. For masks that are drawn.
    Hidden {
        /// Each patch by its own mean and standard deviation (`norm_pix_loss`).
        normalised: bool,
    },
    /// x ⊙ (1 − m) of every patch, as eq. 6 has it: it depends on φ, as x_c does. For masks that
    /// are learned.
    Soft,
}

/// θ.
#[derive(Module, Debug)]
pub struct ReconstructionLearner<B: Backend> {
    /// f_θ.
    pub backbone: Vit<B>,
    /// g_θ: a patch's features and its mask become its pixels. The backbone sees all patches, so
    /// the decoder need not look around.
    pub decoder: Mlp<B>,
}

impl<B: Backend> ReconstructionLearner<B> {
    /// A fresh decoder of `hidden` units on `backbone`.
    pub fn init<R: Rng + ?Sized>(backbone: Vit<B>, hidden: usize, rng: &mut R) -> Self {
        let config = backbone.config();
        let area = config.patch_size * config.patch_size;
        let shape = [config.hidden_size + area, hidden, 3 * area];
        let device = backbone.device();
        Self {
            decoder: Mlp::init(shape, false, rng, &device),
            backbone,
        }
    }
}

/// The patches of the global crops through the decoder.
pub struct Reconstruction;

impl Network for Reconstruction {
    type Learner<B: Backend> = ReconstructionLearner<B>;
    /// `[crops · images, patches, 3 · side²]`
    type Prediction<B: Backend> = Tensor<B, 3>;
    /// As the prediction.
    type Target<B: Backend> = Tensor<B, 3>;

    fn backbone<B: Backend>(learner: &ReconstructionLearner<B>) -> &Vit<B> {
        &learner.backbone
    }

    fn head<B: Backend>(
        learner: &ReconstructionLearner<B>,
        features: CropFeatures<B>,
        views: &CropBatch<B>,
    ) -> Tensor<B, 3> {
        let side = learner.backbone.config().patch_size;
        let patches = features.global.patches;
        let [crops, count, width] = patches.dims();
        let mask = match &views.global.mask {
            Some(mask) => self::patches(mask.clone(), side),
            None => Tensor::ones(
                [crops, count, side * side],
                (&patches.device(), patches.dtype()),
            ),
        };
        let rows = Tensor::cat(vec![patches, mask], 2);
        let rows = rows.reshape([crops * count, width + side * side]);
        let pixels = learner.decoder.forward(rows);
        pixels.reshape([crops, count, 3 * side * side])
    }
}

/// Square patches row by row, each by row, column and channel.
///
/// # Shapes
/// `[batch, channels, height, width] → [batch, patches, side² · channels]`
///
/// # Panics
/// If the sides are not multiples of `side`.
pub fn patches<B: Backend>(image: Tensor<B, 4>, side: usize) -> Tensor<B, 3> {
    let [batch, channels, height, width] = image.dims();
    let (rows, columns) = (height / side, width / side);
    assert_eq!(
        [rows * side, columns * side],
        [height, width],
        "images of whole patches"
    );
    image
        .reshape([batch, channels, rows, side, columns, side])
        .permute([0, 2, 4, 3, 5, 1])
        .reshape([batch, rows * columns, side * side * channels])
}

/// τ(x_t) = x_t: what the mask hides, in pixels.
pub struct PixelTarget {
    form: TargetForm,
    side: usize,
}

impl PixelTarget {
    /// In patches of `side` pixels.
    pub fn new(form: TargetForm, side: usize) -> Self {
        Self { form, side }
    }

    fn pixels<B: Backend>(&self, views: &CropBatch<B>) -> Tensor<B, 3> {
        let crops = &views.global;
        match self.form {
            TargetForm::Soft => patches(widen(crops.hidden()), self.side),
            TargetForm::Hidden { normalised } => {
                let pixels = patches(widen(crops.pixels.clone()), self.side);
                if !normalised {
                    return pixels;
                }
                let [_, _, values] = pixels.dims();
                let centred = pixels.clone() - pixels.mean_dim(2);
                let squares = (centred.clone() * centred.clone()).sum_dim(2);
                let variance = squares.div_scalar(values as f64 - 1.0);
                centred / variance.add_scalar(1e-6).sqrt()
            }
        }
    }
}

impl TargetFn<Vision<Reconstruction>> for PixelTarget {
    type Designer<B: Backend> = NoParameters;
    type Teacher<B: Backend> = NoParameters;
    type Reference<B: Backend> = NoParameters;

    fn teacher<B: Backend>(&self, _: &ReconstructionLearner<B>) -> NoParameters {
        NoParameters
    }

    fn reference<B: Backend>(
        &self,
        _: &NoParameters,
        _: Tensor<B, 3>,
        _: &CropBatch<B>,
    ) -> NoParameters {
        NoParameters
    }

    fn target<B: Backend>(
        &self,
        _: &NoParameters,
        views: &CropBatch<B>,
        _: &NoParameters,
    ) -> Tensor<B, 3> {
        self.pixels(views)
    }

    fn unshaped_target<B: Backend>(&self, views: &CropBatch<B>, _: &NoParameters) -> Tensor<B, 3> {
        self.pixels(views)
    }
}

/// Mean squared error of a patch.
pub struct SquaredError {
    form: TargetForm,
    side: usize,
}

impl SquaredError {
    /// In patches of `side` pixels.
    pub fn new(form: TargetForm, side: usize) -> Self {
        Self { form, side }
    }

    /// What each patch counts: `[crops · images, patches]`, with sum 1 for each crop that hides
    /// anything.
    fn shares<B: Backend>(&self, views: &CropBatch<B>, like: &Tensor<B, 2>) -> Tensor<B, 2> {
        let equal = like.ones_like();
        let hidden = match (self.form, &views.global.mask) {
            (TargetForm::Soft, _) => equal,
            (TargetForm::Hidden { .. }, None) => equal.zeros_like(),
            (TargetForm::Hidden { .. }, Some(mask)) => {
                let shown = patches(widen(mask.clone()), self.side).mean_dim(2);
                equal - shown.squeeze_dim(2)
            }
        };
        let sums = hidden.clone().sum_dim(1);
        hidden / sums.clamp_min(1e-12)
    }
}

impl PredictiveLoss<Vision<Reconstruction>, PixelTarget> for SquaredError {
    /// An entry for each patch.
    ///
    /// # Shapes
    /// `prediction`, `target`: `[crops · images, patches, 3 · side²]`
    fn loss<B: Backend>(
        &self,
        prediction: Tensor<B, 3>,
        target: &Tensor<B, 3>,
        views: &CropBatch<B>,
    ) -> Loss<B> {
        let difference = widen(prediction) - target.clone();
        let errors: Tensor<B, 2> = (difference.clone() * difference).mean_dim(2).squeeze_dim(2);
        let crops = views.globals();
        let images = vec![views.weights.clone().div_scalar(crops as f64); crops];
        let images: Tensor<B, 2> = Tensor::cat(images, 0).unsqueeze_dim(1);
        let weights = self.shares(views, &errors) * images;
        Loss {
            entries: errors.reshape([-1]),
            weights: weights.reshape([-1]),
        }
    }
}

/// Reconstruction with the views of `A`.
pub type ReconstructionTask<A> = Objective<Vision<Reconstruction>, A, PixelTarget, SquaredError>;

/// Reconstruction with these `views`, which must have masks, in patches of `side` pixels.
pub fn reconstruction<A>(views: A, form: TargetForm, side: usize) -> ReconstructionTask<A> {
    let target = PixelTarget::new(form, side);
    Objective::new(views, target, SquaredError::new(form, side))
}
