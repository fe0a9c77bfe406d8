//! `vpt sweep`: trials of settings, each a run in a process of its own.

mod file;

use super::runs::{Arm, Failures, Pool, Shared, State, arm};
use crate::args::{ConfigArgs, SweepArgs};
use crate::backend::BackendName;
use crate::config::modality;
use crate::failure::{Failure, failed};
use crate::modality::{Image, Modality, ModalityName, Text};
use crate::output;
use std::path::{Path, PathBuf};
use vpt_core::experiment::{align, figure};
use vpt_core::run::{read_json, write_json};
use vpt_core::sweep::{Setting, Summary, Sweep, write_report};
use vpt_core::write_atomically;

/// Runs what is left of a sweep, and reports on all of it.
pub(crate) fn run(args: &SweepArgs) -> Result<(), Failure> {
    BackendName::choose(args.backend.backend)?;
    let mut sweep = file::read(&args.file)?;
    sweep.trials = args.trials.unwrap_or(sweep.trials);
    let layers = ConfigArgs {
        config: (!sweep.config.is_empty()).then(|| PathBuf::from(&sweep.config)),
        set: sweep.set.clone(),
        ..ConfigArgs::default()
    };
    match modality(None, &layers)? {
        ModalityName::Text => search::<Text>(args, sweep, &layers),
        ModalityName::Image => search::<Image>(args, sweep, &layers),
    }
}

fn search<M: Modality>(args: &SweepArgs, sweep: Sweep, layers: &ConfigArgs) -> Result<(), Failure> {
    let shared = Shared {
        layers,
        backend: args.backend,
        verbosity: args.verbosity,
        jobs: args.jobs,
        minutes: 0,
        failures: Failures::AreNoted,
    };
    let folder = args.folder();
    let runs = folder.join("runs");
    let (mut trials, mut costs) = (vec![], vec![]);
    while trials.len() < sweep.trials() {
        let first = trials.len();
        let proposed = sweep.propose(&costs);
        let arms = proposed
            .iter()
            .enumerate()
            .map(|(index, settings)| {
                let set = settings.iter().map(assignment).collect();
                let name = format!("trial-{:03}", first + index);
                let made = arm::<M>(&runs, name, set, &shared, |_| Ok(()))?;
                let state = match failure(&made).is_file() {
                    true => State::Finished,
                    false => made.state,
                };
                Ok(Arm { state, ..made })
            })
            .collect::<Result<Vec<Arm>, Failure>>()?;
        if arms.iter().any(|arm| arm.state != State::Finished) {
            let failed = Pool::new(&arms, &shared).run()?;
            // Kept, so that what was proposed after it would be proposed again.
            for (index, message) in failed {
                write_atomically(&failure(&arms[index]), format!("{message}\n").as_bytes())?;
            }
        }
        for (arm, settings) in arms.into_iter().zip(proposed) {
            let figures = figures(&sweep, &arm.folder)?;
            costs.push(figures.as_deref().map(|figures| sweep.costs(figures)));
            trials.push((arm.name, settings, figures));
        }
    }
    if costs.iter().all(Option::is_none) {
        return Err(Failure::Run(format!(
            "{}: every trial failed",
            folder.display()
        )));
    }
    report(args, &folder, &Summary::new(sweep, trials))
}

/// Where a trial that failed keeps why.
fn failure(arm: &Arm) -> PathBuf {
    arm.folder.join("failure.txt")
}

fn assignment((key, setting): (&String, &Setting)) -> String {
    format!("{key}={setting}")
}

/// What a finished trial found; none for one that failed or diverged.
fn figures(sweep: &Sweep, trial: &Path) -> Result<Option<Vec<f64>>, Failure> {
    let path = trial.join("summary.json");
    if !path.is_file() {
        return Ok(None);
    }
    let summary: serde_json::Value = read_json(&path).map_err(failed)?;
    let found = sweep.objectives.iter().map(|objective| {
        objective.find(&summary).ok_or_else(|| {
            let figure = &objective.figure;
            Failure::Run(format!(
                "{}: holds no figure `{figure}`, which the sweep seeks",
                path.display()
            ))
        })
    });
    let found = found.collect::<Result<Vec<f64>, Failure>>()?;
    Ok(found
        .iter()
        .all(|figure| figure.is_finite())
        .then_some(found))
}

/// Writes `sweep.json` and `report.html`, and prints the trials that no other beats.
fn report(args: &SweepArgs, folder: &Path, summary: &Summary) -> Result<(), Failure> {
    write_json(&folder.join("sweep.json"), summary)?;
    write_report(folder, summary).map_err(failed)?;
    if args.verbosity.json {
        return output::json(summary);
    }
    output::line(&table(summary).trim_end())?;
    output::line(&format_args!("\n{}", folder.join("report.html").display()))
}

/// The trials that no other beats, with their figures and settings.
fn table(summary: &Summary) -> String {
    let sweep = &summary.sweep;
    let names = sweep.objectives.iter().map(|o| o.name().to_owned());
    let mut rows = vec![vec!["trial".to_owned()]];
    rows[0].extend(names.chain(sweep.keys.keys().cloned()));
    for trial in summary.front() {
        let mut row = vec![trial.name.clone()];
        let figures = trial.figures.iter().flatten().zip(&sweep.objectives);
        row.extend(figures.map(|(found, objective)| figure(objective.shown(*found), 4)));
        row.extend(trial.settings.values().map(ToString::to_string));
        rows.push(row);
    }
    align(&rows, &[0])
}
