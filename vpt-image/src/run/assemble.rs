//! From a config to a trainer: which model, which images, which objective.

use super::RunError;
use super::labels::Labels;
use super::pictures::Pictures;
use super::source::{CropSource, Recipe};
use super::trainer::{VisionTrainer, draws_masks, trainer};
use crate::config::{DataKind, RunConfig};
use crate::images::{ImageProcessor, Size};
use crate::random::{Purpose, generator};
use crate::scenes::Scenes;
use crate::vit::{Vit, VitConfig};
use burn::tensor::backend::Backend;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use vpt_core::run::{BUILTIN, Fingerprint, locate, model_files};

/// A run, ready to step.
pub(super) struct Assembled<I: Backend> {
    pub(super) trainer: Box<dyn VisionTrainer<I>>,
    /// The backbone that the run begins with.
    pub(super) start: Vit<I>,
    /// One of the same architecture and fresh weights, the same for every run.
    pub(super) fresh: Vit<I>,
    pub(super) fingerprint: Fingerprint,
    pub(super) labels: Labels,
    /// From images to pixels, as evaluations and the saved model have it.
    pub(super) processor: ImageProcessor,
}

/// Opens everything that `config` names.
pub(super) fn assemble<I: Backend>(
    config: &RunConfig,
    init_from: Option<&Path>,
    device: &I::Device,
) -> Result<Assembled<I>, RunError> {
    config.check()?;
    let folder = model_folder(&config.model.path)?;
    let backbone = backbone::<I>(config, &folder, init_from, device)?;
    check_sizes(config, backbone.config())?;
    let processor = processor(config, &folder)?;
    let labels = Labels::open(config, &processor)?;
    let mut crops = config.multi_crop();
    crops.normalise = processor.normalise.unwrap_or_default();
    let recipe = Recipe {
        pictures: Arc::new(pictures(config)?),
        crops,
        unreadable: config.data.unreadable,
        threads: config.data.threads,
        seed: config.seed,
        backbone: backbone.config().clone(),
        masks: draws_masks(config).then(|| (config.random_mask(), config.designer.masked)),
    };
    let train = &config.train;
    let sizes = [train.batch_size, train.grad_accum, config.value.meta_batch];
    let source = CropSource::new(recipe, sizes, device);
    Ok(Assembled {
        start: backbone.clone(),
        fresh: fresh(backbone.config(), 0, device)?,
        trainer: trainer(config, backbone, source, &labels)?,
        fingerprint: fingerprint(config, &folder)?,
        labels,
        processor,
    })
}

/// The model folder that a path from a config means.
fn model_folder(path: &str) -> Result<PathBuf, RunError> {
    match path.starts_with(BUILTIN) {
        true => Ok(locate(path)?),
        false => Ok(crate::vit::find(path)?),
    }
}

/// Config, weights, and the names of the unlabelled images; drawn ones follow from the config.
fn fingerprint(config: &RunConfig, folder: &Path) -> Result<Fingerprint, RunError> {
    let mut fingerprint = Fingerprint::new(config, &[] as &[(&'static str, &Path)])?;
    let weights = !config.model.from_scratch;
    for (file, hash) in model_files(folder)? {
        if weights || file == "config.json" {
            fingerprint = fingerprint.with(&format!("model/{file}"), &hash);
        }
    }
    Ok(fingerprint)
}

fn backbone<I: Backend>(
    config: &RunConfig,
    folder: &Path,
    init_from: Option<&Path>,
    device: &I::Device,
) -> Result<Vit<I>, RunError> {
    if let Some(path) = init_from {
        return Ok(Vit::load(&vpt_core::hub::kept_model(path), device)?);
    }
    if !config.model.from_scratch {
        return Ok(Vit::load(folder, device)?);
    }
    fresh(&VitConfig::of_folder(folder)?, config.seed, device)
}

fn fresh<I: Backend>(
    architecture: &VitConfig,
    seed: u64,
    device: &I::Device,
) -> Result<Vit<I>, RunError> {
    let mut rng = generator(seed, Purpose::Backbone, 0, 0);
    let fresh = Vit::init(architecture, &mut rng, device);
    // What a folder says was checked when it was read.
    fresh.map_err(|error| RunError::Unfit {
        key: "model.path",
        message: error.to_string(),
    })
}

/// As the model's folder says it, at the size of this run's labelled images.
fn processor(config: &RunConfig, folder: &Path) -> Result<ImageProcessor, RunError> {
    let known = match ImageProcessor::is_in(folder) {
        true => ImageProcessor::of_folder(folder)?,
        false => ImageProcessor::default(),
    };
    let side = config.data.size;
    Ok(ImageProcessor {
        size: Some(Size {
            height: side,
            width: side,
        }),
        ..known
    })
}

/// Crops and labelled images are of whole patches.
fn check_sizes(config: &RunConfig, backbone: &VitConfig) -> Result<(), RunError> {
    let patch = backbone.patch_size;
    let crops = &config.crops;
    let locals = if crops.locals > 0 { crops.local } else { patch };
    for (key, side) in [
        ("crops.global", crops.global),
        ("crops.local", locals),
        ("data.size", config.data.size),
    ] {
        if side == 0 || !side.is_multiple_of(patch) {
            let message = format!("{side} is no multiple of the backbone's patch of {patch}");
            return Err(RunError::Unfit { key, message });
        }
    }
    Ok(())
}

fn pictures(config: &RunConfig) -> Result<Pictures, RunError> {
    let data = &config.data;
    Ok(match data.kind {
        DataKind::Scenes => Pictures::drawn(Scenes::new(config.scenes())?, data.count),
        DataKind::Folder => Pictures::folder(&PathBuf::from(&data.path))?,
    })
}
