//! What `vpt bench` prints: its shape, never a time.

use super::{refused, stdout};
use serde_json::Value;

fn numbers(found: &Value, names: &[&str]) {
    for name in names {
        let number = found[name].as_f64();
        assert!(number.is_some_and(f64::is_finite), "{name} in {found}");
    }
}

#[test]
fn overhead_is_table_3() {
    let tiny = ["bench", "overhead", "--preset", "tiny", "--windows", "2"];
    for more in [&["--json"][..], &["--json", "--resident", "--updates", "2"]] {
        let found: Value = serde_json::from_str(&stdout(&[&tiny[..], more].concat())).unwrap();
        numbers(
            &found,
            &[
                "step_time_ratio",
                "tokens_per_second_ratio",
                "value_update_fraction",
                "target_fraction",
            ],
        );
        let share = found["value_update_fraction"].as_f64().unwrap();
        assert!(share > 0.0 && share < 1.0, "{share}");
        assert_eq!(found["tokens_per_step"], 32);
        assert_eq!(found["update_every"], 2);
        for arm in ["baseline", "value"] {
            numbers(&found[arm], &["step_seconds", "tokens_per_second"]);
        }
        if cfg!(target_os = "linux") {
            numbers(&found, &["peak_memory_ratio"]);
            numbers(&found["value"], &["peak_memory_bytes"]);
        }
    }
    let table = stdout(&tiny);
    for said in ["tokens/s", "baseline", "peak_memory_ratio", "paper"] {
        assert!(table.contains(said), "{said} in {table}");
    }
}

#[test]
fn scaling_has_points_and_exponents() {
    let tiny = ["bench", "scaling", "--preset", "tiny", "--rounds", "1"];
    let found = stdout(&[&tiny[..], &["--json"]].concat());
    let found: Vec<Value> = found
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let axes: Vec<&str> = found.iter().filter_map(|f| f["axis"].as_str()).collect();
    let all = [
        "sequence-length",
        "top-k",
        "feedback-batch",
        "subset-depth",
        "vocabulary",
    ];
    assert_eq!(axes, all);
    for axis in &found {
        assert!(axis["points"].as_array().unwrap().len() >= 3);
        numbers(&axis["exponents"], &["step", "target", "update"]);
    }
    let table = stdout(&[&tiny[..], &["--axes", "top-k"]].concat());
    assert!(table.contains("exponent") && !table.contains("vocabulary"));
}

#[test]
fn soak_looks_at_memory_as_it_goes() {
    let tiny = ["bench", "soak", "--steps", "25", "--looks", "5"];
    let found: Value = serde_json::from_str(&stdout(&[&tiny[..], &["--json"]].concat())).unwrap();
    let points = found["points"].as_array().unwrap();
    let steps: Vec<u64> = points.iter().filter_map(|p| p["steps"].as_u64()).collect();
    assert_eq!(steps, [5, 10, 15, 20, 25]);
    if cfg!(target_os = "linux") {
        points.iter().for_each(|point| numbers(point, &["bytes"]));
        numbers(&found, &["growth"]);
    }
    let table = stdout(&tiny);
    assert!(
        table.contains("resident") && table.contains("growth"),
        "{table}"
    );
}

#[test]
fn what_cannot_be_measured_is_refused() {
    for (args, said) in [
        (&["bench", "overhead", "--preset", "large"][..], "large"),
        (&["bench", "overhead", "--windows", "0"], "at least 1"),
        (&["bench", "soak", "--looks", "0"], "at least 1"),
        (&["bench", "scaling", "--axes", "width"], "width"),
        (&["bench", "scaling", "--set", "value.subset=last"], "last"),
    ] {
        let line = refused(2, args);
        assert!(line.contains(said), "{line}");
    }
}
