//! ∇_φ V by second order above the cut alone, against second order throughout.

use super::toy::{
    Examples, F32, F64, Mlp, Seen, ShadedToy, Stream, downstream, host, relative_error,
    shaded_designer, shaded_task,
};
use burn::backend::Autodiff;
use burn::tensor::backend::Backend;
use vpt_core::{
    CentralDifference, DifferenceStep, Feedback, GradVector, MetaEstimate, MetaGradient, Nested,
    NoParameters, ParamSubset, Point, PredictiveTask, Split, SplitTask, trainable,
};

/// One step whose φ shapes both what the learner sees and what it is told, S above the hidden
/// layer.
struct Shaded<B: Backend> {
    task: ShadedToy,
    learner: Mlp<B>,
    designer: <ShadedToy as PredictiveTask>::Designer<B>,
    batch: Examples<B>,
    reference: Seen<B>,
    subset: ParamSubset,
    g_down: GradVector<B>,
}

impl<B: Backend> Shaded<B> {
    fn new(seed: u64) -> Self {
        let task = shaded_task(0.3);
        let learner = Mlp::<B>::drawn(seed);
        let batch = Stream::new::<B>(seed + 1, (1, 6)).draw::<B>().remove(0);
        let designer = shaded_designer(seed + 3);
        let views = task.views(&designer, &batch);
        let reference = task.reference(&NoParameters, task.predict(&learner, &views), &views);
        let subset = ParamSubset::matching(&learner, |path| path == "second");
        let direction = downstream(seed + 2).direction(&learner, &subset).unwrap();
        Self {
            g_down: direction.downstream,
            task,
            learner,
            designer,
            batch,
            reference,
            subset,
        }
    }

    fn estimate<G: MetaGradient<ShadedToy, B>>(&self, mut meta: G) -> MetaEstimate<B> {
        let at = Point {
            task: &self.task,
            learner: &self.learner,
            designer: &self.designer,
            batch: &self.batch,
            reference: &self.reference,
            subset: &self.subset,
        };
        let probe = meta.probe(&at, &self.g_down);
        meta.estimate(&at, &self.g_down, &probe, 0.7)
    }
}

/// The errors of V, as a share of its own size, and of the designer's gradient.
fn errors<B: Backend, G: MetaGradient<ShadedToy, B>>(seed: u64, meta: G) -> (f64, f64) {
    let setting = Shaded::<B>::new(seed);
    let exact = setting.estimate(Nested);
    let found = setting.estimate(meta);
    let descent = |estimate: &MetaEstimate<B>| estimate.descent.as_vector().to_vec();
    (
        ((found.value - exact.value) / exact.value).abs(),
        relative_error(&descent(&found), &descent(&exact)),
    )
}

#[test]
fn a_cut_changes_nothing() {
    for seed in [11, 22, 33, 44] {
        for (v, gradient) in [
            errors::<F32, _>(seed, Split(Nested)),
            errors::<F32, _>(seed, Split(CentralDifference::default())),
        ] {
            assert!(v < 1e-3 && gradient < 1e-3, "f32: {v:e}, {gradient:e}");
        }
        let fine = CentralDifference::new(DifferenceStep::new(1e-5));
        for (v, gradient) in [
            errors::<F64, _>(seed, Split(Nested)),
            errors::<F64, _>(seed, Split(fine)),
        ] {
            assert!(v < 1e-7 && gradient < 1e-7, "f64: {v:e}, {gradient:e}");
        }
    }
}

/// What makes the cut exact: θ_S is not below it, and both parts together are the learner.
#[test]
fn nothing_of_the_subset_is_below_the_cut() {
    let setting = Shaded::<F64>::new(5);
    let learner: Mlp<Autodiff<F64>> = trainable(&setting.learner);
    let views = setting.task.views::<Autodiff<F64>>(
        &trainable(&setting.designer),
        &vpt_core::lift(&setting.batch),
    );
    let hidden = setting.task.lower(&learner, &views, &setting.subset);
    let grads = &mut hidden.clone().sum().backward();
    let reached = GradVector::take(grads, &learner, &ParamSubset::all(&learner));
    assert_eq!(reached.restricted(&setting.subset).norm(), 0.0);
    assert!(reached.norm() > 0.0);

    let whole = setting.task.predict(&learner, &views);
    let parts = setting.task.upper(&learner, hidden, &views);
    assert_eq!(host(whole), host(parts));
}

/// A subset that the lower part reads is refused, not silently ignored.
#[test]
#[should_panic]
fn a_subset_below_the_cut_is_refused() {
    let mut setting = Shaded::<F64>::new(5);
    setting.subset = ParamSubset::all(&setting.learner);
    setting.g_down = GradVector::of(&setting.learner, &setting.subset);
    setting.estimate(Split(Nested));
}
