//! `vpt data decontaminate`

use crate::args::{DecontaminateArgs, PresetName, RuleArgs, VerbosityArgs};
use crate::config::TextConfig;
use crate::failure::{Failure, with_causes};
use crate::output;
use crate::signals::StopRequest;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, stderr};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;
use vpt_core::run::locate;
use vpt_text::data::Records;
use vpt_text::decontaminate::{
    Compression, DecontaminateError, Outputs, Settings, Summary, TestIndex, TestSet, decontaminate,
};
use vpt_text::run::{RunError, corpus_files};

/// Away from a terminal, a line is said each time so many more records are done.
const LINE_EVERY: usize = 100_000;

/// Takes near-duplicates of test items out of a stream.
pub(crate) fn run(args: &DecontaminateArgs) -> Result<(), Failure> {
    let config = TextConfig::load(None, &args.layers)?;
    let data = &config.run().data;
    let settings = settings(&args.rules)?;
    let clean = args.out.as_deref().map(jsonl).transpose()?;
    let files = files(&args.data, &data.corpus)?;
    if let Some((out, _)) = clean
        && files.iter().any(|file| same(file, out))
    {
        return Err(Failure::Usage(format!(
            "--out: {} is what is read; give it another name",
            out.display()
        )));
    }
    let column = args.item_column.as_ref().unwrap_or(&data.columns.problem);
    let index = TestIndex::new(test_sets(&args.against, column)?, settings)
        .map_err(|error| Failure::Usage(error.to_string()))?;
    let stop = StopRequest::listen().map_err(|error| Failure::Run(format!("signals: {error}")))?;
    let outputs = Outputs {
        clean,
        report: args.report.as_deref(),
    };
    let mut watch = Watch::new(args.verbosity);
    let records = Records::open(files, &data.columns, data.filter().map_err(RunError::from)?);
    let done = decontaminate(records, &index, outputs, |summary| {
        watch.observe(summary);
        match stop.signal() {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    });
    watch.end();
    let Some(summary) = done.map_err(failed)? else {
        return Err(Failure::Signal(stop.signal().unwrap_or_default()));
    };
    if args.verbosity.json {
        return output::json(&summary);
    }
    output::line(&table(&summary))
}

fn failed(error: DecontaminateError) -> Failure {
    Failure::Run(with_causes(&error))
}

/// The preset and what was said otherwise.
fn settings(args: &RuleArgs) -> Result<Settings, Failure> {
    let mut settings = match args.preset {
        PresetName::Paper => Settings::paper(),
        PresetName::Gpt3 => Settings::gpt3(),
    };
    let Settings {
        normalisation,
        ngram,
        jaccard,
        containment,
    } = &mut settings;
    set(ngram, args.ngram);
    set(&mut normalisation.punctuation, args.punctuation);
    set(&mut normalisation.numbers, args.numbers);
    // Thresholds of a rule that the preset lacks come with the paper's other settings.
    if let Some(share) = args.jaccard {
        let rule = jaccard.take().or(Settings::paper().jaccard);
        *jaccard = share.0.and(rule);
    }
    if let Some(share) = args.containment {
        let rule = containment.take().or(Settings::paper().containment);
        *containment = share.0.and(rule);
    }
    match jaccard {
        Some(rule) => {
            set(&mut rule.threshold, args.jaccard.and_then(|share| share.0));
            set(&mut rule.candidates, args.candidates);
            set(&mut rule.permutations, args.permutations);
            set(&mut rule.miss_weight, args.miss_weight);
        }
        None if args.finds_candidates() => {
            return Err(Failure::Usage(
                "--candidates, --permutations and --miss-weight: Jaccard similarity is off".into(),
            ));
        }
        None => {}
    }
    match containment {
        Some(rule) => {
            set(
                &mut rule.threshold,
                args.containment.and_then(|share| share.0),
            );
            set(&mut rule.within, args.within);
        }
        None if args.within.is_some() => {
            return Err(Failure::Usage("--within: containment is off".into()));
        }
        None => {}
    }
    settings
        .check()
        .map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(settings)
}

fn set<T>(place: &mut T, said: Option<T>) {
    if let Some(value) = said {
        *place = value;
    }
}

/// What a file for the clean stream is called, and how it is compressed.
fn jsonl(path: &Path) -> Result<(&Path, Compression), Failure> {
    let compression = Compression::of_jsonl(path).ok_or_else(|| {
        Failure::Usage(format!(
            "--out: {} must end in .jsonl, .jsonl.gz or .jsonl.zst",
            path.display()
        ))
    })?;
    Ok((path, compression))
}

/// The stream's files, in their order.
fn files(named: &[String], corpus: &str) -> Result<Vec<PathBuf>, Failure> {
    let corpus = [corpus.to_owned()];
    let named = if named.is_empty() { &corpus[..] } else { named };
    let mut files = Vec::new();
    for name in named {
        files.extend(corpus_files(name)?);
    }
    Ok(files)
}

fn same(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

fn test_sets(against: &[(String, String)], column: &str) -> Result<Vec<TestSet>, Failure> {
    let mut sets: Vec<TestSet> = Vec::new();
    for (name, file) in against {
        if sets.iter().any(|set| set.name == *name) {
            return Err(Failure::Usage(format!(
                "--against: two sets are called {name}"
            )));
        }
        let set = TestSet::read(name, &locate(file)?, column);
        sets.push(set.map_err(|error| failed(error.into()))?);
    }
    Ok(sets)
}

/// How far the pass is, on stderr.
struct Watch {
    began: Instant,
    display: Display,
}

enum Display {
    Silent,
    Spinner(ProgressBar),
    Lines { next: usize },
}

impl Watch {
    fn new(verbosity: VerbosityArgs) -> Self {
        let display = if verbosity.quiet || verbosity.json {
            Display::Silent
        } else if stderr().is_terminal() {
            let spinner = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                spinner.set_style(style);
            }
            Display::Spinner(spinner)
        } else {
            Display::Lines { next: LINE_EVERY }
        };
        Self {
            began: Instant::now(),
            display,
        }
    }

    fn observe(&mut self, summary: &Summary) {
        match &mut self.display {
            Display::Silent => {}
            Display::Spinner(spinner) => {
                spinner.set_message(progress(summary, self.began));
                spinner.tick();
            }
            Display::Lines { next } => {
                if summary.records >= *next {
                    *next = summary.records + LINE_EVERY;
                    output::remark(&progress(summary, self.began));
                }
            }
        }
    }

    fn end(&self) {
        if let Display::Spinner(spinner) = &self.display {
            spinner.finish_and_clear();
        }
    }
}

fn progress(summary: &Summary, began: Instant) -> String {
    let Summary {
        records, removed, ..
    } = summary;
    #[allow(clippy::cast_precision_loss, reason = "a rate for the eye")]
    let rate = *records as f64 / began.elapsed().as_secs_f64().max(1e-3);
    format!("{records} records, {removed} removed, {rate:.0} records a second")
}

/// The summary for the eye.
fn table(summary: &Summary) -> String {
    let names = summary.sets.iter().map(|set| set.name.chars().count());
    let width = names.max().unwrap_or(0).max("test set".len());
    let mut lines = vec![format!(
        "{:width$}  {:>7} {:>7} {:>9} {:>9} {:>7} {:>9} {:>12}",
        "test set", "items", "found", "records", "removed", "copy", "jaccard", "containment"
    )];
    for set in &summary.sets {
        lines.push(format!(
            "{:width$}  {:>7} {:>7} {:>9} {:>9} {:>7} {:>9} {:>12}",
            set.name,
            set.items,
            set.items_found,
            set.records_found,
            set.removed(),
            set.copy,
            set.jaccard,
            set.containment
        ));
    }
    for set in summary.sets.iter().filter(|set| set.without_words > 0) {
        lines.push(format!(
            "{}: {} items hold no word and match nothing",
            set.name, set.without_words
        ));
    }
    let Summary {
        records,
        filtered,
        kept,
        removed,
        ..
    } = summary;
    #[allow(clippy::cast_precision_loss, reason = "a share for the eye")]
    let share = 100.0 * *removed as f64 / (*records).max(1) as f64;
    let left_out = match filtered {
        0 => String::new(),
        count => format!("; {count} left out by the filter"),
    };
    lines.push(format!(
        "{records} records: {kept} kept, {removed} removed ({share:.2} %){left_out}"
    ));
    lines.join("\n")
}
