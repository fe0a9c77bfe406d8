//! From a backend to the tape above it.

use crate::ParamSubset;
use burn::module::{AutodiffModule, Module};
use burn::tensor::backend::AutodiffBackend;

/// `from_inner` on a borrowed module, as constants: tensors are shared, nothing is copied.
///
/// `from_inner` puts back on the tape whatever was there when the module came down from one, so
/// without `no_grad` a teacher in a reference would collect gradients.
pub fn lift<D: AutodiffBackend, M: AutodiffModule<D>>(module: &M::InnerModule) -> M {
    Module::<D>::no_grad(M::from_inner(module.clone()))
}

/// [`lift`] with every parameter on the tape.
pub fn trainable<D: AutodiffBackend, M: AutodiffModule<D>>(module: &M::InnerModule) -> M {
    let module: M = lift(module);
    ParamSubset::all(&module).track(module)
}
