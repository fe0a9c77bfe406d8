//! One held-out answer, token by token: what each is worth, and what the designer would ask.

use super::RunError;
use super::assemble::Assembled;
use crate::artefacts::{Candidate, Example, ExampleToken, Split};
use crate::data::collate;
use crate::task::{Candidates, SoftTarget, Text, TextBatch};
use burn::tensor::backend::Backend;
use vpt_core::{MetaGradient, Modality, Point, PredictiveTask};

/// The longest of the first twenty validation documents; none without a designer.
pub(super) fn example<I: Backend>(
    parts: &mut Assembled<I>,
    device: &I::Device,
) -> Result<Option<Example>, RunError> {
    let set = parts
        .held_out
        .iter()
        .find(|set| set.split == Split::Validation);
    let trainer = &mut parts.trainer;
    let (Some(set), Some(_)) = (set, &trainer.designer.1) else {
        return Ok(None);
    };
    let longest = set.documents.iter().take(20).max_by_key(|d| d.answer.len());
    let Some(document) = longest else {
        return Ok(None);
    };
    let packed = collate([document]).packed;
    let batch = TextBatch::<I>::new(&packed, packed.answer_tokens().max(1) as f64, device);
    let prediction = Text::predict(&trainer.learner, &batch);
    let reference = trainer.task.reference(&trainer.teacher, prediction, &batch);
    let direction = trainer
        .feedback
        .direction(&trainer.learner, &trainer.subset)?;
    let at = Point {
        task: &trainer.task,
        learner: &trainer.learner,
        designer: &trainer.designer,
        batch: &batch,
        reference: &reference,
        subset: &trainer.subset,
    };
    let probe = trainer.meta.probe(&at, &direction.downstream);
    let probes = [probe];
    let scale = MetaGradient::scale(&trainer.meta, &probes);
    let reference = trainer
        .meta
        .inform(&trainer.task, reference.clone(), &probes[0], scale);
    let target = trainer.task.target(&trainer.designer, &batch, &reference);
    let text = |ids: &[u32]| parts.tokenizer.decode_with_special(ids);
    Ok(Some(Example {
        prompt: parts.tokenizer.decode(&document.prompt)?,
        tokens: tokens(&reference, &target, scale, text)?,
    }))
}

fn tokens<I: Backend>(
    reference: &Candidates<I>,
    target: &SoftTarget<I>,
    scale: f64,
    text: impl Fn(&[u32]) -> Result<String, crate::tokenizer::TokenizerError>,
) -> Result<Vec<ExampleToken>, RunError> {
    let [n, slots] = target.q.dims();
    let ids: Vec<u32> = target.ids.to_data().iter::<u32>().collect();
    let q: Vec<f64> = target.q.to_data().iter::<f64>().collect();
    let log_p: Vec<f64> = reference.log_p.to_data().iter::<f64>().collect();
    let values: Vec<f64> = match &reference.values {
        Some(values) => values.to_data().iter::<f64>().collect(),
        None => vec![0.0; n * slots],
    };
    let alphas: Vec<f64> = target.alpha.to_data().iter::<f64>().collect();
    let mut out = Vec::with_capacity(n);
    for (row, alpha) in alphas.into_iter().enumerate() {
        let at = row * slots;
        let label = ids[at];
        let mut candidates = vec![];
        for slot in 1..slots {
            let is_label = ids[at + slot] == label;
            candidates.push(Candidate {
                text: text(&[ids[at + slot]])?,
                p: log_p[at + slot].exp(),
                q: q[at + slot] + if is_label { q[at] } else { 0.0 },
                value_scaled: values[at + slot] / scale,
                label: is_label,
            });
        }
        out.push(ExampleToken {
            text: text(&[label])?,
            value: values[at],
            value_scaled: values[at] / scale,
            alpha,
            learner_p: log_p[at].exp(),
            candidates,
        });
    }
    Ok(out)
}
