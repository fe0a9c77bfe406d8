//! What V promises (§3.4), on functions whose constants are known.

use super::toy::{
    F64, Labelled, Mlp, Setting, Toy, gradient_by_differences, host, relative_error, rng,
};
use burn::backend::Autodiff;
use burn::module::{Module, Param};
use burn::tensor::{Tensor, TensorData, backend::Backend};
use rand::Rng;
use vpt_core::{Evaluator, GradVector, Nested, ParamSubset, lift, value};

/// θ of a quadratic.
#[derive(Module, Debug)]
struct Spot<B: Backend> {
    theta: Param<Tensor<B, 1>>,
}

impl Spot<F64> {
    fn at(theta: &[f64]) -> Self {
        Self {
            theta: Param::from_data(TensorData::from(theta), &Default::default()),
        }
    }

    fn vector(&self, values: &[f64]) -> GradVector<F64> {
        GradVector::generate(self, &ParamSubset::all(self), |_| values.to_vec())
    }
}

/// L_down = ½ Σ a_i θ_i²: its gradient is a_i θ_i and it is L-smooth with L = max a_i.
const CURVATURES: [f64; 4] = [0.5, 1.0, 2.0, 6.0];
const SMOOTHNESS: f64 = 6.0;

fn quadratic(spot: &Spot<F64>) -> f64 {
    let theta = host(spot.theta.val());
    let terms = theta.iter().zip(CURVATURES).map(|(x, a)| 0.5 * a * x * x);
    terms.sum()
}

fn quadratic_gradient(theta: &[f64]) -> Vec<f64> {
    theta.iter().zip(CURVATURES).map(|(x, a)| a * x).collect()
}

/// Eq. 16, wherever θ, g_pre and η lie.
#[test]
fn value_bounds_the_decrease_from_below() {
    let mut rng = rng(5);
    let mut draw = || -> Vec<f64> { (0..4).map(|_| rng.random_range(-2.0..2.0)).collect() };
    for _ in 0..100 {
        let (theta, direction) = (draw(), draw());
        let eta = draw()[0].abs() / 4.0;
        let spot = Spot::at(&theta);
        let g_down = spot.vector(&quadratic_gradient(&theta));
        let g_pre = spot.vector(&direction);
        let probe = value::probe(&spot, &g_down, &g_pre, eta, quadratic);
        let v = value::value(&g_down, &g_pre);
        let bound = value::improvement_bound(eta, v, SMOOTHNESS, g_pre.norm());
        assert!(probe.realised >= bound - 1e-12, "{probe:?} under {bound}");
        assert!((probe.predicted - eta * v).abs() < 1e-15);
    }
}

/// Along the axis of greatest curvature eq. 16 is an equality: no smaller L will do, and no larger
/// one is needed.
#[test]
fn the_bound_is_reached_along_the_steepest_axis() {
    let theta = [0.3, -0.4, 0.7, 1.1];
    let spot = Spot::at(&theta);
    let g_down = spot.vector(&quadratic_gradient(&theta));
    let g_pre = spot.vector(&[0.0, 0.0, 0.0, 1.7]);
    let eta = 0.2;
    let realised = value::probe(&spot, &g_down, &g_pre, eta, quadratic).realised;
    let v = value::value(&g_down, &g_pre);
    let bound = |smoothness| value::improvement_bound(eta, v, smoothness, g_pre.norm());
    assert!((realised - bound(SMOOTHNESS)).abs() < 1e-12);
    assert!(realised < bound(0.99 * SMOOTHNESS));
}

/// L_down of the toy on one batch, the same at every call.
fn loss_down(learner: &Mlp<F64>) -> f64 {
    let mut held = Labelled::new::<F64>("held", 13);
    let learner: Mlp<Autodiff<F64>> = lift(learner);
    let loss = Evaluator::<Toy, F64>::loss(&mut held, &learner).unwrap();
    host(loss.inner())[0]
}

/// Eq. 13: halving η divides what the prediction misses by four, on a learner that is not
/// quadratic.
#[test]
fn the_prediction_is_of_first_order() {
    // Its feedback is the batch of `loss_down`.
    let setting = Setting::<F64>::new(11, (2, 5), 0.0);
    let g_pre = setting.g_pre(&setting.designer);
    let missed = |eta: f64| {
        let probe = value::probe(&setting.learner, &setting.g_down, &g_pre, eta, loss_down);
        (probe.realised - probe.predicted).abs()
    };
    for eta in [2e-2, 1e-2, 5e-3] {
        let ratio = missed(eta) / missed(eta / 2.0);
        assert!((3.8..4.2).contains(&ratio), "η = {eta}: {ratio}");
    }
}

/// Eq. 17 and 18: ∇_φ of the loss after one step is −η ∇_φ V up to O(η²), so what is left of it
/// halves with η.
#[test]
fn the_designer_climbs_the_one_step_objective() {
    let setting = Setting::<F64>::new(11, (2, 5), 0.0);
    let descent = setting.estimate(&mut Nested, &setting.g_down, None).descent;
    let left = |eta: f64| {
        let one_step = gradient_by_differences(&setting.designer, |designer| {
            loss_down(&setting.g_pre(designer).shift(setting.learner.clone(), -eta))
        });
        let first_order: Vec<f64> = descent.iter().map(|entry| eta * entry).collect();
        relative_error(&one_step, &first_order)
    };
    let (large, small) = (left(2e-2), left(1e-2));
    assert!(small < 5e-2, "{small}");
    assert!((1.9..2.1).contains(&(large / small)), "{large} {small}");
}

/// Eq. 20: V on S and V outside it add up, and the norms bound what is left out; parallel gradients
/// reach the bound.
#[test]
fn the_omitted_part_is_bounded() {
    let setting = Setting::<F64>::new(11, (2, 5), 0.0);
    let inside = ParamSubset::matching(&setting.learner, |path| path == "second");
    let outside = ParamSubset::matching(&setting.learner, |path| path != "second");
    let (g_down, g_pre) = (&setting.g_down, setting.g_pre(&setting.designer));
    let part = |subset: &ParamSubset| (g_down.restricted(subset), g_pre.restricted(subset));
    let ((down_in, pre_in), (down_out, pre_out)) = (part(&inside), part(&outside));
    assert_eq!(down_in.to_vec().len(), 7 * 4);

    let whole = value::value(g_down, &g_pre);
    let omitted = value::value(&down_out, &pre_out);
    assert!((whole - value::value(&down_in, &pre_in) - omitted).abs() < 1e-14);
    assert!(omitted != 0.0 && omitted.abs() <= value::omitted_bound(&down_out, &pre_out));

    let parallel = down_out.scaled(-3.0);
    let omitted = value::value(&down_out, &parallel);
    let bound = value::omitted_bound(&down_out, &parallel);
    assert!((omitted.abs() / bound - 1.0).abs() < 1e-12);
}
