//! Which runs an experiment is made of.

use crate::args::ExperimentArgs;
use crate::commands::runs::{Arm, Shared, arm};
use crate::failure::Failure;
use crate::modality::Modality;
use vpt_core::experiment::run_name;

/// Every run of `methods`, in the order in which they start: what the comparison needs first, controls last,
/// so that an experiment that is cut short still says something for whole seeds.
pub(super) fn plan<M: Modality>(
    args: &ExperimentArgs,
    (methods, seeds): (&[String], &[u64]),
    shared: &Shared<'_>,
) -> Result<Vec<Arm>, Failure> {
    for assignment in &args.layers.set {
        let key = assignment.split('=').next().unwrap_or_default().trim();
        let flag = match key {
            "method" => "--methods",
            "seed" => "--seeds",
            _ => continue,
        };
        return Err(Failure::Usage(format!(
            "--set {assignment}: an experiment sets `{key}` itself; use {flag}"
        )));
    }
    for (index, method) in methods.iter().enumerate() {
        M::check_method(method).map_err(|error| Failure::Usage(format!("--methods: {error}")))?;
        if methods[..index].contains(method) {
            return Err(Failure::Usage(format!("--methods: names {method} twice")));
        }
    }
    let is_optional = |method: &&String| M::OPTIONAL.contains(&method.as_str());
    let (last, first): (Vec<&String>, Vec<&String>) = methods.iter().partition(is_optional);
    let runs = args.folder().join("runs");
    let mut arms = Vec::new();
    for methods in [first, last] {
        for seed in seeds {
            for method in &methods {
                let set = vec![format!("method={method}"), format!("seed={seed}")];
                let name = run_name(method, *seed);
                let made = arm::<M>(&runs, name, set, shared, M::check_comparable)?;
                arms.push(Arm {
                    optional: is_optional(method),
                    ..made
                });
            }
        }
    }
    Ok(arms)
}
