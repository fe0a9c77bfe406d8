//! Points, directions and colours.

use std::ops::{Add, Mul, Sub};

/// Three numbers: right, up and forward, or red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Vector(pub(super) [f32; 3]);

impl Vector {
    pub(super) fn dot(self, other: Self) -> f32 {
        let ([a, b, c], [x, y, z]) = (self.0, other.0);
        a * x + b * y + c * z
    }

    /// Channel by channel.
    pub(super) fn times(self, other: Self) -> Self {
        let ([a, b, c], [x, y, z]) = (self.0, other.0);
        Self([a * x, b * y, c * z])
    }

    pub(super) fn unit(self) -> Self {
        self * (1.0 / self.dot(self).sqrt())
    }

    /// Turned about the upright axis.
    pub(super) fn turned(self, (sin, cos): (f32, f32)) -> Self {
        let [x, y, z] = self.0;
        Self([cos * x + sin * z, y, cos * z - sin * x])
    }
}

impl Add for Vector {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let ([a, b, c], [x, y, z]) = (self.0, other.0);
        Self([a + x, b + y, c + z])
    }
}

impl Sub for Vector {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + other * -1.0
    }
}

impl Mul<f32> for Vector {
    type Output = Self;

    fn mul(self, factor: f32) -> Self {
        Self(self.0.map(|value| value * factor))
    }
}
