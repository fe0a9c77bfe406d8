//! What a model says of given texts, and what each token is worth to a downstream task.
//!
//! | file | holds |
//! |---|---|
//! | `likelihood` | log-probabilities of answers, whole sequences and continuations |
//! | `value` | c(t, k), V and the oracle along the gradient of a labelled set |
//! | `report` | both as one document, in JSON or safetensors |

mod likelihood;
mod report;
mod value;

pub use likelihood::{
    Continuation, ContinuationScore, LikelihoodError, answer_scores, continuation_log_likelihood,
    log_probabilities,
};
pub(crate) use likelihood::{continuations, scores_by_batch};
pub use report::{ReportError, ReportFormat, ScoreReport, Totals, ValueReport};
pub use value::{
    DocumentValues, FeedbackGradient, Valuation, ValueError, ValueTotals, feedback_gradient,
    token_values,
};
