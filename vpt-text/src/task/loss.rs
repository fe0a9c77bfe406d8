//! ℓ for language: cross-entropy to a sparse soft target, which is linear in the target.

use super::vocabulary::{CHUNK_LOGITS, log_probabilities};
use super::{Candidates, Hidden, SoftTarget, SoftTargets, Text, TextBatch};
use burn::backend::Autodiff;
use burn::tensor::{Tensor, backend::Backend};
use vpt_core::{
    FirstOrderLoss, LinearLoss, Loss, NoParameters, PredictiveLoss, TargetFn, ValueMoments,
};

/// L_pre = Σ_t w_t (lse_t − Σ_k q_tk z_tk) (eq. 5 with a soft target).
pub struct SoftCrossEntropy;

impl PredictiveLoss<Text, SoftTargets> for SoftCrossEntropy {
    /// The plain definition: entries are −Σ_k q_tk log p_tk.
    fn loss<B: Backend>(
        &self,
        prediction: Hidden<B>,
        target: &SoftTarget<B>,
        views: &TextBatch<B>,
    ) -> Loss<B> {
        let log_p = log_probabilities(
            &prediction.hidden,
            &prediction.head,
            &target.ids,
            CHUNK_LOGITS,
        );
        let [n, _] = log_p.dims();
        let entries = (log_p * target.q.clone()).sum_dim(1).neg().reshape([n]);
        Loss {
            entries,
            weights: views.weights.clone(),
        }
    }

    /// ∂L/∂h_t = w_t (E_t − Σ_k q_tk W_k) and ∂L/∂W = pᵀ(w h) − the scattered q-part. The dense
    /// halves are constants of the reference's single pass; the sparse half is left to the tape.
    /// Right to first order only, which is why it lives on `Autodiff<I>` alone.
    ///
    /// # Panics
    /// If the head is on the tape while the reference was made for one that does not learn.
    fn learner_loss<I: Backend>(
        &self,
        prediction: Hidden<Autodiff<I>>,
        target: &SoftTarget<Autodiff<I>>,
        views: &TextBatch<Autodiff<I>>,
        reference: &Candidates<I>,
    ) -> FirstOrderLoss<I> {
        let Hidden { hidden, head, .. } = prediction;
        let ([n, width], [_, slots]) = (hidden.dims(), target.q.dims());
        let weights = views.weights.clone().inner();
        let q = target.q.clone().inner();
        let share = q.clone() * weights.clone().reshape([n, 1]);

        let dense = reference.expected.clone() * weights.clone().reshape([n, 1]);
        let lift = |tensor: Tensor<I, 2>| Tensor::<Autodiff<I>, 2>::from_inner(tensor);
        let rows = head
            .clone()
            .select(0, target.ids.clone().reshape([n * slots]))
            .reshape([n, slots, width]);
        let logits = (rows * hidden.clone().reshape([n, 1, width]))
            .sum_dim(2)
            .reshape([n, slots]);
        let dense = (hidden * lift(dense)).sum();
        let dense = match &reference.head_gradient {
            Some(gradient) => dense + (head * lift(gradient.clone())).sum(),
            None => {
                assert!(
                    !head.is_require_grad(),
                    "SoftCrossEntropy: the head is on the tape and was said not to learn"
                );
                dense
            }
        };
        let surrogate = dense - (logits * lift(share.clone())).sum();

        // −Σ w Σ q log p, with Σ_k q_tk = 1.
        let value = (share * reference.log_p.clone()).sum().neg();
        FirstOrderLoss { value, surrogate }
    }
}

impl LinearLoss<Text, SoftTargets> for SoftCrossEntropy {
    /// −log p of each slot: its derivative along a direction is the value of a token,
    /// c(t, k) = −d/dε log p_{θ+ε·direction}(k | t).
    fn coefficients<B: Backend>(
        &self,
        prediction: Hidden<B>,
        _: &TextBatch<B>,
        reference: &Candidates<B>,
    ) -> Tensor<B, 2> {
        log_probabilities(
            &prediction.hidden,
            &prediction.head,
            &reference.ids,
            CHUNK_LOGITS,
        )
        .neg()
    }

    fn target_weights<B: Backend>(
        &self,
        target: &SoftTarget<B>,
        views: &TextBatch<B>,
    ) -> Tensor<B, 2> {
        let [n, _] = target.q.dims();
        target.q.clone() * views.weights.clone().reshape([n, 1])
    }

    /// Of c over the candidates of the batch; over all slots where there are none.
    fn value_moments<B: Backend>(
        &self,
        values: &Tensor<B, 2>,
        reference: &Candidates<B>,
    ) -> ValueMoments {
        ValueMoments::of(match reference.count() {
            0 => values.clone(),
            _ => reference.without_label(values),
        })
    }

    fn inform<B: Backend>(
        &self,
        mut reference: Candidates<B>,
        values: Tensor<B, 2>,
        scale: f64,
    ) -> Candidates<B> {
        let options = (&values.device(), values.dtype());
        reference.scale = Some(Tensor::full([1], scale, options));
        reference.values = Some(values);
        reference
    }
}

/// Mean NLL of the labels with an exact value and a first-order gradient, by the same single pass
/// as the learner's step: L_down of a labelled batch. `[1]`
pub fn label_loss<I: Backend>(
    prediction: Hidden<Autodiff<I>>,
    views: &TextBatch<Autodiff<I>>,
) -> Tensor<Autodiff<I>, 1> {
    use burn::module::AutodiffModule;
    let targets = SoftTargets::one_hot();
    let plain = views.valid();
    let reference = targets.reference::<I>(&NoParameters, prediction.valid(), &plain);
    let lifted = Candidates::<Autodiff<I>>::from_inner(reference.clone());
    let target = targets.unshaped_target(views, &lifted);
    let FirstOrderLoss { value, surrogate } =
        SoftCrossEntropy.learner_loss(prediction, &target, views, &reference);
    let constant = value - surrogate.clone().inner();
    surrogate + Tensor::from_inner(constant)
}
