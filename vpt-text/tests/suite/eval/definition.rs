//! Task files that cannot be run, and data that they cannot use.

use std::path::PathBuf;
use vpt_text::eval::task::{Items, Overrides, Row, Rows, ShotSource, Task, TaskError, builtins};

const TASK: &str = r#"
name = "sums"
version = "1"
about = "sums"
[prompt]
question = "{{question}} ="
target = "{{answer}}"
[generate]
gold = "{{answer}}"
max_new_tokens = 4
[[generate.scorers]]
name = "number"
rule = "final-answer"
"#;

const NONE: Overrides = Overrides {
    shots: None,
    max_new_tokens: None,
    samples: None,
    temperature: None,
    top_p: None,
};

fn refusal(from: &str, to: &str) -> String {
    assert!(TASK.contains(from), "{from}");
    let error = Task::parse("sums.toml", &TASK.replace(from, to), NONE).unwrap_err();
    assert!(error.is_usage(), "{error}");
    error.to_string()
}

fn rows(fields: &[serde_json::Value]) -> Rows {
    let row = |(index, fields): (usize, &serde_json::Value)| Row {
        line: index + 1,
        fields: fields.as_object().unwrap().clone(),
    };
    Rows {
        path: PathBuf::from("sums.jsonl"),
        rows: fields.iter().enumerate().map(row).collect(),
    }
}

#[test]
fn every_task_that_ships_opens_under_its_own_name() {
    for found in builtins() {
        let task = Task::open(found.name, NONE).unwrap();
        assert_eq!(task.definition.name, found.name);
        assert!(!task.definition.about.is_empty());
    }
}

#[test]
fn the_books_example_can_be_asked() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../book/src/evaluation.md");
    let page = std::fs::read_to_string(path).unwrap();
    let blocks: Vec<&str> = page
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    let task = Task::parse("book", blocks[0], NONE).unwrap();
    let source = ShotSource::open(&task, None, &[]).unwrap();
    let row = serde_json::json!({"problem": "2+2?", "answer": 4, "kind": "sum"});
    let items = Items::new(&task, &rows(&[row]), source.as_ref()).unwrap();
    let prompt = &items.items[0].prompt;
    assert!(prompt.ends_with("\n\nQuestion: 2+2?\nAnswer:"), "{prompt}");
    assert_eq!(prompt.matches("Question:").count(), 3);
    let (head, _) = blocks[0].split_once("[generate]").unwrap();
    Task::parse("book", &format!("{head}{}", blocks[1]), NONE).unwrap();
}

#[test]
fn a_task_file_that_cannot_be_run_is_named_with_its_key() {
    Task::parse("sums.toml", TASK, NONE).unwrap();
    for (from, to, expected) in [
        (
            "version",
            "versoin",
            "sums.toml: line 3: unknown field `versoin`",
        ),
        (
            "max_new_tokens = 4",
            "max_new_tokens = -4",
            "line 10: invalid value",
        ),
        (
            "max_new_tokens = 4",
            "max_new_tokens = 0",
            "generate.max_new_tokens: must be at least 1",
        ),
        (
            "max_new_tokens = 4",
            "max_new_tokens = 4\ntop_p = 0.0",
            "generate: top_p: 0 is not in (0, 1]",
        ),
        (
            "max_new_tokens = 4",
            "max_new_tokens = 4\nsamples = 2",
            "give a temperature",
        ),
        (
            "max_new_tokens = 4",
            "max_new_tokens = 4\nuntil = [\"\"]",
            "generate.until: an empty",
        ),
        (
            "{{question}} =",
            "{{question =",
            "sums.toml: prompt.question: syntax error",
        ),
        (
            "\"final-answer\"",
            "\"final\"",
            "unknown variant `final`, expected",
        ),
        (
            "\"final-answer\"",
            "{ regex = { pattern = \"(\", compare = \"exact\" } }",
            "sums.toml: generate.scorers.number.rule: regex parse error",
        ),
        (
            "[[generate.scorers]]",
            "[[generate.scorers]]\nname = \"number\"\nrule = \"omega\"\n[[generate.scorers]]",
            "generate.scorers: `number` occurs twice",
        ),
        (
            "[generate]",
            "[choose]\noptions.labels = [\"A\", \"B\"]\ngold = \"0\"\nmetrics = [\"acc\"]\n[generate]",
            "choose: a task has this or generate, not both",
        ),
    ] {
        let said = refusal(from, to);
        assert!(said.contains(expected), "{said}");
    }
    let error = Task::open("gsm9k", NONE).unwrap_err();
    assert!(error.to_string().contains("gsm8k_cot_zeroshot"), "{error}");
    let error = Task::open("no/such.toml", NONE).unwrap_err();
    assert!(error.to_string().starts_with("no/such.toml: "), "{error}");
}

#[test]
fn a_row_that_lacks_what_is_asked_is_named() {
    let task = Task::parse("sums.toml", TASK, NONE).unwrap();
    for (row, expected) in [
        (
            serde_json::json!({"problem": "1+1", "answer": "2"}),
            "sums.jsonl:2: prompt.question: undefined value",
        ),
        (
            serde_json::json!({"question": "1+1", "answer": ""}),
            "sums.jsonl:2: generate.gold: the scorer `number` finds no answer in it",
        ),
    ] {
        let good = serde_json::json!({"question": "1+1", "answer": 2});
        let error = Items::new(&task, &rows(&[good, row]), None).unwrap_err();
        assert!(!error.is_usage());
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn too_few_examples_are_said() {
    let overrides = Overrides {
        shots: Some(3),
        ..NONE
    };
    let task = Task::parse("sums.toml", TASK, overrides).unwrap();
    let error = ShotSource::open(&task, None, &[]).unwrap_err();
    assert!(
        matches!(error, TaskError::Flag { flag: "shots", .. }),
        "{error}"
    );
    let good = serde_json::json!({"question": "1+1", "answer": 2});
    let source = ShotSource {
        rows: rows(&[good.clone(), good.clone()]),
        holds_items: false,
    };
    let error = Items::new(&task, &rows(&[good]), Some(&source)).unwrap_err();
    let expected = "sums.jsonl: 2 examples, the task shows 3";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_task_of_choices_has_no_use_for_samples() {
    let overrides = Overrides {
        samples: Some(2),
        ..NONE
    };
    let error = Task::open("mmlu", overrides).unwrap_err();
    assert_eq!(
        error.to_string(),
        "--samples: mmlu has the model choose, not write"
    );
}
