//! Scores as a file: JSON for reading, safetensors for loading.

use super::{DocumentValues, ValueTotals};
use crate::task::LabelScores;
use safetensors::tensor::{Dtype, TensorView};
use serde::Serialize;
use std::collections::HashMap;
use std::path::Path;

/// Scores of some texts. The lists are by text, then by scored token, which are all of a text's
/// tokens but the first, or those of its answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ScoreReport {
    /// The record of each text in its file, from 0, where some records were left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records: Option<Vec<usize>>,
    /// Ids of the scored tokens, where texts were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Vec<Vec<u32>>>,
    /// The text of each; a token that holds a part of a character has U+FFFD.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Vec<Vec<String>>>,
    /// log p of the token given those before it, in nats.
    pub logprobs: Vec<Vec<f64>>,
    /// With feedback.
    #[serde(flatten)]
    pub value: Option<ValueReport>,
}

/// What tokens are worth: lists as in [`ScoreReport`], then by candidate or slot.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ValueReport {
    /// V_t = c(t, y_t) of the token that is there: the value of the position under next-token
    /// prediction.
    pub value: Vec<Vec<f64>>,
    /// Ids of the learner's K best tokens, best first.
    pub candidates: Vec<Vec<Vec<u32>>>,
    /// Their log p, in nats.
    pub candidate_logprobs: Vec<Vec<Vec<f64>>>,
    /// Their c(t, k).
    pub candidate_values: Vec<Vec<Vec<f64>>>,
    /// q of greatest V: the label, then the candidates.
    pub oracle_hard: Vec<Vec<Vec<f64>>>,
    /// q with p ∝ p_θ·exp(c/σ): the label, then the candidates.
    pub oracle_soft: Vec<Vec<Vec<f64>>>,
    /// Of all texts together.
    pub totals: Totals,
}

/// [`ValueTotals`] with what they were measured along.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Totals {
    /// V and σ.
    #[serde(flatten)]
    pub value: ValueTotals,
    /// α_max of the oracles.
    pub alpha_max: f64,
    /// S, as `value.subset` names it.
    pub subset: String,
    /// ‖g_down‖ over S.
    pub g_down_norm: f64,
    /// L_down: the mean NLL of the feedback's answers, in nats a token.
    pub feedback_loss: f64,
    /// Labelled items that g_down was taken on.
    pub feedback_items: usize,
    /// Their answer tokens.
    pub feedback_tokens: usize,
}

impl ScoreReport {
    /// Log-probabilities alone.
    pub fn plain(scores: Vec<LabelScores>) -> Self {
        Self {
            logprobs: scores.into_iter().map(|s| s.log_probability).collect(),
            ..Self::default()
        }
    }

    /// Log-probabilities and values of `documents`.
    pub fn valued(documents: Vec<DocumentValues>, totals: Totals) -> Self {
        let mut logprobs = vec![];
        let mut value = ValueReport {
            totals,
            ..ValueReport::default()
        };
        for document in documents {
            let (label, candidates) = apart(document.log_p);
            logprobs.push(label);
            value.candidate_logprobs.push(candidates);
            let (label, candidates) = apart(document.values);
            value.value.push(label);
            value.candidate_values.push(candidates);
            value.candidates.push(apart(document.slots).1);
            value.oracle_hard.push(document.oracle_hard);
            value.oracle_soft.push(document.oracle_soft);
        }
        Self {
            logprobs,
            value: Some(value),
            ..Self::default()
        }
    }
}

/// The label's column, and the candidates'.
fn apart<T: Copy>(rows: Vec<Vec<T>>) -> (Vec<T>, Vec<Vec<T>>) {
    let split = |mut row: Vec<T>| (!row.is_empty()).then(|| (row.remove(0), row));
    rows.into_iter().filter_map(split).unzip()
}

/// A report that could not be written as bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// As JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// As safetensors.
    #[error(transparent)]
    Safetensors(#[from] safetensors::SafeTensorError),
}

/// The two kinds of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportFormat {
    /// One object.
    Json,
    /// Flat arrays with row offsets.
    Safetensors,
}

impl ReportFormat {
    /// By the ending of a file's name; none for any other.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "json" => Some(Self::Json),
            "safetensors" => Some(Self::Safetensors),
            _ => None,
        }
    }
}

impl ScoreReport {
    /// The report as a file of `format`.
    ///
    /// Safetensors hold text i of n in the rows `offsets[i]..offsets[i + 1]` of every other array;
    /// integers are I64 and numbers F32. `totals` are JSON in the file's metadata; the text of
    /// tokens is left out.
    ///
    /// # Errors
    /// What the format's writer refuses.
    pub fn to_bytes(&self, format: ReportFormat) -> Result<Vec<u8>, ReportError> {
        match format {
            ReportFormat::Json => Ok(serde_json::to_vec(self)?),
            ReportFormat::Safetensors => self.to_safetensors(),
        }
    }

    fn to_safetensors(&self) -> Result<Vec<u8>, ReportError> {
        let mut arrays = vec![];
        let mut end = 0;
        let ends = self.logprobs.iter().map(|text| {
            end += text.len();
            end as i64
        });
        let offsets: Vec<i64> = std::iter::once(0).chain(ends).collect();
        arrays.push(Array::of_integers("offsets", offsets));
        arrays.push(Array::of_numbers("logprobs", self.logprobs.concat()));
        if let Some(records) = &self.records {
            let records = records.iter().map(|&record| record as i64);
            arrays.push(Array::of_integers("records", records.collect()));
        }
        if let Some(tokens) = &self.tokens {
            let tokens = tokens.iter().flatten().map(|&id| i64::from(id));
            arrays.push(Array::of_integers("tokens", tokens.collect()));
        }
        let mut metadata = HashMap::new();
        if let Some(value) = &self.value {
            metadata.insert("totals".to_owned(), serde_json::to_string(&value.totals)?);
            arrays.push(Array::of_numbers("value", value.value.concat()));
            let ids = value.candidates.concat();
            let width = ids.first().map_or(0, Vec::len);
            let ids = ids.concat().into_iter().map(i64::from).collect();
            arrays.push(Array::of_integers("candidates", ids).wide(width));
            for (name, rows) in [
                ("candidate_logprobs", &value.candidate_logprobs),
                ("candidate_values", &value.candidate_values),
                ("oracle_hard", &value.oracle_hard),
                ("oracle_soft", &value.oracle_soft),
            ] {
                let rows = rows.concat();
                let width = rows.first().map_or(0, Vec::len);
                arrays.push(Array::of_numbers(name, rows.concat()).wide(width));
            }
        }
        let views = arrays.iter().map(|array| Ok((array.name, array.view()?)));
        let views: Vec<_> = views.collect::<Result<_, ReportError>>()?;
        Ok(safetensors::serialize(views, Some(metadata))?)
    }
}

/// An array as safetensors store it.
struct Array {
    name: &'static str,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Array {
    fn of_integers(name: &'static str, values: Vec<i64>) -> Self {
        Self {
            name,
            dtype: Dtype::I64,
            shape: vec![values.len()],
            bytes: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        }
    }

    fn of_numbers(name: &'static str, values: Vec<f64>) -> Self {
        let bytes = values.iter().flat_map(|v| (*v as f32).to_le_bytes());
        Self {
            name,
            dtype: Dtype::F32,
            shape: vec![values.len()],
            bytes: bytes.collect(),
        }
    }

    /// In rows of `width`.
    fn wide(mut self, width: usize) -> Self {
        let count: usize = self.shape.iter().product();
        self.shape = vec![count / width.max(1), width];
        self
    }

    fn view(&self) -> Result<TensorView<'_>, ReportError> {
        Ok(TensorView::new(
            self.dtype,
            self.shape.clone(),
            &self.bytes,
        )?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::SafeTensors;
    use serde_json::json;

    fn report() -> ScoreReport {
        let values = |x: f64| DocumentValues {
            slots: vec![vec![7, 3, 7], vec![5, 5, 1]],
            log_p: vec![vec![-1.0 - x, -0.5, -1.0], vec![-0.25, -0.25, -2.0]],
            values: vec![vec![x, 1.5, x], vec![-2.0, -2.0, 0.5]],
            oracle_hard: vec![vec![0.5, 0.5, 0.0], vec![0.5, 0.0, 0.5]],
            oracle_soft: vec![vec![0.5, 0.25, 0.25], vec![0.5, 0.25, 0.25]],
        };
        let totals = Totals {
            subset: "all".into(),
            ..Totals::default()
        };
        let documents = vec![values(0.0), DocumentValues::default(), values(3.0)];
        ScoreReport {
            records: Some(vec![0, 2, 3]),
            tokens: Some(vec![vec![7, 5], vec![], vec![7, 5]]),
            text: Some(vec![vec!["a".into(), "b".into()], vec![], vec!["a".into()]]),
            ..ScoreReport::valued(documents, totals)
        }
    }

    #[test]
    fn ids_alone_give_log_probabilities_alone() {
        let report = ScoreReport {
            logprobs: vec![vec![-0.5, -1.25], vec![]],
            ..ScoreReport::default()
        };
        let bytes = report.to_bytes(ReportFormat::Json).unwrap();
        assert_eq!(bytes, br#"{"logprobs":[[-0.5,-1.25],[]]}"#);
    }

    #[test]
    fn json_is_by_text_and_position() {
        let bytes = report().to_bytes(ReportFormat::Json).unwrap();
        let found: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(found["logprobs"], json!([[-1.0, -0.25], [], [-4.0, -0.25]]));
        assert_eq!(found["value"], json!([[0.0, -2.0], [], [3.0, -2.0]]));
        assert_eq!(found["candidates"][2], json!([[3, 7], [5, 1]]));
        assert_eq!(
            found["candidate_values"][0],
            json!([[1.5, 0.0], [-2.0, 0.5]])
        );
        assert_eq!(found["oracle_hard"][0][0], json!([0.5, 0.5, 0.0]));
        assert_eq!(found["totals"]["subset"], "all");
        assert_eq!(found["totals"]["v_ntp"], 0.0);
    }

    #[test]
    fn safetensors_are_flat_with_offsets() {
        let bytes = report().to_bytes(ReportFormat::Safetensors).unwrap();
        let found = SafeTensors::deserialize(&bytes).unwrap();
        let integers = |name: &str| -> Vec<i64> {
            let view = found.tensor(name).unwrap();
            let words = view.data().chunks_exact(8);
            words
                .map(|w| i64::from_le_bytes(w.try_into().unwrap()))
                .collect()
        };
        let numbers = |name: &str| -> Vec<f32> {
            let view = found.tensor(name).unwrap();
            let words = view.data().chunks_exact(4);
            words
                .map(|w| f32::from_le_bytes(w.try_into().unwrap()))
                .collect()
        };
        let shape = |name: &str| found.tensor(name).unwrap().shape().to_vec();
        assert_eq!(integers("offsets"), [0, 2, 2, 4]);
        assert_eq!(integers("records"), [0, 2, 3]);
        assert_eq!(integers("tokens"), [7, 5, 7, 5]);
        assert_eq!(numbers("logprobs"), [-1.0, -0.25, -4.0, -0.25]);
        assert_eq!(integers("candidates"), [3, 7, 5, 1, 3, 7, 5, 1]);
        assert_eq!(shape("candidates"), [4, 2]);
        assert_eq!(shape("candidate_values"), [4, 2]);
        assert_eq!(shape("oracle_soft"), [4, 3]);
        assert_eq!(numbers("value"), [0.0, -2.0, 3.0, -2.0]);
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let totals = &header.metadata().as_ref().unwrap()["totals"];
        assert!(totals.contains(r#""subset":"all""#), "{totals}");
        // Nothing at all is a file, too.
        let empty = ScoreReport::default().to_bytes(ReportFormat::Safetensors);
        let empty = empty.unwrap();
        assert_eq!(SafeTensors::deserialize(&empty).unwrap().len(), 2);
    }
}
