//! Where all randomness comes from.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What draws are made for: draws for one purpose do not move those for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The order of an epoch.
    Order = 1,
    /// Crops and colours of a sample's views.
    Views = 2,
    /// What stands in a drawn scene.
    Scene = 3,
    /// A texture of the scenes' catalogue.
    Texture = 4,
    /// A shape of the scenes' catalogue.
    Shape = 5,
    /// Weights of a head.
    Head = 11,
    /// Channels that a head's training leaves out.
    HeadDropout = 12,
    /// Parts of a labelled set.
    Parts = 13,
    /// Weights of a fresh backbone.
    Backbone = 21,
    /// Weights of what an objective puts on top of it.
    Learner = 22,
    /// Weights of a designer.
    Designer = 23,
    /// Directions in place of g_down.
    Direction = 24,
    /// Coordinates and random masks of a step.
    Step = 25,
    /// The order of a value update's own images.
    Meta = 26,
}

/// The generator of the draws that belong to (`seed`, `purpose`, `outer`, `inner`), for example a
/// seed, an epoch and a sample. The key of the cipher is these four numbers, so that no two
/// generators share a stream and none depends on what was drawn before.
pub(crate) fn generator(seed: u64, purpose: Purpose, outer: u64, inner: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (part, number) in (key.chunks_exact_mut(8)).zip([seed, purpose as u64, outer, inner]) {
        part.copy_from_slice(&number.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngCore;

    #[test]
    fn every_number_of_the_key_counts() {
        let first = |seed, purpose, outer, inner| generator(seed, purpose, outer, inner).next_u64();
        let base = first(1, Purpose::Order, 2, 3);
        assert_eq!(base, first(1, Purpose::Order, 2, 3));
        for other in [
            first(0, Purpose::Order, 2, 3),
            first(1, Purpose::Views, 2, 3),
            first(1, Purpose::Order, 3, 2),
            first(1, Purpose::Order, 2, 4),
        ] {
            assert_ne!(base, other);
        }
    }
}
