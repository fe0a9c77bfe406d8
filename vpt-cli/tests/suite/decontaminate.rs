//! `vpt data decontaminate`

use super::{Place, lines, printed};
use serde_json::{Value, json};

const QUESTION: &str = "Nadia packs 48 jars of honey into boxes of 6 and sells 5 of the boxes at the \
    fair, then gives 7 jars to her neighbour. How many jars of honey does she have left?";

/// A test set of one problem, and a stream in which the 2nd, 4th and 5th records are like it.
fn place() -> Place {
    let place = Place::new();
    place.write(
        "test.jsonl",
        &lines([json!({ "question": QUESTION, "answer": ["11"] })].into_iter()),
    );
    let other = |i: usize| {
        json!({
            "problem": format!("What is {i}+{i}?"),
            "solution": (2 * i).to_string(),
            "answer": 2 * i,
            "kind": "sum",
            "messages": [{ "role": "user" }],
        })
    };
    let record =
        |problem: &str, solution: &str| json!({ "problem": problem, "solution": solution });
    place.write(
        "stream.jsonl",
        &lines(
            [
                other(1),
                record(&QUESTION.to_uppercase().replace(' ', "  "), "11"),
                other(2),
                record(&QUESTION.replace("7 jars", "9 jars"), "9"),
                record(
                    "Any problem.",
                    &format!("It is as with this one. {QUESTION} Eleven."),
                ),
                other(3),
            ]
            .into_iter(),
        ),
    );
    place
}

const COMMAND: [&str; 8] = [
    "data",
    "decontaminate",
    "--data",
    "stream.jsonl",
    "--against",
    "fair=test.jsonl",
    "--item-column",
    "question",
];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&COMMAND, more].concat()
}

#[test]
fn what_is_removed_is_told_and_the_rest_stays_in_order() {
    let place = place();
    let table = place.stdout(&with(&[
        "--out",
        "clean/a.jsonl.zst",
        "--report",
        "removed.json",
    ]));
    assert!(
        table.contains("6 records: 3 kept, 3 removed (50.00 %)"),
        "{table}"
    );
    let row: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row, ["fair", "1", "1", "3", "3", "1", "1", "1"], "{table}");

    let report: Value = serde_json::from_str(&place.read("removed.json")).unwrap();
    let removed = report["removed"].as_array().unwrap();
    let told: Vec<(u64, &str)> = removed
        .iter()
        .map(|r| (r["line"].as_u64().unwrap(), r["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [(2, "copy"), (4, "jaccard"), (5, "containment")]);
    assert_eq!(removed[1]["file"], "stream.jsonl");
    assert_eq!(
        (&removed[1]["set"], &removed[1]["item"]),
        (&json!("fair"), &json!(1))
    );
    assert_eq!(removed[1]["item_excerpt"], QUESTION);
    // Five of the item's 31 5-grams hold the number that was changed.
    assert_eq!(removed[1]["jaccard"], 26.0 / 36.0);
    assert_eq!(removed[2]["containment"], 1.0);
    assert_eq!(removed[2]["common"][0], "nadia packs 48 jars of");
    assert_eq!(report["lsh"]["bands"], 36);

    // The clean stream is one: nothing is found in it again.
    let again = [
        "data",
        "decontaminate",
        "--data",
        "clean/a.jsonl.zst",
        "--against",
        "fair=test.jsonl",
        "--item-column",
        "question",
        "--out",
        "b.jsonl",
        "--report",
        "again.json",
        "--json",
    ];
    let summary: Value = serde_json::from_str(&place.stdout(&again)).unwrap();
    assert_eq!(
        (&summary["kept"], &summary["removed"]),
        (&json!(3), &json!(0))
    );
    let kept: Vec<Value> = place
        .read("b.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let sums = [2, 4, 6].map(|sum| {
        let half = sum / 2;
        json!({
            "problem": format!("What is {half}+{half}?"),
            "solution": sum.to_string(),
            "answer": sum,
            "kind": "sum",
            "messages": [{ "role": "user" }],
        })
    });
    assert_eq!(kept, sums);
}

#[test]
fn rules_can_be_changed_and_switched_off() {
    let place = place();
    let removed = |more: &[&str]| {
        let args = with(&[&["--dry-run", "--json"], more].concat());
        let summary: Value = serde_json::from_str(&place.stdout(&args)).unwrap();
        let set = &summary["sets"][0];
        ["copy", "jaccard", "containment"].map(|reason| set[reason].as_u64().unwrap())
    };
    assert_eq!(removed(&[]), [1, 1, 1]);
    assert_eq!(removed(&["--candidates", "all"]), [1, 1, 1]);
    assert_eq!(
        removed(&["--jaccard", "0.9", "--containment", "off"]),
        [1, 0, 0]
    );
    assert_eq!(removed(&["--jaccard", "off"]), [1, 0, 2]);
    assert_eq!(removed(&["--within", "problem"]), [1, 1, 0]);
    assert_eq!(removed(&["--numbers", "zero"]), [2, 0, 1]);
    assert_eq!(removed(&["--preset", "gpt3"]), [1, 0, 2]);
    assert_eq!(
        removed(&[
            "--preset",
            "gpt3",
            "--jaccard",
            "0.2",
            "--permutations",
            "64"
        ]),
        [1, 1, 1]
    );
    assert!(!place.path("clean").exists());
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let place = place();
    let refused = |more: &[&str]| place.refused(2, &with(more));
    assert!(refused(&[]).contains("--out"), "{}", refused(&[]));
    assert!(refused(&["--out", "a.jsonl"]).contains("--report"));
    assert!(refused(&["--dry-run", "--against", "test.jsonl"]).contains("NAME=FILE"));
    assert!(
        refused(&["--dry-run", "--against", "fair=other.jsonl"])
            .contains("two sets are called fair")
    );
    assert!(refused(&["--out", "a.parquet", "--report", "r.json"]).contains(".jsonl.zst"));
    let itself = refused(&["--out", "./stream.jsonl", "--report", "r.json"]);
    assert!(itself.contains("is what is read"), "{itself}");
    assert!(refused(&["--dry-run", "--jaccard", "1.5"]).contains("between 0 and 1, not 1.5"));
    assert!(refused(&["--dry-run", "--jaccard", "much"]).contains("`off`"));
    assert!(refused(&["--dry-run", "--ngram", "0"]).contains("ngram must lie between 1 and 64"));
    let off = refused(&["--dry-run", "--jaccard", "off", "--candidates", "all"]);
    assert!(off.contains("Jaccard similarity is off"), "{off}");
    let preset = refused(&["--dry-run", "--punctuation", "none"]);
    assert!(preset.contains("separate"), "{preset}");
}

#[test]
fn what_cannot_be_read_is_named_and_nothing_is_left() {
    let place = place();
    let ends = ["--out", "clean/a.jsonl", "--report", "clean/r.json"];
    let missing = [&COMMAND[..3], &["none.jsonl"], &COMMAND[4..], &ends].concat();
    assert!(place.refused(1, &missing).starts_with("none.jsonl: "));

    let column = [&COMMAND[..6], &ends].concat();
    let line = place.refused(1, &column);
    assert!(
        line.starts_with("test.jsonl:1: no field `problem`"),
        "{line}"
    );

    let mut text = place.read("stream.jsonl");
    text.push_str("{\"problem\": 3}\n");
    place.write("stream.jsonl", &text);
    let line = place.refused(1, &with(&ends));
    assert!(
        line.starts_with("stream.jsonl:7: field `problem`"),
        "{line}"
    );
    let left = std::fs::read_dir(place.path("clean")).map_or(0, Iterator::count);
    assert_eq!(left, 0);
}

#[test]
fn the_stream_that_ships_is_read_by_default() {
    let against = "test=builtin:headline/test.jsonl.gz";
    let args = ["data", "decontaminate", "--against", against, "--dry-run"];
    let table = printed(super::vpt(&args));
    assert!(table.contains("12000 records:"), "{table}");
}
