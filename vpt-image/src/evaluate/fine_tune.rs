//! Partial fine-tuning: the last blocks learn from labels together with the head.
//!
//! An evaluation, done on a copy: the learner of a run is never trained on labels.

use super::draws::Draws;
use super::kept::Kept;
use super::{EvaluateError, FitConfig, Head, Labelled, Moments, Question, Tokens};
use crate::vit::{RopeDraw, Vit, layer_index};
use burn::backend::Autodiff;
use burn::module::Module;
use burn::tensor::{ElementConversion, Tensor, backend::Backend};
use vpt_core::{ParamSubset, UpdateGradient, lift};

/// A backbone with its head.
#[derive(Module, Debug)]
pub struct Tuned<B: Backend> {
    /// The backbone.
    pub backbone: Vit<B>,
    /// The head.
    pub head: Head<B>,
}

/// The parameters of the last `blocks` blocks and of the final norm, which follows them: S of the
/// paper's value (§3.2, "last k blocks").
///
/// # Errors
/// More blocks than there are, or none.
pub fn last_blocks<B: Backend>(
    backbone: &Vit<B>,
    blocks: usize,
) -> Result<ParamSubset, EvaluateError> {
    let first = first_of_last(backbone, blocks)?;
    Ok(ParamSubset::matching(backbone, |path| learns(path, first)))
}

fn first_of_last<B: Backend>(backbone: &Vit<B>, blocks: usize) -> Result<usize, EvaluateError> {
    let all = backbone.config().num_hidden_layers;
    match all.checked_sub(blocks) {
        Some(first) if blocks > 0 => Ok(first),
        _ => Err(EvaluateError::OutOfRange {
            key: "blocks",
            range: format!("between 1 and {all}"),
        }),
    }
}

fn learns(path: &str, first: usize) -> bool {
    path.starts_with("norm.") || layer_index(path).is_some_and(|index| index >= first)
}

/// Trains the last `blocks` blocks, the final norm and `head` on `set` for `config.steps` steps at
/// one rate; the head should have been trained with the backbone frozen before. What lies below is
/// computed once for each sample, without a tape. `backbone` itself stays as it is.
///
/// # Errors
/// Settings out of range, a sample that cannot be used, a loss that is not finite.
pub fn fine_tune<Q: Question, I: Backend>(
    question: &Q,
    (backbone, head): (&Vit<I>, &Head<I>),
    set: &Labelled<Q::Truth>,
    blocks: usize,
    config: &FitConfig,
) -> Result<Tuned<I>, EvaluateError> {
    config.check()?;
    let first = first_of_last(backbone, blocks)?;
    let mut tuned = Tuned {
        backbone: backbone.clone(),
        head: head.clone(),
    };
    let learning = ParamSubset::matching(&tuned, |path| match path.strip_prefix("backbone.") {
        Some(path) => learns(path, first),
        None => true,
    });
    let mut optimiser = config.optimiser();
    let rope = RopeDraw::none();
    let patch = backbone.config().patch_size;
    let mut draws = Draws::new(config.seed, set.len())?;
    let mut kept = Kept::new(patch, backbone.device());
    for step in 0..config.steps {
        let (Tokens { values, grid }, truths) =
            kept.batch((&mut draws, config.batch), question, set, |pixels| {
                let [_, _, height, width] = pixels.dims();
                Tokens {
                    values: backbone.below(pixels, &rope, first),
                    grid: [height / patch, width / patch],
                }
            })?;
        let module: Tuned<Autodiff<I>> = learning.track(lift(&tuned));
        let values = Tensor::from_inner(values);
        let features = module.backbone.above(values, grid, &rope, first);
        let (maps, moments) = module.head.forward_training(question.tokens(features));
        let loss = question.loss(maps, &truths, step < config.depth_warmup);
        let figure: f64 = loss.clone().inner().into_scalar().elem();
        let gradient = UpdateGradient::within(loss, &module, &learning);
        if !(figure.is_finite() && gradient.as_vector().norm().is_finite()) {
            return Err(EvaluateError::NotFinite { step });
        }
        let rate = config.schedule().rate(step);
        let moments: Vec<Moments<I>> = moments.into_iter().map(Moments::inner).collect();
        tuned = optimiser.step(rate, tuned, &gradient);
        tuned.head = tuned.head.follow(&moments);
    }
    Ok(tuned)
}
