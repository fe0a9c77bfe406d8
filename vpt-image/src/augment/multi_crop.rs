//! DINO's multi-crop.

use super::{AugmentError, ColourJitter, RandomResizedCrop, ViewDraw};
use crate::images::{Normalise, Planes, RgbImage};
use crate::loader::Visit;
use crate::random::{Purpose, generator};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// How one kind of view is cut, blurred and solarised.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewRecipe {
    /// The side of the square view in pixels.
    pub size: usize,
    /// The range of the share of the image's area.
    pub scale: [f64; 2],
    /// How likely it is blurred.
    pub blur: f64,
    /// How likely it is solarised.
    pub solarise: f64,
}

/// The views of an image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MultiCrop {
    /// The two large views, for student and teacher.
    pub globals: [ViewRecipe; 2],
    /// The small views, for the student alone.
    pub local: ViewRecipe,
    /// How many small views there are.
    pub locals: usize,
    /// How likely a view is mirrored.
    pub flip: f64,
    /// The jitter of colours.
    pub jitter: ColourJitter,
    /// How likely a view becomes grey.
    pub grayscale: f64,
    /// The range of a blur's standard deviation, in pixels of the view.
    pub blur_sigma: [f64; 2],
    /// What the pixels are brought to last.
    pub normalise: Normalise,
}

impl Default for MultiCrop {
    /// DINO's recipe with the paper's 6 local views.
    fn default() -> Self {
        let global = |blur, solarise| ViewRecipe {
            size: 224,
            scale: [0.4, 1.0],
            blur,
            solarise,
        };
        Self {
            globals: [global(1.0, 0.0), global(0.1, 0.2)],
            local: ViewRecipe {
                size: 96,
                scale: [0.05, 0.4],
                blur: 0.5,
                solarise: 0.0,
            },
            locals: 6,
            flip: 0.5,
            jitter: ColourJitter::default(),
            grayscale: 0.2,
            blur_sigma: [0.1, 2.0],
            normalise: Normalise::IMAGENET,
        }
    }
}

/// One view and what was drawn for it.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Normalised pixels. `[3, size, size]`
    pub pixels: Planes,
    /// By which labels can follow.
    pub draw: ViewDraw,
}

/// All views of one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Views {
    /// The two large ones.
    pub globals: [View; 2],
    /// The small ones.
    pub locals: Vec<View>,
}

impl MultiCrop {
    /// Whether every view can be drawn.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub fn check(&self) -> Result<(), AugmentError> {
        let recipes = [
            ("globals[0]", &self.globals[0]),
            ("globals[1]", &self.globals[1]),
            ("local", &self.local),
        ];
        for (name, recipe) in recipes {
            let key = |field: &str| format!("{name}.{field}");
            let size = recipe.size;
            let holds = (1..=4096).contains(&size);
            AugmentError::ensure(&key("size"), size as f64, holds, "1 to 4096")?;
            let share = |share: f64| share > 0.0 && share <= 1.0;
            AugmentError::ordered(&key("scale"), recipe.scale, share, "ordered and in (0, 1]")?;
            AugmentError::probability(&key("blur"), recipe.blur)?;
            AugmentError::probability(&key("solarise"), recipe.solarise)?;
        }
        AugmentError::probability("flip", self.flip)?;
        AugmentError::probability("grayscale", self.grayscale)?;
        AugmentError::probability("jitter.probability", self.jitter.probability)?;
        for (key, spread) in [
            ("jitter.brightness", self.jitter.brightness),
            ("jitter.contrast", self.jitter.contrast),
            ("jitter.saturation", self.jitter.saturation),
        ] {
            let holds = spread >= 0.0 && spread.is_finite();
            AugmentError::ensure(key, spread, holds, "finite and at least 0")?;
        }
        let hue = self.jitter.hue;
        AugmentError::ensure("jitter.hue", hue, (0.0..=0.5).contains(&hue), "in [0, 0.5]")?;
        let sigma = |sigma: f64| sigma >= 0.0 && sigma.is_finite();
        AugmentError::ordered(
            "blur_sigma",
            self.blur_sigma,
            sigma,
            "ordered and at least 0",
        )?;
        for std in self.normalise.std {
            AugmentError::ensure("normalise.std", f64::from(std), std > 0.0, "above 0")?;
        }
        Ok(())
    }

    /// The views of a sample on its turn: of the turn and the settings alone, whoever asks and
    /// whenever.
    ///
    /// # Panics
    /// If the image has no pixels, or the settings are not [checked](Self::check).
    pub fn views(&self, image: &RgbImage, visit: Visit) -> Views {
        let Visit { seed, epoch, index } = visit;
        let mut generator = generator(seed, Purpose::Views, epoch, index as u64);
        let mut view = |recipe: &ViewRecipe| {
            let draw = self.draw(recipe, image, &mut generator);
            let pixels = Planes::from_rgb(&draw.apply(image), 1.0 / 255.0);
            View {
                pixels: self.normalise.apply(pixels),
                draw,
            }
        };
        let [first, second] = &self.globals;
        Views {
            globals: [view(first), view(second)],
            locals: (0..self.locals).map(|_| view(&self.local)).collect(),
        }
    }

    fn draw(&self, recipe: &ViewRecipe, image: &RgbImage, generator: &mut impl Rng) -> ViewDraw {
        let (height, width) = (image.height() as usize, image.width() as usize);
        let [low, high] = self.blur_sigma;
        ViewDraw {
            region: RandomResizedCrop::new(recipe.scale).draw(height, width, generator),
            size: recipe.size,
            flipped: generator.random_bool(self.flip),
            colours: self.jitter.draw(generator),
            grayscale: generator.random_bool(self.grayscale),
            blur: generator
                .random_bool(recipe.blur)
                .then(|| generator.random_range(low..=high)),
            solarised: generator.random_bool(recipe.solarise),
        }
    }
}
