//! Pillow's Gaussian blur: three box blurs of fractional width (Gwosdek et al. 2011).

use crate::images::RgbImage;

/// Box blurs that stand in for one Gaussian.
const PASSES: usize = 3;

/// One box of fixed-point weights, 1 being 2²⁴.
struct Kernel {
    /// Whole pixels on either side of the middle.
    radius: usize,
    /// Of each whole pixel.
    inner: u32,
    /// Of the pixel beyond, on either side.
    outer: u32,
}

impl Kernel {
    /// The box whose `PASSES`-fold convolution has variance σ². In single precision, as Pillow.
    fn of(sigma: f64) -> Self {
        let sigma = sigma as f32;
        let variance = sigma * sigma / PASSES as f32;
        let length = (12.0 * f64::from(variance) + 1.0).sqrt() as f32;
        let whole = ((f64::from(length) - 1.0) / 2.0).floor() as f32;
        let part = (2.0 * whole + 1.0) * (whole * (whole + 1.0) - 3.0 * variance)
            / (6.0 * (variance - (whole + 1.0) * (whole + 1.0)));
        let radius = whole + part;
        let inner = ((1 << 24) as f32 / (radius * 2.0 + 1.0)) as u32;
        let radius = radius as usize;
        let outer = ((1 << 24) - (radius as u32 * 2 + 1) * inner) / 2;
        Self {
            radius,
            inner,
            outer,
        }
    }

    /// Blurs one channel of one line; what is beyond its ends is like its ends.
    fn line(&self, line: &[u8], out: &mut [u8]) {
        let last = line.len() - 1;
        let reach = self.radius as isize;
        let at = |place: isize| u32::from(line[place.clamp(0, last as isize) as usize]);
        let mut sum: u32 = (-reach - 1..reach).map(at).sum();
        for (place, out) in (0..).zip(out) {
            sum = sum + at(place + reach) - at(place - reach - 1);
            let far = at(place - reach - 1) + at(place + reach + 1);
            let weighted = sum * self.inner + far * self.outer;
            *out = ((weighted + (1 << 23)) >> 24) as u8;
        }
    }
}

/// An image blurred by a Gaussian of standard deviation `sigma` in pixels, as
/// `PIL.ImageFilter.GaussianBlur(sigma)` does it, to the bit.
///
/// # Panics
/// If `sigma` is negative or not a number.
pub fn gaussian_blur(image: &RgbImage, sigma: f64) -> RgbImage {
    assert!(sigma >= 0.0, "a blur of sigma {sigma}");
    if sigma == 0.0 || image.is_empty() {
        return image.clone();
    }
    let kernel = Kernel::of(sigma);
    let (height, width) = (image.height() as usize, image.width() as usize);
    let mut out = image.as_raw().clone();
    let (mut line, mut blurred) = (Vec::new(), Vec::new());
    let mut blur = |start: usize, step: usize, length: usize| {
        line.clear();
        line.extend((0..length).map(|place| out[start + place * step]));
        blurred.resize(length, 0);
        for _ in 0..PASSES {
            kernel.line(&line, &mut blurred);
            std::mem::swap(&mut line, &mut blurred);
        }
        for (place, value) in line.iter().enumerate() {
            out[start + place * step] = *value;
        }
    };
    for row in 0..height {
        for channel in 0..3 {
            blur(3 * width * row + channel, 3, width);
        }
    }
    for start in 0..3 * width {
        blur(start, 3 * width, height);
    }
    RgbImage::from_raw(image.width(), image.height(), out).expect("as many values as before")
}
