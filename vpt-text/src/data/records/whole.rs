//! Rows of a Parquet file with all their columns, those of lists and structs among them.

use super::parquet::{broken, guarded};
use crate::data::DataError;
use parquet::file::reader::SerializedFileReader;
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};

/// All of a file, row by row.
pub(super) struct WholeRows {
    path: PathBuf,
    rows: RowIter<'static>,
    /// Rows given out.
    count: usize,
}

impl WholeRows {
    pub(super) fn open(path: &Path, file: File) -> Result<Self, DataError> {
        let rows = guarded(|| {
            let reader = SerializedFileReader::new(file)?;
            Ok(RowIter::from_file_into(Box::new(reader)))
        });
        Ok(Self {
            path: path.into(),
            rows: rows.map_err(broken(path, 0))?,
            count: 0,
        })
    }
}

impl Iterator for WholeRows {
    type Item = Result<Row, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = guarded(|| self.rows.next().transpose());
        let row = row.map_err(broken(&self.path, self.count)).transpose();
        self.count += 1;
        row
    }
}

/// A row as one line of JSON, its columns in the file's order.
pub(super) fn line(row: &Row) -> String {
    let columns = row.get_column_iter().map(|(name, field)| {
        let value = match field {
            // Writers that leave the type out mean text; what is none is in base64.
            Field::Bytes(bytes) => std::str::from_utf8(bytes.data())
                .map_or_else(|_| field.to_json_value(), Value::from),
            _ => field.to_json_value(),
        };
        format!("{}:{value}", Value::from(name.as_str()))
    });
    format!("{{{}}}", columns.collect::<Vec<_>>().join(","))
}
