//! The order of the sections.

use super::curves::curves;
use super::pictures::pictures;
use super::probe::probe;
use super::reading::reading;
use super::results::results;
use super::setting::{explanation, setting};
use crate::artefacts::Run;
use crate::experiment::Summary;
use maud::{Markup, html};
use vpt_core::report::{ReportError, page as frame, reproduce};

/// Pictures keep their pixels.
const STYLE: &str = "table.pictures td { padding: .15rem .5rem .15rem 0; vertical-align: middle }
table.pictures img { image-rendering: pixelated; display: block; max-width: 100% }";

pub(super) fn page(summary: &Summary, runs: &[Run]) -> Result<Markup, ReportError> {
    let sections = html! {
        (explanation())
        (setting(summary, runs))
        (results(summary))
        (reading(summary))
        @if let Some(pictures) = pictures(runs) { (pictures) }
        (curves(runs)?)
        @if let Some(probe) = probe(summary, runs)? { (probe) }
        (reproduce(runs, "patches"))
    };
    Ok(frame("vision", STYLE, &sections))
}
