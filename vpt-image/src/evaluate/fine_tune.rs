//! Partial fine-tuning: the last blocks learn from labels together with the head.
//!
//! An evaluation, done on a copy: the learner of a run is never trained on labels.

use super::draws::Draws;
use super::fit::one_size;
use super::backbone::stacked;
use super::labelled::Sample;
use super::{EvaluateError, FitConfig, Head, Labelled, Moments, Question};
use crate::vit::{RopeDraw, Vit, layer_index};
use burn::backend::Autodiff;
use burn::module::Module;
use burn::tensor::{ElementConversion, Tensor, backend::Backend};
use std::collections::HashMap;
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
    let mut lower = Lower {
        backbone,
        first,
        kept: HashMap::new(),
        draws: Draws::new(config.seed, set.len())?,
    };
    for step in 0..config.steps {
        let indices = lower.look(question, set, config.batch)?;
        let batch: Vec<_> = indices.iter().map(|index| &lower.kept[index]).collect();
        let grid = batch[0].grid;
        let tokens = batch.iter().map(|kept| kept.tokens.clone()).collect();
        let truths: Vec<&Q::Truth> = batch.iter().map(|kept| &kept.truth).collect();

        let module: Tuned<Autodiff<I>> = learning.track(lift(&tuned));
        let tokens = Tensor::from_inner(Tensor::cat(tokens, 0));
        let features = module.backbone.above(tokens, grid, &RopeDraw::none(), first);
        let (maps, moments) = module.head.train(question.tokens(features));
        let loss = question.loss(maps, &truths, step < config.depth_warmup);
        let figure: f64 = loss.clone().inner().into_scalar().elem();
        let gradient = UpdateGradient::within(loss, &module, &learning);
        let (gradient, norm) = gradient.clipped(config.clip);
        if !(figure.is_finite() && norm.is_finite()) {
            return Err(EvaluateError::NotFinite { step });
        }
        let rate = config.schedule().rate(step);
        let moments: Vec<Moments<I>> = moments.into_iter().map(Moments::inner).collect();
        tuned = optimiser.step(rate, tuned, &gradient);
        tuned.head = tuned.head.follow(&moments);
    }
    Ok(tuned)
}

/// The tokens that enter the blocks that learn.
struct Lower<'a, Y, I: Backend> {
    backbone: &'a Vit<I>,
    first: usize,
    kept: HashMap<usize, Kept<Y, I>>,
    draws: Draws,
}

struct Kept<Y, I: Backend> {
    /// `[1, tokens, hidden]`
    tokens: Tensor<I, 3>,
    grid: [usize; 2],
    truth: Y,
}

impl<Y: Clone + 'static, I: Backend> Lower<'_, Y, I> {
    /// The next samples, computed where they were not seen yet.
    fn look<Q: Question<Truth = Y>>(
        &mut self,
        question: &Q,
        set: &Labelled<Y>,
        batch: usize,
    ) -> Result<Vec<usize>, EvaluateError> {
        let patch = self.backbone.config().patch_size;
        let load = |index| match self.kept.contains_key(&index) {
            true => Ok((index, None)),
            false => set.lesson(question, index, patch).map(|new| (index, Some(new))),
        };
        let drawn = self.draws.take(batch, load, |error| set.skips(error))?;
        let indices = drawn.iter().map(|(index, _)| *index).collect();
        let new = drawn.into_iter().filter_map(|(index, new)| Some((index, new?)));
        let new: Vec<(usize, Sample<Y>)> = new.collect();
        if new.is_empty() {
            return Ok(indices);
        }
        let pixels = one_size(&new)?;
        let [_, height, width] = pixels[0].shape();
        let grid = [height / patch, width / patch];
        let pixels = stacked(&pixels, &self.backbone.device());
        let tokens = (self.backbone).below(pixels, &RopeDraw::none(), self.first);
        for (place, (index, sample)) in new.into_iter().enumerate() {
            let kept = Kept {
                tokens: tokens.clone().narrow(0, place, 1),
                grid,
                truth: sample.truth,
            };
            self.kept.insert(index, kept);
        }
        Ok(indices)
    }
}
