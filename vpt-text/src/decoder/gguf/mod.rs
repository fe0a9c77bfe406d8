//! GGUF files: a model with its tokenizer in one file, quantised or not.
//!
//! | file | holds |
//! |---|---|
//! | `header`, `metadata` | the container, none of whose counts are trusted |
//! | `quant` | tensor types and their values |
//! | `names`, `architecture` | parameters and sizes under the format's names |
//! | `tokenizer`, `byte_level`, `sentencepiece` | the vocabulary as a `tokenizer.json` |

mod architecture;
mod byte_level;
mod fault;
mod header;
mod metadata;
mod names;
mod quant;
mod sentencepiece;
mod tokenizer;

use super::config::{DecoderConfig, ModelType};
use super::contents::{Contents, StoredTensor};
use super::model::Decoder;
use super::weights::{LoadNotes, LoadOptions};
use burn::tensor::{TensorData, backend::Backend};
use header::Header;
use names::{EMBEDDING, FREQUENCIES, HEAD, pairs_apart, tensor_name};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use vpt_core::layers::fill;

pub use fault::{GgufError, GgufFault};

/// An open GGUF file of version 2 or 3: its metadata and table of tensors. Values are read one
/// tensor at a time.
#[derive(Debug)]
pub struct Gguf {
    path: PathBuf,
    file: File,
    header: Header,
}

impl Gguf {
    /// Reads the header of `path`.
    ///
    /// # Errors
    /// A file that cannot be read, is cut short or is not what its header says, or one with a
    /// tensor of a type other than F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K and
    /// Q6_K.
    pub fn open(path: &Path) -> Result<Self, GgufError> {
        let io = |error| GgufFault::Io(error).at(path);
        let file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let header = Header::read(BufReader::new(&file), length).map_err(|fault| fault.at(path))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            header,
        })
    }

    /// What it holds, tensors under their own names.
    pub fn contents(&self) -> Contents {
        let tensors = self.header.tensors.iter();
        Contents {
            format: "GGUF",
            files: vec![self.path.clone()],
            tensors: tensors
                .map(|(name, info)| StoredTensor {
                    key: name.clone(),
                    dtype: info.kind.name().to_owned(),
                    shape: info.shape.clone(),
                })
                .collect(),
            generation_eos: vec![],
        }
    }

    /// The decoder that it holds.
    ///
    /// # Errors
    /// A key that is missing or malformed, or asks for something that this decoder does not
    /// compute: another architecture, scaled rotary positions, experts, sliding windows.
    pub fn config(&self) -> Result<DecoderConfig, GgufError> {
        architecture::config(&self.header).map_err(|fault| fault.at(&self.path))
    }

    /// Its vocabulary as the text of a `tokenizer.json`: the one it holds under
    /// `tokenizer.huggingface.json`, else one made from tokens, merges and pre-tokenizer.
    ///
    /// # Errors
    /// A vocabulary that is missing, malformed or of a kind that is not built here.
    pub fn tokenizer_json(&self) -> Result<String, GgufError> {
        tokenizer::tokenizer_json(&self.header.metadata).map_err(|fault| fault.at(&self.path))
    }

    /// What belongs beside a `tokenizer.json` in a Hugging Face folder: file names with their
    /// texts.
    ///
    /// # Errors
    /// Special tokens that the vocabulary does not hold.
    pub fn companions(&self) -> Result<Vec<(&'static str, String)>, GgufError> {
        let made = tokenizer::companions(&self.header.metadata, &self.config()?);
        made.map_err(|fault| fault.at(&self.path))
    }

    /// The decoder with its values, in the backend's float.
    ///
    /// # Errors
    /// As for [`config`](Self::config); and a tensor that is missing, has no place, has another
    /// shape than the metadata says, or is not finite.
    pub fn decoder<B: Backend>(
        &self,
        options: &LoadOptions,
        device: &B::Device,
    ) -> Result<(Decoder<B>, LoadNotes), GgufError> {
        let mut config = self.config()?;
        if let Some(tie) = options.tie_word_embeddings {
            config.tie_word_embeddings = tie;
        }
        let paired = config.model_type == ModelType::Llama;
        let (heads, kv_heads) = (config.num_attention_heads, config.num_key_value_heads);
        let (tied, table) = (
            config.tie_word_embeddings,
            [config.vocab_size, config.hidden_size],
        );
        let mut used = BTreeSet::new();
        let decoder = fill(Decoder::unfilled(config, device), |path, shape| {
            let name = tensor_name(path).unwrap_or_else(|| path.to_owned());
            let values = self.read(&name, shape)?;
            let values = match path {
                _ if paired && path.contains(".q_proj.") => pairs_apart(&values, shape[0], heads),
                _ if paired && path.contains(".k_proj.") => {
                    pairs_apart(&values, shape[0], kv_heads)
                }
                _ => values,
            };
            used.insert(name);
            Ok::<_, GgufError>(TensorData::new(values, shape.to_vec()))
        })?;

        let mut notes = LoadNotes::default();
        let tensors = self.header.tensors.keys();
        for name in tensors.filter(|name| !used.contains(*name)) {
            match name.as_str() {
                HEAD if tied => {
                    let head = self.read(HEAD, &table)?;
                    notes.stored_head_differs = head != self.read(EMBEDDING, &table)?;
                }
                FREQUENCIES => self.refuse_scaling()?,
                _ => return self.refuse(GgufFault::Unexpected(name.clone())),
            }
            notes.ignored.push(name.clone());
        }
        Ok((decoder, notes))
    }

    /// Rotary frequencies divided by anything but one are not computed.
    fn refuse_scaling(&self) -> Result<(), GgufError> {
        let shape = self
            .header
            .tensors
            .get(FREQUENCIES)
            .map(|t| t.shape.clone());
        let factors = self.read(FREQUENCIES, &shape.unwrap_or_default())?;
        match factors.iter().find(|factor| **factor != 1.0) {
            Some(factor) => {
                let what = format!("scaled rotary positions (`{FREQUENCIES}` holds {factor})");
                self.refuse(GgufFault::Unsupported(what))
            }
            None => Ok(()),
        }
    }

    /// The values of tensor `name`, which must have this shape and be finite.
    fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, GgufError> {
        let Some(info) = self.header.tensors.get(name) else {
            return self.refuse(GgufFault::Missing(name.to_owned()));
        };
        if info.shape != shape {
            let found = &info.shape;
            return self.refuse(GgufFault::Malformed(format!(
                "`{name}` has shape {found:?}, the metadata asks for {shape:?}"
            )));
        }
        let mut raw = vec![0; info.bytes];
        let mut reader = &self.file;
        let read = reader.seek(SeekFrom::Start(info.start));
        if let Err(error) = read.and_then(|_| reader.read_exact(&mut raw)) {
            return self.refuse(GgufFault::Io(error));
        }
        let values = info.kind.values(&raw);
        match values.iter().position(|value| !value.is_finite()) {
            Some(index) => {
                let name = name.to_owned();
                self.refuse(GgufFault::NotFinite { name, index })
            }
            None => Ok(values),
        }
    }

    fn refuse<T>(&self, fault: GgufFault) -> Result<T, GgufError> {
        Err(fault.at(&self.path))
    }
}

#[cfg(test)]
mod tests;
