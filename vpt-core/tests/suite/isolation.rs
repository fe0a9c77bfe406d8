//! Who may touch what: the learner never sees a label or the designer's tape, the designer's update
//! never reaches θ.

use super::toy::{
    Designer, Examples, F32, F64, Labelled, Mlp, Toy, bits, config, downstream, relative_error,
    task, trainer,
};
use burn::backend::Autodiff;
use burn::module::{AutodiffModule, Module};
use burn::tensor::{Tensor, backend::Backend};
use vpt_core::{
    AdamW, Cadence, Downstream, GradVector, LinearTarget, Nested, NoParameters, ParamSubset,
    PredictiveTask, TrainerConfig, UpdateGradient, lift, trainable,
};

/// Shaped targets from the start, value updates as `update_every` says.
fn shaped(update_every: Option<usize>) -> TrainerConfig {
    TrainerConfig {
        cadence: Cadence {
            burn_in: Some(0),
            update_every,
        },
        ..config()
    }
}

fn linear() -> LinearTarget {
    LinearTarget::new(Default::default(), true)
}

/// The gradient of L_pre in θ with the target's numbers alone, or (`leaky`) with its dependence on
/// θ through the learner's own distribution.
fn learner_gradient(
    task: &Toy,
    learner: &Mlp<F64>,
    designer: &Designer<F64>,
    batches: &[Examples<F64>],
    leaky: bool,
) -> UpdateGradient<F64> {
    let learner: Mlp<Autodiff<F64>> = trainable(learner);
    let designer: Designer<Autodiff<F64>> = trainable(designer);
    let parts = batches.iter().map(|batch| {
        let views: Examples<Autodiff<F64>> = lift(batch);
        let prediction = task.predict(&learner, &views);
        let reference = task.reference(&NoParameters, prediction.clone(), &views);
        let target = task.target(&designer, &views, &reference);
        let target = match leaky {
            true => target,
            false => Tensor::from_data(target.to_data(), &Default::default()),
        };
        let loss = task.loss(prediction, &target, &views).total();
        UpdateGradient::backward(loss, &learner)
    });
    let sum = parts.reduce(|sum, part| sum.plus(&part));
    sum.expect("a step has batches")
}

/// The trainer's step is that of a target whose numbers came from nowhere; the gradient that goes
/// through the target is another one, so the test would see it.
#[test]
fn the_target_is_a_constant_to_the_learner() {
    let mut trainer = trainer::<F64, _, _>(3, downstream(9), Nested, shaped(None));
    let batches = trainer.source.clone().draw();
    let learner = trainer.learner.clone();
    let gradient =
        |leaky| learner_gradient(&task(0.1), &learner, &trainer.designer, &batches, leaky);
    let (pinned, leaky) = (gradient(false), gradient(true));
    let apart = relative_error(&leaky.as_vector().to_vec(), &pinned.as_vector().to_vec());
    assert!(apart > 1e-2, "{apart}");

    let rate = trainer.config.schedule.rate(0);
    let (pinned, norm) = pinned.clipped(trainer.config.clip);
    let expected = AdamW::new(0.9, 0.99, 1e-8, 0.0).step(rate, learner, &pinned);
    let report = trainer.step().unwrap();
    assert!((report.gradient_norm - norm).abs() < 1e-12);
    let values = |learner| GradVector::of(learner, &trainer.subset).to_vec();
    assert!(relative_error(&values(&trainer.learner), &values(&expected)) < 1e-12);
}

/// Two designers with the same targets give the same learner: φ acts through its targets alone.
#[test]
fn the_designer_acts_through_its_targets_alone() {
    let after = |change: bool| {
        let mut trainer = trainer::<F64, _, _>(3, downstream(9), Nested, shaped(None));
        if change {
            trainer.designer.1 = trainer.designer.1.same_targets();
        }
        trainer.step().unwrap();
        GradVector::of(&trainer.learner, &trainer.subset).to_vec()
    };
    assert!(relative_error(&after(true), &after(false)) < 1e-12);
}

/// Only a value update moves φ.
#[test]
fn the_learners_step_leaves_the_designer_alone() {
    for cadence in [Cadence::never(), shaped(None).cadence] {
        let config = TrainerConfig {
            cadence,
            ..config()
        };
        let mut trainer = trainer::<F32, _, _>(3, downstream(9), linear(), config);
        let (learner, designer) = (bits(&trainer.learner), bits(&trainer.designer));
        for _ in 0..3 {
            assert!(trainer.step().unwrap().value.is_none());
        }
        assert_eq!(bits(&trainer.designer), designer);
        assert_ne!(bits(&trainer.learner), learner);
    }
}

/// Only the learner's step moves θ: at rate 0 it stays, whatever φ does.
#[test]
fn the_designers_update_leaves_the_learner_alone() {
    let mut config = shaped(Some(1));
    config.schedule.peak = 0.0;
    let mut trainer = trainer::<F32, _, _>(3, downstream(9), linear(), config);
    let (learner, designer) = (bits(&trainer.learner), bits(&trainer.designer));
    for _ in 0..3 {
        assert!(trainer.step().unwrap().value.is_some());
    }
    assert_eq!(bits(&trainer.learner), learner);
    assert_ne!(bits(&trainer.designer), designer);
}

/// Without value updates no label is asked for, and labels that are no numbers change nothing.
#[test]
fn a_baseline_never_sees_a_label() {
    for cadence in [Cadence::never(), shaped(None).cadence] {
        let after = |poison: f64| {
            let labelled = Labelled {
                poison,
                ..Labelled::new::<F32>("held", 9)
            };
            let asked = labelled.asked.clone();
            let config = TrainerConfig {
                cadence,
                ..config()
            };
            let feedback = Downstream::new(labelled);
            let mut trainer = trainer::<F32, _, _>(3, feedback, linear(), config);
            for _ in 0..4 {
                trainer.step().unwrap();
            }
            assert_eq!(asked.get(), 0);
            bits(&trainer.learner)
        };
        assert_eq!(after(f64::NAN), after(1.0));
    }
}

/// With value updates labels reach θ through φ alone: while φ stands still, wrong ones change
/// nothing of the learner.
#[test]
fn labels_reach_the_learner_through_the_designer_alone() {
    let after = |poison: f64, designer_rate: f64| {
        let labelled = Labelled {
            poison,
            ..Labelled::new::<F32>("held", 9)
        };
        let config = TrainerConfig {
            designer_rate,
            ..shaped(Some(1))
        };
        let feedback = Downstream::new(labelled);
        let mut trainer = trainer::<F32, _, _>(3, feedback, linear(), config);
        let reports: Vec<f64> = (0..4)
            .map(|_| trainer.step().unwrap().value.unwrap().value)
            .collect();
        (bits(&trainer.learner), reports)
    };
    let ((clean, v), (poisoned, w)) = (after(1.0, 0.0), after(-5.0, 0.0));
    assert_eq!(clean, poisoned);
    assert_ne!(v, w, "the labels were not used at all");
    assert_ne!(after(1.0, 1e-2).0, after(-5.0, 1e-2).0);
}

/// How many entries of `module` a backward pass reaches.
fn on_tape<B: Backend>(module: &Mlp<Autodiff<B>>) -> usize {
    let all = ParamSubset::all(module);
    let values = GradVector::of(module, &all);
    // Something must be on the tape for a backward pass.
    let anchor = Tensor::zeros([1], &Default::default()).require_grad();
    let mut grads = (values.dot(&values) + anchor).backward();
    let gradient = GradVector::take(&mut grads, module, &all).to_vec();
    gradient.iter().filter(|entry| **entry != 0.0).count()
}

/// A lifted module is constant, even if it is on the tape below or came down from one; tracking
/// says anew what is not.
#[test]
fn lifted_modules_are_constants() {
    let trained: Mlp<Autodiff<F64>> = trainable(&Mlp::drawn(3));
    assert_eq!(on_tape(&trained), trained.num_params());
    let nested: Mlp<Autodiff<Autodiff<F64>>> = lift(&trained);
    assert_eq!(on_tape(&nested), 0);
    assert_eq!(on_tape(&ParamSubset::all(&nested).track(nested)), 70);

    let plain = trained.valid();
    let lifted: Mlp<Autodiff<F64>> = lift(&plain);
    assert_eq!(on_tape(&lifted), 0);
    let bias = ParamSubset::matching(&plain, |path| path == "bias");
    assert_eq!(on_tape(&bias.track(lifted)), 7);
}
