//! One figure of one method, beside the baseline's.

use super::statistics::{Cell, Difference, Grid, mean_by_seed, paired_difference};
use super::summary::BASELINE;
use crate::artefacts::{ItemResult, Run};
use serde::Serialize;

/// A figure and its difference to the baseline's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// Mean over seeds.
    pub mean: f64,
    /// For each seed.
    pub per_seed: Vec<f64>,
    /// To the baseline; `None` for the baseline itself and where nothing can be paired.
    pub difference: Option<Difference>,
}

/// The change in test NLL to the baseline, in nats an item, by kind of token; negative is better.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct GainParts {
    /// All answer tokens.
    pub total: f64,
    /// The first.
    pub first: f64,
    /// Digits after the first.
    pub digit: f64,
    /// The others.
    pub other: f64,
}

/// A method's runs, and those among them that the baseline was also run for.
pub(super) struct Beside<'a> {
    runs: &'a [&'a Run],
    pairs: Vec<(&'a Run, &'a Run)>,
}

impl<'a> Beside<'a> {
    pub(super) fn new(name: &str, runs: &'a [&'a Run], baseline: &'a [&'a Run]) -> Self {
        let partner = |run: &&'a Run| {
            let same = |other: &&&Run| other.summary.seed == run.summary.seed;
            baseline.iter().find(same).map(|other| (*run, *other))
        };
        let pairs = if name == BASELINE {
            Vec::new()
        } else {
            runs.iter().filter_map(partner).collect()
        };
        Self { runs, pairs }
    }

    pub(super) fn measured(&self, cells: impl Fn(&Run) -> Vec<Cell>) -> Measured {
        let grid: Grid = self.runs.iter().map(|run| cells(run)).collect();
        let per_seed = mean_by_seed(&grid);
        let seeds: Vec<u64> = self.pairs.iter().map(|(run, _)| run.summary.seed).collect();
        let ours: Grid = self.pairs.iter().map(|(run, _)| cells(run)).collect();
        let theirs: Grid = self.pairs.iter().map(|(_, run)| cells(run)).collect();
        Measured {
            mean: per_seed.iter().sum::<f64>() / per_seed.len() as f64,
            per_seed,
            difference: paired_difference(&seeds, &ours, &theirs),
        }
    }

    /// `None` where no run measured it on any item.
    pub(super) fn if_measured(&self, cells: impl Fn(&Run) -> Vec<Cell>) -> Option<Measured> {
        let any = |run: &&Run| cells(run).iter().any(|cell| cell.weight > 0.0);
        self.runs.iter().any(any).then(|| self.measured(cells))
    }

    pub(super) fn gain_parts(&self) -> Option<GainParts> {
        let after_first =
            |item: &ItemResult| item.digit_nll - if item.first_is_digit { item.first } else { 0.0 };
        let items = || {
            self.pairs
                .iter()
                .flat_map(|(ours, theirs)| ours.evaluation.test.iter().zip(&theirs.evaluation.test))
        };
        let count = items().count();
        let mean = |part: &dyn Fn(&ItemResult) -> f64| {
            items().map(|(a, b)| part(a) - part(b)).sum::<f64>() / count as f64
        };
        let total = mean(&|item| item.nll);
        let first = mean(&|item| item.first);
        let digit = mean(&after_first);
        (count > 0).then_some(GainParts {
            total,
            first,
            digit,
            other: total - first - digit,
        })
    }
}

pub(super) fn loss_cell(item: &ItemResult) -> Cell {
    Cell {
        sum: item.nll,
        weight: item.tokens as f64,
    }
}

pub(super) fn first_cell(item: &ItemResult) -> Cell {
    Cell {
        sum: item.first,
        weight: if item.tokens > 0 { 1.0 } else { 0.0 },
    }
}

pub(super) fn digit_cell(item: &ItemResult) -> Cell {
    Cell {
        sum: item.digit_nll,
        weight: item.digits as f64,
    }
}

pub(super) fn pass_cell(item: &ItemResult) -> Cell {
    Cell {
        sum: f64::from(u8::from(item.pass == Some(true))),
        weight: f64::from(u8::from(item.pass.is_some())),
    }
}
