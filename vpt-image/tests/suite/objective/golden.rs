//! Losses and heads against PyTorch's in f64: `tests/golden/make_vision_objective.py`.

use super::{F64, dino_learner, host, reconstruction_learner, relative_error, rng, tensor};
use crate::suite::golden_json;
use burn::backend::Autodiff;
use burn::tensor::{Tensor, TensorData};
use serde::Deserialize;
use std::collections::BTreeMap;
use vpt_core::{NoParameters, PredictiveLoss, PredictiveTask, import};
use vpt_image::objective::{
    Centring, CosineDistance, CropBatch, Crops, DinoHead, DinoHeadConfig, DinoLoss, DinoSettings,
    Drawn, LatentTarget, SelfDistillation, TargetForm, TeacherAnswer, patches, reconstruction,
    sinkhorn,
};
use vpt_image::vit::RopeDraw;

type Rows = Vec<Vec<f64>>;
type Images = Vec<Vec<Rows>>;
type Tape = Autodiff<F64>;

#[derive(Deserialize)]
struct Golden {
    dino: DinoGolden,
    sinkhorn: SinkhornGolden,
    heads: Vec<HeadGolden>,
    reconstruction: ReconstructionGolden,
    latent: LatentGolden,
}

#[derive(Deserialize)]
struct DinoGolden {
    student: Rows,
    teacher: Rows,
    centre: Rows,
    student_temperature: f64,
    teacher_temperature: f64,
    momentum: f64,
    loss: f64,
    gradient: Rows,
    new_centre: Rows,
}

#[derive(Deserialize)]
struct SinkhornGolden {
    logits: Rows,
    temperature: f64,
    iterations: usize,
    q: Rows,
}

#[derive(Deserialize)]
struct HeadGolden {
    batch_norm: bool,
    free_lengths: bool,
    parameters: BTreeMap<String, Parameter>,
    x: Rows,
    y: Rows,
    gradient: Rows,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Parameter {
    Vector(Vec<f64>),
    Matrix(Rows),
}

#[derive(Deserialize)]
struct ReconstructionGolden {
    side: usize,
    images: Images,
    prediction: Vec<Rows>,
    removed: Rows,
    hidden: f64,
    normalised: f64,
    mask: Images,
    soft: f64,
    mask_gradient: Images,
    gradient_norm: f64,
}

#[derive(Deserialize)]
struct LatentGolden {
    student: Rows,
    teacher: Rows,
    loss: f64,
}

fn golden() -> Golden {
    golden_json("objective.json")
}

fn values<const D: usize>(flat: Vec<f64>, shape: [usize; D]) -> Tensor<F64, D> {
    Tensor::from_data(TensorData::new(flat, shape), &Default::default())
}

fn matrix(rows: &Rows) -> Tensor<F64, 2> {
    values(rows.concat(), [rows.len(), rows[0].len()])
}

fn flat(images: &Images) -> Vec<f64> {
    images
        .iter()
        .flatten()
        .flatten()
        .flatten()
        .copied()
        .collect()
}

fn images(nested: &Images) -> Tensor<F64, 4> {
    let (first, rows) = (&nested[0], &nested[0][0]);
    let shape = [nested.len(), first.len(), rows.len(), rows[0].len()];
    values(flat(nested), shape)
}

/// Crops of which only the number matters.
fn counted(globals: usize, locals: usize, count: usize) -> CropBatch<F64> {
    let crops = |of: usize| {
        let pixels = tensor([of * count, 3, 1, 1], || 0.0);
        Crops::whole(pixels, RopeDraw::none())
    };
    CropBatch {
        global: crops(globals),
        local: Some(crops(locals)),
        weights: tensor([count], || 1.0 / count as f64),
        left_out: 0,
    }
}

fn near(found: f64, expected: f64) {
    let error = (found - expected).abs();
    assert!(error < 1e-9 * expected.abs().max(1.0), "{found} {expected}");
}

fn answer(teacher: &Tensor<F64, 2>) -> TeacherAnswer<F64> {
    TeacherAnswer {
        distributions: teacher.clone(),
        logit_sum: teacher.clone().sum_dim(0),
    }
}

fn with_momentum(momentum: f64) -> SelfDistillation {
    SelfDistillation::new(DinoSettings {
        centring: Centring::Ema { momentum },
        ..DinoSettings::default()
    })
}

#[test]
fn dino_is_pytorchs() {
    let golden = golden().dino;
    let (teacher, centre) = (matrix(&golden.teacher), matrix(&golden.centre));
    let target = with_momentum(golden.momentum);
    let temperature = values(vec![golden.teacher_temperature], [1]);
    let q = target.distributions(teacher.clone(), centre.clone(), temperature);

    let student = Tensor::<Tape, 2>::from_inner(matrix(&golden.student)).require_grad();
    let loss = DinoLoss::new(golden.student_temperature);
    let views: CropBatch<Tape> = vpt_core::lift(&counted(2, 2, 3));
    let loss = loss.loss(student.clone(), &Tensor::from_inner(q), &views);
    assert_eq!(loss.entries.dims(), [6 * 3]);
    let total = loss.total();
    near(host(total.clone())[0], golden.loss);
    let gradient = host(student.grad(&total.backward()).unwrap());
    assert!(relative_error(&gradient, &golden.gradient.concat()) < 1e-9);

    // One micro-batch, and the same rows in two.
    let expected = golden.new_centre.concat();
    let whole = target.recentred(centre.clone(), &[answer(&teacher)]);
    assert!(relative_error(&host(whole), &expected) < 1e-9);
    let parts = [(0, 2), (2, 4)].map(|(at, rows)| answer(&teacher.clone().narrow(0, at, rows)));
    let parted = target.recentred(centre, &parts);
    assert!(relative_error(&host(parted), &expected) < 1e-9);
}

/// One image, two global crops and a local one, from NumPy.
#[test]
fn dino_of_one_image() {
    let teacher = values(vec![0.2, 0.1, 0.0, 0.0, 0.3, 0.1], [2, 3]);
    let student = vec![0.1, 0.0, 0.05, 0.0, 0.2, 0.1, 0.1, 0.1, 0.0];
    let centre = values(vec![0.05, 0.0, -0.05], [1, 3]);
    let target = with_momentum(0.9);
    let q = target.distributions(teacher.clone(), centre.clone(), values(vec![0.04], [1]));
    let loss = DinoLoss::new(0.1).loss(values(student, [3, 3]), &q, &counted(2, 1, 1));
    assert!((host(loss.total())[0] - 1.351128).abs() < 5e-7);
    let centre = host(target.recentred(centre, &[answer(&teacher)]));
    assert!(relative_error(&centre, &[0.055, 0.02, -0.04]) < 1e-12);
}

#[test]
fn sinkhorn_is_dinov2s() {
    let golden = golden().sinkhorn;
    let temperature = values(vec![golden.temperature], [1]);
    let q = sinkhorn(
        matrix(&golden.logits),
        temperature.clone(),
        golden.iterations,
    );
    assert!(relative_error(&host(q), &golden.q.concat()) < 1e-9);

    // In the end all prototypes have the same share.
    let q = sinkhorn(matrix(&golden.logits), temperature.clone(), 200);
    for share in host(q.sum_dim(0)) {
        assert!((share - 6.0 / 7.0).abs() < 1e-6, "{share}");
    }
    // Here exp(logits) would have overflowed.
    let q = sinkhorn(matrix(&golden.logits).mul_scalar(300.0), temperature, 3);
    for sum in host(q.sum_dim(1)) {
        assert!((sum - 1.0).abs() < 1e-9);
    }
}

#[test]
fn heads_are_pytorchs() {
    for golden in golden().heads {
        let config = DinoHeadConfig {
            hidden: 6,
            bottleneck: 4,
            output: 7,
            batch_norm: golden.batch_norm,
            norm_last_layer: !golden.free_lengths,
        };
        let head = DinoHead::<F64>::init(5, &config, &mut rng(0), &Default::default());
        let parameters = golden.parameters.into_iter();
        let parameters = parameters.map(|(path, values)| {
            let data = match values {
                Parameter::Vector(values) => TensorData::new(values.clone(), [values.len()]),
                Parameter::Matrix(rows) => {
                    TensorData::new(rows.concat(), [rows.len(), rows[0].len()])
                }
            };
            (path, data)
        });
        let head: DinoHead<F64> = import(head, parameters.collect()).unwrap();
        let head: DinoHead<Tape> = vpt_core::lift(&head);
        let x = Tensor::<Tape, 2>::from_inner(matrix(&golden.x)).require_grad();
        let y = head.forward(x.clone());
        assert!(relative_error(&host(y.clone()), &golden.y.concat()) < 1e-9);
        let gradient = x.grad(&(y.clone() * y).sum().backward()).unwrap();
        assert!(relative_error(&host(gradient), &golden.gradient.concat()) < 1e-8);
    }
}

/// As DINO begins: unit prototypes, logits that are cosines.
#[test]
fn fresh_heads_give_cosines() {
    let head = dino_learner::<F64>(3).head;
    let y = host(head.forward(tensor([4, 16], || 0.3)));
    assert!(y.iter().all(|y| y.abs() <= 1.0) && y.iter().any(|y| y.abs() > 1e-3));
}

#[test]
fn reconstruction_is_mae() {
    let golden = golden().reconstruction;
    let pixels = images(&golden.images);
    let shape = [2, 6, 48];
    let prediction: Vec<f64> = golden
        .prediction
        .iter()
        .flatten()
        .flatten()
        .copied()
        .collect();
    // Shown where not removed, at pixel resolution: 2 × 3 patches of 4.
    let mut index = 0;
    let mask: Tensor<F64, 4> = tensor([2, 1, 8, 12], || {
        let (image, y, x) = (index / 96, index / 12 % 8 / 4, index % 12 / 4);
        index += 1;
        1.0 - golden.removed[image][y * 3 + x]
    });
    let views = CropBatch {
        global: Crops::whole(pixels.clone(), RopeDraw::none()).masked(mask),
        local: None,
        weights: tensor([2], || 0.5),
        left_out: 0,
    };
    for (form, expected) in [
        (TargetForm::Hidden { normalised: false }, golden.hidden),
        (TargetForm::Hidden { normalised: true }, golden.normalised),
    ] {
        let task = reconstruction(Drawn, form, golden.side);
        let designer = (NoParameters, NoParameters);
        let target = task.target(&designer, &views, &NoParameters);
        let prediction = values(prediction.clone(), shape);
        near(
            host(task.loss(prediction, &target, &views).total())[0],
            expected,
        );
    }

    let mask = Tensor::<Tape, 4>::from_inner(images(&golden.mask)).require_grad();
    let views: CropBatch<Tape> = CropBatch {
        global: Crops::whole(Tensor::from_inner(pixels), RopeDraw::none()).masked(mask.clone()),
        local: None,
        weights: Tensor::from_inner(tensor([2], || 0.5)),
        left_out: 0,
    };
    let task = reconstruction(Drawn, TargetForm::Soft, golden.side);
    let target = task.unshaped_target(&views, &NoParameters);
    let prediction = Tensor::<Tape, 3>::from_inner(values(prediction, shape)).require_grad();
    let loss = task.loss(prediction.clone(), &target, &views).total();
    near(host(loss.clone())[0], golden.soft);
    let gradients = loss.backward();
    let found = host(mask.grad(&gradients).unwrap());
    assert!(relative_error(&found, &flat(&golden.mask_gradient)) < 1e-9);
    let norm: f64 = host(prediction.grad(&gradients).unwrap())
        .iter()
        .map(|g| g * g)
        .sum();
    near(norm.sqrt(), golden.gradient_norm);
}

/// One patch by its own mean and deviation, from NumPy.
#[test]
fn patches_are_normalised_by_the_sample_variance() {
    let pixels = values([0.1, 0.4, 0.2, 0.9].repeat(3), [1, 3, 2, 2]);
    let by_pixel = host(patches(pixels.clone(), 2));
    assert_eq!(by_pixel[..4], [0.1, 0.1, 0.1, 0.4]);
    let views = CropBatch {
        global: Crops::whole(pixels, RopeDraw::none()),
        local: None,
        weights: tensor([1], || 1.0),
        left_out: 0,
    };
    let task = reconstruction(Drawn, TargetForm::Hidden { normalised: true }, 2);
    let target = host(task.unshaped_target(&views, &NoParameters));
    // Four values, each three times: 3 · 4 / (12 − 1) in place of 4 / (4 − 1).
    let factor = (11.0_f64 / 9.0).sqrt();
    let expected = [-0.842924, 0.0, -0.561949, 1.404873].map(|t| t * factor);
    for (patch, expected) in target.chunks(3).zip(expected) {
        assert!((patch[0] - expected).abs() < 1e-4, "{patch:?} {expected}");
    }
}

#[test]
fn latent_regression_is_one_minus_the_cosine() {
    let golden = golden().latent;
    let teacher = matrix(&golden.teacher);
    let lengths = (teacher.clone() * teacher.clone()).sum_dim(1).sqrt();
    let loss = PredictiveLoss::<_, LatentTarget>::loss(
        &CosineDistance,
        matrix(&golden.student),
        &(teacher / lengths),
        &counted(2, 2, 3),
    );
    near(host(loss.total())[0], golden.loss);
}

/// The masks of a batch say what counts: nothing where nothing is hidden.
#[test]
fn what_is_shown_is_not_asked_for() {
    let learner = reconstruction_learner::<F64>(3);
    let views = counted(2, 0, 1);
    let views = CropBatch {
        global: Crops::whole(tensor([2, 3, 8, 8], || 0.7), views.global.rope),
        local: None,
        ..views
    };
    let task = reconstruction(Drawn, TargetForm::Hidden { normalised: false }, 4);
    let prediction = task.predict(&learner, &views);
    let target = task.unshaped_target(&views, &NoParameters);
    assert_eq!(host(task.loss(prediction, &target, &views).total()), [0.0]);
}
