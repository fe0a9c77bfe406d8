//! The configuration, and the commands that make it again.

use crate::artefacts::Run;
use maud::{Markup, html};

pub(super) fn reproduce(runs: &[Run]) -> Markup {
    html! {
        section {
            details {
                summary { "Configuration and commands" }
                p { "Each run again, from the experiment's folder, with its resolved configuration:" }
                pre { @for run in runs { (command(run)) "\n" } }
                table class="runs" {
                    thead { tr { th { "run" } th { "updates" } th { "tokens" } th { "wall time" } th { "configuration" } } }
                    tbody {
                        @for run in runs {
                            tr {
                                td { (name(run)) }
                                td class="number" { (run.summary.steps) }
                                td class="number" { (run.summary.tokens) }
                                td class="number" { (format!("{:.0} s", run.summary.wall_seconds)) }
                                td { code { (run.summary.config_hash.as_deref().unwrap_or("–")) } }
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

fn name(run: &Run) -> String {
    crate::artefacts::run_name(&run.summary.method, run.summary.seed)
}

fn command(run: &Run) -> String {
    let name = name(run);
    format!("vpt train --config runs/{name}/config.toml --out again/{name}")
}

/// One configuration a method: seeds differ in nothing else.
fn first_of_each(runs: &[Run]) -> Vec<(&Run, &str)> {
    let mut seen: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for run in runs {
        if let Some(config) = run.config.as_deref()
            && !seen.contains(&run.summary.method.as_str())
        {
            seen.push(&run.summary.method);
            found.push((run, config));
        }
    }
    found
}
