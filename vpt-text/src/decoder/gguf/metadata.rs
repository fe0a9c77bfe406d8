//! The keys and values of a file, fetched by name and type.

use super::fault::{GgufFault, malformed};
use std::collections::BTreeMap;

/// A value, as wide as its kind can be.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Integer(i64),
    Float(f64),
    Flag(bool),
    Text(String),
    Integers(Vec<i64>),
    Floats(Vec<f64>),
    Texts(Vec<String>),
    /// A kind that nothing here reads.
    Other,
}

/// Everything a file says of itself.
#[derive(Debug)]
pub(super) struct Metadata(pub(super) BTreeMap<String, Value>);

impl Metadata {
    fn get<'a, T>(
        &'a self,
        key: &str,
        kind: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, GgufFault> {
        match self.0.get(key).map(read) {
            None => Ok(None),
            Some(Some(value)) => Ok(Some(value)),
            Some(None) => malformed(format!("`{key}` is not {kind}")),
        }
    }

    /// A count, an id: an integer of any width that is not negative.
    pub(super) fn integer(&self, key: &str) -> Result<Option<u64>, GgufFault> {
        self.get(key, "a number from 0", |value| match value {
            Value::Integer(number) => u64::try_from(*number).ok(),
            _ => None,
        })
    }

    pub(super) fn float(&self, key: &str) -> Result<Option<f64>, GgufFault> {
        self.get(key, "a number", |value| match value {
            Value::Float(number) => Some(*number),
            Value::Integer(number) => Some(*number as f64),
            _ => None,
        })
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, GgufFault> {
        self.get(key, "true or false", |value| match value {
            Value::Flag(flag) => Some(*flag),
            _ => None,
        })
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&str>, GgufFault> {
        self.get(key, "a text", |value| match value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    pub(super) fn texts(&self, key: &str) -> Result<Option<&[String]>, GgufFault> {
        self.get(key, "a list of texts", |value| match value {
            Value::Texts(list) => Some(list.as_slice()),
            _ => None,
        })
    }

    pub(super) fn integers(&self, key: &str) -> Result<Option<&[i64]>, GgufFault> {
        self.get(key, "a list of integers", |value| match value {
            Value::Integers(list) => Some(list.as_slice()),
            _ => None,
        })
    }

    pub(super) fn floats(&self, key: &str) -> Result<Option<&[f64]>, GgufFault> {
        self.get(key, "a list of numbers", |value| match value {
            Value::Floats(list) => Some(list.as_slice()),
            _ => None,
        })
    }

    /// What must be there.
    pub(super) fn required<T>(&self, key: &str, found: Option<T>) -> Result<T, GgufFault> {
        found.map_or_else(|| malformed(format!("no `{key}`")), Ok)
    }
}
