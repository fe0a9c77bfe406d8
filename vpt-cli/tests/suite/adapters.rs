//! Adapters from the command line: trained, put on a model, merged.

use super::Place;
use super::bad_input::assert_names;
use serde_json::Value;
use std::fs;

/// A place with weights in `model/` and a finished run of adapters in `run/`.
fn adapted() -> Place {
    let place = Place::with_weights();
    place.train("run", &LORA);
    place
}

const LORA: [&str; 6] = [
    "--set",
    "lora.rank=2",
    "--set",
    "lora.targets=all-linear",
    "--set",
    "model.from_scratch=false",
];

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The mean loss on the test set of what `args` name.
fn loss(place: &Place, args: &[&str]) -> f64 {
    let eval = ["eval", "--config", "tiny.toml", "--json"];
    json(&place.stdout(&[&eval[..], args].concat()))["loss"]
        .as_f64()
        .unwrap()
}

#[test]
fn a_runs_adapter_its_model_and_their_merge_score_alike() {
    let place = adapted();
    let base = loss(&place, &[]);
    let run = loss(&place, &["--model", "run"]);
    assert!((base - run).abs() > 1e-3, "{base} {run}");
    for adapter in ["run", "run/adapter"] {
        let found = loss(&place, &["--adapter", adapter]);
        assert!((found - run).abs() < 1e-5, "{found} {run}");
    }
    let merge = ["merge", "--model", "model", "--adapter", "run", "--out"];
    let said = place.stdout(&[&merge[..], &["merged"]].concat());
    assert_eq!(said, "merged: 7 weights with their adapters merged\n");
    assert_eq!(loss(&place, &["--model", "merged"]), run);
    let read = |file: &str| fs::read(place.path(file)).unwrap();
    assert_eq!(
        read("merged/model.safetensors"),
        read("run/model/model.safetensors")
    );
    assert_eq!(read("merged/tokenizer.json"), read("model/tokenizer.json"));
    let line = place.refused(1, &[&merge[..], &["merged"]].concat());
    assert_names(&line, "merged: holds a model already");
    let line = place.refused(2, &["merge", "--model", "model", "--out", "other"]);
    assert_names(&line, "--adapter");
}

#[test]
fn adapters_are_listed_and_continued() {
    let place = adapted();
    let inspect = ["inspect", "--model", "model", "--json"];
    let plain = json(&place.stdout(&inspect));
    let found = json(&place.stdout(&[&inspect[..], &["--adapter", "run"]].concat()));
    let count = |listed: &Value| listed["tensors"].as_array().unwrap().len();
    assert_eq!(count(&found), count(&plain) + 14);

    // From the adapters of one run to those of another, with the base as it was.
    let from_base = ["--set", "model.from_scratch=false", "--adapter", "run"];
    place.train("more", &from_base);
    let read = |file: &str| fs::read(place.path(file)).unwrap();
    let weights = "adapter/adapter_model.safetensors";
    assert_ne!(
        read(&format!("more/{weights}")),
        read(&format!("run/{weights}"))
    );
    let said = place.refused(
        2,
        &[
            &[
                "train",
                "--quiet",
                "--config",
                "tiny.toml",
                "--out",
                "other",
            ],
            &from_base[..],
            &["--set", "lora.rank=2"],
        ]
        .concat(),
    );
    assert_names(&said, "lora.rank: adapters are named in model.adapter");
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let place = Place::with_weights();
    for (set, code, named) in [
        (
            "train.parameters=all",
            2,
            "train.parameters: with adapters, they alone learn",
        ),
        ("train.parameters=last:1", 2, "vpt merge"),
        ("value.subset=head", 1, "value.subset: nothing in it learns"),
        (
            "lora.targets=no_proj",
            1,
            "lora.targets: the targets select no linear",
        ),
        (
            "lora.targets=lm_head",
            1,
            "lora.targets: adapters on a head that is tied",
        ),
        ("model.adapter=nothing", 2, "lora.rank: "),
    ] {
        let args = [&LORA[..], &["--set", set]].concat();
        assert_names(&place.train_refused(code, &args), named);
    }
    let args = [&LORA[..], &["--init-from", "model"]].concat();
    assert_names(&place.train_refused(1, &args), "not by --init-from");
    let args = ["eval", "--config", "tiny.toml", "--adapter", "nothing"];
    let line = place.refused(1, &args);
    assert!(line.starts_with("nothing/adapter_config.json: "), "{line}");
}
