//! NYUv2's labelled frames in one file: `nyu_depth_v2_labeled.mat`.

use super::{Measured, SetError};
use crate::images::{DepthMap, RgbImage};
use hdf5_reader::{Dataset, H5Type, Hdf5File, SliceInfo, SliceInfoElem};
use matfile::{MatFile, NumericData};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Which of the file's two depths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NyuDepth {
    /// As measured, with holes (`rawDepths`); the usual test set is made of these.
    #[default]
    Raw,
    /// With the holes filled in (`depths`).
    Filled,
}

impl NyuDepth {
    fn variable(self) -> &'static str {
        match self {
            Self::Raw => "rawDepths",
            Self::Filled => "depths",
        }
    }
}

/// The official split, from `splits.mat`; frames from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NyuSplit {
    /// 795 frames.
    pub train: Vec<usize>,
    /// 654 frames.
    pub test: Vec<usize>,
}

impl NyuSplit {
    /// Reads `trainNdxs` and `testNdxs`, which count from 1.
    ///
    /// # Errors
    /// A file that cannot be read, is no MATLAB file of version 5 or lacks one of the two.
    pub fn read(path: &Path) -> Result<Self, SetError> {
        let bytes = std::fs::read(path).map_err(|source| SetError::Read {
            path: path.to_owned(),
            source,
        })?;
        let parsed = MatFile::parse(bytes.as_slice()).map_err(|error| error.to_string());
        let split = parsed.and_then(|file| {
            Ok(Self {
                train: frames(&file, "trainNdxs")?,
                test: frames(&file, "testNdxs")?,
            })
        });
        split.map_err(SetError::content(path))
    }
}

fn frames(file: &MatFile, name: &str) -> Result<Vec<usize>, String> {
    let array = file.find_by_name(name);
    let array = array.ok_or_else(|| format!("no variable `{name}`"))?;
    let numbers: Vec<f64> = match array.data() {
        NumericData::Double { real, .. } => real.clone(),
        NumericData::UInt16 { real, .. } => real.iter().map(|v| f64::from(*v)).collect(),
        // MATLAB stores whole doubles in the smallest type that holds them.
        NumericData::UInt8 { real, .. } => real.iter().map(|v| f64::from(*v)).collect(),
        NumericData::Int16 { real, .. } => real.iter().map(|v| f64::from(*v)).collect(),
        _ => return Err(format!("`{name}` does not hold indices")),
    };
    let frame = |number: f64| {
        if number >= 1.0 && number.fract() == 0.0 {
            return Ok(number as usize - 1);
        }
        Err(format!("`{name}` holds {number}, which is no index from 1"))
    };
    numbers.into_iter().map(frame).collect()
}

/// Frames of the file, read one at a time.
pub struct NyuMat {
    path: PathBuf,
    file: Hdf5File,
    depth: NyuDepth,
    /// Frames, height, width.
    shape: [usize; 3],
}

impl NyuMat {
    /// Opens the file.
    ///
    /// # Errors
    /// A file that cannot be read or is no HDF5, without images or depths, or with depths that do
    /// not fit the images.
    pub fn open(path: &Path, depth: NyuDepth) -> Result<Self, SetError> {
        // Told apart, since the reader would call a missing file an HDF5 error.
        std::fs::metadata(path).map_err(|source| SetError::Read {
            path: path.to_owned(),
            source,
        })?;
        let content = |message| SetError::content(path)(message);
        let file = Hdf5File::open(path)
            .map_err(|error| content(format!("not MATLAB 7.3 (HDF5): {error}")))?;
        let shape = |name: &str| {
            let set = file.dataset(name).map_err(|error| error.to_string());
            set.map(|set| set.shape().to_vec())
        };
        // HDF5 has MATLAB's axes in reverse.
        let images = shape("images").map_err(content)?;
        let [frames, 3, width, height] = images[..] else {
            return Err(content(format!(
                "`images` is {images:?}, not [frames, 3, width, height]"
            )));
        };
        let depths = shape(depth.variable()).map_err(content)?;
        if depths != [frames, width, height] {
            return Err(content(format!(
                "`{}` is {depths:?}, `images` {images:?}",
                depth.variable()
            )));
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            depth,
            shape: [frames, height, width].map(|side| side as usize),
        })
    }

    /// How many frames there are: 1,449.
    pub fn len(&self) -> usize {
        self.shape[0]
    }

    /// Whether there is no frame.
    pub fn is_empty(&self) -> bool {
        self.shape[0] == 0
    }

    /// A frame, from 0.
    ///
    /// # Errors
    /// A frame that cannot be read or does not exist.
    pub fn load(&self, frame: usize) -> Result<Measured, SetError> {
        let [frames, height, width] = self.shape;
        if frame >= frames {
            let content = SetError::content(&self.path);
            return Err(content(format!("no frame {frame}; there are {frames}")));
        }
        let colours: Vec<u8> = self.read("images", frame)?;
        let depths: Vec<f32> = self.read(self.depth.variable(), frame)?;
        let image = RgbImage::from_fn(width as u32, height as u32, |column, row| {
            let place = column as usize * height + row as usize;
            image::Rgb([0, 1, 2].map(|channel| colours[channel * width * height + place]))
        });
        let depth = DepthMap::from_fn(height, width, |row, column| depths[column * height + row]);
        Ok(Measured { image, depth })
    }

    /// The values of one frame, along HDF5's axes.
    fn read<T: H5Type + Copy>(&self, name: &str, frame: usize) -> Result<Vec<T>, SetError> {
        let read = |set: Dataset| {
            let mut selection = SliceInfo::all(set.ndim());
            selection.selections[0] = SliceInfoElem::Index(frame as u64);
            set.read_slice::<T>(&selection)
        };
        let values = self.file.dataset(name).and_then(read);
        let values = values.map_err(|error| {
            SetError::content(&self.path)(format!("`{name}`, frame {frame}: {error}"))
        })?;
        Ok(values.iter().copied().collect())
    }
}
