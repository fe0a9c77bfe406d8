//! Features of image files, as `vpt features` writes them.

use crate::images::{ImageError, ImageProcessor, Planes, read_rgb};
use crate::vit::{self, CheckpointError, RopeDraw, Vit};
use burn::tensor::{Tensor, TensorData, backend::Backend};
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use vpt_core::hub::FindError;

/// How large an image is when the learner sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeatureSize {
    /// As the model's `preprocessor_config.json` says.
    #[default]
    Processor,
    /// As the file has it, where both sides are multiples of the patch; else as for `Processor`.
    Native,
}

/// What keeps features from being had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeatureError {
    /// No such model.
    #[error(transparent)]
    Find(#[from] FindError),
    /// A model that cannot be read.
    #[error(transparent)]
    Model(#[from] CheckpointError),
    /// An image or its processing.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// An image without a whole patch.
    #[error("{}: {height}x{width} pixels are less than a patch of {patch}x{patch}", file.display())]
    Small {
        /// The image.
        file: PathBuf,
        /// Its rows of pixels.
        height: usize,
        /// Its columns.
        width: usize,
        /// Pixels a side of a patch.
        patch: usize,
    },
    /// Images of which the patches do not fit into one array.
    #[error(
        "{}: {found} patches, and {} has {expected}; images of one call need equally many",
        file.display(), first.display()
    )]
    Patches {
        /// The image.
        file: PathBuf,
        /// Its patches.
        found: usize,
        /// The first image.
        first: PathBuf,
        /// Its patches.
        expected: usize,
    },
}

/// An image with its rows and columns of patches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImageGrid {
    /// The file.
    pub path: PathBuf,
    /// Rows of patches.
    pub rows: usize,
    /// Columns of patches.
    pub columns: usize,
}

/// Features of images after the final norm, in the order of the files.
#[derive(Clone, Debug)]
pub struct ImageFeatures {
    /// The images.
    pub images: Vec<ImageGrid>,
    hidden: usize,
    cls: Vec<f32>,
    patches: Vec<f32>,
}

impl ImageFeatures {
    /// Of the class tokens, `[images, hidden]`.
    pub fn cls_shape(&self) -> [usize; 2] {
        [self.images.len(), self.hidden]
    }

    /// Of the patches, row by row, `[images, rows · columns, hidden]`.
    pub fn patches_shape(&self) -> [usize; 3] {
        let count = self.images.first().map_or(0, |i| i.rows * i.columns);
        [self.images.len(), count, self.hidden]
    }

    /// A safetensors file with `cls` and `patches` in float32; its metadata lists the `images` with
    /// their rows and columns of patches, in JSON.
    ///
    /// # Errors
    /// What the format cannot hold.
    pub fn to_bytes(&self) -> Result<Vec<u8>, safetensors::SafeTensorError> {
        let bytes =
            |values: &[f32]| -> Vec<u8> { values.iter().flat_map(|v| v.to_le_bytes()).collect() };
        let (cls, patches) = (bytes(&self.cls), bytes(&self.patches));
        let view = |shape: &[usize], bytes| TensorView::new(Dtype::F32, shape.to_vec(), bytes);
        let tensors = [
            ("cls", view(&self.cls_shape(), &cls)?),
            ("patches", view(&self.patches_shape(), &patches)?),
        ];
        let images = serde_json::to_string(&self.images).unwrap_or_default();
        let metadata = HashMap::from([("images".to_owned(), images)]);
        safetensors::serialize(tensors, Some(metadata))
    }
}

/// Features of `files` by the model that `path` means (a folder, or a name on the Hub), in batches
/// of `batch` images of one size.
///
/// # Errors
/// [`FeatureError`] names the file at fault.
pub fn features<B: Backend>(
    path: &str,
    files: &[PathBuf],
    size: FeatureSize,
    batch: usize,
    device: &B::Device,
) -> Result<ImageFeatures, FeatureError> {
    let folder = vit::find(path)?;
    let processor = ImageProcessor::of_folder(&folder)?;
    let model = Vit::<B>::load(&folder, device)?;
    let mut found = ImageFeatures {
        images: vec![],
        hidden: model.config().hidden_size,
        cls: vec![],
        patches: vec![],
    };
    let mut waiting: Vec<Planes> = vec![];
    for file in files {
        let planes = prepared(file, &processor, size, model.config().patch_size)?;
        let grid = grid(file, &planes, &model, found.images.first())?;
        let alike = waiting
            .first()
            .is_none_or(|first| first.shape() == planes.shape());
        if !alike || waiting.len() >= batch.max(1) {
            found.extend(&model, std::mem::take(&mut waiting));
        }
        waiting.push(planes);
        found.images.push(grid);
    }
    found.extend(&model, waiting);
    Ok(found)
}

/// An image as the learner takes it.
fn prepared(
    file: &Path,
    processor: &ImageProcessor,
    size: FeatureSize,
    patch: usize,
) -> Result<Planes, ImageError> {
    let image = read_rgb(file)?;
    let whole = [image.height(), image.width()].map(|side| (side as usize).is_multiple_of(patch));
    Ok(match size {
        FeatureSize::Native if whole == [true; 2] => {
            let unresized = ImageProcessor {
                size: None,
                ..processor.clone()
            };
            unresized.apply(&image)
        }
        _ => processor.apply(&image),
    })
}

/// Rows and columns of an image's patches: at least one, and as many as those of `first`.
fn grid<B: Backend>(
    file: &Path,
    planes: &Planes,
    model: &Vit<B>,
    first: Option<&ImageGrid>,
) -> Result<ImageGrid, FeatureError> {
    let [_, height, width] = planes.shape();
    let [rows, columns] = model.config().grid(height, width);
    if rows * columns == 0 {
        return Err(FeatureError::Small {
            file: file.to_owned(),
            height,
            width,
            patch: model.config().patch_size,
        });
    }
    match first {
        Some(first) if first.rows * first.columns != rows * columns => Err(FeatureError::Patches {
            file: file.to_owned(),
            found: rows * columns,
            first: first.path.clone(),
            expected: first.rows * first.columns,
        }),
        _ => Ok(ImageGrid {
            path: file.to_owned(),
            rows,
            columns,
        }),
    }
}

impl ImageFeatures {
    /// Appends those of `images`, which are of one size.
    fn extend<B: Backend>(&mut self, model: &Vit<B>, images: Vec<Planes>) {
        let Some([channels, height, width]) = images.first().map(Planes::shape) else {
            return;
        };
        let shape = [images.len(), channels, height, width];
        let pixels: Vec<f32> = images.into_iter().flat_map(Planes::into_values).collect();
        let pixels = Tensor::from_data(TensorData::new(pixels, shape), &model.device());
        let features = model.forward(pixels, &RopeDraw::none());
        self.cls.extend(features.cls.into_data().iter::<f32>());
        self.patches
            .extend(features.patches.into_data().iter::<f32>());
    }
}
