//! What a file is, by its name and its first bytes.

use super::Columns;
use super::jsonl::JsonLines;
use super::lines::Lines;
use super::parquet::ParquetRows;
use super::row::Row;
use super::text::Paragraphs;
use crate::data::{DataError, Filter};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// The rows of an open file.
pub(super) type Rows = Box<dyn Iterator<Item = Result<Row, DataError>> + Send>;

/// What a stream of lines is compressed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstandard,
}

impl Compression {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstandard => "Zstandard",
        }
    }

    fn of_extension(extension: &str) -> Option<Self> {
        match extension {
            "gz" => Some(Self::Gzip),
            "zst" => Some(Self::Zstandard),
            _ => None,
        }
    }

    fn of_magic(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"\x1f\x8b") {
            Some(Self::Gzip)
        } else if bytes.starts_with(b"\x28\xb5\x2f\xfd") {
            Some(Self::Zstandard)
        } else {
            None
        }
    }
}

/// What a file's name says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    kind: Option<Kind>,
    compression: Option<Compression>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    JsonLines,
    Parquet,
    Text,
}

impl Name {
    pub(super) fn of(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.to_ascii_lowercase();
        let mut parts = name.rsplit('.');
        let mut last = parts.next().unwrap_or_default();
        let compression = Compression::of_extension(last);
        if compression.is_some() {
            last = parts.next().unwrap_or_default();
        }
        // What comes before the first dot is no extension.
        let kind = parts.next().and(match last {
            "jsonl" | "ndjson" => Some(Kind::JsonLines),
            "parquet" => Some(Kind::Parquet),
            "txt" | "text" => Some(Kind::Text),
            _ => None,
        });
        Self { kind, compression }
    }

    /// Whether a file of this name that starts so is a Parquet file.
    fn is_parquet(self, start: &[u8]) -> bool {
        start.starts_with(b"PAR1") || self.kind == Some(Kind::Parquet)
    }

    /// Whether a folder's file of this name is one of its shards. A name in `.json` or `.md` is as
    /// often not.
    pub(super) fn is_data(self) -> bool {
        self.kind.is_some()
    }
}

/// The file under `path`, where it is a Parquet file.
pub(super) fn parquet_file(path: &Path) -> Result<Option<File>, DataError> {
    let read_error = |source| DataError::Read {
        path: path.into(),
        source,
    };
    let mut file = BufReader::new(File::open(path).map_err(read_error)?);
    let start = file.fill_buf().map_err(read_error)?;
    let is_parquet = Name::of(path).is_parquet(start);
    Ok(is_parquet.then(|| file.into_inner()))
}

/// What is asked of a file's rows.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// What records are made of.
    pub(super) columns: &'a Columns,
    /// What decides which are taken.
    pub(super) filter: Option<&'a Filter>,
    /// Whether rows come with all of themselves as a line of JSON too.
    pub(super) whole: bool,
}

/// Opens `path`. Only the columns that are wanted are read where the format keeps them apart.
pub(super) fn open(path: &Path, wanted: Wanted<'_>) -> Result<Rows, DataError> {
    let read_error = |source| DataError::Read {
        path: path.into(),
        source,
    };
    let mut file = BufReader::new(File::open(path).map_err(read_error)?);
    let start = file.fill_buf().map_err(read_error)?;
    let name = Name::of(path);
    if name.is_parquet(start) {
        let rows = ParquetRows::open(path, file.into_inner(), wanted)?;
        return Ok(Box::new(rows));
    }
    let compression = Compression::of_magic(start).or(name.compression);
    let reader: Box<dyn BufRead + Send> = match compression {
        None => Box::new(file),
        Some(Compression::Gzip) => Box::new(BufReader::new(MultiGzDecoder::new(file))),
        Some(Compression::Zstandard) => {
            let decoder = zstd::Decoder::with_buffer(file).map_err(read_error)?;
            Box::new(BufReader::new(decoder))
        }
    };
    let lines = Lines {
        path: path.into(),
        reader,
        compression,
        count: 0,
        bytes: Vec::new(),
    };
    Ok(match name.kind {
        Some(Kind::Text) => Box::new(Paragraphs {
            lines,
            column: wanted.columns.solution.clone(),
            whole: wanted.whole,
        }),
        _ => Box::new(JsonLines {
            lines,
            whole: wanted.whole,
        }),
    })
}
