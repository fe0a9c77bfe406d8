//! ℓ for language: cross-entropy to a sparse soft target, which is linear in the target.

use super::vocabulary::{CHUNK_LOGITS, log_probabilities};
use super::{Candidates, Hidden, SoftTarget, SoftTargets, Text, TextBatch};
use burn::backend::Autodiff;
use burn::tensor::{Tensor, backend::Backend};
use vpt_core::kernels::{gathered, pairing, sampled, scattered};
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
    /// halves are those of the reference's single pass. Right to first order only, which is why it
    /// lives on `Autodiff<I>` alone.
    ///
    /// # Panics
    /// If the head is on the tape while the reference was made for one that does not learn.
    fn learner_loss<I: Backend>(
        &self,
        prediction: Hidden<Autodiff<I>>,
        target: &SoftTarget<Autodiff<I>>,
        views: &TextBatch<Autodiff<I>>,
        reference: Candidates<I>,
    ) -> FirstOrderLoss<I> {
        let Hidden {
            hidden,
            head,
            head_tracked,
            ..
        } = prediction;
        let [n, _] = hidden.dims();
        let weights = views.weights.clone().inner().reshape([n, 1]);
        let share = target.q.clone().inner() * weights.clone();
        let Candidates {
            ids,
            log_p,
            expected,
            head_gradient,
            ..
        } = reference;

        let dense = expected * weights;
        let by_hidden = dense - gathered(head.clone().inner(), &ids, share.clone());
        let plain = hidden.clone().inner();
        let surrogate = pairing(hidden, by_hidden);
        let surrogate = match head_gradient {
            // What it was made for may learn more than this gradient is asked for.
            Some(_) if !head_tracked => surrogate,
            Some(dense) => {
                let by_head = scattered(dense, &ids, share.clone().neg(), plain);
                surrogate + pairing(head, by_head)
            }
            None => {
                assert!(
                    !head.is_require_grad(),
                    "SoftCrossEntropy: the head is on the tape and was said not to learn"
                );
                surrogate
            }
        };

        // −Σ w Σ q log p, with Σ_k q_tk = 1.
        let value = (share * log_p).sum().neg();
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

    /// Where the value is not on the head, ⟨W_k − E_t, ḣ_t⟩ says it with K + 1 rows of the head, and
    /// E_t is there from the learner's own pass.
    fn difference<B: Backend>(
        &self,
        (plus, minus): (Hidden<B>, Hidden<B>),
        views: &TextBatch<B>,
        reference: &Candidates<B>,
    ) -> Tensor<B, 2> {
        if plus.head_valued {
            return self.coefficients(plus, views, reference)
                - self.coefficients(minus, views, reference);
        }
        let moved = plus.hidden - minus.hidden;
        let centre = (reference.expected.clone() * moved.clone()).sum_dim(1);
        centre - sampled(plus.head, &reference.ids, moved)
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
    mut prediction: Hidden<Autodiff<I>>,
    views: &TextBatch<Autodiff<I>>,
) -> Tensor<Autodiff<I>, 1> {
    use burn::module::AutodiffModule;
    // What learns may be more than what this gradient is asked for.
    prediction.head_learns &= prediction.head_tracked;
    prediction.entering = None;
    let targets = SoftTargets::one_hot();
    let plain = views.valid();
    let reference = targets.reference::<I>(&NoParameters, prediction.valid(), &plain);
    let lifted = Candidates::<Autodiff<I>>::from_inner(reference.clone());
    let target = targets.unshaped_target(views, &lifted);
    let FirstOrderLoss { value, surrogate } =
        SoftCrossEntropy.learner_loss(prediction, &target, views, reference);
    let constant = value - surrogate.clone().inner();
    surrogate + Tensor::from_inner(constant)
}
