//! Drawn scenes with exact labels: a floor, a wall and bodies that hide each other, with textures,
//! light and shadow, small clutter, and real digits among the textures.
//!
//! Each pixel is a ray of a pinhole camera, so that classes and depths are exact at its centre. A
//! scene is made by (settings, seed, split, index) alone. Splits are disjoint by construction: a
//! texture, a shape or a digit that one split can draw no other one can.

mod digits;
mod render;
mod solid;
mod texture;
mod vector;
mod world;

use self::digits::Digits;
use self::vector::Vector;
use self::world::World;
use crate::images::{DepthMap, LabelMap, RgbImage};
use crate::random::{Purpose, generator};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Names of the classes, by label.
pub const CLASSES: [&str; 7] = [
    "floor", "wall", "ball", "block", "cylinder", "cone", "clutter",
];

/// The label of the smallest things, whatever their shape.
const CLUTTER: u8 = 6;

/// Parts of the drawn data that have nothing in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// For pretraining.
    Unlabelled,
    /// For heads.
    Train,
    /// For g_down.
    Meta,
    /// For choosing settings.
    Validation,
    /// To be looked at once.
    Test,
}

impl Split {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Unlabelled,
        Self::Train,
        Self::Meta,
        Self::Validation,
        Self::Test,
    ];
}

/// What scenes look like.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SceneConfig {
    /// Side of the square image in pixels, 32 to 224.
    pub size: usize,
    /// Fewest and most bodies; those for which there is no place are left out.
    pub objects: [usize; 2],
    /// Fewest and most pieces of clutter.
    pub clutter: [usize; 2],
    /// How likely a poster of digits hangs on the wall: it tells pictures apart and says nothing of
    /// what is to be labelled.
    pub poster: f64,
    /// Standard deviation of the pixels' noise in a picture is uniform between 0 and this, of a
    /// range of 1.
    pub noise: f32,
}

impl Default for SceneConfig {
    fn default() -> Self {
        Self {
            size: 64,
            objects: [3, 6],
            clutter: [0, 8],
            poster: 0.5,
            noise: 0.03,
        }
    }
}

/// Settings that no scene can be drawn by.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum SceneError {
    /// A setting is out of range.
    #[error("{key} must be {range}")]
    OutOfRange {
        /// The setting.
        key: &'static str,
        /// What it may be.
        range: &'static str,
    },
    /// The digits that are built in cannot be decoded.
    #[error("the digits of the scenes: {reason}")]
    Digits {
        /// What is wrong.
        reason: String,
    },
}

/// A picture and the truth about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// `[size, size, 3]`
    pub image: RgbImage,
    /// An index of [`CLASSES`] for each pixel; none is ignored. `[size, size]`
    pub labels: LabelMap,
    /// Metres along the camera's axis, all above 0 and below 10. `[size, size]`
    pub depth: DepthMap,
}

impl Scene {
    /// The class of bodies (ball, block, cylinder or cone) with the most pixels, the first one of
    /// equals: a label for the whole picture.
    pub fn main_object(&self) -> Option<u8> {
        let count = |class: &u8| self.labels.values().iter().filter(|l| *l == class).count();
        let counted = (2..CLUTTER).rev().map(|class| (count(&class), class));
        let most = counted.max_by_key(|(count, _)| *count)?;
        (most.0 > 0).then_some(most.1)
    }
}

/// Draws scenes.
pub struct Scenes {
    config: SceneConfig,
    digits: Digits,
}

impl Scenes {
    /// Checks the settings.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub fn new(config: SceneConfig) -> Result<Self, SceneError> {
        let ordered = |[low, high]: [usize; 2], most: usize| low <= high && high <= most;
        for (key, range, holds) in [
            ("size", "32 to 224", (32..=224).contains(&config.size)),
            (
                "objects",
                "ordered and at most 12",
                ordered(config.objects, 12),
            ),
            (
                "clutter",
                "ordered and at most 40",
                ordered(config.clutter, 40),
            ),
            ("poster", "in [0, 1]", (0.0..=1.0).contains(&config.poster)),
            ("noise", "in [0, 0.2]", (0.0..=0.2).contains(&config.noise)),
        ] {
            if !holds {
                return Err(SceneError::OutOfRange { key, range });
            }
        }
        let digits = Digits::read()?;
        Ok(Self { config, digits })
    }

    /// The scene with this number.
    pub fn draw(&self, seed: u64, split: Split, index: u64) -> Scene {
        let mut generator = generator(seed, Purpose::Scene, split as u64, index);
        let world = World::draw(&self.config, split, &mut generator);
        render::render(&world, self.config.size, &self.digits, &mut generator)
    }
}

#[cfg(test)]
mod tests;
