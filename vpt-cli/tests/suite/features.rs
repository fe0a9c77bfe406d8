//! `vpt features` against Transformers' image processor and model on the same files.

use super::hub_server::HubServer;
use super::{printed, refusal, refused, stdout, vpt};
use safetensors::tensor::SafeTensors;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

fn golden(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/vision");
    Path::new(folder).join(name)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The shape and the values of a tensor in a file.
fn tensor(file: &Path, key: &str) -> (Vec<usize>, Vec<f32>) {
    let bytes = fs::read(file).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let view = file.tensor(key).unwrap();
    let values = view.data().as_chunks().0.iter();
    (
        view.shape().to_vec(),
        values.map(|&word| f32::from_le_bytes(word)).collect(),
    )
}

/// How far `key` in `file` is from `golden_key` in the golden features of `model`.
fn distance(file: &Path, key: &str, model: &str, golden_key: &str) -> f32 {
    let expected = golden("dinov3").join(model).join("features.safetensors");
    let ((shape, found), (golden_shape, golden)) =
        (tensor(file, key), tensor(&expected, golden_key));
    assert_eq!(shape[1..], golden_shape[1..], "{key}");
    let pairs = found.iter().zip(&golden);
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn features_of_a_file_are_those_of_transformers() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("f.safetensors");
    for model in ["plain", "gated"] {
        let folder = golden("dinov3").join(model);
        let arguments = |image: &str, size: &str| -> Vec<String> {
            let (image, folder) = (golden(image), folder.clone());
            [
                "features",
                "--model",
                text(&folder),
                text(&image),
                "--size",
                size,
                "--out",
                text(&out),
            ]
            .map(str::to_owned)
            .to_vec()
        };
        for (image, size, prefix) in [
            ("source.png", "processor", ""),
            // 37 x 29 is no multiple of the patch: the processor decides.
            ("source.png", "native", ""),
            ("dinov3/native.png", "native", "native_"),
        ] {
            let arguments = arguments(image, size);
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let said = stdout(&arguments);
            assert!(
                said.contains("f.safetensors: cls [1, 24], patches [1, "),
                "{said}"
            );
            for key in ["cls", "patches"] {
                let error = distance(&out, key, model, &format!("{prefix}{key}"));
                assert!(error < 1e-4, "{model} {image} {size} {key}: {error}");
            }
        }
    }
}

#[test]
fn batches_and_order_change_nothing() {
    let place = tempfile::tempdir().unwrap();
    let (model, native, source) = (
        golden("dinov3/gated"),
        golden("dinov3/native.png"),
        golden("source.png"),
    );
    let out = place.path().join("f.safetensors");
    let found = |images: &[&Path], batch: &str| {
        let mut arguments = vec![
            "features",
            "--model",
            text(&model),
            "--batch",
            batch,
            "--json",
        ];
        arguments.extend(["--out", text(&out)]);
        arguments.extend(images.iter().map(|image| text(image)));
        let said: Value = serde_json::from_str(&stdout(&arguments)).unwrap();
        (said, tensor(&out, "cls"), tensor(&out, "patches"))
    };
    let (said, cls, patches) = found(&[&source, &native, &source], "8");
    assert_eq!(
        (&said["cls"], &said["patches"]),
        (&json!([3, 24]), &json!([3, 30, 24]))
    );
    let grid = json!({ "path": source, "rows": 5, "columns": 6 });
    assert_eq!(said["images"][2], grid);
    assert_eq!(cls.1[..24], cls.1[48..]);
    assert_ne!(cls.1[..24], cls.1[24..48]);
    let (_, one_cls, one_patches) = found(&[&source, &native, &source], "2");
    let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(near(&cls.1, &one_cls.1) && near(&patches.1, &one_patches.1));
}

#[test]
fn what_cannot_be_done_is_one_line() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("f.safetensors");
    let (model, native, source) = (
        golden("dinov3/plain"),
        golden("dinov3/native.png"),
        golden("source.png"),
    );
    let with = |model: &Path, images: &[&Path]| -> Vec<String> {
        let mut arguments = vec!["features", "--model", text(model), "--out", text(&out)];
        arguments.extend(["--size", "native"]);
        arguments.extend(images.iter().map(|image| text(image)));
        arguments.into_iter().map(str::to_owned).collect()
    };
    let line = |model: &Path, images: &[&Path]| {
        let arguments = with(model, images);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        refused(1, &arguments)
    };
    // 7 x 9 patches at its own size, 5 x 6 after the processor.
    let said = line(&model, &[&native, &source]);
    assert!(
        said.contains("source.png: 30 patches, and ") && said.contains("has 63"),
        "{said}"
    );
    let nothing = place.path().join("none.png");
    assert!(line(&model, &[&nothing]).contains("none.png: "));
    let words = place.path().join("words.png");
    fs::write(&words, "no image").unwrap();
    assert!(line(&model, &[&words]).contains("words.png: not a readable image"));
    let said = line(Path::new("nowhere"), &[&source]);
    assert!(
        said.starts_with("nowhere: no such file or folder"),
        "{said}"
    );
    let text_model = place.path().join("model");
    fs::create_dir(&text_model).unwrap();
    fs::write(text_model.join("preprocessor_config.json"), "{}").unwrap();
    fs::write(
        text_model.join("config.json"),
        "{\"model_type\": \"llama\"}",
    )
    .unwrap();
    let said = line(&text_model, &[&source]);
    assert!(
        said.contains("`model_type` = \"llama\" is not supported"),
        "{said}"
    );
    fs::remove_file(text_model.join("preprocessor_config.json")).unwrap();
    assert!(line(&text_model, &[&source]).contains("preprocessor_config.json: "));
    assert!(!out.exists());
    let said = refused(2, &["features", "--model", "m", "a.png", "--out", "f.npy"]);
    assert_eq!(said, "--out f.npy: does not end in .safetensors");
    refused(2, &["features", "--model", "m", "--out", "f.safetensors"]);
    refused(
        2,
        &[
            "features",
            "--model",
            "m",
            "a.png",
            "--out",
            "f.safetensors",
            "--size",
            "big",
        ],
    );
}

#[test]
fn a_model_on_the_hub_needs_no_tokenizer() {
    let (server, place) = (HubServer::start(), tempfile::tempdir().unwrap());
    let names = [
        "config.json",
        "preprocessor_config.json",
        "model.safetensors",
    ];
    let files = names.map(|name| (name, fs::read(golden("dinov3/gated").join(name)).unwrap()));
    let files = files
        .each_ref()
        .map(|(name, bytes)| (*name, bytes.as_slice()));
    server.publish("some-lab/tiny-vit", "main", &files);
    let out = place.path().join("f.safetensors");
    let source = golden("source.png");
    let arguments = [
        "features",
        "--model",
        "some-lab/tiny-vit",
        text(&source),
        "--out",
        text(&out),
    ];
    let command = |endpoint: &str| {
        let mut command = vpt(&arguments);
        command
            .env("HF_ENDPOINT", endpoint)
            .env("HF_HOME", place.path().join("hf"))
            .env_remove("HF_HUB_CACHE")
            .env_remove("HF_HUB_OFFLINE");
        command
    };
    printed(command(&server.endpoint));
    assert!(distance(&out, "cls", "gated", "cls") < 1e-4);
    // The cache has it now.
    printed(command("http://127.0.0.1:9"));
    let mut elsewhere = command("http://127.0.0.1:9");
    elsewhere.env("HF_HOME", place.path().join("other"));
    assert!(refusal(elsewhere, 1).starts_with("some-lab/tiny-vit: no such file or folder here"));
}

#[test]
fn inspect_says_what_a_vision_model_holds() {
    let model = golden("dinov3/gated");
    let said = stdout(&["inspect", "--model", text(&model)]);
    for line in [
        "dinov3_vit: 3 blocks of width 24, 32 within, gated; 2 heads of width 12; patches of 4 pixels a side; 2 registers",
        "safetensors in 1 file; tensors by type: 49 F32",
        "parameters, all finite",
    ] {
        assert!(said.contains(line), "`{line}` is not in: {said}");
    }
    let found: Value =
        serde_json::from_str(&stdout(&["inspect", "--json", "--model", text(&model)])).unwrap();
    assert_eq!(found["config"]["use_gated_mlp"], true);
    assert_eq!(found["tensors"].as_array().unwrap().len(), 49);
}
