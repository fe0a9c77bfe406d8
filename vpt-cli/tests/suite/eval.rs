//! `vpt eval --task`, on the base that ships.

use super::commands::json;
use super::{Place, stdout};
use serde_json::{Value, json as value};
use std::fs;

/// A task on the tiny test set, with few tokens.
const SHORT: [&str; 7] = [
    "eval",
    "--task",
    "gsm8k-paper",
    "--data",
    "test.jsonl",
    "--max-new-tokens",
    "12",
];

/// The first of the items in a result's first split.
fn first(result: &Value) -> &Value {
    &result["splits"][0]["items"][0]
}

#[test]
fn the_list_names_every_task() {
    let said = stdout(&["eval", "--list"]);
    for name in ["gsm8k ", "mmlu ", "omega-explorative ", "minerva_math "] {
        assert!(said.lines().any(|line| line.starts_with(name)), "{said}");
    }
    let listed = json(&stdout(&["eval", "--list", "--json"]));
    assert_eq!(listed.as_array().unwrap().len(), said.lines().count());
    assert_eq!(listed[0]["name"], "gsm8k");
    assert_eq!(listed[0]["version"], "3.0");
}

#[test]
fn a_result_holds_what_it_was_made_from_and_no_batch_changes_it() {
    let place = Place::new();
    let args = [
        &SHORT[..],
        &["--json", "--out", "results/a.json", "--set", "eval.batch=1"],
    ]
    .concat();
    let printed = json(&place.stdout(&args));
    assert_eq!(printed, json(&place.read("results/a.json")));
    assert_eq!(printed["task"]["name"], "gsm8k-paper");
    assert_eq!(printed["settings"]["max_new_tokens"], 12);
    assert_eq!(printed["settings"]["until"], value!(["Question:", "<eos>"]));
    assert_eq!(printed["prompt"]["sha256"].as_str().unwrap().len(), 64);
    assert!(printed["model"]["files"]["model.safetensors"].is_string());
    let split = &printed["splits"][0];
    assert_eq!(split["split"], "test");
    assert_eq!(split["count"], 5);
    assert_eq!(first(&printed).get("prompt"), None);
    assert!(first(&printed)["completions"][0]["text"].is_string());
    let args = [
        &SHORT[..],
        &[
            "--json",
            "--log-prompts",
            "--limit",
            "3",
            "--set",
            "eval.batch=8",
        ],
    ];
    let again = json(&place.stdout(&args.concat()));
    assert_eq!(again["splits"][0]["count"], 3);
    let prompt = first(&again)["prompt"].as_str().unwrap();
    assert!(
        prompt.starts_with("Question: What is ") && prompt.ends_with("?\nAnswer:"),
        "{prompt}"
    );
    assert_eq!(
        first(&again)["prompt_sha256"],
        first(&printed)["prompt_sha256"]
    );
    for index in 0..3 {
        let of = |result: &Value| result["splits"][0]["items"][index]["completions"].clone();
        assert_eq!(of(&again), of(&printed));
    }
    let said = place.stdout(&[&SHORT[..], &["--limit", "2"]].concat());
    assert!(said.starts_with("gsm8k-paper 1 on builtin:"), "{said}");
    assert!(
        said.contains("test: 2 items\n  exact_match final-answer"),
        "{said}"
    );
}

/// Two interruptions, and the bytes of a run without any.
#[cfg(unix)]
#[test]
fn an_interrupted_evaluation_goes_on() {
    use rustix::process::Signal;
    let place = Place::new();
    let sum = |i: usize| value!({ "problem": format!("What is {i}+3?"), "answer": i + 3 });
    place.write("many.jsonl", &super::lines((0..90).map(sum)));
    let args = |out: &'static str, more: &[&'static str]| {
        let args = [
            "eval",
            "--task",
            "gsm8k-paper",
            "--data",
            "many.jsonl",
            "--max-new-tokens",
            "24",
            "--samples",
            "2",
            "--temperature",
            "0.9",
            "--set",
            "eval.batch=3",
            "--out",
            out,
        ];
        [&args[..], more].concat()
    };
    place.stdout(&args("whole.json", &[]));
    assert!(!place.path("whole.json.part").exists());
    let done = || {
        let kept = fs::read_to_string(place.path("parts.json.part"));
        kept.map_or(0, |kept| kept.lines().count())
    };
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let before = done();
        let running = place.start(&args("parts.json", &[]));
        let status = running.end_when(signal, || done() > before + 2);
        assert_eq!(status.code(), Some(code));
        assert!(!place.path("parts.json").exists());
    }
    let kept = place.read("parts.json.part");
    for more in [
        &["--set", "seed=5"][..],
        &["--limit", "80"],
        &["--set", "eval.batch=2"],
    ] {
        let line = place.refused(1, &args("parts.json", more));
        assert!(
            line.starts_with("parts.json.part: holds items that were asked otherwise"),
            "{line}"
        );
    }
    assert_eq!(place.read("parts.json.part"), kept, "a refusal leaves it");
    let output = place.vpt(&args("parts.json", &[])).assert().success();
    let said = String::from_utf8(output.get_output().stderr.clone()).unwrap();
    let told = format!("parts.json.part: {} items are done", kept.lines().count());
    assert!(said.contains(&told), "{said}");
    assert_eq!(place.read("parts.json"), place.read("whole.json"));
    assert!(!place.path("parts.json.part").exists());
}

#[test]
fn samples_give_pass_at_k_and_the_seed_decides_them() {
    let place = Place::new();
    let args = [
        &SHORT[..],
        &[
            "--json",
            "--limit",
            "2",
            "--samples",
            "4",
            "--temperature",
            "0.9",
        ],
    ]
    .concat();
    let result = |seed: &str| json(&place.stdout(&[&args[..], &["--set", seed]].concat()));
    let one = result("seed=1");
    let metrics = one["splits"][0]["metrics"].as_array().unwrap();
    let names: Vec<&str> = metrics
        .iter()
        .map(|m| m["metric"].as_str().unwrap())
        .collect();
    assert_eq!(names[..3], ["pass@1", "pass@2", "pass@4"]);
    assert_eq!(names.len(), 9, "for each of three scorers");
    assert_eq!(first(&one)["completions"].as_array().unwrap().len(), 4);
    assert_eq!(one, result("seed=1"));
    assert_ne!(one["splits"], result("seed=2")["splits"]);
}

#[test]
fn splits_are_reported_apart() {
    let place = Place::new();
    let row = |i: usize| {
        value!({
            "messages": [{"role": "user", "content": format!("What is {i}+1?")}],
            "ground_truth": (i + 1).to_string(), "setting_key": "sums",
        })
    };
    place.write("in.jsonl", &super::lines((0..3).map(row)));
    place.write("out.jsonl", &super::lines((3..5).map(row)));
    let args = [
        "eval",
        "--task",
        "omega-explorative",
        "--data",
        "test_in=in.jsonl",
        "--data",
        "test_out=out.jsonl",
        "--max-new-tokens",
        "8",
    ];
    let result = json(&place.stdout(&[&args[..], &["--json"]].concat()));
    let splits = result["splits"].as_array().unwrap();
    assert_eq!(
        (&splits[0]["split"], &splits[0]["count"]),
        (&value!("test_in"), &value!(3))
    );
    assert_eq!(
        (&splits[1]["split"], &splits[1]["count"]),
        (&value!("test_out"), &value!(2))
    );
    assert_eq!(splits[0]["groups"]["sums"]["count"], 3);
    let said = place.stdout(&args);
    assert!(
        said.contains("test_out: 2 items") && said.contains("sums exact_match omega "),
        "{said}"
    );
}

#[test]
fn choices_are_rated() {
    let place = Place::new();
    let row = |i: usize| {
        value!({
            "question": format!("{i}+1?"), "choices": ["1", "2", "3", "4"], "answer": i % 4,
            "subject": (["anatomy", "virology"][i % 2]),
        })
    };
    place.write("dev.jsonl", &super::lines((0..6).map(row)));
    place.write("mmlu.jsonl", &super::lines((6..12).map(row)));
    let args = ["eval", "--task", "mmlu", "--data", "mmlu.jsonl", "--json"];
    let result =
        json(&place.stdout(&[&args[..], &["--num-shots", "2", "--shots", "dev.jsonl"]].concat()));
    assert_eq!(
        first(&result)["shots"],
        value!([0, 2]),
        "of the same subject"
    );
    assert_eq!(
        first(&result)["log_likelihoods"].as_array().unwrap().len(),
        4
    );
    assert_eq!(result["splits"][0]["categories"]["stem"]["count"], 3);
    assert_eq!(result["shots"]["source"], "dev.jsonl");
}

#[test]
fn what_cannot_be_asked_is_refused_in_one_line() {
    let place = Place::new();
    place.write("bad.toml", "name = \"x\"\nversion = 1\n");
    place.write("bad.jsonl", "{\"problem\": \"p\"}\n");
    fs::write(place.path("a file"), "").unwrap();
    let asked = |code: i32, args: &[&str]| place.refused(code, &[&["eval"], args].concat());
    for (args, expected) in [
        (
            &["--task", "gsm9k", "--data", "test.jsonl"][..],
            "no task is called `gsm9k`",
        ),
        (
            &["--task", "bad.toml", "--data", "test.jsonl"],
            "bad.toml: line 2: ",
        ),
        (&["--task", "no.toml", "--data", "test.jsonl"], "no.toml: "),
        (
            &["--task", "gsm8k-paper"],
            "--data: name the items of gsm8k-paper: --data FILE",
        ),
        (
            &["--task", "gsm8k", "--data", "test.jsonl"],
            "--shots: gsm8k shows 5 examples",
        ),
        (
            &["--task", "omega-explorative", "--data", "test=test.jsonl"],
            "--data: `test` is none of test_in, test_out",
        ),
        (
            &[
                "--task",
                "gsm8k-paper",
                "--data",
                "test.jsonl",
                "--samples",
                "2",
            ],
            "gsm8k-paper: generate.samples: several samples at temperature 0",
        ),
        (
            &["--task", "mmlu", "--data", "test.jsonl", "--top-p", "0.5"],
            "--top-p: mmlu has the model choose",
        ),
        (
            &["--data", "test.jsonl", "--data", "test.jsonl"],
            "--data: one file; a task",
        ),
        (&["--limit", "3"], "--task"),
        (&["--list", "--task", "mmlu"], "--list"),
    ] {
        let line = asked(2, args);
        assert!(line.contains(expected), "{line}");
    }
    for (args, expected) in [
        (
            &["--task", "gsm8k-paper", "--data", "no.jsonl"][..],
            "no.jsonl: ",
        ),
        (
            &["--task", "gsm8k-paper", "--data", "bad.jsonl"],
            "bad.jsonl:1: generate.gold: undefined value",
        ),
        (
            &[
                "--task",
                "gsm8k-paper",
                "--data",
                "test.jsonl",
                "--out",
                "a file/result.json",
            ],
            "a file: ",
        ),
        (
            &[
                "--task",
                "gsm8k-paper",
                "--data",
                "test.jsonl",
                "--max-new-tokens",
                "100000",
            ],
            "new tokens leave no room for a prompt",
        ),
    ] {
        let line = asked(1, args);
        assert!(line.contains(expected), "{line}");
    }
}
