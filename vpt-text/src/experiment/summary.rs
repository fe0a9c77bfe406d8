//! Every method against next-token prediction on the same held-out items.

use super::Probed;
use super::measures::{GainParts, digit_cell, first_cell, loss_cell, pass_cell};
use crate::artefacts::{ItemResult, Run};
use serde::Serialize;
use std::path::Path;
use vpt_core::experiment::{
    Beside, Cell, ExperimentError, Measured, RESAMPLES, methods, run_folders,
};
use vpt_core::{CoreError, write_atomically};

/// The method that the others are compared with.
pub const BASELINE: &str = "ntp";

/// `summary.json` of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The method that the others are compared with.
    pub baseline: String,
    /// Bootstrap resamples behind each interval.
    pub resamples: usize,
    /// Test items.
    pub test_items: usize,
    /// Items of other kinds.
    pub off_target_items: usize,
    /// In the order they were asked for.
    pub methods: Vec<MethodSummary>,
}

/// One method over its seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MethodSummary {
    /// Its name.
    pub method: String,
    /// The seeds it was run with.
    pub seeds: Vec<u64>,
    /// Learner updates in a run.
    pub steps: u64,
    /// Unlabelled tokens in a run.
    pub tokens: u64,
    /// Test Σ NLL / Σ answer tokens: the primary measure.
    pub loss: Measured,
    /// Test NLL of first answer tokens.
    pub first: Measured,
    /// Test NLL of digit tokens; `None` where answers hold no digit.
    pub digit: Option<Measured>,
    /// Σ NLL / Σ tokens on text of other kinds.
    pub off_target: Option<Measured>,
    /// Share of test items answered right.
    pub pass_at_1: Option<Measured>,
    /// Where the change in test NLL lies, in nats an item.
    pub parts: Option<GainParts>,
    /// How well V predicted what steps did, where that was measured.
    pub probe: Option<Probed>,
    /// Wall time of a learner update, everything included.
    pub seconds_per_step: f64,
    /// Share of the wall time that went into the value.
    pub value_share: Option<f64>,
    /// Share of the wall time that went into making targets.
    pub target_share: Option<f64>,
}

/// Reads the runs that there are among `methods` × `seeds` under `out`, writes `out/summary.json` and
/// returns what it says.
///
/// # Errors
/// See [`read_runs`] and [`summarise_runs`]; or the summary cannot be written.
pub fn summarise(
    out: &Path,
    methods: &[String],
    seeds: &[u64],
) -> Result<Summary, ExperimentError> {
    let summary = summarise_runs(&read_runs(out, methods, seeds)?)?;
    let path = out.join("summary.json");
    let mut json = serde_json::to_vec_pretty(&summary).map_err(CoreError::data)?;
    json.push(b'\n');
    write_atomically(&path, &json)?;
    Ok(summary)
}

/// Reads `out/runs/METHOD-sSEED` for every method and seed. A folder that is not there is a run that
/// was not made (a control may have fewer seeds); one that is there must be whole.
///
/// # Errors
/// A file of a run is missing or malformed, or there is no run at all.
pub fn read_runs(
    out: &Path,
    methods: &[String],
    seeds: &[u64],
) -> Result<Vec<Run>, ExperimentError> {
    run_folders(out, methods, seeds)?
        .iter()
        .map(|run| Ok(Run::read(run)?))
        .collect()
}

/// Compares every method among `runs` with the baseline among them.
///
/// # Errors
/// Two runs differ in learner updates or were not measured on the same items, or a run on none.
pub fn summarise_runs(runs: &[Run]) -> Result<Summary, ExperimentError> {
    check_paired(runs)?;
    Ok(Summary {
        baseline: BASELINE.into(),
        resamples: RESAMPLES,
        test_items: runs.first().map_or(0, |run| run.evaluation.test.len()),
        off_target_items: runs
            .first()
            .map_or(0, |run| run.evaluation.off_target.len()),
        methods: methods(runs)
            .into_iter()
            .map(|name| method_summary(name, runs))
            .collect(),
    })
}

/// One budget of learner updates, and the same items, told apart by their token counts, in every run.
fn check_paired(runs: &[Run]) -> Result<(), ExperimentError> {
    let Some(first) = runs.first() else {
        return Ok(());
    };
    for run in runs {
        let unpaired = |message| ExperimentError::Unpaired {
            path: run.folder.join("evaluation.json"),
            message,
        };
        let (steps, others) = (run.summary.steps, first.summary.steps);
        if steps != others {
            return Err(ExperimentError::Unpaired {
                path: run.folder.join("summary.json"),
                message: format!("{steps} steps, but {others} in {}", first.folder.display()),
            });
        }
        if run.evaluation.test.is_empty() {
            return Err(unpaired("holds no test item".into()));
        }
        let sets = [
            ("test", &run.evaluation.test, &first.evaluation.test),
            (
                "off_target",
                &run.evaluation.off_target,
                &first.evaluation.off_target,
            ),
        ];
        for (set, here, there) in sets {
            let origin = first.folder.display();
            if here.len() != there.len() {
                let (n, m) = (here.len(), there.len());
                return Err(unpaired(format!("{n} {set} items, but {m} in {origin}")));
            }
            let odd = here
                .iter()
                .zip(there)
                .position(|(a, b)| a.tokens != b.tokens);
            if let Some(i) = odd {
                let (n, m) = (here[i].tokens, there[i].tokens);
                return Err(unpaired(format!(
                    "{set} item {} has {n} tokens, but {m} in {origin}",
                    i + 1
                )));
            }
        }
    }
    Ok(())
}

fn method_summary(name: &str, runs: &[Run]) -> MethodSummary {
    let beside = Beside::new(name, BASELINE, runs);
    let runs = beside.runs();
    let steps: u64 = runs.iter().map(|run| run.summary.steps).sum();
    let wall: f64 = runs.iter().map(|run| run.summary.wall_seconds).sum();
    // Nothing, where nothing was spent.
    let share = |seconds: fn(&Run) -> Option<f64>| {
        let spent: f64 = runs.iter().filter_map(|run| seconds(run)).sum();
        (spent > 0.0).then(|| spent / wall)
    };
    MethodSummary {
        method: name.into(),
        seeds: runs.iter().map(|run| run.summary.seed).collect(),
        steps: runs.first().map_or(0, |run| run.summary.steps),
        tokens: runs.first().map_or(0, |run| run.summary.tokens),
        loss: beside.measured(|run| test(run, loss_cell)),
        first: beside.measured(|run| test(run, first_cell)),
        digit: beside.if_measured(|run| test(run, digit_cell)),
        off_target: beside
            .if_measured(|run| run.evaluation.off_target.iter().map(loss_cell).collect()),
        pass_at_1: beside.if_measured(|run| test(run, pass_cell)),
        parts: GainParts::of(&beside),
        probe: Probed::of(runs),
        seconds_per_step: wall / steps as f64,
        value_share: share(|run| run.summary.value_seconds),
        target_share: share(|run| run.summary.target_seconds),
    }
}

fn test(run: &Run, cell: fn(&ItemResult) -> Cell) -> Vec<Cell> {
    run.evaluation.test.iter().map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::synthetic;

    fn names() -> Vec<String> {
        ["ntp", "value", "random"].map(String::from).to_vec()
    }

    #[test]
    fn numbers_are_those_worked_out_by_hand() {
        let out = tempfile::tempdir().unwrap();
        synthetic::write_experiment(out.path());
        let summary = summarise(out.path(), &names(), &[0, 1, 2]).unwrap();
        assert_eq!(summary.test_items, synthetic::ITEMS);
        let [ntp, value] = &summary.methods[..] else {
            panic!("two methods were run: {:?}", summary.methods)
        };
        assert!(ntp.loss.difference.is_none());
        // Every item: 10 tokens; ntp 2.0 + 0.1·seed nats, of which first .5, digits .4 over 2 tokens.
        assert!((ntp.loss.mean - 0.21).abs() < 1e-12);
        assert_eq!(ntp.seeds, [0, 1, 2]);
        assert!((ntp.first.mean - 0.5).abs() < 1e-12);
        assert!((ntp.digit.as_ref().unwrap().mean - 0.2).abs() < 1e-12);
        // value: −0.3 nats an item: first −0.12, digits −0.02.
        let d = value.loss.difference.as_ref().unwrap();
        assert!((d.mean + 0.03).abs() < 1e-12);
        assert!((d.low + 0.03).abs() < 1e-9 && (d.high + 0.03).abs() < 1e-9);
        assert_eq!(d.signs(), "−−−");
        let parts = value.parts.unwrap();
        assert!((parts.total + 0.3).abs() < 1e-9);
        assert!((parts.first + 0.12).abs() < 1e-9);
        assert!((parts.digit + 0.02).abs() < 1e-9);
        assert!((parts.other + 0.16).abs() < 1e-9);
        // Pass@1: ntp 2 of 4 items, value 3 of 4.
        let pass = value.pass_at_1.as_ref().unwrap();
        assert!((pass.mean - 0.75).abs() < 1e-12);
        assert!((pass.difference.as_ref().unwrap().mean - 0.25).abs() < 1e-12);
        assert!(
            (value
                .off_target
                .as_ref()
                .unwrap()
                .difference
                .as_ref()
                .unwrap()
                .mean)
                .abs()
                < 1e-12
        );
        assert!((value.seconds_per_step - 0.5).abs() < 1e-12);
        let text = std::fs::read_to_string(out.path().join("summary.json")).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            json["methods"][1]["loss"]["difference"]["per_seed"][2],
            d.per_seed[2]
        );
    }

    #[test]
    fn a_control_may_have_fewer_seeds() {
        let out = tempfile::tempdir().unwrap();
        synthetic::write_experiment(out.path());
        synthetic::write_run(out.path(), "random", 1);
        let summary = summarise(out.path(), &names(), &[0, 1, 2]).unwrap();
        let d = summary.methods[2].loss.difference.as_ref().unwrap();
        assert_eq!(d.seeds, [1]);
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let out = tempfile::tempdir().unwrap();
        let message = |result: Result<Summary, ExperimentError>| result.unwrap_err().to_string();
        let none = message(summarise(out.path(), &names(), &[0]));
        assert!(
            none.ends_with("runs: holds no run of ntp, value, random"),
            "{none}"
        );
        synthetic::write_experiment(out.path());
        let path = out.path().join("runs/value-s1/evaluation.json");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replacen("\"tokens\":10", "\"tokens\":11", 1)).unwrap();
        let odd = message(summarise(out.path(), &names(), &[0, 1, 2]));
        assert!(
            odd.contains("value-s1/evaluation.json: off_target item 1 has 11 tokens, but 10 in"),
            "{odd}"
        );
        let summary = path.with_file_name("summary.json");
        let whole = std::fs::read_to_string(&summary).unwrap();
        std::fs::write(&summary, whole.replace("\"steps\":60", "\"steps\":50")).unwrap();
        let budget = message(summarise(out.path(), &names(), &[0, 1, 2]));
        assert!(
            budget.contains("value-s1/summary.json: 50 steps, but 60"),
            "{budget}"
        );
        std::fs::write(&summary, whole).unwrap();
        std::fs::write(&path, r#"{"test":[]}"#).unwrap();
        let empty = message(summarise(out.path(), &names(), &[0, 1, 2]));
        assert!(empty.contains("holds no test item"), "{empty}");
    }
}
