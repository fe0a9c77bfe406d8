//! The next settings.

use super::{Range, Setting, Strategy, Sweep, ranks};
use optimizer::distribution::{CategoricalDistribution, Distribution, FloatDistribution};
use optimizer::param::ParamValue;
use optimizer::parameter::ParamId;
use optimizer::sampler::{CompletedTrial, Sampler, TpeSampler};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, HashMap};

/// The share of trials that count as the better ones.
const GAMMA: f64 = 0.25;

/// A trial's settings by key.
pub(super) type Settings = BTreeMap<String, Setting>;

/// A point of each key's interval, in the order of keys.
type Point = Vec<f64>;

impl Sweep {
    /// The settings of the next [`batch`](Self::batch) trials, after those whose costs are given: by
    /// objective, less being better; `None` for a trial that failed.
    ///
    /// What is proposed depends on the sweep and these costs alone, and on costs of whole batches at that.
    ///
    /// # Panics
    /// If earlier batches are not whole.
    pub fn propose(&self, costs: &[Option<Vec<f64>>]) -> Vec<Settings> {
        assert!(
            costs.len().is_multiple_of(self.batch),
            "costs of whole batches"
        );
        let mut points: Vec<Point> = Vec::new();
        // Earlier proposals are made again, which is how the sampler knows what was tried.
        while points.len() < costs.len() {
            let known = points.len();
            points.extend(self.batch_after(&points, &costs[..known]));
        }
        let next = self.batch_after(&points, costs);
        next.iter().map(|point| self.settings(point)).collect()
    }

    fn batch_after(&self, points: &[Point], costs: &[Option<Vec<f64>>]) -> Vec<Point> {
        let first = points.len();
        let last = (first + self.batch).min(self.trials());
        (first..last)
            .map(|trial| self.point(trial, points, costs))
            .collect()
    }

    fn point(&self, trial: usize, points: &[Point], costs: &[Option<Vec<f64>>]) -> Point {
        let mut draws = ChaCha8Rng::seed_from_u64(self.seed);
        draws.set_stream(trial as u64);
        match self.strategy {
            Strategy::Grid => self.grid_point(trial),
            Strategy::Tpe if points.len() >= self.random_trials.max(1) => {
                self.likelier_point(points, costs, &mut draws)
            }
            Strategy::Random | Strategy::Tpe => self
                .keys
                .values()
                .map(|range| {
                    let (low, high) = range.interval();
                    draws.random_range(low..high)
                })
                .collect(),
        }
    }

    /// The last key varies fastest.
    fn grid_point(&self, trial: usize) -> Point {
        let mut rest = trial;
        let mut point: Point = self
            .keys
            .values()
            .rev()
            .map(|range| {
                let grid = range.grid();
                let at = grid[rest % grid.len()];
                rest /= grid.len();
                at
            })
            .collect();
        point.reverse();
        point
    }

    /// A point whose coordinates are likelier among the better trials than among the others; better by
    /// front where several objectives are traded off. Each key has a model of its own: the crate's would
    /// take keys with equal ranges for one.
    fn likelier_point(
        &self,
        points: &[Point],
        costs: &[Option<Vec<f64>>],
        draws: &mut ChaCha8Rng,
    ) -> Point {
        let fronts = ranks(costs);
        let ranges = self.keys.values().enumerate();
        let coordinate = |(key, range): (usize, &Range)| {
            let (distribution, value) = modelled(range);
            let tried = points.iter().zip(&fronts).enumerate();
            let history: Vec<CompletedTrial> = tried
                .map(|(trial, (point, front))| {
                    let id = ParamId::new();
                    CompletedTrial::new(
                        trial as u64,
                        HashMap::from([(id, value(point[key]))]),
                        HashMap::from([(id, distribution.clone())]),
                        HashMap::new(),
                        *front as f64,
                    )
                })
                .collect();
            let model = TpeSampler::builder()
                .gamma(GAMMA)
                .n_startup_trials(1)
                .seed(draws.random())
                .build();
            // These settings are always accepted.
            let sampled =
                model.map(|model| model.sample(&distribution, points.len() as u64, &history));
            match sampled {
                Ok(ParamValue::Float(at)) => at,
                Ok(ParamValue::Categorical(index)) => index as f64,
                Ok(ParamValue::Int(_)) | Err(_) => range.interval().0,
            }
        };
        ranges.map(coordinate).collect()
    }

    fn settings(&self, point: &Point) -> Settings {
        let keys = self.keys.iter().zip(point);
        keys.map(|((key, range), at)| (key.clone(), range.at(*at)))
            .collect()
    }
}

/// A range in the crate's words, and a point of its interval as a value of it.
fn modelled(range: &Range) -> (Distribution, fn(f64) -> ParamValue) {
    let (low, high) = range.interval();
    match range {
        Range::Choice(values) => {
            let n_choices = values.len();
            let choice = Distribution::Categorical(CategoricalDistribution { n_choices });
            (choice, |point| ParamValue::Categorical(point as usize))
        }
        Range::Uniform(_) | Range::LogUniform(_) => {
            let numbers = FloatDistribution {
                low,
                high,
                log_scale: false,
                step: None,
            };
            (Distribution::Float(numbers), ParamValue::Float)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::{Direction, Objective};

    fn sweep(strategy: Strategy, trials: usize, batch: usize) -> Sweep {
        let choice = [1, 2, 4].map(Setting::Whole).to_vec();
        Sweep {
            config: String::new(),
            set: vec![],
            strategy,
            trials,
            seed: 3,
            random_trials: 6,
            batch,
            objectives: vec![Objective {
                figure: "loss".into(),
                direction: Direction::Minimise,
                label: String::new(),
                complement: false,
            }],
            keys: BTreeMap::from([
                ("a".into(), Range::Choice(choice)),
                ("b".into(), Range::Uniform([-1.0, 1.0])),
            ]),
        }
    }

    /// A bowl with its floor at a = 2, b = 0.5.
    fn cost(settings: &Settings) -> f64 {
        match (&settings["a"], &settings["b"]) {
            (Setting::Whole(a), Setting::Number(b)) => {
                ((*a - 2) as f64).powi(2) + (b - 0.5).powi(2)
            }
            other => panic!("{other:?}"),
        }
    }

    /// The costs of a whole sweep, trial by trial.
    fn run(sweep: &Sweep) -> Vec<f64> {
        let mut costs: Vec<Option<Vec<f64>>> = vec![];
        while costs.len() < sweep.trials() {
            let next = sweep.propose(&costs);
            costs.extend(next.iter().map(|settings| Some(vec![cost(settings)])));
        }
        costs.into_iter().flatten().map(|cost| cost[0]).collect()
    }

    #[test]
    fn a_grid_has_every_combination_once() {
        let sweep = sweep(Strategy::Grid, 100, 1);
        assert_eq!(sweep.trials(), 9);
        let mut found: Vec<String> = vec![];
        let mut costs = vec![];
        for _ in 0..9 {
            let next = sweep.propose(&costs);
            found.extend(next.iter().map(|s| format!("{} {}", s["a"], s["b"])));
            costs.push(None);
        }
        assert_eq!(found[..4], ["1 -1.0", "1 0.0", "1 1.0", "2 -1.0"]);
        assert!(sweep.propose(&costs).is_empty());
    }

    #[test]
    fn proposals_depend_on_seed_and_costs_alone() {
        for strategy in [Strategy::Random, Strategy::Tpe] {
            let sweep = sweep(strategy, 12, 2);
            assert_eq!(run(&sweep), run(&sweep));
            let other = Sweep {
                seed: 4,
                ..sweep.clone()
            };
            assert_ne!(run(&sweep), run(&other));
        }
    }

    #[test]
    fn the_model_looks_where_trials_were_good() {
        let mean = |strategy| {
            let late = (0..5).flat_map(|seed| {
                let sweep = Sweep {
                    seed,
                    ..sweep(strategy, 40, 1)
                };
                run(&sweep).split_off(20)
            });
            let late: Vec<f64> = late.collect();
            late.iter().sum::<f64>() / late.len() as f64
        };
        let (random, model) = (mean(Strategy::Random), mean(Strategy::Tpe));
        assert!(model < 0.5 * random, "{model} {random}");
    }

    #[test]
    fn a_trial_that_failed_is_told_as_the_worst() {
        let sweep = sweep(Strategy::Tpe, 20, 1);
        let costs: Vec<Option<Vec<f64>>> = (0..10).map(|i| (i > 3).then(|| vec![1.0])).collect();
        assert_eq!(sweep.propose(&costs).len(), 1);
    }
}
