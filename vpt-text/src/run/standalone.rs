//! A model folder by itself: scored on a labelled file, or made ready to continue prompts.

use super::RunError;
use super::assemble::{Reader, check_tokenizer};
use super::evaluate::{HeldOut, Measuring, SplitResult, evaluate};
use super::learns::loaded;
use super::origin::Origin;
use super::places::{adapter_folder, locate_model};
use crate::artefacts::Split;
use crate::config::RunConfig;
use crate::data::{Formatter, Record, Template};
use crate::decoder::{Decoder, Generation, LoadNotes};
use crate::tokenizer::{Tokenizer, digit_tokens};
use burn::tensor::backend::Backend;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vpt_core::run::model_files;

/// The learner of `config.model.path` alone, for ids that no tokenizer is asked about, and what was
/// noticed while loading.
pub(super) fn open_learner<B: Backend>(
    config: &RunConfig,
    device: &B::Device,
) -> Result<(Decoder<B>, LoadNotes), RunError> {
    let origin = Origin::at(&locate_model(&config.model.path)?)?;
    let (learner, notes) = origin.learner(&config.model.head.options(), device)?;
    Ok((loaded(learner, config)?, notes))
}

/// A model with its tokenizer, as a run or the Hub left it.
pub struct Model<B: Backend> {
    /// The learner.
    pub learner: Decoder<B>,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// What was noticed while loading.
    pub notes: LoadNotes,
    /// Where they came from.
    pub origin: Origin,
    /// The folder of the adapters on the learner.
    adapter: Option<PathBuf>,
}

impl<B: Backend> Model<B> {
    /// Opens `config.model.path`: a model folder, a run folder, whose `model/` is meant, or a GGUF
    /// file; with the adapters of `config.model.adapter` on it, if it names some.
    ///
    /// # Errors
    /// A place that holds no model or tokenizer, or one that cannot be used.
    pub fn open(config: &RunConfig, device: &B::Device) -> Result<Self, RunError> {
        let origin = Origin::at(&locate_model(&config.model.path)?)?;
        let tokenizer = origin.tokenizer(&config.model.end_of_text)?;
        let (learner, notes) = origin.learner(&config.model.head.options(), device)?;
        let learner = loaded(learner, config)?;
        check_tokenizer(&learner, &tokenizer)?;
        Ok(Self {
            learner,
            tokenizer,
            notes,
            origin,
            adapter: adapter_folder(&config.model.adapter)?,
        })
    }

    /// SHA-256 of the files that the model was read from, by name; those of adapters as
    /// `adapter/NAME`.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn files(&self) -> Result<BTreeMap<String, String>, RunError> {
        let mut files = model_files(self.origin.path())?;
        if let Some(folder) = &self.adapter {
            let adapter = model_files(folder)?.into_iter();
            files.extend(adapter.map(|(name, hash)| (format!("adapter/{name}"), hash)));
        }
        Ok(files)
    }

    /// Scores the model on a labelled file: losses of every item, and Pass@1 of the first
    /// `eval.final_pass_items` that name an answer.
    ///
    /// # Errors
    /// A file that cannot be read, or a prompt that cannot be decoded.
    pub fn evaluate(&self, config: &RunConfig, data: &Path) -> Result<SplitResult, RunError> {
        let template = Template::new(&config.data.prompt, &config.data.answer)?;
        let seq_len = self.learner.config().max_position_embeddings;
        let reader = Reader {
            formatter: Formatter {
                tokenizer: &self.tokenizer,
                template: &template,
                seq_len,
            },
            columns: &config.data.columns,
        };
        let set: HeldOut = reader.labelled(Split::Test, data)?;
        let is_digit = digit_tokens(&self.tokenizer)?;
        let how = Measuring {
            batch: config.eval.batch,
            decoded: config.eval.final_pass_items,
            max_new_tokens: config.eval.max_new_tokens,
            tokenizer: &self.tokenizer,
            is_digit: &is_digit,
        };
        evaluate(&self.learner, &set, &how)
    }

    /// Problems put into the config's template, or texts as they stand, in tokens.
    ///
    /// # Errors
    /// A text that cannot be tokenised.
    pub fn prompts(
        &self,
        config: &RunConfig,
        texts: &[String],
        raw: bool,
    ) -> Result<Vec<Vec<u32>>, RunError> {
        let template = Template::new(&config.data.prompt, &config.data.answer)?;
        let prompt = |text: &String| match raw {
            true => text.clone(),
            false => template.prompt(&Record {
                problem: text.clone(),
                ..Record::default()
            }),
        };
        let prompts = texts.iter().map(prompt).collect();
        Ok(self.tokenizer.encode_texts(prompts)?)
    }

    /// How completions end and are batched by `config`; greedy, one a prompt.
    pub fn generation(&self, config: &RunConfig) -> Generation {
        Generation {
            max_new_tokens: config.eval.max_new_tokens,
            batch_size: config.eval.batch,
            ..Generation::of(&self.tokenizer, self.learner.config())
        }
    }
}
