//! From a world to a picture.

use super::digits::Digits;
use super::world::{Hit, World};
use super::{Scene, Vector};
use crate::images::{DepthMap, Grid, LabelMap, RgbImage};
use rand::{Rng, RngCore};

/// Where a pixel on an outline is looked at again, from its centre and in its own width.
const SAMPLES: [(f32, f32); 4] = [
    (-0.125, -0.375),
    (0.375, -0.125),
    (0.125, 0.375),
    (-0.375, 0.125),
];

/// Labels and depths are those at the pixels' centres; colours of pixels on outlines are means of
/// several rays.
pub(super) fn render(
    world: &World,
    size: usize,
    digits: &Digits,
    generator: &mut impl RngCore,
) -> Scene {
    let half = size as f32 / 2.0;
    let step = world.spread / half;
    let height = |row: f32| (half - row) * step;
    let along = |row: f32, column: f32| {
        let right = Vector([(column - half) * step, 0.0, 0.0]);
        world.forward + right + world.up * height(row)
    };
    let centre = |row: usize, column: usize| along(row as f32 + 0.5, column as f32 + 0.5);
    // Most rows meet few of the bodies.
    let edge = |row: usize| height(row as f32);
    let bodies: Vec<_> = (0..size)
        .map(|row| world.between(edge(row + 1), edge(row)))
        .collect();
    let hits = Grid::from_fn(size, size, |row, column| {
        let direction = centre(row, column);
        let hit = world.look(direction, &bodies[row]);
        let colour = shade(world, digits, &hit, direction);
        (hit.distance, hit.class, hit.thing, colour)
    });
    let outline = |row: usize, column: usize| {
        let (_, _, thing, _) = hits.at(row, column);
        let other = |row: usize, column: usize| hits.at(row, column).2 != thing;
        (row > 0 && other(row - 1, column))
            || (column > 0 && other(row, column - 1))
            || (row + 1 < size && other(row + 1, column))
            || (column + 1 < size && other(row, column + 1))
    };
    let mut image = RgbImage::new(size as u32, size as u32);
    for (x, y, pixel) in image.enumerate_pixels_mut() {
        let (row, column) = (y as usize, x as usize);
        let (_, _, _, mut colour) = hits.at(row, column);
        if outline(row, column) {
            for (right, down) in SAMPLES {
                let direction = along(row as f32 + 0.5 + down, column as f32 + 0.5 + right);
                colour = colour
                    + shade(
                        world,
                        digits,
                        &world.look(direction, &bodies[row]),
                        direction,
                    );
            }
            colour = colour * (1.0 / (1 + SAMPLES.len()) as f32);
        }
        pixel.0 = colour.0.map(|light| {
            // The root is close to a display's curve.
            let value = light.max(0.0).sqrt() + world.noise * normal(generator);
            (255.0 * value).round() as u8
        });
    }
    Scene {
        image,
        labels: LabelMap::from_fn(size, size, |row, column| hits.at(row, column).1),
        depth: DepthMap::from_fn(size, size, |row, column| hits.at(row, column).0),
    }
}

/// Lambert's law under one distant light and the sky.
fn shade(world: &World, digits: &Digits, hit: &Hit<'_>, along: Vector) -> Vector {
    let (u, v) = hit.surface;
    let albedo = hit.texture.albedo(digits, u, v);
    let light = &world.light;
    let facing = hit.normal.dot(light.towards);
    let sky = 0.75 + 0.25 * hit.normal.0[1];
    let mut received = light.ambient * sky;
    // Off the surface, so that it does not shadow itself.
    let point = world.eye + along * hit.distance + hit.normal * 2e-3;
    if facing > 0.0 && !world.shadowed(point) {
        received = received + light.colour * facing;
    }
    albedo.times(received)
}

/// About normal, with mean 0 and standard deviation 1: a sum of four uniform bytes.
fn normal(generator: &mut impl RngCore) -> f32 {
    let bytes: [u8; 4] = generator.random();
    let sum: f32 = bytes.iter().map(|byte| f32::from(*byte)).sum();
    (sum - 510.0) / 147.8
}
