//! Four ways to ∇_φ V on a real learner with a real designer: one answer.

use super::fixture::{Flex, NdArray64, PAPER, STABILISED, Setting, noise, relative, scalar, step};
use burn::tensor::backend::Backend;
use vpt_core::{
    GradVector, LinearInTarget, MetaGradient, Nested, ParamSubset, PredictiveTask, Tangent,
    entry_values, value,
};
use vpt_text::config::EstimatorKind::{
    Central, Linear, Nested as NestedTapes, Tangent as ByTangent,
};
use vpt_text::task::TargetRule;

const SUBSETS: [&str; 3] = ["all", "head", "last:1"];
/// Where adapters alone learn.
const OF_ADAPTERS: [&str; 2] = ["adapters", "last:1"];

/// ∇ L_pre over S with the designer's targets.
fn g_pre<B: Backend>(setting: &Setting<B>, subset: &ParamSubset) -> GradVector<B> {
    let target = setting.target(&setting.reference());
    setting
        .pretraining(&target)
        .0
        .as_vector()
        .restricted(subset)
}

/// g_down − λ·g_pre, scaled so that neither is lost beside the other.
fn curved<B: Backend>(setting: &Setting<B>, subset: &ParamSubset) -> GradVector<B> {
    let (g_down, g_pre) = (setting.direction(subset), g_pre(setting, subset));
    let lambda = 0.5 * g_down.norm() / g_pre.norm();
    g_down.add_scaled(&g_pre, -lambda)
}

fn estimators_agree<B: Backend>(rule: TargetRule, tied: bool, tolerance: f64) {
    agree(&Setting::<B>::new(rule, tied), &SUBSETS, tolerance);
    agree(&Setting::<B>::adapted(rule, tied), &OF_ADAPTERS, tolerance);
}

fn agree<B: Backend>(setting: &Setting<B>, subsets: &[&str], tolerance: f64) {
    for name in subsets {
        let subset = setting.subset(name);
        for (along, steer) in [
            ("g_down", setting.direction(&subset)),
            ("g_down − λ g_pre", curved(setting, &subset)),
        ] {
            let exact = setting.estimate(NestedTapes, &subset, &steer);
            // V itself may nearly cancel.
            let lengths = steer.norm() * g_pre(setting, &subset).norm();
            let expected = exact.descent.as_vector().to_vec();
            for kind in [Linear, Central] {
                let found = setting.estimate(kind, &subset, &steer);
                let error = relative(&found.descent.as_vector().to_vec(), &expected);
                let value = (found.value - exact.value).abs() / lengths;
                println!("{name}, {along}, {kind:?}: gradient {error:.1e}, V {value:.1e}");
                assert!(error < tolerance, "{name}, {along}, {kind:?}: {error}");
                assert!(value < tolerance, "{name}, {along}, {kind:?}: V {value}");
            }
        }
    }
}

#[test]
fn linear_and_central_are_nested_tapes_in_f64() {
    estimators_agree::<NdArray64>(STABILISED, true, 1e-6);
    estimators_agree::<NdArray64>(PAPER, false, 1e-6);
}

#[test]
fn linear_and_central_are_nested_tapes_in_f32() {
    estimators_agree::<Flex>(STABILISED, true, 1e-3);
    estimators_agree::<Flex>(PAPER, false, 1e-3);
}

/// In forward mode nothing is lost but rounding, with the token values and without them.
fn tangents_are_exact<B: Backend>(rule: TargetRule, tied: bool, tolerance: f64) {
    let whole = (Setting::<B>::new(rule, tied), SUBSETS.as_slice());
    let adapted = (Setting::<B>::adapted(rule, tied), OF_ADAPTERS.as_slice());
    for (setting, subsets) in [whole, adapted] {
        for name in subsets {
            let subset = setting.subset(name);
            let steer = curved(&setting, &subset);
            let reference = setting.reference();
            let at = setting.at(&reference, &subset);
            let lengths = steer.norm() * g_pre(&setting, &subset).norm();
            for (how, found, exact) in [
                (
                    "values",
                    setting.estimate(ByTangent, &subset, &steer),
                    setting.estimate(NestedTapes, &subset, &steer),
                ),
                (
                    "losses",
                    Tangent.estimate(&at, &steer, &(), 0.3),
                    Nested.estimate(&at, &steer, &(), 0.3),
                ),
            ] {
                let error = relative(
                    &found.descent.as_vector().to_vec(),
                    &exact.descent.as_vector().to_vec(),
                );
                let value = (found.value - exact.value).abs() / lengths;
                println!("{name}, {how}: gradient {error:.1e}, V {value:.1e}");
                // σ of the one is by tangents, of the other by differences.
                let tolerance = if how == "values" {
                    tolerance.max(1e-6)
                } else {
                    tolerance
                };
                assert!(
                    error < tolerance && value < tolerance,
                    "{name}, {how}: {error}, {value}"
                );
            }
        }
    }
}

#[test]
fn tangents_are_nested_tapes_in_f64() {
    tangents_are_exact::<NdArray64>(STABILISED, true, 1e-9);
    tangents_are_exact::<NdArray64>(PAPER, false, 1e-9);
}

#[test]
fn tangents_are_nested_tapes_in_f32() {
    tangents_are_exact::<Flex>(STABILISED, true, 1e-3);
    tangents_are_exact::<Flex>(PAPER, false, 1e-3);
}

#[test]
fn nested_tapes_are_a_difference_in_the_designer() {
    type B = NdArray64;
    for rule in [STABILISED, PAPER] {
        let mut setting = Setting::<B>::new(rule, true);
        let subset = setting.subset("last:1");
        let (steer, reference, scale) = (setting.direction(&subset), setting.reference(), 0.3);
        let estimate = |setting: &Setting<B>| {
            Nested.estimate(&setting.at(&reference, &subset), &steer, &(), scale)
        };
        // V/σ − R, which the descent direction climbs.
        let objective = |setting: &Setting<B>| {
            let target = setting.target(&reference);
            let regulariser = setting
                .task
                .regulariser(&target, &setting.batch, &reference);
            estimate(setting).value / scale - regulariser.map_or(0.0, scalar)
        };
        let descent = estimate(&setting).descent;
        let along = noise(&setting.designer, 4);
        let slope = -value::value(&along, descent.as_vector());
        let (at, h) = (setting.designer.clone(), 1e-6);
        let mut shifted = |by: f64| {
            setting.designer = along.shift(at.clone(), by);
            objective(&setting)
        };
        let difference = (shifted(h) - shifted(-h)) / (2.0 * h);
        let error = (slope - difference).abs() / difference.abs();
        assert!(error < 1e-6, "{rule:?}: {slope} {difference}");
    }
}

fn value_has_three_faces<B: Backend>(tolerance: f64) {
    faces(&Setting::<B>::new(STABILISED, true), &SUBSETS, tolerance);
    faces(
        &Setting::<B>::adapted(STABILISED, true),
        &OF_ADAPTERS,
        tolerance,
    );
}

fn faces<B: Backend>(setting: &Setting<B>, subsets: &[&str], tolerance: f64) {
    let reference = setting.reference();
    let target = setting.target(&reference);
    for name in subsets {
        let subset = setting.subset(name);
        let g_down = setting.direction(&subset);
        // Eq. 14 with the gradient that the learner descends, which is what is logged.
        let g_pre = setting.learner_step(&target, &reference).0;
        let g_pre = g_pre.as_vector().restricted(&subset);
        let logged = value::value(&g_down, &g_pre);
        let lengths = g_down.norm() * g_pre.norm();
        // Σ w q c.
        let at = setting.at(&reference, &subset);
        let c = entry_values(&at, &g_down, &mut step::<B>()).values;
        let weights = setting.task.target_weights(&target, &setting.batch);
        let tokens = scalar((weights * c).sum());
        let estimated = setting.estimate(Linear, &subset, &g_down).value;
        for found in [tokens, estimated] {
            let error = (found - logged).abs() / lengths;
            assert!(error < tolerance, "{name}: {found} {logged}");
        }
    }
}

#[test]
fn v_is_the_sum_of_the_values_of_tokens() {
    value_has_three_faces::<NdArray64>(1e-5);
    value_has_three_faces::<Flex>(3e-3);
}

/// Steered along −g_down, the designer makes targets that are worth less along g_down.
#[test]
fn the_designer_follows_the_direction_that_it_is_given() {
    let mut setting = Setting::<NdArray64>::new(PAPER, true);
    for name in SUBSETS {
        let subset = setting.subset(name);
        let g_down = setting.direction(&subset);
        let before = setting.estimate(Linear, &subset, &g_down).value;
        let start = setting.designer.clone();
        for (sign, steer) in [(-1.0, g_down.scaled(-1.0)), (1.0, g_down.clone())] {
            let descent = setting.estimate(Linear, &subset, &steer).descent;
            let descent = descent.as_vector();
            setting.designer = descent.shift(start.clone(), -1e-2 / descent.norm());
            let after = setting.estimate(Linear, &subset, &g_down).value;
            assert!(sign * (after - before) > 0.0, "{name}: {before} {after}");
            setting.designer = start.clone();
        }
    }
}
