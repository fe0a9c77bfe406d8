mod designer;
mod dinov3;
mod evaluate;
mod features;
mod images;
mod metrics;
mod objective;
mod run;
mod sets;

use std::path::PathBuf;

/// A file of `tests/golden/vision`.
fn golden(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/vision");
    PathBuf::from(folder).join(name)
}

/// A golden JSON file.
fn golden_json<T: serde::de::DeserializeOwned>(name: &str) -> T {
    let text = std::fs::read_to_string(golden(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}
