//! Rows of files with columns that a record has no place for.

use serde_json::json;
use std::path::Path;
use vpt_text::eval::task::Rows;

#[test]
fn lists_in_parquet_are_lists() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/formats");
    let rows = Rows::read(&folder.join("nested.parquet"), None).unwrap();
    let fields: Vec<_> = rows
        .rows
        .iter()
        .map(|row| (row.line, &row.fields))
        .collect();
    let expected = [
        json!({"problem": ["a"], "solution": "c"}),
        json!({"problem": ["b"], "solution": "d"}),
    ];
    let expected = expected.map(|object| object.as_object().unwrap().clone());
    assert_eq!(fields, [(1, &expected[0]), (2, &expected[1])]);
    let error = Rows::read(&folder.join("no.parquet"), None).unwrap_err();
    assert!(error.to_string().contains("no.parquet: "), "{error}");
}
