//! What V promises (§3.4), on functions whose constants are known.

use super::toy::{
    Examples, F64, Labelled, Mlp, Setting, Stream, Toy, chosen, designer, gradient_by_differences,
    hard_gradient, host, relative_error, task,
};
use burn::backend::Autodiff;
use burn::module::{Module, Param};
use burn::tensor::{Tensor, TensorData, backend::Backend};
use proptest::array;
use proptest::prelude::*;
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
struct Quadratic([f64; 4]);

impl Quadratic {
    fn at(&self, spot: &Spot<F64>) -> f64 {
        let theta = host(spot.theta.val());
        let terms = theta.iter().zip(self.0).map(|(x, a)| 0.5 * a * x * x);
        terms.sum()
    }

    fn gradient(&self, theta: &[f64]) -> Vec<f64> {
        theta.iter().zip(self.0).map(|(x, a)| a * x).collect()
    }

    fn smoothness(&self) -> f64 {
        self.0.into_iter().fold(0.0, f64::max)
    }
}

proptest! {
    /// Theorem 3.1 (eq. 16) and Proposition 3.2 (eq. 17–18), wherever θ, g_pre and η lie: the
    /// decrease is at least the bound, and differs from ηV by ½η² g_preᵀ H g_pre, which for a
    /// quadratic is all there is.
    #[test]
    fn value_bounds_the_decrease_and_predicts_it_to_first_order(
        curvatures in array::uniform4(0.01..8.0_f64),
        theta in array::uniform4(-2.0..2.0_f64),
        direction in array::uniform4(-2.0..2.0_f64),
        eta in 1e-4..1.0_f64,
    ) {
        let down = Quadratic(curvatures);
        let spot = Spot::at(&theta);
        let g_down = spot.vector(&down.gradient(&theta));
        let g_pre = spot.vector(&direction);
        let probe = value::probe(&spot, &g_down, &g_pre, eta, |spot| down.at(spot));
        let v = value::value(&g_down, &g_pre);
        prop_assert!((probe.predicted - eta * v).abs() < 1e-12);

        let bound = value::improvement_bound(eta, v, down.smoothness(), g_pre.norm());
        prop_assert!(probe.realised >= bound - 1e-9, "{probe:?} under {bound}");

        let bent = direction.iter().zip(curvatures).map(|(g, a)| a * g * g);
        let second_order = 0.5 * eta * eta * bent.sum::<f64>();
        prop_assert!((probe.predicted - probe.realised - second_order).abs() < 1e-9);
    }
}

/// Along the axis of greatest curvature eq. 16 is an equality: no smaller L will do, and no larger
/// one is needed.
#[test]
fn the_bound_is_reached_along_the_steepest_axis() {
    let theta = [0.3, -0.4, 0.7, 1.1];
    let down = Quadratic([0.5, 1.0, 2.0, 6.0]);
    let spot = Spot::at(&theta);
    let g_down = spot.vector(&down.gradient(&theta));
    let g_pre = spot.vector(&[0.0, 0.0, 0.0, 1.7]);
    let eta = 0.2;
    let realised = value::probe(&spot, &g_down, &g_pre, eta, |spot| down.at(spot)).realised;
    let v = value::value(&g_down, &g_pre);
    let bound = |smoothness| value::improvement_bound(eta, v, smoothness, g_pre.norm());
    assert!((realised - bound(down.smoothness())).abs() < 1e-12);
    assert!(realised < bound(0.99 * down.smoothness()));
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

/// Lemma 3.3 (eq. 19): over every pair of a labelled and an unlabelled minibatch of two, drawn
/// apart from each other, V is on average that of the whole sets.
#[test]
fn minibatches_give_an_unbiased_value() {
    const ITEMS: i64 = 4;
    let learner = Mlp::<F64>::drawn(21);
    let (designer, penalty) = (designer::<F64>(22), 0.0);
    let whole = |seed| -> Examples<F64> {
        let mut stream = Stream::new::<F64>(seed, (1, ITEMS as usize));
        stream.draw().remove(0)
    };
    let (unlabelled, labelled) = (whole(23), whole(24));
    let g_pre = |which: &[i64]| {
        let batches = vec![chosen(&unlabelled, which)];
        let at = (learner.clone(), designer.clone());
        Setting::of(task(penalty), at.0, at.1, batches, 0).g_pre(&designer)
    };
    let g_down = |which: &[i64]| hard_gradient(&learner, &chosen(&labelled, which));

    let all: Vec<i64> = (0..ITEMS).collect();
    let exact = value::value(&g_down(&all), &g_pre(&all));
    let pairs: Vec<[i64; 2]> = (0..ITEMS)
        .flat_map(|first| (first + 1..ITEMS).map(move |second| [first, second]))
        .collect();
    let values: Vec<f64> = pairs
        .iter()
        .flat_map(|down| pairs.iter().map(move |pre| (down, pre)))
        .map(|(down, pre)| value::value(&g_down(down), &g_pre(pre)))
        .collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    assert_eq!(values.len(), 36);
    assert!((mean - exact).abs() < 1e-14, "{mean} {exact}");
    // Not because there is nothing to average.
    let spread = values.iter().map(|v| (v - exact).abs()).fold(0.0, f64::max);
    assert!(spread > 0.1 * exact.abs(), "{spread} {exact}");
}
