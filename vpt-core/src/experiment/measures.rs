//! One figure of one method, beside the baseline's.

use super::Arm;
use super::statistics::{Cell, Difference, mean_by_seed, paired_difference};
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

/// A method's runs, and those among them that the baseline was also run for.
pub struct Beside<'a, R> {
    runs: Vec<&'a R>,
    pairs: Vec<(&'a R, &'a R)>,
}

impl<'a, R: Arm> Beside<'a, R> {
    /// The runs of `method` among `runs`, paired by seed with those of `baseline`.
    pub fn new(method: &str, baseline: &str, runs: &'a [R]) -> Self {
        let of =
            |name: &str| -> Vec<&'a R> { runs.iter().filter(|run| run.method() == name).collect() };
        let (own, others) = (of(method), of(baseline));
        let partner = |run: &&'a R| {
            let same = |other: &&&R| other.seed() == run.seed();
            others.iter().find(same).map(|other| (*run, *other))
        };
        let pairs = if method == baseline {
            Vec::new()
        } else {
            own.iter().filter_map(partner).collect()
        };
        Self { runs: own, pairs }
    }

    /// The method's runs.
    pub fn runs(&self) -> &[&'a R] {
        &self.runs
    }

    /// Each run that has a partner of the same seed, and the baseline's.
    pub fn pairs(&self) -> &[(&'a R, &'a R)] {
        &self.pairs
    }

    /// The figure whose items `cells` gives: each a [`Cell`], or several where it is a mean of ratios.
    ///
    /// # Panics
    /// If paired runs have different numbers of items.
    pub fn measured<I: AsRef<[Cell]>>(&self, cells: impl Fn(&R) -> Vec<I>) -> Measured {
        let grid: Vec<Vec<I>> = self.runs.iter().map(|run| cells(run)).collect();
        let per_seed = mean_by_seed(&grid);
        let seeds: Vec<u64> = self.pairs.iter().map(|(run, _)| run.seed()).collect();
        let ours: Vec<Vec<I>> = self.pairs.iter().map(|(run, _)| cells(run)).collect();
        let theirs: Vec<Vec<I>> = self.pairs.iter().map(|(_, run)| cells(run)).collect();
        Measured {
            mean: per_seed.iter().sum::<f64>() / per_seed.len() as f64,
            per_seed,
            difference: paired_difference(&seeds, &ours, &theirs),
        }
    }

    /// The same; `None` where no run measured it on any item.
    ///
    /// # Panics
    /// As [`measured`](Self::measured).
    pub fn if_measured<I: AsRef<[Cell]>>(&self, cells: impl Fn(&R) -> Vec<I>) -> Option<Measured> {
        let weighs = |item: &I| item.as_ref().iter().any(|cell| cell.weight > 0.0);
        let any = |run: &&R| cells(run).iter().any(weighs);
        self.runs.iter().any(any).then(|| self.measured(cells))
    }
}
