//! `vpt completions`

use crate::args::{Cli, CompletionsArgs};
use crate::failure::Failure;
use crate::output;
use clap::CommandFactory;

/// Prints the completions of one shell.
pub(crate) fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "vpt", &mut script);
    output::print(&String::from_utf8_lossy(&script))
}
