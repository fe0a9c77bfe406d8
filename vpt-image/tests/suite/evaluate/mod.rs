//! Heads, L_down and the figures of a backbone.

mod figures;
mod fitting;
mod golden;
mod refusal;
mod slopes;
mod steering;

use burn::backend::{Flex, NdArray};
use burn::tensor::{DType, Tensor, TensorData, backend::Backend};
use image::Rgb;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use vpt_image::evaluate::{DrawnSet, FitConfig, Labelled, LabelledSet};
use vpt_image::images::{ImageProcessor, RgbImage};
use vpt_image::scenes::{SceneConfig, Scenes, Split};
use vpt_image::sets::SetError;
use vpt_image::vit::{Vit, VitConfig};

type F32 = Flex;
type F64 = NdArray<f64>;

/// A tensor of f64, whatever the device's default is.
fn exact<B: Backend, const D: usize>(data: TensorData) -> Tensor<B, D> {
    let device = B::Device::default();
    Tensor::from_data(data, (&device, DType::F64))
}

/// Side of the scenes.
const SIZE: usize = 32;

/// A small backbone with fresh weights, on patches of 8.
fn backbone<B: Backend>(seed: u64) -> Vit<B> {
    let config = VitConfig {
        hidden_size: 24,
        intermediate_size: 32,
        num_attention_heads: 2,
        num_hidden_layers: 3,
        ..VitConfig::tiny(SIZE, 8)
    };
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Vit::init(&config, &mut rng, &Default::default()).unwrap()
}

/// Images keep their own size.
fn processor() -> ImageProcessor {
    ImageProcessor {
        size: None,
        ..ImageProcessor::default()
    }
}

fn scenes<Y>(split: Split, count: usize) -> Labelled<Y>
where
    DrawnSet: LabelledSet<Y>,
{
    let config = SceneConfig {
        size: SIZE,
        ..SceneConfig::default()
    };
    let set = DrawnSet {
        scenes: Scenes::new(config).unwrap(),
        seed: 1,
        split,
        count,
    };
    Labelled::new(set, processor())
}

/// Few steps at a high rate, without dropout.
fn quick(steps: usize) -> FitConfig {
    FitConfig {
        steps,
        batch: 8,
        rate: 1e-2,
        warmup: 5,
        dropout: 0.0,
        depth_warmup: 0,
        ..FitConfig::default()
    }
}

/// Plain pictures, one colour a class, each a little different.
struct Colours {
    /// Class of each sample.
    classes: Vec<usize>,
}

impl LabelledSet<usize> for Colours {
    fn len(&self) -> usize {
        self.classes.len()
    }

    fn load(&self, index: usize) -> Result<(RgbImage, usize), SetError> {
        let class = self.classes[index];
        let shade = [220 - index as u8, 30, 60];
        let colour = [0, 1, 2].map(|channel| shade[(channel + class) % 3]);
        let side = SIZE as u32;
        Ok((RgbImage::from_pixel(side, side, Rgb(colour)), class))
    }
}

/// `count` pictures of each of three colours.
fn colours(count: usize) -> Labelled<usize> {
    let classes = (0..3 * count).map(|index| index % 3).collect();
    Labelled::new(Colours { classes }, processor())
}
