//! Which runs an experiment is made of, and what is left of each.

use crate::args::ExperimentArgs;
use crate::config::{Config, differing_key};
use crate::failure::Failure;
use std::fs;
use std::path::{Path, PathBuf};
use vpt_text::config::Method;

/// One run of an experiment.
#[derive(Debug)]
pub(super) struct Arm {
    /// Its name, and its folder's.
    pub(super) name: String,
    pub(super) folder: PathBuf,
    /// Learner steps of the whole run.
    pub(super) steps: usize,
    pub(super) state: State,
    /// Whether it may be left out when time is short.
    pub(super) optional: bool,
    /// What it lays over the user's config.
    pub(super) set: [String; 2],
}

/// What a run folder holds already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing to go on from.
    Fresh,
    /// A checkpoint.
    Unfinished,
    /// A summary.
    Finished,
}

/// Every run, in the order in which they start: what the comparison needs first, `random` last, so that an
/// experiment that is cut short still says something for whole seeds.
pub(super) fn plan(args: &ExperimentArgs) -> Result<Vec<Arm>, Failure> {
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
    let mut seen = Vec::new();
    for method in &args.methods {
        if seen.contains(method) {
            return Err(Failure::Usage(format!(
                "--methods: names {} twice",
                method.name()
            )));
        }
        seen.push(*method);
    }
    let (last, first): (Vec<Method>, Vec<Method>) = args
        .methods
        .iter()
        .partition(|method| **method == Method::Random);
    let mut arms = Vec::new();
    for methods in [first, last] {
        for seed in 0..args.seeds {
            for method in &methods {
                arms.push(arm(args, *method, seed)?);
            }
        }
    }
    Ok(arms)
}

fn arm(args: &ExperimentArgs, method: Method, seed: usize) -> Result<Arm, Failure> {
    let name = format!("{}-s{seed}", method.name());
    let set = [format!("method={}", method.name()), format!("seed={seed}")];
    let mut layers = args.layers.clone();
    layers.set.extend(set.iter().cloned());
    let config = Config::load(None, &layers)?;
    if config.run().data.test.is_empty() {
        return Err(Failure::Usage(
            "data.test: names no file, and an experiment compares methods on it".into(),
        ));
    }
    let folder = args.folder().join("runs").join(&name);
    let state = state(&folder);
    if state != State::Fresh {
        let kept = Config::read(&folder.join("config.toml"))
            .map_err(|error| Failure::Run(crate::failure::with_causes(&error)))?;
        if let Some(key) = differing_key(&kept, &config) {
            return Err(Failure::Run(format!(
                "{}: this run was made with another `{key}`; choose another --out or remove it",
                folder.display()
            )));
        }
    }
    Ok(Arm {
        name,
        folder,
        steps: config.run().train.steps,
        state,
        optional: method == Method::Random,
        set,
    })
}

/// What is in a run folder now.
pub(super) fn state(folder: &Path) -> State {
    if folder.join("summary.json").is_file() {
        State::Finished
    } else if has_checkpoint(folder) {
        State::Unfinished
    } else {
        State::Fresh
    }
}

/// Whether a whole checkpoint is there; one that was being written when its run was killed is not.
fn has_checkpoint(folder: &Path) -> bool {
    fs::read_dir(folder.join("checkpoints"))
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("step-"))
}
