//! Everything the next step depends on, in one folder: `state.safetensors` and `state.json`.

use super::tensors::{broken, read_tensors, write_tensors};
use super::{AdamW, Source, Trainer, write_atomically};
use crate::{CoreError, Feedback, LearnerOf, MetaGradient, On, export, import};
use burn::backend::Autodiff;
use burn::tensor::{TensorData, backend::Backend};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

const TENSORS: &str = "state.safetensors";
const STATE: &str = "state.json";

/// The part of a checkpoint that is not tensors.
#[derive(Serialize, Deserialize)]
struct State {
    /// Says what the run was made from; a resume with another one is refused.
    fingerprint: String,
    step: usize,
    tokens: u64,
    learner_updates: BTreeMap<String, usize>,
    designer_updates: BTreeMap<String, usize>,
    source: serde_json::Value,
    feedback: serde_json::Value,
    meta: serde_json::Value,
}

impl<T, I, S, F, G> Trainer<T, I, S, F, G>
where
    I: Backend,
    T: On<Autodiff<I>>,
    S: Source<T, I>,
    F: Feedback<T, I>,
    G: MetaGradient<T, I>,
{
    /// Writes the state to `folder`, which appears whole or not at all. `fingerprint` says what
    /// the run is made from: config and data.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, folder: &Path, fingerprint: &str) -> Result<(), CoreError> {
        let (learner_moments, learner_updates) = self.learner_optimiser.export(&self.learner);
        let (designer_moments, designer_updates) = self.designer_optimiser.export(&self.designer);
        let mut tensors = BTreeMap::new();
        let mut put = |prefix: &str, values: BTreeMap<String, TensorData>| {
            for (name, data) in values {
                tensors.insert(format!("{prefix}/{name}"), data);
            }
        };
        put("learner", export(&self.learner));
        put("designer", export(&self.designer));
        put("learner_optimiser", learner_moments);
        put("designer_optimiser", designer_moments);
        let state = State {
            fingerprint: fingerprint.to_owned(),
            step: self.step,
            tokens: self.tokens,
            learner_updates,
            designer_updates,
            source: self.source.state(),
            feedback: self.feedback.state(),
            meta: self.meta.state(),
        };
        let json = serde_json::to_vec_pretty(&state)
            .map_err(|error| broken(&folder.join(STATE), error))?;

        // Written beside its place and renamed, so that a folder with this name is complete.
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let staging = folder.with_file_name(format!(".{name}.tmp"));
        if staging.exists() {
            std::fs::remove_dir_all(&staging).map_err(CoreError::io(&staging))?;
        }
        write_tensors(&staging.join(TENSORS), tensors)?;
        write_atomically(&staging.join(STATE), &json)?;
        if folder.exists() {
            std::fs::remove_dir_all(folder).map_err(CoreError::io(folder))?;
        }
        std::fs::rename(&staging, folder).map_err(CoreError::io(folder))
    }

    /// Puts a saved state back.
    ///
    /// # Errors
    /// A file that cannot be read, another run's fingerprint, tensors that do not fit.
    pub fn load(
        &mut self,
        folder: &Path,
        fingerprint: &str,
        device: &I::Device,
    ) -> Result<(), CoreError> {
        let path = folder.join(STATE);
        let json = std::fs::read(&path).map_err(CoreError::io(&path))?;
        let state: State = serde_json::from_slice(&json).map_err(|error| broken(&path, error))?;
        if state.fingerprint != fingerprint {
            return Err(CoreError::Checkpoint {
                path,
                message: "was made with another config or other data".into(),
            });
        }
        let path = folder.join(TENSORS);
        let mut groups = read_groups(&path)?;
        let mut take = |prefix: &str| groups.remove(prefix).unwrap_or_default();
        let in_file = |error: CoreError| broken(&path, error);

        let learner: LearnerOf<T, I> =
            import(self.learner.clone(), take("learner")).map_err(in_file)?;
        let designer = import(self.designer.clone(), take("designer")).map_err(in_file)?;
        restore(
            &mut self.learner_optimiser,
            &learner,
            take("learner_optimiser"),
            &state.learner_updates,
            device,
        )
        .map_err(in_file)?;
        restore(
            &mut self.designer_optimiser,
            &designer,
            take("designer_optimiser"),
            &state.designer_updates,
            device,
        )
        .map_err(in_file)?;
        self.source.restore(state.source)?;
        self.feedback.restore(state.feedback)?;
        self.meta.restore(state.meta)?;
        self.learner = learner;
        self.designer = designer;
        self.step = state.step;
        self.tokens = state.tokens;
        Ok(())
    }
}

fn restore<I: Backend, M: burn::module::Module<I>>(
    optimiser: &mut AdamW<I>,
    module: &M,
    mut tensors: BTreeMap<String, TensorData>,
    updates: &BTreeMap<String, usize>,
    device: &I::Device,
) -> Result<(), CoreError> {
    optimiser.import(module, &mut tensors, updates, device)
}

/// Tensors by the part of their name before `/`.
fn read_groups(path: &Path) -> Result<BTreeMap<String, BTreeMap<String, TensorData>>, CoreError> {
    let mut groups: BTreeMap<String, BTreeMap<String, TensorData>> = BTreeMap::new();
    for (name, data) in read_tensors(path)? {
        let (group, rest) = name
            .split_once('/')
            .ok_or_else(|| broken(path, format!("tensor `{name}` belongs to no part")))?;
        groups
            .entry(group.to_owned())
            .or_default()
            .insert(rest.to_owned(), data);
    }
    Ok(groups)
}
