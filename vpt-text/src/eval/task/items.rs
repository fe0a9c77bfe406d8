//! Rows as prompts.

use super::TaskError;
use super::definition::{Choose, GoldIs, Options, Task};
use super::rows::{Row, Rows};
use super::shots::{ShotSource, Shots};
use super::template::key;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// One question to a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Its line in the file, from 1.
    pub line: usize,
    /// Its group, where the task has groups.
    pub group: Option<String>,
    /// The whole prompt.
    pub prompt: String,
    /// Which examples it shows, from 0, in the order shown.
    pub shots: Vec<usize>,
    /// What is right.
    pub gold: Gold,
}

/// What is right.
#[derive(Clone, Debug, PartialEq)]
pub enum Gold {
    /// For a task that has the model write.
    Text {
        /// The gold text, as the file has it.
        text: String,
        /// What each scorer compares with.
        answers: Vec<String>,
    },
    /// For a task that has the model choose.
    Choice {
        /// The choices.
        options: Vec<String>,
        /// The index of the right one.
        right: usize,
    },
}

/// All questions of a split, in the file's order.
#[derive(Clone, Debug)]
pub struct Items {
    /// The questions.
    pub items: Vec<Item>,
}

impl Items {
    /// The prompts of `rows`, with examples from `shots`.
    ///
    /// # Errors
    /// A row or an example that does not give what the task asks of it.
    pub fn new(task: &Task, rows: &Rows, shots: Option<&ShotSource>) -> Result<Self, TaskError> {
        let mut shots = match shots {
            Some(source) => Some((source, Shots::new(task, source)?)),
            None => None,
        };
        let item = |row: &Row| {
            let group = task.group(row, rows)?;
            let (drawn, examples) = match &mut shots {
                Some((source, shots)) => {
                    let drawn = shots.draw(&group, row)?;
                    let examples = task.examples(&drawn, &source.rows)?;
                    (drawn, examples)
                }
                None => (Vec::new(), String::new()),
            };
            let description = task.templates.fill(key::DESCRIPTION, row, rows)?;
            let question = task.templates.fill(key::QUESTION, row, rows)?;
            Ok(Item {
                line: row.line,
                prompt: format!("{description}{examples}{question}"),
                gold: task.gold(row, rows)?,
                shots: drawn,
                group,
            })
        };
        let items: Result<Vec<Item>, TaskError> = rows.rows.iter().map(item).collect();
        Ok(Self { items: items? })
    }

    /// SHA-256 of all prompts in order, each followed by a zero byte.
    pub fn prompts_sha256(&self) -> String {
        let mut hash = Sha256::new();
        for item in &self.items {
            hash.update(&item.prompt);
            hash.update([0]);
        }
        hex(hash)
    }
}

impl Item {
    /// SHA-256 of its prompt.
    pub fn prompt_sha256(&self) -> String {
        hex(Sha256::new_with_prefix(&self.prompt))
    }
}

/// A hash in hexadecimal.
pub(super) fn hex(hash: Sha256) -> String {
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl Task {
    /// The group of a row, where the task has groups and the row is in one: null is none.
    pub(super) fn group(&self, row: &Row, rows: &Rows) -> Result<Option<String>, TaskError> {
        match &self.definition.groups {
            Some(groups) => rows.text(row, "groups.column", &groups.column),
            None => Ok(None),
        }
    }

    /// Examples with their answers, ready to stand before a question.
    fn examples(&self, drawn: &[usize], rows: &Rows) -> Result<String, TaskError> {
        let parts = &self.definition.prompt;
        let mut text = String::new();
        for row in drawn.iter().map(|&index| &rows.rows[index]) {
            text += &self.templates.fill(key::QUESTION, row, rows)?;
            text += &parts.target_delimiter;
            text += &self.templates.fill(key::TARGET, row, rows)?;
            text += &parts.shot_delimiter;
        }
        Ok(text)
    }

    fn gold(&self, row: &Row, rows: &Rows) -> Result<Gold, TaskError> {
        if let Some(choose) = &self.definition.choose {
            return self.choice(choose, row, rows);
        }
        let text = self.templates.fill(key::GENERATE_GOLD, row, rows)?;
        let answers = self.scorers.iter().map(|(name, scorer)| {
            scorer.gold(&text).ok_or_else(|| {
                let message = format!("the scorer `{name}` finds no answer in it");
                rows.error(row, key::GENERATE_GOLD, message)
            })
        });
        Ok(Gold::Text {
            answers: answers.collect::<Result<_, _>>()?,
            text,
        })
    }

    fn choice(&self, choose: &Choose, row: &Row, rows: &Rows) -> Result<Gold, TaskError> {
        let options = match &choose.options {
            Options::Labels(labels) => labels.clone(),
            Options::Column(column) => {
                texts(row, column).map_err(|message| rows.error(row, "choose.options", message))?
            }
        };
        let gold = self.templates.fill(key::CHOOSE_GOLD, row, rows)?;
        let right = match choose.gold_is {
            GoldIs::Index => gold.trim().parse().ok().filter(|at| *at < options.len()),
            GoldIs::Text => options.iter().position(|option| *option == gold),
        };
        let right = right.ok_or_else(|| {
            let message = format!("`{gold}` names none of the {} choices", options.len());
            rows.error(row, key::CHOOSE_GOLD, message)
        })?;
        Ok(Gold::Choice { options, right })
    }
}

/// The texts of a column that holds a list of two or more.
fn texts(row: &Row, column: &str) -> Result<Vec<String>, String> {
    let Some(Value::Array(values)) = row.fields.get(column) else {
        return Err(format!("there is no list in column `{column}`"));
    };
    let texts: Option<Vec<String>> = values
        .iter()
        .map(|value| {
            value
                .as_str()
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        })
        .collect();
    texts
        .filter(|texts| texts.len() > 1)
        .ok_or_else(|| format!("column `{column}` must hold two texts or more"))
}
