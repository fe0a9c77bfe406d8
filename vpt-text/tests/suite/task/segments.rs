//! A step with its tape cut between blocks is the same step.

use super::fixture::{Flex, NdArray64, STABILISED, Setting, constant, relative, scalar, values};
use burn::backend::Autodiff;
use burn::module::AutodiffModule;
use burn::tensor::{Tensor, backend::Backend};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use vpt_core::{NoParameters, ParamSubset, PredictiveTask, UpdateGradient, lift};
use vpt_text::decoder::{Decoder, DecoderConfig, Reach, layer_index};
use vpt_text::task::TextBatch;

/// The loss, the gradient and the kept states of a step in `segments` parts, and how often it is cut.
struct Step {
    loss: f64,
    gradient: Vec<f64>,
    entering: Option<Vec<f64>>,
    cuts: usize,
}

fn step<B: Backend>(setting: &Setting<B>, segments: usize) -> Step {
    let learner = setting.learner.clone().with_segments(segments);
    let tracked: Decoder<Autodiff<B>> = setting.trainable.track(lift(&learner));
    let views: TextBatch<Autodiff<B>> = lift(&setting.batch);
    let (prediction, cuts) = setting.task.predict_cut(&tracked, &views);
    let count = cuts.len();
    let plain = prediction.valid();
    let reference = setting.task.reference(&NoParameters, plain, &setting.batch);
    let target = constant(&setting.target(&reference));
    let kept = |x: &Tensor<B, 3>| values(x.clone());
    let entering = reference.entering.as_ref().map(kept);
    let loss = setting
        .task
        .learner_loss(prediction, &target, &views, reference);
    let gradient = UpdateGradient::through(loss.surrogate, cuts, &tracked, &setting.trainable);
    Step {
        loss: scalar(loss.value),
        gradient: gradient.as_vector().to_vec(),
        entering,
        cuts: count,
    }
}

/// Five blocks, the value on the last `valued` of them.
fn deep<B: Backend>(tied: bool, valued: usize) -> Setting<B> {
    let mut setting = Setting::<B>::new(STABILISED, tied);
    let config = DecoderConfig {
        num_hidden_layers: 5,
        ..setting.learner.config().clone()
    };
    let mut rng = ChaCha8Rng::seed_from_u64(17);
    let learner = Decoder::init(&config, &mut rng, &Default::default()).unwrap();
    let subset = ParamSubset::matching(&learner, |path| {
        layer_index(path).is_some_and(|layer| layer >= 5 - valued)
    });
    let reach = Reach::of(&learner, &subset);
    setting.trainable = ParamSubset::all(&learner);
    setting.learner = learner.with_reach(reach);
    setting
}

fn cuts_change_nothing<B: Backend>(tolerance: f64) {
    for (setting, cuts) in [
        // Cut every 3, 2, 1 blocks, and below the value's blocks where that is elsewhere.
        (deep::<B>(true, 2), [1, 3, 4]),
        (deep(false, 1), [2, 2, 4]),
    ] {
        let whole = step(&setting, 1);
        assert_eq!(whole.cuts, 0);
        for (segments, cuts) in [2, 3, 5].into_iter().zip(cuts) {
            let parts = step(&setting, segments);
            assert_eq!(parts.cuts, cuts, "{segments} segments");
            assert!((parts.loss - whole.loss).abs() <= tolerance * whole.loss);
            assert!(relative(&parts.gradient, &whole.gradient) <= tolerance);
            let [found, expected] = [&parts, &whole].map(|step| step.entering.clone().unwrap());
            assert!(relative(&found, &expected) <= tolerance);
        }
    }
}

/// To the last bit where the kernels run.
#[test]
fn a_cut_tape_has_the_whole_ones_gradient() {
    cuts_change_nothing::<Flex>(0.0);
    cuts_change_nothing::<NdArray64>(1e-13);
}

/// Adapters with dropout on a base that is fixed, and the upper blocks alone: what is below everything that
/// learns is on no tape.
#[test]
fn what_does_not_learn_is_not_walked_back() {
    let adapted = Setting::<Flex>::adapted(STABILISED, true);
    let (whole, parts) = (step(&adapted, 1), step(&adapted, 2));
    assert_eq!(parts.cuts, 1);
    assert_eq!(relative(&parts.gradient, &whole.gradient), 0.0);

    let mut upper = deep::<Flex>(true, 1);
    upper.trainable = ParamSubset::matching(&upper.learner, |path| {
        path == "norm.weight" || layer_index(path).is_some_and(|layer| layer >= 2)
    });
    upper.learner = upper.learner.with_fixed_head();
    let (whole, parts) = (step(&upper, 1), step(&upper, 3));
    assert_eq!(parts.cuts, 2);
    assert_eq!(parts.loss, whole.loss);
    assert_eq!(relative(&parts.gradient, &whole.gradient), 0.0);
}
