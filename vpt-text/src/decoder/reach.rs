//! How far down a set of parameters reaches.

use super::model::{Decoder, layer_index};
use burn::tensor::backend::Backend;
use vpt_core::{ParamSubset, parameters};

/// What of a decoder's computation a set of its parameters can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The lowest block with a parameter in the set, the number of blocks if there is none: the
    /// states that enter it are free of the set. None where the embedding is in the set.
    pub from: Option<usize>,
    /// Whether the head's weight is in it.
    pub head: bool,
}

impl Reach {
    /// Of everything.
    pub const WHOLE: Self = Self {
        from: None,
        head: true,
    };

    /// Of `subset`.
    pub fn of<B: Backend>(decoder: &Decoder<B>, subset: &ParamSubset) -> Self {
        let tied = decoder.lm_head.is_none();
        let mut reach = Self {
            from: Some(decoder.config().num_hidden_layers),
            head: false,
        };
        let infos = parameters(decoder).into_iter();
        for info in infos.filter(|info| subset.contains(info.id)) {
            match layer_index(&info.path) {
                Some(layer) => reach.from = reach.from.map(|lowest| lowest.min(layer)),
                None if info.path.starts_with("embed_tokens") => {
                    reach.from = None;
                    reach.head |= tied;
                }
                None => reach.head |= info.path.starts_with("lm_head"),
            }
        }
        reach
    }
}

impl<B: Backend> Decoder<B> {
    /// Says that the value is on what `reach` covers: predictions keep the states that enter its
    /// lowest block, so that learners which differ in the set alone begin there.
    #[must_use]
    pub fn with_reach(mut self, reach: Reach) -> Self {
        self.reach = reach;
        self
    }

    pub(crate) fn reach(&self) -> Reach {
        self.reach
    }
}
