//! What a run's crops carry: nothing, masks that were drawn, or learned ones.

use crate::designer::{LearnedMasks, MaskDesigner};
use crate::objective::{CropBatch, Drawn, Network, Vision, Whole};
use burn::tensor::{Tensor, backend::Backend};
use vpt_core::ViewGenerator;

/// Crops until burn-in is over, and for ever in the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plain {
    /// Whole.
    Whole,
    /// Behind the masks that lie in the batch, which reconstruction cannot do without.
    Drawn,
}

/// Crops after that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shaped {
    /// Behind the masks that lie in the batch.
    Drawn,
    /// Behind m_φ(x).
    Learned(LearnedMasks),
}

/// A_φ of any method: a method is a value of this type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RunViews {
    pub(super) plain: Plain,
    pub(super) shaped: Shaped,
}

impl<N: Network> ViewGenerator<Vision<N>> for RunViews {
    /// None where nothing is learned.
    type Designer<B: Backend> = Option<MaskDesigner<B>>;

    fn views<B: Backend>(
        &self,
        designer: &Option<MaskDesigner<B>>,
        batch: &CropBatch<B>,
    ) -> CropBatch<B> {
        match (&self.shaped, designer) {
            (Shaped::Learned(masks), Some(designer)) => {
                ViewGenerator::<Vision<N>>::views(masks, designer, batch)
            }
            _ => ViewGenerator::<Vision<N>>::views(&Drawn, &vpt_core::NoParameters, batch),
        }
    }

    fn unshaped_views<B: Backend>(&self, batch: &CropBatch<B>) -> CropBatch<B> {
        match self.plain {
            Plain::Whole => ViewGenerator::<Vision<N>>::unshaped_views(&Whole, batch),
            Plain::Drawn => ViewGenerator::<Vision<N>>::unshaped_views(&Drawn, batch),
        }
    }

    fn shaped_part<B: Backend>(&self, batch: &CropBatch<B>) -> CropBatch<B> {
        match &self.shaped {
            Shaped::Learned(masks) => ViewGenerator::<Vision<N>>::shaped_part(masks, batch),
            Shaped::Drawn => batch.clone(),
        }
    }

    fn regulariser<B: Backend>(&self, views: &CropBatch<B>) -> Option<Tensor<B, 1>> {
        match &self.shaped {
            Shaped::Learned(masks) => ViewGenerator::<Vision<N>>::regulariser(masks, views),
            Shaped::Drawn => None,
        }
    }

    /// The masks' figures, whoever made them; none where there are none.
    fn measures<B: Backend>(&self, views: &CropBatch<B>) -> Vec<(&'static str, f64)> {
        crate::designer::mask_measures(views)
    }
}
