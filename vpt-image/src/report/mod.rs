//! `report.html`: an experiment told to a stranger, in one file that loads nothing else.
//!
//! `page` puts the sections in order; each section has a file of its own. Sentences are worked out
//! from the numbers (`reading`), so that a report cannot claim more than was measured.

mod curves;
mod page;
mod pictures;
mod probe;
mod reading;
mod results;
mod setting;

use crate::artefacts::Run;
use crate::experiment::Summary;
use std::path::Path;
use vpt_core::report::{Palette, ReportError, Reproducible};
use vpt_core::write_atomically;

/// The methods' colours.
const METHODS: Palette = Palette(&[
    ("baseline", Palette::GREY),
    ("value", Palette::BLUE),
    ("random-masks", Palette::GREEN),
    ("random", Palette::OLIVE),
    ("negated", Palette::VERMILION),
]);

/// Writes `out/report.html` from the summary of `runs`.
///
/// # Errors
/// A curve cannot be drawn, or the file cannot be written.
pub fn write(out: &Path, summary: &Summary, runs: &[Run]) -> Result<(), ReportError> {
    let html = page::page(summary, runs)?.into_string();
    write_atomically(&out.join("report.html"), html.as_bytes())?;
    Ok(())
}

impl Reproducible for Run {
    fn updates(&self) -> u64 {
        self.summary.steps
    }

    fn seen(&self) -> u64 {
        self.summary.tokens
    }

    fn seconds(&self) -> f64 {
        self.summary.wall_seconds
    }

    fn config_hash(&self) -> Option<&str> {
        Some(&self.summary.config_hash)
    }

    fn config(&self) -> Option<&str> {
        self.config.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{read_runs, summarise, synthetic};

    fn report(out: &Path) -> String {
        let names = ["baseline", "value"].map(String::from);
        let summary = summarise(out, &names, &[0, 1]).unwrap();
        let runs = read_runs(out, &names, &[0, 1]).unwrap();
        write(out, &summary, &runs).unwrap();
        std::fs::read_to_string(out.join("report.html")).unwrap()
    }

    #[test]
    fn every_section_is_there() {
        let out = tempfile::tempdir().unwrap();
        synthetic::write_experiment(out.path());
        let html = report(out.path());
        for part in [
            "What was run",
            "Result",
            "In words",
            "Curves",
            "Cosine of g_down and g_pre",
            "Share of a crop that is kept",
            "Predicted and realised",
            "Images, masks and predictions",
            "after 12 steps",
            "<details",
            "vpt train --config",
            "fresh weights",
            "+5.00",
        ] {
            assert!(html.contains(part), "no {part}");
        }
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere_and_hostile_text_stays_text() {
        let out = tempfile::tempdir().unwrap();
        synthetic::write_experiment(out.path());
        let html = report(out.path());
        assert_eq!(
            html.matches("src=").count(),
            html.matches("src=\"data:image/png;base64,iVBOR").count()
        );
        for loader in ["href=", "url(", "@import", "<script", "<link", "<iframe"] {
            assert!(!html.contains(loader), "{loader}");
        }
        assert!(html.contains("&lt;script&gt;alert"));
    }

    #[test]
    fn a_baseline_alone_has_a_report() {
        let out = tempfile::tempdir().unwrap();
        synthetic::write_run(out.path(), "baseline", 0);
        let html = report(out.path());
        assert!(!html.contains("Predicted and realised"));
        assert!(html.contains("nothing to compare"));
    }
}
