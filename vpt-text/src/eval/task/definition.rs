//! The TOML file of a task.

use super::TaskError;
use super::builtin::{builtin, builtins};
use super::template::Templates;
use crate::decoder::Strategy;
use crate::eval::choice::ChoiceMetric;
use crate::eval::scorer::{
    Compare, FinalAnswer, Hendrycks, Minerva, Omega, OmegaAi2, Pattern, Scorer, Select,
};
use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// A task as its file has it; `book/src/evaluation.md` describes the keys.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// Its name in results.
    pub name: String,
    /// Its version: results of different versions are not compared.
    pub version: String,
    /// One line for lists.
    pub about: String,
    /// The splits that `--data SPLIT=FILE` may name; any where there are none.
    #[serde(default)]
    pub splits: Vec<String>,
    /// The prompt's parts.
    pub prompt: PromptParts,
    /// The few-shot examples.
    #[serde(default)]
    pub shots: ShotsPart,
    /// For a task that has the model write.
    pub generate: Option<Generate>,
    /// For a task that has the model choose.
    pub choose: Option<Choose>,
    /// For a task of several subjects.
    pub groups: Option<Groups>,
}

/// `[prompt]`: description, then for each example question, delimiter, target and delimiter, then
/// the question. All but the delimiters are templates over a row's columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptParts {
    /// Before everything else.
    #[serde(default)]
    pub description: String,
    /// What is asked.
    pub question: String,
    /// What an example answers.
    pub target: String,
    /// Between question and target, and before each choice.
    #[serde(default = "space")]
    pub target_delimiter: String,
    /// After each example.
    #[serde(default = "blank_line")]
    pub shot_delimiter: String,
}

fn space() -> String {
    " ".into()
}

fn blank_line() -> String {
    "\n\n".into()
}

/// Which examples are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampler {
    /// Drawn afresh for each row, in the rows' order, by Python's generator.
    Random,
    /// The first ones, in the file's order.
    #[default]
    FirstN,
}

/// `[shots]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShotsPart {
    /// How many.
    pub number: usize,
    /// Which.
    pub sampler: Sampler,
    /// The seed of `random`.
    pub seed: u64,
    /// The examples themselves, where the task file holds them.
    pub rows: Vec<Map<String, Value>>,
}

impl Default for ShotsPart {
    fn default() -> Self {
        Self {
            number: 0,
            sampler: Sampler::default(),
            // lm-evaluation-harness's.
            seed: 1234,
            rows: Vec::new(),
        }
    }
}

/// `[generate]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generate {
    /// The text that holds the right answer; a template.
    pub gold: String,
    /// A completion ends before the first of these.
    #[serde(default)]
    pub until: Vec<String>,
    /// The longest completion, in tokens.
    pub max_new_tokens: usize,
    /// 0: the most likely token, always.
    #[serde(default)]
    pub temperature: f64,
    /// Tokens are drawn from the smallest set of at least this probability.
    #[serde(default = "one")]
    pub top_p: f64,
    /// Completions of each prompt.
    #[serde(default = "one_sample")]
    pub samples: usize,
    /// How completions are judged; one or more.
    pub scorers: Vec<ScorerEntry>,
}

fn one() -> f64 {
    1.0
}

fn one_sample() -> usize {
    1
}

/// `[[generate.scorers]]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScorerEntry {
    /// Its name in results.
    pub name: String,
    /// What it does.
    pub rule: Rule,
}

/// A scorer, by name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Rule {
    /// [`Pattern`].
    Regex {
        /// In the syntax of the `regex` crate.
        pattern: String,
        /// Which match.
        #[serde(default)]
        select: Select,
        /// When it is right.
        compare: Compare,
    },
    /// [`FinalAnswer`].
    FinalAnswer,
    /// [`Omega`].
    Omega,
    /// [`OmegaAi2`].
    OmegaAi2,
    /// [`Minerva`].
    MinervaMath,
    /// [`Hendrycks`].
    HendrycksMath,
}

impl Rule {
    /// The scorer.
    ///
    /// # Errors
    /// A pattern that is none.
    pub fn scorer(&self) -> Result<Box<dyn Scorer>, regex::Error> {
        Ok(match self {
            Self::Regex {
                pattern,
                select,
                compare,
            } => Box::new(Pattern {
                regex: Regex::new(pattern)?,
                select: *select,
                compare: *compare,
            }),
            Self::FinalAnswer => Box::new(FinalAnswer),
            Self::Omega => Box::new(Omega),
            Self::OmegaAi2 => Box::new(OmegaAi2),
            Self::MinervaMath => Box::new(Minerva),
            Self::HendrycksMath => Box::new(Hendrycks),
        })
    }
}

/// `[choose]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choose {
    /// The choices.
    pub options: Options,
    /// The right one; a template.
    pub gold: String,
    /// What `gold` gives.
    #[serde(default)]
    pub gold_is: GoldIs,
    /// What is reported.
    pub metrics: Vec<ChoiceMetric>,
}

/// How the right choice is named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GoldIs {
    /// By its index, from 0.
    #[default]
    Index,
    /// By its text.
    Text,
}

/// Where choices come from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Options {
    /// The same for every row.
    Labels(Vec<String>),
    /// A column that holds a list of texts.
    Column(String),
}

/// `[groups]`: each group is a task of its own in lm-evaluation-harness, with examples and draws
/// of its own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Groups {
    /// The column that names a row's group.
    pub column: String,
    /// Groups that are also reported together, by the name they are reported under.
    #[serde(default)]
    pub categories: BTreeMap<String, Vec<String>>,
}

/// What a command line changes in a task; none: as the task has it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Overrides {
    /// Few-shot examples.
    pub shots: Option<usize>,
    /// Longest completion, in tokens.
    pub max_new_tokens: Option<usize>,
    /// Completions of each prompt.
    pub samples: Option<usize>,
    /// Temperature.
    pub temperature: Option<f64>,
    /// The probability that tokens are drawn from.
    pub top_p: Option<f64>,
}

/// A task that was checked: it can be given rows.
#[derive(Debug)]
pub struct Task {
    /// As its file has it, with the command line's changes.
    pub definition: Definition,
    /// The file's text.
    pub text: String,
    pub(super) templates: Templates,
    /// In the order of the file; empty for a task of choices.
    pub(super) scorers: Vec<(String, Box<dyn Scorer>)>,
}

impl Task {
    /// The task that ships under this name, or that a file which ends in `.toml` holds.
    ///
    /// # Errors
    /// Neither is there, or the file holds no task that can be run.
    pub fn open(name: &str, overrides: Overrides) -> Result<Self, TaskError> {
        if let Some(found) = builtin(name) {
            return Self::parse(name, found.toml, overrides);
        }
        let path = Path::new(name);
        if path.extension().is_some_and(|end| end == "toml") {
            let text = std::fs::read_to_string(path).map_err(|source| TaskError::Read {
                path: path.into(),
                source,
            })?;
            return Self::parse(name, &text, overrides);
        }
        let known: Vec<&str> = builtins().iter().map(|task| task.name).collect();
        Err(TaskError::Unknown {
            name: name.into(),
            known: known.join(", "),
        })
    }

    /// A task from the text of its file; `origin` is what errors call it.
    ///
    /// # Errors
    /// [`TaskError::Format`] and [`TaskError::Key`] for the file, [`TaskError::Flag`] for what
    /// the task has no use for.
    pub fn parse(origin: &str, text: &str, overrides: Overrides) -> Result<Self, TaskError> {
        let mut definition: Definition = toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .map(|span| 1 + text[..span.start].matches('\n').count());
            let place = line.map_or(String::new(), |line| format!("line {line}: "));
            TaskError::Format {
                origin: origin.into(),
                message: format!("{place}{}", error.message()),
            }
        })?;
        definition.take(overrides)?;
        let key = |key: &str, message: String| TaskError::Key {
            origin: origin.into(),
            key: key.into(),
            message,
        };
        definition
            .check()
            .map_err(|(name, message)| key(&name, message))?;
        let templates =
            Templates::new(&definition).map_err(|(name, message)| key(name, message))?;
        let entries = definition.generate.iter().flat_map(|part| &part.scorers);
        let scorers = entries.map(|entry| {
            let scorer = entry.rule.scorer().map_err(|error| {
                let name = format!("generate.scorers.{}.rule", entry.name);
                key(&name, error.to_string())
            })?;
            Ok((entry.name.clone(), scorer))
        });
        Ok(Self {
            scorers: scorers.collect::<Result<_, TaskError>>()?,
            text: text.into(),
            templates,
            definition,
        })
    }

    /// The scorers by name, in the order of the file.
    pub fn scorers(&self) -> impl Iterator<Item = (&str, &dyn Scorer)> {
        self.scorers
            .iter()
            .map(|(name, scorer)| (name.as_str(), scorer.as_ref()))
    }

    /// The scorer of this name.
    pub fn scorer(&self, name: &str) -> Option<&dyn Scorer> {
        self.scorers()
            .find(|(other, _)| *other == name)
            .map(|(_, scorer)| scorer)
    }
}

impl Definition {
    /// Takes the command line's changes.
    fn take(&mut self, overrides: Overrides) -> Result<(), TaskError> {
        if let Some(number) = overrides.shots {
            self.shots.number = number;
        }
        let Some(generate) = &mut self.generate else {
            let given = [
                ("max-new-tokens", overrides.max_new_tokens.is_some()),
                ("samples", overrides.samples.is_some()),
                ("temperature", overrides.temperature.is_some()),
                ("top-p", overrides.top_p.is_some()),
            ];
            return match given.into_iter().find(|(_, given)| *given) {
                Some((flag, _)) => Err(TaskError::Flag {
                    flag,
                    message: format!("{} has the model choose, not write", self.name),
                }),
                None => Ok(()),
            };
        };
        let Overrides {
            max_new_tokens,
            samples,
            temperature,
            top_p,
            ..
        } = overrides;
        generate.max_new_tokens = max_new_tokens.unwrap_or(generate.max_new_tokens);
        generate.samples = samples.unwrap_or(generate.samples);
        generate.temperature = temperature.unwrap_or(generate.temperature);
        generate.top_p = top_p.unwrap_or(generate.top_p);
        Ok(())
    }

    /// The first key that cannot be used, and why.
    fn check(&self) -> Result<(), (String, String)> {
        let refuse = |key: &str, message: &str| Err((key.to_owned(), message.to_owned()));
        match (&self.generate, &self.choose) {
            (Some(_), Some(_)) => return refuse("choose", "a task has this or generate, not both"),
            (None, None) => return refuse("generate", "a task has this or choose"),
            _ => {}
        }
        if let Some(generate) = &self.generate {
            if generate.max_new_tokens == 0 {
                return refuse("generate.max_new_tokens", "must be at least 1");
            }
            if generate.samples == 0 {
                return refuse("generate.samples", "must be at least 1");
            }
            if let Err(error) = Strategy::new(generate.temperature, generate.top_p, 0, 0) {
                return refuse("generate", &error.to_string());
            }
            if generate.samples > 1 && generate.temperature == 0.0 {
                return refuse(
                    "generate.samples",
                    "several samples at temperature 0 are all the same; give a temperature",
                );
            }
            if generate.until.iter().any(String::is_empty) {
                return refuse("generate.until", "an empty text would end every completion");
            }
            let names: Vec<&str> = generate.scorers.iter().map(|s| s.name.as_str()).collect();
            unique("generate.scorers", &names)?;
        }
        if let Some(choose) = &self.choose {
            let metrics: Vec<&str> = choose.metrics.iter().map(|m| m.name()).collect();
            unique("choose.metrics", &metrics)?;
            if let Options::Labels(labels) = &choose.options
                && (labels.len() < 2 || labels.iter().any(String::is_empty))
            {
                return refuse("choose.options.labels", "needs two texts or more");
            }
        }
        Ok(())
    }
}

fn unique(key: &str, names: &[&str]) -> Result<(), (String, String)> {
    if names.is_empty() {
        return Err((key.into(), "needs one or more".into()));
    }
    let repeated = (1..names.len()).find(|&at| names[..at].contains(&names[at]));
    match repeated {
        Some(at) => Err((key.into(), format!("`{}` occurs twice", names[at]))),
        None => Ok(()),
    }
}
