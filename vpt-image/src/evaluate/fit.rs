//! Training of a head with its backbone frozen.

use super::backbone::features;
use super::draws::Draws;
use super::kept::Kept;
use super::state::{read_module, write_module};
use super::{EvaluateError, Head, HeadConfig, Labelled, Moments, Question, Tokens};
use crate::random::{Purpose, generator};
use crate::vit::Vit;
use burn::backend::Autodiff;
use burn::tensor::{ElementConversion, Tensor, TensorData, backend::Backend};
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vpt_core::{AdamW, CoreError, CosineSchedule, Stateful, UpdateGradient, from_state, trainable};

/// How a head is trained: AdamW with a cosine schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FitConfig {
    /// Steps of the first training, over which the rate falls.
    pub steps: usize,
    /// Samples of a step.
    pub batch: usize,
    /// The highest rate.
    pub rate: f64,
    /// Steps until it.
    pub warmup: usize,
    /// The last rate over the highest; further steps have it too.
    pub min_ratio: f64,
    /// AdamW's second beta.
    pub beta_2: f64,
    /// Decay of the weights of convolutions.
    pub weight_decay: f64,
    /// How likely a channel of the features is left out of a sample in training.
    pub dropout: f64,
    /// First steps in which the depth loss goes without its variance.
    pub depth_warmup: usize,
    /// Of the head's weights, the order of samples and dropout.
    pub seed: u64,
}

impl FitConfig {
    /// DINOv3's settings for segmentation, with fewer steps: 40,000 there.
    pub fn segmentation() -> Self {
        Self {
            steps: 2_000,
            batch: 16,
            rate: 1e-3,
            warmup: 100,
            min_ratio: 0.0,
            beta_2: 0.999,
            weight_decay: 1e-3,
            dropout: 0.1,
            depth_warmup: 100,
            seed: 0,
        }
    }

    /// DINOv3's settings for depth, with fewer steps (38,400 there), a cosine in place of one cycle,
    /// and no clipping (at norm 35 there).
    pub fn depth() -> Self {
        Self {
            rate: 3e-4,
            beta_2: 0.99,
            weight_decay: 1e-4,
            dropout: 0.0,
            ..Self::segmentation()
        }
    }

    /// Without decay and dropout; AdamW in place of LARS (MAE) and SGD (DINO).
    pub fn classification() -> Self {
        Self {
            batch: 128,
            weight_decay: 0.0,
            dropout: 0.0,
            ..Self::segmentation()
        }
    }

    pub(super) fn check(&self) -> Result<(), EvaluateError> {
        let share = |value: f64| (0.0..1.0).contains(&value);
        for (key, range, holds) in [
            ("batch", "at least 1", self.batch > 0),
            ("rate", "above 0", self.rate > 0.0),
            (
                "min_ratio",
                "in [0, 1]",
                (0.0..=1.0).contains(&self.min_ratio),
            ),
            ("beta_2", "in [0, 1)", share(self.beta_2)),
            ("weight_decay", "at least 0", self.weight_decay >= 0.0),
            ("dropout", "in [0, 1)", share(self.dropout)),
        ] {
            if !holds {
                let range = range.to_owned();
                return Err(EvaluateError::OutOfRange { key, range });
            }
        }
        Ok(())
    }

    /// The rate's course.
    pub(super) fn schedule(&self) -> CosineSchedule {
        CosineSchedule {
            peak: self.rate,
            min_ratio: self.min_ratio,
            warmup: self.warmup,
            steps: self.steps,
        }
    }

    pub(super) fn optimiser<I: Backend>(&self) -> AdamW<I> {
        AdamW::new(0.9, self.beta_2, 1e-8, self.weight_decay)
    }
}

impl Default for FitConfig {
    fn default() -> Self {
        Self::segmentation()
    }
}

/// A head in training.
pub struct HeadFit<Q: Question, I: Backend> {
    question: Q,
    config: FitConfig,
    head: Head<I>,
    optimiser: AdamW<I>,
    draws: Draws,
    step: usize,
    device: I::Device,
}

impl<Q: Question, I: Backend> HeadFit<Q, I> {
    /// An untrained head on features of `backbone` for a set of `samples`.
    ///
    /// # Errors
    /// Settings out of range, or no samples.
    pub fn new(
        question: Q,
        head: &HeadConfig,
        config: FitConfig,
        backbone: &Vit<I>,
        samples: usize,
        device: &I::Device,
    ) -> Result<Self, EvaluateError> {
        config.check()?;
        question.check_settings()?;
        let sizes = (
            question.width(backbone.config().hidden_size),
            question.channels(),
        );
        if head.widths.contains(&0) {
            return Err(EvaluateError::OutOfRange {
                key: "widths",
                range: "at least 1".into(),
            });
        }
        let mut rng = generator(config.seed, Purpose::Head, 0, 0);
        Ok(Self {
            head: Head::init(head, sizes, &mut rng, device),
            optimiser: config.optimiser(),
            draws: Draws::new(config.seed, samples)?,
            question,
            config,
            step: 0,
            device: device.clone(),
        })
    }

    /// The head as it stands.
    pub fn head(&self) -> &Head<I> {
        &self.head
    }

    /// The head alone.
    pub fn into_head(self) -> Head<I> {
        self.head
    }

    /// What it is asked.
    pub fn question(&self) -> &Q {
        &self.question
    }

    /// How it is trained.
    pub fn config(&self) -> &FitConfig {
        &self.config
    }

    /// Steps taken.
    pub fn step(&self) -> usize {
        self.step
    }

    /// Samples left out so far.
    pub fn skipped(&self) -> u64 {
        self.draws.skipped()
    }

    /// Takes `steps` steps on features of `backbone`, which is read without a tape. Features of a
    /// sample are computed once a call and kept until its end. Returns the last step's loss; NaN
    /// of no steps.
    ///
    /// # Errors
    /// A sample that cannot be used, images of several sizes, a loss that is not finite; the head
    /// is then that of the last good step.
    pub fn run(
        &mut self,
        backbone: &Vit<I>,
        set: &Labelled<Q::Truth>,
        steps: usize,
    ) -> Result<f64, EvaluateError> {
        let mut kept = Kept::new(backbone.config().patch_size, self.device.clone());
        let mut loss = f64::NAN;
        for _ in 0..steps {
            let question = &self.question;
            let draws = (&mut self.draws, self.config.batch);
            let compute = |pixels| question.tokens(features(backbone, pixels));
            let (tokens, truths) = kept.batch(draws, question, set, compute)?;
            loss = self.descend(tokens, &truths)?;
        }
        Ok(loss)
    }

    /// One step of AdamW on a batch.
    fn descend(
        &mut self,
        mut tokens: Tokens<I>,
        truths: &[&Q::Truth],
    ) -> Result<f64, EvaluateError> {
        tokens.values = self.dropped(tokens.values);
        let head: Head<Autodiff<I>> = trainable(&self.head);
        let (maps, moments) = head.forward_training(tokens.lift());
        let warm_up = self.step < self.config.depth_warmup;
        let loss = self.question.loss(maps, truths, warm_up);
        let figure: f64 = loss.clone().inner().into_scalar().elem();
        let gradient = UpdateGradient::backward(loss, &head);
        if !(figure.is_finite() && gradient.as_vector().norm().is_finite()) {
            return Err(EvaluateError::NotFinite { step: self.step });
        }
        let rate = self.config.schedule().rate(self.step);
        let moments: Vec<Moments<I>> = moments.into_iter().map(Moments::inner).collect();
        let head = self.optimiser.step(rate, self.head.clone(), &gradient);
        self.head = head.follow(&moments);
        self.step += 1;
        Ok(figure)
    }

    /// Channels left out of whole samples, the others scaled up.
    fn dropped(&self, values: Tensor<I, 3>) -> Tensor<I, 3> {
        let share = self.config.dropout;
        if share == 0.0 {
            return values;
        }
        let [batch, _, width] = values.dims();
        let seed = self.config.seed;
        let mut rng = generator(seed, Purpose::HeadDropout, self.step as u64, 0);
        let keep = 1.0 / (1.0 - share);
        let mut channel = || if rng.random_bool(share) { 0.0 } else { keep };
        let mask: Vec<f64> = (0..batch * width).map(|_| channel()).collect();
        let options = (&values.device(), values.dtype());
        let mask = TensorData::new(mask, [batch, 1, width]);
        values * Tensor::from_data(mask, options)
    }
}

impl<Q: Question, I: Backend> Stateful for HeadFit<Q, I> {
    fn state(&self) -> serde_json::Value {
        let (moments, times) = self.optimiser.export(&self.head);
        serde_json::json!({
            "step": self.step,
            "draws": self.draws.state(),
            "head": write_module(vpt_core::export(&self.head)),
            "moments": write_module(moments),
            "times": times,
        })
    }

    fn restore(&mut self, state: serde_json::Value) -> Result<(), CoreError> {
        #[derive(Deserialize)]
        struct State {
            step: usize,
            draws: serde_json::Value,
            head: serde_json::Value,
            moments: serde_json::Value,
            times: BTreeMap<String, usize>,
        }
        let state: State = from_state(state)?;
        let head = vpt_core::import(self.head.clone(), read_module(state.head)?)?;
        let moments = read_module(state.moments)?;
        self.optimiser = (self.optimiser).import(&head, moments, &state.times, &self.device)?;
        self.draws.restore(state.draws)?;
        self.head = head;
        self.step = state.step;
        Ok(())
    }
}
