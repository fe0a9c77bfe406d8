//! `vpt eval --task`

use crate::args::EvalArgs;
use crate::backend::{BackendName, BackendTask};
use crate::config::TextConfig;
use crate::failure::{Failure, with_causes};
use crate::model::opened;
use crate::output;
use burn::tensor::backend::Backend;
use serde_json::{Value, json};
use std::fs::create_dir_all;
use std::path::{Path, PathBuf};
use vpt_core::run::locate;
use vpt_core::write_atomically;
use vpt_text::config::RunConfig;
use vpt_text::eval::task::{
    Aggregate, Answers, Figures, Items, Overrides, Report, Rows, ShotSource, SplitReport, Subject,
    Task, TaskError, ask, builtins,
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
    let (model, answers) = backend.run(Ask {
        config: config.run(),
        task: &task,
        splits: &items,
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

struct Ask<'a> {
    config: &'a RunConfig,
    task: &'a Task,
    splits: &'a [Items],
}

impl BackendTask for Ask<'_> {
    type Output = Result<(Subject, Vec<Answers>), Failure>;

    fn run<B: Backend>(self, device: B::Device) -> Self::Output {
        let model = opened::<B>(self.config, &device)?;
        let (seed, batch) = (self.config.seed, self.config.eval.batch);
        let asked = self.splits.iter().map(|items| {
            ask(
                &model.learner,
                &model.tokenizer,
                self.task,
                items,
                seed,
                batch,
            )
            .map_err(refusal)
        });
        let answers = asked.collect::<Result<_, _>>()?;
        let subject = Subject {
            path: self.config.model.path.clone(),
            files: model.files()?,
        };
        Ok((subject, answers))
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
