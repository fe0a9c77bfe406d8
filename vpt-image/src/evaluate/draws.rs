//! Which labelled samples come next.

use super::EvaluateError;
use crate::loader::{LoaderState, Lookup, Order};
use vpt_core::{CoreError, Stateful, from_state, to_state};

/// An endless, shuffled sequence of samples; its state is an order, a position and a count.
pub(super) struct Draws {
    state: LoaderState,
    lookup: Lookup,
}

impl Draws {
    /// # Errors
    /// A set without samples.
    pub(super) fn new(seed: u64, len: usize) -> Result<Self, EvaluateError> {
        if len == 0 {
            return Err(EvaluateError::NothingUsable {
                samples: 0,
                last: None,
            });
        }
        let shuffle = true;
        let order = Order { seed, len, shuffle };
        Ok(Self {
            state: LoaderState::start(order),
            lookup: Lookup::new(order),
        })
    }

    /// The next `count` samples that `load` can make. Ones with an error that `skips` are left out
    /// and counted.
    ///
    /// # Errors
    /// Any other error of `load`, or a whole epoch without a sample.
    pub(super) fn take<T>(
        &mut self,
        count: usize,
        mut load: impl FnMut(usize) -> Result<T, EvaluateError>,
        skips: impl Fn(&EvaluateError) -> bool,
    ) -> Result<Vec<T>, EvaluateError> {
        let mut taken = Vec::with_capacity(count);
        let mut missed = 0;
        while taken.len() < count {
            let visit = self.lookup.visit(self.state.position);
            self.state.position += 1;
            match load(visit.index) {
                Ok(sample) => {
                    missed = 0;
                    taken.push(sample);
                }
                Err(error) if skips(&error) => {
                    self.state.skipped += 1;
                    missed += 1;
                    if missed >= self.state.order.len {
                        return Err(EvaluateError::NothingUsable {
                            samples: missed,
                            last: Some(Box::new(error)),
                        });
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }

    /// Samples left out so far.
    pub(super) fn skipped(&self) -> u64 {
        self.state.skipped
    }
}

impl Stateful for Draws {
    fn state(&self) -> serde_json::Value {
        to_state(&self.state)
    }

    fn restore(&mut self, state: serde_json::Value) -> Result<(), CoreError> {
        let state: LoaderState = from_state(state)?;
        if state.order != self.state.order {
            return Err(CoreError::State {
                message: format!(
                    "labelled samples: {:?} in the state, {:?} here",
                    state.order, self.state.order
                ),
            });
        }
        self.state = state;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuse(index: usize) -> Result<usize, EvaluateError> {
        match index {
            2 => Err(EvaluateError::Unlabelled { index }),
            index => Ok(index),
        }
    }

    #[test]
    fn samples_are_skipped_and_counted_and_the_state_goes_on() {
        let mut draws = Draws::new(3, 5).unwrap();
        let first = draws.take(6, refuse, |_| true).unwrap();
        assert!(!first.contains(&2));
        assert!(draws.skipped() >= 1);
        let saved = draws.state();
        let next = draws.take(7, refuse, |_| true).unwrap();
        let mut again = Draws::new(3, 5).unwrap();
        again.restore(saved.clone()).unwrap();
        assert_eq!(again.take(7, refuse, |_| true).unwrap(), next);

        assert!(Draws::new(3, 6).unwrap().restore(saved).is_err());
        assert!(
            Draws::new(3, 5)
                .unwrap()
                .take(5, refuse, |_| false)
                .is_err()
        );
    }

    #[test]
    fn an_epoch_of_nothing_is_an_error() {
        let bad = |index| Err::<(), _>(EvaluateError::Unlabelled { index });
        let error = Draws::new(0, 4)
            .unwrap()
            .take(1, bad, |_| true)
            .unwrap_err();
        let message = error.to_string();
        assert!(
            message.starts_with("none of 4 samples can be used; the last: sample"),
            "{message}"
        );
        assert!(Draws::new(0, 0).is_err());
    }
}
