//! What goes to stdout and stderr.

use crate::failure::Failure;
use serde::Serialize;
use std::fmt::Display;
use std::io::{Write, stderr, stdout};

/// Prints `text` as it is.
///
/// # Errors
/// Stdout cannot be written.
pub(crate) fn print(text: &dyn Display) -> Result<(), Failure> {
    let mut out = stdout().lock();
    write!(out, "{text}")?;
    out.flush()?;
    Ok(())
}

/// A line on stderr. A reader that has gone is no reason to end a run, as `eprintln!` would.
pub(crate) fn remark(text: &dyn Display) {
    let _ = writeln!(stderr().lock(), "{text}");
}

/// Prints `text` and a line end.
///
/// # Errors
/// Stdout cannot be written.
pub(crate) fn line(text: &dyn Display) -> Result<(), Failure> {
    print(&format_args!("{text}\n"))
}

/// Said where a model's files hold a head that is not used.
pub(crate) const STORED_HEAD_DIFFERS: &str = "the model declares a tied head and stores one that differs, which is not used; --set model.head=stored uses it";

/// Prints `value` as one line of JSON.
///
/// # Errors
/// Stdout cannot be written.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure::Run(error.to_string()))?;
    line(&text)
}
