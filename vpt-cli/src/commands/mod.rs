//! One file a subcommand.

pub(crate) mod bench;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod data;
pub(crate) mod eval;
pub(crate) mod experiment;
pub(crate) mod features;
pub(crate) mod generate;
pub(crate) mod inspect;
pub(crate) mod merge;
mod runs;
pub(crate) mod score;
pub(crate) mod sweep;
pub(crate) mod train;
