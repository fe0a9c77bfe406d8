//! The unlabelled stream: crops of seeded draws, made on threads, in steps.

use super::pictures::Pictures;
use crate::augment::{MultiCrop, Views};
use crate::designer::{MaskedCrops, RandomMask};
use crate::loader::{Loader, LoaderState, Order, Unreadable, Visit};
use crate::objective::{CropBatch, Crops};
use crate::random::{Purpose, generator};
use crate::sets::SetError;
use crate::vit::{RopeDraw, VitConfig};
use burn::tensor::{Tensor, TensorData, backend::Backend};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use vpt_core::layers::float_options;
use vpt_core::{CoreError, PredictiveTask, Source, Stateful, StepData, from_state, to_state};

/// How a step is made of images.
#[derive(Clone)]
pub(super) struct Recipe {
    pub(super) pictures: Arc<Pictures>,
    pub(super) crops: MultiCrop,
    pub(super) unreadable: Unreadable,
    pub(super) threads: usize,
    /// Of orders, crops, coordinates and masks.
    pub(super) seed: u64,
    /// Whose coordinates are drawn.
    pub(super) backbone: VitConfig,
    /// Masks that are drawn, where the method or the objective has some.
    pub(super) masks: Option<(RandomMask, MaskedCrops)>,
}

/// Steps of the learner, and a stream of its own for value updates where there is one.
pub(super) struct CropSource<I: Backend> {
    recipe: Recipe,
    steps: Stream,
    meta: Option<Stream>,
    accumulation: usize,
    device: I::Device,
}

/// A position in an order.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Place {
    loader: LoaderState,
    /// Micro-batches taken.
    taken: u64,
}

struct Stream {
    /// Started when the first sample is asked for.
    loader: Option<Loader<Views>>,
    place: Place,
    batch: usize,
    /// The inner number of its draws.
    number: u64,
}

impl<I: Backend> CropSource<I> {
    /// Steps of `accumulation` micro-batches of `batch` images; value updates of `meta` images of
    /// their own, unless that is 0.
    pub(super) fn new(
        recipe: Recipe,
        [batch, accumulation, meta]: [usize; 3],
        device: &I::Device,
    ) -> Self {
        let order = |seed| Order {
            seed,
            len: recipe.pictures.len(),
            shuffle: true,
        };
        let stream = |seed, batch, number| Stream {
            loader: None,
            place: Place {
                loader: LoaderState::start(order(seed)),
                taken: 0,
            },
            batch,
            number,
        };
        // Another order, and other crops, than the learner's.
        let other = || rand::Rng::random(&mut generator(recipe.seed, Purpose::Meta, 0, 0));
        Self {
            steps: stream(recipe.seed, batch, 0),
            meta: (meta > 0).then(|| stream(other(), meta, 1)),
            accumulation,
            device: device.clone(),
            recipe,
        }
    }

    /// Images left out so far.
    pub(super) fn skipped(&self) -> u64 {
        let streams = [Some(&self.steps), self.meta.as_ref()];
        let places = streams.into_iter().flatten().map(Stream::place);
        places.map(|place| place.loader.skipped).sum()
    }

    /// Patches of all crops of an image.
    fn patches(&self) -> usize {
        let (crops, patch) = (&self.recipe.crops, self.recipe.backbone.patch_size);
        let of = |side: usize| (side / patch).pow(2);
        2 * of(crops.globals[0].size) + crops.locals * of(crops.local.size)
    }
}

impl<T, I> Source<T, I> for CropSource<I>
where
    I: Backend,
    T: PredictiveTask<Batch<I> = CropBatch<I>>,
{
    fn next_step(&mut self) -> Result<StepData<T, I>, CoreError> {
        let total = self.steps.batch * self.accumulation;
        let (stream, recipe, device) = (&mut self.steps, &self.recipe, &self.device);
        let batches = (0..self.accumulation).map(|_| stream.batch(recipe, total, device));
        Ok(StepData {
            batches: batches.collect::<Result<_, _>>().map_err(CoreError::data)?,
            tokens: (total * self.patches()) as u64,
        })
    }

    fn next_meta(&mut self) -> Result<Option<Vec<CropBatch<I>>>, CoreError> {
        let Some(stream) = &mut self.meta else {
            return Ok(None);
        };
        let total = stream.batch;
        let batch = stream.batch(&self.recipe, total, &self.device);
        Ok(Some(vec![batch.map_err(CoreError::data)?]))
    }
}

impl Stream {
    fn place(&self) -> Place {
        Place {
            loader: self
                .loader
                .as_ref()
                .map_or(self.place.loader, Loader::state),
            ..self.place
        }
    }

    /// The next micro-batch, of `total` images in the whole step.
    fn batch<I: Backend>(
        &mut self,
        recipe: &Recipe,
        total: usize,
        device: &I::Device,
    ) -> Result<CropBatch<I>, SetError> {
        let state = self.place.loader;
        let loader = self.loader.get_or_insert_with(|| {
            let (pictures, crops) = (recipe.pictures.clone(), recipe.crops.clone());
            let make = move |visit: Visit| Ok(crops.views(&pictures.load(visit.index)?, visit));
            Loader::new(
                state,
                recipe.threads,
                2 * self.batch,
                recipe.unreadable,
                make,
            )
        });
        let images: Vec<Views> = (0..self.batch)
            .map(|_| loader.next_sample())
            .collect::<Result<_, _>>()?;
        let mut rng = generator(recipe.seed, Purpose::Step, self.place.taken, self.number);
        self.place.taken += 1;
        let ropes = [0, 1].map(|_| RopeDraw::draw(&recipe.backbone, &mut rng));
        let mut batch = CropBatch::stack(&images, total, ropes, device);
        if let Some((mask, on)) = &recipe.masks {
            batch.global = hidden(batch.global, mask, &mut rng, device);
            if *on == MaskedCrops::All {
                batch.local = batch
                    .local
                    .map(|local| hidden(local, mask, &mut rng, device));
            }
        }
        Ok(batch)
    }
}

/// `crops` behind masks of their own.
fn hidden<I: Backend>(
    crops: Crops<I>,
    mask: &RandomMask,
    rng: &mut ChaCha8Rng,
    device: &I::Device,
) -> Crops<I> {
    let [count, _, height, width] = crops.pixels.dims();
    let values: Vec<f32> = (0..count)
        .flat_map(|_| mask.draw(height, width, rng))
        .collect();
    let values = TensorData::new(values, [count, 1, height, width]);
    crops.masked(Tensor::from_data(values, float_options(device)))
}

impl<I: Backend> Stateful for CropSource<I> {
    fn state(&self) -> serde_json::Value {
        to_state(&(self.steps.place(), self.meta.as_ref().map(Stream::place)))
    }

    fn restore(&mut self, state: serde_json::Value) -> Result<(), CoreError> {
        let (steps, meta): (Place, Option<Place>) = from_state(state)?;
        let fits = |place: &Place, stream: &Stream| place.loader.order == stream.place.loader.order;
        let meta_fits = match (&meta, &self.meta) {
            (Some(place), Some(stream)) => fits(place, stream),
            (None, None) => true,
            _ => false,
        };
        if !(fits(&steps, &self.steps) && meta_fits) {
            return Err(CoreError::State {
                message: "unlabelled images: another number of them, or another seed".into(),
            });
        }
        let go_on = |stream: &mut Stream, place| {
            (stream.loader, stream.place) = (None, place);
        };
        go_on(&mut self.steps, steps);
        if let (Some(stream), Some(place)) = (&mut self.meta, meta) {
            go_on(stream, place);
        }
        Ok(())
    }
}
