//! Everything the next step depends on, in one folder: `state.safetensors` and `state.json`.

use super::atomic::{replace_folder, surviving};
use super::fixed::fixed_hash;
use super::tensors::{broken, read_tensors, write_tensors};
use super::{Source, Trainer, write_atomically};
use crate::{
    CoreError, DesignerOf, Feedback, LearnerOf, MetaGradient, On, TeacherOf, export, export_subset,
    import, import_subset,
};
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
    /// Of the parameters that do not learn, which are not in the checkpoint; none where all do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fixed: Option<String>,
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
    /// the run is made from: config and data. Of θ it holds what learns, and a hash of the rest.
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
        put("learner", export_subset(&self.learner, &self.trainable));
        put("teacher", export(&self.teacher));
        put("designer", export(&self.designer));
        put("learner_optimiser", learner_moments);
        put("designer_optimiser", designer_moments);
        let state = State {
            fingerprint: fingerprint.to_owned(),
            step: self.step,
            tokens: self.tokens,
            fixed: fixed_hash(&self.learner, &self.trainable),
            learner_updates,
            designer_updates,
            source: self.source.state(),
            feedback: self.feedback.state(),
            meta: self.meta.state(),
        };
        let json = serde_json::to_vec_pretty(&state)
            .map_err(|error| broken(&folder.join(STATE), error))?;

        replace_folder(folder, |staging| {
            write_tensors(&staging.join(TENSORS), tensors)?;
            write_atomically(&staging.join(STATE), &json)
        })
    }

    /// Puts a saved state back, all of it or nothing. Parameters that do not learn must be here
    /// as they were there.
    ///
    /// # Errors
    /// A file that cannot be read, another run's fingerprint, other fixed parameters, tensors or
    /// states that do not fit.
    pub fn load(
        &mut self,
        folder: &Path,
        fingerprint: &str,
        device: &I::Device,
    ) -> Result<(), CoreError> {
        let folder = surviving(folder);
        let state_path = folder.join(STATE);
        let json = std::fs::read(&state_path).map_err(CoreError::io(&state_path))?;
        let state: State =
            serde_json::from_slice(&json).map_err(|error| broken(&state_path, error))?;
        if state.fingerprint != fingerprint {
            return Err(broken(
                &state_path,
                "was made with another config or other data",
            ));
        }
        if state.fixed != fixed_hash(&self.learner, &self.trainable) {
            return Err(broken(
                &state_path,
                "was made with other values in the parameters that do not learn",
            ));
        }
        let path = folder.join(TENSORS);
        let mut groups = read_groups(&path)?;
        let mut take = |prefix: &str| groups.remove(prefix).unwrap_or_default();
        let within = |part: &'static str| {
            let path = &path;
            move |error: CoreError| broken(path, format!("{part}: {error}"))
        };

        let learner: LearnerOf<T, I> =
            import_subset(self.learner.clone(), take("learner"), &self.trainable)
                .map_err(within("learner"))?;
        let designer: DesignerOf<T, I> =
            import(self.designer.clone(), take("designer")).map_err(within("designer"))?;
        let teacher: TeacherOf<T, I> =
            import(self.teacher.clone(), take("teacher")).map_err(within("teacher"))?;
        let part = "learner_optimiser";
        let learner_optimiser = self
            .learner_optimiser
            .import(&learner, take(part), &state.learner_updates, device)
            .map_err(within(part))?;
        let part = "designer_optimiser";
        let designer_optimiser = self
            .designer_optimiser
            .import(&designer, take(part), &state.designer_updates, device)
            .map_err(within(part))?;
        if let Some((part, _)) = groups.pop_first() {
            return Err(broken(&path, format!("`{part}` is no part of a run")));
        }
        self.restore_parts(&state_path, [state.source, state.feedback, state.meta])?;
        self.learner = learner;
        self.designer = designer;
        self.teacher = teacher;
        self.learner_optimiser = learner_optimiser;
        self.designer_optimiser = designer_optimiser;
        self.step = state.step;
        self.tokens = state.tokens;
        Ok(())
    }

    /// The parts that are not tensors; if one refuses its state, all are put back as they were.
    fn restore_parts(
        &mut self,
        path: &Path,
        [source, feedback, meta]: [serde_json::Value; 3],
    ) -> Result<(), CoreError> {
        let before = [
            self.source.state(),
            self.feedback.state(),
            self.meta.state(),
        ];
        let within =
            |part: &'static str| move |error: CoreError| broken(path, format!("{part}: {error}"));
        let result = self
            .source
            .restore(source)
            .map_err(within("source"))
            .and_then(|()| self.feedback.restore(feedback).map_err(within("feedback")))
            .and_then(|()| self.meta.restore(meta).map_err(within("meta")));
        if result.is_err() {
            // Their own states of a moment ago, which they cannot but accept.
            let [source, feedback, meta] = before;
            let _ = self.source.restore(source);
            let _ = self.feedback.restore(feedback);
            let _ = self.meta.restore(meta);
        }
        result
    }
}

/// Tensors by the part of their name before `/`.
fn read_groups(path: &Path) -> Result<BTreeMap<String, BTreeMap<String, TensorData>>, CoreError> {
    let mut groups: BTreeMap<String, BTreeMap<String, TensorData>> = BTreeMap::new();
    for (name, data) in read_tensors(path)? {
        let (group, rest) = name
            .split_once('/')
            .ok_or_else(|| broken(path, format!("tensor `{name}` belongs to no part")))?;
        if let Some(index) = data.iter::<f64>().position(|value| !value.is_finite()) {
            let message = format!("tensor `{name}` is not finite at element {index}");
            return Err(broken(path, message));
        }
        groups
            .entry(group.to_owned())
            .or_default()
            .insert(rest.to_owned(), data);
    }
    Ok(groups)
}
