//! `metrics.jsonl`: one event a line, appended, and cut back to the checkpoint on resume.

use super::RunError;
use crate::artefacts::Event;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The log of a run.
pub(super) struct Metrics {
    path: PathBuf,
    file: File,
}

/// Seconds spent so far, in learner steps and, of those, in value updates and in making targets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    pub(super) all: f64,
    pub(super) value: f64,
    pub(super) target: f64,
}

impl Times {
    fn count(&mut self, event: &Event) {
        match event {
            Event::Step(step) => {
                self.all += step.seconds;
                self.target += step.target_seconds.unwrap_or(0.0);
            }
            Event::Value(value) => self.value += value.seconds.unwrap_or(0.0),
            _ => {}
        }
    }
}

impl Metrics {
    /// An empty log at `path`.
    pub(super) fn new(path: &Path) -> Result<Self, RunError> {
        Self::open(path, "")
    }

    /// The log at `path` without what a run of `last` steps wrote after its checkpoint at `step`;
    /// with the time that its lines tell of.
    pub(super) fn go_on(path: &Path, step: usize, last: usize) -> Result<(Self, Times), RunError> {
        let (kept, times) = kept_lines(path, step, last)?;
        Ok((Self::open(path, &kept)?, times))
    }

    fn open(path: &Path, kept: &str) -> Result<Self, RunError> {
        vpt_core::write_atomically(path, kept.as_bytes())?;
        let file = OpenOptions::new()
            .append(true)
            .open(path)
            .map_err(RunError::io(path))?;
        let path = path.to_owned();
        Ok(Self { path, file })
    }

    pub(super) fn write(&mut self, event: &Event) -> Result<(), RunError> {
        let line = vpt_core::to_state(event).to_string();
        // One write a line: a log that others follow, and that is never behind a checkpoint.
        self.file
            .write_all(format!("{line}\n").as_bytes())
            .map_err(RunError::io(&self.path))
    }
}

/// Lines up to `step`; a half-written last line of a killed run is dropped, and so is what was
/// measured at the very end, which comes after the last checkpoint.
fn kept_lines(path: &Path, step: usize, last: usize) -> Result<(String, Times), RunError> {
    let text = std::fs::read_to_string(path).map_err(RunError::io(path))?;
    let (mut kept, mut times) = (String::new(), Times::default());
    for line in text.lines() {
        let Ok(event) = serde_json::from_str::<Event>(line) else {
            break;
        };
        let at = match &event {
            Event::Step(event) => event.step,
            Event::Value(event) => event.step,
            Event::Probe(event) => event.step,
            Event::Evaluation(event) if event.step == last as u64 => break,
            Event::Evaluation(event) => event.step,
            Event::Other => break,
        };
        if at > step as u64 {
            break;
        }
        times.count(&event);
        kept.push_str(line);
        kept.push('\n');
    }
    Ok((kept, times))
}
