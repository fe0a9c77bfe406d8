//! Runs over images, by the same commands.

use super::commands::json;
use super::{Artefacts, Place, without_times};
use serde_json::Value;
use std::path::Path;

/// Everything small, from the backbone that the golden features are of.
const TINY: &str = r#"
modality = "image"
[objective]
hidden = 12
bottleneck = 6
outputs = 10
head_burn_in = 1
[data]
size = 32
count = 9
head_images = 6
meta_images = 5
validation_images = 4
probe_images = 6
test_images = 4
[crops]
global = 32
local = 16
locals = 1
[designer]
base = 4
depth = 1
[value]
update_every = 1
burn_in = 1
subset = "last:1"
feedback_batch = 2
head_steps = 2
head_refresh = 1
head_batch = 2
[train]
steps = 6
batch_size = 2
warmup = 1
checkpoint_every = 2
eval_every = 3
[guard]
neighbours = 3
[eval]
steps = 3
head_batch = 3
batch = 4
figures = 2
references = false
"#;

impl Place {
    /// A folder with `tiny-image.toml`, beside what a place has.
    fn of_images() -> Self {
        let place = Self::new();
        let base = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../tests/golden/vision/dinov3/plain"
        );
        let model = format!("[model]\npath = {base:?}\n");
        place.write("tiny-image.toml", &format!("{TINY}{model}"));
        place
    }
}

const TRAIN: [&str; 4] = ["train", "--quiet", "--config", "tiny-image.toml"];

fn train<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&TRAIN[..], args].concat()
}

#[test]
fn a_config_is_of_the_modality_that_it_names() {
    let place = Place::of_images();
    let printed = place.stdout(&["config", "--modality", "image", "--print"]);
    assert!(printed.contains("modality = \"image\"") && printed.contains("[crops]"));
    let same = place.stdout(&["config", "--set", "modality=image"]);
    assert_eq!(printed, same);
    place.write("whole.toml", &printed);
    assert_eq!(place.stdout(&["config", "--config", "whole.toml"]), printed);
    let said = place.stdout(&["config", "--check", "--config", "tiny-image.toml"]);
    assert!(
        said.starts_with("ok: value with seed 0, 6 steps of 2 images, on "),
        "{said}"
    );
    let line = place.refused(
        2,
        &[
            "config",
            "--config",
            "tiny-image.toml",
            "--set",
            "crops.globl=9",
        ],
    );
    assert!(line.contains("the nearest is `crops.global`"), "{line}");
    let line = place.refused(2, &["config", "--set", "modality=sound"]);
    assert!(line.contains("none of `text`, `image`"), "{line}");
    let line = place.refused(2, &["eval", "--config", "tiny-image.toml"]);
    assert!(line.contains("tiny-image.toml:"), "{line}");
}

#[test]
fn a_run_over_images_stops_and_goes_on_as_if_it_had_not() {
    let place = Place::of_images();
    let said = place.stdout(&train(&["--out", "straight"]));
    assert!(
        said.starts_with("straight: finished at step 6\n") && said.contains("mIoU"),
        "{said}"
    );
    place.stdout(&train(&["--out", "part", "--stop-after", "3"]));
    // The kept config says what it is of.
    place.stdout(&["train", "--quiet", "--resume", "part"]);
    let straight = Artefacts::read(&place.path("straight"));
    Artefacts::read(&place.path("part")).assert_same(&straight);
    let line = place.refused(2, &["train", "--resume", "part", "--set", "modality=text"]);
    assert!(line.contains("modality"), "{line}");
    let line = place.refused(1, &train(&["--out", "straight"]));
    assert!(line.contains("holds a run already"), "{line}");
}

#[test]
fn events_of_images_are_one_object_a_line() {
    let place = Place::of_images();
    let args = [
        "train",
        "--json",
        "--config",
        "tiny-image.toml",
        "--out",
        "run",
    ];
    let said = place.stdout(&args);
    let events: Vec<Value> = said.lines().map(json).collect();
    let count = |kind| events.iter().filter(|event| event["event"] == kind).count();
    assert_eq!(events[0]["event"], "started");
    assert_eq!((count("step"), count("finished")), (6, 1));
    let last = events.last().unwrap();
    assert_eq!(last["summary"], json(&place.read("run/summary.json")));
}

#[test]
fn an_experiment_over_images_compares_its_methods() {
    let place = Place::of_images();
    let compare = |out: &'static str| {
        [
            "experiment",
            "tiny-image.toml",
            "--quiet",
            "--methods",
            "baseline,value",
            "--out",
            out,
        ]
    };
    let said = place.stdout(&compare("e"));
    assert!(
        said.contains("baseline") && said.contains("value"),
        "{said}"
    );
    let summary = |out: &str| without_times(json(&place.read(&format!("{out}/summary.json"))));
    let methods = summary("e")["methods"].clone();
    let of = |index: usize| {
        (
            methods[index]["method"].clone(),
            methods[index]["seeds"].clone(),
        )
    };
    // Two seeds, unless told.
    assert_eq!(of(0), ("baseline".into(), serde_json::json!([0, 1])));
    assert_eq!(of(1), ("value".into(), serde_json::json!([0, 1])));
    assert!(place.read("e/report.html").starts_with("<!DOCTYPE html>"));
    // One of its runs was stopped before: it is gone on with, and nothing changes.
    let set = [
        "--set",
        "method=value",
        "--set",
        "seed=1",
        "--stop-after",
        "2",
    ];
    place.stdout(&train(
        &[&["--out", "again/runs/value-s1"], &set[..]].concat(),
    ));
    place.stdout(&compare("again"));
    assert_eq!(summary("again"), summary("e"));
    for run in ["baseline-s0", "value-s1"] {
        let read = |out: &str| Artefacts::read(&place.path(out).join("runs").join(run));
        read("again").assert_same(&read("e"));
    }
}

#[test]
fn methods_are_those_of_the_modality() {
    let place = Place::of_images();
    let methods = |name: &'static str| ["experiment", "tiny-image.toml", "--methods", name];
    let line = place.refused(2, &methods("ntp"));
    assert!(
        line.starts_with("--methods: ") && line.contains("`random-masks`"),
        "{line}"
    );
    let line = place.refused(2, &["experiment", "tiny.toml", "--methods", "negated"]);
    assert!(line.contains("`smoothing`"), "{line}");
    assert!(!Path::new(&place.path("runs")).exists());
}
