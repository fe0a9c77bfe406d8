//! Pillow's colour operations, as torchvision's ColorJitter uses them.

use crate::images::RgbImage;
use rand::Rng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

/// One change of colours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Adjustment {
    /// By [`brightness`].
    Brightness(f32),
    /// By [`contrast`].
    Contrast(f32),
    /// By [`saturation`].
    Saturation(f32),
    /// By [`hue`].
    Hue(f64),
}

impl Adjustment {
    /// The image with this change made.
    pub fn apply(self, image: &RgbImage) -> RgbImage {
        match self {
            Self::Brightness(factor) => brightness(image, factor),
            Self::Contrast(factor) => contrast(image, factor),
            Self::Saturation(factor) => saturation(image, factor),
            Self::Hue(shift) => hue(image, shift),
        }
    }
}

/// torchvision's ColorJitter: four adjustments in random order.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ColourJitter {
    /// How likely it is used at all.
    pub probability: f64,
    /// Factors are uniform in 1 ± this, and at least 0.
    pub brightness: f64,
    /// As `brightness`.
    pub contrast: f64,
    /// As `brightness`.
    pub saturation: f64,
    /// Shifts are uniform in ± this, at most 0.5, in turns of the colour circle.
    pub hue: f64,
}

impl Default for ColourJitter {
    /// DINO's.
    fn default() -> Self {
        Self {
            probability: 0.8,
            brightness: 0.4,
            contrast: 0.4,
            saturation: 0.2,
            hue: 0.1,
        }
    }
}

impl ColourJitter {
    /// The adjustments in the order in which to make them; none with probability 1 −
    /// [`probability`](Self::probability).
    pub fn draw(&self, generator: &mut impl Rng) -> Vec<Adjustment> {
        if !generator.random_bool(self.probability) {
            return Vec::new();
        }
        let mut factor = |spread: f64| {
            let low = (1.0 - spread).max(0.0);
            generator.random_range(low..=1.0 + spread) as f32
        };
        let mut adjustments = vec![
            Adjustment::Brightness(factor(self.brightness)),
            Adjustment::Contrast(factor(self.contrast)),
            Adjustment::Saturation(factor(self.saturation)),
        ];
        let shift = generator.random_range(-self.hue..=self.hue);
        adjustments.push(Adjustment::Hue(shift));
        adjustments.shuffle(generator);
        adjustments
    }
}

/// Away from black by `factor`: 0 is black, 1 the image itself.
pub fn brightness(image: &RgbImage, factor: f32) -> RgbImage {
    blend(image, factor, |_| 0)
}

/// Away from the mean grey by `factor`: 0 is that grey, 1 the image itself.
pub fn contrast(image: &RgbImage, factor: f32) -> RgbImage {
    let sum: u64 = image.pixels().map(|pixel| u64::from(luma(pixel.0))).sum();
    let count = u64::from(image.width()) * u64::from(image.height());
    let mean = (sum as f64 / count.max(1) as f64 + 0.5) as u8;
    blend(image, factor, |_| mean)
}

/// Away from the pixel's own grey by `factor`: 0 is grey, 1 the image itself.
pub fn saturation(image: &RgbImage, factor: f32) -> RgbImage {
    blend(image, factor, luma)
}

/// Each pixel's grey in all three channels.
pub fn grayscale(image: &RgbImage) -> RgbImage {
    each(image, |pixel| [luma(pixel); 3])
}

/// Values of 128 and more inverted.
pub fn solarise(image: &RgbImage) -> RgbImage {
    each(image, |pixel| {
        pixel.map(|value| if value < 128 { value } else { 255 - value })
    })
}

/// The hue moved by `shift` turns of the colour circle, through 8-bit HSV.
pub fn hue(image: &RgbImage, shift: f64) -> RgbImage {
    let steps = (shift * 255.0) as i32;
    let steps = steps.rem_euclid(256) as u8;
    each(image, |pixel| {
        let [hue, saturation, value] = to_hsv(pixel);
        to_rgb([hue.wrapping_add(steps), saturation, value])
    })
}

fn each(image: &RgbImage, change: impl Fn([u8; 3]) -> [u8; 3]) -> RgbImage {
    let mut out = image.clone();
    for pixel in out.pixels_mut() {
        pixel.0 = change(pixel.0);
    }
    out
}

/// `Image.blend(other, image, factor)`, where `other` is one grey a pixel.
fn blend(image: &RgbImage, factor: f32, other: impl Fn([u8; 3]) -> u8) -> RgbImage {
    each(image, |pixel| {
        let from = f32::from(other(pixel));
        // The cast cuts the fraction off and keeps within 0 to 255.
        pixel.map(|value| (from + factor * (f32::from(value) - from)) as u8)
    })
}

/// ITU-R 601-2 luma in fixed point.
fn luma([red, green, blue]: [u8; 3]) -> u8 {
    let sum = 19_595 * u32::from(red) + 38_470 * u32::from(green) + 7_471 * u32::from(blue);
    ((sum + (1 << 15)) >> 16) as u8
}

fn to_hsv([red, green, blue]: [u8; 3]) -> [u8; 3] {
    let most = red.max(green).max(blue);
    let least = red.min(green).min(blue);
    if most == least {
        return [0, 0, most];
    }
    let range = f32::from(most - least);
    let below = |value: u8| f32::from(most - value) / range;
    let (r, g, b) = (below(red), below(green), below(blue));
    // Pillow's mix of single and double precision.
    let sixths = if red == most {
        b - g
    } else if green == most {
        (2.0 + f64::from(r) - f64::from(b)) as f32
    } else {
        (4.0 + f64::from(g) - f64::from(r)) as f32
    };
    let turn = ((f64::from(sixths) / 6.0 + 1.0) % 1.0) as f32;
    let saturation = range / f32::from(most);
    let scaled = |value: f32| (f64::from(value) * 255.0) as u8;
    [scaled(turn), scaled(saturation), most]
}

fn to_rgb([hue, saturation, value]: [u8; 3]) -> [u8; 3] {
    if saturation == 0 {
        return [value; 3];
    }
    let sixths = f64::from(hue) * 6.0 / 255.0;
    let sector = sixths.floor();
    let part = f64::from((sixths - sector) as f32);
    let s = f64::from((f64::from(saturation) / 255.0) as f32);
    let scaled = |share: f64| (f64::from(value) * share).round() as u8;
    let low = scaled(1.0 - s);
    let falling = scaled(1.0 - f64::from((s * part) as f32));
    let rising = scaled(1.0 - s * (1.0 - part));
    match sector as u8 % 6 {
        0 => [value, rising, low],
        1 => [falling, value, low],
        2 => [low, value, rising],
        3 => [low, falling, value],
        4 => [rising, low, value],
        _ => [value, low, falling],
    }
}
