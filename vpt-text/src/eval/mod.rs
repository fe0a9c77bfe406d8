//! How well a learner does on held-out items.
//!
//! | module | holds |
//! |---|---|
//! | [`answer`] | the final answer of a worked solution (A.1) |
//! | [`scorer`] | rules for right and wrong |
//! | [`gsm8k`] | lm-evaluation-harness's comparison for GSM8K |
//! | [`choice`] | which of several continuations a model prefers |
//! | [`statistics`] | means, their errors and intervals, Pass@k |
//! | [`task`] | evaluation tasks: a TOML file, its data, its scores |
//! | [`completions`] | completions that were made elsewhere |

pub mod answer;
pub mod choice;
pub mod completions;
pub mod gsm8k;
pub mod scorer;
pub mod statistics;
pub mod task;
