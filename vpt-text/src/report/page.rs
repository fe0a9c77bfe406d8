//! The page: its sections in order.

use super::{curves, example, probe, reading, results, setting};
use crate::artefacts::Run;
use crate::experiment::Summary;
use maud::{Markup, html};
use vpt_core::report::{self, ReportError};

/// For the held-out example.
const STYLE: &str = include_str!("style.css");

pub(super) fn page(summary: &Summary, runs: &[Run]) -> Result<Markup, ReportError> {
    let curves = curves::curves(runs)?;
    let probe = probe::probe(summary, runs)?;
    let sections = html! {
        (setting::explanation())
        (setting::setting(summary, runs))
        (results::results(summary))
        (reading::reading(summary))
        (curves)
        @if let Some(probe) = &probe { (probe) }
        (example::example(runs))
        (report::reproduce(runs, "tokens"))
    };
    let names: Vec<&str> = summary.methods.iter().map(|m| m.method.as_str()).collect();
    Ok(report::page(&names.join(" · "), STYLE, &sections))
}
