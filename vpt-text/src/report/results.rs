//! The table: every figure with its difference to the baseline.

use super::colour::METHODS;
use crate::experiment::{MethodSummary, Summary};
use maud::{Markup, html};
use vpt_core::experiment::figure;
use vpt_core::report::{arm, measured};

pub(super) fn results(summary: &Summary) -> Markup {
    let uneven = summary
        .methods
        .windows(2)
        .any(|pair| pair[0].seeds != pair[1].seeds);
    html! {
        section {
            h2 { "Result" }
            div class="wide" {
                table class="results" {
                    thead {
                        tr {
                            th { "method" }
                            th { "downstream loss" small { "nats/token, test" } }
                            th { "first token" small { "nats" } }
                            th { "digits" small { "nats/token" } }
                            th { "off-target loss" small { "nats/token" } }
                            th { "Pass@1" small { "%" } }
                            th { "time" small { "s/update" } }
                        }
                    }
                    tbody { @for method in &summary.methods { (row(method)) } }
                }
            }
            p class="note" {
                "Lower is better for losses, higher for Pass@1. Second line: the difference to "
                (summary.baseline) " with its 95 % interval, in bold where the interval leaves out 0. "
                "Third line, under the primary measure: the difference for each seed. Time is wall time, "
                "with the part of it that went into the value."
                @if uneven {
                    " A method with fewer seeds is compared with " (summary.baseline) " on those seeds alone, so "
                    "its difference is not that of the means shown."
                }
            }
        }
    }
}

fn row(method: &MethodSummary) -> Markup {
    html! {
        tr {
            (arm(&method.method, method.seeds.len(), METHODS.of(&method.method)))
            (measured(Some(&method.loss), 1.0, 4, true))
            (measured(Some(&method.first), 1.0, 3, false))
            (measured(method.digit.as_ref(), 1.0, 3, false))
            (measured(method.off_target.as_ref(), 1.0, 3, false))
            (measured(method.pass_at_1.as_ref(), 100.0, 1, false))
            td {
                (figure(method.seconds_per_step, 2))
                @if let Some(share) = method.value_share {
                    small { "value: " (figure(100.0 * share, 0)) " %" }
                }
                @if let Some(share) = method.target_share {
                    small { "targets: " (figure(100.0 * share, 1)) " %" }
                }
            }
        }
    }
}
