//! Steps in a row, watched.

use super::{Source, StepReport, Trainer};
use crate::{CoreError, Feedback, MetaGradient, On};
use burn::backend::Autodiff;
use burn::tensor::backend::Backend;
use std::ops::ControlFlow;

/// Told of every learner step: logs, progress bars, meters, alarms. The trainer itself prints and
/// writes nothing.
pub trait Observer {
    /// Looks at a step that was taken; `Break` ends the run after it.
    ///
    /// # Errors
    /// Whatever keeps the observer from its work; it ends the run too.
    fn observe(&mut self, report: &StepReport) -> Result<ControlFlow<()>, CoreError>;
}

impl<F> Observer for F
where
    F: FnMut(&StepReport) -> Result<ControlFlow<()>, CoreError>,
{
    fn observe(&mut self, report: &StepReport) -> Result<ControlFlow<()>, CoreError> {
        self(report)
    }
}

impl<T, I, S, F, G> Trainer<T, I, S, F, G>
where
    I: Backend,
    T: On<Autodiff<I>>,
    S: Source<T, I>,
    F: Feedback<T, I>,
    G: MetaGradient<T, I>,
{
    /// Takes steps until `until` have been taken in all, or an observer breaks off.
    ///
    /// # Errors
    /// Those of [`step`](Self::step), and the observer's.
    pub fn run(
        &mut self,
        until: usize,
        observer: &mut dyn Observer,
    ) -> Result<ControlFlow<()>, CoreError> {
        while self.step < until {
            let report = self.step()?;
            if observer.observe(&report)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}
