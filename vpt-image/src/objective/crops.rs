//! The images of a step as crops.

use crate::augment;
use crate::vit::RopeDraw;
use burn::module::Module;
use burn::tensor::{Tensor, TensorData, backend::Backend};
use vpt_core::layers::float_options;

/// Crops of one size: the first crop of every image, then the second of every image, and so on.
#[derive(Module, Debug)]
pub struct Crops<B: Backend> {
    /// Normalised pixels x. `[crops · images, 3, height, width]`
    pub pixels: Tensor<B, 4>,
    /// m, at pixel resolution: 1 where a pixel is shown, 0 where it is hidden, which is the mean
    /// colour, since it works on normalised pixels. `[crops · images, 1, height, width]`. With none
    /// the pixels go to the learner as they are, to the bit.
    pub mask: Option<Tensor<B, 4>>,
    /// The change of coordinates that was drawn for the learner's pass over this group.
    #[module(skip)]
    pub rope: RopeDraw,
}

impl<B: Backend> Crops<B> {
    /// Crops without a mask.
    ///
    /// # Shapes
    /// `[crops · images, 3, height, width]`
    pub fn whole(pixels: Tensor<B, 4>, rope: RopeDraw) -> Self {
        Self {
            pixels,
            mask: None,
            rope,
        }
    }

    /// The same crops behind `mask`.
    ///
    /// # Shapes
    /// `[crops · images, 1, height, width]`
    ///
    /// # Panics
    /// If the mask has another shape.
    #[must_use]
    pub fn masked(self, mask: Tensor<B, 4>) -> Self {
        let [crops, _, height, width] = self.pixels.dims();
        assert_eq!(mask.dims(), [crops, 1, height, width], "Crops: the mask");
        Self {
            mask: Some(mask),
            ..self
        }
    }

    /// x_c = x ⊙ m. `[crops · images, 3, height, width]`
    pub fn shown(&self) -> Tensor<B, 4> {
        match &self.mask {
            Some(mask) => self.pixels.clone() * mask.clone(),
            None => self.pixels.clone(),
        }
    }

    /// x_t = x ⊙ (1 − m), zero where there is no mask. `[crops · images, 3, height, width]`
    pub fn hidden(&self) -> Tensor<B, 4> {
        match &self.mask {
            Some(mask) => self.pixels.clone() * mask.clone().neg().add_scalar(1.0),
            None => self.pixels.zeros_like(),
        }
    }
}

/// The crops of a micro-batch: x with its draw ξ, and after a view generator (x_c, x_t, m).
#[derive(Module, Debug)]
pub struct CropBatch<B: Backend> {
    /// Large crops: the learner sees them masked, a teacher as they are.
    pub global: Crops<B>,
    /// Small crops, which the learner alone sees.
    pub local: Option<Crops<B>>,
    /// Of each image: one over the images of the whole step. `[images]`
    pub weights: Tensor<B, 1>,
    /// Local crops of each image that were left out. They still count where a loss divides by its
    /// number of crops.
    pub left_out: usize,
}

impl<B: Backend> CropBatch<B> {
    /// The crops that were drawn of a micro-batch's images, of `total` images in the whole step,
    /// with a change of coordinates for the global crops and one for the local ones.
    ///
    /// # Panics
    /// If there are no images, or they have crops of different sizes or numbers.
    pub fn stack(
        images: &[augment::Views],
        total: usize,
        [global, local]: [RopeDraw; 2],
        device: &B::Device,
    ) -> Self {
        assert!(!images.is_empty(), "CropBatch: no images");
        let locals = images[0].locals.len();
        let globals = (0..2).flat_map(|crop| images.iter().map(move |views| &views.globals[crop]));
        let global = Crops::whole(stacked(globals, device), global);
        let local = (locals > 0).then(|| {
            let crops = (0..locals).flat_map(|crop| images.iter().map(move |v| &v.locals[crop]));
            Crops::whole(stacked(crops, device), local)
        });
        let share = vec![1.0 / total as f64; images.len()];
        let share = TensorData::new(share, [images.len()]);
        Self {
            global,
            local,
            weights: Tensor::from_data(share, float_options(device)),
            left_out: 0,
        }
    }

    /// How many images there are.
    pub fn images(&self) -> usize {
        self.weights.dims()[0]
    }

    /// How many global crops each has.
    pub fn globals(&self) -> usize {
        self.global.pixels.dims()[0] / self.images()
    }

    /// How many crops of both kinds each has.
    pub fn crops(&self) -> usize {
        self.globals() + self.locals()
    }

    /// How many local crops each has.
    fn locals(&self) -> usize {
        let local = self.local.as_ref();
        local.map_or(0, |local| local.pixels.dims()[0] / self.images())
    }

    /// Without the local crops, every other crop counting as it did.
    #[must_use]
    pub fn without_local(self) -> Self {
        Self {
            left_out: self.left_out + self.locals(),
            local: None,
            ..self
        }
    }

    /// Without any mask.
    #[must_use]
    pub fn unmasked(mut self) -> Self {
        self.global.mask = None;
        if let Some(local) = &mut self.local {
            local.mask = None;
        }
        self
    }
}

fn stacked<'a, B: Backend>(
    crops: impl Iterator<Item = &'a augment::View>,
    device: &B::Device,
) -> Tensor<B, 4> {
    let (mut values, mut count, mut shape) = (vec![], 0, None);
    for crop in crops {
        let size = crop.pixels.shape();
        assert_eq!(*shape.get_or_insert(size), size, "CropBatch: a crop's size");
        values.extend_from_slice(crop.pixels.values());
        count += 1;
    }
    let [channels, height, width] = shape.unwrap_or_default();
    let values = TensorData::new(values, [count, channels, height, width]);
    Tensor::from_data(values, float_options(device))
}
