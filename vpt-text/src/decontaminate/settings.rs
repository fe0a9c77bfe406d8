//! What counts as a near-duplicate.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How a text is cut into words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Normalisation {
    /// What becomes of characters that are neither letter nor digit.
    pub punctuation: Punctuation,
    /// What becomes of numbers.
    pub numbers: Numbers,
}

/// What becomes of characters that are neither letter nor digit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Punctuation {
    /// They part words and are gone, after Unicode's compatibility decomposition and without
    /// combining marks. So `9-3` and `9+3` are the same two words.
    #[default]
    Separate,
    /// The same, but the operators of arithmetic are words of their own.
    Operators,
    /// ASCII punctuation is deleted, and only white space parts words: GPT-3's rule, as
    /// lm-evaluation-harness has it.
    Delete,
}

/// What becomes of numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Numbers {
    /// They are words.
    #[default]
    Keep,
    /// Each becomes `0`, so that problems which differ in their numbers alone are the same.
    Zero,
}

/// Where an item of a test set is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Within {
    /// In a record's problem and solution, read as one text.
    #[default]
    Record,
    /// In a record's problem.
    Problem,
}

/// How pairs are found whose Jaccard similarity is to be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Candidates {
    /// MinHash LSH, as the paper's §4.5: a share of the similar pairs is missed.
    Lsh,
    /// All that share an n-gram: no similar pair is missed.
    All,
}

/// The rule on similarity of whole problems.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct JaccardRule {
    /// Least |A ∩ B| / |A ∪ B| at which a record is removed; above 0, at most 1.
    pub threshold: f64,
    /// How candidates are found.
    pub candidates: Candidates,
    /// Hash functions in a MinHash signature.
    pub permutations: usize,
    /// Weight of missed pairs against needless candidates, from 0 to 1, by which the signature is
    /// divided into bands. Candidates are measured before anything is removed, so that a needless
    /// one costs only time.
    pub miss_weight: f64,
    /// Seeds the hash functions.
    pub seed: u64,
}

/// The rule on test items inside a record.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ContainmentRule {
    /// Least |A ∩ B| / |A|, A being the item's n-grams, at which a record is removed; at 0 a single
    /// common n-gram is enough.
    pub threshold: f64,
    /// Where the item is looked for.
    pub within: Within,
}

/// What counts as a near-duplicate of a test item. A record whose problem has the very words of the
/// item's does in any case.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Settings {
    /// How texts are cut into words.
    pub normalisation: Normalisation,
    /// Words in an n-gram.
    pub ngram: usize,
    /// Similarity of problem and item, unless off.
    pub jaccard: Option<JaccardRule>,
    /// Items quoted in records, unless off.
    pub containment: Option<ContainmentRule>,
}

/// The most hash functions in a signature: beyond, the search for bands takes longer than the work.
const MOST_PERMUTATIONS: usize = 1024;

/// The longest n-gram.
const LONGEST_NGRAM: usize = 64;

impl Settings {
    /// Near-duplicates by MinHash LSH and n-gram Jaccard similarity, as the paper's §4.5 names them,
    /// and by containment. The paper gives no numbers: word 5-grams, 256 hash functions and 0.7 are
    /// what text-dedup and BigCode use.
    pub fn paper() -> Self {
        Self {
            normalisation: Normalisation::default(),
            ngram: 5,
            jaccard: Some(JaccardRule {
                threshold: 0.7,
                candidates: Candidates::Lsh,
                permutations: 256,
                miss_weight: 0.95,
                seed: 1,
            }),
            containment: Some(ContainmentRule {
                threshold: 0.8,
                within: Within::Record,
            }),
        }
    }

    /// GPT-3's rule, as lm-evaluation-harness normalises and compares: one common 13-gram is enough.
    /// There the neighbourhood of a match is cut from long documents; here records are removed
    /// whole.
    pub fn gpt3() -> Self {
        Self {
            normalisation: Normalisation {
                punctuation: Punctuation::Delete,
                numbers: Numbers::Keep,
            },
            ngram: 13,
            jaccard: None,
            containment: Some(ContainmentRule {
                threshold: 0.0,
                within: Within::Record,
            }),
        }
    }

    /// Refuses what cannot be meant.
    ///
    /// # Errors
    /// The first setting that is out of its range.
    pub fn check(&self) -> Result<(), SettingsError> {
        let ranged = |setting, value: f64, least: f64| {
            if (least..=1.0).contains(&value) {
                Ok(())
            } else {
                Err(SettingsError::Share { setting, value })
            }
        };
        if !(1..=LONGEST_NGRAM).contains(&self.ngram) {
            return Err(SettingsError::Count {
                setting: "ngram",
                value: self.ngram,
                most: LONGEST_NGRAM,
            });
        }
        if let Some(rule) = self.jaccard {
            ranged("the Jaccard threshold", rule.threshold, f64::MIN_POSITIVE)?;
            ranged("the weight of missed pairs", rule.miss_weight, 0.0)?;
            if !(1..=MOST_PERMUTATIONS).contains(&rule.permutations) {
                return Err(SettingsError::Count {
                    setting: "permutations",
                    value: rule.permutations,
                    most: MOST_PERMUTATIONS,
                });
            }
        }
        if let Some(rule) = self.containment {
            ranged("the containment threshold", rule.threshold, 0.0)?;
        }
        Ok(())
    }
}

/// A setting that cannot be meant.
#[derive(Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum SettingsError {
    /// Not a share.
    #[error("{setting} must lie between 0 and 1, not {value}")]
    Share {
        /// Which one.
        setting: &'static str,
        /// What it was.
        value: f64,
    },
    /// Too small or too large.
    #[error("{setting} must lie between 1 and {most}, not {value}")]
    Count {
        /// Which one.
        setting: &'static str,
        /// What it was.
        value: usize,
        /// The upper end.
        most: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_sound() {
        assert_eq!(Settings::paper().check(), Ok(()));
        assert_eq!(Settings::gpt3().check(), Ok(()));
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        let refused = |change: fn(&mut Settings, &mut JaccardRule, &mut ContainmentRule)| {
            let mut settings = Settings::paper();
            let (mut jaccard, mut containment) =
                (settings.jaccard.unwrap(), settings.containment.unwrap());
            change(&mut settings, &mut jaccard, &mut containment);
            settings.jaccard = Some(jaccard);
            settings.containment = Some(containment);
            settings.check().unwrap_err().to_string()
        };
        assert_eq!(
            refused(|settings, _, _| settings.ngram = 0),
            "ngram must lie between 1 and 64, not 0"
        );
        assert!(refused(|_, rule, _| rule.threshold = 0.0).starts_with("the Jaccard threshold"));
        assert!(refused(|_, rule, _| rule.threshold = f64::NAN).contains("NaN"));
        assert!(refused(|_, rule, _| rule.miss_weight = 2.0).contains("missed pairs"));
        assert!(refused(|_, rule, _| rule.permutations = 5000).contains("1024, not 5000"));
        assert!(refused(|_, _, rule| rule.threshold = -0.1).contains("containment threshold"));
    }
}
