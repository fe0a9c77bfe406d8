//! Sets of learner parameters: S, on which the value is computed (§3.2), and what learns.

use crate::parameters::parameters;
use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::tensor::{
    Tensor,
    backend::{AutodiffBackend, Backend},
};
use std::collections::HashSet;

/// A set of parameters, chosen by dotted path. It holds on every backend level, since lifting a
/// module keeps its parameter ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamSubset(HashSet<ParamId>);

impl ParamSubset {
    /// Every parameter of `module`.
    pub fn all<B: Backend, M: Module<B>>(module: &M) -> Self {
        Self::matching(module, |_| true)
    }

    /// The parameters whose path (`layers.3.self_attn.q_proj.weight`) satisfies `keep`.
    pub fn matching<B: Backend, M: Module<B>>(module: &M, keep: impl Fn(&str) -> bool) -> Self {
        let chosen = parameters(module).into_iter();
        Self(
            chosen
                .filter(|info| keep(&info.path))
                .map(|info| info.id)
                .collect(),
        )
    }

    /// Whether `id` is in S.
    pub fn contains(&self, id: ParamId) -> bool {
        self.0.contains(&id)
    }

    /// The parameters that are in `other` too.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).copied().collect())
    }

    /// The parameters that are not in `other`.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).copied().collect())
    }

    /// Whether every parameter of S is in `other`.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// Whether every parameter of `module` is in S.
    pub fn is_all<B: Backend, M: Module<B>>(&self, module: &M) -> bool {
        Self::all(module).is_within(self)
    }

    /// Whether S is empty: no path matched.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `module` with exactly the parameters in S on the tape.
    ///
    /// The flag that a `Param` carries between levels is lost by any `map` on a plain backend
    /// (Burn 0.21), so what is tracked is always said, never remembered.
    pub fn track<B: AutodiffBackend, M: Module<B>>(&self, module: M) -> M {
        struct Track<'a>(&'a ParamSubset);
        impl<B: AutodiffBackend> ModuleMapper<B> for Track<'_> {
            fn map_float<const D: usize>(
                &mut self,
                param: Param<Tensor<B, D>>,
            ) -> Param<Tensor<B, D>> {
                let tracked = self.0.contains(param.id);
                param.map(|tensor| tensor.set_require_grad(tracked))
            }
        }
        module.map(&mut Track(self))
    }
}
