//! Evaluation tasks: a small TOML file, a user's data, and what a model makes of it.
//!
//! | file | holds |
//! |---|---|
//! | `definition` | the TOML file: prompts, few-shot examples, generation or choices, scorers |
//! | `builtin` | the tasks that ship |
//! | `template` | prompts in the field's template language |
//! | `rows` | the data's rows |
//! | `sample`, `shots` | few-shot examples, drawn as lm-evaluation-harness draws them |
//! | `items` | rows as prompts |
//! | `run` | what a model says to them |
//! | `verdict` | whether that is right |
//! | `report` | all of it, as one JSON object |
//!
//! Data flows one way: definition and rows → items → what the model says → verdicts → report.

mod builtin;
mod definition;
mod error;
mod items;
mod report;
mod rows;
mod run;
mod sample;
mod shots;
mod template;
mod verdict;

pub use builtin::{Builtin, builtin, builtins};
pub use definition::{
    Choose, Definition, Generate, GoldIs, Groups, Options, Overrides, PromptParts, Rule, Sampler,
    ScorerEntry, ShotsPart, Task,
};
pub use error::TaskError;
pub use items::{Gold, Item, Items};
pub use report::{
    Aggregate, Figures, ItemReport, PromptInfo, Report, ShotsInfo, SplitReport, Subject, TaskInfo,
};
pub use rows::{Row, Rows};
pub use run::{Answers, GenerationSettings, Said, Settings, Written, ask};
pub use shots::{ShotSource, Shots};
pub use verdict::{ItemVerdict, JudgedCompletion, verdicts};
