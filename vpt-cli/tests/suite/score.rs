//! `vpt score` on the tiny run: ids, texts and labelled records, as JSON and as safetensors.

use super::Place;
use super::bad_input::assert_names;
use serde_json::{Value, json};
use std::fs;

/// A place with a finished run, which `vpt score` is asked about.
struct Scored(Place);

impl Scored {
    fn new() -> Self {
        Self(super::with_finished("ntp").0)
    }

    fn args<'a>(&self, args: &[&'a str]) -> Vec<&'a str> {
        let model = ["--config", "tiny.toml", "--model", "runs/ntp"];
        [&["score"], args, &model].concat()
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.0.stdout(&self.args(args))).unwrap()
    }

    fn refused(&self, code: i32, args: &[&str]) -> String {
        self.0.refused(code, &self.args(args))
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

fn close(a: &Value, b: &Value, tolerance: f64) {
    let (a, b) = (numbers(a), numbers(b));
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(&b) {
        assert!((a - b).abs() <= tolerance, "{a} {b}");
    }
}

#[test]
fn ids_give_log_probabilities_whatever_the_batch_and_need_no_tokenizer() {
    let scored = Scored::new();
    let ids = json!([[5, 6, 7, 8], [9], [], [3, 700, 20, 4, 4, 9]]);
    scored.0.write("ids.json", &ids.to_string());
    let found = scored.json(&["--tokens", "ids.json"]);
    assert_eq!(
        found.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["logprobs"]
    );
    let lengths = found["logprobs"].as_array().unwrap().iter();
    let lengths: Vec<usize> = lengths.map(|list| list.as_array().unwrap().len()).collect();
    assert_eq!(lengths, [3, 0, 0, 5]);
    assert!(numbers(&found["logprobs"]).iter().all(|log_p| *log_p < 0.0));
    let alone = scored.json(&["--tokens", "ids.json", "--set", "eval.batch=1"]);
    close(&alone["logprobs"], &found["logprobs"], 1e-5);
    fs::remove_file(scored.0.path("runs/ntp/model/tokenizer.json")).unwrap();
    assert_eq!(scored.json(&["--tokens", "ids.json"]), found);
    assert_names(&scored.refused(1, &["a text"]), "tokenizer.json");
}

#[test]
fn texts_and_answers_come_with_their_tokens() {
    let scored = Scored::new();
    let found = scored.json(&["Once upon a time", "5"]);
    let text: String = found["text"][0]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t.as_str().unwrap())
        .collect();
    assert!(
        "Once upon a time".ends_with(&text) && text.len() > 5,
        "{text}"
    );
    assert_eq!(
        found["tokens"][1],
        json!([]),
        "nothing comes before a single token"
    );

    let found = scored.json(&["--data", "test.jsonl"]);
    assert_eq!(found["records"], json!([0, 1, 2, 3, 4]));
    let answer: String = found["text"][0]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t.as_str().unwrap())
        .collect();
    let record = scored.0.read("test.jsonl");
    let record: Value = serde_json::from_str(record.lines().next().unwrap()).unwrap();
    assert_eq!(
        answer,
        format!(" {}<eos>", record["solution"].as_str().unwrap())
    );
    // The loss that `vpt eval` gives is the mean of these.
    let args = [
        "eval",
        "--json",
        "--config",
        "tiny.toml",
        "--model",
        "runs/ntp",
    ];
    let eval: Value = serde_json::from_str(&scored.0.stdout(&args)).unwrap();
    let logprobs = numbers(&found["logprobs"]);
    let mean = -logprobs.iter().sum::<f64>() / logprobs.len() as f64;
    assert!((mean - eval["loss"].as_f64().unwrap()).abs() < 1e-6);

    // What is left out is said, and the rest keeps its place.
    let long = json!({"problem": "why ".repeat(90), "solution": "5"});
    scored.0.write("some.jsonl", &format!("{long}\n{record}\n"));
    let args = scored.args(&["--data", "some.jsonl"]);
    let output = scored.0.vpt(&args).assert().success().get_output().clone();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_names(&said, "some.jsonl: 1 documents");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["records"], json!([1]));
}

#[test]
fn feedback_gives_values_candidates_and_the_oracle() {
    let scored = Scored::new();
    let ask = ["--data", "test.jsonl", "--feedback", "feedback.jsonl"];
    let found = scored.json(&ask);
    let plain = scored.json(&ask[..2]);
    close(&found["logprobs"], &plain["logprobs"], 1e-5);
    let totals = &found["totals"];
    assert_eq!(totals["feedback_items"], 10);
    assert_eq!(totals["subset"], "all");
    assert_eq!(totals["tokens"], numbers(&found["value"]).len());
    // V is the mean of the values, and the oracle adds what its candidates are worth more.
    let value = numbers(&found["value"]);
    let v_ntp = value.iter().sum::<f64>() / value.len() as f64;
    let rows = |key: &str| -> Vec<Vec<f64>> {
        let texts = found[key].as_array().unwrap().iter();
        let rows = texts.flat_map(|text| text.as_array().unwrap().iter().map(numbers));
        rows.collect()
    };
    let candidates = rows("candidate_values");
    assert_eq!(candidates[0].len(), 4, "designer.top_k");
    let best = |row: &Vec<f64>| row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let gains = candidates
        .iter()
        .zip(&value)
        .map(|(row, label)| (best(row) - label).max(0.0));
    let gain = gains.sum::<f64>() / value.len() as f64;
    let near = |key: &str, expected: f64| {
        let found = totals[key].as_f64().unwrap();
        assert!(
            (found - expected).abs() < 1e-3 * expected.abs().max(1e-3),
            "{key}: {found} {expected}"
        );
    };
    near("v_ntp", v_ntp);
    near("v_oracle_hard", v_ntp + 0.5 * gain);
    for q in rows("oracle_hard").iter().chain(&rows("oracle_soft")) {
        assert!((q.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{q:?}");
    }
    // The likeliest candidate comes first, and all are rated as the label is.
    for (ids, log_p) in rows("candidates").iter().zip(rows("candidate_logprobs")) {
        assert!(log_p.is_sorted_by(|a, b| a >= b) && ids.len() == 4);
    }
    // Fewer items, another direction; the same draw for the same seed.
    let few = [&ask[..], &["--feedback-batch", "3"]].concat();
    let drawn = scored.json(&few);
    assert_eq!(drawn["totals"]["feedback_items"], 3);
    assert_ne!(drawn["value"], found["value"]);
    assert_eq!(scored.json(&few), drawn);
    let seeded = scored.json(&[&few[..], &["--set", "seed=5"]].concat());
    assert_ne!(
        seeded["totals"]["g_down_norm"],
        drawn["totals"]["g_down_norm"]
    );
    let last = scored.json(&[&ask[..], &["--set", "value.subset=last:1"]].concat());
    assert!(last["totals"]["g_down_norm"].as_f64() < totals["g_down_norm"].as_f64());
}

#[test]
fn a_file_holds_what_is_printed() {
    let scored = Scored::new();
    let ask = ["--data", "test.jsonl", "--feedback", "feedback.jsonl"];
    let printed = scored.json(&ask);
    for out in ["new/scores.json", "scores.safetensors"] {
        let said = scored
            .0
            .stdout(&scored.args(&[&ask[..], &["--out", out]].concat()));
        assert_eq!(said, "");
    }
    let kept: Value = serde_json::from_str(&scored.0.read("new/scores.json")).unwrap();
    assert_eq!(kept, printed);
    let bytes = fs::read(scored.0.path("scores.safetensors")).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
    let tokens = numbers(&printed["value"]).len();
    assert_eq!(
        header["offsets"],
        json!({"dtype": "I64", "shape": [6], "data_offsets": header["offsets"]["data_offsets"]})
    );
    assert_eq!(header["logprobs"]["shape"], json!([tokens]));
    assert_eq!(header["candidate_values"]["shape"], json!([tokens, 4]));
    assert_eq!(header["oracle_soft"]["shape"], json!([tokens, 5]));
    let totals: Value =
        serde_json::from_str(header["__metadata__"]["totals"].as_str().unwrap()).unwrap();
    assert_eq!(totals, printed["totals"]);
}

#[test]
fn what_cannot_be_scored_is_refused_in_one_line() {
    let scored = Scored::new();
    let texts = "<TEXT|--tokens <FILE.json>|--data <FILE>>";
    assert_names(&scored.refused(2, &[]), texts);
    assert_names(&scored.refused(2, &["a", "--data", "test.jsonl"]), "--data");
    let line = scored.refused(2, &["a", "--feedback-batch", "3"]);
    assert_names(&line, "--feedback");
    let line = scored.refused(2, &["a", "--out", "scores.txt"]);
    assert_names(&line, "--out scores.txt: ends neither in .json");
    for (text, named) in [
        (
            "[[1, 2], 3]",
            "ids.json: not a JSON list of lists of token ids",
        ),
        ("[[1, -2]]", "ids.json: not a JSON list"),
        ("[[1, 2", "ids.json: not a JSON list"),
        (
            "[[1], [2, 768]]",
            "sequence 1 holds token 768, the model has 768 rows",
        ),
    ] {
        scored.0.write("ids.json", text);
        let line = scored.refused(1, &["--tokens", "ids.json"]);
        assert_names(&line, named);
    }
    let long: Vec<u32> = vec![3; 66];
    scored.0.write("ids.json", &json!([long]).to_string());
    let line = scored.refused(1, &["--tokens", "ids.json"]);
    assert_names(&line, "sequence 0 takes 65 positions, the model has 64");
    assert_names(
        &scored.refused(1, &["--tokens", "none.json"]),
        "none.json: ",
    );
    assert_names(
        &scored.refused(1, &["a", "--feedback", "none.jsonl"]),
        "none.jsonl: ",
    );
    let line = scored.refused(1, &["5", "--feedback", "feedback.jsonl"]);
    assert_names(&line, "no token is scored");
    let beyond = [
        "a b c",
        "--feedback",
        "feedback.jsonl",
        "--set",
        "value.subset=last:2",
    ];
    assert_names(
        &scored.refused(1, &beyond),
        "value.subset: last:2 of a model with 1 blocks",
    );
}
