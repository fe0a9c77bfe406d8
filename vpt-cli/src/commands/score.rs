//! `vpt score`

use crate::args::ScoreArgs;
use crate::backend::{BackendName, BackendTask};
use crate::config::TextConfig;
use crate::failure::{Failure, with_causes};
use crate::{model, output};
use burn::tensor::backend::Backend;
use std::path::{Path, PathBuf};
use vpt_text::config::RunConfig;
use vpt_text::run::{FeedbackOptions, RunError, Scored, Texts, score};
use vpt_text::score::ReportFormat;

/// Scores given texts token by token.
pub(crate) fn run(args: &ScoreArgs) -> Result<(), Failure> {
    let config = TextConfig::load(None, &args.layers)?;
    let backend = BackendName::choose(args.backend.backend)?;
    let out = args.out.as_deref().map(format_of).transpose()?;
    let texts = match (&args.tokens, &args.data) {
        (Some(file), _) => Texts::Tokens(file),
        (_, Some(file)) => Texts::Labelled(file),
        _ => Texts::Plain(&args.texts),
    };
    let scored = backend.run(Score {
        config: config.run(),
        texts,
        feedback: args.feedback.as_deref().map(|file| FeedbackOptions {
            file,
            batch: args.feedback_batch,
        }),
    })??;
    model::remark(&scored.notes);
    if let (Some(counts), Some(file)) = (scored.counts, &args.data)
        && (counts.documents < counts.records || counts.truncated > 0)
    {
        output::remark(&format_args!("{file}: {counts}"));
    }
    let (file, format) = out.unzip();
    let bytes = scored.report.to_bytes(format.unwrap_or(ReportFormat::Json));
    let bytes = bytes.map_err(|error| Failure::Run(with_causes(&error)))?;
    match file {
        Some(file) => vpt_core::write_atomically(&file, &bytes)
            .map_err(|error| Failure::Run(with_causes(&error))),
        None => output::line(&String::from_utf8_lossy(&bytes)),
    }
}

/// The file with the format that its name asks for.
fn format_of(file: &Path) -> Result<(PathBuf, ReportFormat), Failure> {
    let format = ReportFormat::of(file).ok_or_else(|| {
        let file = file.display();
        Failure::Usage(format!(
            "--out {file}: ends neither in .json nor in .safetensors"
        ))
    })?;
    Ok((file.to_owned(), format))
}

struct Score<'a> {
    config: &'a RunConfig,
    texts: Texts<'a>,
    feedback: Option<FeedbackOptions<'a>>,
}

impl BackendTask for Score<'_> {
    type Output = Result<Scored, RunError>;

    fn run<B: Backend>(self, device: B::Device) -> Self::Output {
        score::<B>(self.config, self.texts, self.feedback, &device)
    }
}
