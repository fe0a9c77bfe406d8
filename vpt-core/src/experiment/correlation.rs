//! How well one figure tells another.

use serde::Serialize;

/// Normal quantile of a 95 % interval.
const QUANTILE: f64 = 1.959_963_984_540_054;

/// Pearson's r of pairs, with Fisher's interval, which takes the pairs as independent: those of one
/// run are not quite, so it is somewhat too narrow.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Correlation {
    /// Pairs.
    pub pairs: usize,
    /// Pearson's r.
    pub r: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Slope of the least-squares line of y on x: 1 where x predicts y in size too.
    pub slope: f64,
}

impl Correlation {
    /// Of (x, y); pairs with a number that diverged are left out. `None` for fewer than 4 pairs, or
    /// where one figure does not vary.
    pub fn of(pairs: impl IntoIterator<Item = (f64, f64)>) -> Option<Self> {
        let finite = |(x, y): &(f64, f64)| x.is_finite() && y.is_finite();
        let pairs: Vec<(f64, f64)> = pairs.into_iter().filter(finite).collect();
        let n = pairs.len() as f64;
        if pairs.len() < 4 {
            return None;
        }
        let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / n;
        let (x_mean, y_mean) = (mean(|p| p.0), mean(|p| p.1));
        let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
        for (x, y) in &pairs {
            let (dx, dy) = (x - x_mean, y - y_mean);
            xx += dx * dx;
            xy += dx * dy;
            yy += dy * dy;
        }
        if xx == 0.0 || yy == 0.0 {
            return None;
        }
        let r = (xy / (xx * yy).sqrt()).clamp(-1.0, 1.0);
        let half = QUANTILE / (n - 3.0).sqrt();
        Some(Self {
            pairs: pairs.len(),
            r,
            low: (r.atanh() - half).tanh(),
            high: (r.atanh() + half).tanh(),
            slope: xy / xx,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_slope_and_interval_are_those_of_scipy() {
        // scipy.stats.pearsonr(x, y), its confidence_interval(), and linregress(x, y).slope.
        let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let y = [2.1, 1.9, 3.7, 3.2, 5.5, 4.6];
        let found = Correlation::of(x.into_iter().zip(y)).unwrap();
        let expected = [
            0.867855398863,
            0.190387271908,
            0.985389368609,
            0.651428571429,
        ];
        let figures = [found.r, found.low, found.high, found.slope];
        for (found, expected) in figures.into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
        assert_eq!(found.pairs, 6);
    }

    #[test]
    fn what_does_not_vary_correlates_with_nothing() {
        assert_eq!(Correlation::of([(1.0, 2.0); 9]), None);
        assert_eq!(Correlation::of([(1.0, 2.0), (2.0, 1.0), (3.0, 0.0)]), None);
        let line = (0..5).map(|x| (f64::from(x), f64::from(x)));
        let with_gaps = line.chain([(f64::NAN, 1.0), (1.0, f64::NAN)]);
        let found = Correlation::of(with_gaps).unwrap();
        assert_eq!((found.pairs, found.r, found.slope), (5, 1.0, 1.0));
    }
}
