//! What a report says of how a run is made again.

use crate::artefacts::Run;
use vpt_core::report::Reproducible;

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
        self.summary.config_hash.as_deref()
    }

    fn config(&self) -> Option<&str> {
        self.config.as_deref()
    }
}
