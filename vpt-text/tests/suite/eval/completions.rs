//! Files of ready completions.

use serde_json::{Value, json};
use std::io::Write;
use vpt_text::eval::completions::{ScoredCompletions, score};

fn scored(lines: &[Value]) -> Result<ScoredCompletions, String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for line in lines {
        writeln!(file, "{line}").unwrap();
    }
    score(file.path()).map_err(|error| error.to_string())
}

#[test]
fn three_readings_of_one_completion() {
    let found = scored(&[
        json!({"completion": "We get 18.\n#### 18", "answer": "18"}),
        json!({"completion": "It is \\boxed{18}.", "answer": "So it is 18.\n#### 18"}),
        json!({"completion": "#### 18.00", "answer": 18}),
        json!({"completion": "no idea", "answer": "18"}),
    ])
    .unwrap();
    let verdicts: Vec<_> = found
        .items
        .iter()
        .map(|item| (item.strict, item.flexible, item.cascade))
        .collect();
    let expected = [
        (true, true, true),
        (false, true, true),
        (false, false, true),
        (false, false, false),
    ];
    assert_eq!(verdicts, expected);
    assert_eq!(found.items[1].strict_answer, "[invalid]");
    assert_eq!(found.items[3].cascade_answer, None);
    let share = |mean: Option<vpt_text::eval::statistics::Mean>| mean.unwrap().mean;
    assert_eq!(share(found.strict), 0.25);
    assert_eq!(share(found.flexible), 0.5);
    assert_eq!(share(found.cascade), 0.75);
}

#[test]
fn a_line_that_lacks_a_field_is_named() {
    let whole = json!({"completion": "7", "answer": "7"});
    let error = scored(&[whole, json!({"completion": "7"})]).unwrap_err();
    assert!(
        error.contains(":2: ") && error.contains("answer"),
        "{error}"
    );
    let error = scored(&[json!({"answer": "7"})]).unwrap_err();
    assert!(
        error.contains(":1: ") && error.contains("completion"),
        "{error}"
    );
}
