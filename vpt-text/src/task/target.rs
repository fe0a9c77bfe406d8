//! τ for language: which distribution the learner is asked to match at each position.

use super::vocabulary::{CHUNK_LOGITS, pass};
use super::{Candidates, Hidden, Proposal, SoftTargetDesigner, Text, TextBatch};
use crate::config::DesignerForm;
use crate::decoder::Decoder;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Tensor, backend::Backend};
use vpt_core::{Modality, NoParameters, TargetFn};

/// y_φ: a distribution over the label and the candidates, and how it came about.
///
/// A token that is both label and candidate has two slots, whose shares add up.
#[derive(Clone, Debug)]
pub struct SoftTarget<B: Backend> {
    /// The label, then the candidates. `[n, 1 + k]`
    pub ids: Tensor<B, 2, burn::tensor::Int>,
    /// q = (1 − α) δ_y + α p, by slot. `[n, 1 + k]`
    pub q: Tensor<B, 2>,
    /// α. `[n, 1]`
    pub alpha: Tensor<B, 2>,
    /// log p over the candidates, where there is one. `[n, k]`
    pub log_p: Option<Tensor<B, 2>>,
    /// The gate's logit, where there is one. `[n, 1]`
    pub gate: Option<Tensor<B, 2>>,
}

/// How p and α are made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TargetRule {
    /// δ_y (eq. 4).
    OneHot,
    /// p_φ and α_φ from a designer (A.1).
    Learned {
        /// With or without the additions that hold the designer.
        form: DesignerForm,
        /// Upper end of the gate.
        alpha_max: f64,
        /// Weight of KL(p_φ‖p_θ), stabilised form only.
        kl: f64,
        /// Weight of the mean of z², stabilised form only.
        gate_penalty: f64,
    },
    /// Uniform p, fixed α (Table 4).
    Uniform {
        /// α.
        alpha: f64,
    },
    /// p ∝ p_θ^(1/T) over the top K, fixed α (Table 4).
    SelfDistillation {
        /// α.
        alpha: f64,
        /// T.
        temperature: f64,
    },
    /// p ∝ p_θ · exp(c/σ); α = α_max where that is worth more than the label.
    Oracle {
        /// α_max.
        alpha_max: f64,
    },
    /// α_max on the candidate of greatest value where that is worth more than the label: the
    /// target of greatest V.
    HardOracle {
        /// α_max.
        alpha_max: f64,
    },
}

/// τ: a rule over the learner's top K.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoftTargets {
    /// The rule.
    pub rule: TargetRule,
    /// K; 0 for a one-hot target that needs no candidates.
    pub top_k: usize,
}

impl SoftTargets {
    /// Next-token prediction.
    pub fn one_hot() -> Self {
        Self {
            rule: TargetRule::OneHot,
            top_k: 0,
        }
    }

    /// q = (1 − α) δ_y + α p.
    fn mixed<B: Backend>(
        reference: &Candidates<B>,
        log_p: Tensor<B, 2>,
        alpha: Tensor<B, 2>,
        gate: Option<Tensor<B, 2>>,
    ) -> SoftTarget<B> {
        let label = alpha.clone().neg().add_scalar(1.0);
        let q = Tensor::cat(vec![label, log_p.clone().exp() * alpha.clone()], 1);
        SoftTarget {
            ids: reference.ids.clone(),
            q,
            alpha,
            log_p: Some(log_p),
            gate,
        }
    }

    fn fixed<B: Backend>(
        reference: &Candidates<B>,
        log_p: Tensor<B, 2>,
        alpha: f64,
    ) -> SoftTarget<B> {
        let share = log_p.clone().narrow(1, 0, 1).zeros_like().add_scalar(alpha);
        Self::mixed(reference, log_p, share, None)
    }
}

fn one_hot<B: Backend>(reference: &Candidates<B>) -> SoftTarget<B> {
    let [n, slots] = reference.log_p.dims();
    // Said in full: what is cut from nothing has the device's default type.
    let options = (&reference.log_p.device(), reference.log_p.dtype());
    let zeros = |columns: usize| Tensor::<B, 2>::zeros([n, columns], options);
    let label = zeros(1).add_scalar(1.0);
    let q = match (n, reference.count()) {
        (0, _) => zeros(slots),
        (_, 0) => label,
        (_, k) => Tensor::cat(vec![label, zeros(k)], 1),
    };
    SoftTarget {
        ids: reference.ids.clone(),
        q,
        alpha: zeros(1),
        log_p: None,
        gate: None,
    }
}

/// Σ over the candidates' columns. `[n, k] → [n, 1]`
fn share<B: Backend>(p: Tensor<B, 2>, of: Tensor<B, 2>) -> Tensor<B, 2> {
    (p * of).sum_dim(1)
}

/// 1/(1 + e^(−x)), in the type of `x`: burn's own passes through f32 on some backends. Beyond ±30
/// it is held, and its slope, below 1e-13 there, is zero: e^(−x) never overflows.
fn sigmoid<B: Backend>(x: Tensor<B, 2>) -> Tensor<B, 2> {
    x.clamp(-30.0, 30.0).neg().exp().add_scalar(1.0).recip()
}

impl TargetFn<Text> for SoftTargets {
    type Designer<B: Backend> = Option<SoftTargetDesigner<B>>;
    type Teacher<B: Backend> = NoParameters;
    type Reference<B: Backend> = Candidates<B>;

    fn teacher<B: Backend>(&self, _: &Decoder<B>) -> NoParameters {
        NoParameters
    }

    fn reference<B: Backend>(
        &self,
        _: &NoParameters,
        prediction: Hidden<B>,
        views: &TextBatch<B>,
    ) -> Candidates<B> {
        let Hidden {
            hidden,
            head,
            embedding,
            entering,
            head_learns,
            ..
        } = prediction;
        let [n, _] = hidden.dims();
        let weights = head_learns.then_some(&views.weights);
        let pass = pass(&hidden, &head, weights, self.top_k, CHUNK_LOGITS);
        let labels = views.labels.clone();
        let rows = head.select(0, labels.clone());
        let options = (&hidden.device(), hidden.dtype());
        let label_logit = (hidden * rows).sum_dim(1);
        let sums = pass.log_sum_exp.clone().reshape([n, 1]);
        let labels = labels.reshape([n, 1]);
        let (ids, log_p) = match (n, self.top_k) {
            // `cat` forgets the type where there is nothing to put together.
            (0, k) => (
                Tensor::zeros([0, 1 + k], options.0),
                Tensor::zeros([0, 1 + k], options),
            ),
            (_, 0) => (labels, label_logit - sums),
            _ => (
                Tensor::cat(vec![labels, pass.ids], 1),
                Tensor::cat(vec![label_logit, pass.logits], 1) - sums,
            ),
        };
        Candidates {
            log_p,
            ids,
            log_sum_exp: pass.log_sum_exp,
            expected: pass.expected,
            head_gradient: pass.head_gradient,
            embedding,
            entering,
            values: None,
            scale: None,
        }
    }

    /// From the states that enter the lowest block that the value is on.
    fn predict_again<B: Backend>(
        &self,
        learner: &Decoder<B>,
        views: &TextBatch<B>,
        reference: &Candidates<B>,
    ) -> Hidden<B> {
        match (&reference.entering, learner.reach().from) {
            (Some(entering), Some(from)) => {
                let kept = Some(entering.clone());
                let entering = entering.clone();
                let top = learner.resume(entering, &views.input, from, views.dropout);
                Hidden::of(learner, views, top, kept)
            }
            _ => Text::predict(learner, views),
        }
    }

    fn target<B: Backend>(
        &self,
        designer: &Option<SoftTargetDesigner<B>>,
        views: &TextBatch<B>,
        reference: &Candidates<B>,
    ) -> SoftTarget<B> {
        if reference.is_empty() {
            return one_hot(reference);
        }
        let learner = || log_softmax(reference.without_label(&reference.log_p), 1);
        match (self.rule, designer) {
            (TargetRule::OneHot, _) | (TargetRule::Learned { .. }, None) => one_hot(reference),
            (
                TargetRule::Learned {
                    form, alpha_max, ..
                },
                Some(designer),
            ) => {
                let Proposal { scores, gate } = designer.forward(views, reference);
                let log_p = match form {
                    DesignerForm::Stabilised => log_softmax(scores + learner(), 1),
                    DesignerForm::Paper => log_softmax(scores, 1),
                };
                let alpha = sigmoid(gate.clone()).mul_scalar(alpha_max);
                Self::mixed(reference, log_p, alpha, Some(gate))
            }
            (TargetRule::Uniform { alpha }, _) => {
                let uniform = learner().zeros_like();
                let log_p = uniform.sub_scalar((reference.count() as f64).ln());
                Self::fixed(reference, log_p, alpha)
            }
            (TargetRule::SelfDistillation { alpha, temperature }, _) => {
                let log_p = log_softmax(learner().div_scalar(temperature), 1);
                Self::fixed(reference, log_p, alpha)
            }
            (TargetRule::Oracle { alpha_max } | TargetRule::HardOracle { alpha_max }, _) => {
                let (Some(values), Some(scale)) = (&reference.values, &reference.scale) else {
                    return one_hot(reference);
                };
                let values = values.clone() / scale.clone().unsqueeze();
                let (label, candidates) = (
                    values.clone().narrow(1, 0, 1),
                    reference.without_label(&values),
                );
                let log_p = match self.rule {
                    TargetRule::HardOracle { .. } => {
                        // A temperature so low that all but the best vanish.
                        log_softmax(candidates.clone().mul_scalar(1e6), 1).clamp_min(-1e3)
                    }
                    _ => log_softmax(learner() + candidates.clone(), 1),
                };
                let worth = share(log_p.clone().exp(), candidates);
                let better = worth.greater(label);
                let alpha = log_p.clone().narrow(1, 0, 1).zeros_like();
                let alpha = alpha.mask_fill(better, alpha_max);
                Self::mixed(reference, log_p, alpha, None)
            }
        }
    }

    fn unshaped_target<B: Backend>(
        &self,
        _: &TextBatch<B>,
        reference: &Candidates<B>,
    ) -> SoftTarget<B> {
        one_hot(reference)
    }

    /// `kl` · KL(p_φ‖p_θ over the same K) + `gate_penalty` · z², averaged over answer tokens.
    fn regulariser<B: Backend>(
        &self,
        target: &SoftTarget<B>,
        views: &TextBatch<B>,
        reference: &Candidates<B>,
    ) -> Option<Tensor<B, 1>> {
        let TargetRule::Learned {
            form: DesignerForm::Stabilised,
            kl,
            gate_penalty,
            ..
        } = self.rule
        else {
            return None;
        };
        let (Some(log_p), Some(gate)) = (&target.log_p, &target.gate) else {
            return None;
        };
        let divergence = divergence(log_p, reference);
        let penalty =
            divergence.mul_scalar(kl) + gate.clone().powi_scalar(2).mul_scalar(gate_penalty);
        let [n, _] = penalty.dims();
        Some((penalty.reshape([n]) * views.weights.clone()).sum())
    }

    fn measures<B: Backend>(
        &self,
        target: &SoftTarget<B>,
        views: &TextBatch<B>,
        reference: &Candidates<B>,
    ) -> Vec<(&'static str, f64)> {
        if reference.is_empty() {
            return vec![];
        }
        let [n, _] = target.q.dims();
        let mean = |column: Tensor<B, 2>| -> f64 {
            let sum = (column.reshape([n]) * views.weights.clone()).sum();
            burn::tensor::ElementConversion::elem(sum.into_scalar())
        };
        let mut found = vec![("label_loss", -mean(reference.log_p.clone().narrow(1, 0, 1)))];
        if reference.count() == 0 {
            return found;
        }
        found.push(("alpha", mean(target.alpha.clone())));
        found.push(("entropy", mean(entropy(target, reference))));
        if let Some(log_p) = &target.log_p {
            found.push(("kl", mean(divergence(log_p, reference))));
        }
        if let Some(values) = &reference.values {
            let label = values.clone().narrow(1, 0, 1);
            let best = reference.without_label(values).max_dim(1) - label.clone();
            let gain = best.clamp_min(0.0);
            found.push(("value_ntp", mean(label)));
            found.push((
                "value_target",
                mean(share(target.q.clone(), values.clone())),
            ));
            found.push(("oracle_gain_at_one", mean(gain)));
        }
        found
    }
}

/// KL(p‖p_θ), both over the candidates. `[n, 1]`
fn divergence<B: Backend>(log_p: &Tensor<B, 2>, reference: &Candidates<B>) -> Tensor<B, 2> {
    let learner = log_softmax(reference.without_label(&reference.log_p), 1);
    share(log_p.clone().exp(), log_p.clone() - learner)
}

/// The entropy of q in nats, a label among the candidates counted once. `[n, 1]`
fn entropy<B: Backend>(target: &SoftTarget<B>, reference: &Candidates<B>) -> Tensor<B, 2> {
    let k = reference.count();
    let label = target.ids.clone().narrow(1, 0, 1).expand([-1, k as i64]);
    let same = target.ids.clone().narrow(1, 1, k).equal(label);
    let candidates = target.q.clone().narrow(1, 1, k);
    let joined = target.q.clone().narrow(1, 0, 1)
        + candidates
            .clone()
            .mask_fill(same.clone().bool_not(), 0.0)
            .sum_dim(1);
    let q = Tensor::cat(vec![joined, candidates.mask_fill(same, 0.0)], 1);
    (q.clone() * q.clamp_min(1e-30).log()).sum_dim(1).neg()
}
