//! The unlabelled corpus that a config names: its files, and its tokens from them or from the cache.

use super::RunError;
use crate::config::RunConfig;
use crate::data::{Corpus, Counts, DataError, Formatter, Records, is_data_file, shards};
use glob::Pattern;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use vpt_core::hub::{Hub, RepoName};
use vpt_core::run::locate;

const HUB: &str = "hub:";
/// Names the user's cache folder for vpt.
const OVERRIDE: &str = "VPT_CACHE";
/// Bytes of files, compressed or not, from which on their tokens are kept unless the config says
/// where to: tokenising less is a matter of seconds.
const LARGE: u64 = 32 << 20;

/// Opens `config.data.corpus`, tokenising it unless the cache has it. `told` hears how far that is.
pub(super) fn open(
    config: &RunConfig,
    formatter: &Formatter<'_>,
    told: &mut dyn FnMut(Counts),
) -> Result<Corpus, RunError> {
    let data = &config.data;
    let name = Path::new(&data.corpus);
    let files = files(&data.corpus)?;
    let stamps = files.iter().map(|file| stamp(file));
    let stamps = stamps.collect::<Result<Vec<_>, _>>()?;
    let folder = match data.cache.as_str() {
        "" if stamps.iter().map(|stamp| stamp.bytes).sum::<u64>() < LARGE => None,
        "" => cache_folder(),
        folder => Some(PathBuf::from(folder)),
    };
    let records = Records::open(files, &data.columns, data.filter()?);
    let Some(folder) = folder else {
        return Ok(Corpus::read(name, records, formatter, told)?);
    };
    let key = key(config, formatter, &stamps)?;
    Ok(Corpus::cached(
        &folder, &key, name, records, formatter, told,
    )?)
}

/// The files of a corpus: a path, folder or pattern, `builtin:NAME`, or `hub:OWNER/NAME`.
///
/// # Errors
/// No such files, or a data set that cannot be had.
pub fn files(corpus: &str) -> Result<Vec<PathBuf>, RunError> {
    match corpus.strip_prefix(HUB) {
        Some(name) => from_hub(corpus, name),
        None => Ok(shards(&locate(corpus)?)?),
    }
}

/// Files of `OWNER/NAME`, `OWNER/NAME@REVISION`, each with `:PATTERN` at will. Without a pattern those
/// of the train split, or all where no file is named after it.
fn from_hub(corpus: &str, name: &str) -> Result<Vec<PathBuf>, RunError> {
    let (repository, pattern) = match name.split_once(':') {
        Some((repository, pattern)) => (repository, Some(pattern)),
        None => (name, None),
    };
    let repository = RepoName::parse(repository)
        .ok_or_else(|| RunError::folder(corpus, "is not hub:OWNER/NAME[@REVISION][:PATTERN]"))?;
    let pattern = pattern.map(Pattern::new).transpose().map_err(|error| {
        RunError::Data(DataError::Pattern {
            path: corpus.into(),
            reason: error.msg,
        })
    })?;
    let refused = |source| RunError::DataSet {
        name: corpus.into(),
        source: Box::new(source),
    };
    let hub = Hub::from_env().map_err(refused)?;
    let (repo, revision) = (&repository.repo, repository.revision.as_deref());
    let listing = hub.dataset_listing(repo, revision).map_err(refused)?;
    let split = listing.iter().any(|file| is_train(file));
    let wanted = |file: &str| match &pattern {
        Some(pattern) => pattern.matches(file),
        None if split => is_train(file),
        None => is_data_file(Path::new(file)),
    };
    if !listing.iter().any(|file| wanted(file)) {
        return Err(RunError::Data(DataError::NoFiles {
            path: corpus.into(),
        }));
    }
    hub.dataset_files(repo, revision, wanted).map_err(refused)
}

/// Whether a file of a data set belongs to its train split: `data/train-00000-of-00005.parquet`.
fn is_train(file: &str) -> bool {
    let path = Path::new(file);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    is_data_file(path) && name.starts_with("train")
}

/// What tells a file from itself at another time without reading it.
struct Stamp {
    path: PathBuf,
    bytes: u64,
    changed: u128,
}

fn stamp(file: &Path) -> Result<Stamp, RunError> {
    let path = file.canonicalize().map_err(RunError::io(file))?;
    let metadata = path.metadata().map_err(RunError::io(file))?;
    // A file system without times leaves path and size.
    let changed = metadata.modified().ok();
    let changed = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Ok(Stamp {
        path,
        bytes: metadata.len(),
        changed: changed.map_or(0, |time| time.as_nanos()),
    })
}

/// What the tokens of a corpus depend on, as a name for their file.
fn key(
    config: &RunConfig,
    formatter: &Formatter<'_>,
    stamps: &[Stamp],
) -> Result<String, RunError> {
    let data = &config.data;
    let files = stamps
        .iter()
        .map(|stamp| json!([stamp.path, stamp.bytes, stamp.changed.to_string()]));
    let parts = json!({
        "files": files.collect::<Vec<_>>(),
        "columns": data.columns,
        "filter": data.filter,
        "prompt": data.prompt,
        "answer": data.answer,
        "seq_len": data.seq_len,
        "tokenizer": formatter.tokenizer.fingerprint()?,
    });
    let hash = format!("{:x}", Sha256::digest(parts.to_string()));
    Ok(hash[..32].to_owned())
}

/// `$VPT_CACHE/tokens`, else `vpt/tokens` in `$XDG_CACHE_HOME` or `~/.cache`; none without a home.
fn cache_folder() -> Option<PathBuf> {
    let named = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let folder = match (named(OVERRIDE), named("XDG_CACHE_HOME")) {
        (Some(folder), _) => PathBuf::from(folder),
        (None, Some(caches)) => Path::new(&caches).join("vpt"),
        (None, None) => std::env::home_dir()?.join(".cache").join("vpt"),
    };
    Some(folder.join("tokens"))
}
