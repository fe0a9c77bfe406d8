//! `vpt inspect`

use crate::args::InspectArgs;
use crate::backend::{BackendName, BackendTask};
use crate::config::Config;
use crate::failure::Failure;
use crate::output;
use burn::tensor::backend::Backend;
use serde_json::json;
use vpt_core::{ParameterInfo, parameters};
use vpt_text::DecoderConfig;
use vpt_text::config::RunConfig;
use vpt_text::run::{Model, RunError};

/// Loads a model, checking it, and lists what it holds.
pub(crate) fn run(args: &InspectArgs) -> Result<(), Failure> {
    let config = Config::load(None, &args.layers)?;
    let backend = BackendName::choose(args.backend.backend)?;
    let Contents {
        architecture,
        parameters,
        tokens,
    } = backend.run(Inspect(config.run()))??;
    let count = |info: &ParameterInfo| info.shape.iter().product::<usize>();
    let total: usize = parameters.iter().map(count).sum();
    if args.json {
        let list = parameters.iter().map(|info| {
            let (path, shape) = (&info.path, &info.shape);
            json!({ "path": path, "shape": shape })
        });
        return output::line(&json!({
            "config": architecture,
            "tokenizer_size": tokens,
            "parameters": total,
            "tensors": list.collect::<Vec<_>>(),
        }));
    }
    let width = parameters.iter().map(|info| info.path.len()).max();
    for info in &parameters {
        output::line(&format_args!(
            "{:width$}  {:?}",
            info.path,
            info.shape,
            width = width.unwrap_or(0)
        ))?;
    }
    output::line(&format_args!(
        "{}: {} blocks of width {}, {} query and {} key/value heads, {} rows for {tokens} tokens\n\
         {total} parameters in {} tensors, all finite",
        architecture.model_type.name(),
        architecture.num_hidden_layers,
        architecture.hidden_size,
        architecture.num_attention_heads,
        architecture.num_key_value_heads,
        architecture.vocab_size,
        parameters.len(),
    ))
}

struct Contents {
    architecture: DecoderConfig,
    parameters: Vec<ParameterInfo>,
    tokens: usize,
}

struct Inspect<'a>(&'a RunConfig);

impl BackendTask for Inspect<'_> {
    type Output = Result<Contents, RunError>;

    fn run<B: Backend>(self, device: B::Device) -> Self::Output {
        let model = Model::<B>::open(self.0, &device)?;
        Ok(Contents {
            architecture: model.learner.config().clone(),
            parameters: parameters(&model.learner),
            tokens: model.tokenizer.vocab_size(),
        })
    }
}
