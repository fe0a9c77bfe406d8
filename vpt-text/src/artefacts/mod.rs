//! What a run leaves behind, as it is written and as it is read.
//!
//! | file | type |
//! |---|---|
//! | `metrics.jsonl` | [`Event`], one a line |
//! | `evaluation.json` | [`Evaluation`] |
//! | `example.json` | [`Example`] |
//! | `summary.json` | [`RunSummary`] |

mod events;
mod run_folder;

pub use events::{EvaluationEvent, Event, ProbeEvent, Split, StepEvent, ValueEvent};
pub use run_folder::{
    Candidate, Evaluation, Example, ExampleToken, ItemResult, Measurement, Run, RunSummary,
};
