//! Pillow's separable resampling: a filter widened by the factor of reduction, along rows first,
//! then along columns.

use super::RgbImage;
use serde::{Deserialize, Serialize};

/// Bits behind the point of 8-bit weights; 2 bits stay for filters with negative lobes.
const PRECISION: u32 = 32 - 8 - 2;

/// How a new pixel weighs the old ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Filter {
    /// A triangle.
    Bilinear,
    /// Keys' cubic with a = −1/2.
    Bicubic,
}

impl Filter {
    /// Half its width, in pixels.
    fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
        }
    }

    fn weight(self, distance: f64) -> f64 {
        let x = distance.abs();
        match self {
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Bicubic if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
            Self::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * -0.5,
            Self::Bicubic => 0.0,
        }
    }
}

/// The old pixels that one new pixel weighs, along one axis.
struct Taps<W> {
    first: usize,
    weights: Vec<W>,
}

/// The taps of all new pixels; the weights of each sum to 1.
fn taps(filter: Filter, from: usize, to: usize) -> Vec<Taps<f64>> {
    let scale = from as f64 / to as f64;
    // Enlarging interpolates; reducing averages over all that a new pixel covers.
    let spread = scale.max(1.0);
    let support = filter.support() * spread;
    let tap = |place: usize| {
        let centre = (place as f64 + 0.5) * scale;
        let first = (centre - support + 0.5).max(0.0) as usize;
        let end = ((centre + support + 0.5) as usize).min(from);
        let distances = (first..end).map(|source| (source as f64 - centre + 0.5) / spread);
        let weights: Vec<f64> = distances.map(|d| filter.weight(d)).collect();
        let sum: f64 = weights.iter().sum();
        Taps {
            first,
            weights: weights.into_iter().map(|weight| weight / sum).collect(),
        }
    };
    (0..to).map(tap).collect()
}

/// The same in fixed point, rounded half away from zero.
fn fixed(taps: Vec<Taps<f64>>) -> Vec<Taps<i32>> {
    let one = f64::from(1 << PRECISION);
    let tap = |tap: Taps<f64>| Taps {
        first: tap.first,
        weights: tap
            .weights
            .iter()
            .map(|w| (w * one).round() as i32)
            .collect(),
    };
    taps.into_iter().map(tap).collect()
}

fn clip(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// An 8-bit image resized as `PIL.Image.resize` does it, to the bit: each pass is rounded to 8
/// bits, and a side that keeps its length is left alone.
///
/// # Panics
/// If a side is 0.
pub fn resize(image: &RgbImage, height: usize, width: usize, filter: Filter) -> RgbImage {
    let from = [image.height() as usize, image.width() as usize];
    assert!(
        from.into_iter().chain([height, width]).all(|side| side > 0),
        "resizing {from:?} to [{height}, {width}]"
    );
    let mut pixels = image.as_raw().clone();
    if width != from[1] {
        pixels = rows(&pixels, from[1], &fixed(taps(filter, from[1], width)));
    }
    if height != from[0] {
        pixels = columns(&pixels, 3 * width, &fixed(taps(filter, from[0], height)));
    }
    RgbImage::from_raw(width as u32, height as u32, pixels).expect("both passes fill the image")
}

fn rows(pixels: &[u8], from: usize, taps: &[Taps<i32>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(pixels.len() / from * taps.len());
    for row in pixels.chunks_exact(3 * from) {
        for tap in taps {
            let mut sums = [1 << (PRECISION - 1); 3];
            for (pixel, weight) in row[3 * tap.first..].chunks_exact(3).zip(&tap.weights) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(*value) * weight;
                }
            }
            out.extend(sums.map(clip));
        }
    }
    out
}

fn columns(pixels: &[u8], stride: usize, taps: &[Taps<i32>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(stride * taps.len());
    let mut sums = vec![0; stride];
    for tap in taps {
        sums.fill(1 << (PRECISION - 1));
        for (row, weight) in pixels[stride * tap.first..]
            .chunks_exact(stride)
            .zip(&tap.weights)
        {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += i32::from(*value) * weight;
            }
        }
        out.extend(sums.iter().map(|sum| clip(*sum)));
    }
    out
}

/// Planes of floats resized, `[channels, height, width]`; nothing is rounded or clipped.
pub(super) fn resize_planes(
    values: &[f32],
    channels: usize,
    from: [usize; 2],
    to: [usize; 2],
    filter: Filter,
) -> Vec<f32> {
    assert!(
        from.into_iter().chain(to).all(|side| side > 0),
        "resizing {from:?} to {to:?}"
    );
    let (down, across) = (taps(filter, from[0], to[0]), taps(filter, from[1], to[1]));
    let mut out = Vec::with_capacity(channels * to[0] * to[1]);
    for plane in values.chunks_exact(from[0] * from[1]) {
        let mut narrowed = Vec::with_capacity(from[0] * to[1]);
        for row in plane.chunks_exact(from[1]) {
            narrowed.extend(across.iter().map(|tap| {
                let products = row[tap.first..].iter().zip(&tap.weights);
                products.map(|(v, w)| v * *w as f32).sum::<f32>()
            }));
        }
        for tap in &down {
            let start = out.len();
            out.resize(start + to[1], 0.0);
            for (row, weight) in narrowed[to[1] * tap.first..]
                .chunks_exact(to[1])
                .zip(&tap.weights)
            {
                for (sum, value) in out[start..].iter_mut().zip(row) {
                    *sum += value * *weight as f32;
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is constant stays so, and a ramp's mean is kept when it is halved.
    #[test]
    fn weights_sum_to_one() {
        for filter in [Filter::Bilinear, Filter::Bicubic] {
            for (from, to) in [(7, 3), (3, 7), (5, 5), (1, 4), (9, 1)] {
                for tap in taps(filter, from, to) {
                    let sum: f64 = tap.weights.iter().sum();
                    assert!((sum - 1.0).abs() < 1e-12, "{from} {to}: {sum}");
                }
            }
        }
        let ramp = [0.0, 1.0, 2.0, 3.0];
        let halved = resize_planes(&ramp, 1, [1, 4], [1, 2], Filter::Bilinear);
        assert!((halved[0] + halved[1] - 3.0).abs() < 1e-6, "{halved:?}");
    }
}
