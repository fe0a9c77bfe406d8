//! `vpt config`

use crate::args::ConfigCommandArgs;
use crate::backend::{BackendName, BackendTask};
use crate::config::{Config, modality};
use crate::failure::Failure;
use crate::modality::{Image, Modality, ModalityName, Text};
use crate::output;
use burn::tensor::backend::Backend;

/// Prints the resolved config, or only says that it can be run.
pub(crate) fn run(mut args: ConfigCommandArgs) -> Result<(), Failure> {
    if let Some(name) = args.modality {
        args.layers.set_modality(name);
    }
    let args = &args;
    match modality(None, &args.layers)? {
        ModalityName::Text => resolved::<Text>(args),
        ModalityName::Image => resolved::<Image>(args),
    }
}

fn resolved<M: Modality>(args: &ConfigCommandArgs) -> Result<(), Failure> {
    let config = Config::<M::Config>::load(None, &args.layers)?;
    let backend = BackendName::choose(args.backend.backend)?;
    if !args.check {
        return output::print(&config.resolved());
    }
    let keys = M::of(config.run());
    output::line(&format_args!(
        "ok: {} with seed {}, {} steps of {}, on {}",
        keys.method,
        keys.seed,
        keys.steps,
        M::described(config.run()),
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
