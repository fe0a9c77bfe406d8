//! Probes of a backbone: heads trained on it frozen, and what they say of other images.

use super::RunError;
use super::labels::{Asked, Labels, Use};
use crate::artefacts::SetResult;
use crate::config::RunConfig;
use crate::evaluate::{
    Classification, Depth, FitConfig, Head, HeadConfig, HeadFit, Question, Segmentation,
    classification, depth, nearest_neighbours, segmentation,
};
use crate::metrics::DepthProtocol;
use crate::vit::Vit;
use burn::tensor::backend::Backend;

/// Heads on one backbone, trained on the images for [`Use::Probe`].
pub(super) struct Heads<I: Backend> {
    pub(super) segmentation: Option<Head<I>>,
    pub(super) depth: Option<Head<I>>,
    pub(super) pictures: Option<Head<I>>,
}

impl<I: Backend> Heads<I> {
    pub(super) fn fit(
        config: &RunConfig,
        labels: &Labels,
        backbone: &Vit<I>,
    ) -> Result<Self, RunError> {
        let dense = config.head();
        let segmentation = labels.segmentation.as_ref();
        let (depth, pictures) = (labels.depth.as_ref(), labels.pictures.as_ref());
        let fit = |settings| config.fit(settings);
        Ok(Self {
            segmentation: segmentation
                .map(|asked| trained(asked, &dense, fit(FitConfig::segmentation()), backbone))
                .transpose()?,
            depth: depth
                .map(|asked| trained(asked, &dense, fit(FitConfig::depth()), backbone))
                .transpose()?,
            pictures: pictures
                .map(|asked| {
                    let settings = fit(FitConfig::classification());
                    trained(asked, &HeadConfig::classifier(), settings, backbone)
                })
                .transpose()?,
        })
    }
}

fn trained<Q: Question, I: Backend>(
    asked: &Asked<Q, Q::Truth>,
    head: &HeadConfig,
    settings: FitConfig,
    backbone: &Vit<I>,
) -> Result<Head<I>, RunError> {
    let set = asked.part(Use::Probe);
    let question = asked.question.clone();
    let steps = settings.steps;
    let device = backbone.device();
    let mut fit = HeadFit::new(question, head, settings, backbone, set.len(), &device)?;
    fit.run(backbone, &set, steps)?;
    Ok(fit.into_head())
}

/// The figures of `backbone` with `heads` on the images for `which`.
pub(super) fn measure<I: Backend>(
    config: &RunConfig,
    labels: &Labels,
    (backbone, heads): (&Vit<I>, &Heads<I>),
    which: Use,
) -> Result<SetResult, RunError> {
    let batch = config.eval.batch;
    let mut result = SetResult::default();
    let (figures, images) = (&mut result.figures, &mut result.images);
    if let (Some(asked), Some(head)) = (&labels.segmentation, &heads.segmentation) {
        let question: &Segmentation = &asked.question;
        let found = segmentation(backbone, (question, head), &asked.part(which), batch)?;
        figures.miou = Some(found.scores.miou);
        figures.pixel_accuracy = Some(found.scores.pixel_accuracy);
        images.segmentation = found.images;
    }
    if let (Some(asked), Some(head)) = (&labels.depth, &heads.depth) {
        let question: &Depth = &asked.question;
        let protocol = DepthProtocol::default();
        let found = depth(
            backbone,
            (question, head),
            &asked.part(which),
            protocol,
            batch,
        )?;
        figures.rmse = Some(found.rmse.mean);
        figures.abs_rel = Some(found.abs_rel.mean);
        figures.delta1 = Some(found.delta1.mean);
        let rmse = found
            .images
            .iter()
            .map(|image| image.map(|scores| scores.rmse));
        images.rmse = rmse.collect();
    }
    if let (Some(asked), Some(head)) = (&labels.pictures, &heads.pictures) {
        let question: &Classification = &asked.question;
        let found = classification(backbone, (question, head), &asked.part(which), batch)?;
        figures.accuracy = Some(found.top1.mean);
        images.accuracy = found.images;
        figures.knn = Some(neighbours(config, asked, backbone, which)?);
    }
    Ok(result)
}

/// Share of the images for `which` whose class their neighbours among those for [`Use::Heads`] tell.
pub(super) fn neighbours<I: Backend>(
    config: &RunConfig,
    asked: &Asked<Classification, usize>,
    backbone: &Vit<I>,
    which: Use,
) -> Result<f64, RunError> {
    let sets = (asked.part(Use::Heads), asked.part(which));
    let k = config.guard.neighbours.min(sets.0.len());
    let (question, batch) = (&asked.question, config.eval.batch);
    let found = nearest_neighbours(backbone, question, (&sets.0, &sets.1), &[k], batch)?;
    Ok(found.scores.first().map_or(f64::NAN, |score| score.top1))
}
