//! The fixed rules, and the oracles that bound what a designer can do.

use super::fixture::{
    ALPHA_MAX, Flex, NdArray64, PAPER, STABILISED, Setting, TOP_K, assert_close, designer, ids,
    moved, scalar, values,
};
use burn::tensor::Tensor;
use burn::tensor::activation::softmax;
use burn::tensor::backend::Backend;
use vpt_core::{LinearInTarget, NoParameters, PredictiveTask};
use vpt_text::task::{Candidates, SoftTarget, SoftTargets, TargetRule, text_task};

const SLOTS: usize = 1 + TOP_K;
const ORACLE: TargetRule = TargetRule::Oracle {
    alpha_max: ALPHA_MAX,
};
const HARD: TargetRule = TargetRule::HardOracle {
    alpha_max: ALPHA_MAX,
};

fn top<B: Backend>(slots: &Tensor<B, 2>) -> Tensor<B, 2> {
    slots.clone().narrow(1, 1, TOP_K)
}

#[test]
fn before_burn_in_ends_and_for_next_token_prediction_targets_are_one_hot() {
    let setting = Setting::<Flex>::new(STABILISED, true);
    let reference = setting.reference();
    let unshaped = setting.task.unshaped_target(&setting.batch, &reference);
    let mut one_hot = setting;
    one_hot.task = text_task(SoftTargets {
        rule: TargetRule::OneHot,
        top_k: TOP_K,
    });
    for target in [unshaped, one_hot.target(&reference)] {
        for row in values(target.q).chunks(SLOTS) {
            assert_eq!(row, [1.0, 0.0, 0.0, 0.0, 0.0]);
        }
        assert_eq!(ids(&target.ids), ids(&reference.ids));
        assert!(values(target.alpha).iter().all(|alpha| *alpha == 0.0));
    }
    // Without candidates too.
    one_hot.task = text_task(SoftTargets::one_hot());
    let reference = one_hot.reference();
    assert_eq!(reference.count(), 0);
    let labels = ids(&one_hot.batch.labels);
    let target = one_hot.target(&reference);
    assert_eq!(ids(&target.ids), labels);
    assert_eq!(values(target.q), vec![1.0; labels.len()]);
}

#[test]
fn smoothing_is_uniform_over_the_top_k() {
    let setting = Setting::<Flex>::new(TargetRule::Uniform { alpha: 0.2 }, true);
    let target = setting.target(&setting.reference());
    for row in values(target.q).chunks(SLOTS) {
        assert_close(row, &[0.8, 0.05, 0.05, 0.05, 0.05], 1e-6);
    }
}

#[test]
fn self_distillation_is_the_learner_at_a_temperature() {
    for temperature in [0.5, 1.0, 3.0] {
        let rule = TargetRule::SelfDistillation {
            alpha: 0.4,
            temperature,
        };
        let setting = Setting::<NdArray64>::new(rule, true);
        let reference = setting.reference();
        let target = setting.target(&reference);
        let p = softmax(top(&reference.log_p).div_scalar(temperature), 1);
        assert_close(&values(top(&target.q)), &values(p.mul_scalar(0.4)), 1e-12);
        let label = values(target.q.narrow(1, 0, 1));
        assert_close(&label, &vec![0.6; label.len()], 1e-12);
    }
}

#[test]
fn the_top_k_are_the_learners_best_tokens() {
    let setting = Setting::<Flex>::new(STABILISED, true);
    let reference = setting.reference();
    let prediction = setting.task.predict(&setting.learner, &setting.batch);
    let logits = prediction.hidden.matmul(prediction.head.transpose());
    let logits = values(burn::tensor::activation::log_softmax(logits, 1));
    let (slots, log_p) = (ids(&reference.ids), values(reference.log_p));
    let labels = ids(&setting.batch.labels);
    for (t, row) in logits.chunks(super::fixture::VOCAB).enumerate() {
        let mut order: Vec<usize> = (0..row.len()).collect();
        order.sort_by(|a, b| row[*b].total_cmp(&row[*a]));
        let mut expected = vec![labels[t]];
        expected.extend(order[..TOP_K].iter().map(|id| *id as i64));
        assert_eq!(slots[t * SLOTS..][..SLOTS], expected);
        let expected: Vec<f64> = expected.iter().map(|id| row[*id as usize]).collect();
        assert_close(&log_p[t * SLOTS..][..SLOTS], &expected, 1e-5);
    }
}

/// V = Σ w q c.
fn worth<B: Backend>(
    setting: &Setting<B>,
    target: &SoftTarget<B>,
    informed: &Candidates<B>,
) -> f64 {
    let weights = setting.task.target_weights(target, &setting.batch);
    scalar((weights * informed.values.clone().unwrap()).sum())
}

#[test]
fn the_hard_oracle_is_the_best_a_designer_could_do() {
    let mut setting = Setting::<NdArray64>::new(HARD, true);
    let informed = setting.informed();
    let oracle = setting.target(&informed);
    let best = worth(&setting, &oracle, &informed);
    let ntp = setting.task.unshaped_target(&setting.batch, &informed);
    let ntp = worth(&setting, &ntp, &informed);
    assert!(best > ntp, "{best} {ntp}");

    let mut rules = vec![
        (ORACLE, 0.5),
        (TargetRule::Uniform { alpha: ALPHA_MAX }, 0.5),
    ];
    rules.extend(
        [STABILISED, PAPER]
            .into_iter()
            .flat_map(|rule| [(rule, 0.1), (rule, 3.0)]),
    );
    for (rule, noise) in rules {
        setting.task = text_task(SoftTargets { rule, top_k: TOP_K });
        setting.designer = (NoParameters, Some(moved(designer(), noise)));
        let found = worth(&setting, &setting.target(&informed), &informed);
        assert!(found <= best + 1e-9, "{rule:?}: {found} {best}");
        if rule == ORACLE {
            assert!(found > ntp, "the soft oracle: {found} {ntp}");
        }
    }
}

fn the_hard_oracle_takes_the_best_or_leaves_the_label<B: Backend>() {
    let setting = Setting::<B>::new(HARD, true);
    let informed = setting.informed();
    let target = setting.target(&informed);
    let (q, c) = (values(target.q), values(informed.values.unwrap()));
    let mut kept = 0;
    for (q, c) in q.chunks(SLOTS).zip(c.chunks(SLOTS)) {
        let best = (1..SLOTS).max_by(|a, b| c[*a].total_cmp(&c[*b])).unwrap();
        let mut expected = [1.0, 0.0, 0.0, 0.0, 0.0];
        if c[best] > c[0] {
            expected[0] = 1.0 - ALPHA_MAX;
            expected[best] = ALPHA_MAX;
        } else {
            kept += 1;
        }
        assert_close(q, &expected, 1e-6);
    }
    assert!(
        kept > 0 && kept < q.len() / SLOTS,
        "both cases occur: {kept}"
    );
}

#[test]
fn the_hard_oracle_moves_everything_or_nothing() {
    the_hard_oracle_takes_the_best_or_leaves_the_label::<NdArray64>();
    the_hard_oracle_takes_the_best_or_leaves_the_label::<Flex>();
}

#[test]
fn the_soft_oracle_tilts_the_learner_by_values_over_sigma() {
    let setting = Setting::<NdArray64>::new(ORACLE, true);
    let informed = setting.informed();
    let (c, sigma) = (
        informed.values.clone().unwrap(),
        informed.scale.clone().unwrap(),
    );
    assert!(scalar(sigma.clone()) > 0.0);
    let expected = softmax(top(&informed.log_p) + top(&c) / sigma.unsqueeze(), 1);
    let target = setting.target(&informed);
    assert_close(
        &values(target.log_p.clone().unwrap().exp()),
        &values(expected.clone()),
        1e-9,
    );
    // It is open exactly where that is worth more than the label.
    let gain = values((expected * top(&c)).sum_dim(1) - c.clone().narrow(1, 0, 1));
    for (alpha, gain) in values(target.alpha.clone()).into_iter().zip(gain) {
        assert_eq!(alpha, if gain > 0.0 { ALPHA_MAX } else { 0.0 });
    }

    // Values and σ in another unit say the same.
    let mut other = informed.clone();
    other.values = Some(c.mul_scalar(50.0));
    other.scale = other.scale.map(|sigma| sigma.mul_scalar(50.0));
    assert_close(&values(setting.target(&other).q), &values(target.q), 1e-9);
}

#[test]
fn an_oracle_that_was_told_nothing_is_next_token_prediction() {
    for rule in [ORACLE, HARD] {
        let setting = Setting::<Flex>::new(rule, true);
        let target = setting.target(&setting.reference());
        assert!(values(target.alpha).iter().all(|alpha| *alpha == 0.0));
    }
}
