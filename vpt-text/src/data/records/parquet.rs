//! A row a record, by the column reader: only the columns that are asked for are read, a row group
//! at a time, a thousand rows at a time.

use super::format::Wanted;
use super::row::Row;
use super::whole::{self, WholeRows};
use crate::data::{DataError, Filter};
use parquet::basic::{ConvertedType, Type as PhysicalType};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;
use serde_json::{Map, Number, Value};
use std::collections::BTreeSet;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Rows decoded at a time.
const CHUNK: usize = 1024;

/// The rows of a Parquet file, with the columns that were asked for.
pub(super) struct ParquetRows {
    path: PathBuf,
    reader: SerializedFileReader<File>,
    columns: Vec<Column>,
    group: usize,
    readers: Vec<ColumnReader>,
    /// Rows of this group that are not decoded yet.
    left: usize,
    chunk: std::vec::IntoIter<Map<String, Value>>,
    /// The same rows with all their columns, where those are wanted.
    whole: Option<WholeRows>,
    /// Rows given out.
    row: usize,
}

/// A column that holds one value a row.
struct Column {
    name: String,
    /// Its place among the file's columns.
    index: usize,
    nullable: bool,
}

impl ParquetRows {
    pub(super) fn open(path: &Path, file: File, wanted: Wanted<'_>) -> Result<Self, DataError> {
        let Wanted {
            columns, filter, ..
        } = wanted;
        let again = wanted.whole.then(|| file.try_clone()).transpose();
        let again = again.map_err(|source| DataError::Read {
            path: path.into(),
            source,
        })?;
        let whole = again.map(|file| WholeRows::open(path, file)).transpose()?;
        let reader = guarded(|| SerializedFileReader::new(file)).map_err(broken(path, 0))?;
        let required = [&columns.problem, &columns.solution];
        let mut names: BTreeSet<&str> = [&columns.answer, &columns.kind]
            .into_iter()
            .chain(required)
            .map(String::as_str)
            .filter(|name| !name.is_empty())
            .collect();
        names.extend(filter.into_iter().flat_map(Filter::columns));
        let schema = reader.metadata().file_metadata().schema_descr();
        let mut chosen = Vec::new();
        // What is required and missing is told of the first row, as for every other format.
        for field in schema.root_schema().get_fields() {
            let name = field.name();
            if !names.contains(name) {
                continue;
            }
            let found = (0..schema.num_columns())
                .map(|index| (index, schema.column(index)))
                .find(|(_, column)| column.path().parts() == [name]);
            let column = found
                .as_ref()
                .filter(|(_, column)| column.max_rep_level() == 0);
            let Some((index, column)) = column else {
                return Err(unsupported(path, name, "nested values"));
            };
            if let Some(kind) = refused(column) {
                return Err(unsupported(path, name, kind));
            }
            chosen.push(Column {
                name: name.into(),
                index: *index,
                nullable: column.max_def_level() > 0,
            });
        }
        Ok(Self {
            path: path.into(),
            reader,
            columns: chosen,
            group: 0,
            readers: Vec::new(),
            left: 0,
            chunk: Vec::new().into_iter(),
            whole,
            row: 0,
        })
    }

    fn try_next(&mut self) -> Result<Option<Row>, DataError> {
        loop {
            if let Some(fields) = self.chunk.next() {
                self.row += 1;
                let whole = self.whole.as_mut().and_then(Iterator::next).transpose()?;
                return Ok(Some(Row {
                    line: self.row,
                    fields,
                    plain: false,
                    whole: whole.as_ref().map(whole::line),
                }));
            }
            if self.left > 0 {
                self.decode()?;
            } else if self.group < self.reader.num_row_groups() {
                self.open_group()?;
            } else {
                return Ok(None);
            }
        }
    }

    fn open_group(&mut self) -> Result<(), DataError> {
        let (rows, readers) = guarded(|| {
            let group = self.reader.get_row_group(self.group)?;
            let readers = self.columns.iter();
            let readers = readers.map(|column| group.get_column_reader(column.index));
            Ok((
                group.metadata().num_rows(),
                readers.collect::<Result<_, _>>()?,
            ))
        })
        .map_err(broken(&self.path, self.row))?;
        // A negative number, which only damage can make, is of no rows.
        self.left = usize::try_from(rows).unwrap_or(0);
        self.readers = readers;
        self.group += 1;
        Ok(())
    }

    fn decode(&mut self) -> Result<(), DataError> {
        let count = self.left.min(CHUNK);
        let mut rows = vec![Map::new(); count];
        for (column, reader) in self.columns.iter().zip(&mut self.readers) {
            let cells = guarded(|| cells(reader, count, column.nullable));
            let cells = cells.map_err(broken(&self.path, self.row))?;
            for (offset, (row, cell)) in rows.iter_mut().zip(cells).enumerate() {
                let value = match cell {
                    Cell::Value(value) => value,
                    Cell::Bytes(bytes) => text(&bytes).map_err(|byte| DataError::Utf8 {
                        path: self.path.clone(),
                        line: self.row + offset + 1,
                        byte,
                    })?,
                };
                row.insert(column.name.clone(), value);
            }
        }
        self.left -= count;
        self.chunk = rows.into_iter();
        Ok(())
    }
}

impl Iterator for ParquetRows {
    type Item = Result<Row, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.try_next().transpose()
    }
}

/// What `read` returns. The crate's decoders trust the sizes in a page and panic where they are
/// wrong; for a file that is damaged an error.
pub(super) fn guarded<V>(
    read: impl FnOnce() -> Result<V, ParquetError>,
) -> Result<V, ParquetError> {
    // Whatever a panic leaves half done is not looked at again: nothing comes after an error.
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(ParquetError::General("a page is damaged".into())))
}

enum Cell {
    Value(Value),
    Bytes(ByteArray),
}

/// The next `count` values of a column.
fn cells(
    reader: &mut ColumnReader,
    count: usize,
    nullable: bool,
) -> Result<Vec<Cell>, ParquetError> {
    let float = |value: f64| Number::from_f64(value).map_or(Value::Null, Value::Number);
    match reader {
        ColumnReader::ByteArrayColumnReader(reader) => values(reader, count, nullable, Cell::Bytes),
        ColumnReader::BoolColumnReader(reader) => {
            values(reader, count, nullable, |v| Cell::Value(v.into()))
        }
        ColumnReader::Int32ColumnReader(reader) => {
            values(reader, count, nullable, |v| Cell::Value(v.into()))
        }
        ColumnReader::Int64ColumnReader(reader) => {
            values(reader, count, nullable, |v| Cell::Value(v.into()))
        }
        ColumnReader::FloatColumnReader(reader) => {
            values(reader, count, nullable, |v| Cell::Value(float(v.into())))
        }
        ColumnReader::DoubleColumnReader(reader) => {
            values(reader, count, nullable, |v| Cell::Value(float(v)))
        }
        ColumnReader::Int96ColumnReader(_) | ColumnReader::FixedLenByteArrayColumnReader(_) => {
            Err(ParquetError::NYI("a value of this type".into()))
        }
    }
}

fn values<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    count: usize,
    nullable: bool,
    cell: impl Fn(T::T) -> Cell,
) -> Result<Vec<Cell>, ParquetError> {
    let (mut levels, mut found) = (Vec::new(), Vec::new());
    let wanted = nullable.then_some(&mut levels);
    let (read, _, _) = reader.read_records(count, wanted, None, &mut found)?;
    let mut found = found.into_iter();
    let cells: Vec<Cell> = match nullable {
        false => found.map(cell).collect(),
        true => levels
            .into_iter()
            .map(|level| match level {
                0 => Some(Cell::Value(Value::Null)),
                _ => found.next().map(&cell),
            })
            .collect::<Option<_>>()
            .unwrap_or_default(),
    };
    if read != count || cells.len() != count {
        return Err(ParquetError::EOF("a column ends before its rows do".into()));
    }
    Ok(cells)
}

/// Why a column's values cannot be taken, where they cannot.
fn refused(column: &ColumnDescriptor) -> Option<&'static str> {
    use ConvertedType as C;
    match (column.physical_type(), column.converted_type()) {
        (PhysicalType::BYTE_ARRAY, C::UTF8 | C::ENUM | C::JSON | C::NONE)
        | (PhysicalType::INT32, C::NONE | C::INT_8 | C::INT_16 | C::INT_32)
        | (PhysicalType::INT32, C::UINT_8 | C::UINT_16)
        | (PhysicalType::INT64, C::NONE | C::INT_64)
        | (PhysicalType::BOOLEAN | PhysicalType::FLOAT | PhysicalType::DOUBLE, _) => None,
        _ => Some("values that are neither text nor plain numbers"),
    }
}

/// Bytes as text; else the number of bytes before the first that is none.
fn text(bytes: &ByteArray) -> Result<Value, usize> {
    let bytes = bytes.data().to_vec();
    let text = String::from_utf8(bytes).map_err(|error| error.utf8_error().valid_up_to())?;
    Ok(Value::String(text))
}

fn unsupported(path: &Path, column: &str, found: &'static str) -> DataError {
    DataError::Column {
        path: path.into(),
        column: column.into(),
        found,
    }
}

pub(super) fn broken(path: &Path, rows: usize) -> impl Fn(ParquetError) -> DataError {
    let path = path.to_owned();
    move |source| DataError::Parquet {
        path: path.clone(),
        rows,
        source,
    }
}
