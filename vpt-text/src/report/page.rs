//! The page: its sections in order, and its style.

use super::{ReportError, curves, example, probe, reading, reproduce, results, setting};
use crate::artefacts::Run;
use crate::experiment::Summary;
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");

pub(super) fn page(summary: &Summary, runs: &[Run]) -> Result<Markup, ReportError> {
    let curves = curves::curves(runs)?;
    let probe = probe::probe(summary, runs)?;
    Ok(html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Value-based pretraining: " (headline(summary)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { "Value-based pretraining" small { (headline(summary)) } }
                    (setting::explanation())
                    (setting::setting(summary, runs))
                    (results::results(summary))
                    (reading::reading(summary))
                    (curves)
                    @if let Some(probe) = &probe { (probe) }
                    (example::example(runs))
                    (reproduce::reproduce(runs))
                }
            }
        }
    })
}

fn headline(summary: &Summary) -> String {
    let names: Vec<&str> = summary.methods.iter().map(|m| m.method.as_str()).collect();
    names.join(" · ")
}
