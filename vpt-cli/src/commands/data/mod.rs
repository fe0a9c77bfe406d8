//! `vpt data`: one file a subcommand.

mod decontaminate;

use crate::args::{DataArgs, DataCommand};
use crate::failure::Failure;

/// Looks at data, or makes other data of it.
pub(crate) fn run(args: &DataArgs) -> Result<(), Failure> {
    match &args.command {
        DataCommand::Decontaminate(args) => decontaminate::run(args),
    }
}
