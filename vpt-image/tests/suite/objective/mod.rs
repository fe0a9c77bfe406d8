//! Objectives on a tiny backbone.

mod designers;
mod estimators;
mod golden;
mod masks;
mod teacher;

use burn::backend::{Flex, NdArray};
use burn::module::Module;
use burn::tensor::{Tensor, TensorData, backend::Backend};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use vpt_core::layers::float_options;
use vpt_core::{GradVector, ParamSubset, export};
use vpt_image::objective::{
    CropBatch, Crops, DinoHead, DinoHeadConfig, DinoLearner, LatentLearner, ReconstructionLearner,
};
use vpt_image::vit::{RopeDraw, Vit, VitConfig};

/// f32.
type F32 = Flex;
/// f64.
type F64 = NdArray<f64>;

const IMAGES: usize = 2;
const GLOBAL: usize = 8;
const LOCAL: usize = 4;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn config() -> VitConfig {
    VitConfig {
        hidden_size: 16,
        intermediate_size: 24,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        layerscale_value: 0.5,
        initializer_range: 0.2,
        ..VitConfig::tiny(GLOBAL, 4)
    }
}

fn backbone<B: Backend>(seed: u64) -> Vit<B> {
    Vit::init(&config(), &mut rng(seed), &Default::default()).unwrap()
}

fn dino_learner<B: Backend>(seed: u64) -> DinoLearner<B> {
    let config = DinoHeadConfig {
        hidden: 12,
        bottleneck: 6,
        output: 10,
        ..DinoHeadConfig::default()
    };
    let width = self::config().hidden_size;
    let head = DinoHead::init(width, &config, &mut rng(seed + 1), &Default::default());
    // Through so few units weights of 0.02 leave next to nothing.
    let values = GradVector::of(&head, &ParamSubset::all(&head));
    let head = values.shift(head, 15.0);
    DinoLearner {
        backbone: backbone(seed),
        head,
    }
}

fn latent_learner<B: Backend>(seed: u64) -> LatentLearner<B> {
    LatentLearner::init(backbone(seed), [12, 6], false, &mut rng(seed + 1))
}

fn reconstruction_learner<B: Backend>(seed: u64) -> ReconstructionLearner<B> {
    ReconstructionLearner::init(backbone(seed), 12, &mut rng(seed + 1))
}

fn tensor<B: Backend, const D: usize>(
    shape: [usize; D],
    draw: impl FnMut() -> f64,
) -> Tensor<B, D> {
    let values: Vec<f64> = std::iter::repeat_with(draw)
        .take(shape.iter().product())
        .collect();
    let values = TensorData::new(values, shape);
    Tensor::from_data(values, float_options(&Default::default()))
}

/// Two global crops and two local ones of [`IMAGES`] images, of `total` in the step.
fn batch<B: Backend>(rng: &mut ChaCha8Rng, total: usize) -> CropBatch<B> {
    let mut crops = |side: usize| {
        let pixels = tensor([2 * IMAGES, 3, side, side], || rng.random_range(-1.5..1.5));
        Crops::whole(pixels, RopeDraw::draw(&config(), rng))
    };
    let (global, local) = (crops(GLOBAL), crops(LOCAL));
    CropBatch {
        global,
        local: Some(local),
        weights: tensor([IMAGES], || 1.0 / total as f64),
        left_out: 0,
    }
}

/// A mask that hides half of the patches, another half in each crop.
fn patch_mask<B: Backend>() -> Tensor<B, 4> {
    let mut index = 0;
    tensor([2 * IMAGES, 1, GLOBAL, GLOBAL], || {
        let (crop, y, x) = (index / 64, index / 8 % 8 / 4, index % 8 / 4);
        index += 1;
        f64::from(u8::from((crop + y + x) % 2 == 0))
    })
}

/// A module bit by bit.
fn bits<B: Backend, M: Module<B>>(module: &M) -> BTreeMap<String, Vec<u8>> {
    let values = export(module).into_iter();
    values
        .map(|(path, data)| (path, data.as_bytes().to_vec()))
        .collect()
}

fn host<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Vec<f64> {
    tensor.into_data().iter().collect()
}

/// ‖a − b‖ / ‖b‖.
fn relative_error(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let apart: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
    (apart / b.iter().map(|b| b * b).sum::<f64>()).sqrt()
}
