//! Which files a path stands for.

use super::format::Name;
use crate::data::DataError;
use std::path::{Path, PathBuf};

/// The files that `path` stands for, in the order of their names: itself; for a folder, the data
/// files in it (not below it); for a pattern (`*`, `?`, `[a-z]`, and `**` for any folders between),
/// the files that fit it.
///
/// # Errors
/// A folder that cannot be read, a pattern that is none, or no such file.
pub fn shards(path: &Path) -> Result<Vec<PathBuf>, DataError> {
    if path.is_dir() {
        return of_folder(path);
    }
    match path.to_str() {
        Some(pattern) if !path.exists() && pattern.contains(['*', '?', '[']) => {
            of_pattern(path, pattern)
        }
        _ => Ok(vec![path.into()]),
    }
}

/// Whether the name of `path` says that it holds records.
pub fn is_data_file(path: &Path) -> bool {
    Name::of(path).is_data()
}

fn of_folder(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let read_error = |source| DataError::Read {
        path: folder.into(),
        source,
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(read_error)? {
        let path = entry.map_err(read_error)?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && path.is_file() && is_data_file(&path) {
            files.push(path);
        }
    }
    files.sort();
    some(folder, files)
}

fn of_pattern(path: &Path, pattern: &str) -> Result<Vec<PathBuf>, DataError> {
    let found = glob::glob(pattern).map_err(|error| DataError::Pattern {
        path: path.into(),
        reason: error.msg,
    })?;
    let mut files = Vec::new();
    for entry in found {
        let file = entry.map_err(|error| DataError::Read {
            path: error.path().into(),
            source: error.into(),
        })?;
        if file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    some(path, files)
}

fn some(path: &Path, files: Vec<PathBuf>) -> Result<Vec<PathBuf>, DataError> {
    if files.is_empty() {
        Err(DataError::NoFiles { path: path.into() })
    } else {
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_patterns_in_the_order_of_names() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("b")).unwrap();
        let names = [
            "b.jsonl.zst",
            "a.parquet",
            "c.txt.gz",
            "README",
            ".a.jsonl",
            "b/d.jsonl",
        ];
        for name in names {
            std::fs::write(at(name), "").unwrap();
        }
        let names = |path: PathBuf| -> Vec<String> {
            let files = shards(&path).unwrap().into_iter();
            let relative = |file: PathBuf| {
                let file = file.strip_prefix(folder.path()).unwrap();
                file.to_str().unwrap().to_owned()
            };
            files.map(relative).collect()
        };
        assert_eq!(
            names(folder.path().into()),
            ["a.parquet", "b.jsonl.zst", "c.txt.gz"]
        );
        assert_eq!(names(at("[ab].*")), ["a.parquet", "b.jsonl.zst"]);
        assert_eq!(names(at("**/*.jsonl")), [".a.jsonl", "b/d.jsonl"]);
        assert_eq!(names(at("no-such.jsonl")), ["no-such.jsonl"]);
        for nothing in [at("*.csv"), at("b/x*")] {
            let error = shards(&nothing).unwrap_err();
            assert!(matches!(error, DataError::NoFiles { .. }), "{error}");
        }
        let error = shards(&at("***")).unwrap_err();
        assert!(matches!(error, DataError::Pattern { .. }), "{error}");
    }

    #[test]
    fn a_file_whose_name_looks_like_a_pattern_is_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a[1].jsonl");
        std::fs::write(&path, "").unwrap();
        assert_eq!(shards(&path).unwrap(), [path]);
    }
}
