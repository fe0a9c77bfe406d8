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
//! | `asking` | a split's items put to a model, batch by batch |
//! | `run` | what it said, and how it was asked |
//! | `kept` | items that are done, kept while a result is being made |
//! | `verdict` | whether that is right |
//! | `report` | all of it, as one JSON object |
//!
//! Data flows one way: definition and rows → items → what the model says → verdicts → report.

mod asking;
mod builtin;
mod definition;
mod error;
mod items;
mod kept;
mod report;
mod rows;
mod run;
mod sample;
mod shots;
mod template;
mod verdict;

pub use asking::Asking;
pub use builtin::{Builtin, builtin, builtins};
pub use definition::{
    Choose, Definition, Generate, GoldIs, Groups, Options, Overrides, PromptParts, Rule, Sampler,
    ScorerEntry, ShotsPart, Task,
};
pub use error::TaskError;
pub use items::{Gold, Item, Items};
pub use kept::Kept;
pub use report::{
    Aggregate, Figures, ItemReport, PromptInfo, Report, ShotsInfo, SplitReport, Subject, TaskInfo,
};
pub use rows::{Row, Rows};
pub use run::{Answers, GenerationSettings, Said, Settings, Written, ask};
pub use shots::{ShotSource, Shots};
pub use verdict::{ItemVerdict, JudgedCompletion, verdicts};
