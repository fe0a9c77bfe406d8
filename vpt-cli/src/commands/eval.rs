//! `vpt eval`

use crate::args::EvalArgs;
use crate::backend::{BackendName, BackendTask};
use crate::config::Config;
use crate::failure::{Failure, with_causes};
use crate::output;
use burn::tensor::backend::Backend;
use serde_json::json;
use std::path::Path;
use vpt_text::config::RunConfig;
use vpt_text::eval::completions::score;
use vpt_text::eval::statistics::Mean;
use vpt_text::run::{Model, RunError, SplitResult, locate};

/// Scores a model on a labelled file.
pub(crate) fn run(args: &EvalArgs) -> Result<(), Failure> {
    if let Some(file) = &args.completions {
        return completions(file, args.json);
    }
    let config = Config::load(None, &args.layers)?;
    let backend = BackendName::choose(args.backend.backend)?;
    let data = args.data.as_deref().unwrap_or(&config.run().data.test);
    if data.is_empty() {
        return Err(Failure::Usage(
            "data.test: names no file; give one with --data".into(),
        ));
    }
    let file = locate(data)?;
    let result = backend.run(Eval {
        config: config.run(),
        data: &file,
    })??;
    let means = result.measurement();
    if args.json {
        let figures = json!({
            "model": config.run().model.path,
            "data": data,
            "loss": means.loss,
            "first": means.first,
            "digit": means.digit,
            "pass_at_1": means.pass_at_1,
            "items": result.items,
        });
        return output::line(&figures);
    }
    let share = |figure: Option<f64>| figure.map_or("–".into(), |f| format!("{f:.4}"));
    output::line(&format_args!(
        "{data}: {} items\nloss {:.4} nats a token (first token {}, digits {})\nPass@1 {}",
        result.items.len(),
        means.loss,
        share(means.first),
        share(means.digit),
        means
            .pass_at_1
            .map_or("–".into(), |f| format!("{:.1} %", 100.0 * f)),
    ))
}

/// Scores completions that were made elsewhere.
fn completions(file: &Path, json: bool) -> Result<(), Failure> {
    let scored = score(file).map_err(|error| Failure::Run(with_causes(&error)))?;
    if json {
        return output::json(&scored);
    }
    let share = |mean: Option<Mean>| {
        let percent = |share: f64| format!("{:.2}", 100.0 * share);
        let mean = mean.map(|mean| {
            let stderr = mean.stderr.map_or("–".into(), percent);
            format!("{} ± {stderr} %", percent(mean.mean))
        });
        mean.unwrap_or("–".into())
    };
    output::line(&format_args!(
        "{}: {} completions, share right ± standard error over items\n\
         gsm8k strict-match      {}\n\
         gsm8k flexible-extract  {}\n\
         final answer, A.1       {}",
        file.display(),
        scored.items.len(),
        share(scored.strict),
        share(scored.flexible),
        share(scored.cascade),
    ))
}

struct Eval<'a> {
    config: &'a RunConfig,
    data: &'a Path,
}

impl BackendTask for Eval<'_> {
    type Output = Result<SplitResult, RunError>;

    fn run<B: Backend>(self, device: B::Device) -> Self::Output {
        let model = Model::<B>::open(self.config, &device)?;
        model.evaluate(self.config, self.data)
    }
}
