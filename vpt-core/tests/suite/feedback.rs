//! g_down: weights, parts, the random control, and what a saved state must hold.

use super::toy::{F32, F64, Labelled, Mlp, Toy, config, downstream, rng, trainer, widened};
use burn::tensor::DType;
use burn::tensor::backend::Backend;
use vpt_core::{
    Cadence, CoreError, Downstream, Feedback, LinearTarget, Negated, Nested, ParamSubset,
    RandomDirection, Stateful, TrainerConfig,
};

fn held<B: Backend>(name: &str, seed: u64) -> Labelled {
    Labelled::new::<B>(name, seed)
}

/// Σ α_i g_i (A.8), each α_i g_i told apart.
#[test]
fn evaluators_are_weighted() {
    let learner = Mlp::<F64>::drawn(1);
    let subset = ParamSubset::all(&learner);
    let alone = |seed| {
        let mut feedback = Downstream::<Toy, F64>::new(held::<F64>("alone", seed));
        let direction = feedback.direction(&learner, &subset).unwrap();
        assert!(direction.parts.is_empty(), "one evaluator has no parts");
        direction
    };
    let (first, second) = (alone(4), alone(5));
    let mut both = Downstream::<Toy, F64>::new(held::<F64>("first", 4))
        .weighted(2.0)
        .and(-0.5, held::<F64>("second", 5));
    let direction = both.direction(&learner, &subset).unwrap();

    let expected = first.downstream.scaled(2.0);
    let expected = expected.add_scaled(&second.downstream, -0.5);
    let apart = direction.downstream.add_scaled(&expected, -1.0).norm();
    assert!(apart < 1e-14, "{apart}");
    assert_eq!(direction.steer.to_vec(), direction.downstream.to_vec());

    let names: Vec<&str> = direction.parts.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["first", "second"]);
    let sum = direction.parts[0].1.add_scaled(&direction.parts[1].1, 1.0);
    assert!(sum.add_scaled(&direction.downstream, -1.0).norm() < 1e-14);
    // Losses are the evaluators' own, without weights.
    assert_eq!(direction.losses[0].1, first.losses[0].1);
    assert_eq!(direction.losses[1].1, second.losses[0].1);
}

/// V is linear in g_down, so the parts of V add up to it.
#[test]
fn the_parts_of_v_add_up() {
    let feedback = downstream::<F64>(4).and(0.7, held::<F64>("other", 5));
    let mut trainer = trainer::<F64, _, _>(3, feedback, Nested, config());
    let mut seen = 0;
    for _ in 0..4 {
        if let Some(value) = trainer.step().unwrap().value {
            let sum: f64 = value.parts.iter().map(|(_, part)| part).sum();
            assert!((sum - value.value).abs() < 1e-14);
            let (down, pre) = value.norms;
            assert!((value.value - value.cosine * down * pre).abs() < 1e-14);
            assert_eq!(value.parts.len(), 2);
            seen += 1;
        }
    }
    assert_eq!(seen, 2);
}

/// No evaluator: a direction of zeros, for runs that never ask for one.
#[test]
fn no_evaluator_is_no_direction() {
    let learner = Mlp::<F64>::drawn(1);
    let subset = ParamSubset::all(&learner);
    let mut none = Downstream::<Toy, F64>::none();
    let direction = none.direction(&learner, &subset).unwrap();
    assert_eq!(direction.downstream.norm(), 0.0);
}

/// A random direction has g_down's length and none of its sense: over many draws the cosine has
/// mean 0 and the deviation 1/√d of a direction drawn evenly in d dimensions.
#[test]
fn random_directions_are_of_the_same_length_and_no_sense() {
    const DRAWS: usize = 200;
    let learner = Mlp::<F64>::drawn(1);
    let subset = ParamSubset::all(&learner);
    let mut feedback = RandomDirection::new(downstream::<F64>(4), rng(8));
    let mut twin = downstream::<F64>(4);
    let mut cosines = vec![];
    for _ in 0..DRAWS {
        let random = feedback.direction(&learner, &subset).unwrap();
        let truth = twin.direction(&learner, &subset).unwrap();
        assert_eq!(random.downstream.to_vec(), truth.downstream.to_vec());
        assert_eq!(random.losses, truth.losses);
        assert!((random.steer.norm() / truth.downstream.norm() - 1.0).abs() < 1e-12);
        cosines.push(random.steer.cosine(&truth.downstream));
    }
    let dimensions = feedback.direction(&learner, &subset).unwrap();
    let deviation = (dimensions.steer.to_vec().len() as f64).sqrt().recip();
    let mean = cosines.iter().sum::<f64>() / DRAWS as f64;
    let spread = cosines.iter().map(|cosine| cosine * cosine).sum::<f64>() / DRAWS as f64;
    assert!(
        mean.abs() < 4.0 * deviation / (DRAWS as f64).sqrt(),
        "{mean}"
    );
    let spread = spread.sqrt() / deviation;
    assert!((0.8..1.2).contains(&spread), "{spread}");
}

/// The mirror image steers the other way and is judged by the truth; its state is that of the truth.
#[test]
fn a_negated_direction_is_the_mirror_image() {
    let learner = Mlp::<F64>::drawn(1);
    let subset = ParamSubset::all(&learner);
    let mut truth = downstream::<F64>(4);
    let mut negated = Negated(downstream::<F64>(4));
    let expected = truth.direction(&learner, &subset).unwrap();
    let found = negated.direction(&learner, &subset).unwrap();
    assert_eq!(found.downstream.to_vec(), expected.downstream.to_vec());
    let mirrored: Vec<f64> = expected.steer.to_vec().iter().map(|x| -x).collect();
    assert_eq!(found.steer.to_vec(), mirrored);
    assert_eq!(found.losses, expected.losses);
    let again = negated.resample(&learner, &subset).unwrap();
    assert_eq!(
        again.to_vec(),
        truth.resample(&learner, &subset).unwrap().to_vec()
    );
    assert_eq!(negated.state(), truth.state());
}

/// Drawn in the type of the parameters, not in that of the device: f64 here, beside f32.
#[test]
fn random_directions_have_the_parameters_type() {
    let learner = widened(Mlp::<F32>::drawn(1));
    let subset = ParamSubset::all(&learner);
    let labelled = Labelled {
        dtype: DType::F64,
        ..held::<F32>("held", 4)
    };
    let mut feedback = RandomDirection::new(Downstream::<Toy, F32>::new(labelled), rng(8));
    let random = feedback.direction(&learner, &subset).unwrap();
    let ratio = random.steer.norm() / random.downstream.norm();
    assert!((ratio - 1.0).abs() < 1e-13, "{ratio}");
}

/// Noise is measured where it is due: V of the update's own batch first, then of further ones.
#[test]
fn noise_is_sampled_where_it_is_due() {
    let labelled = held::<F64>("held", 4);
    let asked = labelled.asked.clone();
    let config = TrainerConfig {
        cadence: Cadence {
            burn_in: Some(0),
            update_every: Some(2),
        },
        noise_every: 4,
        noise_batches: 3,
        ..config()
    };
    let meta = LinearTarget::new(Default::default(), true);
    let mut trainer = trainer::<F64, _, _>(3, Downstream::new(labelled), meta, config);
    for (step, (samples, batches)) in [(4, 4), (0, 0), (0, 1), (0, 0), (4, 4)].iter().enumerate() {
        asked.set(0);
        let value = trainer.step().unwrap().value;
        assert_eq!(value.is_some(), step % 2 == 0);
        assert_eq!(asked.get(), *batches, "step {step}");
        if let Some(value) = value {
            assert_eq!(value.samples.len(), *samples, "step {step}");
            if let [first, rest @ ..] = &value.samples[..] {
                assert_eq!(*first, value.value);
                assert!(rest.iter().all(|sample| sample != first));
            }
        }
    }
}

/// A state of another set of evaluators is refused, and says so.
#[test]
fn a_state_of_other_evaluators_is_refused() {
    let saved = downstream::<F64>(4).state();
    let mut two = downstream::<F64>(6).and(1.0, held::<F64>("other", 7));
    let before = two.state();
    let error: CoreError = two.restore(saved.clone()).unwrap_err();
    assert_eq!(error.to_string(), "evaluators: 1 in the state, 2 here");
    assert_eq!(two.state(), before);

    let mut one = downstream::<F64>(6);
    one.restore(saved.clone()).unwrap();
    assert_eq!(one.state(), saved);
    one.restore(before).unwrap_err();
}
