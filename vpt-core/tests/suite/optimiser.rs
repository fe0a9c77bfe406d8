//! AdamW against PyTorch, clipping against its definition, and rates over time.

use super::toy::{F32, F64, config, downstream, host, relative_error, trainer};
use burn::backend::Autodiff;
use burn::module::{Module, Param};
use burn::tensor::{Tensor, TensorData, backend::Backend};
use serde::Deserialize;
use vpt_core::{
    AdamW, Cadence, Clip, CosineSchedule, GradVector, Nested, TrainerConfig, UpdateGradient,
    trainable,
};

/// `tests/golden/adamw.json`: `torch.optim.AdamW` after `clip_grad_norm_`.
#[derive(Deserialize)]
struct Golden {
    betas: [f64; 2],
    eps: f64,
    weight_decay: f64,
    max_norm: f64,
    initial: Vec<f64>,
    learning_rates: Vec<f64>,
    grads: Vec<Vec<f64>>,
    norms: Vec<f64>,
    clipped_grads: Vec<Vec<f64>>,
    parameters: Vec<Vec<f64>>,
}

fn golden() -> Golden {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/adamw.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A matrix and a vector of two entries each beside a matrix of four.
#[derive(Module, Debug)]
struct Weights<B: Backend> {
    matrix: Param<Tensor<B, 2>>,
    vector: Param<Tensor<B, 1>>,
}

impl<B: Backend> Weights<B> {
    fn new(matrix: &[f64], vector: &[f64]) -> Self {
        let matrix = TensorData::new(matrix.to_vec(), [2, matrix.len() / 2]);
        Self {
            matrix: Param::from_data(matrix, &Default::default()),
            vector: Param::from_data(TensorData::from(vector), &Default::default()),
        }
    }
}

/// An update gradient is a backward pass's alone, so the wanted one is the gradient of ⟨g, θ⟩.
fn gradient<B: Backend>(at: &Weights<B>, wanted: &Weights<B>) -> UpdateGradient<B> {
    let at: Weights<Autodiff<B>> = trainable(at);
    let lift = |tensor: Tensor<B, 2>| Tensor::from_inner(tensor);
    let matrix = (at.matrix.val() * lift(wanted.matrix.val())).sum();
    let vector = (at.vector.val() * Tensor::from_inner(wanted.vector.val())).sum();
    UpdateGradient::backward(matrix + vector, &at)
}

/// The rule as its paper prints it, on the host in f64.
fn adamw(golden: &Golden, decay: f64) -> Vec<Vec<f64>> {
    let [beta_1, beta_2] = golden.betas;
    let mut theta = golden.initial.clone();
    let (mut m, mut v) = (vec![0.0; theta.len()], vec![0.0; theta.len()]);
    let mut path = vec![];
    let steps = golden.clipped_grads.iter().zip(&golden.learning_rates);
    for (time, (gradient, rate)) in (1..).zip(steps) {
        for i in 0..theta.len() {
            m[i] = beta_1 * m[i] + (1.0 - beta_1) * gradient[i];
            v[i] = beta_2 * v[i] + (1.0 - beta_2) * gradient[i].powi(2);
            let m_hat = m[i] / (1.0 - beta_1.powi(time));
            let v_hat = v[i] / (1.0 - beta_2.powi(time));
            theta[i] -= rate * (decay * theta[i] + m_hat / (v_hat.sqrt() + golden.eps));
        }
        path.push(theta.clone());
    }
    path
}

/// Matrices decay as PyTorch's do, vectors not at all.
#[test]
fn adamw_is_pytorchs() {
    fn law<B: Backend>(tolerance: f64) {
        let golden = golden();
        let [beta_1, beta_2] = golden.betas;
        let undecayed = adamw(&golden, 0.0);
        let mut optimiser = AdamW::<B>::new(beta_1, beta_2, golden.eps, golden.weight_decay);
        let mut weights = Weights::new(&golden.initial, &golden.initial);
        for (step, clipped) in golden.clipped_grads.iter().enumerate() {
            let gradient = gradient(&weights, &Weights::new(clipped, clipped));
            let (rate, before) = (golden.learning_rates[step], weights.clone());
            // In place and not; whoever holds the weights of before still does.
            match step % 2 {
                0 => optimiser.update(rate, &mut weights, &gradient),
                _ => weights = optimiser.step(rate, weights, &gradient),
            }
            let start = match step {
                0 => &golden.initial,
                _ => &golden.parameters[step - 1],
            };
            assert!(relative_error(&host(before.matrix.val()), start) < tolerance);
            for (found, expected) in [
                (host(weights.matrix.val()), &golden.parameters[step]),
                (host(weights.vector.val()), &undecayed[step]),
            ] {
                let error = relative_error(&found, expected);
                assert!(error < tolerance, "step {step}: {found:?} {expected:?}");
            }
        }
    }
    // The oracle of the vectors is itself held against PyTorch.
    let golden = golden();
    let decayed = adamw(&golden, golden.weight_decay);
    for (found, expected) in decayed.iter().zip(&golden.parameters) {
        assert!(relative_error(found, expected) < 1e-12);
    }
    // Burn keeps β in f32 on every backend, and 1 − 0.95 loses a digit there.
    law::<F64>(1e-8);
    law::<F32>(3e-7);
}

/// One norm over all tensors, PyTorch's factor.
#[test]
fn clipping_is_by_the_global_norm() {
    let golden = golden();
    for (step, raw) in golden.grads.iter().enumerate() {
        // The golden gradient of four, split over two tensors.
        let wanted = Weights::<F64>::new(&raw[..2], &raw[2..]);
        let (clipped, norm) = gradient(&wanted, &wanted).clipped(Clip::Global(golden.max_norm));
        assert!((norm - golden.norms[step]).abs() < 1e-12);
        let found = clipped.as_vector().to_vec();
        assert!(relative_error(&found, &golden.clipped_grads[step]) < 1e-12);

        let (measured, _) = gradient(&wanted, &wanted).clipped(Clip::Off);
        assert_eq!(measured.as_vector().to_vec(), *raw);
    }
}

/// PyTorch's factor for each tensor by its own norm; one that is short enough stays to the bit.
#[test]
fn clipping_by_tensor_leaves_short_ones_alone() {
    let wanted = Weights::<F64>::new(&[3.0, 4.0], &[0.3, 0.4]);
    let (clipped, norm) = gradient(&wanted, &wanted).clipped(Clip::PerTensor(1.0));
    assert!((norm - 25.25_f64.sqrt()).abs() < 1e-12);
    let factor = 1.0 / (5.0 + 1e-6);
    let expected = [3.0 * factor, 4.0 * factor, 0.3, 0.4];
    assert!(relative_error(&clipped.as_vector().to_vec(), &expected) < 1e-12);
    assert_eq!(clipped.as_vector().to_vec()[2..], [0.3, 0.4]);
}

/// The first AdamW step moves every entry by the rate itself, and what the trainer reports as its
/// rate is the schedule's.
#[test]
fn the_trainer_follows_the_schedule() {
    let schedule = CosineSchedule {
        peak: 0.01,
        min_ratio: 0.2,
        warmup: 2,
        steps: 6,
    };
    let config = TrainerConfig {
        cadence: Cadence::never(),
        schedule,
        ..config()
    };
    let mut trainer = trainer::<F64, _, _>(3, downstream(9), Nested, config);
    let before = GradVector::of(&trainer.learner, &trainer.subset).to_vec();
    let first = trainer.step().unwrap();
    let after = GradVector::of(&trainer.learner, &trainer.subset).to_vec();
    for (before, after) in before.iter().zip(&after) {
        assert!(((before - after).abs() - first.rate).abs() < 1e-6);
    }
    let mut rates = vec![first.rate];
    rates.extend((0..5).map(|_| trainer.step().unwrap().rate));
    // Half a cosine over four steps: (1 + cos(kπ/4)) / 2.
    let root = 0.5_f64.sqrt();
    let shares = [0.0, 0.0, 1.0, (1.0 + root) / 2.0, 0.5, (1.0 - root) / 2.0];
    let mut expected = shares.map(|share| 0.01 * (0.2 + 0.8 * share));
    (expected[0], expected[1]) = (0.005, 0.01);
    assert!(relative_error(&rates, &expected) < 1e-12, "{rates:?}");
}
