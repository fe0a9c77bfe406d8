//! What a checkpoint keeps of a part that is not tensors.

use crate::CoreError;
use serde::{Serialize, de::DeserializeOwned};

/// A part of a run whose next result depends on what it did before: a stream's position, a
/// generator, an adaptive step.
pub trait Stateful {
    /// All that the next result depends on.
    fn state(&self) -> serde_json::Value;

    /// Puts [`state`](Self::state) back.
    ///
    /// # Errors
    /// A state that is not this part's.
    fn restore(&mut self, state: serde_json::Value) -> Result<(), CoreError>;
}

impl<S: Stateful + ?Sized> Stateful for Box<S> {
    fn state(&self) -> serde_json::Value {
        (**self).state()
    }

    fn restore(&mut self, state: serde_json::Value) -> Result<(), CoreError> {
        (**self).restore(state)
    }
}

/// A serialisable value as a state.
pub fn to_state(value: &impl Serialize) -> serde_json::Value {
    // Serialising to memory fails for maps with other than string keys alone; states have none.
    serde_json::to_value(value).unwrap_or_default()
}

/// The value that [`to_state`] was given.
///
/// # Errors
/// A state of another kind.
pub fn from_state<V: DeserializeOwned>(state: serde_json::Value) -> Result<V, CoreError> {
    serde_json::from_value(state).map_err(CoreError::data)
}
