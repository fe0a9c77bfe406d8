//! Parameters that do not learn: named in a checkpoint, not stored.

use crate::ParamSubset;
use crate::parameters::visit_values;
use burn::module::Module;
use burn::tensor::backend::Backend;
use sha2::{Digest, Sha256};

/// SHA-256, in hexadecimal, of the paths, shapes, types and values of what of `module` is outside
/// `trainable`; none where all of it learns. One parameter at a time is on the host.
pub(super) fn fixed_hash<B: Backend, M: Module<B>>(
    module: &M,
    trainable: &ParamSubset,
) -> Option<String> {
    let mut hash = Sha256::new();
    let mut any = false;
    visit_values(module, |info, values| {
        if !trainable.contains(info.id) {
            any = true;
            // Shape and type end with the line, so no two parameters can be mistaken for one.
            hash.update(format!("{} {:?} {:?}\n", info.path, info.shape, info.dtype));
            hash.update(values().as_bytes());
        }
    });
    let hex = |hash: Sha256| hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    any.then(|| hex(hash))
}
