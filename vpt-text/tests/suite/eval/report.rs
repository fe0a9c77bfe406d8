//! Figures of a result, from answers that are made up.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vpt_text::eval::task::{
    Answers, GenerationSettings, Items, Overrides, Report, Row, Rows, Said, Settings, SplitReport,
    Subject, Task, Written,
};

fn rows(fields: &[Value]) -> Rows {
    let row = |(index, fields): (usize, &Value)| Row {
        line: index + 1,
        fields: fields.as_object().unwrap().clone(),
    };
    Rows {
        path: PathBuf::from("items.jsonl"),
        rows: fields.iter().enumerate().map(row).collect(),
    }
}

fn result(task: &Task, rows: &Rows, said: Vec<Said>) -> Value {
    let items = Items::new(task, rows, None).unwrap();
    let settings = Settings {
        batch: 1,
        max_length: 64,
        generation: task
            .definition
            .generate
            .as_ref()
            .map(|g| GenerationSettings {
                seed: 0,
                until: g.until.clone(),
                max_new_tokens: g.max_new_tokens,
                temperature: g.temperature,
                top_p: g.top_p,
                samples: g.samples,
            }),
    };
    let answers = Answers {
        said,
        truncated: 0,
        settings: settings.clone(),
    };
    let model = Subject {
        path: "none".into(),
        files: BTreeMap::new(),
    };
    let mut report = Report::new(task, None, model, "none".into(), settings);
    let file = Path::new("items.jsonl");
    let split = SplitReport::new(task, "test", file, &items, &answers, true);
    report.splits.push(split);
    serde_json::to_value(&report).unwrap()
}

fn written(texts: &[&str]) -> Said {
    let written = |text: &&str| Written {
        text: (*text).into(),
        end: None,
    };
    Said::Completions(texts.iter().map(written).collect())
}

/// The figure of a metric and scorer in some part of a result.
fn figure<'a>(part: &'a Value, metric: &str, scorer: Option<&str>) -> &'a Value {
    let metrics = part["metrics"].as_array().unwrap();
    let wanted = scorer.map_or(Value::Null, |scorer| json!(scorer));
    let found = metrics
        .iter()
        .find(|m| m["metric"] == metric && m["scorer"] == wanted);
    found.unwrap_or_else(|| panic!("{metric} {scorer:?} in {metrics:?}"))
}

fn close(value: &Value, expected: f64) {
    let value = value.as_f64().unwrap();
    assert!((value - expected).abs() < 1e-12, "{value} {expected}");
}

#[test]
fn greedy_answers_are_counted() {
    let task = Task::open("gsm8k-paper", Overrides::default()).unwrap();
    let items: Vec<Value> = (0..4)
        .map(|i| json!({ "problem": format!("{i}?"), "answer": i.to_string() }))
        .collect();
    let said = ["#### 0", "so \\boxed{1}", "it is 3", "none"].map(|text| written(&[text]));
    let result = result(&task, &rows(&items), said.to_vec());
    let split = &result["splits"][0];
    assert_eq!(split["count"], 4);
    let cascade = figure(split, "exact_match", Some("final-answer"));
    assert_eq!(cascade["right"], 2);
    close(&cascade["mean"], 0.5);
    close(&cascade["stderr"], (0.25f64 / 3.0).sqrt());
    assert_eq!(cascade["interval"].as_array().unwrap().len(), 2);
    let strict = figure(split, "exact_match", Some("strict-match"));
    assert_eq!(strict["right"], 1);
    let item = &split["items"][1];
    assert_eq!(item["line"], 2);
    assert_eq!(item["prompt"], "Question: 1?\nAnswer:");
    assert_eq!(item["completions"][0]["answers"]["final-answer"], "1");
    assert_eq!(
        item["completions"][0]["answers"]["strict-match"],
        "[invalid]"
    );
    assert_eq!(item["completions"][0]["right"]["strict-match"], false);
    assert_eq!(
        split["items"][3]["completions"][0]["answers"]["final-answer"],
        Value::Null
    );
    assert!(split.get("groups").is_none());
}

#[test]
fn the_prompts_hash_is_what_the_book_says() {
    use sha2::{Digest, Sha256};
    let task = Task::open("gsm8k-paper", Overrides::default()).unwrap();
    let items = ["a", "b"].map(|problem| json!({ "problem": problem, "answer": "1" }));
    let said = ["1", "1"].map(|text| written(&[text]));
    let result = result(&task, &rows(&items), said.to_vec());
    let split = &result["splits"][0];
    let hex = |bytes: &str| -> String {
        let hash = Sha256::digest(bytes);
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let all = "Question: a\nAnswer:\0Question: b\nAnswer:\0";
    assert_eq!(split["prompts_sha256"], hex(all).as_str());
    assert_eq!(
        split["items"][0]["prompt_sha256"],
        hex("Question: a\nAnswer:").as_str()
    );
}

#[test]
fn several_samples_give_pass_at_k() {
    let overrides = Overrides {
        samples: Some(8),
        temperature: Some(1.0),
        ..Overrides::default()
    };
    let task = Task::open("gsm8k-paper", overrides).unwrap();
    let items = ["5", "6"].map(|answer| json!({ "problem": "?", "answer": answer }));
    // Two of eight right, then none.
    let mut first = ["0"; 8];
    (first[3], first[6]) = ("5", "5");
    let said = vec![written(&first), written(&["0"; 8])];
    let result = result(&task, &rows(&items), said);
    let split = &result["splits"][0];
    // 1 − C(6, k) / C(8, k), halved by the second item.
    for (k, expected) in [
        (1, 0.25),
        (2, 1.0 - 15.0 / 28.0),
        (4, 1.0 - 15.0 / 70.0),
        (8, 1.0),
    ] {
        let pass = figure(split, &format!("pass@{k}"), Some("final-answer"));
        close(&pass["mean"], expected / 2.0);
        close(&pass["stderr"], expected / 2.0);
        assert_eq!(pass.get("right"), None);
    }
    let metrics = split["metrics"].as_array().unwrap();
    assert!(metrics.iter().all(|m| m["metric"] != "pass@16"));
}

#[test]
fn groups_and_categories_are_reported_apart_and_pooled() {
    let task = Task::open("mmlu", Overrides::default()).unwrap();
    let subjects = [
        "anatomy",
        "anatomy",
        "anatomy",
        "virology",
        "virology",
        "astronomy",
    ];
    let rights = [true, true, false, false, true, true];
    let items = subjects.map(|subject| {
        json!({ "question": "?", "choices": ["a", "b", "c", "d"], "answer": 1, "subject": subject })
    });
    let said = rights.map(|right| Said::Choices {
        log_likelihoods: vec![-2.0, if right { -1.0 } else { -3.0 }, -2.0, -4.0],
        after_nothing: vec![],
    });
    let result = result(&task, &rows(&items), said.to_vec());
    let split = &result["splits"][0];
    let whole = figure(split, "acc", None);
    close(&whole["mean"], 4.0 / 6.0);
    // 2 · se² · 3 with se² = (2/9) / 2 for anatomy, 1 · se² · 2 with se² = 1/4 for virology.
    close(&whole["stderr"], ((2.0 / 3.0 + 0.5) / 3.0 / 6.0f64).sqrt());
    let stem = figure(&split["categories"]["stem"], "acc", None);
    close(&stem["mean"], 0.75);
    assert_eq!(split["categories"]["stem"]["count"], 4);
    assert_eq!(split["categories"].get("humanities"), None);
    assert_eq!(split["groups"]["virology"]["count"], 2);
    let item = &split["items"][2];
    assert_eq!(item["chosen"]["acc"], 0);
    assert_eq!(item["right"]["acc"], false);
    assert_eq!(item["group"], "anatomy");
}
