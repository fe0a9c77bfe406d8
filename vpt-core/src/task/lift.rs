//! From a backend to the tape above it.

use crate::ParamSubset;
use burn::module::AutodiffModule;
use burn::tensor::backend::AutodiffBackend;

/// `from_inner` on a borrowed module: tensors are shared, nothing is copied.
pub fn lift<D: AutodiffBackend, M: AutodiffModule<D>>(module: &M::InnerModule) -> M {
    M::from_inner(module.clone())
}

/// [`lift`] with every parameter on the tape.
pub fn trainable<D: AutodiffBackend, M: AutodiffModule<D>>(module: &M::InnerModule) -> M {
    let module: M = lift(module);
    ParamSubset::all(&module).track(module)
}
