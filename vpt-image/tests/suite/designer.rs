//! Masks: where they begin, what they depend on, and their derivatives.

use burn::backend::{Autodiff, Flex, NdArray};
use burn::module::AutodiffModule;
use burn::tensor::{Tensor, TensorData, backend::Backend};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use vpt_core::{GradVector, ParamSubset, lift, trainable};
use vpt_image::designer::{
    Architecture, MaskDesigner, MaskPenalty, SitConfig, UNetConfig, kept_share, total_variation,
};

/// f64. Nothing here may make a tensor on `NdArray<f32>` before one on this.
type F64 = NdArray<f64>;

pub(crate) const TINY_UNET: Architecture = Architecture::UNet(UNetConfig { base: 4, depth: 2 });
pub(crate) const TINY_SIT: Architecture = Architecture::Sit(SitConfig {
    patch: 4,
    width: 8,
    layers: 2,
    heads: 2,
});

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn images<B: Backend>(seed: u64, shape: [usize; 4]) -> Tensor<B, 4> {
    let mut rng = rng(seed);
    let length = shape.iter().product();
    let values: Vec<f64> = (0..length).map(|_| rng.random_range(-2.0..2.0)).collect();
    Tensor::from_data(TensorData::new(values, shape), &Default::default())
}

fn designer<B: Backend>(architecture: Architecture, seed: u64) -> MaskDesigner<B> {
    architecture.check(&[8]).unwrap();
    MaskDesigner::init(architecture, 0.5, &mut rng(seed), &Default::default())
}

/// φ away from where it begins, so that every parameter moves the mask.
fn moved(architecture: Architecture) -> MaskDesigner<F64> {
    let start: MaskDesigner<F64> = designer(architecture, 1);
    let mut rng = rng(2);
    let push = GradVector::generate(&start, &ParamSubset::all(&start), |length| {
        (0..length).map(|_| rng.random_range(-0.5..0.5)).collect()
    });
    push.shift(start, 1.0)
}

fn host<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Vec<f64> {
    tensor.into_data().iter().collect()
}

fn close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < tolerance, "{found} {expected}");
    }
}

/// ‖a − b‖ / ‖b‖ of slopes along a few random directions.
fn relative_error(a: &[f64], b: &[f64]) -> f64 {
    let apart: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
    (apart / b.iter().map(|b| b * b).sum::<f64>()).sqrt()
}

/// The slopes of `objective` along random directions in φ: by `gradient`, and by differences.
fn slopes(
    designer: &MaskDesigner<F64>,
    gradient: &GradVector<F64>,
    objective: impl Fn(&MaskDesigner<F64>) -> f64,
) -> (Vec<f64>, Vec<f64>) {
    const STEP: f64 = 1e-5;
    let mut rng = rng(3);
    let along = |_| {
        let axis = GradVector::generate(designer, &ParamSubset::all(designer), |length| {
            (0..length).map(|_| rng.random_range(-1.0..1.0)).collect()
        });
        let at = |step: f64| objective(&axis.shift(designer.clone(), step));
        let measured = (at(STEP) - at(-STEP)) / (2.0 * STEP);
        (host(gradient.dot(&axis))[0], measured)
    };
    (0..6).map(along).unzip()
}

#[test]
fn masks_begin_near_the_wanted_keep_ratio() {
    let x = images::<Flex>(5, [3, 3, 48, 48]);
    for architecture in [
        Architecture::UNet(UNetConfig::default()),
        Architecture::Sit(SitConfig::default()),
        TINY_UNET,
        TINY_SIT,
    ] {
        for keep in [0.4, 0.5, 0.6, 0.7] {
            let designer =
                MaskDesigner::<Flex>::init(architecture, keep, &mut rng(7), &Default::default());
            let mask = designer.mask(x.clone());
            assert_eq!(mask.dims(), [3, 1, 48, 48]);
            let values = host(mask.clone());
            assert!(values.iter().all(|value| (0.0..=1.0).contains(value)));
            for share in host(kept_share(&mask)) {
                assert!((share - keep).abs() < 0.03, "{architecture:?}: {share}");
            }
            // It is no constant: where the logits are flat, nothing of the trunk learns.
            let spread = values.iter().map(|value| (value - keep).abs());
            assert!(spread.fold(0.0, f64::max) > 1e-3, "{architecture:?}");
        }
    }
}

/// The same parameters serve any size of crop, and no image sees another.
#[test]
fn a_mask_is_of_its_image_alone() {
    for architecture in [TINY_UNET, TINY_SIT] {
        let designer = moved(architecture);
        let x = images::<F64>(6, [3, 3, 8, 12]);
        let together = host(designer.mask(x.clone()).narrow(0, 1, 1));
        close(&together, &host(designer.mask(x.narrow(0, 1, 1))), 1e-12);
    }
}

/// By the pixels, and by where they are: the transformer would otherwise not know a shifted image.
#[test]
fn masks_depend_on_the_image_and_on_the_place() {
    for architecture in [TINY_UNET, TINY_SIT] {
        let designer = moved(architecture);
        let [a, b] = [6, 7].map(|seed| host(designer.mask(images(seed, [1, 3, 8, 8]))));
        assert!(relative_error(&a, &b) > 1e-2, "{architecture:?}");
        let flat = host(designer.mask(Tensor::ones([1, 3, 16, 16], &Default::default())));
        assert!(flat.iter().any(|value| (value - flat[0]).abs() > 1e-3));
    }
}

#[test]
fn the_transformer_has_one_value_a_patch() {
    let mask = host(moved(TINY_SIT).mask(images(6, [1, 3, 8, 12])));
    for (at, value) in mask.iter().enumerate() {
        let (y, x) = (at / 12, at % 12);
        assert_eq!(*value, mask[y / 4 * 4 * 12 + x / 4 * 4]);
    }
}

/// A functional of the masked image and of the penalties, by autodiff and by differences.
#[test]
fn first_derivatives_are_those_of_the_mask() {
    let penalty = MaskPenalty {
        keep: 0.6,
        sparsity: 0.7,
        tv: 0.3,
    };
    let (x, c) = (
        images::<F64>(8, [2, 3, 8, 8]),
        images::<F64>(9, [2, 3, 8, 8]),
    );
    fn objective<B: Backend>(
        designer: &MaskDesigner<B>,
        penalty: &MaskPenalty,
        x: Tensor<B, 4>,
        c: Tensor<B, 4>,
    ) -> Tensor<B, 1> {
        let mask = designer.mask(x.clone());
        let penalties = penalty.of_each(&mask);
        (x * mask * c).sum() + penalties.sum()
    }
    for architecture in [TINY_UNET, TINY_SIT] {
        let designer = moved(architecture);
        let tracked: MaskDesigner<Autodiff<F64>> = trainable(&designer);
        let up = |x: &Tensor<F64, 4>| Tensor::from_inner(x.clone());
        let loss = objective(&tracked, &penalty, up(&x), up(&c));
        let all = ParamSubset::all(&tracked);
        let gradient = GradVector::take(&mut loss.backward(), &tracked, &all);
        let (found, measured) = slopes(&designer, &gradient, |designer| {
            host(objective(designer, &penalty, x.clone(), c.clone()))[0]
        });
        let error = relative_error(&found, &measured);
        assert!(error < 1e-7, "{architecture:?}: {error:e}");
    }
}

/// ∇_φ ⟨c, ∂(Σ m³)/∂x⟩: a second derivative through the designer, with φ on the inner tape and x on
/// the outer one.
#[test]
fn second_derivatives_are_those_of_the_first() {
    type Inner = Autodiff<F64>;
    let (x, c) = (
        images::<F64>(8, [2, 3, 8, 8]),
        images::<F64>(9, [2, 3, 8, 8]),
    );
    /// On `D`, differentiated once in x.
    fn slope<D: burn::tensor::backend::AutodiffBackend>(
        designer: MaskDesigner<D>,
        x: Tensor<D::InnerBackend, 4>,
        c: Tensor<D::InnerBackend, 4>,
    ) -> Tensor<D::InnerBackend, 1> {
        let x = Tensor::<D, 4>::from_inner(x).require_grad();
        let grads = designer.mask(x.clone()).powi_scalar(3).sum().backward();
        (x.grad(&grads).unwrap() * c).sum()
    }
    for architecture in [TINY_UNET, TINY_SIT] {
        let designer = moved(architecture);
        let tracked: MaskDesigner<Inner> = trainable(&designer);
        let outer: MaskDesigner<Autodiff<Inner>> = lift(&tracked);
        let up = |x: &Tensor<F64, 4>| Tensor::<Inner, 4>::from_inner(x.clone());
        let value = slope(outer, up(&x), up(&c));
        let all = ParamSubset::all(&tracked);
        let gradient = GradVector::take(&mut value.backward(), &tracked, &all);
        let (found, measured) = slopes(&designer, &gradient, |designer| {
            let designer = MaskDesigner::<Inner>::from_inner(designer.clone());
            host(slope(designer, x.clone(), c.clone()))[0]
        });
        let error = relative_error(&found, &measured);
        assert!(error < 1e-6, "{architecture:?}: {error:e}");
    }
}

#[test]
fn the_penalties_are_those_of_the_formulas() {
    let mask = |values: Vec<f64>| -> Tensor<F64, 4> {
        Tensor::from_data(TensorData::new(values, [2, 1, 2, 3]), &Default::default())
    };
    // A constant, and a board of 0 and 1: 3 steps of 1 down, 4 across.
    let both = mask([[0.4; 6], [1.0, 0.0, 1.0, 0.0, 1.0, 0.0]].concat());
    close(&host(kept_share(&both)), &[0.4, 0.5], 1e-12);
    close(&host(total_variation(&both)), &[0.0, 2.0], 1e-12);
    // Across [0, .5, 1] in both rows: 4 steps of .5 on average .5; down: none.
    let ramp = mask([[0.0, 0.5, 1.0], [0.0, 0.5, 1.0]].concat().repeat(2));
    close(&host(total_variation(&ramp)), &[0.5, 0.5], 1e-12);
    let penalty = MaskPenalty {
        keep: 0.7,
        sparsity: 2.0,
        tv: 0.25,
    };
    let expected = [2.0 * 0.09, 2.0 * 0.04 + 0.5];
    close(&host(penalty.of_each(&both)), &expected, 1e-12);
    let line = Tensor::<F64, 4>::ones([1, 1, 1, 1], &Default::default());
    close(&host(total_variation(&line)), &[0.0], 1e-12);
}

/// Far from 0 a logistic function by exp has a slope that is no number.
#[test]
fn extreme_logits_have_finite_slopes() {
    let start: MaskDesigner<Flex> = designer(TINY_UNET, 1);
    let all = ParamSubset::all(&start);
    for scale in [1e4, -1e4] {
        let push = GradVector::generate(&start, &all, |length| vec![1.0; length]);
        let tracked: MaskDesigner<Autodiff<Flex>> = trainable(&push.shift(start.clone(), scale));
        let mask = tracked.mask(images(3, [1, 3, 8, 8]));
        let gradient = GradVector::take(&mut mask.sum().backward(), &tracked, &all);
        assert!(gradient.norm().is_finite());
    }
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let refused = |architecture: Architecture, side| {
        let error = architecture.check(&[64, side]).unwrap_err();
        error.to_string()
    };
    let unet = |base, depth| Architecture::UNet(UNetConfig { base, depth });
    let sit = |width, heads| {
        Architecture::Sit(SitConfig {
            width,
            heads,
            ..SitConfig::default()
        })
    };
    assert_eq!(
        refused(unet(16, 3), 20),
        "size: 20 is not a multiple of 8, as the designer of masks needs it"
    );
    assert_eq!(
        refused(unet(6, 3), 32),
        "base: 6 is not a multiple of 4 up to 256"
    );
    assert_eq!(refused(unet(16, 9), 32), "depth: 9 is not 0 to 6");
    assert_eq!(
        refused(sit(100, 3), 32),
        "width: 100 is not a multiple of 4 and of 3 heads up to 8192"
    );
    assert_eq!(refused(sit(128, 0), 32), "heads: 0 is not 1 to 64");
    for side in [48, 96, 224] {
        assert_eq!(Architecture::default().check(&[side]), Ok(()));
        assert_eq!(
            Architecture::Sit(SitConfig::default()).check(&[side]),
            Ok(())
        );
    }
    let penalty = MaskPenalty {
        tv: -1.0,
        ..MaskPenalty::default()
    };
    assert_eq!(
        penalty.check().unwrap_err().to_string(),
        "tv: -1 is not finite and at least 0"
    );
}

/// As a config file has them; what is left out is the default.
#[test]
fn settings_are_read_by_name() {
    let read = |text: &str| serde_json::from_str::<Architecture>(text).map_err(|e| e.to_string());
    let unet = UNetConfig { base: 8, depth: 3 };
    assert_eq!(
        read(r#"{"kind": "unet", "base": 8}"#),
        Ok(Architecture::UNet(unet))
    );
    let sit = SitConfig {
        layers: 2,
        ..SitConfig::default()
    };
    assert_eq!(
        read(r#"{"kind": "sit", "layers": 2}"#),
        Ok(Architecture::Sit(sit))
    );
    let error = read(r#"{"kind": "unet", "patch": 8}"#).unwrap_err();
    assert!(error.contains("unknown field `patch`"), "{error}");
}
