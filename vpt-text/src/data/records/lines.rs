//! Lines of UTF-8, compressed or not.

use super::format::Compression;
use crate::data::DataError;
use std::io::{self, BufRead};
use std::path::PathBuf;

/// The lines of a file, one at a time, without a byte-order mark.
pub(super) struct Lines {
    pub(super) path: PathBuf,
    pub(super) reader: Box<dyn BufRead + Send>,
    pub(super) compression: Option<Compression>,
    /// Lines read.
    pub(super) count: usize,
    pub(super) bytes: Vec<u8>,
}

impl Lines {
    /// The next line with its end, or none at the end of the file.
    pub(super) fn read(&mut self) -> Result<Option<&str>, DataError> {
        self.bytes.clear();
        let read = self.reader.read_until(b'\n', &mut self.bytes);
        let read = read.map_err(|source| match self.compression {
            Some(compression) if source.kind() != io::ErrorKind::IsADirectory => {
                DataError::Compressed {
                    path: self.path.clone(),
                    compression: compression.name(),
                    lines: self.count,
                    source,
                }
            }
            _ => DataError::Read {
                path: self.path.clone(),
                source,
            },
        })?;
        if read == 0 {
            return Ok(None);
        }
        self.count += 1;
        let mut text = self.bytes.as_slice();
        if self.count == 1 {
            text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        }
        let text = std::str::from_utf8(text).map_err(|error| DataError::Utf8 {
            path: self.path.clone(),
            line: self.count,
            byte: error.valid_up_to(),
        })?;
        Ok(Some(text))
    }
}
