//! Exact: a tape over the backward pass.

use super::{MetaEstimate, MetaGradient, Point};
use crate::{
    BatchOf, CoreError, DesignerOf, GradVector, LearnerOf, On, ReferenceOf, Stateful,
    UpdateGradient, lift, trainable,
};
use burn::backend::Autodiff;
use burn::tensor::{ElementConversion, backend::Backend};

/// ∇_φ ⟨g_down, ∂L_pre/∂θ_S⟩ by reverse mode over reverse mode: the reference for the others.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nested;

impl<T, I> MetaGradient<T, I> for Nested
where
    I: Backend,
    T: On<Autodiff<I>> + On<Autodiff<Autodiff<I>>>,
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
        // φ on the inner tape, θ_S on the outer one.
        let designer: DesignerOf<T, Autodiff<I>> = trainable(at.designer);
        let learner: LearnerOf<T, Autodiff<I>> = lift(at.learner);
        let batch: BatchOf<T, Autodiff<I>> = lift(at.batch);
        let reference: ReferenceOf<T, Autodiff<I>> = lift(at.reference);
        let learner = at.subset.track::<Autodiff<Autodiff<I>>, _>(lift(&learner));
        let outer: DesignerOf<T, Autodiff<Autodiff<I>>> = lift(&designer);
        let loss = at.task.pretraining_loss::<Autodiff<Autodiff<I>>>(
            &learner,
            &outer,
            &lift(&batch),
            &lift(&reference),
        );
        let g_pre = GradVector::take(&mut loss.total().backward(), &learner, at.subset);
        let value = direction.lift::<Autodiff<I>>().dot(&g_pre);
        let host = value.clone().inner().into_scalar().elem();

        let mut objective = value.div_scalar(-scale);
        let views = at.task.views(&designer, &batch);
        let target = at.task.target(&designer, &views, &reference);
        if let Some(regulariser) = at.task.regulariser(&target, &views, &reference) {
            objective = objective + regulariser;
        }
        MetaEstimate {
            value: host,
            descent: UpdateGradient::backward(objective, &designer),
        }
    }
}

impl Stateful for Nested {
    fn state(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    fn restore(&mut self, _: serde_json::Value) -> Result<(), CoreError> {
        Ok(())
    }
}
