//! The config of a run from its layers: annotated defaults ← `--config` ← `--set` ← dedicated flags.
//!
//! The layers are laid over the annotated default document itself, so that what is printed and stored
//! keeps a comment on every key. Each changed key is checked as it is laid down, which is how an error
//! knows where its value came from.

mod error;
mod keys;
mod layer;

pub(crate) use error::ConfigError;

use crate::args::ConfigArgs;
use error::Origin;
use layer::Entry;
use std::collections::BTreeMap;
use std::path::Path;
use toml_edit::{DocumentMut, Item};
use vpt_text::config::{DEFAULT_TOML, RunConfig};

/// A config that may be run, and the text it is kept as.
#[derive(Debug)]
pub(crate) struct Config {
    document: DocumentMut,
    run: RunConfig,
    origins: BTreeMap<String, Origin>,
}

impl Config {
    /// Lays `args` over the defaults, and `base` (the config of a run that goes on) beneath them.
    ///
    /// # Errors
    /// The first layer that cannot be read, or the first key that is unknown, of the wrong type or out of
    /// its range.
    pub(crate) fn load(base: Option<&Path>, args: &ConfigArgs) -> Result<Self, ConfigError> {
        let mut config = Self::defaults()?;
        for file in base.into_iter().chain(args.config.as_deref()) {
            config.apply(layer::file(file)?)?;
        }
        for assignment in &args.set {
            config.apply(layer::assignment(assignment)?)?;
        }
        for (flag, key, value) in [
            ("--model", "path", &args.model),
            ("--adapter", "adapter", &args.adapter),
        ] {
            if let Some(value) = value {
                config.apply(vec![Entry {
                    key: vec!["model".into(), key.into()],
                    value: Item::Value(value.as_str().into()),
                    origin: Origin::Flag(flag),
                }])?;
            }
        }
        config.run.check().map_err(|refusal| ConfigError::Range {
            origin: config.origins.get(refusal.key).cloned(),
            refusal,
        })?;
        Ok(config)
    }

    /// A config as a run kept it.
    ///
    /// # Errors
    /// As for [`load`](Self::load).
    pub(crate) fn read(file: &Path) -> Result<Self, ConfigError> {
        Self::load(Some(file), &ConfigArgs::default())
    }

    /// What the libraries are told.
    pub(crate) fn run(&self) -> &RunConfig {
        &self.run
    }

    /// The annotated document: every key with its comment and its value here.
    pub(crate) fn resolved(&self) -> String {
        self.document.to_string()
    }

    fn defaults() -> Result<Self, ConfigError> {
        let document: DocumentMut =
            DEFAULT_TOML
                .parse()
                .map_err(|error: toml_edit::TomlError| ConfigError::Syntax {
                    origin: Origin::Defaults,
                    message: error.message().to_owned(),
                })?;
        let run = toml::from_str(DEFAULT_TOML).map_err(|error| ConfigError::Syntax {
            origin: Origin::Defaults,
            message: error.message().to_owned(),
        })?;
        Ok(Self {
            document,
            run,
            origins: BTreeMap::new(),
        })
    }

    fn apply(&mut self, entries: Vec<Entry>) -> Result<(), ConfigError> {
        entries.into_iter().try_for_each(|entry| self.put(entry))
    }

    /// Lays one key, or one table of keys, over what stands.
    fn put(&mut self, entry: Entry) -> Result<(), ConfigError> {
        let Entry { key, value, origin } = entry;
        let dotted = key.join(".");
        let Some(slot) = keys::find(self.document.as_item_mut(), &key) else {
            return Err(ConfigError::UnknownKey {
                nearest: keys::nearest(&dotted),
                key: dotted,
                origin,
            });
        };
        let expected = keys::type_name(slot);
        let found = keys::type_name(&value);
        if let (Some(_), Some(table)) = (slot.as_table_like(), value.as_table_like()) {
            return self.apply(layer::entries(table, &key, &origin));
        }
        let changed = match (&*slot, &value) {
            (Item::Value(old), Item::Value(new)) => keys::coerce(new, old),
            _ => None,
        };
        let Some(changed) = changed else {
            return Err(ConfigError::Type {
                key: dotted,
                expected,
                found,
                origin,
            });
        };
        *slot = Item::Value(changed);
        self.run =
            toml::from_str(&self.document.to_string()).map_err(|error| ConfigError::Value {
                key: dotted.clone(),
                message: error.message().to_owned(),
                origin: origin.clone(),
            })?;
        self.origins.insert(dotted, origin);
        Ok(())
    }
}

/// The first key on which two configs differ in what they mean.
pub(crate) fn differing_key(a: &Config, b: &Config) -> Option<String> {
    let tree = |config: &Config| serde_json::to_value(&config.run).ok();
    let (a, b) = (tree(a)?, tree(b)?);
    keys::dotted().into_iter().find(|key| {
        let pointer = format!("/{}", key.replace('.', "/"));
        a.pointer(&pointer) != b.pointer(&pointer)
    })
}

#[cfg(test)]
mod tests;
