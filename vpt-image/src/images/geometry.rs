//! Cutting, mirroring and resizing as torchvision does on PIL images.

use super::{Filter, RgbImage, resize};
use image::imageops;
use serde::{Deserialize, Serialize};

/// A rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PixelBox {
    /// First row.
    pub top: usize,
    /// First column.
    pub left: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// The part of an image in `region`.
///
/// # Panics
/// If the region is not inside the image.
pub fn crop(image: &RgbImage, region: PixelBox) -> RgbImage {
    let PixelBox {
        top,
        left,
        height,
        width,
    } = region;
    assert!(
        top + height <= image.height() as usize && left + width <= image.width() as usize,
        "{region:?} in an image of {}x{}",
        image.width(),
        image.height()
    );
    let [left, top, width, height] = [left, top, width, height].map(|side| side as u32);
    imageops::crop_imm(image, left, top, width, height).to_image()
}

/// Mirrored left to right.
pub fn flip(image: &RgbImage) -> RgbImage {
    imageops::flip_horizontal(image)
}

/// `region` alone, resized to a square: what is around it does not reach in.
///
/// # Panics
/// If the region is not inside the image or has no pixels.
pub fn resized_crop(image: &RgbImage, region: PixelBox, size: usize, filter: Filter) -> RgbImage {
    resize(&crop(image, region), size, size, filter)
}

/// Resized so that the shorter side is `size`; the longer one is rounded down.
///
/// # Panics
/// If a side is 0.
pub fn shorter_side(image: &RgbImage, size: usize, filter: Filter) -> RgbImage {
    let (height, width) = (image.height() as usize, image.width() as usize);
    let longer = size * height.max(width) / height.min(width).max(1);
    let (new_height, new_width) = if width <= height {
        (longer, size)
    } else {
        (size, longer)
    };
    resize(image, new_height, new_width, filter)
}

/// The square in the middle.
///
/// # Panics
/// If a side is shorter than `size`.
pub fn centre_crop(image: &RgbImage, size: usize) -> RgbImage {
    let first = |side: u32| {
        let rest = (side as usize).checked_sub(size);
        let rest = rest.unwrap_or_else(|| panic!("a square of {size} from a side of {side}"));
        // Python rounds half to even.
        (rest as f64 / 2.0).round_ties_even() as usize
    };
    let region = PixelBox {
        top: first(image.height()),
        left: first(image.width()),
        height: size,
        width: size,
    };
    crop(image, region)
}
