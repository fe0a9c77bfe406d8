//! Drawn scenes as labelled sets.

use super::LabelledSet;
use crate::images::{DepthMap, LabelMap, RgbImage};
use crate::scenes::{Scene, Scenes, Split};
use crate::sets::SetError;
use std::sync::Arc;

/// Drawn scenes: a label, a depth and a class for each of them.
pub struct DrawnSet {
    /// What draws them.
    pub scenes: Scenes,
    /// Of the draws.
    pub seed: u64,
    /// The part of the drawn data that they are of.
    pub split: Split,
    /// How many there are.
    pub count: usize,
}

impl DrawnSet {
    /// Classes of whole pictures: the four kinds of bodies, and none in sight.
    pub const CLASSES: usize = 5;

    fn draw(&self, index: usize) -> Scene {
        assert!(index < self.count, "scene {index} of {}", self.count);
        self.scenes.draw(self.seed, self.split, index as u64)
    }
}

impl LabelledSet<LabelMap> for DrawnSet {
    fn len(&self) -> usize {
        self.count
    }

    fn load(&self, index: usize) -> Result<(RgbImage, LabelMap), SetError> {
        let scene = self.draw(index);
        Ok((scene.image, scene.labels))
    }
}

impl LabelledSet<DepthMap> for DrawnSet {
    fn len(&self) -> usize {
        self.count
    }

    fn load(&self, index: usize) -> Result<(RgbImage, DepthMap), SetError> {
        let scene = self.draw(index);
        Ok((scene.image, scene.depth))
    }
}

impl LabelledSet<usize> for DrawnSet {
    fn len(&self) -> usize {
        self.count
    }

    /// The body that shows most, by [`Scene::main_object`].
    fn load(&self, index: usize) -> Result<(RgbImage, usize), SetError> {
        let scene = self.draw(index);
        Ok((scene.image.clone(), class(&scene)))
    }
}

fn class(scene: &Scene) -> usize {
    // Labels 0 and 1 are floor and wall.
    let class = scene.main_object().map(|class| usize::from(class) - 2);
    class.unwrap_or(DrawnSet::CLASSES - 1)
}

/// Scenes that were drawn once and are kept: for sets that are gone through many times.
#[derive(Clone)]
pub struct SceneSet(Arc<Vec<Scene>>);

impl DrawnSet {
    /// Draws all of it.
    pub fn keep(&self) -> SceneSet {
        SceneSet(Arc::new((0..self.count).map(|i| self.draw(i)).collect()))
    }
}

impl LabelledSet<LabelMap> for SceneSet {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn load(&self, index: usize) -> Result<(RgbImage, LabelMap), SetError> {
        let scene = &self.0[index];
        Ok((scene.image.clone(), scene.labels.clone()))
    }
}

impl LabelledSet<DepthMap> for SceneSet {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn load(&self, index: usize) -> Result<(RgbImage, DepthMap), SetError> {
        let scene = &self.0[index];
        Ok((scene.image.clone(), scene.depth.clone()))
    }
}

impl LabelledSet<usize> for SceneSet {
    fn len(&self) -> usize {
        self.0.len()
    }

    /// As of [`DrawnSet`].
    fn load(&self, index: usize) -> Result<(RgbImage, usize), SetError> {
        let scene = &self.0[index];
        Ok((scene.image.clone(), class(scene)))
    }
}
