//! Gradients against differences, in f64.

use super::{Features, RopeDraw, Vit, VitConfig};
use burn::backend::{Autodiff, NdArray};
use burn::tensor::{DType, Tensor, TensorData, backend::Backend};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use vpt_core::{GradVector, ParamSubset, lift};

type Plain = NdArray<f64>;
type Tape = Autodiff<Plain>;
type Nested = Autodiff<Tape>;

fn config(gated: bool) -> VitConfig {
    VitConfig {
        hidden_size: 16,
        num_attention_heads: 2,
        intermediate_size: 12,
        num_hidden_layers: 2,
        use_gated_mlp: gated,
        initializer_range: 0.4,
        layerscale_value: 0.7,
        ..VitConfig::tiny(8, 4)
    }
}

fn model(gated: bool) -> Vit<Plain> {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    Vit::init(&config(gated), &mut rng, &Default::default()).unwrap()
}

fn pixels() -> TensorData {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let values: Vec<f64> = (0..2 * 3 * 8 * 8)
        .map(|_| rng.random_range(-1.0..1.0))
        .collect();
    TensorData::new(values, [2, 3, 8, 8])
}

fn tensor<B: Backend>(data: TensorData) -> Tensor<B, 4> {
    Tensor::from_data(data, (&Default::default(), DType::F64))
}

const ROPE: RopeDraw = RopeDraw::new([0.1, -0.2], [1.3, 0.8]);

/// Any smooth function of all features.
fn loss<B: Backend>(features: Features<B>) -> Tensor<B, 1> {
    let Features {
        cls,
        registers,
        patches,
        ..
    } = features;
    let squares = (cls.clone() * cls.clone() * cls).mean();
    squares + registers.sin().sum().mul_scalar(0.1) + (patches.clone() * patches.cos()).mean()
}

fn value(model: &Vit<Plain>, pixels: Tensor<Plain, 4>) -> f64 {
    loss(model.forward(pixels, &ROPE)).into_scalar()
}

/// ∂L/∂θ on a tape.
fn gradient(
    model: &Vit<Plain>,
    subset: &ParamSubset,
    pixels: Tensor<Plain, 4>,
) -> GradVector<Plain> {
    let tracked: Vit<Tape> = subset.track(lift(model));
    let mut grads = loss(tracked.forward(Tensor::from_inner(pixels), &ROPE)).backward();
    GradVector::take::<Tape, _>(&mut grads, &tracked, subset)
}

fn close(found: f64, expected: f64, what: &str) {
    let error = (found - expected).abs();
    assert!(
        error < 1e-6 * (1.0 + expected.abs()),
        "{what}: {found} {expected}"
    );
}

/// Of every parameter along a random direction, and of some pixels.
#[test]
fn gradients_are_those_of_central_differences() {
    for gated in [false, true] {
        let (model, pixels) = (model(gated), tensor::<Plain>(pixels()));
        let names = vpt_core::parameters(&model);
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        for info in names
            .iter()
            .filter(|info| !info.path.ends_with("mask_token"))
        {
            let subset = ParamSubset::matching(&model, |path| path == info.path);
            let direction = GradVector::generate(&model, &subset, |length| {
                (0..length).map(|_| rng.random_range(-1.0..1.0)).collect()
            });
            let slope = gradient(&model, &subset, pixels.clone()).dot(&direction);
            let at = |step: f64| value(&direction.shift(model.clone(), step), pixels.clone());
            let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
            close(slope.into_scalar(), difference, &info.path);
        }
        let input = tensor::<Tape>(self::pixels()).require_grad();
        let tracked: Vit<Tape> = lift(&model);
        let grads = loss(tracked.forward(input.clone(), &ROPE)).backward();
        let slopes = input
            .grad(&grads)
            .unwrap()
            .to_data()
            .to_vec::<f64>()
            .unwrap();
        for index in [0, 17, 101, 383] {
            let at = |step: f64| {
                let mut values = self::pixels().to_vec::<f64>().unwrap();
                values[index] += step;
                value(&model, tensor(TensorData::new(values, [2, 3, 8, 8])))
            };
            let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
            close(slopes[index], difference, "a pixel");
        }
    }
}

/// ∂/∂x ⟨g, ∂L/∂θ⟩ through attention, norms and activations: a tape over the backward pass
/// against differences of it.
#[test]
fn nested_tapes_give_the_second_derivative() {
    for gated in [false, true] {
        let model = model(gated);
        let subset = ParamSubset::matching(&model, |path| path.starts_with("layer.1."));
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        let direction = GradVector::generate(&model, &subset, |length| {
            (0..length).map(|_| rng.random_range(-1.0..1.0)).collect()
        });

        let input = tensor::<Tape>(pixels()).require_grad();
        let learner: Vit<Tape> = lift(&model);
        let learner = subset.track::<Nested, Vit<Nested>>(lift(&learner));
        let outer = Tensor::<Nested, 4>::from_inner(input.clone());
        let mut grads = loss(learner.forward(outer, &ROPE)).backward();
        let g_pre: GradVector<Tape> = GradVector::take::<Nested, _>(&mut grads, &learner, &subset);
        let value = direction.lift::<Tape>().dot(&g_pre);
        let slopes = input.grad(&value.backward()).unwrap();
        let slopes = slopes.to_data().to_vec::<f64>().unwrap();

        for index in [3, 64, 200, 380] {
            let at = |step: f64| -> f64 {
                let mut values = pixels().to_vec::<f64>().unwrap();
                values[index] += step;
                let pixels = tensor(TensorData::new(values, [2, 3, 8, 8]));
                let gradient = gradient(&model, &subset, pixels);
                gradient.dot(&direction).into_scalar()
            };
            let difference = (at(1e-4) - at(-1e-4)) / 2e-4;
            close(slopes[index], difference, "a pixel");
        }
    }
}

#[test]
fn below_and_above_are_forward() {
    let (model, pixels) = (model(true), tensor::<Plain>(pixels()));
    let whole = model.forward(pixels.clone(), &ROPE);
    assert_eq!(whole.grid, [2, 2]);
    for split in 0..=2 {
        let tokens = model.below(pixels.clone(), &ROPE, split);
        let rest = model.above(tokens, whole.grid, &ROPE, split);
        assert_eq!(rest.patches.to_data(), whole.patches.to_data());
        assert_eq!(rest.cls.to_data(), whole.cls.to_data());
        assert_eq!(rest.registers.to_data(), whole.registers.to_data());
    }
}

#[test]
fn draws_stay_within_their_bounds_and_none_changes_nothing() {
    let config = VitConfig {
        pos_embed_shift: Some(0.25),
        pos_embed_jitter: Some(1.5),
        pos_embed_rescale: Some(2.0),
        ..VitConfig::tiny(8, 4)
    };
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut largest = [0.0f64; 2];
    for _ in 0..2000 {
        let RopeDraw { shift, scale } = RopeDraw::draw(&config, &mut rng);
        for axis in 0..2 {
            largest[0] = largest[0].max(shift[axis].abs());
            largest[1] = largest[1].max(scale[axis].ln().abs());
        }
        // What the axes share is the rescale; what they do not is two jitters.
        assert!((scale[0] / scale[1]).ln().abs() <= 2.0 * 1.5f64.ln() + 1e-12);
    }
    assert!(largest[0] <= 0.25 && largest[0] > 0.24, "{largest:?}");
    assert!(
        largest[1] <= 3f64.ln() + 1e-12 && largest[1] > 0.85 * 3f64.ln(),
        "{largest:?}"
    );
    let still = VitConfig {
        pos_embed_rescale: None,
        ..VitConfig::tiny(8, 4)
    };
    assert_eq!(RopeDraw::draw(&still, &mut rng), RopeDraw::none());
}
