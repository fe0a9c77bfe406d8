//! Parameters that begin to learn later than the rest.

use crate::ParamSubset;

/// A part of θ that does not learn before a step: a released backbone while its fresh head burns
/// in, DINO's last layer in its first epoch. Until then it is off the tape, gets neither update
/// nor decay, has no optimiser state, and is no part of S; where all of S is frozen no value is
/// computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// The part.
    pub subset: ParamSubset,
    /// The first step, from 0, at which it learns.
    pub until: usize,
}
