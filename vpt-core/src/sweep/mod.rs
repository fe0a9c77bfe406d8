//! Settings searched over trials: what may vary, who proposes, and which trials no other beats (Figure 2
//! right, A.3, A.8).
//!
//! Nothing here trains. A [`Sweep`] says what is searched; [`Sweep::propose`] names the settings of the next
//! trials from its seed and the figures of the earlier ones alone, so a sweep that was interrupted goes on
//! as if it had not been; [`ranks`] sorts trials by who dominates whom.

mod check;
mod front;
mod objective;
mod range;
mod report;
mod sampler;
mod summary;

pub use front::ranks;
pub use objective::{Direction, Objective};
pub use range::{Range, Setting};
pub use report::write_report;
pub use summary::{Summary, Trial};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A sweep, as its file says it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// The config that all trials share; empty: the defaults.
    #[serde(default)]
    pub config: String,
    /// Keys laid over it in every trial, as `key=value`.
    #[serde(default)]
    pub set: Vec<String>,
    /// Who proposes settings.
    pub strategy: Strategy,
    /// How many trials are run. A grid that has fewer points ends there.
    pub trials: usize,
    /// Seeds the proposals; no part of what a trial computes.
    #[serde(default)]
    pub seed: u64,
    /// Trials drawn at random before a model is made of them.
    #[serde(default = "some_trials")]
    pub random_trials: usize,
    /// Trials proposed at a time, none of which knows of the others.
    #[serde(default = "one_trial")]
    pub batch: usize,
    /// What is sought; several are traded off.
    #[serde(rename = "objective")]
    pub objectives: Vec<Objective>,
    /// What varies: a config's keys, each with its range.
    pub keys: BTreeMap<String, Range>,
}

fn some_trials() -> usize {
    5
}

fn one_trial() -> usize {
    1
}

/// Who proposes settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Every combination, the last key varying fastest.
    Grid,
    /// Independent draws.
    Random,
    /// Bayesian optimisation by tree-structured Parzen estimators: draws that are likelier among the better
    /// trials than among the others.
    Tpe,
}

impl Sweep {
    /// The trials of the whole sweep.
    pub fn trials(&self) -> usize {
        match self.strategy {
            Strategy::Grid => self.trials.min(self.grid_points()),
            Strategy::Random | Strategy::Tpe => self.trials,
        }
    }

    fn grid_points(&self) -> usize {
        let points = self.keys.values().map(|range| range.grid().len());
        points.fold(1, usize::saturating_mul)
    }
}
