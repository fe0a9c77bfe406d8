//! Learners that can be cut in two below S, so that second order is needed above the cut alone.

use super::{Modality, Objective, On, PredictiveLoss, PredictiveTask, TargetFn, ViewGenerator};
use crate::ParamSubset;
use burn::module::{AutodiffModule, Module};
use burn::tensor::backend::{AutodiffBackend, Backend};

/// A task with `predict(θ, views) = upper(θ, lower(θ, views, S), views)`, whose lower part reads
/// nothing of θ_S.
pub trait SplitTask: PredictiveTask {
    /// h, with whatever says where the cut is.
    type Hidden<B: Backend>: Module<B>;

    /// The learner up to the last point below every parameter of `subset`.
    ///
    /// # Panics
    /// If `subset` leaves nothing below it.
    fn lower<B: Backend>(
        &self,
        learner: &Self::Learner<B>,
        views: &Self::Views<B>,
        subset: &ParamSubset,
    ) -> Self::Hidden<B>;

    /// The rest of the learner.
    fn upper<B: Backend>(
        &self,
        learner: &Self::Learner<B>,
        hidden: Self::Hidden<B>,
        views: &Self::Views<B>,
    ) -> Self::Prediction<B>;
}

/// The same of a modality; it makes every [`Objective`] over it a [`SplitTask`].
pub trait SplitModality: Modality {
    /// See [`SplitTask::Hidden`].
    type Hidden<B: Backend>: Module<B>;

    /// See [`SplitTask::lower`].
    fn lower<B: Backend>(
        learner: &Self::Learner<B>,
        views: &Self::Views<B>,
        subset: &ParamSubset,
    ) -> Self::Hidden<B>;

    /// See [`SplitTask::upper`].
    fn upper<B: Backend>(
        learner: &Self::Learner<B>,
        hidden: Self::Hidden<B>,
        views: &Self::Views<B>,
    ) -> Self::Prediction<B>;
}

impl<M, A, T, L> SplitTask for Objective<M, A, T, L>
where
    M: SplitModality,
    A: ViewGenerator<M>,
    T: TargetFn<M>,
    L: PredictiveLoss<M, T>,
{
    type Hidden<B: Backend> = M::Hidden<B>;

    fn lower<B: Backend>(
        &self,
        learner: &M::Learner<B>,
        views: &M::Views<B>,
        subset: &ParamSubset,
    ) -> M::Hidden<B> {
        M::lower(learner, views, subset)
    }

    fn upper<B: Backend>(
        &self,
        learner: &M::Learner<B>,
        hidden: M::Hidden<B>,
        views: &M::Views<B>,
    ) -> M::Prediction<B> {
        M::upper(learner, hidden, views)
    }
}

/// A [`SplitTask`] whose hidden states, views and targets move between `D` (`Autodiff<_>`) and the
/// backend below, with the tape they are on there.
///
/// Holds for every task made of derived modules; nobody implements it by hand.
pub trait SplitOn<D: AutodiffBackend>:
    On<D>
    + SplitTask<
        Hidden<D>: AutodiffModule<D, InnerModule = HiddenOf<Self, D::InnerBackend>>,
        Views<D>: AutodiffModule<D, InnerModule = <Self as PredictiveTask>::Views<D::InnerBackend>>,
        Target<D>: AutodiffModule<
            D,
            InnerModule = <Self as PredictiveTask>::Target<D::InnerBackend>,
        >,
    >
{
}

impl<D, T> SplitOn<D> for T
where
    D: AutodiffBackend,
    T: On<D>
        + SplitTask<
            Hidden<D>: AutodiffModule<D, InnerModule = HiddenOf<Self, D::InnerBackend>>,
            Views<D>: AutodiffModule<
                D,
                InnerModule = <Self as PredictiveTask>::Views<D::InnerBackend>,
            >,
            Target<D>: AutodiffModule<
                D,
                InnerModule = <Self as PredictiveTask>::Target<D::InnerBackend>,
            >,
        >,
{
}

/// h of task `T` on backend `B`.
pub type HiddenOf<T, B> = <T as SplitTask>::Hidden<B>;
