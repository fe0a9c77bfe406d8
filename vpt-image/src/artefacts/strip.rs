//! Pictures that a run leaves: the same few images side by side, seen in one way each.

use crate::images::{DepthMap, IGNORE, LabelMap, RgbImage};
use image::{Rgb, imageops};
use std::path::{Path, PathBuf};
use vpt_core::run::ArtefactError;

/// What a strip shows of the images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strip {
    /// Themselves.
    Images,
    /// Their masks after so many steps; white is kept.
    Masks(u64),
    /// Their true classes.
    Labels,
    /// The classes that the probe tells.
    PredictedLabels,
    /// Their true depths; bright is near.
    Depths,
    /// The depths that the probe tells.
    PredictedDepths,
}

/// The folder of strips in a run's folder.
const FOLDER: &str = "figures";
/// Strips that there is one of.
const SINGLE: [(Strip, &str); 5] = [
    (Strip::Images, "images"),
    (Strip::Labels, "labels"),
    (Strip::PredictedLabels, "predicted-labels"),
    (Strip::Depths, "depths"),
    (Strip::PredictedDepths, "predicted-depths"),
];
const MASKS: &str = "masks-";

/// Colours of the first classes; further ones begin again.
const COLOURS: [[u8; 3]; 12] = [
    [120, 120, 120],
    [210, 205, 190],
    [220, 60, 60],
    [60, 140, 220],
    [60, 180, 90],
    [240, 170, 40],
    [150, 70, 180],
    [90, 200, 200],
    [250, 130, 170],
    [140, 110, 60],
    [60, 60, 140],
    [180, 220, 100],
];

impl Strip {
    /// Its file in a run's folder.
    pub fn path(self, folder: &Path) -> PathBuf {
        let name = match self {
            Self::Masks(step) => format!("{MASKS}{step:06}"),
            other => {
                let known = SINGLE.iter().find(|(strip, _)| *strip == other);
                known
                    .map(|(_, name)| (*name).to_owned())
                    .unwrap_or_default()
            }
        };
        folder.join(FOLDER).join(name).with_extension("png")
    }

    fn of_name(name: &str) -> Option<Self> {
        if let Some(step) = name.strip_prefix(MASKS) {
            return step.parse().ok().map(Self::Masks);
        }
        let known = SINGLE.iter().find(|(_, known)| *known == name);
        known.map(|(strip, _)| *strip)
    }

    /// The strips of a run's folder with their bytes, in order.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(super) fn read_all(folder: &Path) -> Result<Vec<(Self, Vec<u8>)>, ArtefactError> {
        let folder = folder.join(FOLDER);
        if !folder.is_dir() {
            return Ok(vec![]);
        }
        let read = |path: &Path| {
            let path = path.to_owned();
            move |source| ArtefactError::Read { path, source }
        };
        let mut strips = vec![];
        for entry in std::fs::read_dir(&folder).map_err(read(&folder))? {
            let path = entry.map_err(read(&folder))?.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            if let Some(strip) = Self::of_name(&name) {
                strips.push((strip, std::fs::read(&path).map_err(read(&path))?));
            }
        }
        strips.sort();
        Ok(strips)
    }
}

/// Images side by side, each at twice its size where it is small.
pub(crate) fn side_by_side(images: &[RgbImage]) -> RgbImage {
    const GAP: u32 = 4;
    let enlarge = |image: &RgbImage| {
        let factor = if image.height() < 96 { 2 } else { 1 };
        let (width, height) = (factor * image.width(), factor * image.height());
        imageops::resize(image, width, height, imageops::FilterType::Nearest)
    };
    let images: Vec<RgbImage> = images.iter().map(enlarge).collect();
    let width = images.iter().map(|image| image.width() + GAP).sum::<u32>();
    let height = images.iter().map(RgbImage::height).max().unwrap_or(1);
    let (width, white) = (width.saturating_sub(GAP).max(1), Rgb([255; 3]));
    let mut strip = RgbImage::from_pixel(width, height, white);
    let mut left = 0;
    for image in &images {
        imageops::replace(&mut strip, image, left, 0);
        left += i64::from(image.width() + GAP);
    }
    strip
}

/// Classes as colours; what is not labelled is black.
pub(crate) fn coloured(labels: &LabelMap) -> RgbImage {
    drawn(
        labels.height(),
        labels.width(),
        |row, column| match labels.at(row, column) {
            IGNORE => [0; 3],
            class => COLOURS[usize::from(class) % COLOURS.len()],
        },
    )
}

/// Depths as grey, near ones bright; what is not known is black.
pub(crate) fn shaded(depths: &DepthMap) -> RgbImage {
    drawn(
        depths.height(),
        depths.width(),
        |row, column| match depths.at(row, column) {
            depth if depth > 0.0 => [(300.0 / (depth + 0.3)).min(255.0) as u8; 3],
            _ => [0; 3],
        },
    )
}

/// A mask in [0, 1] as grey. `[height, width]`
pub(crate) fn grey(values: &[f32], [height, width]: [usize; 2]) -> RgbImage {
    drawn(height, width, |row, column| {
        [(255.0 * values[row * width + column]).round() as u8; 3]
    })
}

fn drawn(height: usize, width: usize, colour: impl Fn(usize, usize) -> [u8; 3]) -> RgbImage {
    RgbImage::from_fn(width as u32, height as u32, |x, y| {
        Rgb(colour(y as usize, x as usize))
    })
}
