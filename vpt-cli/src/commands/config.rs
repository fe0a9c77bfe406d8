//! `vpt config`

use crate::args::ConfigCommandArgs;
use crate::backend::{BackendName, BackendTask};
use crate::config::Config;
use crate::failure::Failure;
use crate::output;
use burn::tensor::backend::Backend;

/// Prints the resolved config, or only says that it can be run.
pub(crate) fn run(args: &ConfigCommandArgs) -> Result<(), Failure> {
    let config = Config::load(None, &args.layers)?;
    let backend = BackendName::choose(args.backend.backend)?;
    if !args.check {
        return output::print(&config.resolved());
    }
    let run = config.run();
    output::line(&format_args!(
        "ok: {} with seed {}, {} steps of {} sequences of {} tokens, on {}",
        run.method.name(),
        run.seed,
        run.train.steps,
        run.train.batch_size * run.train.grad_accum,
        run.data.seq_len,
        backend.run(DeviceName)?,
    ))
}

/// The name by which a backend knows itself.
struct DeviceName;

impl BackendTask for DeviceName {
    type Output = String;

    fn run<B: Backend>(self, device: B::Device) -> String {
        B::name(&device)
    }
}
