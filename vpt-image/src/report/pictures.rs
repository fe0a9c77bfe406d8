//! The figure: a few images, their masks over training, and predictions beside the truth.

use crate::artefacts::{Run, Strip};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};
use vpt_core::experiment::{methods, run_name};

/// Rows of the figure that do not depend on the method.
const TRUTH: [(Strip, &str); 3] = [
    (Strip::Images, "image"),
    (Strip::Labels, "classes"),
    (Strip::Depths, "depth"),
];
/// What each method's probes say.
const TOLD: [(Strip, &str); 2] = [
    (Strip::PredictedLabels, "classes"),
    (Strip::PredictedDepths, "depth"),
];

/// Of the first seed of each method; nothing where no pictures were kept.
pub(super) fn pictures(runs: &[Run]) -> Option<Markup> {
    let first = runs.iter().find(|run| !run.strips.is_empty())?;
    let shown: Vec<&Run> = methods(runs)
        .into_iter()
        .filter_map(|name| runs.iter().find(|run| run.summary.method == name))
        .collect();
    Some(html! {
        section {
            h2 { "Images, masks and predictions" }
            p {
                "The same validation images throughout, which no feedback and no head was trained on. White in a mask "
                "is kept, black is hidden; bright in a depth map is near. Of each method the run of its first seed."
            }
            table class="pictures" {
                tbody {
                    @for (strip, name) in TRUTH { (row(first, strip, &format!("{name}, as it is"))) }
                    @for run in &shown { (of_run(run)) }
                }
            }
        }
    })
}

fn of_run(run: &Run) -> Markup {
    let name = run_name(&run.summary.method, run.summary.seed);
    let masks = run.strips.iter().filter_map(|(strip, _)| match strip {
        Strip::Masks(step) => Some((*strip, *step)),
        _ => None,
    });
    html! {
        @for (strip, step) in masks { (row(run, strip, &format!("{name}: masks after {step} steps"))) }
        @for (strip, what) in TOLD { (row(run, strip, &format!("{name}: {what} by its probe"))) }
    }
}

fn row(run: &Run, strip: Strip, name: &str) -> Markup {
    let found = run.strips.iter().find(|(known, _)| *known == strip);
    html! {
        @if let Some((_, png)) = found {
            tr {
                th scope="row" { (name) }
                td { img alt=(name) src={ "data:image/png;base64," (STANDARD.encode(png)) }; }
            }
        }
    }
}
