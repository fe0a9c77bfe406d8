//! Surfaces: colours and patterns over coordinates in metres.

use super::digits::Digits;
use super::{Split, Vector};
use crate::random::{Purpose, generator};
use rand::Rng;

/// One entry of the catalogue. Each number is a texture, and each texture belongs to one split.
#[derive(Clone, Debug)]
pub(super) struct Texture {
    first: Vector,
    second: Vector,
    pattern: Pattern,
    /// Repeats a metre.
    frequency: f32,
    /// Sine and cosine of the pattern's direction.
    turn: (f32, f32),
    /// How much the brightness varies from place to place.
    grain: f32,
    noise: u32,
}

#[derive(Clone, Debug)]
enum Pattern {
    Plain,
    Stripes,
    Checks,
    Dots,
    Clouds,
    Digits([usize; 4]),
}

impl Texture {
    /// The texture that `draw` stands for among those of a split.
    pub(super) fn of_split(split: Split, draw: u32) -> Self {
        let number = u64::from(draw) * Split::ALL.len() as u64 + split as u64;
        let mut generator = generator(0, Purpose::Texture, number, 0);
        let mut colour = || {
            let hue = generator.random_range(0.0..std::f32::consts::TAU);
            let (strength, light) = (
                generator.random_range(0.0..0.3),
                generator.random_range(0.15..0.8),
            );
            let channel = |shift: f32| light * (1.0 + strength * 3.0 * (hue + shift).cos());
            let third = std::f32::consts::TAU / 3.0;
            Vector([0.0, third, 2.0 * third].map(|shift| channel(shift).clamp(0.02, 1.0)))
        };
        let (first, second) = (colour(), colour());
        let pattern = match generator.random_range(0..7) {
            0 => Pattern::Plain,
            1 => Pattern::Stripes,
            2 => Pattern::Checks,
            3 => Pattern::Dots,
            4 => Pattern::Clouds,
            _ => Pattern::Digits([0; 4].map(|_| Digits::of_split(split, generator.random()))),
        };
        let frequency: f32 = match pattern {
            Pattern::Digits(_) => generator.random_range(1.0..2.5),
            _ => generator.random_range(2.0..8.0),
        };
        let turn = match pattern {
            // Digits stand upright.
            Pattern::Digits(_) => (0.0, 1.0),
            _ => generator.random_range(0.0..std::f32::consts::PI).sin_cos(),
        };
        Self {
            first,
            second,
            pattern,
            frequency,
            turn,
            grain: generator.random_range(0.0..0.35),
            noise: generator.random(),
        }
    }

    /// Only the digits of a split, large: a poster that says which picture this is and nothing
    /// about what stands where.
    pub(super) fn poster(split: Split, draw: u32, digits: [u64; 4], side: f32) -> Self {
        Self {
            pattern: Pattern::Digits(digits.map(|digit| Digits::of_split(split, digit))),
            frequency: 2.0 / side,
            turn: (0.0, 1.0),
            ..Self::of_split(split, draw)
        }
    }

    /// The share of light that comes back at (u, v), in metres along the surface, by channel.
    pub(super) fn albedo(&self, digits: &Digits, u: f32, v: f32) -> Vector {
        let (sin, cos) = self.turn;
        let x = (u * cos - v * sin) * self.frequency;
        let y = (u * sin + v * cos) * self.frequency;
        let second = match &self.pattern {
            Pattern::Plain => 0.0,
            Pattern::Stripes => f32::from(u8::from(x.rem_euclid(1.0) < 0.5)),
            Pattern::Checks => (x.floor() + y.floor()).rem_euclid(2.0),
            Pattern::Dots => {
                let (x, y) = (x.rem_euclid(1.0) - 0.5, y.rem_euclid(1.0) - 0.5);
                f32::from(u8::from(x * x + y * y < 0.09))
            }
            Pattern::Clouds => self.clouds(x, y),
            Pattern::Digits(which) => {
                let (column, row) = (x.floor(), y.floor());
                let place = column.rem_euclid(2.0) as usize + 2 * row.rem_euclid(2.0) as usize;
                // Rows of a picture go down, v goes up.
                digits.ink(which[place], x - column, 1.0 - (y - row))
            }
        };
        let grain = 1.0 + self.grain * (self.clouds(u * 23.0, v * 23.0) - 0.5);
        (self.first + (self.second - self.first) * second) * grain
    }

    /// Value noise in [0, 1].
    fn clouds(&self, x: f32, y: f32) -> f32 {
        let (column, row) = (x.floor(), y.floor());
        let at = |right: i32, up: i32| self.hash(column as i32 + right, row as i32 + up);
        let smooth = |part: f32| part * part * (3.0 - 2.0 * part);
        let (right, up) = (smooth(x - column), smooth(y - row));
        let lower = at(0, 0) + (at(1, 0) - at(0, 0)) * right;
        let upper = at(0, 1) + (at(1, 1) - at(0, 1)) * right;
        lower + (upper - lower) * up
    }

    fn hash(&self, column: i32, row: i32) -> f32 {
        let mut bits = self.noise
            ^ (column as u32).wrapping_mul(0x9E37_79B1)
            ^ (row as u32).wrapping_mul(0x85EB_CA77);
        bits = (bits ^ (bits >> 15)).wrapping_mul(0x2C1B_3C6D);
        bits = (bits ^ (bits >> 12)).wrapping_mul(0x297A_2D39);
        (bits ^ (bits >> 15)) as f32 / u32::MAX as f32
    }
}
