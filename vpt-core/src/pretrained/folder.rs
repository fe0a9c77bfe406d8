//! Reading the configuration, writing the whole.

use super::{CheckpointError, ConfigError};
use crate::layers::Named;
use safetensors::tensor::{Dtype, View};
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use tempfile::NamedTempFile;

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";

/// What `parse` makes of the text of `config.json` in `folder`.
///
/// # Errors
/// [`CheckpointError`] names the file, and the field where one is at fault.
pub fn read_config<C>(
    folder: &Path,
    parse: impl FnOnce(&str) -> Result<C, ConfigError>,
) -> Result<C, CheckpointError> {
    let file = folder.join(CONFIG);
    let text = std::fs::read_to_string(&file).map_err(CheckpointError::io(&file))?;
    parse(&text).map_err(|source| CheckpointError::Config { file, source })
}

/// Writes `config` as `config.json`, and `tensors` as `model.safetensors` in float32. The same
/// values give the same bytes. Each file is written beside its place and renamed, so that a reader
/// sees the old one or the new one, never half.
///
/// # Errors
/// [`CheckpointError::Io`] names the file.
pub fn save_folder(
    folder: &Path,
    config: &str,
    tensors: impl Iterator<Item = (String, Named)>,
) -> Result<(), CheckpointError> {
    std::fs::create_dir_all(folder).map_err(CheckpointError::io(folder))?;
    let tensors = tensors.map(|(key, named)| (key, Stored(named)));
    let format = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    // Sorts by element type, then key: all are F32 here.
    replace(&folder.join(WEIGHTS), |file| {
        safetensors::serialize_to_file(tensors, Some(format), file.path())
            .map_err(std::io::Error::other)
    })?;
    replace(&folder.join(CONFIG), |file| {
        file.write_all(config.as_bytes())
    })
}

/// Writes a file under a temporary name in its own folder, then renames it.
fn replace(
    path: &Path,
    write: impl FnOnce(&mut NamedTempFile) -> std::io::Result<()>,
) -> Result<(), CheckpointError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // Temporary files are private by default; this one stays, so the umask decides.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder
        .tempfile_in(folder)
        .map_err(CheckpointError::io(path))?;
    write(&mut file).map_err(CheckpointError::io(path))?;
    file.as_file()
        .sync_all()
        .map_err(CheckpointError::io(path))?;
    file.persist(path)
        .map_err(|error| CheckpointError::io(path)(error.error))?;
    Ok(())
}

/// A parameter as safetensors writes it: one at a time on the host.
struct Stored(Named);

impl View for Stored {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let values = (self.0.values)();
        Cow::Owned(values.iter::<f32>().flat_map(f32::to_le_bytes).collect())
    }

    fn data_len(&self) -> usize {
        4 * self.0.shape.iter().product::<usize>()
    }
}
