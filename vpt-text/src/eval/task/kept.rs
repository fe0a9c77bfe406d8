//! Items that are done, kept in a file beside the result while that is being made.

use super::TaskError;
use super::items::{Items, hex};
use super::run::Said;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// What was said to items so far, one a line of JSON, each with the hashes of its prompt and of the
/// settings that it was asked with. An evaluation that was interrupted goes on from it.
pub struct Kept {
    path: PathBuf,
    file: File,
    settings: String,
    splits: Vec<Split>,
}

/// A split's items: the hashes of their prompts, and what was said to those that are done.
struct Split {
    name: String,
    prompts: Vec<String>,
    said: BTreeMap<usize, Said>,
}

/// One item that is done.
#[derive(Serialize, Deserialize)]
struct Line {
    settings: String,
    split: String,
    /// From 0.
    item: usize,
    prompt_sha256: String,
    said: Said,
}

impl Kept {
    /// Opens the file at `path`, or makes it, and takes it for this process. `settings` is all that
    /// what is said depends on beside the prompts of `splits`, each with its name. A last line that
    /// was not finished is dropped.
    ///
    /// # Errors
    /// A file that cannot be read or written, that holds anything else than items of these settings
    /// and prompts, or that another process is at work on.
    pub fn open(
        path: &Path,
        settings: &serde_json::Value,
        splits: &[(&str, &Items)],
    ) -> Result<Self, TaskError> {
        let io = TaskError::io(path);
        let mut hash = Sha256::new_with_prefix(settings.to_string());
        for (name, items) in splits {
            hash.update(format!("\0{name}\0{}", items.prompts_sha256()));
        }
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).open(path);
        let mut file = file.map_err(&io)?;
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(TaskError::kept(path, "another vpt is at work on it"));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(&io)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n');
        let whole = whole.map_or(0, |end| end + 1);
        file.set_len(whole as u64).map_err(&io)?;
        let split = |(name, items): &(&str, &Items)| Split {
            name: (*name).to_owned(),
            prompts: items.items.iter().map(|i| i.prompt_sha256()).collect(),
            said: BTreeMap::new(),
        };
        let mut kept = Self {
            path: path.into(),
            file,
            settings: hex(hash),
            splits: splits.iter().map(split).collect(),
        };
        for (line, number) in bytes[..whole].split_inclusive(|b| *b == b'\n').zip(1..) {
            kept.read(line, number)?;
        }
        Ok(kept)
    }

    fn read(&mut self, line: &[u8], number: usize) -> Result<(), TaskError> {
        let refuse = |message: &str| Err(TaskError::kept(&self.path, message));
        let Ok(line) = serde_json::from_slice::<Line>(line) else {
            return refuse(&format!("line {number} is no item of an evaluation"));
        };
        if line.settings != self.settings {
            return refuse(
                "holds items that were asked otherwise (model, task, data or settings); remove it to \
                 begin anew",
            );
        }
        let mut splits = self.splits.iter_mut();
        let split = splits.find(|split| split.name == line.split);
        let split = split.filter(|s| s.prompts.get(line.item) == Some(&line.prompt_sha256));
        let Some(split) = split else {
            return refuse(&format!("line {number} is about none of the prompts"));
        };
        split.said.insert(line.item, line.said);
        Ok(())
    }

    /// Items that are done, of all splits.
    pub fn count(&self) -> usize {
        self.splits.iter().map(|split| split.said.len()).sum()
    }

    /// What is known of a split, by item.
    pub(super) fn said(&self, split: usize) -> &BTreeMap<usize, Said> {
        &self.splits[split].said
    }

    /// Keeps what was said to an item.
    pub(super) fn keep(&mut self, split: usize, item: usize, said: &Said) -> Result<(), TaskError> {
        let Split { name, prompts, .. } = &self.splits[split];
        let line = Line {
            settings: self.settings.clone(),
            split: name.clone(),
            item,
            prompt_sha256: prompts[item].clone(),
            said: said.clone(),
        };
        let line = format!("{}\n", vpt_core::to_state(&line));
        let written = self.file.write_all(line.as_bytes());
        written.map_err(TaskError::io(&self.path))
    }

    /// Removes the file: the result is there.
    ///
    /// # Errors
    /// A file that cannot be removed.
    pub fn remove(self) -> Result<(), TaskError> {
        std::fs::remove_file(&self.path).map_err(TaskError::io(&self.path))
    }
}
