//! Answers as lm-evaluation-harness's own functions read and compare them (`tests/golden/make_math.py`).

use serde::Deserialize;
use std::path::Path;
use vpt_text::eval::scorer::{Hendrycks, Minerva, Scorer, boxed_answer};

#[derive(Deserialize)]
struct Golden {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    response: String,
    solution: String,
    boxed: Option<String>,
    minerva: ByMinerva,
    hendrycks: ByHendrycks,
}

#[derive(Deserialize)]
struct ByMinerva {
    extracted: String,
    gold: Option<String>,
    right: Option<bool>,
}

#[derive(Deserialize)]
struct ByHendrycks {
    extracted: String,
    right: Option<bool>,
}

fn golden() -> Vec<Item> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/math/scores.json");
    let golden: Golden = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(golden.items.len(), 300);
    golden.items
}

#[test]
fn boxes_are_read_as_the_harness_reads_them() {
    for item in golden() {
        let found = boxed_answer(&item.solution);
        assert_eq!(found, item.boxed.as_deref(), "{:?}", item.solution);
    }
}

#[test]
fn minerva_verdicts_are_the_harnesss_own() {
    for item in golden() {
        let found = Minerva.extract(&item.response).unwrap();
        assert_eq!(found, item.minerva.extracted, "{:?}", item.response);
        let gold = Minerva.gold(&item.solution);
        assert_eq!(gold, item.minerva.gold, "{:?}", item.solution);
        let right = gold.map(|gold| Minerva.is_right(&found, &gold));
        assert_eq!(right, item.minerva.right, "{:?}", item.response);
    }
}

#[test]
fn hendrycks_verdicts_are_the_harnesss_own() {
    for item in golden() {
        let found = Hendrycks.extract(&item.response).unwrap();
        assert_eq!(found, item.hendrycks.extracted, "{:?}", item.response);
        let gold = Hendrycks.gold(&item.solution);
        let right = gold.map(|gold| Hendrycks.is_right(&found, &gold));
        assert_eq!(
            right, item.hendrycks.right,
            "{:?} {:?}",
            item.response, item.solution
        );
    }
}
