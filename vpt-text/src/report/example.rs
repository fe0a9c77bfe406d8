//! One held-out example: what a downstream step would do to each token, and what the designer asks for.

use super::colour::{self, END};
use crate::artefacts::{Candidate, Example, ExampleToken, Run};
use maud::{Markup, html};
use vpt_core::experiment::{figure, signed};
use vpt_core::report::css;

/// Candidates in a row.
const SHOWN: usize = 4;
/// Less weight than this shows as 0.00.
const LEAST: f64 = 0.005;

/// The first example among the runs.
pub(super) fn example(runs: &[Run]) -> Markup {
    let found = runs
        .iter()
        .find_map(|run| Some((&run.summary, run.example.as_ref()?)));
    let Some((run, example)) = found else {
        return html! {};
    };
    html! {
        section {
            h2 { "One held-out example" }
            p {
                "The learner and designer at the end of " strong { (run.method) } ", seed " (run.seed)
                ". A token's value c is how much likelier a small step on the downstream task would make it; it "
                "is shown divided by σ, the spread of c over the candidates of a batch."
            }
            (legend())
            div class="text" {
                span class="prompt" { (example.prompt) }
                @for token in &example.tokens { (coloured(token)) }
            }
            h3 { "The designer's targets beside the labels" }
            div class="wide" { (targets(example)) }
            p class="note" {
                "α is the weight that the target takes from the label. Chips are candidates with weight in the target, "
                "the label's framed: learner's probability → target's, then c/σ, in its colour. "
                "␣ is a space, ↵ a new line."
            }
        }
    }
}

fn legend() -> Markup {
    let swatches = [-1.0, -0.66, -0.33, 0.0, 0.33, 0.66, 1.0].map(|share| share * END);
    html! {
        p class="scale" {
            "less likely" span { @for c in swatches { i style=(paint(c)) { (signed(c, 0)) } } } "likelier"
            small { " after a downstream step (c/σ)" }
        }
    }
}

fn coloured(token: &ExampleToken) -> Markup {
    let title = format!(
        "c/σ {}, α {}, learner's p {}",
        signed(token.value_scaled, 2),
        figure(token.alpha, 2),
        figure(token.learner_p, 3)
    );
    html! { span class="token" style=(paint(token.value_scaled)) title=(title) { (broken(&token.text)) } }
}

fn targets(example: &Example) -> Markup {
    html! {
        table class="targets" {
            thead {
                tr {
                    th { "label" }
                    th { "value" small { "c/σ" } }
                    th { "p of label" small { "learner → target" } }
                    th { "gate α" }
                    th { "candidates" small { "learner's p → target's q" } }
                }
            }
            tbody { @for token in &example.tokens { (row(token)) } }
        }
    }
}

fn row(token: &ExampleToken) -> Markup {
    let label = token.candidates.iter().find(|candidate| candidate.label);
    let mut candidates: Vec<&Candidate> = token
        .candidates
        .iter()
        .filter(|candidate| candidate.label || candidate.q >= LEAST)
        .collect();
    candidates.sort_by(|a, b| b.q.total_cmp(&a.q));
    let width = (100.0 * token.alpha).clamp(0.0, 100.0);
    html! {
        tr {
            td { code class="chip" style=(paint(token.value_scaled)) { (visible(&token.text)) } }
            td class="number" { (signed(token.value_scaled, 2)) }
            td class="number" {
                (figure(token.learner_p, 2))
                @if let Some(label) = label { " → " (figure(label.q, 2)) }
            }
            td {
                span class="bar" { i style=(format!("width:{width:.0}%")) {} }
                (figure(token.alpha, 2))
            }
            td {
                @for candidate in candidates.iter().take(SHOWN) {
                    span class={ "chip" @if candidate.label { " label" } } style=(paint(candidate.value_scaled)) {
                        code { (visible(&candidate.text)) } " "
                        (figure(candidate.p, 2)) " → " (figure(candidate.q, 2))
                        small { " " (signed(candidate.value_scaled, 1)) }
                    }
                    " "
                }
            }
        }
    }
}

fn paint(scaled: f64) -> String {
    format!("background:{}", css(colour::value(scaled)))
}

/// New lines seen, and kept.
fn broken(text: &str) -> String {
    text.replace('\n', "↵\n")
}

/// Spaces and new lines seen.
fn visible(text: &str) -> String {
    text.replace(' ', "␣").replace('\n', "↵")
}
