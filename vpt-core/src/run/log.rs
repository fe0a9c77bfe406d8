//! `metrics.jsonl`: one event a line, appended, and cut back to the checkpoint on resume.

use crate::{CoreError, to_state, write_atomically};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A line of `metrics.jsonl`.
pub trait LogEvent: Serialize + DeserializeOwned {
    /// Learner steps taken when it was written; none for a line that a run does not write itself, at which
    /// a resumed run cuts its log.
    fn step(&self) -> Option<u64>;

    /// Whether it was written at the end of a run of `steps`, after the last checkpoint.
    fn is_closing(&self, steps: usize) -> bool;

    /// The time that it tells of.
    fn times(&self) -> Times;
}

/// Seconds spent in learner steps and, of those, in value updates and in making targets or views.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Times {
    /// In all.
    pub all: f64,
    /// Of that, in value updates.
    pub value: f64,
    /// Of that, in what φ makes for the learner.
    pub target: f64,
}

impl Times {
    fn count(&mut self, other: Self) {
        self.all += other.all;
        self.value += other.value;
        self.target += other.target;
    }
}

/// The log of a run.
pub struct Log {
    path: PathBuf,
    file: File,
    times: Times,
}

impl Log {
    /// An empty log at `path`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn new(path: &Path) -> Result<Self, CoreError> {
        Self::open(path, "", Times::default())
    }

    /// The log at `path` without what a run of `steps` wrote after its checkpoint at `step`, and the events
    /// that it keeps.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn go_on<E: LogEvent>(
        path: &Path,
        step: usize,
        steps: usize,
    ) -> Result<(Self, Vec<E>), CoreError> {
        let text = std::fs::read_to_string(path).map_err(CoreError::io(path))?;
        let (mut kept, mut events, mut times) = (String::new(), vec![], Times::default());
        for line in text.lines() {
            // A killed run may have left half a line.
            let Ok(event) = serde_json::from_str::<E>(line) else {
                break;
            };
            let is_kept = event.step().is_some_and(|at| at <= step as u64);
            if !is_kept || event.is_closing(steps) {
                break;
            }
            times.count(event.times());
            events.push(event);
            kept.push_str(line);
            kept.push('\n');
        }
        Ok((Self::open(path, &kept, times)?, events))
    }

    fn open(path: &Path, kept: &str, times: Times) -> Result<Self, CoreError> {
        write_atomically(path, kept.as_bytes())?;
        let file = OpenOptions::new()
            .append(true)
            .open(path)
            .map_err(CoreError::io(path))?;
        let path = path.to_owned();
        Ok(Self { path, file, times })
    }

    /// Appends `event`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self, event: &impl LogEvent) -> Result<(), CoreError> {
        self.times.count(event.times());
        let line = to_state(event).to_string();
        // One write a line: a log that others follow, and that is never behind a checkpoint.
        self.file
            .write_all(format!("{line}\n").as_bytes())
            .map_err(CoreError::io(&self.path))
    }

    /// The time that its lines tell of.
    pub fn times(&self) -> Times {
        self.times
    }
}
