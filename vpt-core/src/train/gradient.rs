//! What an optimiser accepts: the gradient of a loss that was walked back.

use crate::{GradVector, ParamSubset};
use burn::backend::Autodiff;
use burn::module::Module;
use burn::tensor::{Tensor, backend::Backend};

/// How long a gradient may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clip {
    /// As long as it is.
    Off,
    /// Its norm over all parameters at most this, as `torch.nn.utils.clip_grad_norm_` has it.
    Global(f64),
    /// The norm of each parameter's part at most this, as DINO has it.
    PerTensor(f64),
}

impl Clip {
    /// [`Global`](Self::Global), where 0 is [`Off`](Self::Off).
    pub fn global(limit: f64) -> Self {
        if limit > 0.0 {
            Self::Global(limit)
        } else {
            Self::Off
        }
    }
}

/// The gradient of a loss in the parameters of one module that learn.
///
/// It is made by a backward pass alone, never from a [`GradVector`], so no direction that feedback
/// returned can reach an optimiser.
#[derive(Clone, Debug)]
pub struct UpdateGradient<I: Backend>(GradVector<I>);

impl<I: Backend> UpdateGradient<I> {
    /// Walks `loss` back into `module`, whose parameters are on the tape. Parameters that the loss
    /// does not reach have gradient zero.
    pub fn backward<M: Module<Autodiff<I>>>(loss: Tensor<Autodiff<I>, 1>, module: &M) -> Self {
        Self::within(loss, module, &ParamSubset::all(module))
    }

    /// The same in the parameters of `subset` alone, which are the ones on the tape.
    pub fn within<M: Module<Autodiff<I>>>(
        loss: Tensor<Autodiff<I>, 1>,
        module: &M,
        subset: &ParamSubset,
    ) -> Self {
        let mut grads = loss.backward();
        Self(GradVector::take::<Autodiff<I>, M>(
            &mut grads, module, subset,
        ))
    }

    /// The sum with another micro-batch's gradient.
    #[must_use]
    pub fn plus(self, other: &Self) -> Self {
        Self(self.0.add_scaled(&other.0, 1.0))
    }

    /// Clips as `clip` says; returns the global norm before.
    #[must_use]
    pub fn clipped(self, clip: Clip) -> (Self, f64) {
        let norm = self.0.norm();
        let clipped = match clip {
            Clip::Off => self,
            Clip::Global(limit) => {
                let factor = limit / (norm + 1e-6);
                if factor < 1.0 {
                    Self(self.0.scaled(factor))
                } else {
                    self
                }
            }
            Clip::PerTensor(limit) => Self(self.0.map(|part| {
                let norm = (part.clone() * part.clone()).sum().sqrt();
                part * (norm + 1e-6).recip().mul_scalar(limit).clamp_max(1.0)
            })),
        };
        (clipped, norm)
    }

    /// The same numbers as a vector, to be looked at: g_pre of eq. 11.
    pub fn as_vector(&self) -> &GradVector<I> {
        &self.0
    }
}
