//! What a sweep seeks.

use serde::{Deserialize, Serialize};

/// A figure of a run's summary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// Its dotted name in `summary.json`.
    pub figure: String,
    /// Which way is better.
    pub direction: Direction,
    /// What it is called in reports; empty: its name.
    #[serde(default)]
    pub label: String,
    /// Reports show 1 − it: an error as something to be raised, as Figure 2 does.
    #[serde(default)]
    pub complement: bool,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Up.
    Maximise,
    /// Down.
    Minimise,
}

impl Objective {
    /// The figure in a run's `summary.json`, NaN where it is there and no number, as one that diverged;
    /// none where it is not there.
    pub fn find(&self, summary: &serde_json::Value) -> Option<f64> {
        let pointer = format!("/{}", self.figure.replace('.', "/"));
        let found = summary.pointer(&pointer)?;
        Some(found.as_f64().unwrap_or(f64::NAN))
    }

    /// The figure turned so that less is better.
    pub fn cost(&self, figure: f64) -> f64 {
        match self.direction {
            Direction::Maximise => -figure,
            Direction::Minimise => figure,
        }
    }

    /// The figure as reports show it.
    pub fn shown(&self, figure: f64) -> f64 {
        if self.complement {
            1.0 - figure
        } else {
            figure
        }
    }

    /// What it is called in reports.
    pub fn name(&self) -> &str {
        match self.label.as_str() {
            "" => &self.figure,
            label => label,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_figure_is_found_by_its_dotted_name() {
        let rmse = Objective {
            figure: "test.rmse".into(),
            direction: Direction::Minimise,
            label: String::new(),
            complement: true,
        };
        let summary = json!({"test": {"rmse": 0.25, "miou": null}});
        assert_eq!(rmse.find(&summary), Some(0.25));
        assert_eq!((rmse.cost(0.25), rmse.shown(0.25)), (0.25, 0.75));
        let miou = Objective {
            figure: "test.miou".into(),
            direction: Direction::Maximise,
            ..rmse
        };
        assert!(miou.find(&summary).unwrap().is_nan());
        assert_eq!((miou.find(&json!({})), miou.cost(0.25)), (None, -0.25));
        assert_eq!(miou.name(), "test.miou");
    }
}
