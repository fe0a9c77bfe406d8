//! A result as one JSON object.

use super::definition::{PromptParts, Sampler, Task};
use super::items::{Item, Items, hex};
use super::run::{Answers, Settings};
use super::shots::ShotSource;
use super::verdict::{ItemVerdict, Score, verdicts};
use crate::eval::statistics::{Mean, mean, pooled_stderr, wilson};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// How errors and intervals are meant; stands in every result.
const UNCERTAINTY: &str = "stderr: sample standard deviation / sqrt(items), over items; with groups \
    pooled: sqrt(sum((n_i - 1) se_i^2 n_i) / (N - k) / N). interval: Wilson's, 95 %, for shares of right \
    items. Neither knows of the spread between training runs.";

/// A whole result.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The task.
    pub task: TaskInfo,
    /// The program that asked.
    pub program: String,
    /// What was asked.
    pub model: Subject,
    /// Where it ran.
    pub backend: String,
    /// How it was asked.
    pub settings: Settings,
    /// The prompt's parts and their hash.
    pub prompt: PromptInfo,
    /// The examples that prompts show.
    pub shots: ShotsInfo,
    /// What errors and intervals are.
    pub uncertainty: &'static str,
    /// Split by split.
    pub splits: Vec<SplitReport>,
}

/// Which task it was.
#[derive(Clone, Debug, Serialize)]
pub struct TaskInfo {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its file.
    pub sha256: String,
}

/// Which model it was.
#[derive(Clone, Debug, Serialize)]
pub struct Subject {
    /// Where it was opened.
    pub path: String,
    /// SHA-256 of its files, by name.
    pub files: BTreeMap<String, String>,
}

/// What prompts are made of.
#[derive(Clone, Debug, Serialize)]
pub struct PromptInfo {
    /// The parts.
    #[serde(flatten)]
    pub parts: PromptParts,
    /// SHA-256 of the parts as one JSON object, its keys in alphabetical order, without blanks.
    pub sha256: String,
}

/// Which examples prompts show.
#[derive(Clone, Debug, Serialize)]
pub struct ShotsInfo {
    /// How many.
    pub number: usize,
    /// How they were chosen.
    pub sampler: Sampler,
    /// The seed, where they were drawn.
    pub seed: Option<u64>,
    /// The file, or the task where it holds them itself.
    pub source: Option<String>,
}

/// A split's result.
#[derive(Clone, Debug, Serialize)]
pub struct SplitReport {
    /// Its name.
    pub split: String,
    /// The file.
    pub file: String,
    /// SHA-256 of all prompts in order, each followed by a zero byte.
    pub prompts_sha256: String,
    /// Prompts that lost their first tokens, to fit.
    pub truncated: usize,
    /// Over all items.
    #[serde(flatten)]
    pub figures: Figures,
    /// By category, over its groups' items.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub categories: BTreeMap<String, Figures>,
    /// By group.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, Figures>,
    /// Each item.
    pub items: Vec<ItemReport>,
}

/// Means over some items.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// How many items.
    pub count: usize,
    /// Metric by metric, in the order of the task file.
    pub metrics: Vec<Aggregate>,
}

/// A mean over items.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Aggregate {
    /// `exact_match`, `pass@k`, `acc` and its kin.
    pub metric: String,
    /// The scorer, where the task has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scorer: Option<String>,
    /// The mean, over items; its error.
    #[serde(flatten)]
    pub mean: Mean,
    /// How many items are right, where each is right or wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right: Option<usize>,
    /// Interval of the share of right items.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
}

/// One item.
#[derive(Clone, Debug, Serialize)]
pub struct ItemReport {
    /// Its line in the file, from 1.
    pub line: usize,
    /// Its group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// SHA-256 of its prompt.
    pub prompt_sha256: String,
    /// Its prompt, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// The examples it shows, from 0.
    pub shots: Vec<usize>,
    /// What was said, and whether it is right.
    #[serde(flatten)]
    pub verdict: ItemVerdict,
}

impl Report {
    /// A result without splits.
    pub fn new(
        task: &Task,
        shots: Option<&ShotSource>,
        model: Subject,
        backend: String,
        settings: Settings,
    ) -> Self {
        let definition = &task.definition;
        let parts = definition.prompt.clone();
        let drawn = definition.shots.sampler == Sampler::Random;
        Self {
            task: TaskInfo {
                name: definition.name.clone(),
                version: definition.version.clone(),
                sha256: hex(Sha256::new_with_prefix(&task.text)),
            },
            program: format!("vpt {}", env!("CARGO_PKG_VERSION")),
            model,
            backend,
            settings,
            prompt: PromptInfo {
                sha256: hex(Sha256::new_with_prefix(
                    vpt_core::to_state(&parts).to_string(),
                )),
                parts,
            },
            shots: ShotsInfo {
                number: definition.shots.number,
                sampler: definition.shots.sampler,
                seed: shots.filter(|_| drawn).map(|_| definition.shots.seed),
                source: shots.map(|source| source.rows.path.display().to_string()),
            },
            uncertainty: UNCERTAINTY,
            splits: Vec::new(),
        }
    }
}

impl SplitReport {
    /// The result of a split of `task`, with prompts if `log_prompts`.
    pub fn new(
        task: &Task,
        split: &str,
        file: &Path,
        items: &Items,
        answers: &Answers,
        log_prompts: bool,
    ) -> Self {
        let judged = verdicts(task, items, &answers.said);
        let scores: Vec<Scored<'_>> = items
            .items
            .iter()
            .zip(&judged)
            .map(|(item, verdict)| (item.group.as_deref(), task.figures(verdict)))
            .collect();
        let of = |kept: &dyn Fn(&str) -> bool| {
            let kept = |scored: &&Scored<'_>| scored.0.is_some_and(kept);
            figures(&scores.iter().filter(kept).collect::<Vec<_>>())
        };
        let mut groups: BTreeMap<String, Figures> = BTreeMap::new();
        for group in scores.iter().filter_map(|(group, _)| *group) {
            if !groups.contains_key(group) {
                groups.insert(group.into(), of(&|other| other == group));
            }
        }
        let named = task.definition.groups.iter().flat_map(|g| &g.categories);
        let categories = named.map(|(name, members)| {
            let members = |group: &str| members.iter().any(|member| member == group);
            (name.clone(), of(&members))
        });
        Self {
            split: split.into(),
            file: file.display().to_string(),
            prompts_sha256: items.prompts_sha256(),
            truncated: answers.truncated,
            figures: figures(&scores.iter().collect::<Vec<_>>()),
            categories: categories
                .filter(|(_, figures)| figures.count > 0)
                .collect(),
            groups,
            items: items
                .items
                .iter()
                .zip(judged)
                .map(|(item, verdict)| ItemReport::new(item, verdict, log_prompts))
                .collect(),
        }
    }
}

impl ItemReport {
    fn new(item: &Item, verdict: ItemVerdict, log_prompts: bool) -> Self {
        Self {
            line: item.line,
            group: item.group.clone(),
            prompt_sha256: item.prompt_sha256(),
            prompt: log_prompts.then(|| item.prompt.clone()),
            shots: item.shots.clone(),
            verdict,
        }
    }
}

/// An item's group and figures.
type Scored<'a> = (Option<&'a str>, Vec<Score>);

/// Means over `items`, all of which have the same metrics in the same order.
fn figures(items: &[&Scored<'_>]) -> Figures {
    let metrics = items.first().map_or(&[][..], |(_, scores)| scores);
    let aggregate = |(at, score): (usize, &Score)| {
        let mut by_group: BTreeMap<Option<&str>, Vec<f64>> = BTreeMap::new();
        for (group, scores) in items {
            by_group.entry(*group).or_default().push(scores[at].value);
        }
        let all: Vec<f64> = by_group.values().flatten().copied().collect();
        let mut mean_of_all = mean(&all)?;
        if by_group.len() > 1 {
            let groups = by_group.values();
            let groups = groups.filter_map(|values| Some((values.len(), mean(values)?)));
            mean_of_all.stderr = pooled_stderr(&groups.collect::<Vec<_>>());
        }
        // Of an estimate of Pass@k no item is simply right.
        let is_share = !score.metric.starts_with("pass@");
        let right = is_share.then(|| all.iter().filter(|value| **value == 1.0).count());
        Some(Aggregate {
            metric: score.metric.clone(),
            scorer: score.scorer.clone(),
            mean: mean_of_all,
            interval: right.and_then(|right| wilson(right, all.len())),
            right,
        })
    };
    Figures {
        count: items.len(),
        metrics: metrics.iter().enumerate().filter_map(aggregate).collect(),
    }
}
