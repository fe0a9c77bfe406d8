//! Prompts in the language of lm-evaluation-harness's: Jinja, with the methods of Python's strings,
//! and a filter `boxed` for the boxed answer of a MATH solution.

use super::TaskError;
use super::definition::{Choose, Definition};
use super::rows::{Row, Rows};
use crate::eval::scorer::boxed_answer;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use std::borrow::Cow;
use std::fmt;

/// A task's templates, by the key that holds them.
pub(super) struct Templates(Environment<'static>);

/// The keys that hold templates.
pub(super) mod key {
    pub(in super::super) const DESCRIPTION: &str = "prompt.description";
    pub(in super::super) const QUESTION: &str = "prompt.question";
    pub(in super::super) const TARGET: &str = "prompt.target";
    pub(in super::super) const GENERATE_GOLD: &str = "generate.gold";
    pub(in super::super) const CHOOSE_GOLD: &str = "choose.gold";
}

impl Templates {
    /// Compiles the templates of `task`.
    ///
    /// # Errors
    /// The key of one that cannot be read, and why.
    pub(super) fn new(task: &Definition) -> Result<Self, (&'static str, String)> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_syntax(kept_newlines());
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_filter("boxed", |text: &str| boxed_answer(text).map(str::to_owned));
        let mut texts = vec![
            (key::DESCRIPTION, &task.prompt.description),
            (key::QUESTION, &task.prompt.question),
            (key::TARGET, &task.prompt.target),
        ];
        texts.extend(task.generate.iter().map(|g| (key::GENERATE_GOLD, &g.gold)));
        texts.extend(
            task.choose
                .iter()
                .map(|Choose { gold, .. }| (key::CHOOSE_GOLD, gold)),
        );
        for (name, text) in texts {
            environment
                .add_template_owned(Cow::Borrowed(name), text.clone())
                .map_err(|error| (name, said(&error)))?;
        }
        Ok(Self(environment))
    }

    /// The template under `key`, filled with the columns of `row`.
    ///
    /// # Errors
    /// A column that the row lacks, or a value that the template cannot use.
    pub(super) fn fill(&self, key: &str, row: &Row, rows: &Rows) -> Result<String, TaskError> {
        let filled = self
            .0
            .get_template(key)
            .and_then(|template| template.render(Value::from(Serde(&row.fields))));
        filled.map_err(|error| {
            let columns: Vec<String> = row.fields.keys().map(|name| format!("`{name}`")).collect();
            rows.error(
                row,
                key,
                format!("{}; it has {}", said(&error), columns.join(", ")),
            )
        })
    }
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Templates").finish_non_exhaustive()
    }
}

/// Jinja would drop a line end at the end of a template; the harness keeps it, and so do we.
fn kept_newlines() -> SyntaxConfig {
    let mut syntax = SyntaxConfig::builder();
    syntax.keep_trailing_newline(true);
    syntax.build().expect("the delimiters are the usual ones")
}

/// What a template's error says, without the place: the key names it.
fn said(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}
