//! All documents of a corpus, by their index.

use super::document::{CHUNK, Fingerprint};
use super::token_file::{TokenFile, TokenFileWriter};
use super::{Counts, DataError, Document, Documents, Formatter, Record, Records};
use std::borrow::Cow;
use std::fs::File;
use std::path::Path;

/// Tokenised documents, numbered in the order of their records, in memory or in a file.
///
/// A stream names documents by number. So its state is small and is put back at once whatever the
/// format of the files was, and an epoch after the first reads no text.
#[derive(Debug)]
pub struct Corpus {
    store: Store,
    counts: Counts,
    fingerprint: String,
}

#[derive(Debug)]
enum Store {
    Memory(Vec<Document>),
    File(TokenFile),
}

impl Corpus {
    /// Documents that are at hand; `path` is where they were read, for the error.
    ///
    /// # Errors
    /// [`DataError::NoDocuments`] if there is none.
    pub fn new(path: &Path, documents: Documents) -> Result<Self, DataError> {
        Self {
            fingerprint: super::document::fingerprint(&documents.documents),
            counts: documents.counts,
            store: Store::Memory(documents.documents),
        }
        .some(path)
    }

    /// The documents of `records`, kept in memory; `path` is where they are read, for the error.
    /// `told` hears of the counts as they grow.
    ///
    /// # Errors
    /// Records that cannot be read or tokenised, or of which none gives a document.
    pub fn read(
        path: &Path,
        records: Records,
        formatter: &Formatter<'_>,
        told: &mut dyn FnMut(Counts),
    ) -> Result<Self, DataError> {
        let mut documents = Vec::new();
        let (counts, fingerprint) = tokenise(path, records, formatter, told, &mut |document| {
            documents.push(document);
            Ok(())
        })?;
        Self {
            store: Store::Memory(documents),
            counts,
            fingerprint,
        }
        .some(path)
    }

    /// As [`read`](Self::read), but kept in `folder` in a file named by `key`, which must tell apart
    /// whatever the tokens depend on: the files, and how records become documents. A file that is
    /// there is used as it is, without a look at the records; of processes that want the same one,
    /// one makes it and the others wait.
    ///
    /// # Errors
    /// As for [`read`](Self::read); also a folder or file that cannot be written.
    pub fn cached(
        folder: &Path,
        key: &str,
        path: &Path,
        records: Records,
        formatter: &Formatter<'_>,
        told: &mut dyn FnMut(Counts),
    ) -> Result<Self, DataError> {
        let file = folder.join(format!("{key}.safetensors"));
        if let Some(corpus) = Self::kept(&file, formatter)? {
            return Ok(corpus);
        }
        let write_error = |source| DataError::Write {
            path: folder.into(),
            source,
        };
        std::fs::create_dir_all(folder).map_err(write_error)?;
        let lock = File::create(folder.join(format!("{key}.lock"))).map_err(write_error)?;
        // A file system without locks only costs the work twice.
        let _ = lock.lock();
        if let Some(corpus) = Self::kept(&file, formatter)? {
            return Ok(corpus);
        }
        let mut writer = TokenFileWriter::new(&file)?;
        let (counts, fingerprint) = tokenise(path, records, formatter, told, &mut |document| {
            writer.push(&document)
        })?;
        if counts.documents == 0 {
            return Err(no_documents(path, counts));
        }
        writer.finish(counts, &fingerprint)?;
        Self::kept(&file, formatter)?.ok_or_else(|| DataError::Tokens {
            path: file,
            detail: "cannot be opened again".into(),
        })
    }

    /// The corpus kept in `file`; none if there is none that can be used.
    fn kept(file: &Path, formatter: &Formatter<'_>) -> Result<Option<Self>, DataError> {
        let vocab_size = formatter.tokenizer.vocab_size();
        let opened = TokenFile::open(file, vocab_size, formatter.seq_len)?;
        Ok(opened.map(|(file, counts, fingerprint)| Self {
            store: Store::File(file),
            counts,
            fingerprint,
        }))
    }

    fn some(self, path: &Path) -> Result<Self, DataError> {
        match self.len() {
            0 => Err(no_documents(path, self.counts)),
            _ => Ok(self),
        }
    }

    /// Documents; at least one.
    #[allow(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        match &self.store {
            Store::Memory(documents) => documents.len(),
            Store::File(file) => file.len(),
        }
    }

    /// What was cut or left out.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// SHA-256 over all tokens and borders, in hexadecimal.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Tokens of the prompt and of the answer of document `index`.
    ///
    /// # Errors
    /// A file of kept tokens that is damaged.
    ///
    /// # Panics
    /// If there is no such document.
    pub fn lengths(&self, index: usize) -> Result<(usize, usize), DataError> {
        match &self.store {
            Store::Memory(documents) => {
                let document = &documents[index];
                Ok((document.prompt.len(), document.answer.len()))
            }
            Store::File(file) => file.lengths(index),
        }
    }

    /// Document `index`.
    ///
    /// # Errors
    /// As for [`lengths`](Self::lengths).
    ///
    /// # Panics
    /// If there is no such document.
    pub fn document(&self, index: usize) -> Result<Cow<'_, Document>, DataError> {
        match &self.store {
            Store::Memory(documents) => Ok(Cow::Borrowed(&documents[index])),
            Store::File(file) => file.document(index).map(Cow::Owned),
        }
    }
}

fn no_documents(path: &Path, counts: Counts) -> DataError {
    DataError::NoDocuments {
        path: path.into(),
        counts,
    }
}

/// Hands the documents of `records` to `keep`, one by one; returns the counts and the fingerprint.
fn tokenise(
    path: &Path,
    mut records: Records,
    formatter: &Formatter<'_>,
    told: &mut dyn FnMut(Counts),
    keep: &mut dyn FnMut(Document) -> Result<(), DataError>,
) -> Result<(Counts, String), DataError> {
    let (mut counts, mut hash) = (Counts::default(), Fingerprint::default());
    loop {
        let chunk: Vec<Record> = records.by_ref().take(CHUNK).collect::<Result<_, _>>()?;
        if chunk.is_empty() {
            break;
        }
        let made = formatter
            .format(&chunk)
            .map_err(|source| DataError::Tokenizer {
                path: path.into(),
                source,
            })?;
        counts += made.counts;
        for document in made.documents {
            hash.add(&document);
            keep(document)?;
        }
        told(counts);
    }
    counts.filtered = records.filtered();
    counts.records += counts.filtered;
    Ok((counts, hash.finish()))
}
