//! The rows of a data file, with all their columns.

use super::TaskError;
use crate::data::read_objects;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// One item of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The line it was read from, from 1; 0 for one that comes from no file.
    pub line: usize,
    /// Its columns.
    pub fields: Map<String, Value>,
}

/// A file's rows.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The file, or what stands for it in errors.
    pub path: PathBuf,
    /// In the file's order.
    pub rows: Vec<Row>,
}

impl Rows {
    /// Reads the first `limit` rows of a JSONL file, all where that is none.
    ///
    /// # Errors
    /// A line that is no JSON object; a file that cannot be read or holds nothing.
    pub fn read(path: &Path, limit: Option<usize>) -> Result<Self, TaskError> {
        let mut rows = read_objects(path, |line, fields| Row { line, fields })?;
        rows.truncate(limit.unwrap_or(usize::MAX));
        Ok(Self {
            path: path.into(),
            rows,
        })
    }

    /// An error about a row.
    pub(super) fn error(&self, row: &Row, key: &str, message: String) -> TaskError {
        TaskError::Row {
            path: self.path.clone(),
            line: row.line,
            key: key.into(),
            message,
        }
    }

    /// The text in a column, none for null; numbers are taken as written.
    pub(super) fn text(
        &self,
        row: &Row,
        key: &str,
        column: &str,
    ) -> Result<Option<String>, TaskError> {
        match row.fields.get(column) {
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Null) => Ok(None),
            Some(_) => Err(self.error(row, key, format!("column `{column}` holds no text"))),
            None => Err(self.error(row, key, format!("there is no column `{column}`"))),
        }
    }
}
