//! `vpt inspect`

mod vision;

use crate::args::InspectArgs;
use crate::backend::{BackendName, BackendTask};
use crate::config::TextConfig;
use crate::failure::Failure;
use crate::output;
use burn::tensor::backend::Backend;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vpt_core::parameters;
use vpt_text::DecoderConfig;
use vpt_text::config::RunConfig;
use vpt_text::decoder::{Contents, LoadNotes, StoredTensor, is_adapter};
use vpt_text::run::{Model, RunError};
use vpt_text::tokenizer::TokenizerError;

/// A head of its own, in a folder and in a GGUF file.
const HEADS: [&str; 2] = ["lm_head.weight", "output.weight"];

/// Loads a model, which checks it, and says what it holds.
pub(crate) fn run(args: &InspectArgs) -> Result<(), Failure> {
    let config = TextConfig::load(None, &args.layers)?;
    let backend = BackendName::choose(args.backend.backend)?;
    if let Some(folder) = vision::folder(&config.run().model.path) {
        return vision::run(&folder, backend, args.json);
    }
    let found = backend.run(Inspect(config.run()))??;
    match args.json {
        true => output::line(&found.json()),
        false => output::line(&found.text()),
    }
}

/// A model that was loaded, and what its files hold.
struct Found {
    path: PathBuf,
    architecture: DecoderConfig,
    /// Of its files, and of the adapters on it.
    contents: Contents,
    parameters: usize,
    notes: LoadNotes,
    tokens: usize,
    ends: Vec<End>,
}

/// A token that ends a text, and who says so.
struct End {
    id: u32,
    text: String,
    source: &'static str,
}

/// Element types in the files, with the number of tensors of each.
fn dtypes(tensors: &[StoredTensor]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for tensor in tensors {
        *counts.entry(tensor.dtype.as_str()).or_default() += 1;
    }
    counts
}

fn tensors_json(tensors: &[StoredTensor]) -> Vec<Value> {
    let tensor = |StoredTensor { key, dtype, shape }: &StoredTensor| json!({ "key": key, "dtype": dtype, "shape": shape });
    tensors.iter().map(tensor).collect()
}

/// A line for each tensor.
fn tensor_lines(tensors: &[StoredTensor]) -> Vec<String> {
    let width = tensors.iter().map(|tensor| tensor.key.len()).max();
    let width = width.unwrap_or(0);
    let line = |StoredTensor { key, dtype, shape }: &StoredTensor| {
        format!("{key:width$}  {dtype:4}  {shape:?}")
    };
    tensors.iter().map(line).collect()
}

/// What kind of files there are.
fn files_line(path: &Path, contents: &Contents) -> String {
    let Contents {
        format,
        files,
        tensors,
        ..
    } = contents;
    let dtypes: Vec<String> = dtypes(tensors)
        .into_iter()
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    format!(
        "{}: {format} in {} file{}; tensors by type: {}",
        path.display(),
        files.len(),
        if files.len() == 1 { "" } else { "s" },
        dtypes.join(", ")
    )
}

struct Inspect<'a>(&'a RunConfig);

impl BackendTask for Inspect<'_> {
    type Output = Result<Found, RunError>;

    fn run<B: Backend>(self, device: B::Device) -> Self::Output {
        let model = Model::<B>::open(self.0, &device)?;
        let end = |(source, id)| -> Result<End, TokenizerError> {
            let text = model.tokenizer.decode_with_special(&[id])?;
            Ok(End { id, text, source })
        };
        let mut contents = model.origin.contents()?;
        let parameters = parameters(&model.learner);
        let adapters = parameters.iter().filter(|info| is_adapter(&info.path));
        contents.tensors.extend(adapters.map(|info| StoredTensor {
            key: info.path.clone(),
            dtype: format!("{:?}", info.dtype),
            shape: info.shape.clone(),
        }));
        let config = model.learner.config();
        let named = |source, ids: &[u32]| ids.iter().map(|&id| (source, id)).collect::<Vec<_>>();
        let ends = [
            named("here", &[model.tokenizer.eos_id()]),
            named(model.origin.config_name(), &config.eos_token_id),
            named("generation_config.json", &contents.generation_eos),
        ];
        Ok(Found {
            ends: ends
                .concat()
                .into_iter()
                .map(end)
                .collect::<Result<_, _>>()?,
            architecture: config.clone(),
            contents,
            parameters: parameters
                .iter()
                .map(|info| info.shape.iter().product::<usize>())
                .sum(),
            tokens: model.tokenizer.vocab_size(),
            notes: model.notes,
            path: model.origin.path().to_owned(),
        })
    }
}

impl Found {
    /// Whether the files hold a head beside a tied one, and which of the two it is.
    fn stored_head(&self) -> Option<&'static str> {
        let stored = self
            .notes
            .ignored
            .iter()
            .any(|key| HEADS.contains(&key.as_str()));
        stored.then_some(match self.notes.stored_head_differs {
            true => "differs",
            false => "same",
        })
    }

    fn json(&self) -> Value {
        let end =
            |End { id, text, source }: &End| json!({ "id": id, "text": text, "source": source });
        let Contents {
            format,
            files,
            tensors,
            ..
        } = &self.contents;
        json!({
            "path": self.path,
            "format": format,
            "files": files,
            "dtypes": dtypes(tensors),
            "config": self.architecture,
            "parameters": self.parameters,
            "stored_head": self.stored_head(),
            "ignored": self.notes.ignored,
            "tokenizer_size": self.tokens,
            "end_of_text": self.ends.iter().map(end).collect::<Vec<_>>(),
            "tensors": tensors_json(tensors),
        })
    }

    /// A line for each tensor, then what they make up.
    fn text(&self) -> String {
        let config = &self.architecture;
        let mut lines = tensor_lines(&self.contents.tensors);
        lines.push(files_line(&self.path, &self.contents));
        lines.push(format!(
            "{}: {} blocks of width {}, {} within; {} query and {} key/value heads of width {}; \
             {} positions",
            config.model_type.name(),
            config.num_hidden_layers,
            config.hidden_size,
            config.intermediate_size,
            config.num_attention_heads,
            config.num_key_value_heads,
            config.head_dim(),
            config.max_position_embeddings,
        ));
        let head = match (config.tie_word_embeddings, self.stored_head()) {
            (false, _) => "of its own",
            (true, None) => "the embedding",
            (true, Some("same")) => "the embedding, which is stored a second time",
            (true, Some(_)) => {
                "the embedding, as config.json says; the file holds another one, which is ignored \
                 (Transformers 4 does the same, 5 would use it)"
            }
        };
        lines.push(format!("head: {head}"));
        let ignored: Vec<&str> = self.notes.ignored.iter().map(String::as_str).collect();
        if !ignored.is_empty() {
            lines.push(format!("ignored: {}", ignored.join(", ")));
        }
        let ends = self.ends.iter();
        let ends: Vec<String> = ends
            .map(|End { id, text, source }| format!("{id} {text:?} ({source})"))
            .collect();
        lines.push(format!(
            "{} rows for {} tokens; end of text: {}",
            config.vocab_size,
            self.tokens,
            ends.join(", ")
        ));
        lines.push(format!("{} parameters, all finite", self.parameters));
        lines.join("\n")
    }
}
