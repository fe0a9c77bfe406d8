//! Second order only where it must be: above the cut below S.

use super::central::{entry_movement, slope};
use super::{CentralDifference, MetaEstimate, MetaGradient, Nested, Point, descend};
use crate::{CoreError, GradVector, HiddenOf, LearnerOf, SplitOn, Stateful, lift};
use burn::backend::Autodiff;
use burn::module::AutodiffModule;
use burn::tensor::backend::Backend;

/// ∇_φ V of a [`SplitTask`](crate::SplitTask) by `G` of the learner's upper part alone: [`Nested`] or
/// [`CentralDifference`].
///
/// With h = lower(x_c(φ)) and y = y_φ, V = s(h, y) = ⟨v, ∂ℓ(upper(h; θ_S), y)/∂θ_S⟩, whose gradient
/// is that of ⟨h, sg(∂s/∂h)⟩ + ⟨y, sg(∂s/∂y)⟩. The lower part is on one ordinary tape with the
/// designer, is run once, and is walked back once; what `G` has to run twice starts at h.
#[derive(Clone, Debug, Default)]
pub struct Split<G>(pub G);

impl<T, I> MetaGradient<T, I> for Split<Nested>
where
    I: Backend,
    T: SplitOn<Autodiff<I>> + SplitOn<Autodiff<Autodiff<I>>>,
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
        descend(at, scale, |views, target, _| {
            let learner: LearnerOf<T, Autodiff<I>> = lift(at.learner);
            let hidden = at.task.lower(&learner, views, at.subset);
            // φ stays on the inner tape; θ_S begins the outer one.
            let learner = at.subset.track::<Autodiff<Autodiff<I>>, _>(lift(&learner));
            let views = AutodiffModule::from_inner(views.clone());
            let target = AutodiffModule::from_inner(target.clone());
            let hidden = HiddenOf::<T, Autodiff<Autodiff<I>>>::from_inner(hidden);
            let prediction = at.task.upper(&learner, hidden, &views);
            let loss = at.task.loss(prediction, &target, &views).total();
            let g_pre = GradVector::take(&mut loss.backward(), &learner, at.subset);
            direction.lift::<Autodiff<I>>().dot(&g_pre)
        })
    }
}

impl<T, I> MetaGradient<T, I> for Split<CentralDifference>
where
    I: Backend,
    T: SplitOn<Autodiff<I>>,
{
    /// ε.
    type Probe = f64;

    fn probe(&mut self, at: &Point<'_, T, I>, direction: &GradVector<I>) -> f64 {
        let views = at.task.views(at.designer, at.batch);
        let target = at.task.target(at.designer, &views, at.reference);
        let hidden = at.task.lower(at.learner, &views, at.subset);
        let loss = |learner: LearnerOf<T, I>| {
            let prediction = at.task.upper(&learner, hidden.clone(), &views);
            at.task.loss(prediction, &target, &views)
        };
        let ((), epsilon) = self.0.step.search(direction, |epsilon| {
            let movement = entry_movement(at.learner, direction, epsilon, loss);
            ((), movement)
        });
        epsilon
    }

    fn estimate(
        &self,
        at: &Point<'_, T, I>,
        direction: &GradVector<I>,
        epsilon: &f64,
        scale: f64,
    ) -> MetaEstimate<I> {
        descend(at, scale, |views, target, _| {
            let learner: LearnerOf<T, Autodiff<I>> = lift(at.learner);
            let hidden = at.task.lower(&learner, views, at.subset);
            slope(at.learner, direction, *epsilon, |shifted| {
                let learner: LearnerOf<T, Autodiff<I>> = lift(&shifted);
                let prediction = at.task.upper(&learner, hidden.clone(), views);
                at.task.loss(prediction, target, views)
            })
        })
    }
}

impl<G: Stateful> Stateful for Split<G> {
    fn state(&self) -> serde_json::Value {
        self.0.state()
    }

    fn restore(&mut self, state: serde_json::Value) -> Result<(), CoreError> {
        self.0.restore(state)
    }
}
