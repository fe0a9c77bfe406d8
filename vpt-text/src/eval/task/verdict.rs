//! Whether what a model said is right.

use super::definition::Task;
use super::items::{Gold, Item, Items};
use super::run::{Said, Written};
use crate::decoder::End;
use crate::eval::choice::ChoiceMetric;
use crate::eval::statistics::pass_at_k;
use serde::Serialize;
use std::collections::BTreeMap;

/// The k of Pass@k (§4.4), as far as there are samples.
const PASS_AT: [usize; 5] = [1, 2, 4, 8, 16];

/// An item with what was said and what it is worth.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ItemVerdict {
    /// Completions.
    Written {
        /// The right answer, as the file has it.
        gold: String,
        /// In the order of samples.
        completions: Vec<JudgedCompletion>,
    },
    /// Choices.
    Chosen {
        /// The index of the right choice.
        gold: usize,
        /// log p of each choice after the prompt, in nats.
        log_likelihoods: Vec<f64>,
        /// log p of each choice after nothing, in nats.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        after_nothing: Vec<f64>,
        /// By metric, the preferred choice.
        chosen: BTreeMap<ChoiceMetric, Option<usize>>,
        /// By metric, whether that is the right one.
        right: BTreeMap<ChoiceMetric, bool>,
    },
}

/// A completion with the verdicts on it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JudgedCompletion {
    /// The completion.
    pub text: String,
    /// What ended it; absent where it was made elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    /// By scorer, the answer found.
    pub answers: BTreeMap<String, Option<String>>,
    /// By scorer, whether it is right.
    pub right: BTreeMap<String, bool>,
}

/// A figure of one item: what is averaged.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Score {
    /// `exact_match`, `pass@k`, `acc` and its kin.
    pub(super) metric: String,
    /// The scorer, where there are several.
    pub(super) scorer: Option<String>,
    /// In [0, 1].
    pub(super) value: f64,
}

/// The verdicts on all items, in their order. An item that nothing was said to is left out.
pub fn verdicts(task: &Task, items: &Items, said: &[Said]) -> Vec<ItemVerdict> {
    let pairs = items.items.iter().zip(said);
    pairs
        .filter_map(|(item, said)| verdict(task, item, said))
        .collect()
}

fn verdict(task: &Task, item: &Item, said: &Said) -> Option<ItemVerdict> {
    match (&item.gold, said) {
        (Gold::Text { text, answers }, Said::Completions(completions)) => {
            let judge = |written: &Written| task.judge(written, answers);
            Some(ItemVerdict::Written {
                gold: text.clone(),
                completions: completions.iter().map(judge).collect(),
            })
        }
        (
            Gold::Choice { options, right },
            Said::Choices {
                log_likelihoods,
                after_nothing,
            },
        ) => {
            let metrics = task.definition.choose.iter().flat_map(|c| &c.metrics);
            let chosen: BTreeMap<_, _> = metrics
                .map(|metric| {
                    (
                        *metric,
                        metric.preferred(options, log_likelihoods, after_nothing),
                    )
                })
                .collect();
            Some(ItemVerdict::Chosen {
                gold: *right,
                right: chosen
                    .iter()
                    .map(|(m, at)| (*m, *at == Some(*right)))
                    .collect(),
                chosen,
                log_likelihoods: log_likelihoods.clone(),
                after_nothing: after_nothing.clone(),
            })
        }
        _ => None,
    }
}

impl Task {
    fn judge(&self, written: &Written, gold: &[String]) -> JudgedCompletion {
        let mut judged = JudgedCompletion {
            text: written.text.clone(),
            end: written.end,
            answers: BTreeMap::new(),
            right: BTreeMap::new(),
        };
        for ((name, scorer), gold) in self.scorers().zip(gold) {
            let answer = scorer.extract(&written.text);
            let right = answer
                .as_ref()
                .is_some_and(|answer| scorer.is_right(answer, gold));
            judged.answers.insert(name.to_owned(), answer);
            judged.right.insert(name.to_owned(), right);
        }
        judged
    }

    /// Whether a metric asks for the choices without their context.
    pub(super) fn needs_choices_alone(&self) -> bool {
        let mut metrics = self.definition.choose.iter().flat_map(|c| &c.metrics);
        metrics.any(|metric| *metric == ChoiceMetric::AccMutualInfo)
    }

    /// The figures of an item: the same metrics in the same order for every item of the task.
    pub(super) fn figures(&self, verdict: &ItemVerdict) -> Vec<Score> {
        let value = |right: bool| f64::from(u8::from(right));
        match verdict {
            ItemVerdict::Chosen { right, .. } => {
                let metrics = self.definition.choose.iter().flat_map(|c| &c.metrics);
                let score = |metric: &ChoiceMetric| Score {
                    metric: metric.name().into(),
                    scorer: None,
                    value: value(right.get(metric).copied().unwrap_or(false)),
                };
                metrics.map(score).collect()
            }
            ItemVerdict::Written { completions, .. } => {
                let samples = completions.len();
                let figures = self.scorers().flat_map(|(name, _)| {
                    let is_right = |c: &&JudgedCompletion| c.right.get(name) == Some(&true);
                    let right = completions.iter().filter(is_right).count();
                    let score = |metric: String, value: f64| Score {
                        metric,
                        scorer: Some(name.to_owned()),
                        value,
                    };
                    match samples {
                        0 | 1 => vec![score("exact_match".into(), value(right == 1))],
                        _ => PASS_AT
                            .into_iter()
                            .filter_map(|k| {
                                let pass = pass_at_k(samples, right, k)?;
                                Some(score(format!("pass@{k}"), pass))
                            })
                            .collect(),
                    }
                });
                figures.collect()
            }
        }
    }
}
