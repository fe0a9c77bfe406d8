//! Samples made ahead of time.

use super::order::{Lookup, Order, Visit};
use crate::sets::SetError;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

/// What to do with a sample that cannot be used: an unreadable image, labels of another size or
/// out of range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unreadable {
    /// It is an error.
    #[default]
    Refuse,
    /// It is left out and counted.
    Skip,
}

/// Where a loader is: all that a checkpoint needs of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoaderState {
    /// The order it follows.
    pub order: Order,
    /// Turns that are over, skipped ones included.
    pub position: u64,
    /// Samples left out so far.
    pub skipped: u64,
}

impl LoaderState {
    /// The beginning of `order`.
    pub fn start(order: Order) -> Self {
        Self {
            order,
            position: 0,
            skipped: 0,
        }
    }
}

/// Makes samples on threads and hands them out in order. Thread i of n makes every n-th one and
/// has a channel of its own, so that what comes out is the same for any n.
pub struct Loader<T> {
    state: LoaderState,
    unreadable: Unreadable,
    /// Turns in a row that were skipped.
    missed: u64,
    workers: Vec<Worker<T>>,
    /// The worker whose turn it is.
    turn: usize,
}

struct Worker<T> {
    /// None once it is told to end.
    samples: Option<Receiver<Result<T, SetError>>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Loader<T> {
    /// Goes on from `state` with `threads` threads (at least one), which are at most about `ahead`
    /// samples ahead. `make` makes a sample, from its [`Visit`] alone. A state that was saved belongs
    /// to a set of the same length: compare its order with the set's first.
    ///
    /// # Panics
    /// If the order has no samples.
    pub fn new(
        state: LoaderState,
        threads: usize,
        ahead: usize,
        unreadable: Unreadable,
        make: impl Fn(Visit) -> Result<T, SetError> + Send + Sync + 'static,
    ) -> Self {
        let make = Arc::new(make);
        let threads = threads.max(1);
        let worker = |number: usize| {
            let mut lookup = Lookup::new(state.order);
            let (sender, samples) = sync_channel(ahead.div_ceil(threads));
            let make = Arc::clone(&make);
            let thread = std::thread::spawn(move || {
                for position in (state.position + number as u64..).step_by(threads) {
                    // Nobody listens any more once the loader is dropped.
                    if sender.send(make(lookup.visit(position))).is_err() {
                        break;
                    }
                }
            });
            Worker {
                samples: Some(samples),
                thread: Some(thread),
            }
        };
        Self {
            state,
            unreadable,
            missed: 0,
            workers: (0..threads).map(worker).collect(),
            turn: 0,
        }
    }

    /// The next sample that can be used.
    ///
    /// # Errors
    /// A sample that cannot be used, unless such ones are skipped; and then none left in a whole
    /// epoch. The loader can go on behind a sample that it refused.
    ///
    /// # Panics
    /// If making a sample did.
    pub fn next_sample(&mut self) -> Result<T, SetError> {
        loop {
            let sample = self.receive();
            self.state.position += 1;
            match sample {
                Err(error) if self.unreadable == Unreadable::Skip && error.is_of_one_sample() => {
                    self.state.skipped += 1;
                    self.missed += 1;
                    if self.missed >= self.state.order.len as u64 {
                        return Err(SetError::NothingReadable {
                            samples: self.state.order.len,
                            last: Box::new(error),
                        });
                    }
                }
                sample => {
                    self.missed = 0;
                    return sample;
                }
            }
        }
    }

    fn receive(&mut self) -> Result<T, SetError> {
        let count = self.workers.len();
        let worker = &mut self.workers[self.turn];
        self.turn = (self.turn + 1) % count;
        let received = worker.samples.as_ref().map(Receiver::recv);
        match received {
            Some(Ok(sample)) => sample,
            // It never ends on its own but by a panic, which is passed on.
            _ => match worker.thread.take().map(JoinHandle::join) {
                Some(Err(panic)) => std::panic::resume_unwind(panic),
                _ => panic!("a loader's thread has ended"),
            },
        }
    }
}

impl<T> Loader<T> {
    /// Where it is, for a checkpoint: samples that were made ahead are made again on resuming.
    pub fn state(&self) -> LoaderState {
        self.state
    }
}

impl<T> Drop for Loader<T> {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            worker.samples = None;
        }
        for worker in &mut self.workers {
            if let Some(thread) = worker.thread.take() {
                // A panic of a sample that nobody asked for is nobody's.
                let _ = thread.join();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, generator};
    use rand::Rng;

    const ORDER: Order = Order {
        seed: 5,
        len: 7,
        shuffle: true,
    };

    type Sample = (Visit, u64);

    fn make(visit: Visit) -> Result<Sample, SetError> {
        let mut drawn = generator(visit.seed, Purpose::Views, visit.epoch, visit.index as u64);
        let drawn: u64 = drawn.random();
        // Threads overtake each other.
        std::thread::sleep(std::time::Duration::from_micros(drawn % 300));
        Ok((visit, drawn))
    }

    fn take(loader: &mut Loader<Sample>, count: usize) -> Vec<Sample> {
        (0..count).map(|_| loader.next_sample().unwrap()).collect()
    }

    #[test]
    fn the_same_for_any_number_of_threads() {
        let run = |threads, ahead| {
            let state = LoaderState::start(ORDER);
            take(
                &mut Loader::new(state, threads, ahead, Unreadable::Refuse, make),
                40,
            )
        };
        let one = run(1, 0);
        assert_eq!(
            one.iter().map(|(v, _)| v.index).collect::<Vec<_>>()[..7],
            ORDER.epoch(0)
        );
        for (threads, ahead) in [(1, 16), (2, 4), (3, 1), (8, 64)] {
            assert_eq!(run(threads, ahead), one, "{threads} threads, {ahead} ahead");
        }
    }

    #[test]
    fn goes_on_where_it_was() {
        let state = LoaderState::start(ORDER);
        let whole = take(&mut Loader::new(state, 2, 8, Unreadable::Refuse, make), 30);
        let mut first = Loader::new(state, 2, 8, Unreadable::Refuse, make);
        take(&mut first, 11);
        let saved = serde_json::to_string(&first.state()).unwrap();
        drop(first);
        let state = serde_json::from_str(&saved).unwrap();
        let rest = take(&mut Loader::new(state, 3, 2, Unreadable::Refuse, make), 19);
        assert_eq!(rest, whole[11..]);
    }

    fn broken(visit: Visit) -> Result<usize, SetError> {
        if visit.index.is_multiple_of(3) {
            return Err(SetError::Size {
                path: "a.png".into(),
                found: [1, 2],
                expected: [3, 4],
            });
        }
        Ok(visit.index)
    }

    #[test]
    fn unusable_samples_are_refused_or_skipped_and_counted() {
        let order = Order {
            shuffle: false,
            ..ORDER
        };
        let state = LoaderState::start(order);
        let mut refusing = Loader::new(state, 2, 4, Unreadable::Refuse, broken);
        assert!(refusing.next_sample().is_err());
        assert_eq!(refusing.next_sample().unwrap(), 1);

        let mut skipping = Loader::new(state, 2, 4, Unreadable::Skip, broken);
        let samples: Vec<usize> = (0..8).map(|_| skipping.next_sample().unwrap()).collect();
        assert_eq!(samples, [1, 2, 4, 5, 1, 2, 4, 5]);
        // 0, 3, 6, 0, 3; the second 6 has not come up yet.
        assert_eq!(
            (skipping.state().skipped, skipping.state().position),
            (5, 13)
        );
    }

    #[test]
    fn an_epoch_without_a_usable_sample_is_an_error() {
        let state = LoaderState::start(Order { len: 3, ..ORDER });
        let all = |_: Visit| {
            broken(Visit {
                seed: 0,
                epoch: 0,
                index: 0,
            })
        };
        let mut loader = Loader::new(state, 2, 4, Unreadable::Skip, all);
        let error = loader.next_sample().unwrap_err().to_string();
        assert!(
            error.contains("none of 3 samples") && error.contains("a.png"),
            "{error}"
        );
    }

    #[test]
    #[should_panic(expected = "sample 0")]
    fn a_panic_of_a_thread_is_passed_on() {
        let state = LoaderState::start(Order {
            shuffle: false,
            ..ORDER
        });
        let make = |visit: Visit| -> Result<(), SetError> { panic!("sample {}", visit.index) };
        let _ = Loader::new(state, 1, 4, Unreadable::Skip, make).next_sample();
    }
}
