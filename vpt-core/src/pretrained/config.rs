//! The fields of a `config.json`, and what can be wrong with one.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A configuration that cannot be used, with the field at fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not JSON, or not an object.
    #[error("not a JSON object: {0}")]
    Syntax(String),
    /// A field that has no safe default is absent.
    #[error("`{field}` is missing")]
    Missing {
        /// Its name.
        field: &'static str,
    },
    /// A field holds something that cannot be meant.
    #[error("`{field}` = {value}: {reason}")]
    Invalid {
        /// Its name.
        field: &'static str,
        /// What it holds.
        value: String,
        /// What it should hold.
        reason: String,
    },
    /// A field asks for what the model here does not compute.
    #[error("`{field}` = {value} is not supported (only {supported})")]
    Unsupported {
        /// Its name.
        field: &'static str,
        /// What it holds.
        value: String,
        /// What would do.
        supported: &'static str,
    },
}

/// [`ConfigError::Invalid`] of `field`, which holds `value`.
pub fn invalid(
    field: &'static str,
    value: impl ToString,
    reason: impl Into<String>,
) -> ConfigError {
    ConfigError::Invalid {
        field,
        value: value.to_string(),
        reason: reason.into(),
    }
}

/// The fields of one JSON object, fetched by name; `null` counts as absent, as in Transformers.
#[derive(Clone, Debug)]
pub struct Fields(Map<String, Value>);

impl Fields {
    /// Those of the text of a file.
    ///
    /// # Errors
    /// What is not one JSON object.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let map = serde_json::from_str(text).map_err(|e| ConfigError::Syntax(e.to_string()))?;
        Ok(Self(map))
    }

    /// Whether the file names `field`, be it with `null`.
    pub fn has(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    /// What `field` holds, if anything.
    pub fn value(&self, field: &str) -> Option<&Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }

    /// What `field` holds, if anything.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`]: a value of another type.
    pub fn get<T: DeserializeOwned>(&self, field: &'static str) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.value(field) else {
            return Ok(None);
        };
        let parsed = serde_json::from_value(value.clone());
        parsed
            .map(Some)
            .map_err(|error| invalid(field, value, error.to_string()))
    }

    /// What `field` holds.
    ///
    /// # Errors
    /// As [`get`](Self::get), and [`ConfigError::Missing`].
    pub fn require<T: DeserializeOwned>(&self, field: &'static str) -> Result<T, ConfigError> {
        self.get(field)?.ok_or(ConfigError::Missing { field })
    }

    /// `field`, if present, is one of `allowed`.
    ///
    /// # Errors
    /// [`ConfigError::Unsupported`]: it is not.
    pub fn only(
        &self,
        field: &'static str,
        allowed: &[Value],
        supported: &'static str,
    ) -> Result<(), ConfigError> {
        match self.value(field) {
            Some(value) if !allowed.contains(value) => Err(ConfigError::Unsupported {
                field,
                value: value.to_string(),
                supported,
            }),
            _ => Ok(()),
        }
    }

    /// One id or a list of them.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn ids(&self, field: &'static str) -> Result<Vec<u32>, ConfigError> {
        match self.value(field) {
            Some(Value::Array(_)) => Ok(self.get(field)?.unwrap_or_default()),
            _ => Ok(self.get(field)?.into_iter().collect()),
        }
    }
}

impl From<Map<String, Value>> for Fields {
    fn from(map: Map<String, Value>) -> Self {
        Self(map)
    }
}

impl From<Fields> for Map<String, Value> {
    fn from(fields: Fields) -> Self {
        fields.0
    }
}
