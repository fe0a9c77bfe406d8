//! From files of problems and solutions to packed batches, all on the host.
//!
//! | file | holds |
//! |---|---|
//! | `records` | files of several formats, a record at a time |
//! | `filter` | which records are taken |
//! | `template` | how a record becomes a prompt and an answer (A.1) |
//! | `document` | prompt and answer as tokens, and what was cut or left out |
//! | `corpus` | all documents by their index, in memory or in a file |
//! | `token_file` | that file: tokenised once, then seekable |
//! | `pack` | whole documents into rows of equal length; masks as arrays |
//! | `collate` | one document a row, for feedback and evaluation |
//! | `stream` | the endless, seeded, resumable pretraining stream |
//! | `prefetch` | the same, a few batches ahead on a thread of its own |
//! | `feedback` | the labelled set that only the value sees (§3.1) |

mod collate;
mod corpus;
mod document;
mod error;
mod feedback;
mod filter;
mod pack;
mod prefetch;
mod records;
mod stream;
mod template;
mod token_file;

pub use collate::{Collated, collate, fold};
pub use corpus::Corpus;
pub use document::{Counts, Document, Documents, Formatter};
pub use error::{DataError, StateError};
pub use feedback::{FeedbackSet, FeedbackState};
pub use filter::{Filter, FilterError};
pub use pack::{PADDING, PackedBatch, Packer};
pub use prefetch::Prefetch;
pub use records::{Columns, Record, Records, is_data_file, read_objects, read_records, shards};
pub use stream::{StreamOptions, StreamState, TextStream};
pub use template::{Template, TemplateError};

#[cfg(test)]
mod tests;
