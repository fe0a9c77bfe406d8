//! Which sample comes when.

use crate::random::{Purpose, generator};
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

/// An endless sequence of epochs over a set, each in an order of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Of the orders, and of what is drawn for samples.
    pub seed: u64,
    /// Samples of the set.
    pub len: usize,
    /// Whether each epoch is shuffled; otherwise it has the set's order.
    pub shuffle: bool,
}

/// One sample's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// [`Order::seed`].
    pub seed: u64,
    /// How often the set was gone through before.
    pub epoch: u64,
    /// The sample.
    pub index: usize,
}

/// Looks positions up, keeping the order of the last epoch asked about.
pub(crate) struct Lookup {
    order: Order,
    epoch: Option<(u64, Vec<usize>)>,
}

impl Order {
    /// The samples of `epoch` in their order.
    pub fn epoch(&self, epoch: u64) -> Vec<usize> {
        let mut indices: Vec<usize> = (0..self.len).collect();
        if self.shuffle {
            indices.shuffle(&mut generator(self.seed, Purpose::Order, epoch, 0));
        }
        indices
    }
}

impl Lookup {
    /// # Panics
    /// If the set is empty.
    pub(crate) fn new(order: Order) -> Self {
        assert!(order.len > 0, "an order of no samples");
        Self { order, epoch: None }
    }

    /// What the `position`-th turn from the beginning is.
    pub(crate) fn visit(&mut self, position: u64) -> Visit {
        let len = self.order.len as u64;
        let (epoch, place) = (position / len, (position % len) as usize);
        let kept = self.epoch.take().filter(|(kept, _)| *kept == epoch);
        let (_, indices) = self
            .epoch
            .insert(kept.unwrap_or_else(|| (epoch, self.order.epoch(epoch))));
        Visit {
            seed: self.order.seed,
            epoch,
            index: indices[place],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_visits_every_sample_once_in_an_order_of_its_own() {
        let order = Order {
            seed: 3,
            len: 50,
            shuffle: true,
        };
        let mut lookup = Lookup::new(order);
        let mut epochs = [Vec::new(), Vec::new(), Vec::new()];
        for position in 0..150 {
            let visit = lookup.visit(position);
            epochs[visit.epoch as usize].push(visit.index);
        }
        assert_ne!(epochs[0], epochs[1]);
        assert_eq!(epochs[1], order.epoch(1));
        assert_ne!(epochs[1], Order { seed: 4, ..order }.epoch(1));
        for mut epoch in epochs {
            epoch.sort_unstable();
            assert_eq!(epoch, Vec::from_iter(0..50));
        }
        let straight = Order {
            shuffle: false,
            ..order
        };
        assert_eq!(straight.epoch(7), Vec::from_iter(0..50));
    }
}
