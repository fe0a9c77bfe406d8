//! The config of a run from its layers: annotated defaults ← `--config` ← `--set` ← dedicated flags.
//! Each modality has keys of its own; the key `modality` says whose they are.
//!
//! The layers are laid over the annotated default document itself, so that what is printed and stored
//! keeps a comment on every key. Each changed key is checked as it is laid down, which is how an error
//! knows where its value came from.

mod error;
mod keys;
mod layer;

pub(crate) use error::ConfigError;

use crate::args::ConfigArgs;
use crate::modality::ModalityName;
use clap::ValueEnum;
use error::Origin;
use layer::Entry;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::Path;
use toml_edit::{DocumentMut, Item};

/// The keys of a modality.
pub(crate) trait Keys: Serialize + DeserializeOwned {
    /// Every key with its default and a comment.
    const DEFAULT_TOML: &'static str;

    /// Refuses what can be refused from the config alone.
    ///
    /// # Errors
    /// The first key out of its range.
    fn check(&self) -> Result<(), vpt_core::run::ConfigError>;
}

/// A config that may be run, and the text it is kept as.
#[derive(Debug)]
pub(crate) struct Config<K> {
    document: DocumentMut,
    run: K,
    origins: BTreeMap<String, Origin>,
}

/// A config of text, which some commands take alone.
pub(crate) type TextConfig = Config<vpt_text::config::RunConfig>;

/// What the layers are a config of: the uppermost that says so decides, and where none does it is text.
///
/// # Errors
/// A layer that cannot be read, or no such modality.
pub(crate) fn modality(
    base: Option<&Path>,
    args: &ConfigArgs,
) -> Result<ModalityName, ConfigError> {
    let mut found = ModalityName::Text;
    for entry in layers(base, args)? {
        if entry.key != ["modality"] {
            continue;
        }
        let named = entry.value.as_str().unwrap_or_default();
        found = ModalityName::from_str(named, false).map_err(|_| ConfigError::Value {
            origin: entry.origin,
            key: "modality".into(),
            message: format!("`{named}` is none of {}", names().join(", ")),
        })?;
    }
    Ok(found)
}

fn names() -> Vec<String> {
    let values = ModalityName::value_variants().iter();
    let names = values.filter_map(ValueEnum::to_possible_value);
    names.map(|name| format!("`{}`", name.get_name())).collect()
}

/// What `args` and `base` say, from low to high, up to `--set`.
fn layers(base: Option<&Path>, args: &ConfigArgs) -> Result<Vec<Entry>, ConfigError> {
    let mut entries = vec![];
    for file in base.into_iter().chain(args.config.as_deref()) {
        entries.extend(layer::file(file)?);
    }
    for assignment in &args.set {
        entries.extend(layer::assignment(assignment)?);
    }
    Ok(entries)
}

impl<K: Keys> Config<K> {
    /// Lays `args` over the defaults, and `base` (the config of a run that goes on) beneath them.
    ///
    /// # Errors
    /// The first layer that cannot be read, or the first key that is unknown, of the wrong type or out of
    /// its range.
    pub(crate) fn load(base: Option<&Path>, args: &ConfigArgs) -> Result<Self, ConfigError> {
        let mut config = Self::defaults()?;
        config.apply(layers(base, args)?)?;
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
    pub(crate) fn run(&self) -> &K {
        &self.run
    }

    /// The annotated document: every key with its comment and its value here.
    pub(crate) fn resolved(&self) -> String {
        self.document.to_string()
    }

    fn defaults() -> Result<Self, ConfigError> {
        let document: DocumentMut =
            K::DEFAULT_TOML
                .parse()
                .map_err(|error: toml_edit::TomlError| ConfigError::Syntax {
                    origin: Origin::Defaults,
                    message: error.message().to_owned(),
                })?;
        let run = toml::from_str(K::DEFAULT_TOML).map_err(|error| ConfigError::Syntax {
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
                nearest: keys::nearest(K::DEFAULT_TOML, &dotted),
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
pub(crate) fn differing_key<K: Keys>(a: &Config<K>, b: &Config<K>) -> Option<String> {
    let tree = |config: &Config<K>| serde_json::to_value(&config.run).ok();
    let (a, b) = (tree(a)?, tree(b)?);
    keys::dotted(K::DEFAULT_TOML).into_iter().find(|key| {
        let pointer = format!("/{}", key.replace('.', "/"));
        a.pointer(&pointer) != b.pointer(&pointer)
    })
}

#[cfg(test)]
mod tests;
