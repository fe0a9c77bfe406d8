//! `vpt generate`

use crate::args::GenerateArgs;
use crate::backend::{BackendName, BackendTask};
use crate::config::Config;
use crate::failure::Failure;
use crate::output;
use burn::tensor::backend::Backend;
use serde_json::json;
use vpt_text::config::RunConfig;
use vpt_text::decoder::complete;
use vpt_text::run::{Model, RunError};

/// Continues prompts greedily.
pub(crate) fn run(args: &GenerateArgs) -> Result<(), Failure> {
    let config = Config::load(None, &args.layers)?;
    let backend = BackendName::choose(args.backend.backend)?;
    let mut settings = config.run().clone();
    if let Some(limit) = args.max_new_tokens {
        settings.eval.max_new_tokens = limit;
    }
    let completions = backend.run(Generate {
        config: &settings,
        prompts: &args.prompts,
        raw: args.raw,
    })??;
    for (prompt, completion) in args.prompts.iter().zip(completions) {
        if args.json {
            output::line(&json!({ "prompt": prompt, "completion": completion }))?;
        } else {
            output::line(&completion)?;
        }
    }
    Ok(())
}

struct Generate<'a> {
    config: &'a RunConfig,
    prompts: &'a [String],
    raw: bool,
}

impl BackendTask for Generate<'_> {
    type Output = Result<Vec<String>, RunError>;

    fn run<B: Backend>(self, device: B::Device) -> Self::Output {
        let model = Model::<B>::open(self.config, &device)?;
        let prompts = model.prompts(self.config, self.prompts, self.raw)?;
        let options = model.generation(self.config);
        let found = complete(&model.learner, &model.tokenizer, &prompts, &options, &[])?;
        let texts = found.into_iter().flatten();
        Ok(texts.map(|completion| completion.text).collect())
    }
}
