//! L_down's derivatives against differences, in f64.

use super::{F64, backbone, exact, quick, scenes};
use burn::backend::Autodiff;
use burn::tensor::{ElementConversion, Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use vpt_core::{GradVector, ParamSubset, Stateful, lift};
use vpt_image::evaluate::{
    Depth, DepthOutput, DrawnSet, FeedbackConfig, Head, HeadConfig, HeadFeedback, LabelledSet,
    Question, Segmentation, Tokens, last_blocks,
};
use vpt_image::images::{IGNORE, LabelMap};
use vpt_image::scenes::Split;
use vpt_image::vit::{Vit, layer_index};

type Once = Autodiff<F64>;
type Twice = Autodiff<Once>;

/// g_down over the last block along a random direction, and along itself, is the slope of L_down;
/// nothing below is on the tape.
fn g_down<Q: Question>(question: Q, head: HeadConfig)
where
    DrawnSet: LabelledSet<Q::Truth>,
{
    let vit = backbone::<F64>(3);
    let config = FeedbackConfig {
        head,
        batch: 2,
        refresh: 1,
        ..FeedbackConfig::new(quick(4))
    };
    let sets = (scenes(Split::Train, 8), scenes(Split::Meta, 4));
    let mut feedback =
        HeadFeedback::new(question, config, &vit, sets, &Default::default()).unwrap();
    feedback.follow(&vit).unwrap();
    let state = feedback.state();
    // The same meta batch each time.
    let mut loss = |vit: &Vit<F64>, subset: &ParamSubset| {
        feedback.restore(state.clone()).unwrap();
        let tracked: Vit<Once> = subset.track(lift(vit));
        (feedback.next_loss(&tracked).unwrap(), tracked)
    };

    let subset = last_blocks(&vit, 1).unwrap();
    let (value, tracked) = loss(&vit, &subset);
    let mut gradients = value.backward();
    let gradient = GradVector::<F64>::take::<Once, _>(&mut gradients, &tracked, &subset);
    assert!(gradient.norm() > 1e-6);
    let below = ParamSubset::matching(&vit, |path| layer_index(path).is_some_and(|i| i < 2));
    let below = GradVector::<F64>::take::<Once, _>(&mut gradients, &tracked, &below);
    assert_eq!(below.norm(), 0.0);

    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let drawn = GradVector::generate(&vit, &subset, |count| {
        (0..count).map(|_| rng.random_range(-1.0..1.0)).collect()
    });
    for direction in [
        drawn.scaled(1.0 / drawn.norm()),
        gradient.scaled(1.0 / gradient.norm()),
    ] {
        let mut at = |scale: f64| -> f64 {
            let moved = direction.shift(vit.clone(), scale);
            loss(&moved, &subset).0.into_scalar().elem()
        };
        let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
        let expected: f64 = gradient.dot(&direction).into_scalar().elem();
        assert!(
            (slope - expected).abs() < 1e-6 * gradient.norm(),
            "{slope} for {expected}"
        );
    }
}

#[test]
fn g_down_of_segmentation() {
    g_down(Segmentation { classes: 7 }, HeadConfig::linear());
}

#[test]
fn g_down_of_segmentation_by_a_decoder() {
    let head = HeadConfig {
        widths: vec![5],
        ..HeadConfig::linear()
    };
    g_down(Segmentation { classes: 7 }, head);
}

#[test]
fn g_down_of_depth() {
    g_down(Depth::default(), HeadConfig::linear());
    let bounded = Depth {
        output: DepthOutput::Sigmoid,
        ..Depth::default()
    };
    g_down(bounded, HeadConfig::linear());
}

/// Heads and losses can be differentiated twice: ⟨v, ∇L⟩ once more against differences.
#[test]
fn second_derivatives() {
    let config = HeadConfig {
        widths: vec![3],
        ..HeadConfig::linear()
    };
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let mut draw = |scale: f64| {
        let values = (0..2 * 6 * 4).map(|_| scale * rng.random_range(-1.0..1.0));
        TensorData::new(values.collect::<Vec<f64>>(), [2, 6, 4])
    };
    let (tokens, direction) = (draw(2.0), draw(1.0));
    let head: Head<F64> = {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let head: Head<F64> = Head::init(&config, (4, 3), &mut rng, &Default::default());
        // Far from the tiny weights of the start.
        let all = ParamSubset::matching(&head, |path| path.starts_with("out"));
        GradVector::of(&head, &all).shift(head, 40.0)
    };
    let labels = LabelMap::from_fn(5, 7, |row, column| match (row + 2 * column) % 4 {
        3 => IGNORE,
        label => label as u8,
    });
    let depths = vpt_image::images::DepthMap::from_fn(5, 7, |row, column| (row + column) as f32);
    let depth = Depth {
        output: DepthOutput::Bins(3),
        ..Depth::default()
    };
    let grid = [2, 3];

    // ⟨v, ∇L⟩ on the lower tape, of tokens on both.
    let along = |values: Tensor<Once, 3>, of_depth: bool| {
        let outer = Tensor::<Twice, 3>::from_inner(values).require_grad();
        let lifted: Head<Twice> = lift::<Twice, _>(&lift::<Once, Head<Once>>(&head));
        let maps = |values| lifted.forward(Tokens { values, grid });
        let loss = match of_depth {
            true => depth.loss(maps(outer.clone()), &[&depths, &depths], false),
            false => {
                let question = Segmentation { classes: 3 };
                question.loss(maps(outer.clone()), &[&labels, &labels], false)
            }
        };
        let gradient = outer.grad(&loss.backward()).unwrap();
        (gradient * exact(direction.clone())).sum()
    };
    for of_depth in [false, true] {
        let start = exact::<Once, 3>(tokens.clone()).require_grad();
        let second = start
            .grad(&along(start.clone(), of_depth).backward())
            .unwrap();
        let direction = exact::<F64, 3>(direction.clone());
        let found: f64 = (second * direction.clone()).sum().into_scalar().elem();
        let at = |scale: f64| -> f64 {
            let moved = start.clone().inner() + direction.clone().mul_scalar(scale);
            along(Tensor::from_inner(moved), of_depth)
                .into_scalar()
                .elem()
        };
        let expected = (at(1e-5) - at(-1e-5)) / 2e-5;
        assert!(found.abs() > 1e-4, "{found}");
        assert!(
            (found - expected).abs() < 1e-5 * found.abs().max(1.0),
            "{found} for {expected}"
        );
    }
}
