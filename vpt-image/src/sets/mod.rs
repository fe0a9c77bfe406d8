//! Labelled and unlabelled sets of images in the layouts that they are published in.

mod ade20k;
mod error;
mod folder;
mod nyu;
mod nyu_mat;
mod revisited;

pub use self::ade20k::{Ade20k, LabelScheme, Segmented};
pub use self::error::SetError;
pub use self::folder::{EmptyClass, ImageFolder};
pub use self::nyu::{Measured, NyuList};
pub use self::nyu_mat::{NyuDepth, NyuMat, NyuSplit};
pub use self::revisited::{Query, Revisited};

use std::path::{Path, PathBuf};

/// Endings of image files, in lower case.
const IMAGES: [&str; 3] = ["jpg", "jpeg", "png"];

/// The entries of a folder by name.
fn listing(folder: &Path) -> Result<Vec<PathBuf>, SetError> {
    let read = |source| SetError::Read {
        path: folder.to_owned(),
        source,
    };
    let entries = std::fs::read_dir(folder).map_err(read)?;
    let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(read)?;
    paths.sort();
    Ok(paths)
}

/// The images (jpg, jpeg, png) below a folder at any depth, by path: the unlabelled view of any
/// layout.
///
/// # Errors
/// A folder that cannot be read, or that holds no image.
pub fn images_below(root: &Path) -> Result<Vec<PathBuf>, SetError> {
    let (mut found, mut folders) = (vec![], vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for path in listing(&folder)? {
            if path.is_dir() {
                folders.push(path);
            } else if is_image(&path) {
                found.push(path);
            }
        }
    }
    if found.is_empty() {
        return Err(SetError::Empty {
            path: root.to_owned(),
            what: "image (jpg, jpeg, png)",
        });
    }
    found.sort();
    Ok(found)
}

fn is_image(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| IMAGES.contains(&ending.to_ascii_lowercase().as_str()))
}

/// An image and its labels must have the same size, `[height, width]`.
fn same_size(path: &Path, found: [usize; 2], expected: [usize; 2]) -> Result<(), SetError> {
    if found == expected {
        return Ok(());
    }
    Err(SetError::Size {
        path: path.to_owned(),
        found,
        expected,
    })
}
