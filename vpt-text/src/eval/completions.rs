//! Completions that were made elsewhere, scored.

use super::answer::{final_answer, gold_answer, matches};
use super::gsm8k::Filter;
use super::statistics::{Mean, mean};
use crate::data::{Columns, DataError, Record, read_records};
use serde::Serialize;
use std::path::Path;

/// One completion and the verdicts on it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoredCompletion {
    /// lm-evaluation-harness's `strict-match` of GSM8K.
    pub strict: bool,
    /// Its `flexible-extract`.
    pub flexible: bool,
    /// The final answer is the same number, wherever it stands (A.1).
    pub cascade: bool,
    /// What `strict` compared.
    pub strict_answer: String,
    /// What `flexible` compared.
    pub flexible_answer: String,
    /// What `cascade` compared; none where nothing looks like an answer.
    pub cascade_answer: Option<String>,
    /// The completion.
    pub completion: String,
    /// The right answer, as the file has it.
    pub gold: String,
}

/// A file of completions, scored.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoredCompletions {
    /// Share that `strict` takes for right.
    pub strict: Option<Mean>,
    /// Share that `flexible` takes for right.
    pub flexible: Option<Mean>,
    /// Share that `cascade` takes for right.
    pub cascade: Option<Mean>,
    /// In the file's order.
    pub items: Vec<ScoredCompletion>,
}

/// Scores a JSONL file whose lines hold `completion` and `answer`, the final answer or a whole
/// solution that ends in one.
///
/// # Errors
/// A file that cannot be read; a line that is not JSON or lacks a field, by its number.
pub fn score(path: &Path) -> Result<ScoredCompletions, DataError> {
    let columns = Columns {
        problem: "completion".into(),
        solution: "completion".into(),
        ..Columns::default()
    };
    let items = read_records(path, &columns)?
        .into_iter()
        .map(|record| item(path, record))
        .collect::<Result<Vec<_>, _>>()?;
    let share = |right: fn(&ScoredCompletion) -> bool| {
        let scores: Vec<f64> = items
            .iter()
            .map(|i| f64::from(u8::from(right(i))))
            .collect();
        mean(&scores)
    };
    Ok(ScoredCompletions {
        strict: share(|item| item.strict),
        flexible: share(|item| item.flexible),
        cascade: share(|item| item.cascade),
        items,
    })
}

fn item(path: &Path, record: Record) -> Result<ScoredCompletion, DataError> {
    let missing = DataError::MissingField {
        path: path.into(),
        line: record.line,
        field: "answer".into(),
        present: vec!["completion".into()],
    };
    let gold = record.answer.clone().ok_or(missing)?;
    let completion = &record.solution;
    let cascade_answer = final_answer(completion);
    // Only the answer column is gold: the completion is what is scored.
    let solved = gold_answer(&Record {
        answer: Some(gold.clone()),
        ..Record::default()
    });
    let cascade = match (&cascade_answer, &solved) {
        (Some(answer), Some(gold)) => matches(answer, gold),
        _ => false,
    };
    Ok(ScoredCompletion {
        strict: Filter::Strict.is_right(completion, &gold),
        flexible: Filter::Flexible.is_right(completion, &gold),
        cascade,
        strict_answer: Filter::Strict.extract(completion).to_owned(),
        flexible_answer: Filter::Flexible.extract(completion).to_owned(),
        cascade_answer,
        completion: record.solution,
        gold,
    })
}
