//! Verdicts of lm-evaluation-harness's own functions (`tests/golden/make_gsm8k.py`).

use serde::Deserialize;
use std::path::Path;
use vpt_text::eval::gsm8k::Filter;

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
    for item in &golden.items {
        let pairs = [
            (Filter::Strict, &item.strict),
            (Filter::Flexible, &item.flexible),
        ];
        for (filter, theirs) in pairs {
            let (response, gold) = (&item.response, &item.gold);
            assert_eq!(filter.extract(response), theirs.extracted, "{response:?}");
            let right = filter.is_right(response, gold);
            assert_eq!(right, theirs.right, "{filter:?} {response:?} {gold:?}");
        }
    }
}
