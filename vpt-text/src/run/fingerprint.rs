//! What a run is made from, as a hash that a resume must meet again.

use super::RunError;
use crate::config::RunConfig;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// SHA-256 of `file`, in hexadecimal.
pub(super) fn file_hash(file: &Path) -> Result<String, RunError> {
    let mut reader = File::open(file).map_err(RunError::io(file))?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        let read = reader.read(&mut buffer).map_err(RunError::io(file))?;
        if read == 0 {
            return Ok(hex(hash));
        }
        hash.update(&buffer[..read]);
    }
}

/// The hash of a config and the files it is run on.
pub(super) fn fingerprint(config: &RunConfig, files: &[&Path]) -> Result<String, RunError> {
    let mut hash = Sha256::new();
    hash.update(vpt_core::to_state(config).to_string());
    for file in files {
        hash.update(file_hash(file)?);
    }
    Ok(hex(hash))
}

fn hex(hash: Sha256) -> String {
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
