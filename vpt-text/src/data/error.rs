//! What can be wrong with data files.

use super::Counts;
use crate::tokenizer::TokenizerError;
use std::path::PathBuf;
use thiserror::Error;

/// A data file that cannot be used; each names the file, and the line (from 1) where one is known.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// The file is missing or cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The compressed stream is cut short or broken.
    #[error("{path}: {compression} stream broken after {lines} lines: {source}")]
    Compressed {
        /// The file.
        path: PathBuf,
        /// What it is compressed with.
        compression: &'static str,
        /// Lines that could still be read.
        lines: usize,
        /// Why.
        source: std::io::Error,
    },
    /// A Parquet file is cut short or broken, or uses what is not supported.
    #[error("{path}: after {rows} rows: {source}")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// Rows that could still be read.
        rows: usize,
        /// Why.
        source: parquet::errors::ParquetError,
    },
    /// A column of a Parquet file holds what no record is made of.
    #[error("{path}: column `{column}` holds {found}")]
    Column {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// What it holds.
        found: &'static str,
    },
    /// A folder or pattern stands for no file.
    #[error("{path}: no data files here (.jsonl, .parquet or .txt; .gz and .zst too)")]
    NoFiles {
        /// The folder or pattern.
        path: PathBuf,
    },
    /// A pattern that cannot be read as one.
    #[error("{path}: not a pattern: {reason}")]
    Pattern {
        /// The pattern.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A line is not UTF-8.
    #[error("{path}:{line}: not valid UTF-8 from byte {byte} of the line on")]
    Utf8 {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// Bytes of the line before the first invalid one.
        byte: usize,
    },
    /// A line is not JSON.
    #[error("{path}:{line}: not JSON: {reason} (column {column})")]
    Json {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// Where in the line, in bytes from 1.
        column: usize,
        /// What the parser says.
        reason: String,
    },
    /// A line is JSON, but not an object.
    #[error("{path}:{line}: expected a JSON object, found {found}")]
    NotAnObject {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The JSON type found.
        found: &'static str,
    },
    /// A record lacks a column.
    #[error("{path}:{line}: no field `{field}`; it has {}", names(.present))]
    MissingField {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The column looked for.
        field: String,
        /// The columns there are.
        present: Vec<String>,
    },
    /// A column does not hold text.
    #[error("{path}:{line}: field `{field}` must be a string, found {found}")]
    WrongType {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The column.
        field: String,
        /// The JSON type found.
        found: &'static str,
    },
    /// The file holds no record at all.
    #[error("{path}: holds no records")]
    NoRecords {
        /// The file.
        path: PathBuf,
    },
    /// No record became a document.
    #[error("{path}: none of its {} records gives a document ({counts})", .counts.records)]
    NoDocuments {
        /// The file.
        path: PathBuf,
        /// Where they went.
        counts: Counts,
    },
    /// A labelled item has nothing to be scored on.
    #[error("{path}:{line}: the solution is empty; labelled items need an answer")]
    EmptyAnswer {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
    },
    /// Tokens could not be kept.
    #[error("{path}: {source}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file of kept tokens is not what was written.
    #[error("{path}: damaged ({detail}); remove it to have it made again")]
    Tokens {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A text could not be tokenised.
    #[error("{path}: {source}")]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// Why.
        source: TokenizerError,
    },
}

fn names(present: &[String]) -> String {
    if present.is_empty() {
        return "none".into();
    }
    let quoted: Vec<String> = present.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// A saved position that does not belong to the data it is put back on.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateError {
    /// The state was saved over other documents or another setting.
    #[error("the saved {what} is of other data: {saved} then, {found} now")]
    OtherData {
        /// What was saved: the stream or the feedback order.
        what: &'static str,
        /// Fingerprint in the state.
        saved: String,
        /// Fingerprint of the data at hand.
        found: String,
    },
    /// The state contradicts itself: it was edited or cut.
    #[error("the saved {what} is damaged: {detail}")]
    Damaged {
        /// What was saved.
        what: &'static str,
        /// The contradiction.
        detail: String,
    },
}
