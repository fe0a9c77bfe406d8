//! One corpus in every format, written by pyarrow, zstandard and gzip (`tests/golden/make_formats.py`).

use super::{FILES, golden};
use serde::Deserialize;
use serde_json::{Value, json};
use std::fs;
use vpt_text::data::{Columns, DataError, Filter, Record, Records, read_records, shards};

#[derive(Deserialize)]
struct Expected {
    source: String,
    problem: String,
    solution: String,
    answer: Option<i64>,
    level: String,
    hard: bool,
}

fn expected() -> Vec<Expected> {
    let json = fs::read_to_string(golden("expected.json")).unwrap();
    serde_json::from_str(&json).unwrap()
}

fn columns() -> Columns {
    Columns {
        kind: "source".into(),
        ..Columns::default()
    }
}

fn record((index, row): (usize, &Expected)) -> Record {
    Record {
        problem: row.problem.clone(),
        solution: row.solution.clone(),
        answer: row.answer.map(|number| number.to_string()),
        kind: Some(row.source.clone()),
        line: index + 1,
        plain: false,
    }
}

#[test]
fn every_format_holds_the_same_records() {
    let rows = expected();
    let expected: Vec<Record> = rows.iter().enumerate().map(record).collect();
    for name in FILES {
        assert_eq!(
            read_records(&golden(name), &columns()).unwrap(),
            expected,
            "{name}"
        );
    }
}

/// Of the golden files' rows all columns are kept, `messages` included, in the files' order.
#[test]
fn rows_are_kept_whole() {
    let rows: Vec<Value> =
        serde_json::from_str(&fs::read_to_string(golden("expected.json")).unwrap()).unwrap();
    let filter: Filter = "hard == 'true'".parse().unwrap();
    let taken: Vec<&Value> = rows.iter().filter(|row| row["hard"] == true).collect();
    for name in FILES {
        let open = || Records::open(vec![golden(name)], &columns(), Some(filter.clone()));
        let mut records = open().keep_rows();
        for row in &taken {
            records.next().unwrap().unwrap();
            let kept = records.row().unwrap();
            let mut expected = (*row).clone();
            if name.ends_with(".parquet") {
                let problem = &expected["problem"];
                expected["messages"] = json!([{ "content": problem, "role": "user" }]);
                assert!(kept.starts_with("{\"source\":\""), "{kept}");
                assert!(kept.ends_with(",\"hard\":true}"), "{kept}");
            }
            assert_eq!(serde_json::from_str::<Value>(kept).unwrap(), expected);
        }
        assert!(records.next().is_none());
        let mut plain = open();
        plain.next().unwrap().unwrap();
        assert_eq!(plain.row(), None, "not asked for");
    }
    let paragraphs = vec![golden("paragraphs.txt.zst")];
    let mut records = Records::open(paragraphs, &Columns::default(), None).keep_rows();
    let record = records.next().unwrap().unwrap();
    let row = json!({ "solution": record.solution });
    assert_eq!(records.row(), Some(row.to_string().as_str()));
}

/// Lines are kept as they are written: blanks, order, numbers, a field named twice.
#[test]
fn lines_are_kept_to_the_letter() {
    let lines = [
        r#"{ "z": 1.10, "solution":"s",  "a": {"c": 1e2, "b": null}, "problem": "\u00e9" }"#,
        r#"{"problem":"p","solution":"s","answer":12345678901234567890123,"x":1,"x":2}"#,
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    fs::write(&path, format!("\u{feff}\n{}\r\n\n  {}", lines[0], lines[1])).unwrap();
    let mut records = Records::open(vec![path], &Columns::default(), None).keep_rows();
    for line in lines {
        records.next().unwrap().unwrap();
        assert_eq!(records.row(), Some(line));
    }
}

#[test]
fn formats_are_known_by_their_first_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("corpus");
    for name in FILES {
        fs::copy(golden(name), &path).unwrap();
        assert_eq!(
            read_records(&path, &columns()).unwrap().len(),
            61,
            "{name} without its name"
        );
    }
}

#[test]
fn paragraphs_are_plain_text() {
    let rows = expected();
    let records = read_records(&golden("paragraphs.txt.zst"), &Columns::default()).unwrap();
    let texts: Vec<&str> = records.iter().map(|r| r.solution.as_str()).collect();
    let problems: Vec<&str> = rows.iter().map(|r| r.problem.as_str()).collect();
    assert_eq!(texts, problems);
    assert!(records.iter().all(|r| r.plain && r.problem.is_empty()));
    let mut line = 1;
    for (record, row) in records.iter().zip(&rows) {
        assert_eq!(record.line, line);
        line += row.problem.lines().count() + 1;
    }
}

#[test]
fn a_text_column_is_plain_text() {
    let columns = Columns {
        problem: String::new(),
        solution: "problem".into(),
        ..Columns::default()
    };
    for name in ["zstd.parquet", "members.jsonl.gz"] {
        let records = read_records(&golden(name), &columns).unwrap();
        assert!(records[3].plain && records[3].problem.is_empty());
        assert_eq!(records[3].solution, expected()[3].problem);
    }
}

#[test]
fn filters_leave_out_and_count() {
    let rows = expected();
    type Keep = fn(&Expected) -> bool;
    let cases: [(&str, Keep); 5] = [
        ("source != 'gsm8k'", |r| r.source != "gsm8k"),
        ("source in ['gsm8k', 'cn_k12'] and level == '1'", |r| {
            ["gsm8k", "cn_k12"].contains(&r.source.as_str()) && r.level == "1"
        }),
        ("hard == 'true'", |r| r.hard),
        ("answer not in ['1']", |r| r.answer != Some(1)),
        ("source == 'no such'", |_| false),
    ];
    for (text, keep) in cases {
        let filter: Filter = text.parse().unwrap();
        for name in FILES {
            let mut records = Records::open(vec![golden(name)], &columns(), Some(filter.clone()));
            let found: Vec<Record> = records.by_ref().map(Result::unwrap).collect();
            let numbered = rows.iter().enumerate().filter(|(_, row)| keep(row));
            let expected: Vec<Record> = numbered.map(record).collect();
            assert_eq!(records.filtered(), rows.len() - expected.len(), "{text}");
            assert_eq!(found, expected, "{text} of {name}");
        }
    }
}

#[test]
fn shards_follow_one_another() {
    let files = shards(&golden("[fm]*.jsonl.*")).unwrap();
    assert_eq!(files.len(), 2);
    let mut records = Records::open(files, &columns(), None);
    let mut seen = Vec::new();
    while let Some(record) = records.next() {
        let name = records.path().unwrap().file_name().unwrap().to_owned();
        seen.push((name, record.unwrap().line));
    }
    assert_eq!(seen.len(), 122);
    assert_eq!(seen[61], ("members.jsonl.gz".into(), 1));
}

/// The line with which a file of these bytes is refused.
fn refused(name: &str, bytes: &[u8], columns: &Columns) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let error = read_records(&path, columns).unwrap_err();
    let message = error.to_string();
    let (_, said) = message.split_once(name).expect("names the file");
    said.to_owned()
}

#[test]
fn truncated_files_are_refused_by_name() {
    for name in FILES {
        let bytes = fs::read(golden(name)).unwrap();
        for keep in [bytes.len() - 1, bytes.len() / 2] {
            let said = refused(name, &bytes[..keep], &columns());
            let known = said.starts_with(": after 0 rows: ")
                || said.starts_with(": Zstandard stream broken after ")
                || said.starts_with(": gzip stream broken after ");
            assert!(known, "{name}{said}");
        }
    }
    let bytes = fs::read(golden("paragraphs.txt.zst")).unwrap();
    let said = refused("a.txt.zst", &bytes[..bytes.len() - 2], &columns());
    assert!(said.starts_with(": Zstandard stream broken"), "{said}");
    let said = refused("a.parquet", b"", &columns());
    assert!(said.starts_with(": after 0 rows: "), "{said}");
}

#[test]
fn columns_that_no_record_is_made_of() {
    let asked = |problem: &str, solution: &str| Columns {
        problem: problem.into(),
        solution: solution.into(),
        ..Columns::default()
    };
    let bytes = |name| fs::read(golden(name)).unwrap();
    for (name, columns, expected) in [
        (
            "nested.parquet",
            Columns::default(),
            ": column `problem` holds nested values",
        ),
        (
            "plain.parquet",
            asked("messages", "solution"),
            ": column `messages` holds nested values",
        ),
        (
            "plain.parquet",
            asked("problem", "answer"),
            ":1: field `answer` must be a string, found null",
        ),
        (
            "plain.parquet",
            asked("question", "solution"),
            ":1: no field `question`; it has `answer`, `solution`",
        ),
        (
            "plain.parquet",
            asked("hard", "solution"),
            ":1: field `hard` must be a string, found a boolean",
        ),
    ] {
        assert_eq!(refused(name, &bytes(name), &columns), expected);
    }
    let said = refused("lz4.parquet", &bytes("lz4.parquet"), &columns());
    assert!(said.contains("lz4"), "{said}");
}

#[test]
fn a_filter_on_a_column_that_is_not_there_is_an_error() {
    let filter: Filter = "sorce != 'gsm8k'".parse().unwrap();
    for name in FILES {
        let mut records = Records::open(vec![golden(name)], &columns(), Some(filter.clone()));
        let error = records.next().unwrap().unwrap_err();
        assert!(
            matches!(&error, DataError::MissingField { field, .. } if field == "sorce"),
            "{error}"
        );
        assert!(records.next().is_none(), "nothing comes after an error");
    }
}

#[test]
fn empty_shards_are_passed_over_unless_all_are() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("a.jsonl");
    fs::write(&empty, "\n").unwrap();
    let files = vec![empty.clone(), golden("snappy.parquet")];
    assert_eq!(Records::open(files, &columns(), None).count(), 61);
    let mut records = Records::open(vec![empty.clone(), empty], &columns(), None);
    let error = records.next().unwrap().unwrap_err();
    assert!(matches!(error, DataError::NoRecords { .. }), "{error}");
}

/// Damage may go unseen in a page without a checksum; it must not bring the program down.
#[test]
fn flipped_bytes_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.parquet");
    for name in ["snappy.parquet", "zstd.parquet", "plain.parquet"] {
        let whole = fs::read(golden(name)).unwrap();
        for at in (0..whole.len()).step_by(5) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at / 5 % 8);
            fs::write(&path, &bytes).unwrap();
            let _ = Records::open(vec![path.clone()], &columns(), None).count();
        }
    }
}
