//! The shipped config: what it says, and what it may cost.

use vpt_image::config::{DEFAULT_TOML, Method, RunConfig};

#[test]
fn the_defaults_are_a_config_that_can_be_run() {
    let config: RunConfig = toml::from_str(DEFAULT_TOML).unwrap();
    config.check().unwrap();
    assert_eq!(config.method, Method::Value);
    assert!(
        DEFAULT_TOML
            .lines()
            .any(|line| line == "modality = \"image\"")
    );
    // Every key has a comment above it or on the line before a run of keys.
    let mut last = "";
    for line in DEFAULT_TOML.lines() {
        assert!(line.chars().count() <= 120, "{line}");
        if line.contains(" = ") && !line.starts_with('#') && !line.starts_with("modality") {
            assert!(last.starts_with('#'), "no comment above {line}");
        }
        last = line;
    }
}

#[test]
fn unknown_keys_are_refused() {
    let text = DEFAULT_TOML.replace("[guard]", "[guard]\nwach = true");
    let error = toml::from_str::<RunConfig>(&text).unwrap_err().to_string();
    assert!(error.contains("wach"), "{error}");
}
