//! From a backend to the tape above it.

use crate::ParamSubset;
use burn::module::{AutodiffModule, Module};
use burn::tensor::backend::AutodiffBackend;

/// `from_inner` on a borrowed module, as constants: tensors are shared, nothing is copied.
///
/// `from_inner` alone puts on this tape what is on the one below, or came down from one, and it
/// would collect gradients that nobody asked for.
pub fn lift<D: AutodiffBackend, M: AutodiffModule<D>>(module: &M::InnerModule) -> M {
    Module::<D>::no_grad(M::from_inner(module.clone()))
}

/// [`lift`] with every parameter on the tape.
pub fn trainable<D: AutodiffBackend, M: AutodiffModule<D>>(module: &M::InnerModule) -> M {
    let module: M = lift(module);
    ParamSubset::all(&module).track(module)
}
