//! The keys that exist, by the annotated defaults.

use toml_edit::{DocumentMut, Item, TableLike, Value};

/// Every dotted key of `defaults`, tables aside, in their order.
pub(super) fn dotted(defaults: &str) -> Vec<String> {
    let mut keys = Vec::new();
    if let Ok(document) = defaults.parse::<DocumentMut>() {
        collect(document.as_table(), "", &mut keys);
    }
    keys
}

fn collect(table: &dyn TableLike, prefix: &str, keys: &mut Vec<String>) {
    for (name, item) in table.iter() {
        match item.as_table_like() {
            Some(inner) => collect(inner, &format!("{prefix}{name}."), keys),
            None => keys.push(format!("{prefix}{name}")),
        }
    }
}

/// The key or table of `defaults` nearest to `key`: by its spelling, or by the same last part in another table.
pub(super) fn nearest(defaults: &str, key: &str) -> String {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let keys = dotted(defaults);
    let mut candidates: Vec<&str> = Vec::new();
    for valid in &keys {
        let tables = valid.match_indices('.').map(|(at, _)| &valid[..at]);
        for candidate in tables.chain([valid.as_str()]) {
            if !candidates.contains(&candidate) {
                candidates.push(candidate);
            }
        }
    }
    let likeness = |valid: &str| {
        let whole = strsim::normalized_damerau_levenshtein(key, valid);
        let name = strsim::normalized_damerau_levenshtein(&last(key), &last(valid));
        // The last part is what people remember; a whole match decides between equals.
        whole.max(0.9 * name + 0.1 * whole)
    };
    candidates
        .into_iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
        .unwrap_or_default()
        .to_owned()
}

/// The place of a key.
pub(super) fn find<'a>(root: &'a mut Item, key: &[String]) -> Option<&'a mut Item> {
    key.iter().try_fold(root, |item, part| {
        item.as_table_like_mut()
            .and_then(|table| table.get_mut(part))
    })
}

/// `new` in the place of `old`, if it is of its type; an integer serves where a float stands.
pub(super) fn coerce(new: &Value, old: &Value) -> Option<Value> {
    let mut value: Value = match (new, old) {
        #[allow(
            clippy::cast_precision_loss,
            reason = "no float key is meant to hold more than 2^53"
        )]
        (Value::Integer(number), Value::Float(_)) => (*number.value() as f64).into(),
        _ if new.type_name() == old.type_name() => new.clone(),
        _ => return None,
    };
    value.decor_mut().clone_from(old.decor());
    Some(value)
}

/// A type as errors name it.
pub(super) fn type_name(item: &Item) -> &'static str {
    match item {
        Item::Table(_) | Item::Value(Value::InlineTable(_)) => "table",
        Item::ArrayOfTables(_) => "array of tables",
        Item::Value(value) => value.type_name(),
        Item::None => "nothing",
    }
}
