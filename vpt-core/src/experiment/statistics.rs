//! Differences between two methods, paired by seed and item, with a two-level bootstrap.
//!
//! Every figure here is a ratio of sums over items, such as Σ NLL / Σ tokens, so an item is a [`Cell`]:
//! what it adds above and below the line. Where a figure is the mean of several such ratios, as the mean
//! IoU over classes, an item is a list of cells, one for each. A resample draws seeds with replacement, then one set of
//! items with replacement, and takes both methods on those same seeds and items. The items are
//! drawn once for all seeds because every seed is measured on the same held-out set: drawing them
//! afresh for each seed would treat one set of items as several and make the interval too narrow.
//! Over few seeds the interval is rough, since no resample can know more seeds than were run; read it
//! beside the difference of each seed.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// Resamples in an interval.
pub const RESAMPLES: usize = 2_000;
const SEED: u64 = 20_260;
const TAIL: f64 = 0.025;

/// What one item adds to a ratio of sums.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// Above the line.
    pub sum: f64,
    /// Below it; 0 for an item that was not measured.
    pub weight: f64,
}

impl AsRef<[Self]> for Cell {
    fn as_ref(&self) -> &[Self] {
        std::slice::from_ref(self)
    }
}

/// A method's figure minus the baseline's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Mean over seeds.
    pub mean: f64,
    /// Lower end of the 95 % percentile interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// The seeds that both methods were run with.
    pub seeds: Vec<u64>,
    /// The difference for each of them.
    pub per_seed: Vec<f64>,
}

impl Difference {
    /// Whether the interval leaves out zero.
    pub fn is_resolved(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }

    /// The sign for each seed.
    pub fn signs(&self) -> String {
        let sign = |d: &f64| match d {
            d if *d < 0.0 => '−',
            d if *d > 0.0 => '+',
            d if *d == 0.0 => '0',
            _ => '?',
        };
        self.per_seed.iter().map(sign).collect()
    }
}

/// The figure for each seed; NaN where nothing was measured.
pub fn mean_by_seed<I: AsRef<[Cell]>>(grid: &[Vec<I>]) -> Vec<f64> {
    grid.iter()
        .map(|items| mean_ratio(items.iter().map(|item| (item.as_ref(), 1.0))))
        .collect()
}

/// The difference of `method` to `baseline`, both given for the same `seeds` and items; `None` where
/// some seed has nothing measured in both.
///
/// # Panics
/// If the two grids differ in shape, or hold another number of rows than there are seeds.
pub fn paired_difference<I: AsRef<[Cell]>>(
    seeds: &[u64],
    method: &[Vec<I>],
    baseline: &[Vec<I>],
) -> Option<Difference> {
    assert!(
        seeds.len() == method.len() && method.len() == baseline.len(),
        "a row for each seed"
    );
    let items = method.first().map_or(0, Vec::len);
    assert!(
        method.iter().chain(baseline).all(|row| row.len() == items),
        "the same items for each seed and method"
    );
    let pairs: Vec<Vec<Pair<'_>>> = method
        .iter()
        .zip(baseline)
        .map(|(m, b)| {
            m.iter()
                .map(I::as_ref)
                .zip(b.iter().map(I::as_ref))
                .collect()
        })
        .collect();
    if pairs.is_empty() || !pairs.iter().all(|row| row.iter().any(is_measured)) {
        return None;
    }
    let once = vec![1.0; items];
    let per_seed: Vec<f64> = pairs.iter().map(|row| difference(row, &once)).collect();
    let (low, high) = interval(&pairs, items);
    Some(Difference {
        mean: mean(&per_seed),
        low,
        high,
        seeds: seeds.to_vec(),
        per_seed,
    })
}

/// An item of the method and of the baseline.
type Pair<'a> = (&'a [Cell], &'a [Cell]);

/// Items that only one method was measured on count for neither.
fn is_measured((method, baseline): &Pair<'_>) -> bool {
    let any = |cells: &[Cell]| cells.iter().any(|cell| cell.weight > 0.0);
    any(method) && any(baseline)
}

fn interval(pairs: &[Vec<Pair<'_>>], items: usize) -> (f64, f64) {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut drawn: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let seeds: Vec<usize> = pairs
                .iter()
                .map(|_| rng.random_range(0..pairs.len()))
                .collect();
            let mut times = vec![0.0; items];
            for _ in 0..items {
                times[rng.random_range(0..items)] += 1.0;
            }
            let differences: Vec<f64> = seeds
                .iter()
                .map(|&seed| difference(&pairs[seed], &times))
                .collect();
            mean(&differences)
        })
        .filter(|d| d.is_finite())
        .collect();
    drawn.sort_by(f64::total_cmp);
    (percentile(&drawn, TAIL), percentile(&drawn, 1.0 - TAIL))
}

fn difference(pairs: &[Pair<'_>], times: &[f64]) -> f64 {
    let both = || {
        pairs
            .iter()
            .zip(times)
            .filter(|(pair, _)| is_measured(pair))
    };
    mean_ratio(both().map(|((m, _), t)| (*m, *t))) - mean_ratio(both().map(|((_, b), t)| (*b, *t)))
}

/// The mean, over those cells of an item that weigh anything, of Σ sum / Σ weight over items that each
/// count so many times.
fn mean_ratio<'a>(items: impl Iterator<Item = (&'a [Cell], f64)>) -> f64 {
    let mut totals: Vec<(f64, f64)> = Vec::new();
    for (cells, times) in items.filter(|(_, times)| *times > 0.0) {
        totals.resize(totals.len().max(cells.len()), (0.0, 0.0));
        for ((sum, weight), cell) in totals.iter_mut().zip(cells) {
            *sum += times * cell.sum;
            *weight += times * cell.weight;
        }
    }
    let weighed = totals.iter().filter(|(_, weight)| *weight > 0.0);
    let ratios: Vec<f64> = weighed.map(|(sum, weight)| sum / weight).collect();
    mean(&ratios)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Linear between order statistics.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let at = share * last as f64;
    let below = at.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (at - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_distr::{Distribution, Normal};

    /// Cells by seed, then item.
    type Grid = Vec<Vec<Cell>>;

    fn grid(seeds: usize, items: usize, sum: impl Fn(usize, usize) -> f64) -> Grid {
        (0..seeds)
            .map(|seed| {
                (0..items)
                    .map(|item| Cell {
                        sum: sum(seed, item),
                        weight: 1.0 + (item % 3) as f64,
                    })
                    .collect()
            })
            .collect()
    }

    #[test]
    fn equal_differences_leave_no_interval() {
        let weight = |item: usize| 1.0 + (item % 3) as f64;
        let base = grid(3, 20, |seed, item| (seed * 31 + item * 7 % 5) as f64);
        let moved = grid(3, 20, |seed, item| {
            (seed * 31 + item * 7 % 5) as f64 - 0.25 * weight(item)
        });
        let d = paired_difference(&[0, 1, 2], &moved, &base).unwrap();
        for figure in [d.mean, d.low, d.high] {
            assert!((figure + 0.25).abs() < 1e-9, "{d:?}");
        }
        assert!(d.is_resolved());
        assert_eq!(d.signs(), "−−−");
    }

    #[test]
    fn the_point_is_the_mean_of_ratios() {
        let cell = |sum, weight| Cell { sum, weight };
        let m = vec![
            vec![cell(2.0, 4.0), cell(1.0, 2.0)],
            vec![cell(6.0, 4.0), cell(3.0, 2.0)],
        ];
        let b = vec![
            vec![cell(4.0, 4.0), cell(2.0, 2.0)],
            vec![cell(4.0, 4.0), cell(4.0, 2.0)],
        ];
        assert_eq!(mean_by_seed(&m), [0.5, 1.5]);
        let d = paired_difference(&[4, 9], &m, &b).unwrap();
        assert!((d.per_seed[0] + 0.5).abs() < 1e-12);
        assert!((d.per_seed[1] - (1.5 - 8.0 / 6.0)).abs() < 1e-12);
        assert!((d.mean - (d.per_seed[0] + d.per_seed[1]) / 2.0).abs() < 1e-12);
        assert_eq!(d.signs(), "−+");
        assert!(!d.is_resolved());
    }

    #[test]
    fn an_item_that_one_method_lacks_counts_for_neither() {
        let cell = |sum, weight| Cell { sum, weight };
        let m = vec![vec![cell(1.0, 1.0), cell(0.0, 0.0)]];
        let b = vec![vec![cell(0.0, 1.0), cell(9.0, 1.0)]];
        assert_eq!(paired_difference(&[0], &m, &b).unwrap().mean, 1.0);
        let none = vec![vec![cell(0.0, 0.0); 2]];
        assert_eq!(paired_difference(&[0], &none, &b), None);
        assert_eq!(paired_difference::<Cell>(&[], &[], &[]), None);
    }

    /// Mean IoU of two images and three classes: found over union, class by class.
    #[test]
    fn a_figure_may_be_a_mean_of_ratios() {
        let cell = |(sum, weight)| Cell { sum, weight };
        let image = |classes: [(f64, f64); 3]| classes.map(cell).to_vec();
        let m = vec![vec![
            image([(2.0, 4.0), (3.0, 3.0), (0.0, 0.0)]),
            image([(1.0, 2.0), (0.0, 1.0), (0.0, 0.0)]),
        ]];
        // The third class, which no image has, was seen in one: its ratio is 0.
        let b = vec![vec![
            image([(2.0, 4.0), (3.0, 3.0), (0.0, 2.0)]),
            image([(1.0, 2.0), (0.0, 1.0), (0.0, 0.0)]),
        ]];
        assert_eq!(mean_by_seed(&m), [(3.0 / 6.0 + 3.0 / 4.0) / 2.0]);
        assert_eq!(mean_by_seed(&b), [(3.0 / 6.0 + 3.0 / 4.0) / 3.0]);
        let d = paired_difference(&[0], &m, &b).unwrap();
        assert!((d.mean - (0.625 - 1.25 / 3.0)).abs() < 1e-12);
    }

    #[test]
    fn the_interval_is_the_same_each_time() {
        let base = grid(3, 30, |seed, item| ((seed * 13 + item * 5) % 11) as f64);
        let other = grid(3, 30, |seed, item| ((seed * 7 + item * 3) % 11) as f64);
        let of = || paired_difference(&[0, 1, 2], &other, &base);
        assert_eq!(of(), of());
    }

    #[test]
    fn the_interval_covers_the_truth() {
        // Differences −0.1 + seed effect + item effect + noise, over 12 seeds and 40 items.
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let normal = Normal::new(0.0, 1.0).unwrap();
        let (mut covered, trials) = (0, 60);
        for _ in 0..trials {
            let mut draw = |n: usize, s: f64| -> Vec<f64> {
                (0..n).map(|_| s * normal.sample(&mut rng)).collect()
            };
            let (by_seed, by_item, noise) = (draw(12, 0.1), draw(40, 0.3), draw(480, 0.2));
            let one = |sum| Cell { sum, weight: 1.0 };
            let base: Grid = vec![vec![one(1.0); 40]; 12];
            let moved: Grid = (0..12)
                .map(|s| {
                    (0..40)
                        .map(|i| one(0.9 + by_seed[s] + by_item[i] + noise[s * 40 + i]))
                        .collect()
                })
                .collect();
            let d = paired_difference(&(0..12).collect::<Vec<_>>(), &moved, &base).unwrap();
            covered += usize::from(d.low <= -0.1 && -0.1 <= d.high);
        }
        let share = covered as f64 / trials as f64;
        assert!((0.85..=1.0).contains(&share), "{share}");
    }

    #[test]
    fn percentiles_lie_between_order_statistics() {
        let sorted: Vec<f64> = (0..=100).map(f64::from).collect();
        assert_eq!(percentile(&sorted, 0.025), 2.5);
        assert_eq!(percentile(&[7.0], 0.975), 7.0);
        assert!(percentile(&[], 0.5).is_nan());
    }
}
