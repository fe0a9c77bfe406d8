//! `vpt eval` on a labelled file.

use crate::args::EvalArgs;
use crate::backend::{BackendName, BackendTask};
use crate::config::TextConfig;
use crate::failure::Failure;
use crate::model::opened;
use crate::output;
use burn::tensor::backend::Backend;
use serde_json::json;
use std::path::Path;
use vpt_core::run::locate;
use vpt_text::config::RunConfig;
use vpt_text::run::{RunError, SplitResult};

/// Scores a model on a labelled file: losses, and greedy Pass@1.
pub(super) fn run(args: &EvalArgs) -> Result<(), Failure> {
    let config = TextConfig::load(None, &args.layers)?;
    let backend = BackendName::choose(args.backend.backend)?;
    let data = match args.data.as_slice() {
        [] => &config.run().data.test,
        [data] => data,
        _ => {
            return Err(Failure::Usage(
                "--data: one file; a task (--task) takes several".into(),
            ));
        }
    };
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

struct Eval<'a> {
    config: &'a RunConfig,
    data: &'a Path,
}

impl BackendTask for Eval<'_> {
    type Output = Result<SplitResult, RunError>;

    fn run<B: Backend>(self, device: B::Device) -> Self::Output {
        let model = opened::<B>(self.config, &device)?;
        model.evaluate(self.config, self.data)
    }
}
