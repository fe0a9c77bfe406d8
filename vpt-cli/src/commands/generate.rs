//! `vpt generate`

use crate::args::GenerateArgs;
use crate::backend::{BackendName, BackendTask};
use crate::config::TextConfig;
use crate::failure::Failure;
use crate::model::opened;
use crate::output;
use burn::tensor::backend::Backend;
use serde_json::json;
use vpt_text::config::RunConfig;
use vpt_text::decoder::{Completion, Generation, Strategy, complete};
use vpt_text::run::RunError;

/// Continues prompts, greedily or by draws.
pub(crate) fn run(args: &GenerateArgs) -> Result<(), Failure> {
    let config = TextConfig::load(None, &args.layers)?;
    let backend = BackendName::choose(args.backend.backend)?;
    let seed = args.seed.unwrap_or(config.run().seed);
    let strategy = Strategy::new(args.temperature, args.top_p, args.top_k, seed);
    let completions = backend.run(Generate {
        config: config.run(),
        args,
        strategy: strategy.map_err(|error| Failure::Usage(error.to_string()))?,
    })??;
    for (prompt, samples) in args.prompts.iter().zip(completions) {
        for (sample, completion) in samples.into_iter().enumerate() {
            let Completion { text, end, .. } = completion;
            if args.json {
                let object =
                    json!({ "prompt": prompt, "sample": sample, "completion": text, "end": end });
                output::line(&object)?;
            } else {
                output::line(&text)?;
            }
        }
    }
    Ok(())
}

struct Generate<'a> {
    config: &'a RunConfig,
    args: &'a GenerateArgs,
    strategy: Strategy,
}

impl BackendTask for Generate<'_> {
    type Output = Result<Vec<Vec<Completion>>, RunError>;

    fn run<B: Backend>(self, device: B::Device) -> Self::Output {
        let (config, args) = (self.config, self.args);
        let model = opened::<B>(config, &device)?;
        let prompts = model.prompts(config, &args.prompts, args.raw)?;
        let by_config = model.generation(config);
        let options = Generation {
            strategy: self.strategy,
            samples: args.samples,
            max_new_tokens: args.max_new_tokens.unwrap_or(by_config.max_new_tokens),
            truncate: args.truncate,
            ..by_config
        };
        let (learner, tokenizer) = (&model.learner, &model.tokenizer);
        Ok(complete(
            learner, tokenizer, &prompts, &options, &args.stop,
        )?)
    }
}
