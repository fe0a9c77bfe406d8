//! The triple (A_φ, τ_φ, ℓ) of eq. 8–9, written once for every backend.

mod cut;
mod lift;
mod linear;
mod roles;
mod split;

pub use cut::Cut;
pub use lift::{lift, trainable};
pub use linear::LinearInTarget;
pub use roles::{LinearLoss, Modality, Objective, PredictiveLoss, TargetFn, ViewGenerator};
pub use split::{HiddenOf, SplitModality, SplitOn, SplitTask};

use crate::Progress;
use burn::backend::Autodiff;
use burn::module::{AutodiffModule, Module};
use burn::tensor::{
    Tensor,
    backend::{AutodiffBackend, Backend},
};

/// ℓ on one micro-batch: Σ_i weights_i · entries_i.
///
/// Weights hold the denominator of the whole step, so that micro-batches add up to the loss of the
/// step; entries come apart from them so that differences can be taken before anything is summed.
#[derive(Clone, Debug)]
pub struct Loss<B: Backend> {
    /// `[entries]`
    pub entries: Tensor<B, 1>,
    /// `[entries]`, constants.
    pub weights: Tensor<B, 1>,
}

impl<B: Backend> Loss<B> {
    /// The weighted sum. `[1]`
    pub fn total(self) -> Tensor<B, 1> {
        (self.entries * self.weights).sum()
    }
}

/// A loss with a scalar whose gradient equals the loss's, to first order only.
pub struct FirstOrderLoss<I: Backend> {
    /// L_pre. `[1]`
    pub value: Tensor<I, 1>,
    /// Differentiate this. `[1]`
    pub surrogate: Tensor<Autodiff<I>, 1>,
}

/// A predictive-learning task: a learner θ, a designer φ, and the triple between them.
///
/// Each method is a pure function of its arguments, on any backend. Randomness is drawn on the
/// host and stored in the batch; what τ knows of the learner is a [`Reference`](Self::Reference)
/// made without a tape, so that L_pre(θ; φ) is one function for every estimator.
pub trait PredictiveTask: Send + Sync + 'static {
    /// f_θ and g_θ.
    type Learner<B: Backend>: Module<B>;
    /// φ.
    type Designer<B: Backend>: Module<B>;
    /// x with its draw ξ and its weights, which are those of the whole step. Constants.
    type Batch<B: Backend>: Module<B>;
    /// What follows the learner without ever getting a gradient: an EMA of it with its centre.
    /// [`NoParameters`](crate::NoParameters) for most tasks. All its state is float parameters,
    /// which checkpoints hold in full.
    type Teacher<B: Backend>: Module<B>;
    /// sg(·) of the learner that targets are built from: top-K ids, a teacher's answers, nothing.
    type Reference<B: Backend>: Module<B>;
    /// (x_c, x_t, m).
    type Views<B: Backend>;
    /// ŷ.
    type Prediction<B: Backend>: Module<B>;
    /// y_φ.
    type Target<B: Backend>;

    /// A_φ (eq. 1, 8).
    fn views<B: Backend>(
        &self,
        designer: &Self::Designer<B>,
        batch: &Self::Batch<B>,
    ) -> Self::Views<B>;

    /// ŷ = g_θ(f_θ(x_c), m) (eq. 2).
    fn predict<B: Backend>(
        &self,
        learner: &Self::Learner<B>,
        views: &Self::Views<B>,
    ) -> Self::Prediction<B>;

    /// [`predict`](Self::predict) for the learner's own step, where a learner that trades time for
    /// memory may cut its tape. The cuts are from the top down; without any it is `predict`.
    fn predict_cut<I: Backend>(
        &self,
        learner: &Self::Learner<Autodiff<I>>,
        views: &Self::Views<Autodiff<I>>,
    ) -> (Self::Prediction<Autodiff<I>>, Vec<Cut<I>>) {
        (self.predict(learner, views), vec![])
    }

    /// The teacher of a run that begins with `learner`.
    fn teacher<B: Backend>(&self, learner: &Self::Learner<B>) -> Self::Teacher<B>;

    /// ŷ of a learner that differs in θ_S alone from the one whose prediction made `reference`. A task
    /// that keeps in the reference what neither S nor φ reaches starts from there.
    fn predict_again<B: Backend>(
        &self,
        learner: &Self::Learner<B>,
        views: &Self::Views<B>,
        _reference: &Self::Reference<B>,
    ) -> Self::Prediction<B> {
        self.predict(learner, views)
    }

    /// What τ may know of the learner, from this step's own prediction, and of its teacher, which
    /// nothing else reads.
    fn reference<B: Backend>(
        &self,
        teacher: &Self::Teacher<B>,
        prediction: Self::Prediction<B>,
        views: &Self::Views<B>,
    ) -> Self::Reference<B>;

    /// y_φ = τ_φ(x_t, x_c, m) (eq. 4, 8).
    fn target<B: Backend>(
        &self,
        designer: &Self::Designer<B>,
        views: &Self::Views<B>,
        reference: &Self::Reference<B>,
    ) -> Self::Target<B>;

    /// The views of the plain objective, which stand until burn-in is over (A.7).
    fn unshaped_views<B: Backend>(&self, batch: &Self::Batch<B>) -> Self::Views<B>;

    /// Whether φ shapes views at all. Where it does not, a prediction that was made before a value
    /// update still stands after it.
    fn shapes_views<B: Backend>(&self, _designer: &Self::Designer<B>) -> bool {
        true
    }

    /// What of x the value update needs: all of it, or less where φ cannot shape the rest, whose
    /// share of ∇_φ V is 0. Weights stay those of the whole step, and a reference made from the
    /// whole batch must do.
    fn shaped_part<B: Backend>(&self, batch: &Self::Batch<B>) -> Self::Batch<B> {
        batch.clone()
    }

    /// The target of the plain objective, which stands until burn-in is over (A.7).
    fn unshaped_target<B: Backend>(
        &self,
        views: &Self::Views<B>,
        reference: &Self::Reference<B>,
    ) -> Self::Target<B>;

    /// ℓ(ŷ, y_φ) (eq. 3, 9), differentiable any number of times.
    fn loss<B: Backend>(
        &self,
        prediction: Self::Prediction<B>,
        target: &Self::Target<B>,
        views: &Self::Views<B>,
    ) -> Loss<B>;

    /// The same loss for the learner's own step, where only its gradient in θ is wanted. A task
    /// that knows a cheaper scalar with that gradient returns it. The reference is its to take apart:
    /// what of the gradient was prepared in it can be finished in the same memory.
    fn learner_loss<I: Backend>(
        &self,
        prediction: Self::Prediction<Autodiff<I>>,
        target: &Self::Target<Autodiff<I>>,
        views: &Self::Views<Autodiff<I>>,
        _reference: Self::Reference<I>,
    ) -> FirstOrderLoss<I> {
        let surrogate = self.loss(prediction, target, views).total();
        FirstOrderLoss {
            value: surrogate.clone().inner(),
            surrogate,
        }
    }

    /// What of a micro-batch's reference [`follow`](Self::follow) needs; the rest is dropped
    /// before the next micro-batch.
    fn kept<B: Backend>(&self, _reference: Self::Reference<B>) -> Option<Self::Reference<B>> {
        None
    }

    /// The teacher of the next step, after the learner's step: `learner` is the one that came out
    /// of it, `kept` what [`kept`](Self::kept) left of each micro-batch, in order.
    fn follow<B: Backend>(
        &self,
        teacher: Self::Teacher<B>,
        _learner: &Self::Learner<B>,
        _kept: &[Self::Reference<B>],
        _progress: Progress,
    ) -> Self::Teacher<B> {
        teacher
    }

    /// R(φ), subtracted from V in the designer's objective: A.2's sparsity and smoothness, the
    /// stabilised soft target's penalties. Weighted like the loss. `[1]`
    fn regulariser<B: Backend>(
        &self,
        _target: &Self::Target<B>,
        _views: &Self::Views<B>,
        _reference: &Self::Reference<B>,
    ) -> Option<Tensor<B, 1>> {
        None
    }

    /// Named figures of a shaped step for the log; they add up over the micro-batches of a step.
    fn measures<B: Backend>(
        &self,
        _target: &Self::Target<B>,
        _views: &Self::Views<B>,
        _reference: &Self::Reference<B>,
    ) -> Vec<(&'static str, f64)> {
        vec![]
    }

    /// L_pre(θ; φ) on one micro-batch (eq. 9).
    fn pretraining_loss<B: Backend>(
        &self,
        learner: &Self::Learner<B>,
        designer: &Self::Designer<B>,
        batch: &Self::Batch<B>,
        reference: &Self::Reference<B>,
    ) -> Loss<B> {
        let views = self.views(designer, batch);
        let target = self.target(designer, &views, reference);
        self.loss(self.predict(learner, &views), &target, &views)
    }
}

/// A task whose modules move between `D` (`Autodiff<_>`) and the backend below.
///
/// Holds for every task made of derived modules; nobody implements it by hand.
pub trait On<D: AutodiffBackend>:
    PredictiveTask<
        Learner<D>: AutodiffModule<D, InnerModule = LearnerOf<Self, D::InnerBackend>>,
        Designer<D>: AutodiffModule<D, InnerModule = DesignerOf<Self, D::InnerBackend>>,
        Batch<D>: AutodiffModule<D, InnerModule = BatchOf<Self, D::InnerBackend>>,
        Reference<D>: AutodiffModule<D, InnerModule = ReferenceOf<Self, D::InnerBackend>>,
        Prediction<D>: AutodiffModule<D, InnerModule = PredictionOf<Self, D::InnerBackend>>,
    >
{
}

impl<T, D> On<D> for T
where
    D: AutodiffBackend,
    T: PredictiveTask<
            Learner<D>: AutodiffModule<D, InnerModule = LearnerOf<Self, D::InnerBackend>>,
            Designer<D>: AutodiffModule<D, InnerModule = DesignerOf<Self, D::InnerBackend>>,
            Batch<D>: AutodiffModule<D, InnerModule = BatchOf<Self, D::InnerBackend>>,
            Reference<D>: AutodiffModule<D, InnerModule = ReferenceOf<Self, D::InnerBackend>>,
            Prediction<D>: AutodiffModule<D, InnerModule = PredictionOf<Self, D::InnerBackend>>,
        >,
{
}

/// θ of task `T` on backend `B`.
pub type LearnerOf<T, B> = <T as PredictiveTask>::Learner<B>;
/// φ of task `T` on backend `B`.
pub type DesignerOf<T, B> = <T as PredictiveTask>::Designer<B>;
/// The batch of task `T` on backend `B`.
pub type BatchOf<T, B> = <T as PredictiveTask>::Batch<B>;
/// The teacher of task `T` on backend `B`.
pub type TeacherOf<T, B> = <T as PredictiveTask>::Teacher<B>;
/// The reference of task `T` on backend `B`.
pub type ReferenceOf<T, B> = <T as PredictiveTask>::Reference<B>;
/// The prediction of task `T` on backend `B`.
pub type PredictionOf<T, B> = <T as PredictiveTask>::Prediction<B>;
