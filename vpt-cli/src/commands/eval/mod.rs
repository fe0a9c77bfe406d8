//! `vpt eval`

mod completions;
mod labelled;
mod task;

use crate::args::EvalArgs;
use crate::failure::Failure;

/// Scores a model: on a task, or on a labelled file; or completions that were made elsewhere.
pub(crate) fn run(args: &EvalArgs) -> Result<(), Failure> {
    if args.list {
        return task::list(args.json);
    }
    match (&args.completions, &args.task.task) {
        (Some(file), _) => completions::run(file, args.json),
        (None, Some(name)) => task::run(args, name),
        (None, None) => labelled::run(args),
    }
}
