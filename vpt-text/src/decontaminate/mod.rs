//! Near-duplicates of test items, found in a stream and taken out of it (§4.5).
//!
//! | file | holds |
//! |---|---|
//! | `settings` | what counts as a near-duplicate |
//! | `words` | a text as the words that are compared |
//! | `shingles` | sets of n-grams and their exact measures |
//! | `minhash`, `bands` | which pairs are worth measuring |
//! | `test_set`, `index` | test sets in memory, and the verdict on one record |
//! | `matching` | why a record is a near-duplicate |
//! | `output` | files that appear when they are whole |
//! | `report` | what was removed, and why |
//! | `pass` | the stream, once from end to end |
//!
//! MinHash and its bands are written here, about 150 lines: gaoya, the published crate that does
//! this, brings a dozen others with it.

mod bands;
mod error;
mod index;
mod matching;
mod minhash;
mod output;
mod pass;
mod report;
mod settings;
mod shingles;
mod test_set;
mod words;

pub use bands::{Bands, LshIndex};
pub use error::DecontaminateError;
pub use index::TestIndex;
pub use matching::{Match, Reason, Verdict};
pub use minhash::MinHash;
pub use output::Compression;
pub use pass::{Outputs, decontaminate};
pub use report::{Removed, SetSummary, Summary};
pub use settings::{
    Candidates, ContainmentRule, JaccardRule, Normalisation, Numbers, Punctuation, Settings,
    SettingsError, Within,
};
pub use shingles::Shingles;
pub use test_set::{TestItem, TestSet};
pub use words::Words;
