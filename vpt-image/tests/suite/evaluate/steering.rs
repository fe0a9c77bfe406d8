//! Segmentation and depth as the evaluators of one feedback (A.8).

use super::{F32, backbone, quick, scenes};
use burn::tensor::{Tensor, backend::Backend};
use vpt_core::{
    Downstream, Feedback, Loss, Modality, NoParameters, Objective, PredictiveLoss, Stateful,
    TargetFn, ViewGenerator,
};
use vpt_image::evaluate::{
    Depth, DrawnSet, FeedbackConfig, HeadFeedback, LabelledSet, Question, Segmentation, last_blocks,
};
use vpt_image::scenes::Split;
use vpt_image::vit::{RopeDraw, Vit};

/// Any task whose learner holds a backbone will do.
struct Pictures;
impl Modality for Pictures {
    type Learner<B: Backend> = Vit<B>;
    type Batch<B: Backend> = Tensor<B, 4>;
    type Views<B: Backend> = Tensor<B, 4>;
    type Prediction<B: Backend> = Tensor<B, 2>;
    type Target<B: Backend> = ();
    fn predict<B: Backend>(learner: &Vit<B>, views: &Tensor<B, 4>) -> Tensor<B, 2> {
        learner.forward(views.clone(), &RopeDraw::none()).cls
    }
}

struct Whole;
impl ViewGenerator<Pictures> for Whole {
    type Designer<B: Backend> = NoParameters;
    fn views<B: Backend>(&self, _: &NoParameters, batch: &Tensor<B, 4>) -> Tensor<B, 4> {
        batch.clone()
    }
    fn unshaped_views<B: Backend>(&self, batch: &Tensor<B, 4>) -> Tensor<B, 4> {
        batch.clone()
    }
}

struct Nothing;
impl TargetFn<Pictures> for Nothing {
    type Designer<B: Backend> = NoParameters;
    type Reference<B: Backend> = NoParameters;
    type Teacher<B: Backend> = NoParameters;
    fn teacher<B: Backend>(&self, _: &Vit<B>) -> NoParameters {
        NoParameters
    }
    fn reference<B: Backend>(
        &self,
        _: &NoParameters,
        _: Tensor<B, 2>,
        _: &Tensor<B, 4>,
    ) -> NoParameters {
        NoParameters
    }
    fn target<B: Backend>(&self, _: &NoParameters, _: &Tensor<B, 4>, _: &NoParameters) {}
    fn unshaped_target<B: Backend>(&self, _: &Tensor<B, 4>, _: &NoParameters) {}
}

struct Squares;
impl PredictiveLoss<Pictures, Nothing> for Squares {
    fn loss<B: Backend>(&self, cls: Tensor<B, 2>, _: &(), _: &Tensor<B, 4>) -> Loss<B> {
        let entries: Tensor<B, 1> = (cls.clone() * cls).reshape([-1]);
        let weights = entries.ones_like();
        Loss { entries, weights }
    }
}

type Task = Objective<Pictures, Whole, Nothing, Squares>;

fn feedback<Q: Question>(question: Q, vit: &Vit<F32>) -> HeadFeedback<Q, F32>
where
    DrawnSet: LabelledSet<Q::Truth>,
{
    let config = FeedbackConfig {
        refresh: 2,
        batch: 3,
        ..FeedbackConfig::new(quick(6))
    };
    let sets = (scenes(Split::Train, 12), scenes(Split::Meta, 9));
    HeadFeedback::new(question, config, vit, sets, &Default::default()).unwrap()
}

#[test]
fn segmentation_and_depth_are_weighted_and_told_apart() {
    let vit = backbone::<F32>(4);
    let before = vpt_core::export(&vit);
    let subset = last_blocks(&vit, 2).unwrap();
    let labels = || feedback(Segmentation { classes: 7 }, &vit);
    let depths = || feedback(Depth::default(), &vit);
    let mut both = Downstream::<Task, F32>::new(labels())
        .weighted(4.0)
        .and(0.5, depths());
    let direction = both.direction(&vit, &subset).unwrap();
    let names: Vec<&str> = direction.parts.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["segmentation", "depth"]);

    let g_seg = Downstream::<Task, F32>::new(labels())
        .direction(&vit, &subset)
        .unwrap();
    let g_depth = Downstream::<Task, F32>::new(depths())
        .direction(&vit, &subset)
        .unwrap();
    assert_eq!(direction.losses[0].1, g_seg.losses[0].1);
    let sum = g_seg
        .downstream
        .scaled(4.0)
        .add_scaled(&g_depth.downstream, 0.5);
    let apart = sum.add_scaled(&direction.downstream, -1.0).norm();
    assert!(apart < 1e-6 * sum.norm(), "{apart} of {}", sum.norm());
    let parts = direction.parts[0].1.add_scaled(&direction.parts[1].1, 1.0);
    assert!(parts.add_scaled(&direction.downstream, -1.0).norm() < 1e-6 * sum.norm());
    // The learner is where it was: no label has touched it.
    assert_eq!(vpt_core::export(&vit), before);
}

/// A state brings back the head, its optimiser and the next batches; measuring noise draws batches
/// and leaves the head alone.
#[test]
fn feedback_goes_on_from_its_state() {
    let vit = backbone::<F32>(4);
    let subset = last_blocks(&vit, 1).unwrap();
    let new = || Downstream::<Task, F32>::new(feedback(Segmentation { classes: 7 }, &vit));
    let mut first = new();
    first.direction(&vit, &subset).unwrap();
    let head = |state: &serde_json::Value| state[0][0]["head"].clone();
    let before = first.state();
    let noise = first.resample(&vit, &subset).unwrap();
    let state = first.state();
    assert_eq!(head(&before), head(&state));
    assert_ne!(before, state);
    let next = first.direction(&vit, &subset).unwrap();
    assert_ne!(head(&first.state()), head(&state));
    assert_ne!(noise.to_vec(), next.downstream.to_vec());

    let mut second = new();
    second.restore(state).unwrap();
    let again = second.direction(&vit, &subset).unwrap();
    assert_eq!(again.downstream.to_vec(), next.downstream.to_vec());
    assert_eq!(again.losses, next.losses);
}
