//! Revisited Oxford and Paris.

use super::SetError;
use crate::images::{RgbImage, read_rgb};
use crate::metrics::Relevance;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A query: an image, the part of it that is asked about, and what is to be found.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Name of the image, without ending.
    pub name: String,
    /// Left, top, right and bottom of the part asked about, in pixels.
    pub region: [f64; 4],
    /// Images of the database, by index.
    pub relevance: Relevance,
}

/// The set's names and ground truth; images are read when asked for.
#[derive(Clone, Debug)]
pub struct Revisited {
    folder: PathBuf,
    database: Vec<String>,
    queries: Vec<Query>,
}

/// The ground truth as the authors store it.
#[derive(Deserialize)]
struct Truth {
    imlist: Vec<String>,
    qimlist: Vec<String>,
    gnd: Vec<QueryTruth>,
}

#[derive(Deserialize)]
struct QueryTruth {
    bbx: [f64; 4],
    easy: Vec<usize>,
    hard: Vec<usize>,
    junk: Vec<usize>,
}

impl Revisited {
    /// Reads `ROOT/NAME/gnd_NAME.pkl`, or `.json` with the same keys if there is no pickle; NAME is
    /// `roxford5k` or `rparis6k`. Images are in `ROOT/NAME/jpg`.
    ///
    /// # Errors
    /// A ground truth that cannot be read, or is not consistent.
    pub fn open(root: &Path, name: &str) -> Result<Self, SetError> {
        let folder = root.join(name);
        let pickle = folder.join(format!("gnd_{name}.pkl"));
        let json = pickle.with_extension("json");
        let path = if !pickle.exists() && json.exists() {
            json
        } else {
            pickle
        };
        let bytes = std::fs::read(&path).map_err(|source| SetError::Read {
            path: path.clone(),
            source,
        })?;
        let truth = if path.extension().is_some_and(|ending| ending == "json") {
            serde_json::from_slice(&bytes).map_err(|error| error.to_string())
        } else {
            // Files of Python 2 hold names as byte strings.
            let options = serde_pickle::DeOptions::new().decode_strings();
            serde_pickle::from_slice(&bytes, options).map_err(|error| error.to_string())
        };
        let set = truth.and_then(|truth| Self::from_truth(folder, truth));
        set.map_err(SetError::content(path))
    }

    fn from_truth(folder: PathBuf, truth: Truth) -> Result<Self, String> {
        let Truth {
            imlist,
            qimlist,
            gnd,
        } = truth;
        if imlist.is_empty() || qimlist.is_empty() {
            return Err("`imlist` or `qimlist` is empty".into());
        }
        if gnd.len() != qimlist.len() {
            return Err(format!(
                "`gnd` has {} entries, `qimlist` {}",
                gnd.len(),
                qimlist.len()
            ));
        }
        let query = |(name, truth): (String, QueryTruth)| {
            let lists = [&truth.easy, &truth.hard, &truth.junk];
            if let Some(index) = lists.into_iter().flatten().find(|i| **i >= imlist.len()) {
                let images = imlist.len();
                return Err(format!("{name}: image {index}; there are {images}"));
            }
            let [left, top, right, bottom] = truth.bbx;
            if !(right - left >= 1.0 && bottom - top >= 1.0) {
                return Err(format!("{name}: `bbx` {:?} has no pixels", truth.bbx));
            }
            Ok(Query {
                name,
                region: truth.bbx,
                relevance: Relevance {
                    easy: truth.easy,
                    hard: truth.hard,
                    junk: truth.junk,
                },
            })
        };
        let queries = qimlist.into_iter().zip(gnd).map(query);
        Ok(Self {
            folder,
            queries: queries.collect::<Result<_, _>>()?,
            database: imlist,
        })
    }

    /// Names of the database's images, without ending.
    pub fn database(&self) -> &[String] {
        &self.database
    }

    /// The queries.
    pub fn queries(&self) -> &[Query] {
        &self.queries
    }

    /// An image of the database.
    ///
    /// # Errors
    /// An image that cannot be read.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn load_database(&self, index: usize) -> Result<RgbImage, SetError> {
        self.read(&self.database[index])
    }

    /// A query's image: the part asked about alone if `crop`, as the authors evaluate, or whole, as
    /// DINO's script does.
    ///
    /// # Errors
    /// An image that cannot be read.
    ///
    /// # Panics
    /// If there is no such query.
    pub fn load_query(&self, index: usize, crop: bool) -> Result<RgbImage, SetError> {
        let query = &self.queries[index];
        let image = self.read(&query.name)?;
        Ok(if crop {
            cut(&image, query.region)
        } else {
            image
        })
    }

    fn read(&self, name: &str) -> Result<RgbImage, SetError> {
        Ok(read_rgb(
            &self.folder.join("jpg").join(format!("{name}.jpg")),
        )?)
    }
}

/// `PIL.Image.crop`: sides rounded, black outside the image.
fn cut(image: &RgbImage, region: [f64; 4]) -> RgbImage {
    let [left, top, right, bottom] = region.map(|side| side.round_ties_even() as i64);
    let (width, height) = ((right - left).max(1), (bottom - top).max(1));
    RgbImage::from_fn(width as u32, height as u32, |column, row| {
        let inside = |offset: u32, first: i64| u32::try_from(first + i64::from(offset)).ok();
        let pixel = inside(column, left).zip(inside(row, top));
        let pixel = pixel.and_then(|(column, row)| image.get_pixel_checked(column, row));
        pixel.copied().unwrap_or(image::Rgb([0; 3]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_rounded_and_black_outside() {
        let image = RgbImage::from_fn(3, 2, |x, y| image::Rgb([x as u8 + 1, y as u8 + 1, 9]));
        let part = cut(&image, [0.6, 0.5, 4.4, 2.0]);
        assert_eq!(part.dimensions(), (3, 2));
        let row: Vec<[u8; 3]> = part.rows().next().unwrap().map(|p| p.0).collect();
        assert_eq!(row, [[2, 1, 9], [3, 1, 9], [0, 0, 0]]);
    }
}
