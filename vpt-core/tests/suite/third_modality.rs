//! The example of the book is a whole method: it trains, and V is V there too.

#[path = "../../examples/third_modality.rs"]
#[allow(dead_code, reason = "its `main`")]
mod example;

use super::toy::relative_error;
use vpt_core::{CentralDifference, Feedback, MetaGradient, Nested, NoParameters, Point, value};

/// What the learner is for gets better, by a third at least, and V is measured on the way.
#[test]
fn the_example_trains() {
    let mut trainer = example::trainer(60);
    let loss_down = |trainer: &mut example::SignalTrainer| {
        let mut held = example::trainer(1).feedback;
        let direction = held.direction(&trainer.learner, &trainer.subset).unwrap();
        direction.losses[0].1
    };
    let before = loss_down(&mut trainer);
    let reports: Vec<_> = (0..60).map(|_| trainer.step().unwrap()).collect();
    let after = loss_down(&mut trainer);
    assert!(after < before / 1.5, "{before} {after}");
    assert_eq!(reports.iter().filter(|r| r.value.is_some()).count(), 8);
}

/// φ shapes what is seen here, so the loss is not linear in it: an exact estimator and one by
/// differences must still agree.
#[test]
fn the_estimators_agree_on_learned_views() {
    let mut trainer = example::trainer(60);
    let g_down = trainer
        .feedback
        .direction(&trainer.learner, &trainer.subset)
        .unwrap()
        .downstream;
    let batch = trainer.source.draw(8);
    let at = Point {
        task: &trainer.task,
        learner: &trainer.learner,
        designer: &trainer.designer,
        batch: &batch,
        reference: &NoParameters,
        subset: &trainer.subset,
    };
    let exact = Nested.estimate(&at, &g_down, &(), 1.0);
    let mut central = CentralDifference::default();
    let epsilon = central.probe(&at, &g_down);
    let found = central.estimate(&at, &g_down, &epsilon, 1.0);
    let error = relative_error(
        &found.descent.as_vector().to_vec(),
        &exact.descent.as_vector().to_vec(),
    );
    assert!(error < 1e-3, "{error:e}");
    assert!((found.value / exact.value - 1.0).abs() < 1e-3);
    assert!(value::value(&g_down, &g_down) > 0.0);
}
