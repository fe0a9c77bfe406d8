//! One layer, read into the keys it changes.

use super::error::{ConfigError, Origin};
use std::path::Path;
use toml_edit::{Document, Item, TableLike, Value};

/// A key that a layer changes.
pub(super) struct Entry {
    pub(super) key: Vec<String>,
    pub(super) value: Item,
    pub(super) origin: Origin,
}

/// The keys of a TOML file, each with its line.
pub(super) fn file(path: &Path) -> Result<Vec<Entry>, ConfigError> {
    let at = |line| Origin::File {
        path: path.to_owned(),
        line,
    };
    let bytes = std::fs::read(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        ConfigError::Syntax {
            origin: at(1 + valid.iter().filter(|byte| **byte == b'\n').count()),
            message: "not UTF-8".into(),
        }
    })?;
    let line = |offset: usize| 1 + text.bytes().take(offset).filter(|b| *b == b'\n').count();
    let document = Document::parse(text.as_str()).map_err(|error| ConfigError::Syntax {
        origin: at(line(error.span().map_or(0, |span| span.start))),
        message: error.message().to_owned(),
    })?;
    let mut lines = Vec::new();
    flatten(document.as_table(), &[], &mut |_, span, _| {
        lines.push(line(span.unwrap_or(0)));
    });
    // Only the mutable document holds values as they were written; its order is the same.
    let document = document.into_mut();
    let mut lines = lines.into_iter();
    let mut found = Vec::new();
    flatten(document.as_table(), &[], &mut |key, _, value| {
        found.push(Entry {
            key,
            value,
            origin: at(lines.next().unwrap_or(1)),
        });
    });
    Ok(found)
}

/// The key of one `--set key=value`. A value that is not TOML and does not start like a quoted string,
/// an array or a table is taken as a string.
pub(super) fn assignment(text: &str) -> Result<Vec<Entry>, ConfigError> {
    let refused = |message: String| ConfigError::Syntax {
        origin: Origin::Set(text.to_owned()),
        message,
    };
    let (key, value) = text
        .split_once('=')
        .ok_or_else(|| refused("expected key=value".into()))?;
    let key: Vec<String> = key
        .trim()
        .split('.')
        .map(|part| part.trim().to_owned())
        .collect();
    if key.iter().any(String::is_empty) {
        return Err(refused("expected key=value, with a dotted key".into()));
    }
    let value = value.trim();
    let value = match value.parse::<Value>() {
        Ok(value) => value,
        Err(error) if value.starts_with(['"', '\'', '[', '{']) => {
            return Err(refused(error.message().to_owned()));
        }
        Err(_) => value.into(),
    };
    Ok(vec![Entry {
        key,
        value: Item::Value(value),
        origin: Origin::Set(text.to_owned()),
    }])
}

/// The keys of a table that stands at `prefix`.
pub(super) fn entries(table: &dyn TableLike, prefix: &[String], origin: &Origin) -> Vec<Entry> {
    let mut found = Vec::new();
    flatten(table, prefix, &mut |key, _, value| {
        found.push(Entry {
            key,
            value,
            origin: origin.clone(),
        });
    });
    found
}

/// Visits the keys that hold no table, and the tables that hold nothing.
fn flatten(
    table: &dyn TableLike,
    prefix: &[String],
    visit: &mut impl FnMut(Vec<String>, Option<usize>, Item),
) {
    for (name, item) in table.iter() {
        let key: Vec<String> = prefix.iter().cloned().chain([name.to_owned()]).collect();
        match item.as_table_like() {
            Some(inner) if !inner.is_empty() => flatten(inner, &key, visit),
            _ => {
                let span = table
                    .key(name)
                    .and_then(toml_edit::Key::span)
                    .or_else(|| item.span());
                visit(key, span.map(|span| span.start), item.clone());
            }
        }
    }
}
