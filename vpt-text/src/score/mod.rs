//! What a model says of given texts: the log-probability of every token.
//!
//! | file | holds |
//! |---|---|
//! | `likelihood` | log-probabilities of answers, whole sequences and continuations |

mod likelihood;

pub use likelihood::{
    Continuation, ContinuationScore, LikelihoodError, answer_scores, continuation_log_likelihood,
    log_probabilities,
};
