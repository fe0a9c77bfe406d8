//! The method in two sentences, and what was run.

use crate::artefacts::{Ending, Run};
use crate::experiment::Summary;
use maud::{Markup, html};
use vpt_core::experiment::run_name;
use vpt_core::report::rough;

pub(super) fn explanation() -> Markup {
    html! {
        p class="lead" {
            "Self-supervised pretraining normally shows a vision model every crop of its images alike. In value-based "
            "pretraining a small " em { "task designer" } " masks those crops, trained on a few labelled images so "
            "that each pretraining gradient points where a gradient on the downstream tasks would "
            "(the value V = g_down · g_pre), while the model itself never trains on a label."
        }
    }
}

pub(super) fn setting(summary: &Summary, runs: &[Run]) -> Markup {
    let designer = runs.iter().find_map(|run| run.summary.designer_parameters);
    let methods: Vec<&str> = summary.methods.iter().map(|m| m.method.as_str()).collect();
    let ended: Vec<(String, String)> = runs.iter().filter_map(early).collect();
    html! {
        section {
            h2 { "What was run" }
            dl {
                @if let Some(run) = runs.first().map(|run| &run.summary) {
                    dt { "Model" }
                    dd {
                        (rough(run.learner_parameters)) " parameters with its heads, pretraining continued"
                        @if let Some(n) = designer { "; designer " (rough(n)) " parameters" }
                    }
                    dt { "Budget" }
                    dd {
                        (run.steps) " learner updates on about " (rough(run.tokens))
                        " patches of unlabelled crops, the same for every method"
                    }
                }
                dt { "Measured on" }
                dd { (summary.test_images) " test images, by heads that are trained on the frozen backbone" }
                dt { "Methods" }
                dd { @for (i, name) in methods.iter().enumerate() { @if i > 0 { "; " } (meaning(name)) } }
                @if !ended.is_empty() {
                    dt { "Ended early" }
                    dd { @for (run, how) in &ended { (run) ": " (how) ". " } }
                }
            }
        }
    }
}

/// A run that did not come to its last step, and why.
fn early(run: &Run) -> Option<(String, String)> {
    let how = match &run.summary.ending {
        Ending::Complete => return None,
        Ending::GuardStop => "stopped by the k-NN guard".to_owned(),
        Ending::GuardRollBack { step } => format!("rolled back to step {step} by the k-NN guard"),
        Ending::Collapse { message } => format!("collapsed ({message})"),
    };
    Some((run_name(&run.summary.method, run.summary.seed), how))
}

fn meaning(name: &str) -> Markup {
    let meaning = match name {
        "baseline" => "plain crops",
        "value" => "the designer's masks follow the value",
        "random-masks" => "random masks of the same keep ratio",
        "random" => "the same designer follows a random direction",
        "negated" => "the same designer follows −g_down",
        _ => "",
    };
    html! { strong { (name) } @if !meaning.is_empty() { " – " (meaning) } }
}
