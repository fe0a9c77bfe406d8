//! ADE20K's layout: `images/SPLIT/*.jpg` and `annotations/SPLIT/*.png`.

use super::{SetError, is_image, listing, same_size};
use crate::images::{IGNORE, LabelMap, RgbImage, read_labels, read_rgb};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// How the values of annotations name classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabelScheme {
    /// How many classes there are, at most 255.
    pub classes: u8,
    /// 0 means unlabelled and k means class k − 1, as in ADE20K; otherwise k means class k.
    /// 255 is unlabelled either way.
    pub reduce_zero_label: bool,
}

impl Default for LabelScheme {
    /// ADE20K's 150 classes.
    fn default() -> Self {
        Self {
            classes: 150,
            reduce_zero_label: true,
        }
    }
}

impl LabelScheme {
    /// The class that a value means, [`IGNORE`] for none.
    ///
    /// # Errors
    /// The greatest value there is, if this is greater.
    fn class(self, value: u8) -> Result<u8, u8> {
        let first = u8::from(self.reduce_zero_label);
        match value {
            IGNORE => Ok(IGNORE),
            0 if self.reduce_zero_label => Ok(IGNORE),
            _ if value - first < self.classes => Ok(value - first),
            _ => Err((self.classes - 1).saturating_add(first)),
        }
    }

    /// Annotations as classes, each value checked.
    fn apply(self, path: &Path, mut labels: LabelMap) -> Result<LabelMap, SetError> {
        let width = labels.width().max(1);
        for (place, value) in labels.values_mut().iter_mut().enumerate() {
            *value = self.class(*value).map_err(|last| SetError::Label {
                path: path.to_owned(),
                label: *value,
                row: place / width,
                column: place % width,
                last,
            })?;
        }
        Ok(labels)
    }
}

/// An image and the class of each of its pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Segmented {
    /// The image.
    pub image: RgbImage,
    /// Its classes from 0, [`IGNORE`] where there is none; of the image's size.
    pub labels: LabelMap,
}

/// One split of ADE20K, or of a set in the same layout.
#[derive(Clone, Debug)]
pub struct Ade20k {
    scheme: LabelScheme,
    samples: Vec<(PathBuf, PathBuf)>,
}

impl Ade20k {
    /// Lists the images of `split` (`training` or `validation`) by name, each with its annotation.
    ///
    /// # Errors
    /// Folders that cannot be read or hold no image, an image without an annotation, and a scheme
    /// without a class.
    pub fn open(root: &Path, split: &str, scheme: LabelScheme) -> Result<Self, SetError> {
        if scheme.classes == 0 {
            let content = SetError::content(root);
            return Err(content("a label scheme of no classes".into()));
        }
        let folder = root.join("images").join(split);
        let annotations = root.join("annotations").join(split);
        let mut samples = Vec::new();
        for image in listing(&folder)?.into_iter().filter(|path| is_image(path)) {
            let name = image.file_name().unwrap_or_default();
            let labels = annotations.join(name).with_extension("png");
            if !labels.is_file() {
                return Err(SetError::Read {
                    path: labels,
                    source: std::io::ErrorKind::NotFound.into(),
                });
            }
            samples.push((image, labels));
        }
        if samples.is_empty() {
            return Err(SetError::Empty {
                path: folder,
                what: "image (jpg, jpeg, png)",
            });
        }
        Ok(Self { scheme, samples })
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Never: a set without images is refused.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        usize::from(self.scheme.classes)
    }

    /// An image with its labels.
    ///
    /// # Errors
    /// Files that cannot be read, labels of another size or out of range.
    ///
    /// # Panics
    /// If there is no such sample.
    pub fn load(&self, index: usize) -> Result<Segmented, SetError> {
        let (image, path) = &self.samples[index];
        let image = read_rgb(image)?;
        let labels = read_labels(path)?;
        let size = [image.height() as usize, image.width() as usize];
        same_size(path, [labels.height(), labels.width()], size)?;
        let labels = self.scheme.apply(path, labels)?;
        Ok(Segmented { image, labels })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_reduced_once_and_255_stays() {
        let ade = LabelScheme::default();
        let classes = [0, 1, 150, 255].map(|value| ade.class(value).unwrap());
        assert_eq!(classes, [IGNORE, 0, 149, IGNORE]);
        assert_eq!(ade.class(151), Err(150));

        let plain = LabelScheme {
            classes: 3,
            reduce_zero_label: false,
        };
        assert_eq!([0, 2, 255].map(|v| plain.class(v).unwrap()), [0, 2, IGNORE]);
        assert_eq!(plain.class(3), Err(2));
    }
}
