//! A row's fields as a record.

use super::{Columns, Record};
use crate::data::DataError;
use serde_json::{Map, Value};
use std::path::Path;

/// Fields under the names that the file gives them.
pub(super) struct Row {
    /// The line or row, from 1.
    pub(super) line: usize,
    pub(super) fields: Map<String, Value>,
    /// Whether it comes from a file of plain text.
    pub(super) plain: bool,
    /// All of it as one line of JSON, where that was asked for.
    pub(super) whole: Option<String>,
}

impl Row {
    pub(super) fn place<'a>(&'a self, path: &'a Path) -> Place<'a> {
        Place { path, row: self }
    }
}

/// A row and the file it comes from, for its errors.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    path: &'a Path,
    row: &'a Row,
}

impl Place<'_> {
    pub(super) fn record(self, columns: &Columns) -> Result<Record, DataError> {
        let plain = self.row.plain || columns.problem.is_empty();
        Ok(Record {
            problem: match plain {
                true => String::new(),
                false => self.required(&columns.problem)?,
            },
            solution: self.required(&columns.solution)?,
            answer: match self.row.fields.get(&columns.answer) {
                Some(Value::Number(number)) => Some(number.to_string()),
                _ => self.optional(&columns.answer)?,
            },
            kind: self.optional(&columns.kind)?,
            line: self.row.line,
            plain,
        })
    }

    /// The text of a field that a filter asks for; none where it is null.
    pub(super) fn cell(self, field: &str) -> Result<Option<String>, DataError> {
        match self.row.fields.get(field) {
            Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Bool(flag)) => Ok(Some(flag.to_string())),
            Some(other) => Err(self.wrong_type(field, other)),
            None => Err(self.missing(field)),
        }
    }

    fn required(self, field: &str) -> Result<String, DataError> {
        match self.row.fields.get(field) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(other) => Err(self.wrong_type(field, other)),
            None => Err(self.missing(field)),
        }
    }

    fn optional(self, field: &str) -> Result<Option<String>, DataError> {
        match self.row.fields.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(self.wrong_type(field, other)),
        }
    }

    fn missing(self, field: &str) -> DataError {
        DataError::MissingField {
            path: self.path.into(),
            line: self.row.line,
            field: field.into(),
            present: self.row.fields.keys().cloned().collect(),
        }
    }

    fn wrong_type(self, field: &str, found: &Value) -> DataError {
        DataError::WrongType {
            path: self.path.into(),
            line: self.row.line,
            field: field.into(),
            found: type_name(found),
        }
    }
}

pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
