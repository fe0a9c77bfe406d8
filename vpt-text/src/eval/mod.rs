//! How well a learner does on held-out items.

pub mod answer;
