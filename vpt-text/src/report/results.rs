//! The table: every figure with its difference to the baseline.

use super::colour;
use crate::experiment::{Difference, Measured, MethodSummary, Summary, figure, signed};
use maud::{Markup, html};

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
    let swatch = colour::css(colour::method(&method.method));
    html! {
        tr {
            th scope="row" {
                i style={ "background:" (swatch) } {} (method.method)
                small {
                    (method.seeds.len()) @if method.seeds.len() == 1 { " seed" } @else { " seeds" }
                }
            }
            (cell(Some(&method.loss), 1.0, 4, true))
            (cell(Some(&method.first), 1.0, 3, false))
            (cell(method.digit.as_ref(), 1.0, 3, false))
            (cell(method.off_target.as_ref(), 1.0, 3, false))
            (cell(method.pass_at_1.as_ref(), 100.0, 1, false))
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

fn cell(measured: Option<&Measured>, scale: f64, places: usize, by_seed: bool) -> Markup {
    let Some(measured) = measured else {
        return html! { td { "–" } };
    };
    html! {
        td {
            (figure(scale * measured.mean, places))
            @if let Some(d) = &measured.difference {
                small class=[d.is_resolved().then_some("resolved")] {
                    (signed(scale * d.mean, places)) " ["
                    (signed(scale * d.low, places)) ", " (signed(scale * d.high, places)) "]"
                }
                @if by_seed { small { (each(d, scale, places)) } }
            }
        }
    }
}

fn each(d: &Difference, scale: f64, places: usize) -> String {
    let shown: Vec<String> = d
        .per_seed
        .iter()
        .map(|x| signed(scale * x, places))
        .collect();
    shown.join("  ")
}
