//! Problems with worked solutions, one JSON object a line.

use super::DataError;
use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// One line of a data file.
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
    /// The line it was read from, from 1; 0 for a record that comes from no file.
    pub line: usize,
}

/// Under which names a file keeps the fields of a [`Record`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Columns {
    /// Required.
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

/// Reads a JSONL file, gzipped if its name ends in `.gz` or it starts as gzip does. Blank lines are
/// skipped; a byte-order mark and CRLF line ends are allowed.
///
/// # Errors
/// The first line that is no record, by file and line; a file that cannot be read to its end; a
/// file without records.
pub fn read_records(path: &Path, columns: &Columns) -> Result<Vec<Record>, DataError> {
    read_lines(path, |line, text| line.record(text, columns))
}

/// [`read_records`] with all fields of each line, of which, and of the line's number from 1, `make`
/// makes what is wanted.
///
/// # Errors
/// As there.
pub fn read_objects<T>(
    path: &Path,
    make: impl Fn(usize, Map<String, Value>) -> T,
) -> Result<Vec<T>, DataError> {
    read_lines(path, |line, text| Ok(make(line.line, line.object(text)?)))
}

fn read_lines<T>(
    path: &Path,
    read: impl Fn(Line<'_>, &str) -> Result<T, DataError>,
) -> Result<Vec<T>, DataError> {
    let read_error = |source| DataError::Read {
        path: path.into(),
        source,
    };
    let mut file = BufReader::new(File::open(path).map_err(read_error)?);
    let magic = file
        .fill_buf()
        .map_err(read_error)?
        .starts_with(b"\x1f\x8b");
    let gzipped = magic
        || path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("gz"));
    let reader: Box<dyn Read> = if gzipped {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let mut reader = BufReader::new(reader);

    let mut records = Vec::new();
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        let count = reader.read_until(b'\n', &mut bytes).map_err(|source| {
            if gzipped && source.kind() != io::ErrorKind::IsADirectory {
                DataError::Gzip {
                    path: path.into(),
                    lines: line - 1,
                    source,
                }
            } else {
                read_error(source)
            }
        })?;
        if count == 0 {
            break;
        }
        let mut text = bytes.as_slice();
        if line == 1 {
            text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        }
        let text = std::str::from_utf8(text).map_err(|error| DataError::Utf8 {
            path: path.into(),
            line,
            byte: error.valid_up_to(),
        })?;
        if !text.trim().is_empty() {
            records.push(read(Line { path, line }, text)?);
        }
    }
    if records.is_empty() {
        return Err(DataError::NoRecords { path: path.into() });
    }
    Ok(records)
}

/// Where a text comes from, for its errors.
#[derive(Clone, Copy)]
struct Line<'a> {
    path: &'a Path,
    line: usize,
}

impl Line<'_> {
    fn object(self, text: &str) -> Result<Map<String, Value>, DataError> {
        match serde_json::from_str(text.trim()) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(other) => Err(DataError::NotAnObject {
                path: self.path.into(),
                line: self.line,
                found: type_name(&other),
            }),
            Err(error) => Err(self.json(&error)),
        }
    }

    fn record(self, text: &str, columns: &Columns) -> Result<Record, DataError> {
        let fields = self.object(text)?;
        Ok(Record {
            problem: self.required(&fields, &columns.problem)?,
            solution: self.required(&fields, &columns.solution)?,
            answer: match fields.get(&columns.answer) {
                Some(Value::Number(number)) => Some(number.to_string()),
                _ => self.optional(&fields, &columns.answer)?,
            },
            kind: self.optional(&fields, &columns.kind)?,
            line: self.line,
        })
    }

    fn required(self, fields: &Map<String, Value>, field: &str) -> Result<String, DataError> {
        match fields.get(field) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(other) => Err(self.wrong_type(field, other)),
            None => Err(DataError::MissingField {
                path: self.path.into(),
                line: self.line,
                field: field.into(),
                present: fields.keys().cloned().collect(),
            }),
        }
    }

    fn optional(
        self,
        fields: &Map<String, Value>,
        field: &str,
    ) -> Result<Option<String>, DataError> {
        match fields.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(self.wrong_type(field, other)),
        }
    }

    fn wrong_type(self, field: &str, found: &Value) -> DataError {
        DataError::WrongType {
            path: self.path.into(),
            line: self.line,
            field: field.into(),
            found: type_name(found),
        }
    }

    fn json(self, error: &serde_json::Error) -> DataError {
        // The parser counts lines inside the one line it was given: " at line 1" would mislead.
        let message = error.to_string();
        let reason = message.split(" at line ").next().unwrap_or(&message);
        DataError::Json {
            path: self.path.into(),
            line: self.line,
            column: error.column(),
            reason: reason.into(),
        }
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
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
                matches!(error, DataError::Gzip { .. } | DataError::NoRecords { .. }),
                "{named}"
            );
        }
        assert!(matches!(
            read("a.jsonl.gz", &packed),
            Err(DataError::Gzip { .. })
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
        assert!(matches!(error, DataError::Read { .. }), "{error}");
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
