//! The table: every figure with its difference to the baseline, and two backbones to judge it by.

use super::METHODS;
use crate::artefacts::Figures;
use crate::experiment::{MethodSummary, Summary};
use maud::{Markup, html};
use vpt_core::experiment::figure;
use vpt_core::report::{arm, measured};

pub(super) fn results(summary: &Summary) -> Markup {
    html! {
        section {
            h2 { "Result" }
            div class="wide" {
                table class="results" {
                    thead {
                        tr {
                            th { "method" }
                            th { "mIoU" small { "%, test" } }
                            th { "depth RMSE" small { "m, test" } }
                            th { "accuracy" small { "%, linear" } }
                            th { "accuracy" small { "%, k-NN" } }
                            th { "cosine" small { "g_down, g_pre" } }
                            th { "time" small { "s/update" } }
                        }
                    }
                    tbody {
                        @for method in &summary.methods { (row(method)) }
                        @if let Some(figures) = &summary.start { (reference("before", figures)) }
                        @if let Some(figures) = &summary.fresh { (reference("fresh weights", figures)) }
                    }
                }
            }
            p class="note" {
                "Below a figure: its difference to " (summary.baseline) " with a 95 % interval over seeds and test "
                "images, in bold where it leaves out 0, and the difference for each seed. Accuracy is of which body "
                "shows most in a picture, or of the picture's class."
            }
        }
    }
}

fn row(method: &MethodSummary) -> Markup {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let knn: Vec<f64> = method.knn.iter().flatten().copied().collect();
    let colour = METHODS.of(&method.method);
    html! {
        tr {
            (arm(&method.method, method.seeds.len(), colour))
            (measured(method.miou.as_ref(), 100.0, 2, true))
            (measured(method.rmse.as_ref(), 1.0, 4, true))
            (measured(method.accuracy.as_ref(), 100.0, 1, false))
            td { (figure(100.0 * mean(&knn), 1)) }
            td { (figure(mean(&method.cosine), 3)) }
            td {
                (figure(method.seconds_per_step, 2))
                @if let Some(share) = method.value_share {
                    small { (figure(100.0 * share, 0)) " % in the value" }
                }
            }
        }
    }
}

fn reference(name: &str, figures: &Figures) -> Markup {
    let show = |value: Option<f64>, scale: f64, places| {
        figure(value.map_or(f64::NAN, |value| scale * value), places)
    };
    html! {
        tr {
            th scope="row" { (name) }
            td { (show(figures.miou, 100.0, 2)) }
            td { (show(figures.rmse, 1.0, 4)) }
            td { (show(figures.accuracy, 100.0, 1)) }
            td { (show(figures.knn, 100.0, 1)) }
            td { "–" }
            td { "–" }
        }
    }
}
