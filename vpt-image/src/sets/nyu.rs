//! NYUv2 as extracted folders with a list: the layout of BTS and AdaBins.

use super::{SetError, same_size};
use crate::images::{DepthMap, RgbImage, read_depth, read_rgb};
use std::path::{Path, PathBuf};

/// Depth files hold millimetres.
const PER_METRE: f32 = 1000.0;

/// An image and the depth of each of its pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The image.
    pub image: RgbImage,
    /// Depths in metres, 0 where not known; of the image's size.
    pub depth: DepthMap,
}

/// Images and depths named by a list.
#[derive(Clone, Debug)]
pub struct NyuList {
    samples: Vec<(PathBuf, PathBuf)>,
}

impl NyuList {
    /// Reads a list (`nyu_train.txt`, `nyu_test.txt`) of lines `RGB DEPTH FOCAL`, whose paths are
    /// below `root` even if they begin with a slash. The focal length is checked, not kept: depths
    /// need none.
    ///
    /// # Errors
    /// A list that cannot be read or is empty, and a line of another form.
    pub fn open(list: &Path, root: &Path) -> Result<Self, SetError> {
        let text = std::fs::read_to_string(list).map_err(|source| SetError::Read {
            path: list.to_owned(),
            source,
        })?;
        let below = |name: &str| root.join(name.trim_start_matches('/'));
        let lines = text.lines().zip(1..);
        let lines = lines.filter(|(line, _)| !line.trim().is_empty());
        let sample = |(line, number): (&str, usize)| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let message = match fields.as_slice() {
                [rgb, depth, focal] if focal.parse::<f64>().is_ok() => {
                    return Ok((below(rgb), below(depth)));
                }
                [_, _, focal] => format!("`{focal}` is no focal length"),
                _ => format!("expected RGB DEPTH FOCAL, found {} fields", fields.len()),
            };
            Err(SetError::Line {
                path: list.to_owned(),
                line: number,
                message,
            })
        };
        let samples: Vec<(PathBuf, PathBuf)> = lines.map(sample).collect::<Result<_, _>>()?;
        if samples.is_empty() {
            return Err(SetError::Empty {
                path: list.to_owned(),
                what: "line",
            });
        }
        Ok(Self { samples })
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Never: a list without lines is refused.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// An image with its depths.
    ///
    /// # Errors
    /// Files that cannot be read, and depths of another size.
    ///
    /// # Panics
    /// If there is no such sample.
    pub fn load(&self, index: usize) -> Result<Measured, SetError> {
        let (image, path) = &self.samples[index];
        let image = read_rgb(image)?;
        let depth = read_depth(path, PER_METRE)?;
        let size = [image.height() as usize, image.width() as usize];
        same_size(path, [depth.height(), depth.width()], size)?;
        Ok(Measured { image, depth })
    }
}
