//! Verdicts of lm-evaluation-harness's own functions (`tests/golden/make_gsm8k.py`).

use serde::Deserialize;
use std::path::Path;
use vpt_text::eval::task::{Overrides, Task};

#[derive(Deserialize)]
struct Golden {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    response: String,
    gold: String,
    strict: Verdict,
    flexible: Verdict,
}

#[derive(Deserialize)]
struct Verdict {
    extracted: String,
    right: bool,
}

#[test]
fn verdicts_are_the_harnesss_own() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/gsm8k/scores.json");
    let golden: Golden = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(golden.items.len(), 500);
    let task = Task::open("gsm8k", Overrides::default()).unwrap();
    for item in &golden.items {
        let pairs = [
            ("strict-match", &item.strict),
            ("flexible-extract", &item.flexible),
        ];
        for (name, theirs) in pairs {
            let (response, gold) = (&item.response, &item.gold);
            let scorer = task.scorer(name).unwrap();
            let found = scorer.extract(response).unwrap();
            assert_eq!(found, theirs.extracted, "{response:?}");
            let right = scorer.is_right(&found, gold);
            assert_eq!(right, theirs.right, "{name} {response:?} {gold:?}");
        }
    }
}
