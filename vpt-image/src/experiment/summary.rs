//! Every method against the baseline on the same test images.

use crate::artefacts::{Figures, ProbeEvent, Run, SetResult};
use crate::metrics::Overlap;
use serde::Serialize;
use std::path::Path;
use vpt_core::experiment::{
    Beside, Cell, Correlation, ExperimentError, Measured, RESAMPLES, methods, run_folders,
};
use vpt_core::run::write_json;

/// The method that the others are compared with.
pub const BASELINE: &str = "baseline";

/// `summary.json` of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The method that the others are compared with.
    pub baseline: String,
    /// Bootstrap resamples behind each interval.
    pub resamples: usize,
    /// Test images.
    pub test_images: usize,
    /// The backbone that the runs began with, where it was measured.
    pub start: Option<Figures>,
    /// A backbone of fresh weights, where it was measured.
    pub fresh: Option<Figures>,
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
    /// Patches of all crops in a run.
    pub tokens: u64,
    /// Mean IoU on the test images.
    pub miou: Option<Measured>,
    /// Root mean square error of depth in metres, mean over test images.
    pub rmse: Option<Measured>,
    /// Share of test pictures whose class the linear probe tells.
    pub accuracy: Option<Measured>,
    /// Share of those whose class their neighbours tell, for each seed.
    pub knn: Vec<Option<f64>>,
    /// Mean cos(g_down, g_pre) over the value updates of a run, for each seed that has some.
    pub cosine: Vec<f64>,
    /// Mean of V's step in the same units: ⟨g_down, g_pre⟩, for each seed that has some.
    pub value: Vec<f64>,
    /// How well V predicted what steps did, where that was measured.
    pub probe: Option<Probed>,
    /// Wall time of a learner update, everything but evaluations included.
    pub seconds_per_step: f64,
    /// Share of the wall time that went into the value.
    pub value_share: Option<f64>,
}

/// Predicted against realised falls of the probe batch's loss, over all seeds (A.6).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Probed {
    /// For steps along the gradient.
    pub sgd: Correlation,
    /// For the optimiser's steps.
    pub update: Correlation,
}

impl Probed {
    /// `None` where too few steps were probed.
    fn of(runs: &[&Run]) -> Option<Self> {
        let over = |pair: fn(&ProbeEvent) -> (f64, f64)| {
            Correlation::of(runs.iter().flat_map(|run| run.probes().map(pair)))
        };
        Some(Self {
            sgd: over(Self::sgd_pair)?,
            update: over(Self::update_pair)?,
        })
    }

    /// Predicted and realised of the step along the gradient.
    pub fn sgd_pair(probe: &ProbeEvent) -> (f64, f64) {
        (probe.sgd_predicted, probe.sgd_realised)
    }

    /// Predicted and realised of the optimiser's step.
    pub fn update_pair(probe: &ProbeEvent) -> (f64, f64) {
        (probe.update_predicted, probe.update_realised)
    }
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
    write_json(&out.join("summary.json"), &summary)?;
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
/// Two runs were not measured on the same images, or a run on none.
pub fn summarise_runs(runs: &[Run]) -> Result<Summary, ExperimentError> {
    check_paired(runs)?;
    Ok(Summary {
        baseline: BASELINE.into(),
        resamples: RESAMPLES,
        test_images: runs.first().map_or(0, |run| images(&run.evaluation.test)),
        start: reference(runs, |run| run.evaluation.start.as_ref()),
        fresh: reference(runs, |run| run.evaluation.fresh.as_ref()),
        methods: methods(runs)
            .into_iter()
            .map(|name| method_summary(name, runs))
            .collect(),
    })
}

/// A reference backbone's figures, from the first run that has them.
fn reference(runs: &[Run], of: impl Fn(&Run) -> Option<&SetResult>) -> Option<Figures> {
    runs.iter().find_map(of).map(|result| result.figures)
}

fn images(result: &SetResult) -> usize {
    let images = &result.images;
    let counts = [images.segmentation.len(), images.rmse.len()];
    counts.into_iter().fold(images.accuracy.len(), usize::max)
}

/// The same images in every run, told apart by what is labelled in them.
fn check_paired(runs: &[Run]) -> Result<(), ExperimentError> {
    let Some(first) = runs.first() else {
        return Ok(());
    };
    for run in runs {
        let unpaired = |message| ExperimentError::Unpaired {
            path: run.folder.join("evaluation.json"),
            message,
        };
        if images(&run.evaluation.test) == 0 {
            return Err(unpaired("holds no test image".into()));
        }
        let counts = |run: &Run| {
            let images = &run.evaluation.test.images;
            [
                images.segmentation.len(),
                images.rmse.len(),
                images.accuracy.len(),
            ]
        };
        let names = ["segmentation", "depth", "pictures"];
        for ((name, here), there) in names.iter().zip(counts(run)).zip(counts(first)) {
            if here != there {
                let origin = first.folder.display();
                let message = format!("{here} test images of {name}, but {there} in {origin}");
                return Err(unpaired(message));
            }
        }
    }
    Ok(())
}

fn method_summary(name: &str, runs: &[Run]) -> MethodSummary {
    let beside = Beside::new(name, BASELINE, runs);
    let runs = beside.runs();
    let steps: u64 = runs.iter().map(|run| run.summary.steps).sum();
    let seconds = |of: fn(&Run) -> f64| runs.iter().map(|run| of(run)).sum::<f64>();
    let (wall, value) = (
        seconds(|run| run.summary.wall_seconds),
        seconds(|run| run.summary.value_seconds),
    );
    let over_values = |figure: fn(&crate::artefacts::ValueEvent) -> f64| -> Vec<f64> {
        let means = runs.iter().filter_map(|run| {
            let figures: Vec<f64> = run.values().map(figure).collect();
            (!figures.is_empty()).then(|| figures.iter().sum::<f64>() / figures.len() as f64)
        });
        means.collect()
    };
    MethodSummary {
        method: name.into(),
        seeds: runs.iter().map(|run| run.summary.seed).collect(),
        steps: runs.first().map_or(0, |run| run.summary.steps),
        tokens: runs.first().map_or(0, |run| run.summary.tokens),
        miou: beside.if_measured(|run| {
            let images = run.evaluation.test.images.segmentation.iter();
            images.map(|overlaps| iou_cells(overlaps)).collect()
        }),
        rmse: beside.if_measured(|run| {
            let images = run.evaluation.test.images.rmse.iter();
            images.map(|rmse| [mean_cell(*rmse)]).collect()
        }),
        accuracy: beside.if_measured(|run| {
            let images = run.evaluation.test.images.accuracy.iter();
            let right = |right: &bool| [mean_cell(Some(f64::from(u8::from(*right))))];
            images.map(right).collect()
        }),
        knn: runs.iter().map(|run| run.summary.test.knn).collect(),
        cosine: over_values(|value| value.cosine),
        value: over_values(|value| value.value),
        probe: Probed::of(runs),
        seconds_per_step: wall / steps as f64,
        value_share: (value > 0.0).then(|| value / wall),
    }
}

/// A cell for each class: mean IoU is the mean over classes of Σ found / Σ union.
fn iou_cells(overlaps: &[Overlap]) -> Vec<Cell> {
    let cell = |overlap: &Overlap| Cell {
        sum: overlap.found as f64,
        weight: overlap.union as f64,
    };
    overlaps.iter().map(cell).collect()
}

/// One image of a mean over images.
fn mean_cell(figure: Option<f64>) -> Cell {
    Cell {
        sum: figure.unwrap_or(0.0),
        weight: f64::from(u8::from(figure.is_some())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::synthetic;

    fn names() -> Vec<String> {
        ["baseline", "value", "negated"].map(String::from).to_vec()
    }

    #[test]
    fn numbers_are_those_worked_out_by_hand() {
        let out = tempfile::tempdir().unwrap();
        synthetic::write_experiment(out.path());
        let summary = summarise(out.path(), &names(), &[0, 1]).unwrap();
        assert_eq!(summary.test_images, synthetic::IMAGES);
        let [baseline, value] = &summary.methods[..] else {
            panic!("two methods were run: {:?}", summary.methods)
        };
        // Class 0: found 6 of 10 in each image, class 1: 2 of 10; value finds 1 more of class 1.
        let miou = |method: &MethodSummary| method.miou.clone().unwrap();
        assert!((miou(baseline).mean - 0.4).abs() < 1e-12);
        assert!((miou(value).mean - 0.45).abs() < 1e-12);
        let difference = miou(value).difference.unwrap();
        assert!((difference.mean - 0.05).abs() < 1e-12);
        assert!((difference.low - 0.05).abs() < 1e-9);
        assert!(miou(baseline).difference.is_none());
        // Depth: 0.5 + 0.1·seed metres, the last image not known; value 0.05 less.
        let rmse = value.rmse.clone().unwrap();
        assert!((rmse.mean - 0.5).abs() < 1e-12);
        assert!((rmse.difference.unwrap().mean + 0.05).abs() < 1e-12);
        assert_eq!(value.cosine, [0.25, 0.25]);
        assert!(baseline.cosine.is_empty());
        assert_eq!(value.probe.unwrap().sgd.pairs, 12);
        assert!((value.seconds_per_step - 0.5).abs() < 1e-12);
        assert_eq!(summary.fresh.unwrap().miou, Some(0.3));
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let out = tempfile::tempdir().unwrap();
        let message = |result: Result<Summary, ExperimentError>| result.unwrap_err().to_string();
        let none = message(summarise(out.path(), &names(), &[0]));
        assert!(
            none.ends_with("runs: holds no run of baseline, value, negated"),
            "{none}"
        );
        synthetic::write_experiment(out.path());
        let path = out.path().join("runs/value-s1/evaluation.json");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("\"accuracy\":[true,", "\"accuracy\":[")).unwrap();
        let odd = message(summarise(out.path(), &names(), &[0, 1]));
        assert!(
            odd.contains("value-s1/evaluation.json: 3 test images of pictures, but 4 in"),
            "{odd}"
        );
        std::fs::write(&path, r#"{"test":{"figures":{},"images":{}}}"#).unwrap();
        let empty = message(summarise(out.path(), &names(), &[0, 1]));
        assert!(empty.ends_with("holds no test image"), "{empty}");
    }
}
