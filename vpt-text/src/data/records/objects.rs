//! Rows with all their fields, lists and objects among them.

use super::Columns;
use super::format::{self, Wanted};
use super::parquet::broken;
use super::whole::WholeRows;
use crate::data::DataError;
use parquet::errors::ParquetError;
use serde_json::{Map, Value};
use std::fs::File;
use std::path::Path;

/// All rows of a small file with all their fields; of each, and of its line or row from 1, `make`
/// makes what is wanted.
///
/// # Errors
/// The first line that is no row, by file and line; a file that cannot be read to its end, or that
/// holds no row.
pub fn read_objects<T>(
    path: &Path,
    make: impl Fn(usize, Map<String, Value>) -> T,
) -> Result<Vec<T>, DataError> {
    let made: Vec<T> = match format::parquet_file(path)? {
        Some(file) => {
            let rows = nested(path, file)?.into_iter().enumerate();
            rows.map(|(index, fields)| make(index + 1, fields))
                .collect()
        }
        None => {
            let columns = Columns::default();
            let wanted = Wanted {
                columns: &columns,
                filter: None,
                whole: false,
            };
            let rows = format::open(path, wanted)?;
            let made = rows.map(|row| row.map(|row| make(row.line, row.fields)));
            made.collect::<Result<_, _>>()?
        }
    };
    match made.is_empty() {
        true => Err(DataError::NoRecords { path: path.into() }),
        false => Ok(made),
    }
}

/// The rows of a Parquet file, of any type.
fn nested(path: &Path, file: File) -> Result<Vec<Map<String, Value>>, DataError> {
    let mut objects = Vec::new();
    for row in WholeRows::open(path, file)? {
        match row?.to_json_value() {
            Value::Object(fields) => objects.push(fields),
            _ => {
                let error = ParquetError::General("a row is no object".into());
                return Err(broken(path, objects.len())(error));
            }
        }
    }
    Ok(objects)
}
