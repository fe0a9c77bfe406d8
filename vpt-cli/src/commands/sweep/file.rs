//! A sweep's file.

use crate::failure::Failure;
use std::path::Path;
use vpt_core::sweep::Sweep;

/// Reads and checks it.
pub(super) fn read(path: &Path) -> Result<Sweep, Failure> {
    let refused = |said: String| Failure::Usage(format!("{}{said}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| refused(format!(": {error}")))?;
    let sweep: Sweep = toml::from_str(&text).map_err(|error| {
        let before = error.span().map_or(0, |span| span.start);
        let line = 1 + text.bytes().take(before).filter(|b| *b == b'\n').count();
        refused(format!(":{line}: {}", error.message()))
    })?;
    sweep
        .check()
        .map_err(|refusal| refused(format!(": {refusal}")))?;
    Ok(sweep)
}
