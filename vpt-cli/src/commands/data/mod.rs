//! `vpt data`: one file a subcommand.

mod decontaminate;
mod inspect;

use crate::args::{DataArgs, DataCommand};
use crate::failure::Failure;

/// Looks at data, or makes other data of it.
pub(crate) fn run(args: &DataArgs) -> Result<(), Failure> {
    match &args.command {
        DataCommand::Inspect(args) => inspect::run(args),
        DataCommand::Decontaminate(args) => decontaminate::run(args),
    }
}
