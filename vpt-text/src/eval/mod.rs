//! How well a learner does on held-out items.

pub mod answer;
pub mod completions;
pub mod gsm8k;
pub mod statistics;
