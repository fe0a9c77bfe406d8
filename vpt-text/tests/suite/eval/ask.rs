//! Tasks asked of the base that ships.

use burn::backend::Flex;
use serde_json::json;
use std::path::{Path, PathBuf};
use vpt_text::decoder::{Decoder, LoadOptions};
use vpt_text::eval::choice::ChoiceMetric;
use vpt_text::eval::task::{
    Answers, ItemVerdict, Items, Overrides, Row, Rows, Said, Task, ask, verdicts,
};
use vpt_text::tokenizer::Tokenizer;

pub(super) fn base() -> (Decoder<Flex>, Tokenizer) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/headline/base");
    let (learner, _) =
        Decoder::load(&folder, &LoadOptions::default(), &Default::default()).unwrap();
    let tokenizer = Tokenizer::from_file(&folder.join("tokenizer.json"), None).unwrap();
    (learner, tokenizer)
}

pub(super) fn rows(count: usize, fields: impl Fn(usize) -> serde_json::Value) -> Rows {
    let row = |index| Row {
        line: index + 1,
        fields: fields(index).as_object().unwrap().clone(),
    };
    Rows {
        path: PathBuf::from("made up"),
        rows: (0..count).map(row).collect(),
    }
}

/// Sums of different lengths, so that batches need padding.
pub(super) fn sums(count: usize) -> Rows {
    rows(count, |i| {
        let terms: Vec<String> = (0..2 + i % 3)
            .map(|j| ((i * 3 + j * 5) % 9).to_string())
            .collect();
        json!({
            "problem": format!("What is {}?", terms.join("+")),
            "answer": terms.iter().map(|t| t.parse::<usize>().unwrap()).sum::<usize>().to_string(),
        })
    })
}

fn asked(overrides: Overrides, rows: &Rows, batch: usize, task: &str) -> (Task, Items, Answers) {
    let (learner, tokenizer) = base();
    let task = Task::open(task, overrides).unwrap();
    let items = Items::new(&task, rows, None).unwrap();
    let answers = ask(&learner, &tokenizer, &task, &items, 7, batch).unwrap();
    (task, items, answers)
}

#[test]
fn no_completion_depends_on_the_batch() {
    let sums = sums(11);
    for overrides in [
        Overrides {
            max_new_tokens: Some(24),
            ..Overrides::default()
        },
        Overrides {
            max_new_tokens: Some(12),
            samples: Some(3),
            temperature: Some(0.8),
            top_p: Some(0.9),
            ..Overrides::default()
        },
    ] {
        let of = |batch| {
            let (task, items, answers) = asked(overrides, &sums, batch, "gsm8k-paper");
            verdicts(&task, &items, &answers.said)
        };
        let alone = of(1);
        let said = format!("{alone:?}");
        assert!(
            said.contains('0') || said.contains('1'),
            "it writes numbers"
        );
        assert_eq!(alone, of(3));
        assert_eq!(alone, of(8));
    }
}

#[test]
fn samples_differ_and_one_is_right_or_wrong_by_itself() {
    let overrides = Overrides {
        max_new_tokens: Some(16),
        samples: Some(8),
        temperature: Some(1.0),
        ..Overrides::default()
    };
    let (_, _, answers) = asked(overrides, &sums(2), 16, "gsm8k-paper");
    let Said::Completions(first) = &answers.said[0] else {
        panic!("it writes");
    };
    assert_eq!(first.len(), 8);
    assert!(first.iter().any(|other| other.text != first[0].text));
}

#[test]
fn a_prompt_that_is_too_long_loses_its_first_tokens() {
    let long = rows(2, |i| {
        let times = if i == 0 { 1 } else { 400 };
        json!({ "problem": format!("{}What is 1+2?", "What is 3+4? ".repeat(times)), "answer": 3 })
    });
    let overrides = Overrides {
        max_new_tokens: Some(8),
        ..Overrides::default()
    };
    let (_, _, answers) = asked(overrides, &long, 2, "gsm8k-paper");
    assert_eq!(answers.truncated, 1);
    assert_eq!(answers.said.len(), 2);
}

#[test]
fn no_choice_depends_on_the_batch() {
    let questions = rows(9, |i| {
        let choices: Vec<String> = (0..4).map(|j| (i * 2 + j).to_string()).collect();
        let question = format!("{} What is {i}+{i}? ", "Think. ".repeat(i % 3));
        json!({ "question": question, "choices": choices, "answer": 0, "subject": null })
    });
    for task in ["mmlu", "mmlu_continuation"] {
        let of = |batch| {
            let (task, items, answers) = asked(Overrides::default(), &questions, batch, task);
            verdicts(&task, &items, &answers.said)
        };
        let alone = of(1);
        for batch in [3, 8] {
            for (one, other) in alone.iter().zip(of(batch)) {
                let (
                    ItemVerdict::Chosen {
                        log_likelihoods: a,
                        chosen: one,
                        ..
                    },
                    ItemVerdict::Chosen {
                        log_likelihoods: b,
                        chosen: other,
                        ..
                    },
                ) = (one, &other)
                else {
                    panic!("it chooses");
                };
                assert_eq!(one, other);
                assert!(
                    a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5),
                    "{a:?} {b:?}"
                );
                assert!(a.iter().all(|log_p| *log_p < 0.0));
                assert!(one[&ChoiceMetric::Acc].is_some());
            }
        }
    }
}
