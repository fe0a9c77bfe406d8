//! Exact: one forward-mode pass along the direction, and one backward pass.

use super::{MetaEstimate, MetaGradient, Point};
use crate::forward::{Forward, tangent};
use crate::{
    BatchOf, CoreError, DesignerOf, GradVector, LearnerOf, On, ReferenceOf, Stateful,
    UpdateGradient, lift, trainable,
};
use burn::backend::Autodiff;
use burn::tensor::{ElementConversion, Tensor, backend::Backend};

/// V = d/dε L_pre(θ + ε·direction; φ) as a dual number whose tangent has φ on its tape.
///
/// As exact as [`Nested`](super::Nested), for any task: θ is on no tape, so where φ shapes only the
/// target the learner's pass leaves nothing behind, and no operation is differentiated twice in
/// reverse. What the direction does not move costs a plain forward pass.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tangent;

impl<T, I> MetaGradient<T, I> for Tangent
where
    I: Backend,
    T: On<Autodiff<I>> + On<Forward<Autodiff<I>>>,
{
    type Probe = ();

    fn probe(&mut self, _: &Point<'_, T, I>, _: &GradVector<I>) {}

    fn estimate(
        &self,
        at: &Point<'_, T, I>,
        direction: &GradVector<I>,
        (): &(),
        scale: f64,
    ) -> MetaEstimate<I> {
        let designer: DesignerOf<T, Autodiff<I>> = trainable(at.designer);
        let learner: LearnerOf<T, Autodiff<I>> = lift(at.learner);
        let batch: BatchOf<T, Autodiff<I>> = lift(at.batch);
        let reference: ReferenceOf<T, Autodiff<I>> = lift(at.reference);

        let learner: LearnerOf<T, Forward<Autodiff<I>>> =
            direction.lift::<Autodiff<I>>().perturb(learner);
        let raised: DesignerOf<T, Forward<Autodiff<I>>> = lift(&designer);
        let batch: BatchOf<T, Forward<Autodiff<I>>> = lift(&batch);
        let reference: ReferenceOf<T, Forward<Autodiff<I>>> = lift(&reference);
        let views = at.task.views(&raised, &batch);
        let target = at.task.target(&raised, &views, &reference);
        let prediction = at.task.predict_again(&learner, &views, &reference);
        let loss = at.task.loss(prediction, &target, &views);

        let value: Tensor<Autodiff<I>, 1> = tangent(loss.total());
        let host = value.clone().inner().into_scalar().elem();
        let mut objective = value.div_scalar(-scale);
        if let Some(regulariser) = at.task.regulariser(&target, &views, &reference) {
            objective = objective + regulariser.inner();
        }
        MetaEstimate {
            value: host,
            descent: UpdateGradient::backward(objective, &designer),
        }
    }
}

impl Stateful for Tangent {
    fn state(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    fn restore(&mut self, _: serde_json::Value) -> Result<(), CoreError> {
        Ok(())
    }
}
