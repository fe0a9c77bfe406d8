//! Each command on the tiny run, and what one makes in the hands of the next.

use super::{Artefacts, Place, STEPS, binary, finished, refused, stdout, train_args};
use serde_json::Value;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

const COMMANDS: [&str; 11] = [
    "train",
    "experiment",
    "sweep",
    "eval",
    "score",
    "generate",
    "features",
    "inspect",
    "merge",
    "config",
    "completions",
];

/// `vpt` among the finished runs, which it must not change.
fn at_finished(args: &[&str]) -> String {
    let mut command = super::vpt(args);
    command.current_dir(finished());
    super::printed(command)
}

pub(super) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

const RUN: [&str; 4] = [
    "--config",
    "runs/value/config.toml",
    "--model",
    "runs/value",
];

#[test]
fn help_of_every_command_has_examples() {
    let listed = stdout(&["--help"]);
    for command in COMMANDS {
        assert!(listed.contains(&format!("\n  {command} ")), "{listed}");
        let help = stdout(&[command, "--help"]);
        assert!(help.contains("Examples:\n  vpt "), "{help}");
        assert!(!help.contains('\u{1b}'), "colours in a pipe");
    }
    assert!(stdout(&["--version"]).starts_with("vpt "));
}

#[test]
fn a_run_leaves_its_artefacts() {
    let run = finished().join("runs/value");
    for file in [
        "config.toml",
        "metrics.jsonl",
        "evaluation.json",
        "example.json",
        "summary.json",
        "model/config.json",
        "model/model.safetensors",
        "model/tokenizer.json",
        "designer/config.json",
        "designer/designer.safetensors",
        "checkpoints/step-000012/state.json",
        "checkpoints/step-000012/state.safetensors",
    ] {
        assert!(run.join(file).is_file(), "{file}");
    }
    let checkpoints = fs::read_dir(run.join("checkpoints")).unwrap();
    let names = checkpoints.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut kept: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    kept.sort();
    assert_eq!(kept, ["step-000008", "step-000012"], "the newest two");
    let summary = json(&fs::read_to_string(run.join("summary.json")).unwrap());
    assert_eq!(summary["method"], "value");
    assert_eq!(summary["steps"], STEPS);
    assert_eq!(summary["tokens"], STEPS * 2 * 64);
    assert_eq!(summary["feedback_items"], 10);
}

#[test]
fn a_run_goes_where_its_method_and_seed_say() {
    let place = Place::new();
    let args = [
        "train",
        "--config",
        "tiny.toml",
        "--set",
        "seed=4",
        "--quiet",
    ];
    let said = place.stdout(&args);
    assert!(
        said.starts_with("runs/value-s4: finished at step 12\n"),
        "{said}"
    );
    for set in ["validation", "test", "off_target"] {
        assert!(said.contains(&format!("\n  {set} ")), "{said}");
    }
    assert!(place.path("runs/value-s4/summary.json").is_file());
}

#[test]
fn events_are_one_object_a_line() {
    let place = Place::new();
    let args = ["train", "--json", "--config", "tiny.toml", "--out", "run"];
    let mut command = place.vpt(&args);
    let output = command.assert().success().get_output().clone();
    assert!(output.stderr.is_empty(), "progress beside JSON");
    let text = String::from_utf8(output.stdout).unwrap();
    let events: Vec<Value> = text.lines().map(json).collect();
    let count = |kind| events.iter().filter(|event| event["event"] == kind).count();
    assert_eq!(events[0]["event"], "started");
    assert_eq!(
        (count("step"), count("value"), count("checkpoint")),
        (12, 4, 3)
    );
    let last = events.last().unwrap();
    assert_eq!(
        (&last["event"], &last["step"]),
        (&"finished".into(), &12.into())
    );
    assert_eq!(last["summary"], json(&place.read("run/summary.json")));
    // The other way of looking on: progress on stderr, the end on stdout, and the same run.
    let mut command = place.vpt(&["train", "--config", "tiny.toml", "--out", "seen"]);
    let output = command.assert().success().get_output().clone();
    let progress = String::from_utf8(output.stderr).unwrap();
    assert!(progress.contains("12/12 steps"), "{progress}");
    Artefacts::read(&place.path("seen")).assert_same(&Artefacts::read(&place.path("run")));
}

#[test]
fn eval_says_what_the_run_said_at_its_end() {
    for method in super::METHODS {
        let run = format!("runs/{method}");
        let config = format!("{run}/config.toml");
        let summary = finished().join(&run).join("summary.json");
        let summary = json(&fs::read_to_string(summary).unwrap());
        let evaluation = finished().join(&run).join("evaluation.json");
        let evaluation = json(&fs::read_to_string(evaluation).unwrap());
        let args = ["eval", "--json", "--config", &config, "--model", &run];
        let figures = json(&at_finished(&args));
        for figure in ["loss", "first", "digit", "pass_at_1"] {
            let wanted = &summary["evaluation"]["test"][figure];
            assert!(wanted.is_number(), "{figure}");
            assert_eq!(&figures[figure], wanted, "{method} {figure}");
        }
        assert_eq!(figures["items"], evaluation["test"]);
        // The folder inside the run is the same model.
        let model = format!("{run}/model");
        let inner = ["eval", "--json", "--config", &config, "--model", &model];
        assert_eq!(json(&at_finished(&inner))["items"], figures["items"]);
    }
    let said = at_finished(&[&["eval"], &RUN[..]].concat());
    assert!(said.starts_with("test.jsonl: 5 items\nloss "), "{said}");
    let other = [&["eval", "--data", "validation.jsonl"], &RUN[..]].concat();
    assert!(at_finished(&other).starts_with("validation.jsonl: 6 items\nloss "));
}

#[test]
fn generate_continues_each_prompt() {
    let prompts = ["What is 3+4?", "What is 9+9?"];
    let plain = at_finished(&[&["generate"], &prompts[..], &RUN].concat());
    let args = [&["generate", "--json"], &prompts[..], &RUN].concat();
    let objects: Vec<Value> = at_finished(&args).lines().map(json).collect();
    assert_eq!(objects.len(), 2);
    for (object, prompt) in objects.iter().zip(prompts) {
        assert_eq!(object["prompt"], prompt);
        let completion = object["completion"].as_str().unwrap();
        assert!(plain.contains(completion));
    }
    // The first test item, as the run itself decoded it.
    let read = |file: &str| fs::read_to_string(finished().join(file)).unwrap();
    let item = json(read("test.jsonl").lines().next().unwrap());
    let decoded = json(&read("runs/value/evaluation.json"))["test"][0]["completion"].clone();
    let args = ["generate", "--json", item["problem"].as_str().unwrap()];
    let said = json(&at_finished(&[&args, &RUN[..]].concat()));
    assert_eq!(said["completion"], decoded);
    // The template by hand is the template.
    let raw = format!("Question: {}\nAnswer:", item["problem"].as_str().unwrap());
    let args = ["generate", "--json", "--raw", &raw];
    assert_eq!(
        json(&at_finished(&[&args, &RUN[..]].concat()))["completion"],
        decoded
    );
    let one = ["generate", "--json", "--max-new-tokens", "1", prompts[0]];
    let one = json(&at_finished(&[&one, &RUN[..]].concat()));
    let (one, all) = (
        one["completion"].as_str().unwrap(),
        &objects[0]["completion"],
    );
    assert!(all.as_str().unwrap().starts_with(one) && one.len() < all.as_str().unwrap().len());
}

#[test]
fn generate_draws_samples_by_seed_and_stops() {
    let draw = |args: &[&str]| -> Vec<Value> {
        let fixed = [
            "generate",
            "--json",
            "--temperature",
            "1",
            "--top-p",
            "0.95",
        ];
        let args = [&fixed[..], &["What is 3+4?", "What is 9+9?"], args, &RUN].concat();
        at_finished(&args).lines().map(json).collect()
    };
    let four = draw(&["--samples", "4", "--seed", "3"]);
    let places: Vec<(&Value, &Value)> = four.iter().map(|o| (&o["prompt"], &o["sample"])).collect();
    assert_eq!(places.len(), 8);
    assert_eq!(places[5], (&"What is 9+9?".into(), &1.into()));
    assert_ne!(four[0]["completion"], four[1]["completion"]);
    // By seed and sample alone, whatever the batch.
    let set = ["--samples", "4", "--seed", "3", "--set", "eval.batch=1"];
    assert_eq!(draw(&set), four);
    assert_eq!(draw(&["--seed", "3"])[1], four[4]);
    assert_ne!(draw(&["--samples", "4", "--seed", "4"]), four);
    // What a completion holds can end it.
    let text = four[0]["completion"].as_str().unwrap();
    let stop = text.trim_start().chars().nth(1).unwrap().to_string();
    let stopped = draw(&["--samples", "4", "--seed", "3", "--stop", &stop]);
    assert_eq!(stopped[0]["completion"], text.split(&stop).next().unwrap());
    assert_eq!(stopped[0]["end"], "stop_string");
    for (args, named) in [
        (["--temperature", "nan"], "temperature"),
        (["--top-p", "0"], "top_p"),
        (["--samples", "0"], "--samples"),
    ] {
        let line = refused(2, &[&["generate", "x"], &args[..]].concat());
        assert!(line.contains(named), "{line}");
    }
}

#[test]
fn inspect_lists_what_the_model_holds() {
    let summary = fs::read_to_string(finished().join("runs/value/summary.json")).unwrap();
    let found = json(&at_finished(&[&["inspect", "--json"], &RUN[..]].concat()));
    assert_eq!(found["parameters"], json(&summary)["learner_parameters"]);
    assert_eq!(found["config"]["hidden_size"], 32);
    assert_eq!(found["tokenizer_size"], 768);
    let tensors = found["tensors"].as_array().unwrap();
    let size = |tensor: &Value| -> u64 {
        let shape = tensor["shape"].as_array().unwrap();
        shape.iter().map(|n| n.as_u64().unwrap()).product()
    };
    let total: u64 = tensors.iter().map(size).sum();
    assert_eq!(found["parameters"], total);
    let said = at_finished(&[&["inspect"], &RUN[..]].concat());
    assert_eq!(said.lines().count(), tensors.len() + 5);
    assert!(
        said.contains(&format!("{total} parameters, all finite")),
        "{said}"
    );
}

/// The weights that a run starts from are those that the other left.
#[test]
fn a_run_continues_from_a_run_folder() {
    let (place, run) = super::with_finished("value");
    place.train(
        "next",
        &["--model", &run, "--set", "model.from_scratch=false"],
    );
    let next = Artefacts::read(&place.path("next"));
    let first = Artefacts::read(&place.path(&run));
    let validation = |run: &Artefacts, last: bool| -> Value {
        let mut found = run
            .events()
            .iter()
            .filter(|event| event["split"] == "validation");
        let event = if last {
            found.next_back()
        } else {
            found.next()
        };
        event.unwrap()["loss"].clone()
    };
    assert_eq!(validation(&next, false), validation(&first, true));
    assert_ne!(next.weights(), first.weights());
    let tokenizer = Path::new("model/tokenizer.json");
    assert!(next.json.get(tokenizer) == first.json.get(tokenizer));
    // What it started from is untouched.
    first.assert_same(&super::reference("value"));
}

#[test]
fn config_print_is_toml_with_a_comment_on_each_key() {
    let text = stdout(&["config", "--print"]);
    let table: toml::Table = toml::from_str(&text).unwrap();
    assert_eq!(table["value"]["update_every"].as_integer(), Some(5));
    let changed = stdout(&[
        "config",
        "--print",
        "--set",
        "designer.top_k=4",
        "--model",
        "m",
    ]);
    assert!(changed.contains("(A.1).\ntop_k = 4\n"));
    assert!(changed.contains("\npath = \"m\"\n"));
    let comments = |text: &str| text.lines().filter(|line| line.starts_with('#')).count();
    assert_eq!(comments(&changed), comments(&text));
}

#[test]
fn what_config_prints_config_reads() {
    let place = Place::new();
    for set in [
        &["seed=7", "method=ntp"][..],
        &["value.subset=last:2", "data.test="],
        &[],
    ] {
        let set: Vec<&str> = set.iter().flat_map(|set| ["--set", set]).collect();
        let text = place.stdout(&[&["config", "--config", "tiny.toml"], &set[..]].concat());
        place.write("my.toml", &text);
        let again = ["config", "--print", "--config", "my.toml"];
        assert_eq!(place.stdout(&again), text);
    }
    place.write(
        "my.toml",
        &place.stdout(&["config", "--set", "seed=7", "--set", "method=ntp"]),
    );
    let said = place.stdout(&["config", "--check", "--config", "my.toml"]);
    assert!(said.starts_with("ok: ntp with seed 7"), "{said}");
    // A run keeps its config as `config` prints it.
    let printed = place.stdout(&["config", "--config", "tiny.toml"]);
    let kept = finished().join("runs/value/config.toml");
    assert_eq!(
        fs::read_to_string(kept)
            .unwrap()
            .replace("method = \"value\"", ""),
        { printed.replace("method = \"value\"", "") }
    );
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = stdout(&["completions", shell]);
        for command in COMMANDS {
            assert!(script.contains(command), "{shell} {command}");
        }
    }
    assert!(refused(2, &["completions", "cobol"]).contains("possible values: bash"));
}

/// A command whose output nobody reads on, like one before `head -1`.
fn unread(place: &Path, args: &[&str], stderr_too: bool) -> (Option<i32>, String) {
    let mut child = Command::new(binary())
        .args(args)
        .current_dir(place)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    let mut stderr = child.stderr.take();
    if stderr_too {
        drop(stderr.take());
    }
    if let Some(mut stderr) = stderr {
        stderr.read_to_string(&mut said).unwrap();
    }
    (child.wait().unwrap().code(), said)
}

#[test]
fn a_closed_stdout_is_no_error() {
    for args in [
        &["config", "--print"][..],
        &["--help"],
        &["train", "--help"],
        &["completions", "bash"],
        &[&["inspect"], &RUN[..]].concat(),
        &[&["eval"], &RUN[..]].concat(),
        &[&["generate", "What is 3+4?"], &RUN[..]].concat(),
        &[&["score", "What is 3+4?"], &RUN[..]].concat(),
    ] {
        let end = unread(finished(), args, false);
        assert_eq!(end, (Some(0), String::new()), "{args:?}");
    }
    let place = Place::new();
    let folder = place.path("");
    assert_eq!(unread(&folder, &train_args("run", &[]), false).0, Some(0));
    Artefacts::read(&place.path("run")).assert_same(&super::reference("value"));
    // Nobody listens to events: the run ends, with a checkpoint.
    let json = ["train", "--json", "--config", "tiny.toml", "--out", "json"];
    assert_eq!(unread(&folder, &json, false), (Some(0), String::new()));
    place.stdout(&["train", "--quiet", "--resume", "json"]);
    let resumed = Artefacts::read(&place.path("json"));
    assert_eq!(resumed.weights(), super::reference("value").weights());
}

#[test]
fn a_closed_stderr_does_not_end_a_run() {
    let place = Place::new();
    let args = ["train", "--config", "tiny.toml", "--out", "run"];
    assert_eq!(unread(&place.path(""), &args, true).0, Some(0));
    Artefacts::read(&place.path("run")).assert_same(&super::reference("value"));
    assert_eq!(unread(&place.path(""), &["trian"], true).0, Some(2));
}

#[test]
fn ready_completions_are_scored_without_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.jsonl");
    let lines = [
        serde_json::json!({"completion": " 9-3=6.\n#### 6", "answer": "#### 6"}),
        serde_json::json!({"completion": " It is 6.00", "answer": "6"}),
    ];
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let said = stdout(&["eval", "--completions", file]);
    for share in [
        "2 completions",
        "strict-match      50.00 ± 50.00 %",
        "flexible-extract  50.00 ± 50.00 %",
        "A.1       100.00 ± 0.00 %",
    ] {
        assert!(said.contains(share), "{said}");
    }
    let scored = json(&stdout(&["eval", "--completions", file, "--json"]));
    let verdicts = |key: &str| {
        let items = scored["items"].as_array().unwrap().iter();
        items.map(|item| item[key] == true).collect::<Vec<_>>()
    };
    assert_eq!(verdicts("strict"), [true, false]);
    assert_eq!(verdicts("flexible"), [true, false]);
    assert_eq!(verdicts("cascade"), [true, true]);
    let line = refused(2, &["eval", "--completions", file, "--model", "x"]);
    assert!(line.contains("--model"), "{line}");
    let line = refused(1, &["eval", "--completions", "no.jsonl"]);
    assert!(line.contains("no.jsonl"), "{line}");
}
