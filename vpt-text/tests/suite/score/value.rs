//! Values of tokens against `tests/golden/value_reference.py`.

use crate::suite::decoder::fixture::{Flex, NdArray64, golden};
use burn::tensor::backend::Backend;
use serde::Deserialize;
use std::path::Path;
use vpt_core::ParamSubset;
use vpt_text::data::Document;
use vpt_text::decoder::layer_index;
use vpt_text::score::{
    DocumentValues, Valuation, ValueError, ValueTotals, feedback_gradient, token_values,
};

#[derive(Deserialize)]
struct Golden {
    checkpoint: String,
    subset: String,
    top_k: usize,
    alpha_max: f64,
    feedback: Vec<(Vec<u32>, Vec<u32>)>,
    documents: Vec<(Vec<u32>, Vec<u32>)>,
    slots: Vec<Vec<u32>>,
    log_p: Vec<Vec<f64>>,
    c: Vec<Vec<f64>>,
    oracle_hard: Vec<Vec<f64>>,
    oracle_soft: Vec<Vec<f64>>,
    feedback_loss: f64,
    g_down_norm: f64,
    sigma: f64,
    v_ntp: f64,
    v_oracle_hard: f64,
    v_oracle_soft: f64,
}

fn cases() -> Vec<Golden> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/value.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn documents(pairs: &[(Vec<u32>, Vec<u32>)]) -> Vec<Document> {
    let document = |(prompt, answer): &(Vec<u32>, Vec<u32>)| Document {
        prompt: prompt.clone(),
        answer: answer.clone(),
    };
    pairs.iter().map(document).collect()
}

fn in_subset(spec: &str, path: &str) -> bool {
    let last = |from| path == "norm.weight" || layer_index(path).is_some_and(|at| at >= from);
    match spec {
        "all" => true,
        "head" => path == "embed_tokens.weight",
        "last:1" => last(2),
        "last:2" => last(1),
        _ => panic!("{spec}"),
    }
}

/// ‖a − b‖ / ‖b‖.
fn relative(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
    norm(&mut a.iter().zip(b).map(|(a, b)| a - b)) / norm(&mut b.iter().copied())
}

fn values<B: Backend>(
    case: &Golden,
    batch_size: usize,
) -> (Vec<DocumentValues>, ValueTotals, [f64; 2]) {
    let learner = golden::<B>(&case.checkpoint);
    let subset = ParamSubset::matching(&learner, |path| in_subset(&case.subset, path));
    let feedback = documents(&case.feedback);
    let gradient = feedback_gradient(&learner, &subset, &feedback, batch_size).unwrap();
    assert_eq!(gradient.tokens, 13);
    let how = Valuation {
        top_k: case.top_k,
        alpha_max: case.alpha_max,
        batch_size,
    };
    let scored = documents(&case.documents);
    let along = &gradient.direction;
    let (found, totals) = token_values(&learner, &subset, along, &scored, &how).unwrap();
    (found, totals, [gradient.loss, along.norm()])
}

fn they_are_those_of_pytorch<B: Backend>(tolerance: f64) {
    for case in cases() {
        for batch_size in [1, 2, 8] {
            let (found, totals, feedback) = values::<B>(&case, batch_size);
            let lengths: Vec<usize> = found.iter().map(|d| d.values.len()).collect();
            assert_eq!(lengths, [6, 3, 5]);
            let all = |of: fn(&DocumentValues) -> &Vec<Vec<f64>>| -> Vec<f64> {
                found.iter().flat_map(|d| of(d).concat()).collect()
            };
            let slots: Vec<Vec<u32>> = found.iter().flat_map(|d| d.slots.clone()).collect();
            assert_eq!(slots, case.slots);
            for (what, found, expected) in [
                ("log p", all(|d| &d.log_p), &case.log_p),
                ("c", all(|d| &d.values), &case.c),
                ("hard", all(|d| &d.oracle_hard), &case.oracle_hard),
                ("soft", all(|d| &d.oracle_soft), &case.oracle_soft),
            ] {
                let error = relative(&found, &expected.concat());
                let name = format!("{} {}", case.checkpoint, case.subset);
                assert!(error < tolerance, "{name} {batch_size} {what}: {error:e}");
            }
            for (what, found, expected) in [
                ("L_down", feedback[0], case.feedback_loss),
                ("norm", feedback[1], case.g_down_norm),
                ("sigma", totals.sigma, case.sigma),
                ("ntp", totals.v_ntp, case.v_ntp),
                ("hard", totals.v_oracle_hard, case.v_oracle_hard),
                ("soft", totals.v_oracle_soft, case.v_oracle_soft),
            ] {
                // V is a mean of values of the size of sigma, which nearly cancel.
                let scale = expected.abs().max(case.sigma);
                let error = (found - expected).abs() / scale;
                assert!(error < tolerance, "{what}: {found} {expected}");
            }
            assert_eq!(totals.tokens, 14);
        }
    }
}

#[test]
fn values_are_those_of_pytorch_in_f64() {
    they_are_those_of_pytorch::<NdArray64>(1e-9);
}

#[test]
fn values_are_those_of_pytorch_in_f32() {
    they_are_those_of_pytorch::<Flex>(2e-4);
}

#[test]
fn nothing_to_value_is_said() {
    let learner = golden::<Flex>("llama");
    let subset = ParamSubset::all(&learner);
    let nothing = [Document {
        prompt: vec![],
        answer: vec![4],
    }];
    let refused = feedback_gradient(&learner, &subset, &nothing, 4);
    assert!(matches!(refused, Err(ValueError::Nothing)));
}
