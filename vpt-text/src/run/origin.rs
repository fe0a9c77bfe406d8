//! What a path to a model means, and opening it.

use super::RunError;
use crate::decoder::{
    CheckpointError, Contents, Decoder, DecoderConfig, Gguf, LoadNotes, LoadOptions,
};
use crate::tokenizer::Tokenizer;
use burn::tensor::backend::Backend;
use std::path::{Path, PathBuf};
use vpt_core::weights::{Index, Layout};

const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";

/// Files of a model folder that belong to its tokenizer and are carried along as they are.
const COMPANIONS: [&str; 6] = [
    TOKENIZER,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "generation_config.json",
];

/// Where a model and its tokenizer come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A Hugging Face folder.
    Folder(PathBuf),
    /// A GGUF file, which holds both.
    Gguf(PathBuf),
}

impl Origin {
    /// What `path` means: a file is a GGUF file, and so is a folder with one such file and no
    /// `config.json`; any other folder is a Hugging Face folder.
    ///
    /// # Errors
    /// A folder that cannot be read, or that holds several GGUF files and no `config.json`.
    pub fn at(path: &Path) -> Result<Self, RunError> {
        if path.is_file() {
            return Ok(Self::Gguf(path.into()));
        }
        if !path.is_dir() || path.join(CONFIG).exists() {
            return Ok(Self::Folder(path.into()));
        }
        let mut found = vec![];
        for entry in std::fs::read_dir(path).map_err(RunError::io(path))? {
            let file = entry.map_err(RunError::io(path))?.path();
            if file
                .extension()
                .is_some_and(|e| e.eq_ignore_ascii_case("gguf"))
            {
                found.push(file);
            }
        }
        match found.as_slice() {
            [] => Ok(Self::Folder(path.into())),
            [_] => Ok(Self::Gguf(found.remove(0))),
            several => Err(RunError::folder(
                path,
                format!("holds {} GGUF files; name one", several.len()),
            )),
        }
    }

    /// The folder or file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Folder(path) | Self::Gguf(path) => path,
        }
    }

    /// The architecture alone.
    ///
    /// # Errors
    /// A configuration that cannot be read or used.
    pub fn config(&self) -> Result<DecoderConfig, RunError> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(CONFIG);
                let text = std::fs::read_to_string(&path).map_err(RunError::io(&path))?;
                DecoderConfig::from_json(&text)
                    .map_err(|source| RunError::ModelConfig { path, source })
            }
            Self::Gguf(file) => Ok(Gguf::open(file)?.config()?),
        }
    }

    /// The tokenizer, with `end_of_text` as its end-of-text token unless that is empty.
    ///
    /// # Errors
    /// A tokenizer that is not there or cannot be used.
    pub fn tokenizer(&self, end_of_text: &str) -> Result<Tokenizer, RunError> {
        Ok(match self {
            Self::Folder(folder) => {
                Tokenizer::from_file(&folder.join(TOKENIZER), Some(end_of_text))?
            }
            Self::Gguf(file) => {
                let json = Gguf::open(file)?.tokenizer_json()?;
                Tokenizer::from_json(file, json.as_bytes(), Some(end_of_text))?
            }
        })
    }

    /// The model with its values.
    ///
    /// # Errors
    /// A model that is not there or cannot be used.
    pub fn learner<B: Backend>(
        &self,
        options: &LoadOptions,
        device: &B::Device,
    ) -> Result<(Decoder<B>, LoadNotes), RunError> {
        Ok(match self {
            Self::Folder(folder) => Decoder::load(folder, options, device)?,
            Self::Gguf(file) => Gguf::open(file)?.decoder(options, device)?,
        })
    }

    /// What its files hold.
    ///
    /// # Errors
    /// A file that is missing or malformed.
    pub fn contents(&self) -> Result<Contents, RunError> {
        Ok(match self {
            Self::Folder(folder) => Contents::of_folder(folder)?,
            Self::Gguf(file) => Gguf::open(file)?.contents(),
        })
    }

    /// Where its architecture is written.
    pub fn config_name(&self) -> &'static str {
        match self {
            Self::Folder(_) => CONFIG,
            Self::Gguf(_) => "metadata",
        }
    }

    /// The file that decides how text becomes tokens, with the name a resume knows it by.
    pub(super) fn tokenizer_file(&self) -> (&'static str, PathBuf) {
        match self {
            Self::Folder(folder) => (TOKENIZER, folder.join(TOKENIZER)),
            Self::Gguf(file) => ("model.gguf", file.clone()),
        }
    }

    /// The files with the weights, where they are not the tokenizer's: one, or an index and its
    /// shards, which share its name.
    ///
    /// # Errors
    /// An index that cannot be read.
    pub(super) fn weight_files(&self) -> Result<Vec<(&'static str, PathBuf)>, RunError> {
        let Self::Folder(folder) = self else {
            return Ok(vec![]);
        };
        let Some(layout) = Layout::choose(|name| folder.join(name).is_file()) else {
            return Ok(vec![]);
        };
        let name = layout.first();
        let mut files = vec![(name, folder.join(name))];
        if layout.is_index() {
            let index = Index::read(&folder.join(name)).map_err(CheckpointError::from)?;
            files.extend(index.files().map(|shard| (name, folder.join(shard))));
        }
        Ok(files)
    }

    /// What stands beside the weights in a Hugging Face folder: file names with their contents.
    pub(super) fn companions(&self) -> Result<Vec<(&'static str, Vec<u8>)>, RunError> {
        let mut found = vec![];
        match self {
            Self::Folder(folder) => {
                for name in COMPANIONS {
                    let from = folder.join(name);
                    if from.is_file() {
                        found.push((name, std::fs::read(&from).map_err(RunError::io(&from))?));
                    }
                }
            }
            Self::Gguf(file) => {
                let file = Gguf::open(file)?;
                found.push((TOKENIZER, file.tokenizer_json()?.into_bytes()));
                for (name, text) in file.companions()? {
                    found.push((name, text.into_bytes()));
                }
            }
        }
        Ok(found)
    }
}
