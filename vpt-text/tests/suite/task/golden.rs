//! The loss, its gradients and the values of tokens against PyTorch in f64.

use super::fixture::{Flex, NdArray64, assert_close, constant, floats, ids, scalar, values};
use burn::backend::Autodiff;
use burn::tensor::{Int, Tensor, TensorData, backend::Backend};
use serde::Deserialize;
use std::path::Path;
use vpt_core::{LinearInTarget, NoParameters, PredictiveTask};
use vpt_text::decoder::DecoderInput;
use vpt_text::task::{Hidden, SoftTarget, SoftTargets, TargetRule, TextBatch, TextTask, text_task};

type Rows = Vec<Vec<f64>>;

#[derive(Deserialize)]
#[allow(non_snake_case, reason = "names of the script")]
struct Golden {
    h: Rows,
    W: Rows,
    w: Vec<f64>,
    y: Vec<i64>,
    alpha: Vec<f64>,
    candidates: Vec<Vec<i64>>,
    p: Rows,
    loss: f64,
    grad_h: Rows,
    grad_W: Rows,
    grad_alpha: Vec<f64>,
    grad_p: Rows,
    h_dot: Rows,
    W_dot: Rows,
    c_candidates: Rows,
    c_label: Vec<f64>,
    value: f64,
}

const N: usize = 6;
const K: usize = 3;

fn golden() -> Golden {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden");
    let text = std::fs::read_to_string(folder.join("loss.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn task() -> TextTask {
    // The rule plays no part: targets are given.
    text_task(SoftTargets {
        rule: TargetRule::OneHot,
        top_k: K,
    })
}

fn matrix<B: Backend>(rows: &Rows) -> Tensor<B, 2> {
    floats(rows.concat(), [rows.len(), rows[0].len()])
}

fn prediction<B: Backend>(golden: &Golden) -> Hidden<B> {
    let head = matrix(&golden.W);
    Hidden {
        hidden: matrix(&golden.h),
        embedding: head.clone(),
        head,
        head_learns: true,
        head_tracked: true,
        head_valued: true,
        entering: None,
    }
}

/// Only labels and weights are read by the loss.
fn views<B: Backend>(golden: &Golden) -> TextBatch<B> {
    let labels: Tensor<B, 1, Int> =
        Tensor::from_data(TensorData::new(golden.y.clone(), [N]), &Default::default());
    let input = DecoderInput::whole(labels.clone().reshape([1, N]));
    TextBatch {
        next: input.tokens.clone(),
        rows: labels.zeros_like(),
        input,
        labels,
        weights: floats(golden.w.clone(), [N]),
        dropout: None,
    }
}

/// q = (1 − α) δ_y + α p over slots.
fn target<B: Backend>(golden: &Golden, alpha: Tensor<B, 2>, p: Tensor<B, 2>) -> SoftTarget<B> {
    let slots = golden.y.iter().zip(&golden.candidates);
    let slots: Vec<i64> = slots
        .flat_map(|(y, candidates)| [&[*y], &candidates[..]].concat())
        .collect();
    let label = alpha.clone().neg().add_scalar(1.0);
    SoftTarget {
        ids: Tensor::from_data(TensorData::new(slots, [N, 1 + K]), &Default::default()),
        q: Tensor::cat(vec![label, p * alpha.clone()], 1),
        alpha,
        log_p: None,
        gate: None,
    }
}

fn given<B: Backend>(golden: &Golden) -> SoftTarget<B> {
    let alpha = floats(golden.alpha.clone(), [N, 1]);
    target(golden, alpha, matrix(&golden.p))
}

fn the_plain_loss_is_theirs<B: Backend>(tolerance: f64) {
    let golden = golden();
    let Hidden { hidden, head, .. } = prediction::<Autodiff<B>>(&golden);
    let (hidden, head) = (hidden.require_grad(), head.require_grad());
    let alpha = floats::<Autodiff<B>, 2>(golden.alpha.clone(), [N, 1]).require_grad();
    let p = matrix::<Autodiff<B>>(&golden.p).require_grad();
    let prediction = Hidden {
        hidden: hidden.clone(),
        embedding: head.clone(),
        head: head.clone(),
        head_learns: true,
        head_tracked: true,
        head_valued: true,
        entering: None,
    };
    let target = target(&golden, alpha.clone(), p.clone());
    let loss = task().loss(prediction, &target, &views(&golden)).total();
    let grads = loss.backward();
    assert_close(&[scalar(loss.inner())], &[golden.loss], tolerance);
    let close = |tensor: &Tensor<Autodiff<B>, 2>, expected: &[f64]| {
        assert_close(&values(tensor.grad(&grads).unwrap()), expected, tolerance);
    };
    close(&hidden, &golden.grad_h.concat());
    close(&head, &golden.grad_W.concat());
    close(&alpha, &golden.grad_alpha);
    // A distribution's sum cannot change: what all its candidates share is no slope.
    let across = |rows: Vec<f64>| -> Vec<f64> {
        let rows = rows.chunks(K);
        let centre = |row: &[f64]| {
            let mean = row.iter().sum::<f64>() / K as f64;
            row.iter().map(|x| x - mean).collect::<Vec<_>>()
        };
        rows.flat_map(centre).collect()
    };
    let found = across(values(p.grad(&grads).unwrap()));
    assert_close(&found, &across(golden.grad_p.concat()), tolerance);
}

#[test]
fn loss_and_gradients_are_those_of_pytorch() {
    the_plain_loss_is_theirs::<NdArray64>(1e-12);
    the_plain_loss_is_theirs::<Flex>(1e-5);
}

fn the_learners_loss_is_theirs<B: Backend>(tolerance: f64) {
    let golden = golden();
    let plain = prediction::<B>(&golden);
    let reference = task().reference(&NoParameters, plain.clone(), &views(&golden));
    assert_eq!(
        ids(&reference.ids.clone().narrow(1, 1, K)),
        golden.candidates.concat(),
        "the top K"
    );
    let hidden = Tensor::<Autodiff<B>, 2>::from_inner(plain.hidden).require_grad();
    let head = Tensor::<Autodiff<B>, 2>::from_inner(plain.head).require_grad();
    let prediction = Hidden {
        hidden: hidden.clone(),
        embedding: head.clone(),
        head: head.clone(),
        head_learns: true,
        head_tracked: true,
        head_valued: true,
        entering: None,
    };
    let target = constant(&given(&golden));
    let loss = task().learner_loss(prediction, &target, &views(&golden), reference.clone());
    assert_close(&[scalar(loss.value)], &[golden.loss], tolerance);
    let grads = loss.surrogate.backward();
    let close = |tensor: &Tensor<Autodiff<B>, 2>, expected: &Rows| {
        let found = values(tensor.grad(&grads).unwrap());
        assert_close(&found, &expected.concat(), tolerance);
    };
    close(&hidden, &golden.grad_h);
    close(&head, &golden.grad_W);
}

#[test]
fn the_single_pass_has_the_same_gradients() {
    the_learners_loss_is_theirs::<NdArray64>(1e-12);
    the_learners_loss_is_theirs::<Flex>(1e-5);
}

#[test]
fn values_of_tokens_are_those_of_pytorch() {
    type B = NdArray64;
    let golden = golden();
    let (plain, views) = (prediction::<B>(&golden), views(&golden));
    let reference = task().reference(&NoParameters, plain.clone(), &views);
    let (h_dot, w_dot) = (matrix(&golden.h_dot), matrix(&golden.W_dot));
    let coefficients = |step: f64| {
        let shifted = Hidden {
            hidden: plain.hidden.clone() + h_dot.clone().mul_scalar(step),
            head: plain.head.clone() + w_dot.clone().mul_scalar(step),
            embedding: plain.embedding.clone(),
            head_learns: true,
            head_tracked: true,
            head_valued: true,
            entering: None,
        };
        task().coefficients(shifted, &views, &reference)
    };
    let step = 1e-5;
    let c = (coefficients(step) - coefficients(-step)).div_scalar(2.0 * step);
    let expected = golden.c_label.iter().zip(&golden.c_candidates);
    let expected: Vec<f64> = expected
        .flat_map(|(label, candidates)| [&[*label], &candidates[..]].concat())
        .collect();
    assert_close(&values(c.clone()), &expected, 1e-8);

    let weights = task().target_weights(&given(&golden), &views);
    assert_close(&[scalar((weights * c).sum())], &[golden.value], 1e-8);
}
