//! The learner's step takes the gradient of the plain loss, whatever the target.

use super::fixture::{Flex, NdArray64, STABILISED, Setting, TOP_K, floats, ids, relative};
use burn::tensor::backend::Backend;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use vpt_text::task::{Candidates, SoftTarget};

/// Any distribution over the slots, the label's among them.
fn random_target<B: Backend>(reference: &Candidates<B>, seed: u64) -> SoftTarget<B> {
    let [n, slots] = reference.ids.dims();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let q = (0..n).flat_map(|_| {
        let row: Vec<f64> = (0..slots).map(|_| rng.random_range(0.0..1.0)).collect();
        let sum: f64 = row.iter().sum();
        row.into_iter().map(move |q| q / sum)
    });
    let q: Vec<f64> = q.collect();
    SoftTarget {
        ids: reference.ids.clone(),
        q: floats(q, [n, slots]),
        alpha: floats(vec![0.0; n], [n, 1]),
        log_p: None,
        gate: None,
    }
}

fn both_gradients_agree<B: Backend>(tolerance: f64) {
    let settings = [true, false].map(|tied| Setting::<B>::new(STABILISED, tied));
    // And with adapters, where nothing is prepared for a head that does not learn.
    let adapted = Setting::<B>::adapted(STABILISED, true);
    assert!(adapted.reference().head_gradient.is_none());
    for setting in settings.iter().chain([&adapted]) {
        let tied = setting.learner.config().tie_word_embeddings;
        let reference = setting.reference();
        // A label that is a candidate has two slots; one that is not has one.
        let slots = ids(&reference.ids);
        let inside = slots
            .chunks(1 + TOP_K)
            .filter(|row| row[1..].contains(&row[0]));
        let count = inside.count();
        assert!(count > 0 && count < slots.len() / (1 + TOP_K), "{count}");

        for seed in 0..3 {
            let target = random_target(&reference, seed);
            let (expected, loss) = setting.pretraining(&target);
            let (found, value) = setting.learner_step(&target, &reference);
            assert!((value - loss).abs() < tolerance * loss, "{value} {loss}");
            let error = relative(&found.as_vector().to_vec(), &expected.as_vector().to_vec());
            assert!(error < tolerance, "tied {tied}, seed {seed}: {error}");
        }
    }
}

#[test]
fn the_learners_gradient_is_that_of_the_plain_loss() {
    both_gradients_agree::<NdArray64>(1e-12);
    both_gradients_agree::<Flex>(1e-5);
}

#[test]
fn the_target_is_a_constant_of_the_learners_step() {
    // The designer reads the learner's embeddings: none of the gradient may come back through it.
    let setting = Setting::<NdArray64>::new(STABILISED, true);
    let reference = setting.reference();
    let target = setting.target(&reference);
    let (expected, _) = setting.pretraining(&target);

    use burn::backend::Autodiff;
    use vpt_core::{PredictiveTask, UpdateGradient, lift, trainable};
    type D = Autodiff<NdArray64>;
    let learner: vpt_text::Decoder<D> = trainable(&setting.learner);
    let views: vpt_text::task::TextBatch<D> = lift(&setting.batch);
    let designer: super::fixture::Designer<D> = lift(&setting.designer);
    let lifted: Candidates<D> = lift(&reference);
    let loss = setting
        .task
        .pretraining_loss(&learner, &designer, &views, &lifted)
        .total();
    let found = UpdateGradient::backward(loss, &learner);
    let error = relative(&found.as_vector().to_vec(), &expected.as_vector().to_vec());
    assert!(error < 1e-12, "{error}");
}
