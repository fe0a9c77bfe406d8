//! What stands in a scene, and where.

use super::solid::{Entry, Solid};
use super::texture::Texture;
use super::{CLUTTER, SceneConfig, Split, Vector};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::f32::consts::FRAC_PI_2;

/// Places that are tried for a body.
const TRIES: usize = 12;

/// A camera above the floor and everything before it; metres, right, up and forward.
pub(super) struct World {
    /// Where the camera is.
    pub(super) eye: Vector,
    /// The camera's own upward and forward directions; its right is the world's.
    pub(super) up: Vector,
    pub(super) forward: Vector,
    /// Half the image's width at distance 1.
    pub(super) spread: f32,
    pub(super) floor: Texture,
    pub(super) wall: Wall,
    pub(super) bodies: Vec<Body>,
    pub(super) light: Light,
    /// Standard deviation of the pixels' noise.
    pub(super) noise: f32,
}

/// An upright plane behind everything.
pub(super) struct Wall {
    /// Away from the camera, of length 1.
    away: Vector,
    /// Along the wall to the right, of length 1.
    right: Vector,
    /// From the origin.
    distance: f32,
    texture: Texture,
    poster: Option<Poster>,
}

struct Poster {
    left: f32,
    bottom: f32,
    side: f32,
    texture: Texture,
}

pub(super) struct Body {
    solid: Solid,
    /// Where its axis meets the floor.
    place: Vector,
    turn: (f32, f32),
    pub(super) class: u8,
    pub(super) texture: Texture,
    /// A ball that holds it.
    middle: Vector,
    radius: f32,
}

pub(super) struct Light {
    /// Towards the light, of length 1.
    pub(super) towards: Vector,
    pub(super) colour: Vector,
    pub(super) ambient: Vector,
}

/// What a ray meets first.
pub(super) struct Hit<'a> {
    /// Multiples of the ray's direction; depths, as its forward part is 1.
    pub(super) distance: f32,
    pub(super) normal: Vector,
    pub(super) surface: (f32, f32),
    pub(super) class: u8,
    pub(super) texture: &'a Texture,
    /// Which thing it is, for its outline.
    pub(super) thing: usize,
}

impl World {
    pub(super) fn draw(config: &SceneConfig, split: Split, generator: &mut ChaCha8Rng) -> Self {
        let pitch: (f32, f32) = generator.random_range(0.12_f32..0.4).sin_cos();
        let spread = generator.random_range(0.5..0.65);
        let wall = Wall::draw(config, split, generator);
        let azimuth = generator.random_range(-1.2_f32..1.2).sin_cos();
        let elevation = generator.random_range(0.5_f32..1.2).sin_cos();
        let tint = generator.random_range(-0.15..0.15);
        let brightness: f32 = generator.random_range(0.6..1.1);
        let colour = Vector([1.0 + tint, 1.0, 1.0 - tint]) * brightness;
        let mut world = Self {
            eye: Vector([0.0, generator.random_range(1.1..1.7), 0.0]),
            up: Vector([0.0, pitch.1, pitch.0]),
            forward: Vector([0.0, -pitch.0, pitch.1]),
            spread,
            floor: Texture::of_split(split, generator.random()),
            wall,
            bodies: Vec::new(),
            light: Light {
                // From behind the camera, so that what it sees is lit.
                towards: Vector([
                    azimuth.0 * elevation.1,
                    elevation.0,
                    -azimuth.1 * elevation.1,
                ]),
                colour,
                ambient: Vector([1.0 - tint, 1.0, 1.0 + tint]) * generator.random_range(0.25..0.45),
            },
            noise: config.noise * generator.random_range(0.0..=1.0),
        };
        for (class, [fewest, most]) in [(None, config.objects), (Some(CLUTTER), config.clutter)] {
            for _ in 0..generator.random_range(fewest..=most) {
                world.add_body(class, split, generator);
            }
        }
        world
    }

    /// A body somewhere in sight where nothing else is, if such a place is found.
    fn add_body(&mut self, class: Option<u8>, split: Split, generator: &mut ChaCha8Rng) {
        let kind = generator.random_range(0..4);
        let scale = if class == Some(CLUTTER) { 0.2 } else { 1.0 };
        let solid = Solid::of_split(split, kind, generator.random(), scale);
        let texture = Texture::of_split(split, generator.random());
        let turn = generator.random_range(0.0..FRAC_PI_2).sin_cos();
        for _ in 0..TRIES {
            let far = generator.random_range(1.7..self.wall.distance);
            let across = generator.random_range(-0.9..0.9) * self.spread * far;
            let place = Vector([across, 0.0, far]);
            let apart = |other: &Body| {
                let between = other.place - place;
                let reach = other.solid.reach() + solid.reach();
                between.dot(between) > reach * reach
            };
            let before_wall = place.dot(self.wall.away) + solid.reach() < self.wall.distance;
            if before_wall && self.bodies.iter().all(apart) {
                let (radius, middle) = solid.bound();
                self.bodies.push(Body {
                    solid,
                    place,
                    turn,
                    class: class.unwrap_or(kind + 2),
                    texture,
                    middle: place + Vector([0.0, middle, 0.0]),
                    radius,
                });
                return;
            }
        }
    }

    /// The bodies, with the number of each, that rays between two rows of directions can meet: for
    /// `low` and `high` the ray is somewhere along `forward + low..high · up`, to either side.
    pub(super) fn between(&self, low: f32, high: f32) -> Vec<(usize, &Body)> {
        // Above this plane through the eye, or below it, by more than its radius.
        let above = |height: f32, body: &Body| {
            let normal = (self.up - self.forward * height) * (1.0 / (1.0 + height * height).sqrt());
            (body.middle - self.eye).dot(normal)
        };
        let met = |body: &Body| above(low, body) > -body.radius && above(high, body) < body.radius;
        let bodies = (2..).zip(&self.bodies);
        bodies.filter(|(_, body)| met(body)).collect()
    }

    /// What the ray from the eye along `along` meets first, of floor, wall and `bodies`.
    pub(super) fn look<'a>(&'a self, along: Vector, bodies: &[(usize, &'a Body)]) -> Hit<'a> {
        let mut hit = self.wall.hit(self.eye, along);
        let [_, height, _] = self.eye.0;
        let down = -along.0[1];
        if down > 0.0 && height / down < hit.distance {
            let distance = height / down;
            let [x, _, z] = (self.eye + along * distance).0;
            hit = Hit {
                distance,
                normal: Vector([0.0, 1.0, 0.0]),
                surface: (x, z),
                class: 0,
                texture: &self.floor,
                thing: 0,
            };
        }
        for (thing, body) in bodies {
            if let Some(entry) = body
                .entry(self.eye, along)
                .filter(|e| e.distance < hit.distance)
            {
                hit = Hit {
                    distance: entry.distance,
                    normal: entry.normal,
                    surface: entry.surface,
                    class: body.class,
                    texture: &body.texture,
                    thing: *thing,
                };
            }
        }
        hit
    }

    /// Whether a body stands between a point and the light.
    pub(super) fn shadowed(&self, point: Vector) -> bool {
        let light = self.light.towards;
        self.bodies
            .iter()
            .any(|body| body.entry(point, light).is_some())
    }
}

impl Body {
    fn entry(&self, origin: Vector, along: Vector) -> Option<Entry> {
        // Most rays miss the ball around it.
        let to_middle = self.middle - origin;
        let ahead = to_middle.dot(along).max(0.0);
        let outside = to_middle.dot(to_middle) - self.radius * self.radius;
        if ahead * ahead < outside * along.dot(along) {
            return None;
        }
        let (sin, cos) = self.turn;
        let back = (-sin, cos);
        let entry = self
            .solid
            .entry((origin - self.place).turned(back), along.turned(back))?;
        Some(Entry {
            normal: entry.normal.turned(self.turn),
            ..entry
        })
    }
}

impl Wall {
    fn draw(config: &SceneConfig, split: Split, generator: &mut ChaCha8Rng) -> Self {
        let (sin, cos) = generator.random_range(-0.35_f32..0.35).sin_cos();
        let poster = generator.random_bool(config.poster).then(|| {
            let side = generator.random_range(0.7..1.4);
            Poster {
                left: generator.random_range(-2.0..2.0 - side),
                bottom: generator.random_range(0.3..1.5),
                side,
                texture: Texture::poster(split, generator.random(), generator.random(), side),
            }
        });
        Self {
            away: Vector([sin, 0.0, cos]),
            right: Vector([cos, 0.0, -sin]),
            distance: generator.random_range(3.5..5.5),
            texture: Texture::of_split(split, generator.random()),
            poster,
        }
    }

    /// The camera looks at the wall, so that every ray meets it in the end.
    fn hit(&self, eye: Vector, along: Vector) -> Hit<'_> {
        let distance = (self.distance - eye.dot(self.away)) / along.dot(self.away);
        let point = eye + along * distance;
        let (across, up) = (point.dot(self.right), point.0[1]);
        let on = |poster: &&Poster| {
            let inside = |offset: f32| (0.0..poster.side).contains(&offset);
            inside(across - poster.left) && inside(up - poster.bottom)
        };
        let (surface, texture) = match self.poster.as_ref().filter(on) {
            Some(poster) => ((across - poster.left, up - poster.bottom), &poster.texture),
            None => ((across, up), &self.texture),
        };
        Hit {
            distance,
            normal: self.away * -1.0,
            surface,
            class: 1,
            texture,
            thing: 1,
        }
    }
}
