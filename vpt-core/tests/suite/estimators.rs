//! ∇_φ V (eq. 15): `Nested` against differences of V itself, the others against `Nested`.

use super::toy::{
    F32, F64, Setting, Toy, config, downstream, gradient_by_differences, relative_error, task,
    trainer,
};
use burn::tensor::backend::Backend;
use std::cell::RefCell;
use std::rc::Rc;
use vpt_core::{
    Cadence, CentralDifference, CoreError, DifferenceStep, GradVector, LinearTarget, MetaEstimate,
    MetaGradient, Nested, Point, Stateful, Tangent, TrainerConfig, value,
};

/// Small enough for f64, where rounding sets in ten digits later.
fn fine() -> DifferenceStep {
    DifferenceStep::new(1e-5)
}

/// The objective is V/σ − (λ/2σ)‖g_pre‖² − R: its gradient is that of V along g_down − λ·sg(g_pre),
/// which is what an estimator is asked for.
#[test]
fn nested_is_the_derivative_of_the_objective() {
    for (curvature, penalty, scale) in [(0.0, 0.0, 1.0), (0.0, 0.4, 2.5), (0.8, 0.4, 0.3)] {
        let setting = Setting::<F64>::new(11, (2, 5), penalty);
        let g_pre = setting.g_pre(&setting.designer);
        let direction = setting.g_down.add_scaled(&g_pre, -curvature);
        let estimate = setting.estimate(&mut Nested, &direction, Some(scale));

        let expected = gradient_by_differences(&setting.designer, |designer| {
            let g_pre = setting.g_pre(designer);
            let bound =
                value::value(&setting.g_down, &g_pre) - 0.5 * curvature * g_pre.norm().powi(2);
            setting.penalty(designer) - bound / scale
        });
        let error = relative_error(&estimate.descent, &expected);
        assert!(error < 1e-6, "λ = {curvature}, R × {penalty}: {error:e}");
        let v = value::value(&direction, &g_pre);
        assert!((estimate.value - v).abs() < 1e-12 * v.abs());
    }
}

/// The errors of V and of its gradient for both estimators by differences, against `Nested`.
fn errors<B: Backend>(seed: u64, step: &DifferenceStep, curvature: f64) -> [(f64, f64); 2] {
    errors_at(&Setting::<B>::new(seed, (2, 5), 0.0), step, curvature)
}

fn errors_at<B: Backend>(
    setting: &Setting<B>,
    step: &DifferenceStep,
    curvature: f64,
) -> [(f64, f64); 2] {
    let g_pre = setting.g_pre(&setting.designer);
    let direction = setting.g_down.add_scaled(&g_pre, -curvature);
    let exact = setting.estimate(&mut Nested, &direction, Some(1.0));
    // V is a difference of terms that nearly cancel, so its error is told relative to ‖g‖‖g‖.
    let size = direction.norm() * g_pre.norm();
    let central = setting.estimate(
        &mut CentralDifference::new(step.clone()),
        &direction,
        Some(1.0),
    );
    let linear = setting.estimate(
        &mut LinearTarget::new(step.clone(), true),
        &direction,
        Some(1.0),
    );
    [central, linear].map(|estimate| {
        (
            (estimate.value - exact.value).abs() / size,
            relative_error(&estimate.descent, &exact.descent),
        )
    })
}

#[test]
fn the_estimators_agree() {
    for seed in [11, 22, 33, 44] {
        for curvature in [0.0, 0.8] {
            for (v, gradient) in errors::<F32>(seed, &DifferenceStep::default(), curvature) {
                assert!(v < 1e-3 && gradient < 1e-3, "f32: {v:e}, {gradient:e}");
            }
            for (v, gradient) in errors::<F64>(seed, &fine(), curvature) {
                assert!(v < 1e-6 && gradient < 1e-6, "f64: {v:e}, {gradient:e}");
            }
        }
    }
}

/// The errors of V and of its gradient for the estimators in forward mode, against `Nested`.
fn exact_errors<B: Backend>(seed: u64, curvature: f64) -> [(f64, f64); 2] {
    let setting = Setting::<B>::new(seed, (2, 5), 0.4);
    let g_pre = setting.g_pre(&setting.designer);
    let direction = setting.g_down.add_scaled(&g_pre, -curvature);
    let exact = setting.estimate(&mut Nested, &direction, Some(0.7));
    let size = direction.norm() * g_pre.norm();
    let tangent = setting.estimate(&mut Tangent, &direction, Some(0.7));
    let linear = setting.estimate(&mut LinearTarget::exact(true), &direction, Some(0.7));
    [tangent, linear].map(|estimate| {
        (
            (estimate.value - exact.value).abs() / size,
            relative_error(&estimate.descent, &exact.descent),
        )
    })
}

#[test]
fn tangents_are_exact() {
    for seed in [11, 22, 33, 44] {
        for curvature in [0.0, 0.8] {
            for (v, gradient) in exact_errors::<F32>(seed, curvature) {
                assert!(v < 1e-5 && gradient < 1e-5, "f32: {v:e}, {gradient:e}");
            }
            for (v, gradient) in exact_errors::<F64>(seed, curvature) {
                assert!(v < 1e-12 && gradient < 1e-12, "f64: {v:e}, {gradient:e}");
            }
        }
    }
}

/// Curvature makes a large movement wrong and rounding a small one; the default lies between, over
/// learners with small weights and with weights three times as large. The table is printed by `cargo test -p vpt-core movement -- --nocapture`.
#[test]
fn the_default_movement_is_near_the_best_in_f32() {
    let worst = |movement: f64| {
        let step = DifferenceStep::new(movement);
        let all = (0..8).flat_map(|seed| {
            let mild = Setting::<F32>::new(10 * seed, (2, 5), 0.0);
            let theta = GradVector::of(&mild.learner, &mild.subset);
            let learner = theta.shift(mild.learner.clone(), 2.0);
            let designer = mild.designer.clone();
            let sharp = Setting::of(task(0.0), learner, designer, mild.batches.clone(), seed);
            [mild, sharp].map(|setting| errors_at(&setting, &step, 0.0))
        });
        let gradients = all.flatten().map(|(_, gradient)| gradient);
        gradients.fold(0.0, f64::max)
    };
    let tried = [
        5e-4, 1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 7e-3, 1e-2, 1.5e-2, 3e-2, 6e-2,
    ]
    .map(|movement| {
        let error = worst(movement);
        println!("movement {movement:.1e}: worst error of the gradient {error:.1e}");
        error
    });
    let best = tried.into_iter().fold(f64::INFINITY, f64::min);
    let default = worst(DifferenceStep::default().movement);
    println!("default: {default:.1e}, best: {best:.1e}");
    assert!(default < 1e-3 && default < 3.0 * best);
}

/// Four micro-batches of one example or one of four: the same sums of the same examples.
#[test]
fn accumulation_does_not_change_the_estimate() {
    fn law<G: MetaGradient<Toy, F64>>(mut meta: G) {
        let [one, four] = [(1, 4), (4, 1)].map(|shape| {
            let setting = Setting::<F64>::new(7, shape, 0.3);
            let g_pre = setting.g_pre(&setting.designer).to_vec();
            (setting.estimate(&mut meta, &setting.g_down, None), g_pre)
        });
        assert!(relative_error(&four.1, &one.1) < 1e-12, "g_pre");
        let ((one, _), (four, _)) = (one, four);
        assert!((four.value / one.value - 1.0).abs() < 1e-8, "V");
        assert!((four.scale / one.scale - 1.0).abs() < 1e-8, "σ");
        let error = relative_error(&four.descent, &one.descent);
        assert!(error < 1e-6, "the designer's gradient: {error:e}");
    }
    law(Nested);
    law(Tangent);
    law(LinearTarget::exact(true));
    law(CentralDifference::new(fine()));
    law(LinearTarget::new(fine(), false));
    law(LinearTarget::new(fine(), true));
}

/// The same for whole steps of the trainer, the learner's own included.
#[test]
fn accumulation_does_not_change_the_step() {
    let [one, four] = [(1, 4), (4, 1)].map(|shape| {
        let meta = LinearTarget::new(fine(), true);
        let config = TrainerConfig {
            curvature: 0.3,
            ..config()
        };
        let mut trainer = trainer::<F64, _, _>(3, downstream(9), meta, config);
        trainer.source.shape = shape;
        let reports: Vec<_> = (0..2).map(|_| trainer.step().unwrap()).collect();
        let learner = GradVector::of(&trainer.learner, &trainer.subset).to_vec();
        (reports, learner)
    });
    for (one, four) in one.0.iter().zip(&four.0) {
        assert_eq!(one.tokens, four.tokens);
        assert!((one.loss - four.loss).abs() < 1e-12);
        assert!((one.gradient_norm - four.gradient_norm).abs() < 1e-12);
        assert_eq!(one.value.is_some(), four.value.is_some());
        if let (Some(one), Some(four)) = (&one.value, &four.value) {
            assert!((one.value / four.value - 1.0).abs() < 1e-6);
            assert!((one.scale / four.scale - 1.0).abs() < 1e-6);
            assert!((one.climbed.0 / four.climbed.0 - 1.0).abs() < 1e-6);
        }
    }
    assert!(relative_error(&one.1, &four.1) < 1e-8);
}

/// Another estimator that keeps the directions it is given.
struct Recording<G, B: Backend> {
    inner: G,
    seen: Rc<RefCell<Vec<GradVector<B>>>>,
}

impl<B: Backend, G: MetaGradient<Toy, B>> MetaGradient<Toy, B> for Recording<G, B> {
    type Probe = G::Probe;

    fn probe(&mut self, at: &Point<'_, Toy, B>, direction: &GradVector<B>) -> G::Probe {
        self.seen.borrow_mut().push(direction.clone());
        self.inner.probe(at, direction)
    }

    fn estimate(
        &self,
        at: &Point<'_, Toy, B>,
        direction: &GradVector<B>,
        probe: &G::Probe,
        scale: f64,
    ) -> MetaEstimate<B> {
        self.inner.estimate(at, direction, probe, scale)
    }
}

impl<G: Stateful, B: Backend> Stateful for Recording<G, B> {
    fn state(&self) -> serde_json::Value {
        self.inner.state()
    }

    fn restore(&mut self, state: serde_json::Value) -> Result<(), CoreError> {
        self.inner.restore(state)
    }
}

/// With a curvature the trainer climbs along g_down − λ·g_pre, g_pre with the targets before the
/// designer moves.
#[test]
fn curvature_bends_the_direction() {
    let curvature = 0.8;
    let seen = Rc::new(RefCell::new(vec![]));
    let meta = Recording {
        inner: Nested,
        seen: Rc::clone(&seen),
    };
    let config = TrainerConfig {
        cadence: Cadence {
            burn_in: Some(0),
            update_every: Some(1),
        },
        curvature,
        ..config()
    };
    let mut trainer = trainer::<F64, _, _>(3, downstream(9), meta, config);

    let setting = Setting::of(
        task(0.0),
        trainer.learner.clone(),
        trainer.designer.clone(),
        trainer.source.clone().draw(),
        9,
    );
    let g_pre = setting.g_pre(&setting.designer);
    let expected = setting.g_down.add_scaled(&g_pre, -curvature).to_vec();

    trainer.step().unwrap();
    let seen = seen.borrow();
    assert_eq!(seen.len(), 2, "one probe for each micro-batch");
    for direction in seen.iter() {
        assert!(relative_error(&direction.to_vec(), &expected) < 1e-12);
    }
}
