//! What is asked, and what it is divided by.

use super::fixture::{
    Flex, NdArray64, STABILISED, Setting, document, documents, ids, scalar, upload, values,
};
use burn::tensor::{Tensor, TensorData, backend::Backend};
use vpt_core::PredictiveTask;
use vpt_text::data::{Document, PackedBatch};
use vpt_text::task::{Text, TextBatch, label_scores};

/// Σ NLL of the answer tokens of `document` by itself, and their number.
fn alone<B: Backend>(setting: &Setting<B>, document: &Document) -> (f64, usize) {
    let packed = PackedBatch::from_rows(document.positions(), [[document]]);
    let views: TextBatch<B> = upload(&packed);
    let prediction = <Text as vpt_core::Modality>::predict(&setting.learner, &views);
    let scores = label_scores(&prediction.hidden, &prediction.head, &views.labels);
    let log_p = scores.log_probability;
    (-log_p.iter().sum::<f64>(), log_p.len())
}

/// L_pre of one-hot targets.
fn loss<B: Backend>(setting: &Setting<B>) -> f64 {
    let reference = setting.reference();
    let target = setting.task.unshaped_target(&setting.batch, &reference);
    setting.pretraining(&target).1
}

fn close(found: f64, expected: f64) {
    let error = (found - expected).abs() / expected.abs();
    assert!(error < 1e-5, "{found} {expected}");
}

fn documents_add_up<B: Backend>() {
    let mut setting = Setting::<B>::new(STABILISED, true);
    let [a, b, c] = documents();
    let parts = [&a, &b, &c].map(|document| alone(&setting, document));
    let answers: usize = parts.iter().map(|(_, count)| count).sum();
    assert_eq!(answers, 3 + 4 + 6);
    let expected = parts.iter().map(|(sum, _)| sum).sum::<f64>() / answers as f64;
    close(loss(&setting), expected);

    // The same in two micro-batches that share the step's denominator, however unequal.
    let mut sum = 0.0;
    for rows in [vec![&a], vec![&b, &c]] {
        let packed = PackedBatch::from_rows(14, [rows]);
        setting.batch = TextBatch::new(&packed, answers as f64, &Default::default());
        sum += loss(&setting);
    }
    close(sum, expected);
}

#[test]
fn a_packed_batch_is_the_mean_over_the_answer_tokens_of_its_documents() {
    documents_add_up::<Flex>();
    documents_add_up::<NdArray64>();
}

#[test]
fn targets_and_shapes_are_of_answer_tokens_alone() {
    let setting = Setting::<Flex>::new(STABILISED, true);
    let [a, b, c] = documents();
    let labels = [&a.answer[..], &b.answer, &c.answer].concat();
    let labels: Vec<i64> = labels.into_iter().map(i64::from).collect();
    assert_eq!(ids(&setting.batch.labels), labels);
    let weights = values(setting.batch.weights.clone());
    assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-6);
    let reference = setting.reference();
    assert_eq!(reference.ids.dims()[0], labels.len());
    assert_eq!(setting.target(&reference).q.dims()[0], labels.len());
}

#[test]
fn the_first_answer_token_and_the_end_of_text_are_asked_about_and_no_prompt_token_is() {
    // What a prompt token is told to be next cannot matter to the learner.
    let mut setting = Setting::<Flex>::new(STABILISED, true);
    let only = document(&[3, 9, 4], &[2, 1]);
    let packed = PackedBatch::from_rows(4, [[&only]]);
    setting.batch = upload(&packed);
    assert_eq!(ids(&setting.batch.rows), [2, 3]);
    assert_eq!(ids(&setting.batch.labels), [2, 1]);
    let before = loss(&setting);
    let mut changed = packed.clone();
    changed.targets[0] = 11;
    changed.targets[1] = 12;
    setting.batch = upload(&changed);
    assert_eq!(loss(&setting), before);
    changed.targets[2] = 12;
    setting.batch = upload(&changed);
    assert_ne!(loss(&setting), before);
}

#[test]
fn scores_of_labels_are_log_probabilities() {
    let mut setting = Setting::<Flex>::new(STABILISED, true);
    // Every other label is the learner's own choice.
    let slots = ids(&setting.reference().ids);
    let labels = slots.chunks(5).enumerate().map(|(t, row)| row[t % 2]);
    let labels = TensorData::new(labels.collect::<Vec<_>>(), [slots.len() / 5]);
    setting.batch.labels = Tensor::from_data(labels, &Default::default());
    let prediction = setting.task.predict(&setting.learner, &setting.batch);
    let found = label_scores(&prediction.hidden, &prediction.head, &setting.batch.labels);
    let reference = setting.reference();
    let expected = values(reference.log_p.clone().narrow(1, 0, 1));
    super::fixture::assert_close(&found.log_probability, &expected, 1e-5);
    let slots = ids(&reference.ids);
    let top: Vec<bool> = slots.chunks(5).map(|row| row[0] == row[1]).collect();
    assert_eq!(found.is_top, top);
    assert!(top.contains(&true) && top.contains(&false));
    // The loss of the label is their mean.
    let mean = -expected.iter().sum::<f64>() / expected.len() as f64;
    let direct = setting.task.loss(
        prediction,
        &setting.task.unshaped_target(&setting.batch, &reference),
        &setting.batch,
    );
    close(scalar(direct.total()), mean);
}
