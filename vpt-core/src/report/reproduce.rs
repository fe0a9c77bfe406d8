//! The configuration, and the commands that make it again.

use crate::experiment::{Arm, run_name};
use maud::{Markup, html};

/// What a report says of how a run is made again.
pub trait Reproducible: Arm {
    /// Learner updates.
    fn updates(&self) -> u64;

    /// How much of the unlabelled stream it saw.
    fn seen(&self) -> u64;

    /// Wall time, in seconds.
    fn seconds(&self) -> f64;

    /// Hash of its configuration, where it is known.
    fn config_hash(&self) -> Option<&str>;

    /// `config.toml`, where it is known.
    fn config(&self) -> Option<&str>;
}

/// The section; `unit` is what the stream is counted in.
pub fn reproduce<R: Reproducible>(runs: &[R], unit: &str) -> Markup {
    html! {
        section {
            details {
                summary { "Configuration and commands" }
                p { "Each run again, from the experiment's folder, with its resolved configuration:" }
                pre { @for run in runs { (command(run)) "\n" } }
                table class="runs" {
                    thead { tr { th { "run" } th { "updates" } th { (unit) } th { "wall time" } th { "configuration" } } }
                    tbody {
                        @for run in runs {
                            tr {
                                td { (name(run)) }
                                td class="number" { (run.updates()) }
                                td class="number" { (run.seen()) }
                                td class="number" { (format!("{:.0} s", run.seconds())) }
                                td { code { (run.config_hash().unwrap_or("–")) } }
                            }
                        }
                    }
                }
                @for (run, config) in first_of_each(runs) {
                    h3 { code { "runs/" (name(run)) "/config.toml" } }
                    pre { (config) }
                }
            }
        }
    }
}

fn name<R: Arm>(run: &R) -> String {
    run_name(run.method(), run.seed())
}

fn command<R: Arm>(run: &R) -> String {
    let name = name(run);
    format!("vpt train --config runs/{name}/config.toml --out again/{name}")
}

/// One configuration a method: seeds differ in nothing else.
fn first_of_each<R: Reproducible>(runs: &[R]) -> Vec<(&R, &str)> {
    let mut seen: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for run in runs {
        if let Some(config) = run.config()
            && !seen.contains(&run.method())
        {
            seen.push(run.method());
            found.push((run, config));
        }
    }
    found
}
