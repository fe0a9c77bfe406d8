//! Plain text: a paragraph a record.
//!
//! Not a file a record: a document is cut to one sequence, and of a book or a dump little would be
//! left. Not a line either, since text is often wrapped.

use super::lines::Lines;
use super::row::Row;
use crate::data::DataError;
use serde_json::{Map, Value};

pub(super) struct Paragraphs {
    pub(super) lines: Lines,
    /// The column that a record takes its text from.
    pub(super) column: String,
    /// Whether records keep their text as a line of JSON too.
    pub(super) whole: bool,
}

impl Paragraphs {
    fn try_next(&mut self) -> Result<Option<Row>, DataError> {
        let (mut text, mut first) = (String::new(), 0);
        while let Some(line) = self.lines.read()? {
            let line = line.trim_end();
            match (line.is_empty(), text.is_empty()) {
                (true, true) => continue,
                (true, false) => break,
                (false, true) => {
                    text.push_str(line);
                    first = self.lines.count;
                }
                (false, false) => {
                    text.push('\n');
                    text.push_str(line);
                }
            }
        }
        if text.is_empty() {
            return Ok(None);
        }
        let fields = Map::from_iter([(self.column.clone(), Value::String(text))]);
        let whole = self
            .whole
            .then(|| Value::Object(fields.clone()).to_string());
        Ok(Some(Row {
            line: first,
            fields,
            plain: true,
            whole,
        }))
    }
}

impl Iterator for Paragraphs {
    type Item = Result<Row, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.try_next().transpose()
    }
}
