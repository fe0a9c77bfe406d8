//! What a run leaves behind, as it is written and as it is read.
//!
//! | file | type |
//! |---|---|
//! | `metrics.jsonl` | [`Event`], one a line |
//! | `evaluation.json` | [`Evaluation`] |
//! | `summary.json` | [`RunSummary`] |
//! | `figures/*.png` | strips of the same few images: [`Strip`] |

mod events;
mod figures;
mod run_folder;
mod strip;

pub use events::{
    AlarmEvent, EvaluationEvent, Event, ProbeEvent, Split, StepEvent, Subject, ValueEvent,
};
pub use figures::{Figures, ImageResults, SetResult};
pub use run_folder::{Ending, Evaluation, Run, RunSummary};
pub use strip::Strip;
pub(crate) use strip::{coloured, grey, shaded, side_by_side};
