//! The stream, once from end to end.

use super::output::NewFile;
use super::{Compression, DecontaminateError, Removed, Summary, TestIndex};
use crate::data::{Record, Records};
use rayon::prelude::*;
use serde_json::json;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Records judged at a time: enough for all cores, little in memory.
const CHUNK: usize = 4096;

/// What a pass writes; nothing for a rehearsal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outputs<'a> {
    /// The rows that stay, as JSONL in the stream's order: lines of JSONL as they are, rows of Parquet
    /// files with all their columns.
    pub clean: Option<(&'a Path, Compression)>,
    /// Settings, every removed record and the summary, as JSON.
    pub report: Option<&'a Path>,
}

/// Reads `records` to their end and removes the near-duplicates of `index`'s items. Only a chunk of
/// the stream is in memory at a time; records are judged on all cores and written in their order, so
/// that the files do not depend on the number of threads.
///
/// `observe` sees the summary so far after each chunk and may end the pass: then there is no summary
/// and no file. Files appear under their names when the whole stream is done.
///
/// # Errors
/// A stream that cannot be read; a file that cannot be written.
pub fn decontaminate(
    records: Records,
    index: &TestIndex,
    outputs: Outputs<'_>,
    mut observe: impl FnMut(&Summary) -> ControlFlow<()>,
) -> Result<Option<Summary>, DecontaminateError> {
    let create = |(path, compression)| NewFile::create(path, compression);
    let mut clean = outputs.clean.map(create).transpose()?;
    let mut records = match clean {
        Some(_) => records.keep_rows(),
        None => records,
    };
    let report = outputs.report.map(|path| Report::create(path, index));
    let mut report = report.transpose()?;
    let mut summary = Summary::new(index);
    loop {
        let chunk = next_chunk(&mut records)?;
        if chunk.is_empty() {
            break;
        }
        let verdicts: Vec<_> = chunk
            .par_iter()
            .map(|read| index.judge(&read.record))
            .collect();
        for (read, verdict) in chunk.iter().zip(verdicts) {
            summary.count(verdict.as_ref());
            match (verdict, &mut clean, &mut report) {
                (None, Some(clean), _) => {
                    clean.write(read.row.as_bytes())?;
                    clean.write(b"\n")?;
                }
                (Some(verdict), _, Some(report)) => {
                    let number = summary.records;
                    report.add(&Removed::new(
                        index,
                        number,
                        &read.file,
                        &read.record,
                        &verdict,
                    ))?;
                }
                _ => {}
            }
        }
        summary.filtered = records.filtered();
        if observe(&summary).is_break() {
            return Ok(None);
        }
    }
    summary.filtered = records.filtered();
    // The report last: where it is, the stream is too.
    clean.map(NewFile::finish).transpose()?;
    report.map(|report| report.finish(&summary)).transpose()?;
    Ok(Some(summary))
}

/// A record, the file that it comes from and, where the stream is written, its row.
struct Read {
    file: PathBuf,
    record: Record,
    row: String,
}

/// The next records; none at the end.
fn next_chunk(records: &mut Records) -> Result<Vec<Read>, DecontaminateError> {
    let mut chunk = Vec::with_capacity(CHUNK);
    while chunk.len() < CHUNK
        && let Some(record) = records.next().transpose()?
    {
        chunk.push(Read {
            file: records.path().map(PathBuf::from).unwrap_or_default(),
            record,
            row: records.row().map(str::to_owned).unwrap_or_default(),
        });
    }
    Ok(chunk)
}

/// The report, written as the stream goes by.
struct Report {
    file: NewFile,
    first: bool,
}

impl Report {
    fn create(path: &Path, index: &TestIndex) -> Result<Self, DecontaminateError> {
        let mut file = NewFile::create(path, Compression::None)?;
        let settings = index.settings();
        let lsh = index.bands().zip(settings.jaccard).map(|(bands, rule)| {
            json!({
                "bands": bands.bands,
                "rows": bands.rows,
                "probability_at_threshold": bands.probability(rule.threshold),
            })
        });
        let head =
            json!({ "version": env!("CARGO_PKG_VERSION"), "settings": settings, "lsh": lsh });
        let head = head.to_string();
        // The object stays open for what follows.
        let open = head.strip_suffix('}').unwrap_or(&head);
        file.write(open.as_bytes())?;
        file.write(b",\n\"removed\":[")?;
        Ok(Self { file, first: true })
    }

    fn add(&mut self, removed: &Removed) -> Result<(), DecontaminateError> {
        self.file.write(if self.first { b"\n" } else { b",\n" })?;
        self.first = false;
        self.file.write(json!(removed).to_string().as_bytes())
    }

    fn finish(mut self, summary: &Summary) -> Result<(), DecontaminateError> {
        let end = format!("\n],\n\"summary\":{}}}\n", json!(summary));
        self.file.write(end.as_bytes())?;
        self.file.finish()
    }
}
