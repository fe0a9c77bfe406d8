//! Images, label maps and depth maps as plain arrays, and how they change size.
//!
//! Photographs are [`RgbImage`] as they are read, and [`Planes`] as a learner takes them.
//! Resizing is Pillow's to the bit, which published resamplers are not. Pillow 13 differs by up to
//! 3 of 255 where it resizes columns first; 11 takes rows first, as here.

mod error;
mod geometry;
mod grid;
mod planes;
mod processor;
mod read;
mod resample;

pub use self::error::ImageError;
pub use self::geometry::{PixelBox, centre_crop, crop, flip, resized_crop, shorter_side};
pub use self::grid::{DepthMap, Grid, IGNORE, LabelMap};
pub use self::planes::{Normalise, Planes};
pub use self::processor::{ImageProcessor, Size};
pub use self::read::{encode_png, read_depth, read_labels, read_rgb};
pub use self::resample::{Filter, resize};
pub use image::RgbImage;
