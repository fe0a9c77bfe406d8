//! Methods × seeds, and going on with them.

use super::{Artefacts, METHODS, Place, reference, stdout, without_times};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

const TWO_SEEDS: [&str; 6] = [
    "experiment",
    "tiny.toml",
    "--quiet",
    "--seeds",
    "2",
    "--out",
];

fn two_seeds<'a>(out: &'a str, args: &[&'a str]) -> Vec<&'a str> {
    [&TWO_SEEDS[..], &[out], args].concat()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

impl Place {
    fn summary(&self, out: &str) -> Value {
        let text = self.read(&format!("{out}/summary.json"));
        without_times(serde_json::from_str(&text).unwrap())
    }

    fn arms(&self, out: &str) -> BTreeMap<String, Artefacts> {
        let folder = self.path(out).join("runs");
        let arms = names(&folder).into_iter();
        arms.map(|name| {
            let arm = Artefacts::read(&folder.join(&name));
            (name, arm)
        })
        .collect()
    }

    /// When each file of the runs was last written.
    fn written(&self, folder: &str) -> BTreeMap<String, SystemTime> {
        let mut found = BTreeMap::new();
        for name in names(&self.path(folder)) {
            let path = format!("{folder}/{name}");
            let about = fs::metadata(self.path(&path)).unwrap();
            if about.is_dir() {
                found.extend(self.written(&path));
            } else {
                found.insert(path, about.modified().unwrap());
            }
        }
        found
    }
}

const ARMS: [&str; 6] = [
    "ntp-s0",
    "ntp-s1",
    "random-s0",
    "random-s1",
    "value-s0",
    "value-s1",
];

fn assert_same_arms(a: &BTreeMap<String, Artefacts>, b: &BTreeMap<String, Artefacts>) {
    for (name, arm) in a {
        arm.assert_same(&b[name]);
    }
    assert_eq!(a.len(), b.len());
}

#[test]
fn it_is_its_runs_and_a_report_and_is_made_once() {
    let place = Place::new();
    let said = place.stdout(&two_seeds("e", &[]));
    assert!(said.ends_with("\ne/report.html\n"), "{said}");
    for method in METHODS {
        assert!(said.lines().any(|line| line.starts_with(method)), "{said}");
    }
    assert_eq!(
        names(&place.path("e/runs")),
        ARMS,
        "seeds 0 and 1 of each method"
    );
    let arms = place.arms("e");
    for method in METHODS {
        // An arm is the run that `vpt train` makes.
        arms[&format!("{method}-s0")].assert_same(&reference(method));
        let [zero, one] = [0, 1].map(|seed| &arms[&format!("{method}-s{seed}")]);
        assert_ne!(zero.weights(), one.weights(), "{method}");
    }

    let summary = place.summary("e");
    assert_eq!(summary["test_items"], 5);
    assert_eq!(summary["off_target_items"], 4);
    let methods = summary["methods"].as_array().unwrap();
    assert_eq!(methods.len(), 3);
    for method in methods {
        let name = method["method"].as_str().unwrap();
        assert_eq!(method["seeds"], serde_json::json!([0, 1]), "{name}");
        for seed in [0, 1] {
            let run = &arms[&format!("{name}-s{seed}")].json[Path::new("summary.json")][0];
            let (of_run, of_all) = (
                run["evaluation"]["test"]["loss"].as_f64().unwrap(),
                method["loss"]["per_seed"][seed].as_f64().unwrap(),
            );
            assert!((of_run - of_all).abs() < 1e-12, "{name}-s{seed}");
        }
    }

    let html = place.read("e/report.html");
    assert!(
        html.starts_with("<!DOCTYPE html>"),
        "{}",
        &html[..60.min(html.len())]
    );
    for (index, _) in html.match_indices("=\"http") {
        let before = &html[..index];
        let attribute = before.rsplit([' ', '<', '\n']).next().unwrap();
        assert!(
            attribute.starts_with("xmlns"),
            "the report loads {}",
            &html[index..(index + 60).min(html.len())]
        );
    }
    for outside in ["src=", "url(", "@import", "<link", "<script src"] {
        assert!(!html.contains(outside), "{outside}");
    }

    // Again: nothing is trained, the summary is the same to the byte.
    let (written, text) = (place.written("e/runs"), place.read("e/summary.json"));
    assert_eq!(place.stdout(&two_seeds("e", &[])), said);
    assert_eq!(place.written("e/runs"), written);
    assert_eq!(place.read("e/summary.json"), text);
    assert_eq!(place.read("e/report.html"), html);

    // A third seed is three more runs, beside those there are.
    place.stdout(&two_seeds("e", &["--methods", "ntp"]));
    assert_eq!(place.summary("e")["methods"].as_array().unwrap().len(), 1);
    let mut more = two_seeds("e", &[]);
    more[4] = "3";
    place.stdout(&more);
    let after = place.written("e/runs");
    assert!(written.iter().all(|(file, time)| after[file] == *time));
    assert_eq!(names(&place.path("e/runs")).len(), 9);
}

#[test]
fn runs_side_by_side_are_the_same_runs() {
    let place = Place::new();
    for jobs in ["1", "2", "3"] {
        place.stdout(&two_seeds(jobs, &["--jobs", jobs]));
    }
    let one = place.arms("1");
    for jobs in ["2", "3"] {
        assert_same_arms(&one, &place.arms(jobs));
        assert_eq!(place.summary("1"), place.summary(jobs));
    }
}

#[test]
fn an_arm_that_was_stopped_is_gone_on_with() {
    let place = Place::new();
    place.stdout(&two_seeds("straight", &[]));
    let stop = [
        "--set",
        "method=value",
        "--set",
        "seed=1",
        "--stop-after",
        "8",
    ];
    place.train("e/runs/value-s1", &stop);
    let checkpoint = "e/runs/value-s1/checkpoints/step-000008/state.safetensors";
    let before = fs::metadata(place.path(checkpoint))
        .unwrap()
        .modified()
        .unwrap();
    place.stdout(&two_seeds("e", &[]));
    assert_same_arms(&place.arms("straight"), &place.arms("e"));
    let after = fs::metadata(place.path(checkpoint))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(before, after, "its first steps were taken again");
}

#[test]
fn settings_of_the_command_line_reach_every_run() {
    let place = Place::new();
    super::copy(&super::finished().join("runs/ntp"), &place.path("start"));
    let args = [
        "--methods",
        "ntp,smoothing",
        "--set",
        "train.steps=3",
        "--set",
        "model.from_scratch=false",
        "--model",
        "start",
        "--backend",
        "flex",
    ];
    place.stdout(&two_seeds("e", &args));
    let arms = place.arms("e");
    assert_eq!(arms.len(), 4);
    for arm in arms.values() {
        let summary = &arm.json[Path::new("summary.json")][0];
        assert_eq!(summary["steps"], 3);
        assert_eq!(arm.events()[0]["loss"], arms["ntp-s0"].events()[0]["loss"]);
    }
}

#[test]
fn json_tags_each_event_with_its_run() {
    let place = Place::new();
    let mut args = two_seeds("e", &["--methods", "ntp", "--json"]);
    args.retain(|arg| *arg != "--quiet");
    let text = place.stdout(&args);
    let lines: Vec<Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let (summary, events) = lines.split_last().unwrap();
    assert_eq!(without_times(summary.clone()), place.summary("e"));
    for name in ["ntp-s0", "ntp-s1"] {
        let steps = events
            .iter()
            .filter(|event| event["run"] == name && event["what"]["event"] == "step");
        assert_eq!(steps.count(), super::STEPS);
    }
}

#[test]
fn it_is_refused_before_anything_is_written() {
    let place = Place::new();
    for (args, named) in [
        (&["--set", "method=ntp"][..], "use --methods"),
        (&["--set", "seed=3"], "use --seeds"),
        (&["--set", "value.update_every=0"], "value.update_every"),
        (&["--set", "data.test="], "data.test: names no file"),
        (&["--methods", "ntp,sgd"], "`sgd`"),
        (
            &["--methods", "ntp,value,ntp"],
            "--methods: names ntp twice",
        ),
        (&["--seeds", "0"], "at least 1"),
        (&["--jobs", "two"], "whole number"),
        (&["--config", "none.toml"], "none.toml"),
    ] {
        let line = place.refused(
            2,
            &[&["experiment", "headline", "--out", "e"], args].concat(),
        );
        assert!(line.contains(named), "{line}");
    }
    let line = place.refused(2, &["experiment", "headlin", "--out", "e"]);
    assert!(line.contains("'headline'"), "{line}");
    fs::write(place.path("mine.toml"), "seed = 1").unwrap();
    let twice = [
        "experiment",
        "mine.toml",
        "--config",
        "other.toml",
        "--out",
        "e",
    ];
    let line = place.refused(2, &twice);
    assert!(
        line.contains("other.toml") && line.contains("mine.toml"),
        "{line}"
    );
    assert!(!place.path("e").exists());
}

/// A run's own complaint comes through as one line that names the run.
#[test]
fn what_a_run_refuses_is_said_once() {
    let place = Place::new();
    for (set, code, named) in [
        ("data.corpus=none.jsonl", 1, ": none.jsonl: "),
        ("data.seq_len=65", 1, ": data.seq_len: 65 exceeds"),
        (
            "data.prompt=Q: {problem} {foo}",
            2,
            "{foo} is no placeholder here",
        ),
    ] {
        let line = place.refused(code, &two_seeds("e", &["--set", set, "--jobs", "2"]));
        assert!(
            line.starts_with("ntp-s0: ") || line.starts_with("value-s0: "),
            "{line}"
        );
        assert!(line.contains(named), "{line}");
        assert!(!place.path("e/summary.json").exists());
    }
    assert!(!place.path("e").exists());
}

#[test]
fn a_finished_run_of_another_config_is_not_taken_for_this_one() {
    let place = Place::new();
    fs::create_dir_all(place.path("e/runs/ntp-s0")).unwrap();
    let kept = stdout(&["config", "--set", "method=ntp", "--set", "train.steps=7"]);
    place.write("e/runs/ntp-s0/config.toml", &kept);
    place.write("e/runs/ntp-s0/summary.json", "{}");
    let line = place.refused(1, &["experiment", "headline", "--out", "e"]);
    assert!(line.contains("another `train.steps`"), "{line}");
}

#[cfg(unix)]
mod signals {
    use super::super::Place;
    use super::{assert_same_arms, two_seeds};
    use rustix::process::Signal;
    use std::process::ExitStatus;
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    const LONG: [&str; 10] = [
        "--methods",
        "ntp,value",
        "--jobs",
        "2",
        "--set",
        "train.steps=150",
        "--set",
        "train.checkpoint_every=20",
        "--set",
        "train.eval_every=0",
    ];

    /// Ends an experiment once one of its first two runs has a checkpoint.
    fn ended(place: &Place, out: &str, signal: Signal) -> ExitStatus {
        let checkpoint = place
            .path(out)
            .join("runs/value-s0/checkpoints/step-000020");
        let running = place.start(&two_seeds(out, &LONG));
        running.end_when(signal, || checkpoint.exists())
    }

    #[test]
    fn a_signal_ends_it_and_the_same_command_goes_on() {
        let place = Place::new();
        place.stdout(&two_seeds("straight", &LONG));
        for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
            let out = format!("ended-{code}");
            assert_eq!(ended(&place, &out, signal).code(), Some(code));
            assert!(!place.path(&out).join("summary.json").exists());
            assert!(!place.path(&out).join("runs/value-s0/summary.json").exists());
            place.stdout(&two_seeds(&out, &LONG));
            assert_same_arms(&place.arms("straight"), &place.arms(&out));
            assert_eq!(place.summary("straight"), place.summary(&out));
        }
    }

    #[test]
    fn killed_it_is_gone_on_with() {
        let place = Place::new();
        place.stdout(&two_seeds("straight", &LONG));
        ended(&place, "killed", Signal::KILL);
        // Its runs end at their next step, since nobody hears them. Until then they keep their folders.
        let began = Instant::now();
        loop {
            let output = place.vpt(&two_seeds("killed", &LONG)).output().unwrap();
            if output.status.success() {
                break;
            }
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(
                said.contains("another vpt is at work in this folder"),
                "{said}"
            );
            assert!(began.elapsed() < Duration::from_secs(30), "{said}");
            sleep(Duration::from_millis(50));
        }
        assert_same_arms(&place.arms("straight"), &place.arms("killed"));
        assert_eq!(place.summary("straight"), place.summary("killed"));
    }
}
