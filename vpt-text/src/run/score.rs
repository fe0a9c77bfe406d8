//! Given texts under a model: log-probabilities, and with feedback what each token is worth.

use super::RunError;
use super::assemble::{Reader, check_value};
use super::learns::{SUBSET, chosen};
use super::standalone::{Model, open_learner};
use crate::config::RunConfig;
use crate::data::{Counts, Document, Formatter, Template, read_records};
use crate::decoder::{Decoder, LoadNotes};
use crate::score::{
    ScoreReport, Totals, Valuation, answer_scores, feedback_gradient, token_values,
};
use crate::tokenizer::{Tokenizer, TokenizerError};
use burn::tensor::backend::Backend;
use std::path::Path;
use vpt_core::run::locate;

/// What is scored.
#[derive(Clone, Copy, Debug)]
pub enum Texts<'a> {
    /// A JSON file: a list of lists of token ids.
    Tokens(&'a Path),
    /// Labelled records, of which the answers are scored; a path as a config has it.
    Labelled(&'a str),
    /// Texts as they stand.
    Plain(&'a [String]),
}

/// The labelled set that g_down is taken on.
#[derive(Clone, Copy, Debug)]
pub struct FeedbackOptions<'a> {
    /// Its file; a path as a config has it.
    pub file: &'a str,
    /// How many items to draw from it; all where there is none.
    pub batch: Option<usize>,
}

/// Texts that were scored.
pub struct Scored {
    /// What was found.
    pub report: ScoreReport,
    /// Of labelled records, what was left out.
    pub counts: Option<Counts>,
    /// What was noticed while loading the model.
    pub notes: LoadNotes,
}

/// Scores `texts` under the model of `config`.
///
/// # Errors
/// A model or file that cannot be used, or a text that the model cannot take.
pub fn score<B: Backend>(
    config: &RunConfig,
    texts: Texts<'_>,
    feedback: Option<FeedbackOptions<'_>>,
    device: &B::Device,
) -> Result<Scored, RunError> {
    // Ids alone need no tokenizer, and a checkpoint may come without one.
    if let (Texts::Tokens(file), None) = (texts, feedback) {
        let (learner, notes) = open_learner::<B>(config, device)?;
        let scores = answer_scores(&learner, &read_tokens(file)?, config.eval.batch)?;
        return Ok(Scored {
            report: ScoreReport::plain(scores),
            counts: None,
            notes,
        });
    }
    let model = Model::<B>::open(config, device)?;
    let template = Template::new(&config.data.prompt, &config.data.answer)?;
    let reader = Reader {
        formatter: Formatter {
            tokenizer: &model.tokenizer,
            template: &template,
            seq_len: model.learner.config().max_position_embeddings,
        },
        columns: &config.data.columns,
    };
    let (documents, sources) = match texts {
        Texts::Tokens(file) => (read_tokens(file)?, None),
        Texts::Plain(texts) => {
            let ids = model.tokenizer.encode_all(texts.to_vec())?.into_iter();
            let beginning = model.tokenizer.beginning();
            let begun = ids.map(|answer| Document {
                prompt: beginning.to_vec(),
                answer,
            });
            (begun.collect(), None)
        }
        Texts::Labelled(file) => {
            let made = reader
                .formatter
                .format(&read_records(&locate(file)?, reader.columns)?)?;
            (made.documents, Some((made.sources, made.counts)))
        }
    };
    let mut report = match feedback {
        Some(feedback) => values(config, &model.learner, &reader, feedback, &documents)?,
        None => ScoreReport::plain(answer_scores(
            &model.learner,
            &documents,
            config.eval.batch,
        )?),
    };
    if !matches!(texts, Texts::Tokens(_)) {
        let (tokens, text) = scored_tokens(&model.tokenizer, &documents)?;
        (report.tokens, report.text) = (Some(tokens), Some(text));
    }
    let (sources, counts) = sources.unzip();
    report.records = sources;
    Ok(Scored {
        report,
        counts,
        notes: model.notes,
    })
}

/// Log-probabilities and values along g_down of the feedback.
fn values<B: Backend>(
    config: &RunConfig,
    learner: &Decoder<B>,
    reader: &Reader<'_>,
    feedback: FeedbackOptions<'_>,
    documents: &[Document],
) -> Result<ScoreReport, RunError> {
    check_value(config, learner)?;
    let mut set = reader.feedback_set(&locate(feedback.file)?, config)?;
    let labelled: Vec<Document> = match feedback.batch {
        Some(count) => {
            let drawn = set.next_batch(count).into_iter();
            drawn.map(|item| set.documents()[item].clone()).collect()
        }
        None => set.documents().to_vec(),
    };
    let subset = chosen(SUBSET, config.value.subset, learner)?;
    let gradient = feedback_gradient(learner, &subset, &labelled, config.value.feedback_batch)?;
    let how = Valuation {
        top_k: config.designer.top_k,
        alpha_max: config.designer.alpha_max,
        batch_size: config.eval.batch,
    };
    let (found, value) = token_values(learner, &subset, &gradient.direction, documents, &how)?;
    let totals = Totals {
        value,
        alpha_max: how.alpha_max,
        subset: config.value.subset.into(),
        g_down_norm: gradient.direction.norm(),
        feedback_loss: gradient.loss,
        feedback_items: labelled.len(),
        feedback_tokens: gradient.tokens,
    };
    Ok(ScoreReport::valued(found, totals))
}

/// The ids of the scored tokens of each document, and their texts.
type ScoredTokens = (Vec<Vec<u32>>, Vec<Vec<String>>);

fn scored_tokens(
    tokenizer: &Tokenizer,
    documents: &[Document],
) -> Result<ScoredTokens, TokenizerError> {
    let scored = documents.iter().map(|document| {
        let given = document.answer.len() - document.answer_targets();
        let ids = document.answer[given..].to_vec();
        let text = ids.iter().map(|&id| tokenizer.decode_with_special(&[id]));
        let text = text.collect::<Result<Vec<String>, _>>()?;
        Ok((ids, text))
    });
    let scored: Vec<(Vec<u32>, Vec<String>)> = scored.collect::<Result<_, _>>()?;
    Ok(scored.into_iter().unzip())
}

fn read_tokens(file: &Path) -> Result<Vec<Document>, RunError> {
    let text = std::fs::read(file).map_err(RunError::io(file))?;
    let lists: Vec<Vec<u32>> = serde_json::from_slice(&text).map_err(|error| {
        RunError::folder(
            file,
            format!("not a JSON list of lists of token ids: {error}"),
        )
    })?;
    Ok(lists.into_iter().map(whole).collect())
}

/// A text without a prompt: all its tokens are asked about but the first.
fn whole(answer: Vec<u32>) -> Document {
    Document {
        prompt: vec![],
        answer,
    }
}
