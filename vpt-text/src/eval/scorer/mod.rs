//! How an answer is found in a completion, and when it is right.
//!
//! | file | rule |
//! |---|---|
//! | `pattern` | a pattern and a comparison, as lm-evaluation-harness's filters |
//! | `final_answer` | the cascade of A.1 |
//! | `omega`, `omega_ai2` | OMEGA as in A.4, and as Ai2 scores it |
//! | `minerva`, `hendrycks` | MATH as lm-evaluation-harness scores it, by its string rules |

mod final_answer;
mod hendrycks;
mod math;
mod minerva;
mod omega;
mod omega_ai2;
mod pattern;

pub use final_answer::FinalAnswer;
pub use hendrycks::Hendrycks;
pub use math::boxed_answer;
pub use minerva::Minerva;
pub use omega::Omega;
pub use omega_ai2::OmegaAi2;
pub use pattern::{Compare, INVALID, Pattern, Select};

use std::fmt::Debug;

/// A rule for right and wrong.
pub trait Scorer: Debug + Send + Sync {
    /// The answer that the file's gold text holds, in the form that [`is_right`](Self::is_right)
    /// compares; none if it holds none.
    fn gold(&self, text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    /// The answer that a completion gives; none if it gives none.
    fn extract(&self, completion: &str) -> Option<String>;

    /// Whether an extracted answer is right.
    fn is_right(&self, answer: &str, gold: &str) -> bool;
}
