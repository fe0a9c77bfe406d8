//! `report.html`: an experiment told to a stranger, in one file that loads nothing else.
//!
//! `page` puts the sections in order; each section has a file of its own. Sentences and shares are
//! worked out from the numbers (`reading`), so that a report cannot claim more than was measured.

mod colour;
mod curves;
mod example;
mod page;
mod probe;
mod reading;
mod reproduce;
mod results;
mod setting;

use crate::artefacts::Run;
use crate::experiment::Summary;
use std::path::Path;
use vpt_core::report::ReportError;
use vpt_core::write_atomically;

/// Writes `out/report.html` from the summary of `runs`.
///
/// # Errors
/// A curve cannot be drawn, or the file cannot be written.
pub fn write(out: &Path, summary: &Summary, runs: &[Run]) -> Result<(), ReportError> {
    let html = page::page(summary, runs)?.into_string();
    write_atomically(&out.join("report.html"), html.as_bytes())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{read_runs, summarise, synthetic};

    fn report(out: &Path) -> String {
        let names = ["ntp", "value"].map(String::from);
        let summary = summarise(out, &names, &[0, 1, 2]).unwrap();
        let runs = read_runs(out, &names, &[0, 1, 2]).unwrap();
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
            "Pretraining loss",
            "Validation downstream loss",
            "Off-target loss",
            "Share of the oracle",
            "Pass@1",
            "Predicted and realised",
            "One held-out example",
            "<details",
            "vpt train --config",
            "0.9 M",
            "256 labelled",
            "−0.0300",
        ] {
            assert!(html.contains(part), "no {part}");
        }
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        let out = tempfile::tempdir().unwrap();
        synthetic::write_experiment(out.path());
        let html = report(out.path());
        for loader in [
            "src=", "href=", "url(", "@import", "<script", "<link", "<iframe",
        ] {
            assert!(!html.contains(loader), "{loader}");
        }
        let addresses = html.matches("http").count();
        assert_eq!(
            addresses,
            html.matches("xmlns=\"http://www.w3.org/2000/svg\"").count()
        );
    }

    #[test]
    fn hostile_text_stays_text() {
        let out = tempfile::tempdir().unwrap();
        synthetic::write_experiment(out.path());
        let html = report(out.path());
        assert!(!html.contains(synthetic::HOSTILE));
        assert!(html.contains("&lt;script&gt;alert"));
    }

    #[test]
    fn a_baseline_alone_has_a_report() {
        let out = tempfile::tempdir().unwrap();
        synthetic::write_run(out.path(), "ntp", 0);
        let html = report(out.path());
        assert!(!html.contains("One held-out example"));
        assert!(!html.contains("Predicted and realised"));
        assert!(html.contains("nothing to compare"));
    }
}
