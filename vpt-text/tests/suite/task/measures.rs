//! Figures of the log against closed forms.

use super::fixture::{Flex, NdArray64, PAPER, STABILISED, Setting, TOP_K, floats, scalar, values};
use burn::tensor::{Tensor, TensorData};
use std::collections::BTreeMap;
use vpt_core::PredictiveTask;
use vpt_text::task::{Candidates, SoftTargets, TargetRule, text_task};

type B = NdArray64;

fn measured(setting: &Setting<B>, reference: &Candidates<B>) -> BTreeMap<&'static str, f64> {
    let target = setting.target(reference);
    let found = setting.task.measures(&target, &setting.batch, reference);
    found.into_iter().collect()
}

/// The batch's positions with the candidates 0 to 3, equally likely; every label is `label`.
fn alike(setting: &Setting<B>, label: i64) -> Candidates<B> {
    let mut reference = setting.reference();
    let [n, slots] = reference.ids.dims();
    let ids = (0..n).flat_map(|_| [label, 0, 1, 2, 3]).collect::<Vec<_>>();
    reference.ids = Tensor::from_data(TensorData::new(ids, [n, slots]), &Default::default());
    reference.log_p = floats(vec![-2.0; n * slots], [n, slots]);
    reference
}

fn entropy(q: &[f64]) -> f64 {
    -q.iter()
        .filter(|q| **q > 0.0)
        .map(|q| q * q.ln())
        .sum::<f64>()
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} {expected}");
}

#[test]
fn alpha_entropy_and_label_loss() {
    for alpha in [0.0, 0.3, 1.0] {
        let setting = Setting::<B>::new(TargetRule::Uniform { alpha }, true);
        let (rest, each) = (1.0 - alpha, alpha / TOP_K as f64);
        let outside = measured(&setting, &alike(&setting, 9));
        close(outside["alpha"], alpha);
        close(outside["entropy"], entropy(&[rest, each, each, each, each]));
        close(outside["label_loss"], 2.0);
        // A label among the candidates is one token with two slots.
        let inside = measured(&setting, &alike(&setting, 2));
        close(inside["entropy"], entropy(&[rest + each, each, each, each]));
    }
}

#[test]
fn the_learners_own_distribution_has_no_divergence() {
    let own = |temperature| {
        let rule = TargetRule::SelfDistillation {
            alpha: 0.5,
            temperature,
        };
        let setting = Setting::<B>::new(rule, true);
        measured(&setting, &setting.reference())["kl"]
    };
    assert!(own(1.0).abs() < 1e-12);
    assert!(own(0.5) > 1e-3);
    // Two candidates of (1/4, 3/4) and T = 1/2, (1/10, 9/10): by hand.
    let setting = Setting::<B>::new(
        TargetRule::SelfDistillation {
            alpha: 0.5,
            temperature: 0.5,
        },
        true,
    );
    let mut reference = setting.reference();
    let n = reference.ids.dims()[0];
    reference.ids = reference.ids.narrow(1, 0, 3);
    let row = [0.5f64.ln(), 0.1f64.ln(), 0.3f64.ln()];
    reference.log_p = floats(row.repeat(n), [n, 3]);
    let expected = 0.1 * (0.1f64 / 0.25).ln() + 0.9 * (0.9f64 / 0.75).ln();
    close(measured(&setting, &reference)["kl"], expected);
}

#[test]
fn values_are_those_of_the_label_the_target_and_the_best_candidate() {
    let setting = Setting::<B>::new(TargetRule::Uniform { alpha: 0.4 }, true);
    let mut reference = alike(&setting, 9);
    let n = reference.ids.dims()[0];
    reference.values = Some(floats([1.0, 0.0, 3.0, -1.0, 2.0].repeat(n), [n, 5]));
    let found = measured(&setting, &reference);
    close(found["value_ntp"], 1.0);
    close(found["value_target"], 0.6 + 0.1 * 4.0);
    close(found["oracle_gain_at_one"], 2.0);
    // A label that is worth most leaves nothing to gain.
    reference.values = Some(floats([4.0, 0.0, 3.0, -1.0, 2.0].repeat(n), [n, 5]));
    close(measured(&setting, &reference)["oracle_gain_at_one"], 0.0);
}

#[test]
fn the_stabilised_form_pays_for_divergence_and_for_wide_gates() {
    let setting = Setting::<B>::new(STABILISED, true);
    let reference = setting.reference();
    let target = setting.target(&reference);
    let of = |setting: &Setting<B>| {
        let regulariser = setting
            .task
            .regulariser(&target, &setting.batch, &reference);
        regulariser.map(scalar)
    };
    let gates = values(target.gate.clone().unwrap());
    let wide = gates.iter().map(|z| z * z).sum::<f64>() / gates.len() as f64;
    let expected = 0.2 * measured(&setting, &reference)["kl"] + 0.02 * wide;
    close(of(&setting).unwrap(), expected);
    assert_eq!(of(&Setting::new(PAPER, true)), None);
}

#[test]
fn what_a_method_does_not_have_is_not_reported() {
    let names = |rule, top_k| {
        let mut setting = Setting::<Flex>::new(rule, true);
        setting.task = text_task(SoftTargets { rule, top_k });
        let reference = setting.reference();
        let target = setting.target(&reference);
        let found = setting.task.measures(&target, &setting.batch, &reference);
        found.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(names(TargetRule::OneHot, 0), ["label_loss"]);
    assert_eq!(
        names(TargetRule::OneHot, TOP_K),
        ["label_loss", "alpha", "entropy"]
    );
    assert_eq!(
        names(STABILISED, TOP_K),
        ["label_loss", "alpha", "entropy", "kl"]
    );
}
