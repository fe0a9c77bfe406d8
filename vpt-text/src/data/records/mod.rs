//! Problems with worked solutions, from files of several formats, one at a time.
//!
//! | format | known by | a record is |
//! |---|---|---|
//! | JSONL | any other name | a line that holds a JSON object |
//! | Parquet | `.parquet`, or its first bytes | a row |
//! | text | `.txt`, `.text` | a paragraph: the lines up to a blank one |
//!
//! JSONL and text may be compressed: `.gz`, `.zst`, or by their first bytes.

mod format;
mod jsonl;
mod lines;
mod objects;
mod parquet;
mod row;
mod shards;
mod text;
mod whole;

pub use objects::read_objects;
pub use shards::{is_data_file, shards};

use super::{DataError, Filter};
use format::{Rows, Wanted};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// One document of a data file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// What is asked; the prompt is made of it.
    pub problem: String,
    /// The worked solution, which the loss is on.
    pub solution: String,
    /// The final answer that a decoded solution is compared with, where the file names one.
    pub answer: Option<String>,
    /// The kind of document, by which reports group losses.
    pub kind: Option<String>,
    /// The line or row it was read from, from 1; 0 for a record that comes from no file.
    pub line: usize,
    /// Text without a problem: `solution` is all of it, and no template is put around it.
    pub plain: bool,
}

/// Under which names a file keeps the fields of a [`Record`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Columns {
    /// Required; empty for plain text, of which `solution` names the column.
    pub problem: String,
    /// Required.
    pub solution: String,
    /// May be absent or null; numbers are taken as written.
    pub answer: String,
    /// May be absent or null.
    pub kind: String,
}

impl Default for Columns {
    fn default() -> Self {
        Self {
            problem: "problem".into(),
            solution: "solution".into(),
            answer: "answer".into(),
            kind: "kind".into(),
        }
    }
}

/// The records of one file after another, read as they are asked for. Nothing comes after an error.
pub struct Records {
    files: std::vec::IntoIter<PathBuf>,
    columns: Columns,
    filter: Option<Filter>,
    current: Option<OpenFile>,
    /// The last row, where rows are kept.
    row: Option<String>,
    keeps_rows: bool,
    /// The first file, for the error that all of them are empty; taken once a row was seen.
    empty: Option<PathBuf>,
    filtered: usize,
}

struct OpenFile {
    path: PathBuf,
    rows: Rows,
}

impl Records {
    /// The records of `files`, in their order; [`shards`] finds the files that a path means. Records
    /// that `filter` does not hold for are left out.
    pub fn open(files: Vec<PathBuf>, columns: &Columns, filter: Option<Filter>) -> Self {
        Self {
            empty: files.first().cloned(),
            files: files.into_iter(),
            columns: columns.clone(),
            filter,
            current: None,
            row: None,
            keeps_rows: false,
            filtered: 0,
        }
    }

    /// The same records, of which [`row`](Self::row) tells what else the file says.
    #[must_use]
    pub fn keep_rows(self) -> Self {
        Self {
            keeps_rows: true,
            ..self
        }
    }

    /// All of the last record's row as a line of JSON without its end, where rows are kept: a line of
    /// JSONL as it is written, a row of a Parquet file with all its columns in the file's order, a
    /// paragraph under the name of the solution's column.
    pub fn row(&self) -> Option<&str> {
        self.row.as_deref()
    }

    /// Records that the filter has left out so far.
    pub fn filtered(&self) -> usize {
        self.filtered
    }

    /// The file that the last record came from.
    pub fn path(&self) -> Option<&Path> {
        self.current.as_ref().map(|file| file.path.as_path())
    }

    fn try_next(&mut self) -> Result<Option<Record>, DataError> {
        loop {
            let Some(OpenFile { path, rows }) = &mut self.current else {
                let Some(path) = self.files.next() else {
                    let empty = self.empty.take();
                    return empty.map_or(Ok(None), |path| Err(DataError::NoRecords { path }));
                };
                let wanted = Wanted {
                    columns: &self.columns,
                    filter: self.filter.as_ref(),
                    whole: self.keeps_rows,
                };
                let rows = format::open(&path, wanted)?;
                self.current = Some(OpenFile { path, rows });
                continue;
            };
            let Some(row) = rows.next().transpose()? else {
                self.current = None;
                continue;
            };
            self.empty = None;
            let place = row.place(path);
            if let Some(filter) = &self.filter
                && !filter.holds(|column| place.cell(column))?
            {
                self.filtered += 1;
                continue;
            }
            let record = place.record(&self.columns)?;
            self.row = row.whole;
            return Ok(Some(record));
        }
    }
}

impl Iterator for Records {
    type Item = Result<Record, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.try_next().transpose();
        if matches!(next, Some(Err(_))) {
            self.files = Vec::new().into_iter();
            self.current = None;
            self.empty = None;
        }
        next
    }
}

/// All records of a small file, or of the shards that `path` stands for.
///
/// # Errors
/// The first line that is no record, by file and line; a file that cannot be read to its end; no
/// records at all.
pub fn read_records(path: &Path, columns: &Columns) -> Result<Vec<Record>, DataError> {
    Records::open(shards(path)?, columns, None).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn read(name: &str, bytes: &[u8]) -> Result<Vec<Record>, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        read_records(&path, &Columns::default())
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    const TWO: &str = "{\"problem\":\"p\",\"solution\":\"s\",\"answer\":7,\"kind\":\"k\"}\n\
                       {\"problem\":\"q\",\"solution\":\"t\",\"answer\":null,\"extra\":[1]}\n";

    #[test]
    fn fields_and_lines() {
        let records = read("a.jsonl", TWO.as_bytes()).unwrap();
        assert_eq!(
            records,
            [
                Record {
                    problem: "p".into(),
                    solution: "s".into(),
                    answer: Some("7".into()),
                    kind: Some("k".into()),
                    line: 1,
                    plain: false,
                },
                Record {
                    problem: "q".into(),
                    solution: "t".into(),
                    line: 2,
                    ..Record::default()
                },
            ]
        );
    }

    #[test]
    fn crlf_byte_order_mark_blank_lines_and_no_final_newline() {
        let text = format!(
            "\u{feff}\r\n \t\r\n{}",
            TWO.replace('\n', "\r\n").trim_end()
        );
        let records = read("a.jsonl", text.as_bytes()).unwrap();
        let lines: Vec<usize> = records.iter().map(|r| r.line).collect();
        assert_eq!(lines, [3, 4]);
        assert_eq!(records[1].solution, "t");
    }

    #[test]
    fn gzip_by_name_by_magic_and_in_members() {
        let expected = read("a.jsonl", TWO.as_bytes()).unwrap();
        let packed = gzip(TWO.as_bytes());
        assert_eq!(read("a.jsonl.gz", &packed).unwrap(), expected);
        assert_eq!(read("a.jsonl", &packed).unwrap(), expected);
        let (first, second) = TWO.split_at(TWO.find('\n').unwrap() + 1);
        let members = [gzip(first.as_bytes()), gzip(second.as_bytes())].concat();
        assert_eq!(read("a.jsonl.GZ", &members).unwrap(), expected);
    }

    #[test]
    fn broken_gzip_is_told_from_an_end() {
        let long: String = (0..4000)
            .map(|i| TWO.replace("\"p\"", &format!("\"p{i}\"")))
            .collect();
        let mut packed = gzip(long.as_bytes());
        packed.truncate(packed.len() - 9);
        for bytes in [
            &packed[..],
            &packed[..packed.len() / 2],
            b"",
            TWO.as_bytes(),
        ] {
            let error = read("a.jsonl.gz", bytes).unwrap_err();
            let named = error.to_string();
            assert!(named.contains("a.jsonl.gz"), "{named}");
            assert!(
                matches!(
                    error,
                    DataError::Compressed { .. } | DataError::NoRecords { .. }
                ),
                "{named}"
            );
        }
        assert!(matches!(
            read("a.jsonl.gz", &packed),
            Err(DataError::Compressed { .. })
        ));
    }

    #[test]
    fn errors_name_file_line_and_field() {
        let good = TWO.lines().next().unwrap();
        let cases: [(&[u8], &str); 8] = [
            (b"{\"problem\": ", ":2: not JSON"),
            (b"[1]", ":2: expected a JSON object, found an array"),
            (b"3", ":2: expected a JSON object, found a number"),
            (
                b"{\"problem\":\"p\"}",
                ":2: no field `solution`; it has `problem`",
            ),
            (b"{}", ":2: no field `problem`; it has none"),
            (
                b"{\"problem\":null,\"solution\":\"s\"}",
                ":2: field `problem` must be a string, found null",
            ),
            (
                b"{\"problem\":\"p\",\"solution\":\"s\",\"answer\":[7]}",
                ":2: field `answer` must be a string, found an array",
            ),
            (
                b"{\"problem\":\"\xff\"}",
                ":2: not valid UTF-8 from byte 12",
            ),
        ];
        for (bad, expected) in cases {
            let bytes = [good.as_bytes(), b"\n", bad, b"\n", good.as_bytes()].concat();
            let message = read("data.jsonl", &bytes).unwrap_err().to_string();
            assert!(
                message.contains(&format!("data.jsonl{expected}")),
                "{message}"
            );
            assert!(!message.contains("line 1"), "{message}");
        }
    }

    #[test]
    fn empty_sets_and_missing_files() {
        for bytes in [&b""[..], b"\n\r\n  \n", b"\xef\xbb\xbf"] {
            let error = read("a.jsonl", bytes).unwrap_err();
            assert!(matches!(error, DataError::NoRecords { .. }), "{error}");
        }
        let error = read_records(Path::new("no/such.jsonl"), &Columns::default()).unwrap_err();
        assert!(matches!(error, DataError::Read { .. }));
        assert!(error.to_string().starts_with("no/such.jsonl: "), "{error}");
        let folder = tempfile::tempdir().unwrap();
        let error = read_records(folder.path(), &Columns::default()).unwrap_err();
        assert!(matches!(error, DataError::NoFiles { .. }), "{error}");
    }

    #[test]
    fn columns_by_map() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gsm8k.jsonl");
        std::fs::write(&path, "{\"question\":\"q\",\"answer\":\"a #### 3\"}").unwrap();
        let columns = Columns {
            problem: "question".into(),
            solution: "answer".into(),
            ..Columns::default()
        };
        let records = read_records(&path, &columns).unwrap();
        assert_eq!(records[0].problem, "q");
        assert_eq!(records[0].solution, "a #### 3");
    }
}
