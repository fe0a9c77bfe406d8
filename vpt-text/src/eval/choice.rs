//! Which of several continuations a model prefers, as lm-evaluation-harness scores multiple choice.

use serde::{Deserialize, Serialize};

/// What log-likelihoods are divided by, or less, before the greatest is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChoiceMetric {
    /// Nothing.
    Acc,
    /// Divided by the choice's characters.
    AccNorm,
    /// Divided by the choice's UTF-8 bytes.
    AccBytes,
    /// Less the log-likelihood of the choice after nothing.
    AccMutualInfo,
}

impl ChoiceMetric {
    /// Its name in task files and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Acc => "acc",
            Self::AccNorm => "acc_norm",
            Self::AccBytes => "acc_bytes",
            Self::AccMutualInfo => "acc_mutual_info",
        }
    }

    /// The index of the preferred choice: the first of equals. None where there is none, or all
    /// are without a number.
    ///
    /// `after_nothing` are the log-likelihoods of the choices without a context, which only
    /// [`AccMutualInfo`](Self::AccMutualInfo) reads.
    pub fn preferred(
        self,
        choices: &[String],
        log_likelihoods: &[f64],
        after_nothing: &[f64],
    ) -> Option<usize> {
        let value = |index: usize, log_likelihood: f64| match self {
            Self::Acc => log_likelihood,
            Self::AccNorm => log_likelihood / choices[index].chars().count() as f64,
            Self::AccBytes => log_likelihood / choices[index].len() as f64,
            Self::AccMutualInfo => log_likelihood - after_nothing[index],
        };
        let mut best: Option<(usize, f64)> = None;
        for (index, &log_likelihood) in log_likelihoods.iter().enumerate() {
            let value = value(index, log_likelihood);
            if !value.is_nan() && best.is_none_or(|(_, greatest)| value > greatest) {
                best = Some((index, value));
            }
        }
        best.map(|(index, _)| index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variant_prefers_its_own() {
        // Characters 4, 8, 8 and bytes 4, 8, 16.
        let choices = ["abcd", "abcdefgh", "éééééééé"].map(str::to_owned);
        let conditional = [-4.0, -6.0, -5.5];
        let after_nothing = [-4.0, -9.0, -4.0];
        for (metric, expected) in [
            (ChoiceMetric::Acc, 0),
            (ChoiceMetric::AccNorm, 2),
            (ChoiceMetric::AccBytes, 2),
            (ChoiceMetric::AccMutualInfo, 1),
        ] {
            let found = metric.preferred(&choices, &conditional, &after_nothing);
            assert_eq!(found, Some(expected), "{metric:?}");
        }
        let bytes = ChoiceMetric::AccBytes.preferred(&choices, &[-4.0, -4.0, -9.0], &[]);
        assert_eq!(bytes, Some(1));
        let norm = ChoiceMetric::AccNorm.preferred(&choices, &[-4.0, -4.0, -9.0], &[]);
        assert_eq!(norm, Some(1));
    }

    #[test]
    fn ties_go_to_the_first() {
        let choices = ["A", "B", "C"].map(str::to_owned);
        let preferred = |values: &[f64]| ChoiceMetric::Acc.preferred(&choices, values, &[]);
        assert_eq!(preferred(&[-2.0, -1.0, -1.0]), Some(1));
        assert_eq!(preferred(&[f64::NAN, -1.0, f64::NAN]), Some(1));
        assert_eq!(preferred(&[f64::NAN; 3]), None);
    }
}
