//! The probe of A.6 in the loop.

use super::toy::{F64, Labelled, Mlp, Toy, bits, config, downstream, host, trainer};
use burn::backend::Autodiff;
use vpt_core::{Evaluator, Nested, StepProbe, TrainerConfig, lift};

/// The probe's batch, at every call.
fn held_out() -> Labelled {
    Labelled::new::<F64>("probe", 77)
}

fn loss(learner: &Mlp<F64>) -> f64 {
    let learner: Mlp<Autodiff<F64>> = lift(learner);
    let loss = Evaluator::<Toy, F64>::loss(&mut held_out(), &learner).unwrap();
    host(loss.inner())[0]
}

#[test]
fn what_a_step_brought_is_what_the_losses_say() {
    let mut run = trainer::<F64, _, _>(3, downstream(9), Nested, config());
    run.probe = Some(StepProbe::new(2, held_out()));
    for step in 1..=6 {
        let before = run.learner.clone();
        let probe = run.step().unwrap().probe;
        assert_eq!(probe.is_some(), step % 2 == 0);
        if let Some(probe) = probe {
            assert!((probe.loss - loss(&before)).abs() < 1e-12);
            let fell = probe.loss - loss(&run.learner);
            assert!((probe.update.realised - fell).abs() < 1e-12);
        }
    }
}

/// Eq. 13 for both kinds of step: halving the rate divides what the predictions miss by four.
#[test]
fn predictions_are_of_first_order() {
    let missed = |rate: f64| {
        let mut config = TrainerConfig::new(40, rate);
        config.schedule.warmup = 0;
        let mut run = trainer::<F64, _, _>(3, downstream(9), Nested, config);
        run.probe = Some(StepProbe::new(1, held_out()));
        let probe = run.step().unwrap().probe.unwrap();
        [probe.sgd, probe.update].map(|step| (step.realised - step.predicted).abs())
    };
    let (long, short) = (missed(2e-3), missed(1e-3));
    for (long, short) in long.into_iter().zip(short) {
        assert!((3.7..4.3).contains(&(long / short)), "{long} {short}");
    }
}

#[test]
fn probing_changes_nothing() {
    let end = |probe| {
        let mut run = trainer::<F64, _, _>(3, downstream(9), Nested, config());
        run.probe = probe;
        for _ in 0..5 {
            run.step().unwrap();
        }
        (bits(&run.learner), bits(&run.designer))
    };
    assert_eq!(end(None), end(Some(StepProbe::new(1, held_out()))));
}

#[test]
fn a_probe_that_fails_leaves_the_learner() {
    let mut run = trainer::<F64, _, _>(3, downstream(9), Nested, config());
    run.probe = Some(StepProbe::new(
        1,
        Labelled {
            left: 2,
            ..held_out()
        },
    ));
    let before = bits(&run.learner);
    run.step().unwrap_err();
    assert_eq!(bits(&run.learner), before);
}
