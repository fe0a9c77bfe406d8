//! Where the time of a step goes.

use burn::tensor::backend::Backend;
use std::time::{Duration, Instant};

/// Wall time of the parts of a value update (A.5: "we instrument the value-update region").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ValueTimes {
    /// g_down, and with λ its correction by g_pre.
    pub direction: Duration,
    /// What of ∇_φ V is free of φ, over all micro-batches.
    pub probe: Duration,
    /// The designer's steps.
    pub designer: Duration,
    /// Further feedback batches, by which the log tells V's noise: no part of the update.
    pub noise: Duration,
}

impl ValueTimes {
    /// The update: g_down, the probe and the designer's steps.
    pub fn update(&self) -> Duration {
        self.direction + self.probe + self.designer
    }
}

/// Time from one lap to the next. With a device it waits at each lap until the work given to it is
/// done, so that a backend that runs ahead is not charged where it happens to be waited for.
pub(super) struct Stopwatch<I: Backend> {
    device: Option<I::Device>,
    last: Instant,
}

impl<I: Backend> Stopwatch<I> {
    pub(super) fn start(device: Option<I::Device>) -> Self {
        let mut watch = Self {
            device,
            last: Instant::now(),
        };
        watch.lap();
        watch
    }

    pub(super) fn lap(&mut self) -> Duration {
        if let Some(device) = &self.device {
            // A device that failed says so where a figure is read from it.
            let _ = I::sync(device);
        }
        let now = Instant::now();
        now - std::mem::replace(&mut self.last, now)
    }
}
