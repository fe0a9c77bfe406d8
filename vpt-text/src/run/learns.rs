//! What of the learner learns, and what of that the value is on.

use super::RunError;
use super::places::adapter_folder;
use crate::config::{RunConfig, SubsetSpec, TrainableSpec};
use crate::decoder::{Decoder, LoraConfig, LoraError, Reach, is_adapter, layer_index};
use burn::tensor::backend::Backend;
use rand::Rng;
use vpt_core::ParamSubset;

/// `learner` with the adapters that the config names, if any: loaded ones, or fresh ones drawn from
/// `rng`.
pub(super) fn adapted<I: Backend, R: Rng + ?Sized>(
    learner: Decoder<I>,
    config: &RunConfig,
    rng: &mut R,
) -> Result<Decoder<I>, RunError> {
    if config.lora.rank == 0 {
        return loaded(learner, config);
    }
    let keys = &config.lora;
    let lora = LoraConfig {
        dropout: keys.dropout,
        rslora: keys.rslora,
        ..LoraConfig::new(keys.rank, keys.alpha, keys.targets.clone())
    };
    learner.with_lora(&lora, rng).map_err(|error| match error {
        LoraError::Targets(message) => RunError::Unfit {
            key: "lora.targets",
            message,
        },
        other => other.into(),
    })
}

/// `learner` with the adapters of `model.adapter` on it, if it names some.
pub(super) fn loaded<I: Backend>(
    learner: Decoder<I>,
    config: &RunConfig,
) -> Result<Decoder<I>, RunError> {
    match adapter_folder(&config.model.adapter)? {
        Some(folder) => Ok(learner.load_lora(&folder)?),
        None => Ok(learner),
    }
}

pub(super) const SUBSET: &str = "value.subset";

/// What learns, and S within it.
#[derive(Clone)]
pub(super) struct Learning {
    pub(super) trainable: ParamSubset,
    pub(super) subset: ParamSubset,
}

impl Learning {
    /// As `config` says, with the learner told whether its head is among it, how far down the value
    /// reaches, and into how many parts its step is cut.
    pub(super) fn of<I: Backend>(
        config: &RunConfig,
        learner: Decoder<I>,
    ) -> Result<(Self, Decoder<I>), RunError> {
        let trainable = match config.train.parameters {
            TrainableSpec::Auto if config.is_adapted() => SubsetSpec::Adapters,
            TrainableSpec::Auto | TrainableSpec::All => SubsetSpec::All,
            TrainableSpec::Last(blocks) => SubsetSpec::Last(blocks),
            TrainableSpec::Adapters => SubsetSpec::Adapters,
        };
        let trainable = chosen("train.parameters", trainable, &learner)?;
        let subset = chosen(SUBSET, config.value.subset, &learner)?.intersection(&trainable);
        if subset.is_empty() {
            return Err(RunError::Unfit {
                key: SUBSET,
                message: "nothing in it learns".into(),
            });
        }
        let head = chosen(SUBSET, SubsetSpec::Head, &learner)?;
        let learner = match head.intersection(&trainable).is_empty() {
            true => learner.with_fixed_head(),
            false => learner,
        };
        let reach = Reach::of(&learner, &subset);
        let learner = learner
            .with_reach(reach)
            .with_segments(config.train.segments);
        Ok((Self { trainable, subset }, learner))
    }
}

/// The parameters that `spec`, the value of `key`, means.
///
/// # Errors
/// More blocks than there are.
pub(super) fn chosen<I: Backend>(
    key: &'static str,
    spec: SubsetSpec,
    learner: &Decoder<I>,
) -> Result<ParamSubset, RunError> {
    let model = learner.config();
    let blocks = model.num_hidden_layers;
    if let SubsetSpec::Last(last) = spec
        && last > blocks
    {
        let message = format!("last:{last} of a model with {blocks} blocks");
        return Err(RunError::Unfit { key, message });
    }
    let head = if model.tie_word_embeddings {
        "embed_tokens"
    } else {
        "lm_head"
    };
    Ok(ParamSubset::matching(learner, |path| match spec {
        SubsetSpec::All | SubsetSpec::Trainable => true,
        SubsetSpec::Head => path.starts_with(head),
        SubsetSpec::Adapters => is_adapter(path),
        SubsetSpec::Last(last) => {
            path == "norm.weight" || layer_index(path).is_some_and(|layer| layer >= blocks - last)
        }
    }))
}
