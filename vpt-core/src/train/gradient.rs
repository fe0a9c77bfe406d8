//! What an optimiser accepts: the gradient of a loss that was walked back.

use crate::kernels::{dot, pairing, scaled};
use crate::{Cut, GradVector, ParamSubset};
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
        Self::through(loss, vec![], module, subset)
    }

    /// The same of a loss of a prediction whose tape has these cuts, from the top down. The parts
    /// below are computed and walked back one after the other, and one tape is held at a time.
    pub fn through<M: Module<Autodiff<I>>>(
        loss: Tensor<Autodiff<I>, 1>,
        cuts: Vec<Cut<I>>,
        module: &M,
        subset: &ParamSubset,
    ) -> Self {
        let mut grads = loss.backward();
        let mut found = GradVector::found::<Autodiff<I>, M>(&mut grads, module, subset);
        for Cut { above, below } in cuts {
            // Where the part above asks for no gradient of the states, none below has one.
            let Some(gradient) = above.grad_remove(&mut grads) else {
                break;
            };
            drop(above);
            grads = pairing(below(), gradient).backward();
            let more = GradVector::found::<Autodiff<I>, M>(&mut grads, module, subset);
            for (id, part) in more {
                let sum = match found.remove(&id) {
                    Some(sum) => sum + part,
                    None => part,
                };
                found.insert(id, sum);
            }
        }
        Self(GradVector::complete(found, module, subset))
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
                    Self(self.0.map(|part| scaled(part, factor)))
                } else {
                    self
                }
            }
            Clip::PerTensor(limit) => Self(self.0.map(|part| {
                let norm = dot(part.clone(), part.clone()).sqrt();
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
