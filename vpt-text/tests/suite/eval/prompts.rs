//! Prompts, byte for byte those that lm-evaluation-harness's own task classes render
//! (`tests/golden/make_eval.py`).

use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use vpt_text::eval::task::{Gold, Items, Options, Overrides, Row, Rows, ShotSource, Task};

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    task: String,
    number: usize,
    rows: Vec<Map<String, Value>>,
    shots: Vec<Map<String, Value>>,
    prompts: Vec<String>,
    gold: Vec<Value>,
    continuations: Option<Vec<Vec<String>>>,
    until: Option<Vec<String>>,
}

fn rows(name: &str, fields: &[Map<String, Value>]) -> Rows {
    let row = |(index, fields): (usize, &Map<String, Value>)| Row {
        line: index + 1,
        fields: fields.clone(),
    };
    Rows {
        path: PathBuf::from(name),
        rows: fields.iter().enumerate().map(row).collect(),
    }
}

#[test]
fn prompts_are_the_harnesss_own() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/eval/prompts.json");
    let golden: Golden = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(golden.cases.len(), 10);
    for case in &golden.cases {
        let overrides = Overrides {
            shots: Some(case.number),
            ..Overrides::default()
        };
        let task = Task::open(&case.task, overrides).unwrap();
        let name = format!("{} with {}", case.task, case.number);
        let source = ShotSource {
            rows: rows("shots", &case.shots),
            holds_items: case.rows == case.shots,
        };
        let source = Some(&source).filter(|_| case.number > 0);
        let items = Items::new(&task, &rows("items", &case.rows), source).unwrap();
        assert_eq!(items.items.len(), case.prompts.len(), "{name}");
        for (at, (item, prompt)) in items.items.iter().zip(&case.prompts).enumerate() {
            assert_eq!(&item.prompt, prompt, "{name}, item {at}");
            assert_eq!(item.shots.len(), case.number);
            match &item.gold {
                // The harness compares with the answer of a solution, found by another function.
                Gold::Text { .. } if case.task.ends_with("_math") => {}
                Gold::Text { text, .. } => assert_eq!(text.as_str(), case.gold[at], "{name}"),
                Gold::Choice { options, right } => {
                    assert_eq!(*right, case.gold[at], "{name}");
                    let delimiter = &task.definition.prompt.target_delimiter;
                    let texts = options.iter().map(|option| format!("{delimiter}{option}"));
                    let texts: Vec<String> = texts.collect();
                    assert_eq!(texts, case.continuations.as_ref().unwrap()[at], "{name}");
                }
            }
        }
        let until = task.definition.generate.as_ref().map(|g| g.until.clone());
        assert_eq!(until, case.until, "{name}");
        if let Some(choose) = &task.definition.choose {
            assert_eq!(
                matches!(choose.options, Options::Column(_)),
                case.task == "mmlu_continuation"
            );
        }
    }
}
