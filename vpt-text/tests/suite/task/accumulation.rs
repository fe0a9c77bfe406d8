//! One step, however it is divided into micro-batches with unequal shares of answer tokens.

use super::fixture::{Flex, NdArray64, STABILISED, Setting, document, relative};
use burn::tensor::backend::Backend;
use vpt_core::PredictiveTask;
use vpt_text::data::{Document, PackedBatch};
use vpt_text::task::TextBatch;

/// Answers of one to six tokens.
fn four() -> [Document; 4] {
    [
        document(&[3, 9, 4], &[1]),
        document(&[5], &[3, 5, 8, 1]),
        document(&[7, 7, 10], &[0, 11, 2, 12, 6, 1]),
        document(&[2, 2], &[4, 1]),
    ]
}

/// ∇_θ L_pre of the four documents in micro-batches of `size`, to hard or to soft targets.
fn gradient<B: Backend>(size: usize, soft: bool) -> Vec<f64> {
    let mut setting = Setting::<B>::new(STABILISED, true);
    let documents = four();
    let answers: usize = documents.iter().map(|d| d.answer.len()).sum();
    let mut sum: Vec<f64> = vec![];
    for micro_batch in documents.chunks(size) {
        let packed = PackedBatch::from_rows(10, micro_batch.iter().map(|d| [d]));
        setting.batch = TextBatch::new(&packed, answers as f64, &Default::default());
        let reference = setting.reference();
        let target = if soft {
            setting.target(&reference)
        } else {
            setting.task.unshaped_target(&setting.batch, &reference)
        };
        let part = setting.learner_step(&target, &reference).0;
        let part = part.as_vector().to_vec();
        sum.resize(part.len(), 0.0);
        for (sum, entry) in sum.iter_mut().zip(part) {
            *sum += entry;
        }
    }
    sum
}

fn divisions_agree<B: Backend>(tolerance: f64) {
    for soft in [false, true] {
        let whole = gradient::<B>(4, soft);
        for size in [1, 2, 3] {
            let error = relative(&gradient::<B>(size, soft), &whole);
            assert!(error < tolerance, "soft {soft}, by {size}: {error}");
        }
    }
}

#[test]
fn four_micro_batches_are_one() {
    divisions_agree::<NdArray64>(1e-12);
    // f32 rounds otherwise for every width of vector.
    divisions_agree::<Flex>(5e-6);
}
