//! `vpt experiment`: methods × seeds under one budget, each run a process of its own.

mod child;
mod plan;
mod pool;

use crate::args::{Experiment, ExperimentArgs};
use crate::backend::BackendName;
use crate::failure::{Failure, with_causes};
use crate::output;
use std::error::Error;
use vpt_text::experiment::{read_runs, summarise};
use vpt_text::report;

/// Runs what is left of an experiment, and reports on all of it.
pub(crate) fn run(mut args: ExperimentArgs) -> Result<(), Failure> {
    BackendName::choose(args.backend.backend)?;
    if let Experiment::File(file) = &args.name
        && let Some(other) = args.layers.config.replace(file.clone())
    {
        return Err(Failure::Usage(format!(
            "--config {}: the experiment's config is {}; lay keys over it with --set",
            other.display(),
            file.display()
        )));
    }
    let arms = plan::plan(&args)?;
    pool::Pool::new(&arms, &args).run()?;
    report(&args)
}

/// Writes `summary.json` and `report.html`, and prints the table.
fn report(args: &ExperimentArgs) -> Result<(), Failure> {
    let methods: Vec<String> = args.methods.iter().map(|m| m.name().to_owned()).collect();
    let seeds: Vec<u64> = (0..args.seeds).map(|seed| seed as u64).collect();
    let folder = args.folder();
    let summary = summarise(&folder, &methods, &seeds).map_err(|error| failed(&error))?;
    let runs = read_runs(&folder, &methods, &seeds).map_err(|error| failed(&error))?;
    report::write(&folder, &summary, &runs).map_err(|error| failed(&error))?;
    if args.verbosity.json {
        return output::json(&summary);
    }
    output::line(&summary.table().trim_end())?;
    output::line(&format_args!("\n{}", folder.join("report.html").display()))
}

fn failed(error: &dyn Error) -> Failure {
    Failure::Run(with_causes(error))
}
