//! A micro-batch of prompts alone: nothing is asked, nothing is learned, nothing breaks.

use super::fixture::{Flex, NdArray64, STABILISED, Setting, TOP_K, document, upload, values};
use burn::tensor::backend::Backend;
use vpt_core::PredictiveTask;
use vpt_text::config::EstimatorKind;
use vpt_text::data::PackedBatch;
use vpt_text::task::{SoftTargets, TargetRule, label_scores, text_task};

fn setting<B: Backend>(rule: TargetRule, top_k: usize) -> Setting<B> {
    let mut setting = Setting::new(rule, true);
    setting.task = text_task(SoftTargets { rule, top_k });
    let prompts = PackedBatch::from_rows(6, [[&document(&[3, 9, 4, 7], &[])]]);
    setting.batch = upload(&prompts);
    setting
}

fn the_learner_stays<B: Backend>() {
    let alpha_max = 0.5;
    let rules = [
        (TargetRule::OneHot, 0),
        (STABILISED, TOP_K),
        (TargetRule::Uniform { alpha: 0.1 }, TOP_K),
        (TargetRule::Oracle { alpha_max }, TOP_K),
        (TargetRule::HardOracle { alpha_max }, TOP_K),
    ];
    for (rule, top_k) in rules {
        let setting = setting::<B>(rule, top_k);
        let reference = match rule {
            TargetRule::Oracle { .. } | TargetRule::HardOracle { .. } => setting.informed(),
            _ => setting.reference(),
        };
        assert_eq!(reference.ids.dims(), [0, 1 + top_k]);
        let target = setting.target(&reference);
        assert_eq!(target.q.dims(), [0, 1 + top_k], "{rule:?}");
        let (gradient, loss) = setting.learner_step(&target, &reference);
        assert_eq!((gradient.as_vector().norm(), loss), (0.0, 0.0), "{rule:?}");
        let (gradient, loss) = setting.pretraining(&target);
        assert_eq!((gradient.as_vector().norm(), loss), (0.0, 0.0), "{rule:?}");
        let measures = setting.task.measures(&target, &setting.batch, &reference);
        assert_eq!(measures, [], "{rule:?}");
        assert!(
            values(reference.head_gradient.unwrap())
                .iter()
                .all(|g| *g == 0.0)
        );
    }
    let setting = setting::<B>(STABILISED, TOP_K);
    let prediction = setting.task.predict(&setting.learner, &setting.batch);
    let scores = label_scores(&prediction.hidden, &prediction.head, &setting.batch.labels);
    assert!(scores.log_probability.is_empty());
}

#[test]
fn the_learner_does_not_move() {
    the_learner_stays::<Flex>();
    the_learner_stays::<NdArray64>();
}

fn the_designer_stays<B: Backend>() {
    let setting = setting::<B>(STABILISED, TOP_K);
    let subset = setting.subset("all");
    let steer = setting.direction(&subset);
    for kind in [
        EstimatorKind::Linear,
        EstimatorKind::Tangent,
        EstimatorKind::Central,
        EstimatorKind::Nested,
    ] {
        let estimate = setting.estimate(kind, &subset, &steer);
        assert_eq!(estimate.value, 0.0, "{kind:?}");
        assert_eq!(estimate.descent.as_vector().norm(), 0.0, "{kind:?}");
    }
}

#[test]
fn the_designer_does_not_move() {
    the_designer_stays::<Flex>();
    the_designer_stays::<NdArray64>();
}
