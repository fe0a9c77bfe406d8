//! Models and data sets by their name on the Hugging Face Hub.
//!
//! What Python's `huggingface_hub` has fetched is found and used, and what is fetched here is found
//! by it: the cache, the token and the variables that name them are the same.
//!
//! | file | holds |
//! |---|---|
//! | `name` | `owner/name@revision` |
//! | `settings` | [`Hub`], from `HF_HOME`, `HF_HUB_CACHE`, `HF_TOKEN`, `HF_ENDPOINT`, `HF_HUB_OFFLINE` |
//! | `snapshot` | one commit: its list of files, each fetched, checked or found in the cache |
//! | `model` | a model's weights, and the files that it needs beside them |
//! | `find` | what a path to a model means |

mod error;
mod find;
mod model;
mod name;
mod settings;
mod snapshot;

pub use error::HubError;
pub use find::{FindError, find_model, kept_model};
pub use model::ModelFiles;
pub use name::RepoName;
pub use settings::Hub;

use hf_hub::RepoType;
use snapshot::Snapshot;
use std::path::PathBuf;

impl Hub {
    /// A folder with the weights of the model `repo` (`owner/name`) at `revision` (a branch, tag
    /// or commit; `main` if none is given), and `files` beside them.
    ///
    /// Weights are `model.safetensors` or its shards if there are any, else `pytorch_model.bin` or
    /// its shards. What the cache has is not fetched again.
    ///
    /// # Errors
    /// [`HubError`] says which file of which repository failed and why. What had arrived by then
    /// stays in the cache, and the next try goes on from there.
    pub fn model_folder(
        &self,
        repo: &str,
        revision: Option<&str>,
        files: &ModelFiles<'_>,
    ) -> Result<PathBuf, HubError> {
        let snapshot = Snapshot::open(self, RepoType::Model, repo, revision)?;
        model::fetch(&snapshot, files)?;
        snapshot.keep_reference()?;
        Ok(snapshot.folder().to_owned())
    }

    /// The files of the data set `repo` at `revision`, as paths within it, sorted. Offline, those
    /// that the cache holds.
    ///
    /// # Errors
    /// As for [`Hub::model_folder`].
    pub fn dataset_listing(
        &self,
        repo: &str,
        revision: Option<&str>,
    ) -> Result<Vec<String>, HubError> {
        let snapshot = Snapshot::open(self, RepoType::Dataset, repo, revision)?;
        Ok(snapshot.names().map(str::to_owned).collect())
    }

    /// Local copies of those files of the data set `repo` whose path within it is `wanted`, in the
    /// order of [`Hub::dataset_listing`].
    ///
    /// # Errors
    /// As for [`Hub::model_folder`]; also where no file is wanted.
    pub fn dataset_files(
        &self,
        repo: &str,
        revision: Option<&str>,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<PathBuf>, HubError> {
        let snapshot = Snapshot::open(self, RepoType::Dataset, repo, revision)?;
        let names: Vec<&str> = snapshot.names().filter(|name| wanted(name)).collect();
        if names.is_empty() {
            return Err(snapshot.lacks("file of that kind"));
        }
        let files: Result<Vec<_>, _> = names.iter().map(|name| snapshot.fetch(name)).collect();
        let files = files?;
        snapshot.keep_reference()?;
        Ok(files)
    }
}
