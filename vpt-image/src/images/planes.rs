//! An image as a learner takes it: one plane of floats a channel.

use super::{RgbImage, resample};
use serde::{Deserialize, Serialize};

/// Planes of an image. `[channels, height, width]`
#[derive(Clone, Debug, PartialEq)]
pub struct Planes {
    channels: usize,
    height: usize,
    width: usize,
    values: Vec<f32>,
}

impl Planes {
    /// Planes of `values`, channel by channel and row by row.
    ///
    /// # Panics
    /// If there are not `channels · height · width` values.
    pub fn new(channels: usize, height: usize, width: usize, values: Vec<f32>) -> Self {
        assert_eq!(
            values.len(),
            channels * height * width,
            "values of an image's planes"
        );
        Self {
            channels,
            height,
            width,
            values,
        }
    }

    /// The pixels of an image times `factor`, 1/255 for the range [0, 1]. `[3, height, width]`
    pub fn from_rgb(image: &RgbImage, factor: f64) -> Self {
        let (height, width) = (image.height() as usize, image.width() as usize);
        let pixels = image.as_raw();
        let plane = |channel: usize| pixels.iter().skip(channel).step_by(3);
        let values = (0..3).flat_map(plane);
        let values = values.map(|value| f32::from(*value) * factor as f32);
        Self::new(3, height, width, values.collect())
    }

    /// `[channels, height, width]`
    pub fn shape(&self) -> [usize; 3] {
        [self.channels, self.height, self.width]
    }

    /// `[height, width]`
    pub fn size(&self) -> [usize; 2] {
        [self.height, self.width]
    }

    /// All values, channel by channel and row by row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The values alone.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }

    /// Resized by Pillow's antialiased filter on floats, which is also that of torchvision on
    /// tensors; enlarged by `Bilinear` it is plain bilinear interpolation with
    /// `align_corners = false`.
    ///
    /// # Panics
    /// If a side is 0.
    pub fn resize(&self, height: usize, width: usize, filter: resample::Filter) -> Self {
        let (from, to) = ([self.height, self.width], [height, width]);
        let values = resample::resize_planes(&self.values, self.channels, from, to, filter);
        Self::new(self.channels, height, width, values)
    }
}

/// The mean and standard deviation of each channel, on pixels in [0, 1].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalise {
    /// Taken from each channel.
    pub mean: [f32; 3],
    /// What each channel is then divided by.
    pub std: [f32; 3],
}

impl Normalise {
    /// ImageNet's, which the DINO models and the LVD-1689M models of DINOv3 take.
    pub const IMAGENET: Self = Self {
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
    };

    /// (x − mean) / std, channel by channel.
    ///
    /// # Shapes
    /// `[3, height, width]` → `[3, height, width]`
    ///
    /// # Panics
    /// If there are not three channels.
    pub fn apply(&self, mut planes: Planes) -> Planes {
        assert_eq!(planes.channels, 3, "channels to normalise");
        let size = planes.height * planes.width;
        for (plane, (mean, std)) in (planes.values)
            .chunks_mut(size.max(1))
            .zip(self.mean.iter().zip(&self.std))
        {
            for value in plane {
                *value = (*value - mean) / std;
            }
        }
        planes
    }
}

impl Default for Normalise {
    fn default() -> Self {
        Self::IMAGENET
    }
}
