//! Tokenised documents in a file, found by their number with one seek.
//!
//! It is a safetensors file, so that other programs can read it too: `tokens` (u32) holds all
//! documents one after another, `borders` (u64, `[documents + 1, 2]`) where in it each document's
//! prompt and answer begin, with the end of all tokens in the last row. Metadata: `counts`,
//! `fingerprint`.

use super::{Counts, DataError, Document};
use safetensors::tensor::{Dtype, Metadata};
use serde_json::json;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tempfile::NamedTempFile;

/// Bytes before the tokens: the header's length, and the header, filled up with spaces. It comes
/// first in the file and is known last.
const START: u64 = 1024;
const ROW: u64 = 16;

/// An open file of documents.
#[derive(Debug)]
pub(super) struct TokenFile {
    path: PathBuf,
    /// Held while it is moved and read.
    file: Mutex<File>,
    documents: usize,
    tokens: u64,
    vocab_size: usize,
    /// Tokens that a document may have.
    longest: u64,
}

impl TokenFile {
    /// Opens a file that [`TokenFileWriter`] made, with what it was finished with; none if there is
    /// none, or one of another make or length.
    pub(super) fn open(
        path: &Path,
        vocab_size: usize,
        seq_len: usize,
    ) -> Result<Option<(Self, Counts, String)>, DataError> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(DataError::Read {
                    path: path.into(),
                    source,
                });
            }
        };
        let mut head = vec![0; START as usize];
        let Some(header) = file
            .read_exact(&mut head)
            .ok()
            .and_then(|()| Header::parse(&head))
        else {
            return Ok(None);
        };
        // Saturating: of a length that no file has.
        let rows = ROW
            .saturating_mul(header.documents as u64)
            .saturating_add(ROW);
        let expected = header.tokens.saturating_mul(4).saturating_add(rows);
        let expected = expected.saturating_add(START);
        if file.metadata().map(|data| data.len()).ok() != Some(expected) {
            return Ok(None);
        }
        let opened = Self {
            path: path.into(),
            file: Mutex::new(file),
            documents: header.documents,
            tokens: header.tokens,
            vocab_size,
            longest: seq_len as u64 + 1,
        };
        Ok(Some((opened, header.counts, header.fingerprint)))
    }

    pub(super) fn len(&self) -> usize {
        self.documents
    }

    pub(super) fn lengths(&self, index: usize) -> Result<(usize, usize), DataError> {
        let [prompt, answer, end] = self.borders(index)?;
        Ok(((answer - prompt) as usize, (end - answer) as usize))
    }

    pub(super) fn document(&self, index: usize) -> Result<Document, DataError> {
        let [prompt, answer, end] = self.borders(index)?;
        let mut bytes = vec![0; 4 * (end - prompt) as usize];
        self.read(START + 4 * prompt, &mut bytes)?;
        let mut tokens: Vec<u32> = bytes
            .chunks_exact(4)
            .map(|token| {
                token
                    .iter()
                    .rev()
                    .fold(0, |id, byte| id << 8 | u32::from(*byte))
            })
            .collect();
        if let Some(id) = tokens.iter().find(|id| **id as usize >= self.vocab_size) {
            return Err(self.damaged(format!("document {index} has token {id}")));
        }
        let answer = tokens.split_off((answer - prompt) as usize);
        Ok(Document {
            prompt: tokens,
            answer,
        })
    }

    /// Where the prompt of a document begins, where its answer does, and where that ends, in tokens.
    fn borders(&self, index: usize) -> Result<[u64; 3], DataError> {
        assert!(
            index < self.documents,
            "document {index} of {}",
            self.documents
        );
        let mut bytes = [0; 24];
        self.read(START + 4 * self.tokens + ROW * index as u64, &mut bytes)?;
        let [prompt, answer, end] = [0, 8, 16].map(|at| {
            bytes[at..at + 8]
                .iter()
                .rev()
                .fold(0, |number, byte| number << 8 | u64::from(*byte))
        });
        let ordered = prompt <= answer && answer <= end && end <= self.tokens;
        if ordered && end - prompt <= self.longest {
            Ok([prompt, answer, end])
        } else {
            Err(self.damaged(format!("document {index} from {prompt} to {end}")))
        }
    }

    fn read(&self, at: u64, bytes: &mut [u8]) -> Result<(), DataError> {
        // A position left by a thread that died is set anew.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(at))
            .and_then(|_| file.read_exact(bytes))
            .map_err(|source| DataError::Read {
                path: self.path.clone(),
                source,
            })
    }

    fn damaged(&self, detail: String) -> DataError {
        DataError::Tokens {
            path: self.path.clone(),
            detail,
        }
    }
}

struct Header {
    documents: usize,
    tokens: u64,
    counts: Counts,
    fingerprint: String,
}

impl Header {
    fn parse(head: &[u8]) -> Option<Self> {
        let (length, header) = head.split_at_checked(8)?;
        let metadata: Metadata = serde_json::from_slice(header).ok()?;
        let tokens = metadata.info("tokens")?;
        let borders = metadata.info("borders")?;
        let (&[count], &[rows, 2]) = (&tokens.shape[..], &borders.shape[..]) else {
            return None;
        };
        let sound = length == (header.len() as u64).to_le_bytes()
            && (tokens.dtype, borders.dtype) == (Dtype::U32, Dtype::U64)
            && tokens.data_offsets.0 == 0
            && tokens.data_offsets.1 == borders.data_offsets.0;
        let notes = metadata.metadata().as_ref()?;
        let header = Self {
            documents: rows.checked_sub(1)?,
            tokens: count as u64,
            counts: serde_json::from_str(notes.get("counts")?).ok()?,
            fingerprint: notes.get("fingerprint")?.clone(),
        };
        sound.then_some(header)
    }
}

/// Makes a file of documents. It appears under its name when it is finished.
pub(super) struct TokenFileWriter {
    path: PathBuf,
    tokens: BufWriter<NamedTempFile>,
    /// Kept apart until all tokens are written.
    borders: BufWriter<File>,
    documents: u64,
    count: u64,
}

impl TokenFileWriter {
    pub(super) fn new(path: &Path) -> Result<Self, DataError> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let begin = || {
            let mut tokens = BufWriter::new(NamedTempFile::new_in(folder)?);
            tokens.write_all(&[b' '; START as usize])?;
            Ok((tokens, BufWriter::new(tempfile::tempfile_in(folder)?)))
        };
        let (tokens, borders) = begin().map_err(write_error(path))?;
        Ok(Self {
            path: path.into(),
            tokens,
            borders,
            documents: 0,
            count: 0,
        })
    }

    pub(super) fn push(&mut self, document: &Document) -> Result<(), DataError> {
        self.try_push(document).map_err(write_error(&self.path))
    }

    fn try_push(&mut self, document: &Document) -> io::Result<()> {
        let answer = self.count + document.prompt.len() as u64;
        self.border(self.count, answer)?;
        for token in document.tokens() {
            self.tokens.write_all(&token.to_le_bytes())?;
        }
        self.count = answer + document.answer.len() as u64;
        self.documents += 1;
        Ok(())
    }

    fn border(&mut self, prompt: u64, answer: u64) -> io::Result<()> {
        self.borders.write_all(&prompt.to_le_bytes())?;
        self.borders.write_all(&answer.to_le_bytes())
    }

    /// Puts the file under its name.
    pub(super) fn finish(self, counts: Counts, fingerprint: &str) -> Result<(), DataError> {
        let path = self.path.clone();
        self.try_finish(counts, fingerprint)
            .map_err(write_error(&path))
    }

    fn try_finish(mut self, counts: Counts, fingerprint: &str) -> io::Result<()> {
        self.border(self.count, self.count)?;
        let mut borders = self.borders.into_inner()?;
        borders.seek(SeekFrom::Start(0))?;
        io::copy(&mut BufReader::new(borders), &mut self.tokens)?;
        let mut file = self.tokens.into_inner()?;

        let (bytes, rows) = (4 * self.count, self.documents + 1);
        let header = json!({
            "__metadata__": {
                "counts": serde_json::to_string(&counts)?,
                "fingerprint": fingerprint,
            },
            "tokens": {"dtype": "U32", "shape": [self.count], "data_offsets": [0, bytes]},
            "borders": {
                "dtype": "U64",
                "shape": [rows, 2],
                "data_offsets": [bytes, bytes + ROW * rows],
            },
        });
        let room = START as usize - 8;
        let header = format!("{:room$}", header.to_string());
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(header.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }
}

fn write_error(path: &Path) -> impl FnOnce(io::Error) -> DataError {
    let path = path.to_owned();
    move |source| DataError::Write { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::SafeTensors;

    fn documents() -> Vec<Document> {
        [(&[5, 6][..], &[7, 1][..]), (&[], &[300, 1]), (&[9], &[1])]
            .map(|(prompt, answer)| Document {
                prompt: prompt.into(),
                answer: answer.into(),
            })
            .into()
    }

    fn write(path: &Path) {
        let mut writer = TokenFileWriter::new(path).unwrap();
        for document in documents() {
            writer.push(&document).unwrap();
        }
        let counts = Counts {
            documents: 3,
            filtered: 4,
            ..Counts::default()
        };
        writer.finish(counts, "print").unwrap();
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        write(&path);
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "no temporary file is left");
        let (file, counts, fingerprint) = TokenFile::open(&path, 301, 3).unwrap().unwrap();
        assert_eq!((counts.documents, counts.filtered), (3, 4));
        assert_eq!((fingerprint.as_str(), file.len()), ("print", 3));
        for (index, document) in documents().into_iter().enumerate().rev() {
            let lengths = (document.prompt.len(), document.answer.len());
            assert_eq!(file.lengths(index).unwrap(), lengths);
            assert_eq!(file.document(index).unwrap(), document);
        }
    }

    #[test]
    fn other_programs_read_it_as_safetensors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        write(&path);
        let bytes = std::fs::read(&path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let tokens = file.tensor("tokens").unwrap();
        assert_eq!((tokens.dtype(), tokens.shape()), (Dtype::U32, &[8][..]));
        let expected: Vec<u8> = [5u32, 6, 7, 1, 300, 1, 9, 1]
            .iter()
            .flat_map(|id| id.to_le_bytes())
            .collect();
        assert_eq!(tokens.data(), expected);
        let borders = file.tensor("borders").unwrap();
        assert_eq!(
            (borders.dtype(), borders.shape()),
            (Dtype::U64, &[4, 2][..])
        );
        let expected: Vec<u8> = [0u64, 2, 4, 4, 6, 7, 8, 8]
            .iter()
            .flat_map(|at| at.to_le_bytes())
            .collect();
        assert_eq!(borders.data(), expected);
    }

    #[test]
    fn another_make_or_length_is_no_such_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        assert!(TokenFile::open(&path, 301, 3).unwrap().is_none());
        write(&path);
        let whole = std::fs::read(&path).unwrap();
        let mut other = whole.clone();
        other[0] ^= 1;
        let longer = [&whole[..], b"0"].concat();
        for bytes in [
            &b""[..],
            b"{}",
            &whole[..1024],
            &whole[..whole.len() - 1],
            &longer,
            &other,
        ] {
            std::fs::write(&path, bytes).unwrap();
            assert!(TokenFile::open(&path, 301, 3).unwrap().is_none());
        }
    }

    #[test]
    fn damage_is_told_and_never_panics() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        write(&path);
        let whole = std::fs::read(&path).unwrap();
        let error = |open: &TokenFile, index| open.document(index).unwrap_err().to_string();
        let (file, ..) = TokenFile::open(&path, 300, 3).unwrap().unwrap();
        assert!(error(&file, 1).contains("damaged (document 1 has token 300)"));
        let (file, ..) = TokenFile::open(&path, 301, 2).unwrap().unwrap();
        assert!(error(&file, 0).contains("damaged (document 0 from 0 to 4)"));
        // Of the last row the end of all tokens is read once, as where a prompt would begin.
        for at in START as usize..whole.len() - 8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x80;
            std::fs::write(&path, bytes).unwrap();
            let (file, ..) = TokenFile::open(&path, 301, 3).unwrap().unwrap();
            let read = (0..3).map(|index| file.document(index));
            let read: Result<Vec<_>, _> = read.collect();
            assert_ne!(read.ok(), Some(documents()), "byte {at}");
        }
    }
}
