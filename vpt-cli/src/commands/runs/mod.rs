//! Several runs, each a process of its own: `vpt train` with what they share and what sets them apart.

mod arm;
mod child;
mod pool;

pub(crate) use arm::{Arm, State, arm};
pub(crate) use pool::Pool;

use crate::args::{BackendArgs, ConfigArgs, VerbosityArgs};

/// What the runs of one command share.
#[derive(Debug)]
pub(crate) struct Shared<'a> {
    pub(crate) layers: &'a ConfigArgs,
    pub(crate) backend: BackendArgs,
    pub(crate) verbosity: VerbosityArgs,
    /// Runs side by side, where the user says it.
    pub(crate) jobs: Option<usize>,
    /// Minutes after which an optional run must not end; 0: none.
    pub(crate) minutes: u64,
    pub(crate) failures: Failures,
}

/// What a run that fails means for the others. One that fails before its first step, since a file is missing
/// or its folder is taken, ends them all either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failures {
    /// The command ends.
    End,
    /// It is said, and the others go on.
    AreNoted,
}
