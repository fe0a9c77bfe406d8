//! What the stream must not hold.

use crate::data::{Columns, DataError, read_records};
use std::path::{Path, PathBuf};

/// A named set of test items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestSet {
    /// How reports call it.
    pub name: String,
    /// Where it was read from.
    pub path: PathBuf,
    /// In the file's order.
    pub items: Vec<TestItem>,
}

/// One problem of a test set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestItem {
    /// Its line, from 1.
    pub line: usize,
    /// What is asked.
    pub problem: String,
}

impl TestSet {
    /// Reads a file of problems, of which only the column `problem` counts.
    ///
    /// # Errors
    /// As [`read_records`].
    pub fn read(name: &str, path: &Path, problem: &str) -> Result<Self, DataError> {
        let columns = Columns {
            problem: problem.into(),
            solution: problem.into(),
            // Whatever else the file holds is never looked at.
            answer: problem.into(),
            kind: problem.into(),
        };
        let items = read_records(path, &columns)?.into_iter();
        Ok(Self {
            name: name.into(),
            path: path.into(),
            items: items
                .map(|record| TestItem {
                    line: record.line,
                    problem: record.problem,
                })
                .collect(),
        })
    }
}
