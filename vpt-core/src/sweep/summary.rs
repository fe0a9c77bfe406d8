//! What came of a sweep.

use super::sampler::Settings;
use super::{Sweep, ranks};
use serde::Serialize;

/// `sweep.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// What was searched.
    pub sweep: Sweep,
    /// In the order in which they were proposed.
    pub trials: Vec<Trial>,
}

/// One trial.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trial {
    /// Its name, and its folder's under `runs`.
    pub name: String,
    /// What it was run with.
    pub settings: Settings,
    /// Its figures by objective; none for a trial that failed.
    pub figures: Option<Vec<f64>>,
    /// The front it is on: 0 where no other trial dominates it.
    pub front: usize,
}

impl Summary {
    /// Of trials by name, each with its settings and figures.
    pub fn new(
        sweep: Sweep,
        trials: impl IntoIterator<Item = (String, Settings, Option<Vec<f64>>)>,
    ) -> Self {
        let mut trials: Vec<Trial> = trials
            .into_iter()
            .map(|(name, settings, figures)| Trial {
                name,
                settings,
                figures,
                front: 0,
            })
            .collect();
        let costs: Vec<Option<Vec<f64>>> = trials
            .iter()
            .map(|trial| trial.figures.as_deref().map(|figures| sweep.costs(figures)))
            .collect();
        for (trial, front) in trials.iter_mut().zip(ranks(&costs)) {
            trial.front = front;
        }
        Self { sweep, trials }
    }

    /// The trials that no other dominates, the best first in the first objective; for one objective,
    /// the best.
    pub fn front(&self) -> Vec<&Trial> {
        let cost = |trial: &Trial| {
            let first = trial.figures.as_ref().and_then(|figures| figures.first());
            first.map_or(f64::INFINITY, |figure| {
                self.sweep.objectives[0].cost(*figure)
            })
        };
        let mut front: Vec<&Trial> = self.trials.iter().filter(|t| t.is_on_front()).collect();
        front.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
        front
    }
}

impl Trial {
    /// Whether no other trial dominates it.
    pub fn is_on_front(&self) -> bool {
        self.front == 0 && self.figures.is_some()
    }
}

impl Sweep {
    /// Figures by objective, turned so that less is better.
    pub fn costs(&self, figures: &[f64]) -> Vec<f64> {
        let pairs = self.objectives.iter().zip(figures);
        pairs
            .map(|(objective, figure)| objective.cost(*figure))
            .collect()
    }
}
