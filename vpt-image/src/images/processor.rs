//! Transformers' image processor of DINOv3.

use super::{Filter, ImageError, Normalise, Planes, RgbImage};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::Path;
use vpt_core::{CoreError, write_atomically};

/// The file's name in a model's folder.
const FILE: &str = "preprocessor_config.json";

/// What a `preprocessor_config.json` of DINOv3 asks for: rescale, then resize on floats with
/// antialiasing, then normalise. The aspect ratio is not kept.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageProcessor {
    /// What pixels are multiplied by first; 1 leaves them.
    pub rescale_factor: f64,
    /// The size to resize to, if any.
    pub size: Option<Size>,
    /// The filter to resize by.
    pub filter: Filter,
    /// Mean and standard deviation, if pixels are normalised.
    pub normalise: Option<Normalise>,
}

/// Height and width in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// The keys of the file; those that Transformers writes as null are as good as absent.
#[derive(Deserialize)]
struct Keys {
    image_processor_type: Option<String>,
    do_rescale: Option<bool>,
    rescale_factor: Option<f64>,
    do_resize: Option<bool>,
    size: Option<serde_json::Value>,
    resample: Option<u8>,
    do_normalize: Option<bool>,
    image_mean: Option<[f32; 3]>,
    image_std: Option<[f32; 3]>,
    do_center_crop: Option<bool>,
    do_pad: Option<bool>,
}

impl Default for ImageProcessor {
    /// DINOv3's own defaults: 224 × 224, bilinear, ImageNet's mean and standard deviation.
    fn default() -> Self {
        Self {
            rescale_factor: 1.0 / 255.0,
            size: Some(Size {
                height: 224,
                width: 224,
            }),
            filter: Filter::Bilinear,
            normalise: Some(Normalise::IMAGENET),
        }
    }
}

impl ImageProcessor {
    /// Reads the `preprocessor_config.json` of a model's folder.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn of_folder(folder: &Path) -> Result<Self, ImageError> {
        Self::read(&folder.join(FILE))
    }

    /// Whether a model's folder has the file.
    pub fn is_in(folder: &Path) -> bool {
        folder.join(FILE).is_file()
    }

    /// Writes `preprocessor_config.json` into a model's folder, as Transformers loads it.
    ///
    /// # Errors
    /// The file, if it cannot be written.
    pub fn save(&self, folder: &Path) -> Result<(), CoreError> {
        write_atomically(&folder.join(FILE), self.to_json().as_bytes())
    }

    fn to_json(&self) -> String {
        let mut json = json!({
            "image_processor_type": "DINOv3ViTImageProcessorFast",
            "do_rescale": self.rescale_factor != 1.0,
            "rescale_factor": self.rescale_factor,
            "do_resize": self.size.is_some(),
            "size": self.size,
            "resample": match self.filter {
                Filter::Bilinear => 2,
                Filter::Bicubic => 3,
            },
            "do_normalize": self.normalise.is_some(),
        });
        if let Some(Normalise { mean, std }) = self.normalise {
            // 0.485 as it was read, not the f64 that is nearest to its f32.
            let short = |x: f32| x.to_string().parse().unwrap_or(f64::from(x));
            json["image_mean"] = json!(mean.map(short));
            json["image_std"] = json!(std.map(short));
        }
        format!("{json:#}\n")
    }

    /// Reads a `preprocessor_config.json`.
    ///
    /// # Errors
    /// A file that cannot be read, is not JSON, is another model's processor or asks for what
    /// DINOv3's does not do; the key is named.
    pub fn read(path: &Path) -> Result<Self, ImageError> {
        let text = std::fs::read_to_string(path).map_err(|source| ImageError::Read {
            path: path.to_owned(),
            source,
        })?;
        let keys = serde_json::from_str(&text).map_err(|error| error.to_string());
        let processor = keys.and_then(Self::from_keys);
        processor.map_err(|message| ImageError::Processor {
            path: path.to_owned(),
            message,
        })
    }

    fn from_keys(keys: Keys) -> Result<Self, String> {
        let default = Self::default();
        // Another processor has another order of the same steps.
        if let Some(kind) = &keys.image_processor_type
            && !kind.starts_with("DINOv3ViTImageProcessor")
        {
            return Err(format!(
                "image_processor_type = \"{kind}\" is not supported; DINOv3ViTImageProcessor is"
            ));
        }
        for (key, value) in [
            ("do_center_crop", keys.do_center_crop),
            ("do_pad", keys.do_pad),
        ] {
            if value == Some(true) {
                return Err(format!("{key} = true is not supported"));
            }
        }
        let size = match keys.size.filter(|_| keys.do_resize != Some(false)) {
            Some(size) => Some(Self::read_size(&size)?),
            None if keys.do_resize == Some(false) => None,
            None => default.size,
        };
        let filter = match keys.resample {
            None | Some(2) => Filter::Bilinear,
            Some(3) => Filter::Bicubic,
            Some(other) => {
                return Err(format!(
                    "resample = {other} is not supported; 2 (bilinear) and 3 (bicubic) are"
                ));
            }
        };
        let normalise = Normalise {
            mean: keys.image_mean.unwrap_or(Normalise::IMAGENET.mean),
            std: keys.image_std.unwrap_or(Normalise::IMAGENET.std),
        };
        if normalise.std.contains(&0.0) {
            return Err("image_std holds a zero".into());
        }
        let rescale_factor = match keys.do_rescale {
            Some(false) => 1.0,
            _ => keys.rescale_factor.unwrap_or(default.rescale_factor),
        };
        Ok(Self {
            rescale_factor,
            size,
            filter,
            normalise: (keys.do_normalize != Some(false)).then_some(normalise),
        })
    }

    fn read_size(size: &serde_json::Value) -> Result<Size, String> {
        let read = Size::deserialize(size).ok();
        let read = read.filter(|size| size.height > 0 && size.width > 0);
        read.ok_or_else(|| format!("size = {size} is not supported; height and width are needed"))
    }

    /// An image as the learner takes it, resized to [`size`](Self::size) if there is one.
    ///
    /// # Shapes
    /// → `[3, height, width]`
    ///
    /// # Panics
    /// If the image has no pixels.
    pub fn apply(&self, image: &RgbImage) -> Planes {
        let mut planes = Planes::from_rgb(image, self.rescale_factor);
        if let Some(size) = self.size {
            planes = planes.resize(size.height, size.width, self.filter);
        }
        match &self.normalise {
            Some(normalise) => normalise.apply(planes),
            None => planes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<ImageProcessor, String> {
        ImageProcessor::from_keys(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn absent_and_null_keys_take_the_defaults() {
        let default = ImageProcessor::default();
        assert_eq!(parse("{}").unwrap(), default);
        let nulls = r#"{"image_processor_type": "DINOv3ViTImageProcessorFast", "crop_size": null,
            "do_center_crop": null, "do_resize": true, "resample": 2, "size": null}"#;
        assert_eq!(parse(nulls).unwrap(), default);
    }

    #[test]
    fn steps_are_turned_off_one_by_one() {
        let off = r#"{"do_rescale": false, "do_resize": false, "do_normalize": false}"#;
        let off = parse(off).unwrap();
        let image = RgbImage::from_raw(1, 2, vec![1, 2, 3, 4, 5, 6]).unwrap();
        let planes = off.apply(&image);
        assert_eq!(planes.shape(), [3, 2, 1]);
        assert_eq!(planes.values(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let default = ImageProcessor::default();
        assert_eq!(parse(&default.to_json()).unwrap(), default);
        let other = ImageProcessor {
            rescale_factor: 1.0,
            size: None,
            filter: Filter::Bicubic,
            normalise: None,
        };
        assert_eq!(parse(&other.to_json()).unwrap(), other);
    }

    #[test]
    fn what_is_not_supported_is_named() {
        for (json, key) in [
            (r#"{"size": {"shortest_edge": 224}}"#, "size"),
            (r#"{"size": {"height": 0, "width": 8}}"#, "size"),
            (r#"{"do_center_crop": true}"#, "do_center_crop"),
            (r#"{"resample": 0}"#, "resample"),
            (r#"{"image_std": [0.2, 0.0, 0.2]}"#, "image_std"),
            (
                r#"{"image_processor_type": "BitImageProcessor"}"#,
                "image_processor_type",
            ),
        ] {
            let error = parse(json).unwrap_err();
            assert!(error.contains(key), "{error}");
        }
    }
}
