//! AdamW's update of one parameter.

#[cfg(feature = "flex")]
use super::{primitive, wrapped};
use burn::tensor::{Tensor, backend::Backend};

/// The numbers of one update, as f32: m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g²,
/// θ ← kept·θ − rate·(m/c₁) / (√(v/c₂) + ε).
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "flex"), allow(dead_code))]
pub(crate) struct AdamWUpdate {
    /// β₁, β₂.
    pub(crate) betas: [f32; 2],
    /// c₁ and c₂: 1 − βᵗ.
    pub(crate) corrections: [f32; 2],
    /// ε.
    pub(crate) epsilon: f32,
    /// 1 − rate·decay.
    pub(crate) kept: f32,
    /// The rate.
    pub(crate) rate: f32,
}

/// θ, m and v after `update`, or the same three again where there is no kernel for them.
#[cfg_attr(not(feature = "flex"), expect(unused_variables))]
pub(crate) fn adamw<B: Backend>(
    update: &AdamWUpdate,
    state: [Tensor<B, 1>; 3],
    gradient: &Tensor<B, 1>,
) -> Result<[Tensor<B, 1>; 3], [Tensor<B, 1>; 3]> {
    #[cfg(feature = "flex")]
    return super::flex::adamw::<B>(update, state.map(primitive), &primitive(gradient.clone()))
        .map(|state| state.map(wrapped))
        .map_err(|state| state.map(wrapped));
    #[cfg(not(feature = "flex"))]
    Err(state)
}
