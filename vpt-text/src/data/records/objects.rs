//! Rows with all their fields, lists and objects among them.

use super::parquet::{broken, guarded};
use super::{Columns, format};
use crate::data::DataError;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
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
            let rows = format::open(path, &Columns::default(), None)?;
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
    let reader = guarded(|| SerializedFileReader::new(file)).map_err(broken(path, 0))?;
    let mut rows = guarded(|| reader.get_row_iter(None)).map_err(broken(path, 0))?;
    let mut objects = Vec::new();
    loop {
        let row = guarded(|| rows.next().transpose()).map_err(broken(path, objects.len()))?;
        match row.map(|row| row.to_json_value()) {
            None => return Ok(objects),
            Some(Value::Object(fields)) => objects.push(fields),
            Some(_) => {
                let error = ParquetError::General("a row is no object".into());
                return Err(broken(path, objects.len())(error));
            }
        }
    }
}
