//! Small tensors in a state: heads and their optimisers.

use burn::tensor::TensorData;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vpt_core::{CoreError, from_state, to_state};

/// Shape and values; f64 holds any float exactly.
#[derive(Serialize, Deserialize)]
struct Stored(Vec<usize>, Vec<f64>);

/// Tensors by name as a state.
pub(super) fn write_module(tensors: BTreeMap<String, TensorData>) -> serde_json::Value {
    let stored = tensors.into_iter().map(|(name, data)| {
        let values = data.iter::<f64>().collect();
        (name, Stored(data.shape.to_vec(), values))
    });
    to_state(&stored.collect::<BTreeMap<_, _>>())
}

/// The tensors that [`write_module`] was given, in f64.
pub(super) fn read_module(
    state: serde_json::Value,
) -> Result<BTreeMap<String, TensorData>, CoreError> {
    let stored: BTreeMap<String, Stored> = from_state(state)?;
    let tensors = stored.into_iter().map(|(name, Stored(shape, values))| {
        if shape.iter().product::<usize>() != values.len() {
            return Err(CoreError::Tensor {
                name,
                message: format!("{} values, shape {shape:?}", values.len()),
            });
        }
        Ok((name, TensorData::new(values, shape)))
    });
    tensors.collect()
}
