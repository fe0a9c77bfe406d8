//! From files of problems and solutions to packed batches, all on the host.
//!
//! | file | holds |
//! |---|---|
//! | `records` | JSONL files, plain or gzipped |
//! | `template` | how a record becomes a prompt and an answer (A.1) |
//! | `document` | prompt and answer as tokens, and what was cut or left out |
//! | `pack` | whole documents into rows of equal length; masks as arrays |
//! | `collate` | one document a row, for feedback and evaluation |
//! | `stream` | the endless, seeded, resumable pretraining stream |
//! | `feedback` | the labelled set that only the value sees (§3.1) |

mod collate;
mod document;
mod error;
mod feedback;
mod pack;
mod records;
mod stream;
mod template;

pub use collate::{Collated, collate};
pub use document::{Counts, Document, Documents, Formatter};
pub use error::{DataError, StateError};
pub use feedback::{FeedbackSet, FeedbackState};
pub use pack::{PADDING, PackedBatch, Packer};
pub use records::{Columns, Record, read_objects, read_records};
pub use stream::{StreamOptions, StreamState, TextStream};
pub use template::{Template, TemplateError};

#[cfg(test)]
mod tests;
