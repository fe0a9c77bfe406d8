//! The triple as three roles over one vocabulary; [`Objective`] makes them a task.
//!
//! A method is a value: NTP is a one-hot τ, V-Pretraining a learned τ, masked autoencoding another
//! (A, τ, ℓ) over another modality. Role traits alone do not compose, since "`T`'s views are `A`'s
//! for every backend" cannot be written; a [`Modality`] that owns the types makes it true.

use super::{Cut, FirstOrderLoss, LinearInTarget, Loss, PredictiveTask};
use crate::{ParamSubset, Progress, ValueMoments};
use burn::backend::Autodiff;
use burn::module::Module;
use burn::tensor::{Tensor, backend::Backend};
use std::marker::PhantomData;

/// What a learner sees, says and is told.
pub trait Modality: Send + Sync + 'static {
    /// f_θ and g_θ.
    type Learner<B: Backend>: Module<B>;
    /// x with its draw and weights.
    type Batch<B: Backend>: Module<B>;
    /// (x_c, x_t, m).
    type Views<B: Backend>;
    /// ŷ.
    type Prediction<B: Backend>: Module<B>;
    /// y.
    type Target<B: Backend>;

    /// ŷ = g_θ(f_θ(x_c), m) (eq. 2).
    fn predict<B: Backend>(
        learner: &Self::Learner<B>,
        views: &Self::Views<B>,
    ) -> Self::Prediction<B>;

    /// See [`PredictiveTask::predict_cut`].
    fn predict_cut<I: Backend>(
        learner: &Self::Learner<Autodiff<I>>,
        views: &Self::Views<Autodiff<I>>,
    ) -> (Self::Prediction<Autodiff<I>>, Vec<Cut<I>>) {
        (Self::predict(learner, views), vec![])
    }
}

/// A_φ (eq. 1, 8).
pub trait ViewGenerator<M: Modality>: Send + Sync + 'static {
    /// The part of φ that shapes views.
    type Designer<B: Backend>: Module<B>;

    /// (x_c, x_t, m) ∼ A_φ(x); the draw is in the batch.
    fn views<B: Backend>(&self, designer: &Self::Designer<B>, batch: &M::Batch<B>) -> M::Views<B>;

    /// See [`PredictiveTask::unshaped_views`].
    fn unshaped_views<B: Backend>(&self, batch: &M::Batch<B>) -> M::Views<B>;

    /// See [`PredictiveTask::shaped_part`].
    fn shaped_part<B: Backend>(&self, batch: &M::Batch<B>) -> M::Batch<B> {
        batch.clone()
    }

    /// This part of φ's [`PredictiveTask::regulariser`].
    fn regulariser<B: Backend>(&self, _views: &M::Views<B>) -> Option<Tensor<B, 1>> {
        None
    }

    /// This part of φ's [`PredictiveTask::measures`].
    fn measures<B: Backend>(&self, _views: &M::Views<B>) -> Vec<(&'static str, f64)> {
        vec![]
    }
}

/// τ_φ (eq. 4, 7, 8).
pub trait TargetFn<M: Modality>: Send + Sync + 'static {
    /// The part of φ that shapes targets.
    type Designer<B: Backend>: Module<B>;
    /// See [`PredictiveTask::Teacher`].
    type Teacher<B: Backend>: Module<B>;
    /// What it knows of the learner.
    type Reference<B: Backend>: Module<B>;

    /// See [`PredictiveTask::teacher`].
    fn teacher<B: Backend>(&self, learner: &M::Learner<B>) -> Self::Teacher<B>;

    /// See [`PredictiveTask::reference`].
    fn reference<B: Backend>(
        &self,
        teacher: &Self::Teacher<B>,
        prediction: M::Prediction<B>,
        views: &M::Views<B>,
    ) -> Self::Reference<B>;

    /// See [`PredictiveTask::predict_again`].
    fn predict_again<B: Backend>(
        &self,
        learner: &M::Learner<B>,
        views: &M::Views<B>,
        _reference: &Self::Reference<B>,
    ) -> M::Prediction<B> {
        M::predict(learner, views)
    }

    /// See [`PredictiveTask::target`].
    fn target<B: Backend>(
        &self,
        designer: &Self::Designer<B>,
        views: &M::Views<B>,
        reference: &Self::Reference<B>,
    ) -> M::Target<B>;

    /// See [`PredictiveTask::unshaped_target`].
    fn unshaped_target<B: Backend>(
        &self,
        views: &M::Views<B>,
        reference: &Self::Reference<B>,
    ) -> M::Target<B>;

    /// See [`PredictiveTask::kept`].
    fn kept<B: Backend>(&self, _reference: Self::Reference<B>) -> Option<Self::Reference<B>> {
        None
    }

    /// See [`PredictiveTask::follow`].
    fn follow<B: Backend>(
        &self,
        teacher: Self::Teacher<B>,
        _learner: &M::Learner<B>,
        _kept: &[Self::Reference<B>],
        _progress: Progress,
    ) -> Self::Teacher<B> {
        teacher
    }

    /// See [`PredictiveTask::regulariser`].
    fn regulariser<B: Backend>(
        &self,
        _target: &M::Target<B>,
        _views: &M::Views<B>,
        _reference: &Self::Reference<B>,
    ) -> Option<Tensor<B, 1>> {
        None
    }

    /// See [`PredictiveTask::measures`].
    fn measures<B: Backend>(
        &self,
        _target: &M::Target<B>,
        _views: &M::Views<B>,
        _reference: &Self::Reference<B>,
    ) -> Vec<(&'static str, f64)> {
        vec![]
    }
}

/// ℓ (eq. 3), with the reference that its target function makes.
pub trait PredictiveLoss<M: Modality, R>: Send + Sync + 'static
where
    R: TargetFn<M>,
{
    /// See [`PredictiveTask::loss`].
    fn loss<B: Backend>(
        &self,
        prediction: M::Prediction<B>,
        target: &M::Target<B>,
        views: &M::Views<B>,
    ) -> Loss<B>;

    /// See [`PredictiveTask::learner_loss`].
    fn learner_loss<I: Backend>(
        &self,
        prediction: M::Prediction<Autodiff<I>>,
        target: &M::Target<Autodiff<I>>,
        views: &M::Views<Autodiff<I>>,
        _reference: R::Reference<I>,
    ) -> FirstOrderLoss<I> {
        let surrogate = self.loss(prediction, target, views).total();
        FirstOrderLoss {
            value: surrogate.clone().inner(),
            surrogate,
        }
    }
}

/// A loss that is linear in its target, with a τ that can be told values.
pub trait LinearLoss<M: Modality, R: TargetFn<M>>: PredictiveLoss<M, R> {
    /// See [`LinearInTarget::coefficients`].
    fn coefficients<B: Backend>(
        &self,
        prediction: M::Prediction<B>,
        views: &M::Views<B>,
        reference: &R::Reference<B>,
    ) -> Tensor<B, 2>;

    /// See [`LinearInTarget::difference`].
    fn difference<B: Backend>(
        &self,
        (plus, minus): (M::Prediction<B>, M::Prediction<B>),
        views: &M::Views<B>,
        reference: &R::Reference<B>,
    ) -> Tensor<B, 2> {
        self.coefficients(plus, views, reference) - self.coefficients(minus, views, reference)
    }

    /// See [`LinearInTarget::target_weights`].
    fn target_weights<B: Backend>(
        &self,
        target: &M::Target<B>,
        views: &M::Views<B>,
    ) -> Tensor<B, 2>;

    /// See [`LinearInTarget::value_moments`].
    fn value_moments<B: Backend>(
        &self,
        values: &Tensor<B, 2>,
        reference: &R::Reference<B>,
    ) -> ValueMoments;

    /// See [`LinearInTarget::inform`].
    fn inform<B: Backend>(
        &self,
        reference: R::Reference<B>,
        values: Tensor<B, 2>,
        scale: f64,
    ) -> R::Reference<B>;
}

/// (A_φ, τ_φ, ℓ) over modality `M`; φ is the pair of their designers.
pub struct Objective<M, A, T, L> {
    views: A,
    target: T,
    loss: L,
    modality: PhantomData<fn() -> M>,
}

impl<M, A, T, L> Objective<M, A, T, L> {
    /// The task of `views`, `target` and `loss`.
    pub fn new(views: A, target: T, loss: L) -> Self {
        Self {
            views,
            target,
            loss,
            modality: PhantomData,
        }
    }
}

impl<M, A, T, L> PredictiveTask for Objective<M, A, T, L>
where
    M: Modality,
    A: ViewGenerator<M>,
    T: TargetFn<M>,
    L: PredictiveLoss<M, T>,
{
    type Learner<B: Backend> = M::Learner<B>;
    type Designer<B: Backend> = (A::Designer<B>, T::Designer<B>);
    type Batch<B: Backend> = M::Batch<B>;
    type Teacher<B: Backend> = T::Teacher<B>;
    type Reference<B: Backend> = T::Reference<B>;
    type Views<B: Backend> = M::Views<B>;
    type Prediction<B: Backend> = M::Prediction<B>;
    type Target<B: Backend> = M::Target<B>;

    fn views<B: Backend>(&self, designer: &Self::Designer<B>, batch: &M::Batch<B>) -> M::Views<B> {
        self.views.views(&designer.0, batch)
    }

    fn predict<B: Backend>(
        &self,
        learner: &M::Learner<B>,
        views: &M::Views<B>,
    ) -> M::Prediction<B> {
        M::predict(learner, views)
    }

    fn predict_cut<I: Backend>(
        &self,
        learner: &M::Learner<Autodiff<I>>,
        views: &M::Views<Autodiff<I>>,
    ) -> (M::Prediction<Autodiff<I>>, Vec<Cut<I>>) {
        M::predict_cut(learner, views)
    }

    fn teacher<B: Backend>(&self, learner: &M::Learner<B>) -> T::Teacher<B> {
        self.target.teacher(learner)
    }

    fn predict_again<B: Backend>(
        &self,
        learner: &M::Learner<B>,
        views: &M::Views<B>,
        reference: &T::Reference<B>,
    ) -> M::Prediction<B> {
        self.target.predict_again(learner, views, reference)
    }

    fn reference<B: Backend>(
        &self,
        teacher: &T::Teacher<B>,
        prediction: M::Prediction<B>,
        views: &M::Views<B>,
    ) -> T::Reference<B> {
        self.target.reference(teacher, prediction, views)
    }

    fn target<B: Backend>(
        &self,
        designer: &Self::Designer<B>,
        views: &M::Views<B>,
        reference: &T::Reference<B>,
    ) -> M::Target<B> {
        self.target.target(&designer.1, views, reference)
    }

    fn unshaped_views<B: Backend>(&self, batch: &M::Batch<B>) -> M::Views<B> {
        self.views.unshaped_views(batch)
    }

    fn shapes_views<B: Backend>(&self, designer: &Self::Designer<B>) -> bool {
        !ParamSubset::all(&designer.0).is_empty()
    }

    fn shaped_part<B: Backend>(&self, batch: &M::Batch<B>) -> M::Batch<B> {
        self.views.shaped_part(batch)
    }

    fn unshaped_target<B: Backend>(
        &self,
        views: &M::Views<B>,
        reference: &T::Reference<B>,
    ) -> M::Target<B> {
        self.target.unshaped_target(views, reference)
    }

    fn loss<B: Backend>(
        &self,
        prediction: M::Prediction<B>,
        target: &M::Target<B>,
        views: &M::Views<B>,
    ) -> Loss<B> {
        self.loss.loss(prediction, target, views)
    }

    fn learner_loss<I: Backend>(
        &self,
        prediction: M::Prediction<Autodiff<I>>,
        target: &M::Target<Autodiff<I>>,
        views: &M::Views<Autodiff<I>>,
        reference: T::Reference<I>,
    ) -> FirstOrderLoss<I> {
        self.loss.learner_loss(prediction, target, views, reference)
    }

    fn kept<B: Backend>(&self, reference: T::Reference<B>) -> Option<T::Reference<B>> {
        self.target.kept(reference)
    }

    fn follow<B: Backend>(
        &self,
        teacher: T::Teacher<B>,
        learner: &M::Learner<B>,
        kept: &[T::Reference<B>],
        progress: Progress,
    ) -> T::Teacher<B> {
        self.target.follow(teacher, learner, kept, progress)
    }

    fn regulariser<B: Backend>(
        &self,
        target: &M::Target<B>,
        views: &M::Views<B>,
        reference: &T::Reference<B>,
    ) -> Option<Tensor<B, 1>> {
        let parts = [
            self.views.regulariser(views),
            self.target.regulariser(target, views, reference),
        ];
        parts.into_iter().flatten().reduce(|sum, part| sum + part)
    }

    fn measures<B: Backend>(
        &self,
        target: &M::Target<B>,
        views: &M::Views<B>,
        reference: &T::Reference<B>,
    ) -> Vec<(&'static str, f64)> {
        let mut measures = self.views.measures(views);
        measures.extend(self.target.measures(target, views, reference));
        measures
    }
}

impl<M, A, T, L> LinearInTarget for Objective<M, A, T, L>
where
    M: Modality,
    A: ViewGenerator<M>,
    T: TargetFn<M>,
    L: LinearLoss<M, T>,
{
    fn coefficients<B: Backend>(
        &self,
        prediction: M::Prediction<B>,
        views: &M::Views<B>,
        reference: &T::Reference<B>,
    ) -> Tensor<B, 2> {
        self.loss.coefficients(prediction, views, reference)
    }

    fn difference<B: Backend>(
        &self,
        predictions: (M::Prediction<B>, M::Prediction<B>),
        views: &M::Views<B>,
        reference: &T::Reference<B>,
    ) -> Tensor<B, 2> {
        self.loss.difference(predictions, views, reference)
    }

    fn target_weights<B: Backend>(
        &self,
        target: &M::Target<B>,
        views: &M::Views<B>,
    ) -> Tensor<B, 2> {
        self.loss.target_weights(target, views)
    }

    fn value_moments<B: Backend>(
        &self,
        values: &Tensor<B, 2>,
        reference: &T::Reference<B>,
    ) -> ValueMoments {
        self.loss.value_moments(values, reference)
    }

    fn inform<B: Backend>(
        &self,
        reference: T::Reference<B>,
        values: Tensor<B, 2>,
        scale: f64,
    ) -> T::Reference<B> {
        self.loss.inform(reference, values, scale)
    }
}
