//! The backbone cut below S: what the value step runs once, and what it runs twice.

use super::{CropBatch, CropFeatures, Crops, Network, Vision};
use crate::vit::{Vit, layer_index};
use burn::module::Module;
use burn::tensor::{Tensor, backend::Backend};
use vpt_core::{ParamSubset, SplitModality, parameters};

/// Every crop's tokens below the cut.
#[derive(Module, Debug)]
pub struct CropTokens<B: Backend> {
    global: Tokens<B>,
    local: Option<Tokens<B>>,
    /// The first block above the cut.
    #[module(skip)]
    from: usize,
}

/// `[crops · images, 1 + registers + patches, hidden]`
#[derive(Module, Debug)]
struct Tokens<B: Backend> {
    tokens: Tensor<B, 3>,
    #[module(skip)]
    grid: [usize; 2],
}

/// The first block above a cut that leaves all of `subset` above it.
///
/// # Panics
/// If `subset` holds a parameter of the embeddings, which lie below every cut.
fn cut<B: Backend>(backbone: &Vit<B>, subset: &ParamSubset) -> usize {
    let inside = parameters(backbone).into_iter();
    let inside = inside.filter(|parameter| subset.contains(parameter.id));
    let blocks = inside.filter_map(|parameter| {
        let below = parameter.path.starts_with("embeddings.");
        assert!(!below, "a split value step: S reaches into the embeddings");
        layer_index(&parameter.path)
    });
    blocks.min().unwrap_or(backbone.config().num_hidden_layers)
}

impl<N: Network> SplitModality for Vision<N> {
    type Hidden<B: Backend> = CropTokens<B>;

    /// # Panics
    /// If `subset` holds a parameter of the embeddings.
    fn lower<B: Backend>(
        learner: &N::Learner<B>,
        views: &CropBatch<B>,
        subset: &ParamSubset,
    ) -> CropTokens<B> {
        let backbone = N::backbone(learner);
        let from = cut(backbone, subset);
        let below = |crops: &Crops<B>| {
            let [_, _, height, width] = crops.pixels.dims();
            Tokens {
                tokens: backbone.below(crops.shown(), &crops.rope, from),
                grid: backbone.config().grid(height, width),
            }
        };
        CropTokens {
            global: below(&views.global),
            local: views.local.as_ref().map(below),
            from,
        }
    }

    fn upper<B: Backend>(
        learner: &N::Learner<B>,
        hidden: CropTokens<B>,
        views: &CropBatch<B>,
    ) -> N::Prediction<B> {
        let backbone = N::backbone(learner);
        let above = |Tokens { tokens, grid }: Tokens<B>, crops: &Crops<B>| {
            backbone.above(tokens, grid, &crops.rope, hidden.from)
        };
        let local = hidden.local.zip(views.local.as_ref());
        let features = CropFeatures {
            global: above(hidden.global, &views.global),
            local: local.map(|(tokens, crops)| above(tokens, crops)),
        };
        N::head(learner, features, views)
    }
}
