//! A GGUF file wherever a model is named.

use super::{Place, train_args};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A place with `tests/golden/gguf/llama.gguf` under the name `model.gguf`.
fn place() -> Place {
    let place = Place::new();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/gguf/llama.gguf");
    fs::copy(file, place.path("model.gguf")).unwrap();
    place
}

fn evaluation(place: &Place, model: &str) -> Value {
    let args = ["eval", "--config", "tiny.toml", "--model", model, "--json"];
    let mut said: Value = serde_json::from_str(&place.stdout(&args)).unwrap();
    assert_eq!(said["model"].take(), model);
    said
}

#[test]
fn a_run_from_a_file_leaves_a_folder_that_says_the_same() {
    let place = place();
    let said = place.stdout(&["inspect", "--model", "model.gguf"]);
    for part in [
        "GGUF in 1 file",
        "llama: 2 blocks of width 64",
        "360 rows for 358 tokens",
    ] {
        assert!(said.contains(part), "{said}");
    }
    // Nothing is learned at rate 0, so that the folder holds what the file holds.
    let still = [
        "--model",
        "model.gguf",
        "--set",
        "model.from_scratch=false",
        "--set",
        "train.lr=0",
    ];
    place.train("run", &still);
    for name in [
        "tokenizer.json",
        "tokenizer_config.json",
        "generation_config.json",
    ] {
        assert!(place.path("run/model").join(name).is_file(), "{name}");
    }
    let before = evaluation(&place, "model.gguf");
    assert_eq!(evaluation(&place, "run"), before);
    // The same file in a folder, and as a start for weights alone.
    fs::create_dir(place.path("downloaded")).unwrap();
    fs::rename(place.path("model.gguf"), place.path("downloaded/some.gguf")).unwrap();
    assert_eq!(evaluation(&place, "downloaded"), before);
    let started = [
        "--model",
        "run",
        "--set",
        "train.lr=0",
        "--init-from",
        "downloaded/some.gguf",
    ];
    place.train("started", &started);
    assert_eq!(evaluation(&place, "started"), before);
}

#[test]
fn a_file_that_cannot_be_used_ends_in_one_line() {
    let place = place();
    let whole = fs::read(place.path("model.gguf")).unwrap();
    let refused = || place.refused(1, &train_args("run", &["--model", "model.gguf"]));
    fs::write(place.path("model.gguf"), &whole[..whole.len() / 2]).unwrap();
    let error = refused();
    assert!(
        error.starts_with("model.gguf: malformed: tensor `"),
        "{error}"
    );
    assert!(error.ends_with("` ends beyond the file"), "{error}");
    fs::write(place.path("model.gguf"), &whole[..1000]).unwrap();
    assert!(refused().starts_with("model.gguf: malformed: "));
    fs::write(place.path("model.gguf"), "{}").unwrap();
    assert!(refused().starts_with("model.gguf: malformed: "));

    fs::create_dir(place.path("several")).unwrap();
    for name in ["several/a.gguf", "several/b.gguf"] {
        fs::write(place.path(name), &whole).unwrap();
    }
    let error = place.refused(1, &["inspect", "--model", "several"]);
    assert_eq!(error, "several: holds 2 GGUF files; name one");
}
