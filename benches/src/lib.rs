//! What the benches share: shapes, random batches, clocks, and a process that does the same in PyTorch.
//!
//! | file | holds |
//! |---|---|
//! | `shapes` | learners by name |
//! | `batch` | random tokens on the host, as tensors and as JSON |
//! | `clock` | wall and processor time, medians and quartiles, peak memory |
//! | `peer` | a Python script that answers commands with figures |

mod batch;
mod clock;
mod peer;
mod shapes;

pub use batch::{Batch, Plan};
pub use clock::{Timed, median, peak_memory, quartiles, spread, timed};
pub use peer::Peer;
pub use shapes::{Shapes, shapes, smollm2};

use std::error::Error;
use vpt_core::kernels;

/// Runs a benchmark where `vpt` runs its commands: on one of flex's workers.
///
/// # Errors
///
/// What `benchmark` says.
pub fn on_worker(benchmark: fn() -> Result<(), Box<dyn Error>>) -> Result<(), String> {
    kernels::on_worker(|| benchmark().map_err(|error| error.to_string()))
}
