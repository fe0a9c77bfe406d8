//! One step to differentiate, and whole runs.

use super::{Designer, Examples, F64, Mlp, Seen, Stream, Toy, designer, downstream, task};
use burn::backend::Autodiff;
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Tensor, backend::Backend};
use std::collections::BTreeMap;
use vpt_core::*;

/// One step's L_pre as a function of θ_S and φ, with a direction to contract its gradient with.
pub(crate) struct Setting<B: Backend> {
    pub(crate) task: Toy,
    pub(crate) learner: Mlp<B>,
    pub(crate) designer: Designer<B>,
    pub(crate) batches: Vec<Examples<B>>,
    pub(crate) references: Vec<Seen<B>>,
    pub(crate) subset: ParamSubset,
    pub(crate) g_down: GradVector<B>,
}

impl<B: Backend> Setting<B> {
    /// `shape`: micro-batches and examples in each.
    pub(crate) fn new(seed: u64, shape: (usize, usize), penalty: f64) -> Self {
        let learner = Mlp::<B>::drawn(seed);
        let batches = Stream::new::<B>(seed + 1, shape).draw::<B>();
        Self::of(
            task(penalty),
            learner,
            designer(seed + 3),
            batches,
            seed + 2,
        )
    }

    /// At these θ, φ and data.
    pub(crate) fn of(
        task: Toy,
        learner: Mlp<B>,
        designer: Designer<B>,
        batches: Vec<Examples<B>>,
        feedback: u64,
    ) -> Self {
        let subset = ParamSubset::all(&learner);
        let direction = downstream(feedback).direction(&learner, &subset).unwrap();
        let references = batches
            .iter()
            .map(|batch| task.reference(&NoParameters, task.predict(&learner, batch), batch));
        Self {
            references: references.collect(),
            task,
            designer,
            batches,
            g_down: direction.downstream,
            subset,
            learner,
        }
    }

    fn points(&self) -> impl Iterator<Item = Point<'_, Toy, B>> {
        let pairs = self.batches.iter().zip(&self.references);
        pairs.map(|(batch, reference)| Point {
            task: &self.task,
            learner: &self.learner,
            designer: &self.designer,
            batch,
            reference,
            subset: &self.subset,
        })
    }

    /// g_pre with the targets of `designer`, by a plain backward pass.
    pub(crate) fn g_pre(&self, designer: &Designer<B>) -> GradVector<B> {
        let learner: Mlp<Autodiff<B>> = trainable(&self.learner);
        let parts = self.points().map(|at| {
            let loss = self.task.pretraining_loss::<Autodiff<B>>(
                &learner,
                &lift(designer),
                &lift(at.batch),
                &lift(at.reference),
            );
            GradVector::take(&mut loss.total().backward(), &learner, &self.subset)
        });
        let sum = parts.reduce(|sum, part| sum.add_scaled(&part, 1.0));
        sum.expect("a step has batches")
    }

    /// R(φ).
    pub(crate) fn penalty(&self, designer: &Designer<B>) -> f64 {
        let parts = self.points().map(|at| {
            let target = self.task.target(designer, at.batch, at.reference);
            let penalty = self.task.regulariser(&target, at.batch, at.reference);
            penalty.map_or(0.0, |penalty| host(penalty)[0])
        });
        parts.sum()
    }

    /// V, the designer's gradient and the scale, over all micro-batches; `scale` replaces the
    /// estimator's own.
    pub(crate) fn estimate<G: MetaGradient<Toy, B>>(
        &self,
        meta: &mut G,
        direction: &GradVector<B>,
        scale: Option<f64>,
    ) -> Estimate {
        let probes: Vec<_> = self.points().map(|at| meta.probe(&at, direction)).collect();
        let scale = scale.unwrap_or_else(|| meta.scale(&probes));
        let mut estimate = Estimate {
            value: 0.0,
            descent: vec![],
            scale,
        };
        for (at, probe) in self.points().zip(&probes) {
            let part = meta.estimate(&at, direction, probe, scale);
            estimate.value += part.value;
            let part = part.descent.as_vector().to_vec();
            estimate.descent.resize(part.len(), 0.0);
            for (sum, entry) in estimate.descent.iter_mut().zip(part) {
                *sum += entry;
            }
        }
        estimate
    }
}

/// What an estimator says of a whole step, on the host.
pub(crate) struct Estimate {
    pub(crate) value: f64,
    pub(crate) descent: Vec<f64>,
    pub(crate) scale: f64,
}

/// ‖a − b‖ / ‖b‖.
pub(crate) fn relative_error(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let apart: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
    (apart / b.iter().map(|b| b * b).sum::<f64>()).sqrt()
}

/// ∇_φ of `objective` by central differences along every coordinate.
pub(crate) fn gradient_by_differences(
    designer: &Designer<F64>,
    objective: impl Fn(&Designer<F64>) -> f64,
) -> Vec<f64> {
    const STEP: f64 = 1e-5;
    let all = ParamSubset::all(designer);
    let entries = GradVector::of(designer, &all).to_vec().len();
    let along = |entry: usize| {
        let mut seen = 0;
        let axis = GradVector::generate(designer, &all, |length| {
            let part = (seen..seen + length).map(|i| f64::from(u8::from(i == entry)));
            seen += length;
            part.collect()
        });
        let at = |step: f64| objective(&axis.shift(designer.clone(), step));
        (at(STEP) - at(-STEP)) / (2.0 * STEP)
    };
    (0..entries).map(along).collect()
}

/// A schedule in which everything happens within a few steps.
pub(crate) fn config() -> TrainerConfig {
    TrainerConfig {
        cadence: Cadence {
            burn_in: Some(1),
            update_every: Some(2),
        },
        designer_rate: 1e-2,
        designer_steps: 3,
        ..TrainerConfig::new(40, 1e-2)
    }
}

/// A run in which only `seed` says where θ, φ and the stream begin.
pub(crate) fn trainer<B, F, G>(
    seed: u64,
    feedback: F,
    meta: G,
    config: TrainerConfig,
) -> Trainer<Toy, B, Stream, F, G>
where
    B: Backend,
    F: Feedback<Toy, B>,
    G: MetaGradient<Toy, B>,
{
    let source = Stream::new::<B>(seed + 1, (2, 4));
    let (learner, designer) = (Mlp::drawn(seed), designer(seed + 3));
    Trainer::new(
        task(0.1),
        learner,
        designer,
        (source, feedback, meta),
        config,
    )
}

/// A module bit by bit.
pub(crate) fn bits<B: Backend, M: Module<B>>(module: &M) -> BTreeMap<String, Vec<u8>> {
    let values = export(module).into_iter();
    values
        .map(|(path, data)| (path, data.as_bytes().to_vec()))
        .collect()
}

/// The entries of a tensor in f64.
pub(crate) fn host<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Vec<f64> {
    tensor.into_data().iter().collect()
}

/// `module` in f64 on a backend whose default is something else.
pub(crate) fn widened<B: Backend, M: Module<B>>(module: M) -> M {
    struct Widen;
    impl<B: Backend> ModuleMapper<B> for Widen {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
            param.map(|tensor| tensor.cast(DType::F64))
        }
    }
    module.map(&mut Widen)
}
