//! What a config must satisfy before anything is opened.

use super::{RunConfig, SubsetSpec, TrainableSpec};
use vpt_core::run::{ConfigError, require};

/// Sizes above this are a slip, and would overflow where they are multiplied.
const LARGEST: usize = 1 << 16;
/// The same for what only counts.
const MOST_STEPS: usize = 1_000_000_000;

impl RunConfig {
    /// Refuses what can be refused from the config alone.
    ///
    /// # Errors
    /// The first key out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let counts = [
            ("value.update_every", self.value.update_every, MOST_STEPS),
            ("value.feedback_batch", self.value.feedback_batch, LARGEST),
            ("value.probe_every", self.value.probe_every, MOST_STEPS),
            ("probe.items", self.probe.items, LARGEST),
            ("designer.top_k", self.designer.top_k, LARGEST),
            ("designer.steps", self.designer.steps, LARGEST),
            ("designer.layers", self.designer.layers, LARGEST),
            ("designer.width", self.designer.width, LARGEST),
            ("designer.heads", self.designer.heads, LARGEST),
            ("data.shuffle_buffer", self.data.shuffle_buffer, MOST_STEPS),
            ("data.open_rows", self.data.open_rows, LARGEST),
            ("train.steps", self.train.steps, MOST_STEPS),
            ("train.batch_size", self.train.batch_size, LARGEST),
            ("train.grad_accum", self.train.grad_accum, LARGEST),
            ("train.segments", self.train.segments, LARGEST),
            ("eval.batch", self.eval.batch, LARGEST),
        ];
        for (key, value, limit) in counts {
            require(value >= 1, key, || "must be at least 1".into())?;
            require(value <= limit, key, || format!("must be at most {limit}"))?;
        }
        let unit = [
            ("designer.alpha_max", self.designer.alpha_max),
            ("target.alpha", self.target.alpha),
            ("train.min_lr_ratio", self.train.min_lr_ratio),
        ];
        for (key, value) in unit {
            require((0.0..=1.0).contains(&value), key, || {
                format!("{value} is not between 0 and 1")
            })?;
        }
        let beta = [
            ("designer.beta_1", self.designer.beta_1),
            ("designer.beta_2", self.designer.beta_2),
            ("train.beta_1", self.train.beta_1),
            ("train.beta_2", self.train.beta_2),
        ];
        for (key, value) in beta {
            require((0.0..1.0).contains(&value), key, || {
                format!("{value} is not in [0, 1)")
            })?;
        }
        require(self.lora.rank <= LARGEST, "lora.rank", || {
            format!("must be at most {LARGEST}")
        })?;
        require(
            (0.0..1.0).contains(&self.lora.dropout),
            "lora.dropout",
            || format!("{} is not in [0, 1)", self.lora.dropout),
        )?;
        self.check_what_learns()?;
        let finite = [
            ("lora.alpha", self.lora.alpha),
            ("designer.lr", self.designer.lr),
            ("designer.kl", self.designer.kl),
            ("designer.gate_penalty", self.designer.gate_penalty),
            ("value.curvature", self.value.curvature),
            ("train.lr", self.train.lr),
            ("train.epsilon", self.train.epsilon),
            ("train.weight_decay", self.train.weight_decay),
            ("train.clip", self.train.clip),
        ];
        for (key, value) in finite {
            require(value.is_finite() && value >= 0.0, key, || {
                format!("{value} is not a number ≥ 0")
            })?;
        }
        require(
            self.target.temperature.is_finite() && self.target.temperature > 0.0,
            "target.temperature",
            || "must be above 0".into(),
        )?;
        let head_width = self.designer.width / self.designer.heads;
        let splits = self.designer.width.is_multiple_of(self.designer.heads);
        require(
            splits && head_width.is_multiple_of(2),
            "designer.width",
            || {
                format!(
                    "{} does not split into {} heads of even width",
                    self.designer.width, self.designer.heads
                )
            },
        )?;
        require(self.data.seq_len >= 2, "data.seq_len", || {
            "must be at least 2".into()
        })?;
        require(
            self.data.prompt.contains("{problem}"),
            "data.prompt",
            || "must hold {problem}".into(),
        )?;
        require(
            self.data.answer.contains("{solution}"),
            "data.answer",
            || "must hold {solution}".into(),
        )?;
        require(self.data.prefetch <= LARGEST, "data.prefetch", || {
            format!("must be at most {LARGEST}")
        })?;
        self.data.filter()?;
        require(
            self.probe.every == 0 || !self.data.validation.is_empty(),
            "probe.every",
            || "needs data.validation, whose items are the probe's batch".into(),
        )?;
        require(
            !self.data.columns.solution.is_empty(),
            "data.columns.solution",
            || "names no column".into(),
        )?;
        require(!self.data.corpus.is_empty(), "data.corpus", || {
            "names no file".into()
        })?;
        require(
            !self.method.needs_feedback() || !self.data.feedback.is_empty(),
            "data.feedback",
            || format!("names no file, and {} needs one", self.method.name()),
        )
    }
}

impl RunConfig {
    /// Whether the learner has adapters, fresh or loaded.
    pub(crate) fn is_adapted(&self) -> bool {
        self.lora.rank > 0 || !self.model.adapter.is_empty()
    }

    /// What learns, and what of it the value is on.
    fn check_what_learns(&self) -> Result<(), ConfigError> {
        require(
            self.lora.rank == 0 || self.model.adapter.is_empty(),
            "lora.rank",
            || "adapters are named in model.adapter, and those have a rank".into(),
        )?;
        let adapted = self.is_adapted();
        let none = || "there are no adapters: set lora.rank or model.adapter".into();
        match self.train.parameters {
            TrainableSpec::Auto => {}
            TrainableSpec::Adapters => require(adapted, "train.parameters", none)?,
            TrainableSpec::All | TrainableSpec::Last(_) => {
                require(!adapted, "train.parameters", || {
                    "with adapters, they alone learn; merge them first (vpt merge)".into()
                })?;
            }
        }
        require(
            adapted || self.value.subset != SubsetSpec::Adapters,
            "value.subset",
            none,
        )
    }
}
