//! ImageNet's layout: a folder for each class.

use super::{SetError, is_image, listing};
use crate::images::{RgbImage, read_rgb};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What to do with a class without an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmptyClass {
    /// It is an error.
    #[default]
    Refuse,
    /// It stays a class, without samples, and is counted.
    Skip,
}

/// Images in folders named by their class; classes are numbered by sorted folder name, images
/// within a class sorted by path, at any depth.
#[derive(Clone, Debug)]
pub struct ImageFolder {
    classes: Vec<String>,
    samples: Vec<(PathBuf, usize)>,
    empty_classes: usize,
    other_files: usize,
}

impl ImageFolder {
    /// Lists `root/CLASS/…/*.{jpg,jpeg,png}`.
    ///
    /// # Errors
    /// A folder that cannot be read, no class or no image, and a class without an image unless
    /// those are skipped.
    pub fn open(root: &Path, empty: EmptyClass) -> Result<Self, SetError> {
        let mut set = Self {
            classes: Vec::new(),
            samples: Vec::new(),
            empty_classes: 0,
            other_files: 0,
        };
        for folder in listing(root)?.into_iter().filter(|path| path.is_dir()) {
            let class = set.classes.len();
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            set.classes.push(name.into_owned());
            let before = set.samples.len();
            set.collect(&folder, class)?;
            if set.samples.len() == before {
                if empty == EmptyClass::Refuse {
                    return Err(SetError::Empty {
                        path: folder,
                        what: "image (jpg, jpeg, png) of its class",
                    });
                }
                set.empty_classes += 1;
            }
        }
        if set.samples.is_empty() {
            return Err(SetError::Empty {
                path: root.to_owned(),
                what: "folder of a class with images (jpg, jpeg, png)",
            });
        }
        Ok(set)
    }

    fn collect(&mut self, folder: &Path, class: usize) -> Result<(), SetError> {
        for path in listing(folder)? {
            if path.is_dir() {
                self.collect(&path, class)?;
            } else if is_image(&path) {
                self.samples.push((path, class));
            } else {
                self.other_files += 1;
            }
        }
        Ok(())
    }

    /// Names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Paths and classes of the images.
    pub fn samples(&self) -> &[(PathBuf, usize)] {
        &self.samples
    }

    /// Classes without an image.
    pub fn empty_classes(&self) -> usize {
        self.empty_classes
    }

    /// Files in the classes' folders that are no images by their name.
    pub fn other_files(&self) -> usize {
        self.other_files
    }

    /// An image and its class.
    ///
    /// # Errors
    /// An image that cannot be read.
    ///
    /// # Panics
    /// If there is no such sample.
    pub fn load(&self, index: usize) -> Result<(RgbImage, usize), SetError> {
        let (path, class) = &self.samples[index];
        Ok((read_rgb(path)?, *class))
    }
}
