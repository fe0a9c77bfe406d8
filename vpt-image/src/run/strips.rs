//! Pictures of a run: a few fixed images, their masks, and what probes say of them.

use super::RunError;
use super::labels::{Labels, Use};
use super::measure::Heads;
use crate::artefacts::{Strip, coloured, grey, shaded, side_by_side};
use crate::designer::MaskDesigner;
use crate::evaluate::{Labelled, Question, show_depth, show_segmentation};
use crate::images::{ImageProcessor, Planes, RgbImage, encode_png};
use crate::vit::Vit;
use burn::tensor::{Tensor, TensorData, backend::Backend};
use std::path::Path;
use vpt_core::layers::float_options;

/// The first `count` validation images that can be used, of whichever set there is.
pub(super) fn fixed_images(
    labels: &Labels,
    count: usize,
    patch: usize,
) -> Result<Vec<RgbImage>, RunError> {
    if let Some(asked) = &labels.segmentation {
        return first(&asked.question, &asked.part(Use::Validation), count, patch);
    }
    if let Some(asked) = &labels.depth {
        return first(&asked.question, &asked.part(Use::Validation), count, patch);
    }
    Ok(vec![])
}

fn first<Q: Question>(
    question: &Q,
    set: &Labelled<Q::Truth>,
    count: usize,
    patch: usize,
) -> Result<Vec<RgbImage>, RunError> {
    let indices = set.first(question, count, patch)?.into_iter();
    indices.map(|index| Ok(set.image(index)?)).collect()
}

/// m_φ of `images` after `step` steps.
pub(super) fn write_masks<I: Backend>(
    folder: &Path,
    step: usize,
    designer: &MaskDesigner<I>,
    (images, processor): (&[RgbImage], &ImageProcessor),
    device: &I::Device,
) -> Result<(), RunError> {
    let mask = |image: &RgbImage| {
        let planes = processor.apply(image);
        let [channels, height, width] = planes.shape();
        let pixels = TensorData::new(Planes::into_values(planes), [1, channels, height, width]);
        let mask = designer.mask(Tensor::from_data(pixels, float_options(device)));
        let values: Vec<f32> = mask.into_data().iter::<f32>().collect();
        grey(&values, [height, width])
    };
    let masks: Vec<RgbImage> = images.iter().map(mask).collect();
    write(folder, Strip::Masks(step as u64), &masks)
}

/// The images, the truth about them and what `heads` on `backbone` say.
pub(super) fn write_probes<I: Backend>(
    folder: &Path,
    labels: &Labels,
    (backbone, heads): (&Vit<I>, &Heads<I>),
    images: &[RgbImage],
) -> Result<(), RunError> {
    write(folder, Strip::Images, images)?;
    let count = images.len();
    if let (Some(asked), Some(head)) = (&labels.segmentation, &heads.segmentation) {
        let set = asked.part(Use::Validation);
        let shown = show_segmentation(backbone, (&asked.question, head), &set, count)?;
        let truth: Vec<_> = shown.iter().map(|s| coloured(&s.truth)).collect();
        let told: Vec<_> = shown.iter().map(|s| coloured(&s.predicted)).collect();
        write(folder, Strip::Labels, &truth)?;
        write(folder, Strip::PredictedLabels, &told)?;
    }
    if let (Some(asked), Some(head)) = (&labels.depth, &heads.depth) {
        let set = asked.part(Use::Validation);
        let shown = show_depth(backbone, (&asked.question, head), &set, count)?;
        let truth: Vec<_> = shown.iter().map(|s| shaded(&s.truth)).collect();
        let told: Vec<_> = shown.iter().map(|s| shaded(&s.predicted)).collect();
        write(folder, Strip::Depths, &truth)?;
        write(folder, Strip::PredictedDepths, &told)?;
    }
    Ok(())
}

fn write(folder: &Path, strip: Strip, images: &[RgbImage]) -> Result<(), RunError> {
    if images.is_empty() {
        return Ok(());
    }
    let bytes = encode_png(&side_by_side(images))?;
    Ok(vpt_core::write_atomically(&strip.path(folder), &bytes)?)
}
