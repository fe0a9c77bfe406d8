//! Completions that were made elsewhere, scored.

use super::scorer::INVALID;
use super::statistics::{Mean, mean};
use super::task::{Overrides, Task};
use crate::data::{Columns, DataError, Record, read_records};
use serde::Serialize;
use std::path::Path;
use std::sync::LazyLock;

/// The task whose scorers judge.
static GSM8K: LazyLock<Task> =
    LazyLock::new(|| Task::open("gsm8k", Overrides::default()).expect("the task ships"));

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
    let completion = record.solution;
    let judge = |name| judge(&GSM8K, name, &completion, &gold);
    let (strict_answer, strict) = judge("strict-match");
    let (flexible_answer, flexible) = judge("flexible-extract");
    let (cascade_answer, cascade) = judge("final-answer");
    let shown = |answer: Option<String>| answer.unwrap_or_else(|| INVALID.into());
    Ok(ScoredCompletion {
        strict,
        flexible,
        cascade,
        strict_answer: shown(strict_answer),
        flexible_answer: shown(flexible_answer),
        cascade_answer,
        completion,
        gold,
    })
}

/// The answer that a scorer of `task` finds in `completion`, and whether it is what `gold` holds.
fn judge(task: &Task, name: &str, completion: &str, gold: &str) -> (Option<String>, bool) {
    let Some(scorer) = task.scorer(name) else {
        return (None, false);
    };
    let answer = scorer.extract(completion);
    let right = match (&answer, scorer.gold(gold)) {
        (Some(answer), Some(gold)) => scorer.is_right(answer, &gold),
        _ => false,
    };
    (answer, right)
}
