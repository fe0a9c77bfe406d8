//! The method in two sentences, and what was run.

use crate::artefacts::Run;
use crate::experiment::Summary;
use maud::{Markup, html};
use vpt_core::report::rough;

pub(super) fn explanation() -> Markup {
    html! {
        p class="lead" {
            "Pretraining normally teaches a language model every next token of its stream alike. In value-based "
            "pretraining a small " em { "task designer" } " softens those targets, trained on a few labelled "
            "examples so that each pretraining gradient points where a gradient on the downstream task would "
            "(the value V = g_down · g_pre), while the model itself never trains on a label."
        }
    }
}

pub(super) fn setting(summary: &Summary, runs: &[Run]) -> Markup {
    let designer = runs.iter().find_map(|run| run.summary.designer_parameters);
    let feedback = runs.iter().find_map(|run| run.summary.feedback_items);
    let feedback_name = runs.iter().find_map(|run| run.summary.feedback.as_deref());
    let corpus = runs.iter().find_map(|run| run.summary.corpus.as_deref());
    let methods: Vec<&str> = summary.methods.iter().map(|m| m.method.as_str()).collect();
    html! {
        section {
            h2 { "What was run" }
            dl {
                @if let Some(run) = runs.first().map(|run| &run.summary) {
                    dt { "Model" }
                    dd {
                        (rough(run.learner_parameters)) " parameters, pretraining continued"
                        @if let Some(n) = designer { "; designer " (rough(n)) " parameters" }
                    }
                    dt { "Budget" }
                    dd {
                        (run.steps) " learner updates on about " (rough(run.tokens))
                        " unlabelled tokens, the same for every method"
                    }
                }
                dt { "Stream" }
                dd { "unlabelled text" @if let Some(name) = corpus { ", " code { (name) } } }
                dt { "Feedback" }
                dd {
                    @if let Some(n) = feedback { (n) " labelled examples" } @else { "labelled examples" }
                    " that only the value sees"
                    @if let Some(name) = feedback_name { ", " code { (name) } }
                }
                dt { "Measured on" }
                dd {
                    (summary.test_items) " held-out test problems"
                    @if summary.off_target_items > 0 {
                        " and " (summary.off_target_items) " items of other kinds"
                    }
                }
                dt { "Methods" }
                dd { @for (i, name) in methods.iter().enumerate() { @if i > 0 { "; " } (meaning(name)) } }
            }
        }
    }
}

fn meaning(name: &str) -> Markup {
    let meaning = match name {
        "ntp" => "plain next-token prediction, the baseline",
        "value" => "the designer follows the value",
        "random" => "the same designer follows a random direction",
        "smoothing" => "uniform targets over the learner's top candidates",
        "self-distillation" => "the learner's own sharpened distribution",
        "oracle" => "targets made from the value itself, a reference for the designer",
        "oracle-hard" => "the targets of greatest value, which over-steer",
        _ => "",
    };
    html! { strong { (name) } @if !meaning.is_empty() { " – " (meaning) } }
}
