//! One run and its folder, for any modality: steps, measurements, checkpoints, a log, and going on after
//! an interruption.
//!
//! A run folder holds `config.toml` (resolved), `metrics.jsonl` (a [`Log`]), `checkpoints/` and, once it is
//! complete, `summary.json`. [`drive`] is the loop; what a modality does in it is a [`Work`].

mod artefact;
mod drive;
mod fingerprint;
mod folder;
mod log;
mod options;
mod places;
mod refusal;
mod work;

pub use artefact::{ArtefactError, number, read_json, read_lines, read_text};
pub use drive::{RunOutcome, drive};
pub use fingerprint::{Fingerprint, model_files};
pub use folder::{
    checkpoint_path, holds_run, lock, newest_checkpoint, prune, saved_fingerprint, write_json,
};
pub use log::{Log, LogEvent, Times};
pub use options::{RunOptions, Schedule};
pub use places::{BUILTIN, locate};
pub use refusal::{ConfigError, require};
pub use work::{Tell, Verdict, Work};
