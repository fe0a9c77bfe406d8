//! What a config must satisfy before anything is opened.

use super::RunConfig;
use thiserror::Error;

/// A key whose value cannot be run.
#[derive(Debug, Error, PartialEq)]
#[error("{key}: {message}")]
pub struct ConfigError {
    /// The dotted key.
    pub key: &'static str,
    /// What is wrong with it.
    pub message: String,
}

impl RunConfig {
    /// Refuses what can be refused from the config alone.
    ///
    /// # Errors
    /// The first key out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let at_least_one = [
            ("value.update_every", self.value.update_every),
            ("value.feedback_batch", self.value.feedback_batch),
            ("value.probe_every", self.value.probe_every),
            ("designer.top_k", self.designer.top_k),
            ("designer.steps", self.designer.steps),
            ("designer.layers", self.designer.layers),
            ("designer.width", self.designer.width),
            ("designer.heads", self.designer.heads),
            ("data.shuffle_buffer", self.data.shuffle_buffer),
            ("train.steps", self.train.steps),
            ("train.batch_size", self.train.batch_size),
            ("train.grad_accum", self.train.grad_accum),
            ("eval.batch", self.eval.batch),
        ];
        for (key, value) in at_least_one {
            require(value >= 1, key, || "must be at least 1".into())?;
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
        let finite = [
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
        require(!self.data.corpus.is_empty(), "data.corpus", || {
            "names no file".into()
        })
    }
}

fn require(
    holds: bool,
    key: &'static str,
    message: impl FnOnce() -> String,
) -> Result<(), ConfigError> {
    if holds {
        Ok(())
    } else {
        Err(ConfigError {
            key,
            message: message(),
        })
    }
}
