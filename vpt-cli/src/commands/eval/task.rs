//! `vpt eval --task`

use crate::args::EvalArgs;
use crate::backend::{BackendName, BackendTask};
use crate::config::TextConfig;
use crate::failure::{Failure, with_causes};
use crate::model::opened;
use crate::output;
use crate::signals::StopRequest;
use burn::tensor::backend::Backend;
use serde_json::{Value, json};
use std::fs::create_dir_all;
use std::path::{Path, PathBuf};
use vpt_core::run::locate;
use vpt_core::{to_state, write_atomically};
use vpt_text::config::RunConfig;
use vpt_text::eval::task::{
    Aggregate, Answers, Asking, Figures, Items, Kept, Overrides, Report, Rows, ShotSource,
    SplitReport, Subject, Task, TaskError, builtins,
};

/// Lists the tasks that ship.
pub(super) fn list(as_json: bool) -> Result<(), Failure> {
    let tasks = builtins().iter().map(|found| {
        let task = Task::open(found.name, Overrides::default())?;
        Ok((
            task.definition.name,
            task.definition.version,
            task.definition.about,
        ))
    });
    let tasks: Vec<_> = tasks.collect::<Result<_, TaskError>>().map_err(refusal)?;
    if as_json {
        let object = |(name, version, about): &(String, String, String)| json!({ "name": name, "version": version, "about": about });
        return output::json(&tasks.iter().map(object).collect::<Vec<Value>>());
    }
    for (name, version, about) in &tasks {
        output::line(&format_args!("{name:<22} {version:<5} {about}"))?;
    }
    Ok(())
}

/// Scores a model on a task.
pub(super) fn run(args: &EvalArgs, name: &str) -> Result<(), Failure> {
    let flags = &args.task;
    let overrides = Overrides {
        shots: flags.num_shots,
        max_new_tokens: flags.max_new_tokens,
        samples: flags.samples,
        temperature: flags.temperature,
        top_p: flags.top_p,
    };
    let task = Task::open(name, overrides).map_err(refusal)?;
    let config = TextConfig::load(None, &args.layers)?;
    let backend = BackendName::choose(args.backend.backend)?;
    let splits = splits(&task, &args.data)?;
    let files: Vec<&Path> = splits.iter().map(|(_, file)| file.as_path()).collect();
    let shots = flags.shots.as_deref().map(locate).transpose()?;
    let shots = ShotSource::open(&task, shots.as_deref(), &files).map_err(refusal)?;
    let items = files.iter().map(|file| {
        let rows = Rows::read(file, flags.limit)?;
        Items::new(&task, &rows, shots.as_ref())
    });
    let items: Vec<Items> = items.collect::<Result<_, _>>().map_err(refusal)?;
    if let Some(folder) = flags.out.as_deref().and_then(Path::parent) {
        // Now, not after hours.
        create_dir_all(folder)
            .map_err(|error| Failure::Run(format!("{}: {error}", folder.display())))?;
    }
    // Without a file to keep items beside, an interruption loses them, and signals end it at once.
    let keeping = flags.out.as_deref().map(Keeping::beside).transpose()?;
    let names = splits.iter().map(|(split, _)| split.as_str());
    let Asked {
        model,
        answers,
        kept,
    } = backend.run(Ask {
        config: config.run(),
        task: &task,
        backend,
        splits: names.zip(&items).collect(),
        keeping: keeping.as_ref(),
    })??;
    let settings = answers[0].settings.clone();
    let mut report = Report::new(&task, shots.as_ref(), model, backend.to_string(), settings);
    for (((split, file), items), answers) in splits.iter().zip(&items).zip(&answers) {
        let log_prompts = flags.log_prompts;
        let split = SplitReport::new(&task, split, file, items, answers, log_prompts);
        report.splits.push(split);
    }
    if let Some(out) = &flags.out {
        let mut text = serde_json::to_string(&report).map_err(|e| Failure::Run(e.to_string()))?;
        text.push('\n');
        write_atomically(out, text.as_bytes()).map_err(|e| Failure::Run(with_causes(&e)))?;
    }
    kept.map_or(Ok(()), Kept::remove).map_err(refusal)?;
    match args.json {
        true => output::json(&report),
        false => table(&report),
    }
}

/// The files to ask, each with the split it holds: as the command line names it, or as the file is
/// called.
fn splits(task: &Task, data: &[String]) -> Result<Vec<(String, PathBuf)>, Failure> {
    let usage = |message: String| Err(Failure::Usage(format!("--data: {message}")));
    let known = &task.definition.splits;
    let mut splits: Vec<(String, PathBuf)> = Vec::new();
    for text in data {
        let named = text.split_once('=').filter(|_| !Path::new(text).exists());
        let (split, file) = match named {
            Some((split, file)) => (split.to_owned(), file),
            None => {
                let stem = Path::new(text).file_stem().unwrap_or_default();
                let stem = stem.to_string_lossy();
                (stem.trim_end_matches(".jsonl").to_owned(), text.as_str())
            }
        };
        if named.is_some() && !known.is_empty() && !known.contains(&split) {
            return usage(format!("`{split}` is none of {}", known.join(", ")));
        }
        if splits.iter().any(|(other, _)| *other == split) {
            return usage(format!(
                "split `{split}` is given twice; name them, as test=FILE"
            ));
        }
        splits.push((split, locate(file)?));
    }
    if splits.is_empty() {
        let form = known.iter().map(|split| format!("--data {split}=FILE"));
        let form = form.collect::<Vec<_>>().join(" ");
        let form = if form.is_empty() {
            "--data FILE".into()
        } else {
            form
        };
        return usage(format!(
            "name the items of {}: {form}",
            task.definition.name
        ));
    }
    Ok(splits)
}

/// Where items are kept until all are done, and who may interrupt.
struct Keeping {
    file: PathBuf,
    stop: StopRequest,
}

impl Keeping {
    /// Beside the result in `out`.
    fn beside(out: &Path) -> Result<Self, Failure> {
        let mut file = out.as_os_str().to_owned();
        file.push(".part");
        let stop = StopRequest::listen();
        Ok(Self {
            file: file.into(),
            stop: stop.map_err(|error| Failure::Run(format!("signals: {error}")))?,
        })
    }
}

struct Ask<'a> {
    config: &'a RunConfig,
    task: &'a Task,
    backend: BackendName,
    splits: Vec<(&'a str, &'a Items)>,
    keeping: Option<&'a Keeping>,
}

/// What a model said to every split.
struct Asked {
    model: Subject,
    answers: Vec<Answers>,
    /// The file that may go once the result is written.
    kept: Option<Kept>,
}

impl BackendTask for Ask<'_> {
    type Output = Result<Asked, Failure>;

    fn run<B: Backend>(self, device: B::Device) -> Self::Output {
        let model = opened::<B>(self.config, &device)?;
        let (seed, batch) = (self.config.seed, self.config.eval.batch);
        let asking = self.splits.iter().map(|(_, items)| {
            let (learner, tokenizer) = (&model.learner, &model.tokenizer);
            Asking::new(learner, tokenizer, self.task, items, seed, batch)
        });
        let asking: Vec<Asking<'_, B>> = asking.collect::<Result<_, _>>().map_err(refusal)?;
        let subject = Subject {
            path: self.config.model.path.clone(),
            files: model.files()?,
        };
        let mut kept = match self.keeping {
            Some(keeping) => Some(self.kept(keeping, &subject, &asking)?),
            None => None,
        };
        let mut answers = Vec::new();
        for (split, asking) in asking.iter().enumerate() {
            let said = match (&mut kept, self.keeping) {
                (Some(kept), Some(Keeping { stop, .. })) => asking
                    .go_on(kept, split, &|| stop.signal().is_some())
                    .map_err(refusal)?
                    .ok_or_else(|| Failure::Signal(stop.signal().unwrap_or_default()))?,
                _ => asking.answers().map_err(refusal)?,
            };
            answers.push(said);
        }
        Ok(Asked {
            model: subject,
            answers,
            kept,
        })
    }
}

impl Ask<'_> {
    /// The file of items that are done, with all that they depend on.
    fn kept<B: Backend>(
        &self,
        keeping: &Keeping,
        model: &Subject,
        asking: &[Asking<'_, B>],
    ) -> Result<Kept, Failure> {
        let settings = json!({
            "program": env!("CARGO_PKG_VERSION"),
            "backend": self.backend.to_string(),
            "task": self.task.text,
            "model": [to_state(&self.config.model), to_state(&model.files)],
            "settings": asking.first().map(|asking| to_state(asking.settings())),
        });
        let kept = Kept::open(&keeping.file, &settings, &self.splits).map_err(refusal)?;
        if kept.count() > 0 {
            let (file, count) = (keeping.file.display(), kept.count());
            output::remark(&format_args!("{file}: {count} items are done; it goes on"));
        }
        Ok(kept)
    }
}

fn refusal(error: TaskError) -> Failure {
    match error.is_usage() {
        true => Failure::Usage(with_causes(&error)),
        false => Failure::Run(with_causes(&error)),
    }
}

/// The figures, for reading.
fn table(report: &Report) -> Result<(), Failure> {
    let task = &report.task;
    output::line(&format_args!(
        "{} {} on {}, {} examples ({})",
        task.name, task.version, report.model.path, report.shots.number, report.backend
    ))?;
    for split in &report.splits {
        output::line(&format_args!(
            "{}: {} items",
            split.split, split.figures.count
        ))?;
        if split.truncated > 0 {
            output::line(&format_args!(
                "  {} prompts lost their first tokens: the model has {} positions",
                split.truncated, report.settings.max_length
            ))?;
        }
        figures("", &split.figures)?;
        // Where groups are many, their categories are what is read.
        let parts = match split.categories.is_empty() {
            true => &split.groups,
            false => &split.categories,
        };
        for (name, part) in parts {
            figures(name, part)?;
        }
    }
    output::line(&"mean ± standard error over items; right of all, and Wilson's 95 % interval")
}

fn figures(of: &str, figures: &Figures) -> Result<(), Failure> {
    for figure in &figures.metrics {
        output::line(&format_args!("  {}", row(of, figure, figures.count)))?;
    }
    Ok(())
}

fn row(of: &str, figure: &Aggregate, count: usize) -> String {
    let percent = |share: f64| format!("{:.2}", 100.0 * share);
    let name = match &figure.scorer {
        Some(scorer) => format!("{} {scorer}", figure.metric),
        None => figure.metric.clone(),
    };
    let name = format!("{of} {name}").trim_start().to_owned();
    let stderr = figure.mean.stderr.map_or("–".into(), percent);
    let right = figure
        .right
        .map_or(String::new(), |right| format!("  {right}/{count}"));
    let interval = figure.interval.map_or(String::new(), |[low, high]| {
        format!("  [{}, {}]", percent(low), percent(high))
    });
    format!(
        "{name:<44} {:>6} ± {stderr} %{right}{interval}",
        percent(figure.mean.mean)
    )
}
