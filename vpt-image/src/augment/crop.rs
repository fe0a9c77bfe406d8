//! torchvision's RandomResizedCrop.

use crate::images::PixelBox;
use rand::Rng;

/// How often a box is drawn before the middle of the image is taken.
const TRIES: usize = 10;

/// Draws boxes of random area and aspect ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandomResizedCrop {
    /// The share of the image's area, uniform between these.
    pub scale: [f64; 2],
    /// Width over height, uniform in its logarithm between these.
    pub ratio: [f64; 2],
}

impl RandomResizedCrop {
    /// Boxes of 3:4 to 4:3, as every recipe has them.
    pub fn new(scale: [f64; 2]) -> Self {
        Self {
            scale,
            ratio: [3.0 / 4.0, 4.0 / 3.0],
        }
    }

    /// A box inside an image. After ten boxes that do not fit it is the largest one in the middle
    /// whose ratio is allowed.
    ///
    /// # Panics
    /// If the image has no pixels.
    pub fn draw(&self, height: usize, width: usize, generator: &mut impl Rng) -> PixelBox {
        self.choose(height, width, &mut || generator.random())
    }

    /// [`draw`](Self::draw) by uniform numbers in [0, 1).
    fn choose(&self, height: usize, width: usize, uniform: &mut dyn FnMut() -> f64) -> PixelBox {
        assert!(height > 0 && width > 0, "a box in {height}x{width} pixels");
        let mut between = |[low, high]: [f64; 2]| low + (high - low) * uniform();
        let fitting = (0..TRIES).find_map(|_| {
            let area = (height * width) as f64 * between(self.scale);
            let ratio = between(self.ratio.map(f64::ln)).exp();
            // Python rounds half to even.
            let side = |squared: f64| squared.sqrt().round_ties_even() as usize;
            let (w, h) = (side(area * ratio), side(area / ratio));
            ((1..=width).contains(&w) && (1..=height).contains(&h)).then_some((h, w))
        });
        let Some((h, w)) = fitting else {
            return self.middle(height, width);
        };
        let mut place = |places: usize| (uniform() * places as f64) as usize;
        PixelBox {
            top: place(height - h + 1),
            left: place(width - w + 1),
            height: h,
            width: w,
        }
    }

    fn middle(&self, height: usize, width: usize) -> PixelBox {
        let [narrowest, widest] = self.ratio;
        let ratio = width as f64 / height as f64;
        let round = |side: f64| side.round_ties_even() as usize;
        let (h, w) = if ratio < narrowest {
            (round(width as f64 / narrowest), width)
        } else if ratio > widest {
            (height, round(height as f64 * widest))
        } else {
            (height, width)
        };
        PixelBox {
            top: (height - h) / 2,
            left: (width - w) / 2,
            height: h,
            width: w,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Golden {
        crops: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        height: usize,
        width: usize,
        scale: [f64; 2],
        #[serde(rename = "box")]
        region: [usize; 4],
        uniform: Vec<f64>,
    }

    /// torchvision's rule on the same uniform draws, the middle of long images included.
    #[test]
    fn boxes_are_torchvisions() {
        let golden = include_str!("../../../tests/golden/vision/images.json");
        let golden: Golden = serde_json::from_str(golden).unwrap();
        assert!(golden.crops.len() >= 30);
        for case in golden.crops {
            let mut uniform = case.uniform.iter().copied();
            let crop = RandomResizedCrop::new(case.scale);
            let found = crop.choose(case.height, case.width, &mut || uniform.next().unwrap());
            let found = [found.top, found.left, found.height, found.width];
            assert_eq!(found, case.region, "{}x{}", case.height, case.width);
        }
    }
}
