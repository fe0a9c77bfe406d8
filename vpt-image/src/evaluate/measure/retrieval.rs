//! Instance retrieval on Revisited Oxford and Paris.

use crate::evaluate::backbone::{features, stacked};
use crate::evaluate::labelled::pixels;
use crate::evaluate::{EvaluateError, Pooling};
use crate::images::{ImageProcessor, RgbImage};
use crate::metrics::{Relevance, RevisitedScores, rank, revisited};
use crate::sets::{Revisited, SetError};
use crate::vit::Vit;
use burn::tensor::backend::Backend;
use serde::Serialize;

/// How well pictures of a place are found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RetrievalResult {
    /// Under the three protocols.
    #[serde(flatten)]
    pub scores: RevisitedScores,
    /// Images that were searched.
    pub database: usize,
    /// Queries that were asked; fewer count where a protocol leaves nothing to find.
    pub queries: usize,
    /// Whether only the part of a query's image that is asked about was looked at.
    pub crop: bool,
}

/// Mean average precision by cosine similarity of descriptors: the mean of an image's patch tokens,
/// of length 1. `crop` cuts queries to the part that is asked about, as the authors evaluate;
/// DINO's script does not. An unreadable image is an error, whatever it is part of.
///
/// # Errors
/// An image that cannot be read, or does not fit the backbone.
pub fn retrieval<I: Backend>(
    backbone: &Vit<I>,
    set: &Revisited,
    processor: &ImageProcessor,
    crop: bool,
) -> Result<RetrievalResult, EvaluateError> {
    let describe = |count: usize, load: &dyn Fn(usize) -> Result<RgbImage, SetError>| {
        let mut descriptors: Vec<f32> = vec![];
        for index in 0..count {
            let image = load(index)?;
            let pixels = pixels(processor, &image, backbone.config().patch_size, index)?;
            let batch = stacked(&[&pixels], &backbone.device());
            let pooled = Pooling::Mean.pool(features(backbone, batch)).into_data();
            descriptors.extend(pooled.iter::<f32>());
        }
        Ok::<_, EvaluateError>(descriptors)
    };
    let (database, queries) = (set.database().len(), set.queries().len());
    let found = describe(database, &|index| set.load_database(index))?;
    let asked = describe(queries, &|index| set.load_query(index, crop))?;
    // Similarity is of vectors of length 1.
    let rankings = rank(&found, &asked, backbone.config().hidden_size);
    let truth: Vec<Relevance> = set.queries().iter().map(|q| q.relevance.clone()).collect();
    Ok(RetrievalResult {
        scores: revisited(&rankings, &truth),
        database,
        queries,
        crop,
    })
}
