//! Predicted against realised falls of a held-out loss (A.6).

use super::colour::METHODS;
use crate::artefacts::{ProbeEvent, Run};
use crate::experiment::{Probed, Summary};
use maud::{Markup, html};
use vpt_core::experiment::{Correlation, figure, methods, signed};
use vpt_core::report::{self, ReportError};

const AXES: (&str, &str) = ("predicted fall (nats/token)", "realised fall (nats/token)");

/// Predicted and realised.
type Pair = fn(&ProbeEvent) -> (f64, f64);

/// Nothing where no step was probed.
pub(super) fn probe(summary: &Summary, runs: &[Run]) -> Result<Option<Markup>, ReportError> {
    let probed = |method: &str| {
        let mut methods = summary.methods.iter();
        methods.find(|m| m.method == method)?.probe.as_ref()
    };
    let names: Vec<&str> = methods(runs)
        .into_iter()
        .filter(|name| probed(name).is_some())
        .collect();
    if names.is_empty() {
        return Ok(None);
    }
    let scatter = |title, pair: Pair| {
        let points = |run: &Run| run.probes().map(pair).collect();
        report::scatter(title, AXES, points, (&names, runs), &METHODS)
    };
    let panels = [
        scatter("Step along the gradient", Probed::sgd_pair)?,
        scatter("The optimiser's step", Probed::update_pair)?,
    ];
    Ok(Some(html! {
        section {
            h2 { "Predicted and realised" }
            p {
                "Each point is one learner update, measured on a labelled batch that is no feedback: the fall of its \
                 loss that g_down predicts to first order, against the fall that came. Left for a step along the \
                 pretraining gradient, which is what V is about; right for the step that the optimiser took, which \
                 is as long."
            }
            div class="curves" { @for panel in panels.iter().flatten() { (panel) } }
            div class="wide" {
                table class="results" {
                    thead {
                        tr {
                            th { "method" } th { "steps" }
                            th { "gradient: r" small { "[95 %]" } } th { "slope" }
                            th { "optimiser: r" small { "[95 %]" } } th { "slope" }
                        }
                    }
                    tbody {
                        @for name in &names {
                            @if let Some(probed) = probed(name) { (row(name, probed)) }
                        }
                    }
                }
            }
        }
    }))
}

fn row(name: &str, probed: &Probed) -> Markup {
    let pair = |correlation: &Correlation| {
        html! {
            td {
                (signed(correlation.r, 3))
                small { "[" (signed(correlation.low, 3)) ", " (signed(correlation.high, 3)) "]" }
            }
            td { (figure(correlation.slope, 2)) }
        }
    };
    html! {
        tr {
            th scope="row" { (name) }
            td { (probed.sgd.pairs) }
            (pair(&probed.sgd))
            (pair(&probed.update))
        }
    }
}
