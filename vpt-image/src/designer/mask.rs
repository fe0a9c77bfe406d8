//! Masks on tensors: made from logits, applied, and kept in bounds.

use super::config::DesignerError;
use burn::tensor::{Tensor, backend::Backend};
use serde::{Deserialize, Serialize};

/// σ(x), in [0, 1].
///
/// As ½(1 + tanh(x/2)), whose value and slope stay finite for any x, in the type of x.
pub(super) fn soft<B: Backend>(logits: Tensor<B, 4>) -> Tensor<B, 4> {
    logits
        .mul_scalar(0.5)
        .tanh()
        .add_scalar(1.0)
        .mul_scalar(0.5)
}

/// R(φ) of L_meta (A.2): λ_spars R_spars(m) + λ_tv R_tv(m).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaskPenalty {
    /// The share of an image that a mask should keep, in (0, 1).
    pub keep: f64,
    /// λ_spars.
    pub sparsity: f64,
    /// λ_tv.
    pub tv: f64,
}

impl Default for MaskPenalty {
    /// Half of each image, from the range of A.3. The weights are ours: the paper sweeps them and
    /// names none.
    fn default() -> Self {
        Self {
            keep: 0.5,
            sparsity: 1.0,
            tv: 0.03,
        }
    }
}

impl MaskPenalty {
    /// Whether the settings are in range.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check(&self) -> Result<(), DesignerError> {
        let &Self { keep, sparsity, tv } = self;
        DesignerError::ensure(keep > 0.0 && keep < 1.0, "keep", keep, "in (0, 1)")?;
        for (key, weight) in [("sparsity", sparsity), ("tv", tv)] {
            let holds = weight >= 0.0 && weight.is_finite();
            DesignerError::ensure(holds, key, weight, "finite and at least 0")?;
        }
        Ok(())
    }

    /// Each mask's penalty.
    ///
    /// # Shapes
    /// mask `[masks, 1, h, w]` → `[masks]`
    pub fn of_each<B: Backend>(&self, mask: &Tensor<B, 4>) -> Tensor<B, 1> {
        let share = kept_share(mask).sub_scalar(self.keep);
        let sparsity = (share.clone() * share).mul_scalar(self.sparsity);
        sparsity + total_variation(mask).mul_scalar(self.tv)
    }
}

/// The mean of each mask.
///
/// # Shapes
/// mask `[masks, 1, h, w]` → `[masks]`
pub fn kept_share<B: Backend>(mask: &Tensor<B, 4>) -> Tensor<B, 1> {
    mean_of_each(mask.clone())
}

/// The mean absolute step between neighbours, down and across, of each mask: 0 where it is
/// constant, and 0 across a side of one pixel.
///
/// # Shapes
/// mask `[masks, 1, h, w]` → `[masks]`
pub fn total_variation<B: Backend>(mask: &Tensor<B, 4>) -> Tensor<B, 1> {
    let steps = |dim: usize| {
        let pairs = mask.dims()[dim] - 1;
        let next = mask.clone().narrow(dim, 1, pairs);
        mean_of_each((next - mask.clone().narrow(dim, 0, pairs)).abs())
    };
    let sides = [2, 3].into_iter().filter(|dim| mask.dims()[*dim] > 1);
    sides
        .map(steps)
        .reduce(|sum, other| sum + other)
        .unwrap_or_else(|| kept_share(mask).zeros_like())
}

fn mean_of_each<B: Backend>(values: Tensor<B, 4>) -> Tensor<B, 1> {
    let masks = values.dims()[0];
    let rows: Tensor<B, 2> = values.reshape([masks as i32, -1]);
    rows.mean_dim(1).squeeze_dim(1)
}
