//! A JSON object a line; blank lines are skipped.

use super::lines::Lines;
use super::row::{Row, type_name};
use crate::data::DataError;
use serde_json::Value;
use std::path::Path;

pub(super) struct JsonLines {
    pub(super) lines: Lines,
    /// Whether rows keep their line as it is written.
    pub(super) whole: bool,
}

impl JsonLines {
    fn try_next(&mut self) -> Result<Option<Row>, DataError> {
        loop {
            let Some(text) = self.lines.read()? else {
                return Ok(None);
            };
            let text = text.trim();
            if !text.is_empty() {
                let parsed = serde_json::from_str(text);
                let whole = self.whole.then(|| text.to_owned());
                return self.row(parsed, whole).map(Some);
            }
        }
    }

    fn row(
        &self,
        parsed: serde_json::Result<Value>,
        whole: Option<String>,
    ) -> Result<Row, DataError> {
        let (path, line) = (&self.lines.path, self.lines.count);
        match parsed {
            Ok(Value::Object(fields)) => Ok(Row {
                line,
                fields,
                plain: false,
                whole,
            }),
            Ok(other) => Err(DataError::NotAnObject {
                path: path.clone(),
                line,
                found: type_name(&other),
            }),
            Err(error) => Err(json_error(path, line, &error)),
        }
    }
}

impl Iterator for JsonLines {
    type Item = Result<Row, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.try_next().transpose()
    }
}

fn json_error(path: &Path, line: usize, error: &serde_json::Error) -> DataError {
    // The parser counts lines inside the one line it was given: " at line 1" would mislead.
    let message = error.to_string();
    let reason = message.split(" at line ").next().unwrap_or(&message);
    DataError::Json {
        path: path.into(),
        line,
        column: error.column(),
        reason: reason.into(),
    }
}
