//! The runs of an experiment: `runs/METHOD-sSEED`.

use super::ExperimentError;
use std::path::{Path, PathBuf};

/// A finished run of an experiment.
pub trait Arm {
    /// Its method.
    fn method(&self) -> &str;

    /// Its seed.
    fn seed(&self) -> u64;
}

/// `METHOD-sSEED`, the name of a run's folder.
pub fn run_name(method: &str, seed: u64) -> String {
    format!("{method}-s{seed}")
}

/// `out/runs/METHOD-sSEED` for every method and seed that there is one of. A folder that is not there is a
/// run that was not made (a control may have fewer seeds).
///
/// # Errors
/// There is none at all.
pub fn run_folders(
    out: &Path,
    methods: &[String],
    seeds: &[u64],
) -> Result<Vec<PathBuf>, ExperimentError> {
    let folder = out.join("runs");
    let found: Vec<PathBuf> = methods
        .iter()
        .flat_map(|method| seeds.iter().map(move |seed| run_name(method, *seed)))
        .map(|name| folder.join(name))
        .filter(|run| run.is_dir())
        .collect();
    if found.is_empty() {
        return Err(ExperimentError::NoRuns {
            path: folder,
            methods: methods.join(", "),
        });
    }
    Ok(found)
}

/// Methods in order of appearance.
pub fn methods<R: Arm>(runs: &[R]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for run in runs {
        if !names.contains(&run.method()) {
            names.push(run.method());
        }
    }
    names
}
