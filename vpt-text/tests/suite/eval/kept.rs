//! Evaluations that are interrupted after any batch, and go on.

use super::ask::{base, rows, sums};
use burn::backend::Flex;
use serde_json::json;
use std::cell::Cell;
use std::fs;
use std::path::Path;
use vpt_text::eval::task::{Answers, Asking, Items, Kept, Overrides, Rows, Task};

struct Place {
    _folder: tempfile::TempDir,
    part: std::path::PathBuf,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let part = folder.path().join("result.json.part");
    Place {
        _folder: folder,
        part,
    }
}

/// A task with its items, asked `batch` at a time.
struct Case {
    task: Task,
    items: Items,
    batch: usize,
}

impl Case {
    fn new(task: &str, overrides: Overrides, rows: &Rows, batch: usize) -> Self {
        let task = Task::open(task, overrides).unwrap();
        let items = Items::new(&task, rows, None).unwrap();
        Self { task, items, batch }
    }

    /// Goes on for `batches` more; none where that was not enough.
    fn go_on(&self, part: &Path, batches: usize) -> Option<Answers> {
        let (learner, tokenizer) = base();
        let asking: Asking<'_, Flex> =
            Asking::new(&learner, &tokenizer, &self.task, &self.items, 7, self.batch).unwrap();
        let mut kept = Kept::open(part, &json!(1), &[("test", &self.items)]).unwrap();
        let asked = Cell::new(0);
        let ends = || {
            asked.set(asked.get() + 1);
            asked.get() >= batches
        };
        let answers = asking.go_on(&mut kept, 0, &ends).unwrap();
        if answers.is_some() {
            kept.remove().unwrap();
        }
        answers
    }
}

/// Samples that straddle batches, choices of which one batch rates some, and choices that are rated
/// after nothing long before they are after their prompts.
fn cases() -> [Case; 3] {
    let samples = Overrides {
        max_new_tokens: Some(8),
        samples: Some(3),
        temperature: Some(0.8),
        ..Overrides::default()
    };
    let questions = rows(5, |i| {
        let choices: Vec<String> = (0..4).map(|j| (i * 2 + j).to_string()).collect();
        let question = format!("{} What is {i}+{i}? ", "Think. ".repeat(i % 3));
        json!({ "question": question, "choices": choices, "answer": 0, "subject": null })
    });
    [
        Case::new("gsm8k-paper", samples, &sums(7), 4),
        Case::new("mmlu", Overrides::default(), &questions, 3),
        Case::new("mmlu_continuation", Overrides::default(), &questions, 4),
    ]
}

#[test]
fn what_is_said_is_the_same_to_the_bit_however_often_it_is_interrupted() {
    // A batch that is done in part is asked again, so each time must reach one that is done.
    let reach: [&[usize]; 3] = [&[2, 3], &[2, 3], &[7]];
    for (case, reach) in cases().iter().zip(reach) {
        let whole = case.go_on(&place().part, usize::MAX).unwrap();
        assert_eq!(whole.said.len(), case.items.items.len());
        for &batches in reach {
            let place = place();
            let mut parts = 0;
            let answers = loop {
                parts += 1;
                match case.go_on(&place.part, batches) {
                    Some(answers) => break answers,
                    None => assert!(place.part.exists()),
                }
                // A process that was killed while it wrote.
                let mut text = fs::read(&place.part).unwrap();
                text.extend(b"{\"settings\":\"12");
                fs::write(&place.part, text).unwrap();
                assert!(parts < 20, "it goes on");
            };
            assert!(parts > 1);
            assert_eq!(answers.said, whole.said);
            assert_eq!(answers.settings, whole.settings);
            assert!(!place.part.exists());
        }
    }
}

#[test]
fn a_file_of_something_else_is_refused_in_one_line() {
    let place = place();
    let [case, other, _] = cases();
    assert!(case.go_on(&place.part, 2).is_none());
    let refused = |settings: u32, name: &str, items: &Items| {
        let error = Kept::open(&place.part, &json!(settings), &[(name, items)]);
        let line = error.err().unwrap().to_string();
        let (path, said) = line.split_once(": ").unwrap();
        assert_eq!(path, place.part.to_str().unwrap());
        said.to_owned()
    };
    for (settings, name, items) in [
        (2, "test", &case.items),
        (1, "train", &case.items),
        (1, "test", &other.items),
    ] {
        let said = refused(settings, name, items);
        assert!(said.starts_with("holds items that were asked otherwise"));
    }
    let open = Kept::open(&place.part, &json!(1), &[("test", &case.items)]).unwrap();
    assert!(open.count() > 0);
    let said = refused(1, "test", &case.items);
    assert_eq!(said, "another vpt is at work on it");
    drop(open);
    let kept = fs::read_to_string(&place.part).unwrap();
    let moved = kept.replacen("\"item\":", "\"item\":9", 1);
    fs::write(&place.part, moved).unwrap();
    let said = refused(1, "test", &case.items);
    assert!(
        said.starts_with("line 1 is about none of the prompts"),
        "{said}"
    );
    fs::write(&place.part, format!("{kept}[]\n")).unwrap();
    let said = refused(1, "test", &case.items);
    assert!(said.ends_with("is no item of an evaluation"), "{said}");
}
