//! DINO's views of an image: two global crops and several local ones, each with its own colours.
//!
//! What is drawn ([`ViewDraw`]) is apart from what it does to an image, so that labels can follow
//! the same crop. Colours, blur and resizing are Pillow's and torchvision's to the bit.

mod blur;
mod colour;
mod crop;
mod error;
mod multi_crop;
mod view;

pub use self::blur::gaussian_blur;
pub use self::colour::{
    Adjustment, ColourJitter, brightness, contrast, grayscale, hue, saturation, solarise,
};
pub use self::crop::RandomResizedCrop;
pub use self::error::AugmentError;
pub use self::multi_crop::{MultiCrop, View, ViewRecipe, Views};
pub use self::view::ViewDraw;
