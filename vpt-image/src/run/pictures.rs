//! The unlabelled images of a run.

use crate::images::{RgbImage, read_rgb};
use crate::scenes::{Scenes, Split};
use crate::sets::{SetError, images_below};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Of the draws of scenes: every run sees the same ones, whatever its own seed.
pub(super) const SCENE_SEED: u64 = 0;

/// Images by number.
pub(super) enum Pictures {
    /// Drawn when first asked for, then kept.
    Drawn {
        scenes: Scenes,
        kept: Vec<OnceLock<RgbImage>>,
    },
    /// Read each time.
    Files(Vec<PathBuf>),
}

impl Pictures {
    pub(super) fn drawn(scenes: Scenes, count: usize) -> Self {
        let kept = (0..count).map(|_| OnceLock::new()).collect();
        Self::Drawn { scenes, kept }
    }

    /// # Errors
    /// A folder that cannot be read, or without images.
    pub(super) fn folder(path: &Path) -> Result<Self, SetError> {
        Ok(Self::Files(images_below(path)?))
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Drawn { kept, .. } => kept.len(),
            Self::Files(paths) => paths.len(),
        }
    }

    /// # Errors
    /// An image that cannot be read.
    pub(super) fn load(&self, index: usize) -> Result<RgbImage, SetError> {
        match self {
            Self::Drawn { scenes, kept } => {
                let draw = || {
                    scenes
                        .draw(SCENE_SEED, Split::Unlabelled, index as u64)
                        .image
                };
                Ok(kept[index].get_or_init(draw).clone())
            }
            Self::Files(paths) => Ok(read_rgb(&paths[index])?),
        }
    }
}
