//! Bodies that stand on the floor, and where a ray meets them.

use super::{Split, Vector};
use crate::random::{Purpose, generator};
use rand::Rng;
use std::f32::consts::{PI, TAU};

/// A body around the upright axis through the origin, standing on height 0; in metres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Solid {
    Ball { radius: f32 },
    Block { half: [f32; 2], height: f32 },
    Cylinder { radius: f32, height: f32 },
    Cone { radius: f32, height: f32 },
}

/// Where a ray enters a body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Multiples of the ray's direction.
    pub(super) distance: f32,
    /// Of length 1, outwards.
    pub(super) normal: Vector,
    /// Coordinates along the surface in metres.
    pub(super) surface: (f32, f32),
}

impl Solid {
    /// The shape that `draw` stands for among those of a split, `scale` times as large; each shape
    /// belongs to one split.
    pub(super) fn of_split(split: Split, kind: u8, draw: u32, scale: f32) -> Self {
        let number = u64::from(draw) * Split::ALL.len() as u64 + split as u64;
        let mut generator = generator(0, Purpose::Shape, number, u64::from(kind));
        let mut side = |low: f32, high: f32| scale * generator.random_range(low..high);
        match kind {
            0 => Self::Ball {
                radius: side(0.25, 0.55),
            },
            1 => Self::Block {
                half: [side(0.2, 0.5), side(0.2, 0.5)],
                height: side(0.3, 1.2),
            },
            2 => Self::Cylinder {
                radius: side(0.15, 0.4),
                height: side(0.4, 1.3),
            },
            _ => Self::Cone {
                radius: side(0.25, 0.55),
                height: side(0.6, 1.3),
            },
        }
    }

    /// The radius of a ball around the middle of its height that holds it, and that height.
    pub(super) fn bound(&self) -> (f32, f32) {
        let (wide, height) = match *self {
            Self::Ball { radius } => return (radius, radius),
            Self::Block {
                half: [x, z],
                height,
            } => (x.hypot(z), height),
            Self::Cylinder { radius, height } | Self::Cone { radius, height } => (radius, height),
        };
        (wide.hypot(height / 2.0), height / 2.0)
    }

    /// How far it reaches from its axis.
    pub(super) fn reach(&self) -> f32 {
        match *self {
            Self::Ball { radius } | Self::Cylinder { radius, .. } | Self::Cone { radius, .. } => {
                radius
            }
            Self::Block { half: [x, z], .. } => x.hypot(z),
        }
    }

    /// Where the ray from `origin`, outside, along `along` enters, if it does ahead of it.
    pub(super) fn entry(&self, origin: Vector, along: Vector) -> Option<Entry> {
        match *self {
            Self::Ball { radius } => ball(radius, origin, along),
            Self::Block { half, height } => block(half, height, origin, along),
            Self::Cylinder { radius, height } => {
                let side = round(radius, 0.0, height, origin, along);
                let lid = lid(radius, height, origin, along);
                nearer(side, lid)
            }
            Self::Cone { radius, height } => round(radius, radius / height, height, origin, along),
        }
    }
}

fn nearer(a: Option<Entry>, b: Option<Entry>) -> Option<Entry> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if a.distance < b.distance { a } else { b }),
        (a, b) => a.or(b),
    }
}

/// The smaller root of a t² + 2 b t + c, and the greater.
fn roots(a: f32, b: f32, c: f32) -> Option<[f32; 2]> {
    let square = b * b - a * c;
    if square < 0.0 || a.abs() < 1e-9 {
        return None;
    }
    let root = square.sqrt();
    let [t, u] = [(-b - root) / a, (-b + root) / a];
    Some(if t < u { [t, u] } else { [u, t] })
}

fn ball(radius: f32, origin: Vector, along: Vector) -> Option<Entry> {
    let from = origin - Vector([0.0, radius, 0.0]);
    let [distance, _] = roots(
        along.dot(along),
        from.dot(along),
        from.dot(from) - radius * radius,
    )?;
    let normal = (from + along * distance) * (1.0 / radius);
    let [x, y, z] = normal.0;
    (distance > 0.0).then_some(Entry {
        distance,
        normal,
        surface: (x.atan2(-z) * radius, y.clamp(-1.0, 1.0).asin() * radius),
    })
}

fn block([x, z]: [f32; 2], height: f32, origin: Vector, along: Vector) -> Option<Entry> {
    let (low, high) = ([-x, 0.0, -z], [x, height, z]);
    let (mut first, mut last, mut face) = (f32::NEG_INFINITY, f32::INFINITY, 0);
    for axis in 0..3 {
        let (start, step) = (origin.0[axis], along.0[axis]);
        // Division by 0 gives infinities, which compare as they should.
        let (a, b) = ((low[axis] - start) / step, (high[axis] - start) / step);
        if a.min(b) > first {
            (first, face) = (a.min(b), axis);
        }
        last = last.min(a.max(b));
    }
    if !(first > 0.0 && first < last) {
        return None;
    }
    let mut normal = [0.0; 3];
    normal[face] = -along.0[face].signum();
    let [px, py, pz] = (origin + along * first).0;
    let surface = match face {
        0 => (pz, py),
        1 => (px, pz),
        _ => (px, py),
    };
    Some(Entry {
        distance: first,
        normal: Vector(normal),
        surface,
    })
}

/// The side of a body of revolution whose radius falls by `taper` a metre from `radius` at height 0.
fn round(radius: f32, taper: f32, height: f32, origin: Vector, along: Vector) -> Option<Entry> {
    let ([ox, oy, oz], [dx, dy, dz]) = (origin.0, along.0);
    let here = radius - taper * oy;
    let slope = -taper * dy;
    let roots = roots(
        dx * dx + dz * dz - slope * slope,
        ox * dx + oz * dz - here * slope,
        ox * ox + oz * oz - here * here,
    )?;
    let inside = |t: &f32| *t > 0.0 && (0.0..=height).contains(&(oy + dy * t));
    let distance = roots.into_iter().find(inside)?;
    let [x, y, z] = (origin + along * distance).0;
    let angle = x.atan2(-z);
    Some(Entry {
        distance,
        normal: Vector([x, taper * x.hypot(z), z]).unit(),
        surface: (angle / TAU * (2.0 * PI * radius), y),
    })
}

/// The flat top of a cylinder.
fn lid(radius: f32, height: f32, origin: Vector, along: Vector) -> Option<Entry> {
    let distance = (height - origin.0[1]) / along.0[1];
    let [x, _, z] = (origin + along * distance).0;
    (distance > 0.0 && x * x + z * z <= radius * radius).then_some(Entry {
        distance,
        normal: Vector([0.0, 1.0, 0.0]),
        surface: (x, z),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ahead(solid: Solid, height: f32) -> Entry {
        let origin = Vector([0.0, height, -5.0]);
        solid.entry(origin, Vector([0.0, 0.0, 2.0])).unwrap()
    }

    #[test]
    fn rays_enter_where_geometry_says() {
        let ball = ahead(Solid::Ball { radius: 0.5 }, 0.5);
        assert!((ball.distance - 2.25).abs() < 1e-5 && ball.normal.0[2] < -0.999);
        let block = Solid::Block {
            half: [0.4, 0.3],
            height: 1.0,
        };
        assert!((ahead(block, 0.2).distance - 2.35).abs() < 1e-5);
        let cylinder = Solid::Cylinder {
            radius: 0.2,
            height: 1.0,
        };
        assert!((ahead(cylinder, 0.9).distance - 2.4).abs() < 1e-5);
        let cone = Solid::Cone {
            radius: 0.6,
            height: 1.2,
        };
        // Half-way up, half the radius; the normal leans up by the slope.
        let cone = ahead(cone, 0.6);
        assert!((cone.distance - 2.35).abs() < 1e-5);
        assert!((cone.normal.0[1] / -cone.normal.0[2] - 0.5).abs() < 1e-5);
        for solid in [
            block,
            cylinder,
            Solid::Cone {
                radius: 0.6,
                height: 1.2,
            },
        ] {
            let above = Vector([0.0, 1.3, -5.0]);
            assert!(solid.entry(above, Vector([0.0, 0.0, 1.0])).is_none());
            let behind = Vector([0.0, 0.5, 5.0]);
            assert!(solid.entry(behind, Vector([0.0, 0.0, 1.0])).is_none());
        }
    }

    #[test]
    fn lids_are_seen_from_above() {
        let cylinder = Solid::Cylinder {
            radius: 0.5,
            height: 1.0,
        };
        let entry = cylinder
            .entry(Vector([0.1, 3.0, 0.0]), Vector([0.0, -1.0, 0.0]))
            .unwrap();
        assert_eq!((entry.distance, entry.normal.0), (2.0, [0.0, 1.0, 0.0]));
    }
}
