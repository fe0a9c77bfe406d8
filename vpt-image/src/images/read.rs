//! Reading and writing image files.

use super::{DepthMap, ImageError, LabelMap, RgbImage};
use image::{DynamicImage, ImageFormat, ImageReader};
use std::path::Path;

/// Reads a JPEG or PNG as 8-bit RGB, by its content whatever its name says.
///
/// Grey images get three equal channels, and an alpha channel is left out; the orientation in
/// EXIF is not applied (as in Pillow's `convert("RGB")`).
///
/// # Errors
/// A file that cannot be read or decoded, or is cut short.
pub fn read_rgb(path: &Path) -> Result<RgbImage, ImageError> {
    Ok(decode(path)?.into_rgb8())
}

/// Reads a label map: 8-bit, one channel.
///
/// # Errors
/// As [`read_rgb`], and an image of another kind.
pub fn read_labels(path: &Path) -> Result<LabelMap, ImageError> {
    match decode(path)? {
        DynamicImage::ImageLuma8(labels) => {
            let (height, width) = (labels.height() as usize, labels.width() as usize);
            Ok(LabelMap::new(height, width, labels.into_raw()))
        }
        other => Err(channels(path, "8-bit labels of one channel", &other)),
    }
}

/// Reads a depth map: 16-bit, one channel, `per_metre` steps a metre (1000 for millimetres). 0
/// stays 0: not known.
///
/// # Errors
/// As [`read_rgb`], and an image of another kind.
pub fn read_depth(path: &Path, per_metre: f32) -> Result<DepthMap, ImageError> {
    match decode(path)? {
        DynamicImage::ImageLuma16(depth) => {
            let (height, width) = (depth.height() as usize, depth.width() as usize);
            let metres = depth.into_raw().into_iter();
            let metres = metres.map(|steps| f32::from(steps) / per_metre);
            Ok(DepthMap::new(height, width, metres.collect()))
        }
        other => Err(channels(path, "16-bit depth of one channel", &other)),
    }
}

/// An image as the bytes of a PNG file.
///
/// # Errors
/// An image without pixels.
pub fn encode_png(image: &RgbImage) -> Result<Vec<u8>, ImageError> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(|error| ImageError::Encode {
            reason: error.to_string(),
        })?;
    Ok(bytes.into_inner())
}

fn decode(path: &Path) -> Result<DynamicImage, ImageError> {
    let read = |source| ImageError::Read {
        path: path.to_owned(),
        source,
    };
    let reader = ImageReader::open(path).map_err(read)?;
    let reader = reader.with_guessed_format().map_err(read)?;
    let image = reader.decode().map_err(|error| ImageError::Decode {
        path: path.to_owned(),
        // One line, whatever the decoder says.
        reason: error
            .to_string()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" "),
    })?;
    if image.width() == 0 || image.height() == 0 {
        return Err(ImageError::Decode {
            path: path.to_owned(),
            reason: "it has no pixels".into(),
        });
    }
    Ok(image)
}

fn channels(path: &Path, expected: &'static str, found: &DynamicImage) -> ImageError {
    ImageError::Channels {
        path: path.to_owned(),
        expected,
        found: format!("{:?}", found.color()),
    }
}
