//! What a run is made from, as hashes that a resume must meet again.

use crate::{CoreError, to_state};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A hash for each part that a run is made from, so that a resume can name the one that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint(Vec<(String, String)>);

impl Fingerprint {
    /// Of a config and the files it is run on, each with the name it goes by.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn new(
        config: &impl Serialize,
        files: &[(&'static str, impl AsRef<Path>)],
    ) -> Result<Self, CoreError> {
        let text = to_state(config).to_string();
        let mut parts = vec![("config".to_owned(), hex(Sha256::new_with_prefix(text)))];
        for (name, file) in files {
            parts.push(((*name).to_owned(), file_hash(file.as_ref())?));
        }
        Ok(Self(parts))
    }

    /// With a part that has a hash of its own.
    pub fn with(mut self, name: &str, hash: &str) -> Self {
        self.0.push((name.into(), hash.into()));
        self
    }

    /// The hash of the config alone.
    pub fn config(&self) -> &str {
        &self.0[0].1
    }

    /// The first part that differs from what `saved` (as it was displayed) has.
    pub fn changed(&self, saved: &str) -> Option<&str> {
        let saved: Vec<(&str, &str)> = saved
            .split_whitespace()
            .filter_map(|part| part.split_once('='))
            .collect();
        let changed = |(name, hash): &&(String, String)| !saved.contains(&(name, hash));
        self.0.iter().find(changed).map(|(name, _)| name.as_str())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, hash)) in self.0.iter().enumerate() {
            let gap = if index == 0 { "" } else { " " };
            write!(f, "{gap}{name}={hash}")?;
        }
        Ok(())
    }
}

/// Endings of the files that a model folder is read from.
const MODEL_FILES: [&str; 5] = ["json", "safetensors", "bin", "pth", "gguf"];

/// SHA-256 of what a model is read from, by file name: the file itself, or those of a folder that
/// hold its configuration, tokenizer and weights.
///
/// # Errors
/// A file that cannot be read.
pub fn model_files(path: &Path) -> Result<BTreeMap<String, String>, CoreError> {
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(CoreError::io(path))?;
        let entries = entries.map(|entry| entry.map(|entry| entry.path()));
        files = entries
            .collect::<Result<_, _>>()
            .map_err(CoreError::io(path))?;
        files.retain(|file| {
            let ending = file.extension().and_then(|ending| ending.to_str());
            file.is_file() && ending.is_some_and(|ending| MODEL_FILES.contains(&ending))
        });
    }
    let named = files.iter().map(|file| {
        let name = file.file_name().unwrap_or_default();
        Ok((name.to_string_lossy().into_owned(), file_hash(file)?))
    });
    named.collect()
}

/// SHA-256 of `file`, in hexadecimal.
fn file_hash(file: &Path) -> Result<String, CoreError> {
    let mut reader = File::open(file).map_err(CoreError::io(file))?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        let read = reader.read(&mut buffer).map_err(CoreError::io(file))?;
        if read == 0 {
            return Ok(hex(hash));
        }
        hash.update(&buffer[..read]);
    }
}

fn hex(hash: Sha256) -> String {
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
