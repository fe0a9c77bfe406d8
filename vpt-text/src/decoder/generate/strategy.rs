//! Which token comes next.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thiserror::Error;

/// How a token is chosen from its logits.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Strategy {
    /// The most likely one; of equally likely ones that of the lowest id.
    #[default]
    Greedy,
    /// One that is drawn.
    Sample(Sampling),
}

/// Draws from softmax(z / T), cut to its most likely tokens: temperature, then top k, then top p, as
/// Transformers orders them. Tokens as likely as the last one kept are kept, too.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    temperature: f64,
    top_p: f64,
    top_k: usize,
    seed: u64,
}

/// A setting that nothing can be drawn with.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
#[error("{name}: {value} is not {wanted}")]
pub struct SamplingError {
    /// `temperature` or `top_p`.
    pub name: &'static str,
    /// What it was set to.
    pub value: f64,
    /// What it may be.
    pub wanted: &'static str,
}

impl Strategy {
    /// [`Strategy::Greedy`] at temperature 0, else draws: `top_p` is the probability that the
    /// most likely tokens kept must reach (1: all), `top_k` their largest number (0: any).
    ///
    /// # Errors
    /// A temperature below 0, or a `top_p` outside of (0, 1].
    pub fn new(
        temperature: f64,
        top_p: f64,
        top_k: usize,
        seed: u64,
    ) -> Result<Self, SamplingError> {
        let refuse = |name, value, wanted| {
            Err(SamplingError {
                name,
                value,
                wanted,
            })
        };
        if !(temperature.is_finite() && temperature >= 0.0) {
            return refuse("temperature", temperature, "a number ≥ 0");
        }
        if !(top_p > 0.0 && top_p <= 1.0) {
            return refuse("top_p", top_p, "in (0, 1]");
        }
        Ok(match temperature {
            0.0 => Self::Greedy,
            _ => Self::Sample(Sampling {
                temperature,
                top_p,
                top_k,
                seed,
            }),
        })
    }

    /// The draws of one text, where there are any.
    pub(super) fn generator(&self, prompt: usize, sample: usize) -> Option<ChaCha8Rng> {
        let Self::Sample(sampling) = self else {
            return None;
        };
        let mut rng = ChaCha8Rng::seed_from_u64(sampling.seed);
        rng.set_stream((prompt as u64) << 32 | sample as u64);
        Some(rng)
    }

    /// The id of the next token; none where the logits are no numbers.
    pub(super) fn choose(&self, logits: &[f32], rng: Option<&mut ChaCha8Rng>) -> Option<u32> {
        match (self, rng) {
            (Self::Sample(sampling), Some(rng)) => sampling.draw(logits, rng),
            _ => argmax(logits),
        }
    }
}

impl Sampling {
    fn draw(&self, logits: &[f32], rng: &mut ChaCha8Rng) -> Option<u32> {
        let weights = self.weights(logits);
        let total: f64 = weights.iter().sum();
        if !(total.is_finite() && total > 0.0) {
            return None;
        }
        // In the order of ids, which no rounding of the logits changes.
        let mut left = rng.random::<f64>() * total;
        let mut drawn = None;
        for (id, &weight) in weights.iter().enumerate().filter(|(_, w)| **w > 0.0) {
            drawn = Some(id as u32);
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
        drawn
    }

    /// What each token is drawn in proportion to; 0 where it is cut.
    fn weights(&self, logits: &[f32]) -> Vec<f64> {
        let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weight = |&z: &f32| ((f64::from(z) - f64::from(top)) / self.temperature).exp();
        let mut weights: Vec<f64> = logits.iter().map(weight).collect();
        if (1..weights.len()).contains(&self.top_k) {
            let mut sorted = weights.clone();
            let (_, least, _) =
                sorted.select_nth_unstable_by(self.top_k - 1, |a, b| b.total_cmp(a));
            cut(&mut weights, *least);
        }
        if self.top_p < 1.0 {
            let least = self.least_likely(&weights);
            cut(&mut weights, least);
        }
        weights
    }

    /// The smallest weight among the most likely tokens that reach `top_p`.
    fn least_likely(&self, weights: &[f64]) -> f64 {
        let total: f64 = weights.iter().sum();
        // All tokens below this share together miss 1 − top_p, so the rest is enough to sort.
        let share = (1.0 - self.top_p) * total / weights.len() as f64;
        let mut likely: Vec<f64> = weights.iter().copied().filter(|w| *w >= share).collect();
        likely.sort_unstable_by(|a, b| b.total_cmp(a));
        let mut reached = 0.0;
        for &weight in &likely {
            reached += weight;
            if reached >= self.top_p * total {
                return weight;
            }
        }
        share
    }
}

fn cut(weights: &mut [f64], least: f64) {
    for weight in weights.iter_mut().filter(|weight| **weight < least) {
        *weight = 0.0;
    }
}

/// The index of the largest value, the first of equals; NaN is never it.
fn argmax(values: &[f32]) -> Option<u32> {
    let mut best: Option<(usize, f32)> = None;
    for (i, &value) in values.iter().enumerate() {
        if !value.is_nan() && best.is_none_or(|(_, largest)| value > largest) {
            best = Some((i, value));
        }
    }
    best.map(|(i, _)| i as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    fn sampling(temperature: f64, top_p: f64, top_k: usize) -> Sampling {
        match Strategy::new(temperature, top_p, top_k, 5).unwrap() {
            Strategy::Sample(sampling) => sampling,
            Strategy::Greedy => panic!("temperature 0"),
        }
    }

    #[test]
    fn ties_go_to_the_lowest_id_and_nan_is_never_chosen() {
        assert_eq!(argmax(&[1.0, 3.0, 3.0, 2.0]), Some(1));
        assert_eq!(argmax(&[f32::NAN, f32::NEG_INFINITY, -1.0]), Some(2));
        assert_eq!(argmax(&[f32::NAN, f32::NEG_INFINITY]), Some(1));
        assert_eq!(argmax(&[f32::NAN]), None);
    }

    #[derive(Deserialize)]
    struct Golden {
        logits: Vec<f32>,
        temperature: f64,
        top_k: usize,
        top_p: f64,
        probabilities: Vec<f64>,
    }

    #[test]
    fn probabilities_are_those_of_transformers() {
        let golden = include_str!("../../../../tests/golden/sampling.json");
        let cases: Vec<Golden> = serde_json::from_str(golden).unwrap();
        assert!(cases.len() > 50);
        for case in cases {
            let sampling = sampling(case.temperature, case.top_p, case.top_k);
            let weights = sampling.weights(&case.logits);
            let total: f64 = weights.iter().sum();
            for (weight, expected) in weights.iter().zip(&case.probabilities) {
                assert!((weight / total - expected).abs() < 1e-9, "{sampling:?}");
                assert_eq!(*weight == 0.0, *expected == 0.0, "{sampling:?}");
            }
        }
    }

    /// 40,000 draws of each token are within five standard deviations of what is due.
    #[test]
    fn draws_follow_the_probabilities() {
        const DRAWS: usize = 40_000;
        let logits = [0.3, -1.0, 2.0, 1.5, 0.0, -0.5];
        for sampling in [
            sampling(1.0, 1.0, 0),
            sampling(0.6, 0.9, 0),
            sampling(2.0, 1.0, 4),
        ] {
            let weights = sampling.weights(&logits);
            let total: f64 = weights.iter().sum();
            let strategy = Strategy::Sample(sampling);
            let mut rng = strategy.generator(3, 7).unwrap();
            let mut counts = [0.0; 6];
            for _ in 0..DRAWS {
                let id = strategy.choose(&logits, Some(&mut rng)).unwrap();
                counts[id as usize] += 1.0;
            }
            for (count, weight) in counts.iter().zip(weights) {
                let p = weight / total;
                let deviation = (p * (1.0 - p) / DRAWS as f64).sqrt();
                let found = count / DRAWS as f64;
                assert!((found - p).abs() <= 5.0 * deviation, "{found} {p}");
            }
        }
    }

    #[test]
    fn every_text_has_draws_of_its_own() {
        let strategy = Strategy::new(1.0, 1.0, 0, 5).unwrap();
        let draw = |prompt, sample| strategy.generator(prompt, sample).unwrap().random::<u64>();
        assert_eq!(draw(2, 3), draw(2, 3));
        let draws = [draw(0, 0), draw(0, 1), draw(1, 0), draw(1, 1), draw(2, 3)];
        for (i, a) in draws.iter().enumerate() {
            assert!(!draws[..i].contains(a));
        }
    }

    #[test]
    fn logits_that_are_no_numbers_give_nothing() {
        let sampling = sampling(1.0, 0.9, 3);
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        for logits in [
            &[f32::NAN, 1.0][..],
            &[f32::INFINITY, 1.0],
            &[f32::NEG_INFINITY; 3],
            &[],
        ] {
            assert_eq!(sampling.draw(logits, &mut rng), None, "{logits:?}");
        }
        let last = sampling.draw(&[f32::NEG_INFINITY, -1e30], &mut rng);
        assert_eq!(last, Some(1));
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let refused = |t, p| Strategy::new(t, p, 0, 0).unwrap_err().to_string();
        assert_eq!(refused(-1.0, 1.0), "temperature: -1 is not a number ≥ 0");
        assert!(refused(f64::NAN, 1.0).starts_with("temperature"));
        assert_eq!(refused(1.0, 0.0), "top_p: 0 is not in (0, 1]");
        assert_eq!(refused(1.0, 1.5), "top_p: 1.5 is not in (0, 1]");
        assert_eq!(Strategy::new(0.0, 0.5, 3, 1).unwrap(), Strategy::Greedy);
    }
}
