//! What every token is worth to the downstream task, before any trainer is involved.

use super::LikelihoodError;
use super::likelihood::{by_length, check};
use crate::data::{Document, collate};
use crate::decoder::{Decoder, Reach};
use crate::task::{
    Candidates, SoftTarget, SoftTargets, TargetRule, Text, TextBatch, TextTask, label_loss,
    text_task,
};
use burn::backend::Autodiff;
use burn::tensor::{DType, ElementConversion, Tensor, backend::Backend};
use serde::Serialize;
use vpt_core::{
    CoreError, DifferenceStep, Downstream, Evaluator, Feedback, GradVector, LinearInTarget,
    LinearTarget, MetaGradient, Modality, NoParameters, ParamSubset, Point, PredictiveTask,
    Stateful, extrapolated_entry_values,
};

/// g_down of a labelled set (eq. 12): the gradient in θ_S of the mean NLL of its answer tokens.
pub struct FeedbackGradient<B: Backend> {
    /// g_down.
    pub direction: GradVector<B>,
    /// L_down, in nats a token.
    pub loss: f64,
    /// Answer tokens that it is the mean of.
    pub tokens: usize,
}

/// g_down of all of `documents`, `batch_size` at a time: the parts add up, as each is divided by
/// the tokens of the whole.
///
/// # Errors
/// A document that the model cannot take.
pub fn feedback_gradient<B: Backend>(
    learner: &Decoder<B>,
    subset: &ParamSubset,
    documents: &[Document],
    batch_size: usize,
) -> Result<FeedbackGradient<B>, ValueError> {
    let tokens = asked(learner, documents)?;
    let mut direction = GradVector::of(learner, subset).scaled(0.0);
    let mut loss = 0.0;
    for chunk in by_length(documents, batch_size) {
        let packed = collate(chunk.iter().map(|&index| &documents[index])).packed;
        let part = Downstream::<TextTask, B>::new(Part {
            views: TextBatch::new(&packed, tokens as f64, &learner.device()),
        })
        .direction(learner, subset)?;
        direction = direction.add_scaled(&part.downstream, 1.0);
        loss += part.losses.iter().map(|(_, loss)| loss).sum::<f64>();
    }
    Ok(FeedbackGradient {
        direction,
        loss,
        tokens,
    })
}

/// A part of L_down.
struct Part<I: Backend> {
    views: TextBatch<Autodiff<I>>,
}

impl<I: Backend> Evaluator<TextTask, I> for Part<I> {
    fn name(&self) -> &str {
        "feedback"
    }

    fn loss(
        &mut self,
        learner: &Decoder<Autodiff<I>>,
    ) -> Result<Tensor<Autodiff<I>, 1>, CoreError> {
        let prediction = Text::predict(learner, &self.views);
        Ok(label_loss(prediction, &self.views))
    }
}

impl<I: Backend> Stateful for Part<I> {
    fn state(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    fn restore(&mut self, _: serde_json::Value) -> Result<(), CoreError> {
        Ok(())
    }
}

/// Texts that cannot be valued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// A document that the model cannot take.
    #[error(transparent)]
    Likelihood(#[from] LikelihoodError),
    /// The gradient could not be taken.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// No position is asked about.
    #[error("no token is scored: every text is shorter than two tokens")]
    Nothing,
}

/// How tokens are valued.
#[derive(Clone, Debug)]
pub struct Valuation {
    /// K: the learner's best tokens at each position, valued beside the label.
    pub top_k: usize,
    /// α_max of the oracle targets.
    pub alpha_max: f64,
    /// Documents at a time.
    pub batch_size: usize,
}

/// How far log-probabilities are moved to measure c: further in f32, where rounding sets in. Against
/// PyTorch in f64, on small models with large weights, the error of c is 1e-4 of its length in f32
/// and 3e-11 in f64.
fn step<B: Backend>(learner: &Decoder<B>) -> DifferenceStep {
    match learner.norm.weight.dtype() {
        DType::F64 => DifferenceStep::new(1e-3),
        _ => DifferenceStep::new(3e-2),
    }
}

/// The values of the answer tokens of one document, by position.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DocumentValues {
    /// The label, then the learner's K best tokens, best first.
    pub slots: Vec<Vec<u32>>,
    /// log p of each slot, in nats.
    pub log_p: Vec<Vec<f64>>,
    /// c(t, k) of each slot: how fast log p rises along −g_down.
    pub values: Vec<Vec<f64>>,
    /// The target of greatest V, by slot.
    pub oracle_hard: Vec<Vec<f64>>,
    /// The target with p ∝ p_θ·exp(c/σ), by slot.
    pub oracle_soft: Vec<Vec<f64>>,
}

/// V of the whole of some texts, L_pre being the mean over their scored tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ValueTotals {
    /// Scored tokens: each has the weight of one over their number.
    pub tokens: usize,
    /// σ: the standard deviation of c over all candidates; 1 if they are all alike.
    pub sigma: f64,
    /// V of one-hot targets.
    pub v_ntp: f64,
    /// V of `oracle_hard`, the greatest there is with α ≤ α_max and K candidates.
    pub v_oracle_hard: f64,
    /// V of `oracle_soft`.
    pub v_oracle_soft: f64,
}

/// c(t, k) of the label and the K best tokens at every answer token of `documents`, along
/// `direction` in θ_S, and the oracle targets that follow from it.
///
/// c(t, k) = −d/dε log p_{θ + ε·direction}(k | t) = −⟨W_k − E_t, ḣ_t⟩ (and the head's own part
/// where it is in S): centred over the whole vocabulary, Σ_k p_tk c(t, k) = 0.
///
/// # Errors
/// A document that the model cannot take, or none that asks about a token.
pub fn token_values<B: Backend>(
    learner: &Decoder<B>,
    subset: &ParamSubset,
    direction: &GradVector<B>,
    documents: &[Document],
    how: &Valuation,
) -> Result<(Vec<DocumentValues>, ValueTotals), ValueError> {
    let tokens = asked(learner, documents)?;
    let learner = &learner.clone().with_reach(Reach::of(learner, subset));
    let targets = |rule| SoftTargets {
        rule,
        top_k: how.top_k,
    };
    let task = text_task(targets(TargetRule::OneHot));
    let mut step = step(learner);
    let estimator = LinearTarget::new(step.clone(), true);
    let (mut parts, mut probes) = (vec![], vec![]);
    for chunk in by_length(documents, how.batch_size) {
        let packed = collate(chunk.iter().map(|&index| &documents[index])).packed;
        let batch = TextBatch::<B>::new(&packed, tokens as f64, &learner.device());
        let reference = task.reference(&NoParameters, task.predict(learner, &batch), &batch);
        let at = Point {
            task: &task,
            learner,
            designer: &(NoParameters, None),
            batch: &batch,
            reference: &reference,
            subset,
        };
        let values = extrapolated_entry_values(&at, direction, &mut step);
        parts.push((chunk, batch, reference.without_gradients()));
        probes.push(values);
    }
    let sigma = MetaGradient::<TextTask, B>::scale(&estimator, &probes);
    let mut totals = ValueTotals {
        tokens,
        sigma,
        ..ValueTotals::default()
    };
    let alpha_max = how.alpha_max;
    let hard = text_task(targets(TargetRule::HardOracle { alpha_max }));
    let soft = text_task(targets(TargetRule::Oracle { alpha_max }));
    let mut found = vec![DocumentValues::default(); documents.len()];
    for ((chunk, batch, reference), probe) in parts.into_iter().zip(&probes) {
        let reference = estimator.inform(&task, reference, probe, sigma);
        let designer = (NoParameters, None);
        let plain = task.unshaped_target(&batch, &reference);
        let hard = hard.target(&designer, &batch, &reference);
        let soft = soft.target(&designer, &batch, &reference);
        let value = |target: &SoftTarget<B>| -> f64 {
            let weights = task.target_weights(target, &batch);
            (weights * probe.values.clone()).sum().into_scalar().elem()
        };
        totals.v_ntp += value(&plain);
        totals.v_oracle_hard += value(&hard);
        totals.v_oracle_soft += value(&soft);
        let mut all = DocumentValues::of_batch(&reference, &probe.values, &hard, &soft);
        for index in chunk {
            found[index] = all.take(documents[index].answer_targets());
            if found[index].values.concat().iter().any(|c| !c.is_finite()) {
                return Err(LikelihoodError::NotANumber { index }.into());
            }
        }
    }
    Ok((found, totals))
}

impl DocumentValues {
    /// Of all positions of a batch, on the host.
    fn of_batch<B: Backend>(
        reference: &Candidates<B>,
        values: &Tensor<B, 2>,
        hard: &SoftTarget<B>,
        soft: &SoftTarget<B>,
    ) -> Self {
        let slots = 1 + reference.count();
        let rows = |tensor: &Tensor<B, 2>| -> Vec<Vec<f64>> {
            let values: Vec<f64> = tensor.to_data().iter().collect();
            values.chunks(slots).map(<[f64]>::to_vec).collect()
        };
        let ids: Vec<u32> = reference.ids.to_data().iter().collect();
        Self {
            slots: ids.chunks(slots).map(<[u32]>::to_vec).collect(),
            log_p: rows(&reference.log_p),
            values: rows(values),
            oracle_hard: rows(&hard.q),
            oracle_soft: rows(&soft.q),
        }
    }

    /// The first `count` positions, taken out.
    fn take(&mut self, count: usize) -> Self {
        Self {
            slots: self.slots.drain(..count).collect(),
            log_p: self.log_p.drain(..count).collect(),
            values: self.values.drain(..count).collect(),
            oracle_hard: self.oracle_hard.drain(..count).collect(),
            oracle_soft: self.oracle_soft.drain(..count).collect(),
        }
    }
}

/// The number of tokens asked about, in documents that the model can take.
fn asked<B: Backend>(learner: &Decoder<B>, documents: &[Document]) -> Result<usize, ValueError> {
    let mut tokens = 0;
    for (index, document) in documents.iter().enumerate() {
        check(learner, index, document)?;
        tokens += document.answer_targets();
    }
    match tokens {
        0 => Err(ValueError::Nothing),
        _ => Ok(tokens),
    }
}
