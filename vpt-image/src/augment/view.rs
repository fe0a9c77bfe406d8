//! One view of an image.

use super::colour::{Adjustment, grayscale, solarise};
use super::gaussian_blur;
use crate::images::{Filter, Grid, PixelBox, RgbImage, flip, resized_crop};

/// Everything that was drawn for one view; what it does to an image is fixed.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewDraw {
    /// The part of the image.
    pub region: PixelBox,
    /// The side of the square that it is resized to.
    pub size: usize,
    /// Mirrored left to right.
    pub flipped: bool,
    /// Changes of colour, in order.
    pub colours: Vec<Adjustment>,
    /// Grey in place of colour.
    pub grayscale: bool,
    /// Standard deviation of the blur in pixels of the view.
    pub blur: Option<f64>,
    /// Bright values inverted.
    pub solarised: bool,
}

impl ViewDraw {
    /// The view: crop, flip, colours, grey, blur, solarisation, in this order.
    ///
    /// # Shapes
    /// → `[size, size, 3]`
    ///
    /// # Panics
    /// If the region is not inside the image.
    pub fn apply(&self, image: &RgbImage) -> RgbImage {
        let mut view = resized_crop(image, self.region, self.size, Filter::Bicubic);
        if self.flipped {
            view = flip(&view);
        }
        for adjustment in &self.colours {
            view = adjustment.apply(&view);
        }
        if self.grayscale {
            view = grayscale(&view);
        }
        if let Some(sigma) = self.blur {
            view = gaussian_blur(&view, sigma);
        }
        if self.solarised {
            view = solarise(&view);
        }
        view
    }

    /// Labels or depths of the image as the view's pixels have them, by the nearest.
    ///
    /// # Shapes
    /// → `[size, size]`
    ///
    /// # Panics
    /// If the region is not inside the grid.
    pub fn follow<T: Copy>(&self, grid: &Grid<T>) -> Grid<T> {
        let view = grid.crop(self.region).resize_nearest(self.size, self.size);
        if self.flipped { view.flip() } else { view }
    }
}
