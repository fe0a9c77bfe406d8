//! Which examples a prompt shows, as lm-evaluation-harness chooses them.

use super::TaskError;
use super::definition::{Sampler, Task};
use super::rows::{Row, Rows};
use super::sample::PythonRandom;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where examples come from.
#[derive(Clone, Debug)]
pub struct ShotSource {
    /// The examples.
    pub rows: Rows,
    /// Whether they are also the items that are asked: an item is then no example of itself.
    pub holds_items: bool,
}

impl ShotSource {
    /// The examples of `task`: from `file` if one is given, else from the task file. None where
    /// the task shows none.
    ///
    /// # Errors
    /// The task shows examples and there are none, or a file that cannot be read.
    pub fn open(
        task: &Task,
        file: Option<&Path>,
        data: &[&Path],
    ) -> Result<Option<Self>, TaskError> {
        let shots = &task.definition.shots;
        if shots.number == 0 {
            return Ok(None);
        }
        if let Some(file) = file {
            return Ok(Some(Self {
                rows: Rows::read(file, None)?,
                holds_items: data.iter().any(|data| same_file(data, file)),
            }));
        }
        if shots.rows.is_empty() {
            return Err(TaskError::Flag {
                flag: "shots",
                message: format!(
                    "{} shows {} examples; name the file that they come from, or give --num-shots 0",
                    task.definition.name, shots.number
                ),
            });
        }
        let row = |fields: &serde_json::Map<_, _>| Row {
            line: 0,
            fields: fields.clone(),
        };
        Ok(Some(Self {
            rows: Rows {
                path: PathBuf::from(&task.definition.name),
                rows: shots.rows.iter().map(row).collect(),
            },
            holds_items: false,
        }))
    }
}

fn same_file(a: &Path, b: &Path) -> bool {
    a == b
        || match (a.canonicalize(), b.canonicalize()) {
            (Ok(a), Ok(b)) => a == b,
            _ => false,
        }
}

/// The examples of one split's items, which must be asked for in the items' order.
pub struct Shots<'a> {
    source: &'a ShotSource,
    number: usize,
    sampler: Sampler,
    pools: BTreeMap<Option<String>, Pool>,
}

/// The examples of one group, as indices among all.
struct Pool {
    examples: Vec<usize>,
    random: PythonRandom,
}

impl<'a> Shots<'a> {
    /// The examples that `task` shows, of `source`.
    ///
    /// # Errors
    /// An example that names no group in a task that has them.
    pub fn new(task: &Task, source: &'a ShotSource) -> Result<Self, TaskError> {
        let shots = &task.definition.shots;
        let mut pools = BTreeMap::new();
        for (index, row) in source.rows.rows.iter().enumerate() {
            let pool = pools
                .entry(task.group(row, &source.rows)?)
                .or_insert_with(|| Pool {
                    examples: Vec::new(),
                    random: PythonRandom::new(shots.seed),
                });
            pool.examples.push(index);
        }
        Ok(Self {
            source,
            number: shots.number,
            sampler: shots.sampler,
            pools,
        })
    }

    /// Indices of the examples shown before `row`, in the order shown.
    ///
    /// # Errors
    /// There are fewer than the task shows.
    pub fn draw(&mut self, group: &Option<String>, row: &Row) -> Result<Vec<usize>, TaskError> {
        let (number, source) = (self.number, self.source);
        let asked =
            |index: &usize| source.holds_items && source.rows.rows[*index].fields == row.fields;
        let few = |present: usize| TaskError::FewShots {
            source_name: source.rows.path.display().to_string(),
            present,
            group: group.as_ref().map_or(String::new(), |g| format!(" of {g}")),
            number,
        };
        let pool = self.pools.get_mut(group).ok_or_else(|| few(0))?;
        let others: Vec<usize> = pool
            .examples
            .iter()
            .copied()
            .filter(|i| !asked(i))
            .collect();
        if others.len() < number {
            return Err(few(others.len()));
        }
        if self.sampler == Sampler::FirstN {
            return Ok(others[..number].to_vec());
        }
        // One more where the item itself may be drawn, and is then left out.
        let spare = usize::from(source.holds_items);
        let drawn = match number + spare <= pool.examples.len() {
            true => pool.random.sample(pool.examples.len(), number + spare),
            false => return Err(few(others.len())),
        };
        let mut drawn: Vec<usize> = drawn.into_iter().map(|i| pool.examples[i]).collect();
        drawn.retain(|index| !asked(index));
        drawn.truncate(number);
        if drawn.len() < number {
            // The item occurs more than once.
            let again = pool.random.sample(others.len(), number);
            drawn = again.into_iter().map(|i| others[i]).collect();
        }
        Ok(drawn)
    }
}
