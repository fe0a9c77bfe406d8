//! The probe of A.6 over the runs of a method.

use crate::artefacts::{ProbeEvent, Run};
use serde::Serialize;
use vpt_core::experiment::Correlation;

/// Predicted against realised falls of the probe batch's loss, over all seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Probed {
    /// For steps along the gradient.
    pub sgd: Correlation,
    /// For the optimiser's steps.
    pub update: Correlation,
}

impl Probed {
    /// `None` where too few steps were probed.
    pub fn of(runs: &[&Run]) -> Option<Self> {
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
