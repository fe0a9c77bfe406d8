//! `vpt experiment`: methods × seeds under one budget, each run a process of its own.

mod plan;

use super::runs::{Failures, Pool, Shared};
use crate::args::{Experiment, ExperimentArgs};
use crate::backend::BackendName;
use crate::config::modality;
use crate::failure::Failure;
use crate::modality::{Image, Modality, ModalityName, Text};
use crate::output;

/// Runs what is left of an experiment, and reports on all of it.
pub(crate) fn run(mut args: ExperimentArgs) -> Result<(), Failure> {
    BackendName::choose(args.backend.backend)?;
    match &args.name {
        Experiment::Headline(name) => args.layers.set_modality(*name),
        Experiment::File(file) => {
            if let Some(other) = args.layers.config.replace(file.clone()) {
                return Err(Failure::Usage(format!(
                    "--config {}: the experiment's config is {}; lay keys over it with --set",
                    other.display(),
                    file.display()
                )));
            }
        }
    }
    match modality(None, &args.layers)? {
        ModalityName::Text => compare::<Text>(&args),
        ModalityName::Image => compare::<Image>(&args),
    }
}

fn compare<M: Modality>(args: &ExperimentArgs) -> Result<(), Failure> {
    let methods = match &args.methods[..] {
        [] => M::COMPARED.iter().map(ToString::to_string).collect(),
        named => named.to_vec(),
    };
    let seeds: Vec<u64> = (0..args.seeds.unwrap_or(M::SEEDS) as u64).collect();
    let shared = Shared {
        layers: &args.layers,
        backend: args.backend,
        verbosity: args.verbosity,
        jobs: args.jobs,
        minutes: args.minutes,
        failures: Failures::End,
    };
    let arms = plan::plan::<M>(args, (&methods, &seeds), &shared)?;
    Pool::new(&arms, &shared).run()?;
    let folder = args.folder();
    let (summary, table) = M::report(&folder, &methods, &seeds)?;
    if args.verbosity.json {
        return output::json(&summary);
    }
    output::line(&table.trim_end())?;
    output::line(&format_args!("\n{}", folder.join("report.html").display()))
}
